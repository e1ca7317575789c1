//! What nodes send: blocks in both forms, receipts, transactions.

use leyden_domain::{
    Address,
    chain::{ChainAction, Evidence},
};
use leyden_tron::{
    abi,
    decode::{self, RawBlock, Receipt, TxAction, TxFacts, Whereabouts},
    inspect, tx, verify,
    wire::{json, proto},
};
use prost::Message as _;
use serde_json::json;

/// The token whose transfers are payments.
const USDT: Address = Address::from_evm([0x61; 20]);

/// A block in JSON, or a list of blocks, or the receipts of one. What can be read can be checked and turned into what the
/// rules read, and nothing that call data asks for becomes proof.
pub fn block_json(data: &[u8]) {
    if let Ok(block) = serde_json::from_slice::<json::Block<'_>>(data)
        && let Ok(Some(block)) = decode::block_from_json(&block)
    {
        look_at(&block, None);
    }
    if let Ok(list) = serde_json::from_slice::<json::BlockList<'_>>(data) {
        for block in list.block.iter().filter_map(|block| decode::block_from_json(block).ok().flatten()) {
            look_at(&block, None);
        }
    }
    if let Ok(infos) = serde_json::from_slice::<Vec<json::TransactionInfo<'_>>>(data)
        && let Ok(receipts) = decode::receipts_from_json(&infos)
    {
        assert_eq!(receipts.len(), infos.len());
    }
    report(data);
}

/// A block in protobuf: `Block`, `BlockExtention`, a list of blocks; or the receipts of one.
pub fn block_protobuf(data: &[u8]) {
    let receipts = decode::receipts_from_protobuf(data).ok();
    if let Ok(block) = decode::block_from_protobuf(data) {
        look_at(&block, receipts.as_deref());
    }
    for block in decode::blocks_from_block_list(data).into_iter().flatten() {
        look_at(&block, None);
    }
    report(data);
}

/// What `leyden block` prints.
fn report(data: &[u8]) {
    if let Ok(reports) = inspect::inspect(data) {
        // A list of no blocks has nothing to print.
        let table = inspect::table(&reports);
        assert_eq!(table.is_empty(), reports.is_empty());
        for report in &reports {
            // What is false is said, and said to be so.
            let verified = report.verified;
            let flags =
                [verified.tx_ids, verified.merkle_root, verified.block_id, verified.witness, verified.parent];
            assert_eq!(report.is_sound(), !flags.contains(&Some(false)));
            assert!(report.wrong.iter().all(|wrong| table.contains(&wrong.text)));
        }
    }
}

fn look_at(block: &RawBlock, receipts: Option<&[Receipt]>) {
    verify::verify(block, None, &verify::WitnessKeys::default());
    if let Ok(read) = decode::to_domain(block, USDT, None) {
        let count = u32::try_from(block.transactions.len()).unwrap_or(u32::MAX);
        assert_eq!(read.transaction_count(), count);
        assert!(read.transfers.iter().all(|transfer| transfer.amount >= 0));
        // What is not known to have happened, as it stands there, counts for nothing.
        for (index, id, _) in block.undecided() {
            let again = block.transactions.iter().enumerate().any(|(at, tx)| at != index && tx.id == id);
            assert!(again || read.transfers.iter().all(|transfer| transfer.tx_id != id));
        }
        let proven = read.transfers.iter().filter(|transfer| transfer.evidence.is_proof());
        assert!(proven.clone().all(|transfer| transfer.evidence == Evidence::Contract));
    }
    if let Some(Ok(read)) = receipts.map(|receipts| decode::to_domain(block, USDT, Some(receipts))) {
        assert!(read.transfers.iter().all(|transfer| transfer.evidence.is_proof()));
    }
}

/// A transaction, in protobuf and in JSON. The two readers, of blocks and of what we are to sign or have signed, see the
/// same transaction wherever both see one.
pub fn transaction(data: &[u8]) {
    let facts = decode::transaction_from_protobuf(data);
    if let Ok(facts) = &facts {
        say(facts);
    }
    if let (Ok(facts), Ok(read)) = (&facts, tx::read(data)) {
        assert_eq!(facts.id, read.tx_id);
        assert_eq!(facts.kind, read.kind);
        if let (TxAction::Transfer { from, to, amount }, Some(ChainAction::Transfer { .. })) =
            (&facts.action, &read.action)
        {
            let seen =
                ChainAction::Transfer { owner: *from, to: *to, amount: leyden_domain::Sun::new(*amount) };
            assert_eq!(read.action, Some(seen));
        }
    }
    if let Ok(transaction) = serde_json::from_slice::<json::Transaction<'_>>(data)
        && let Ok(Some((facts, _))) = decode::transaction_from_json(&transaction)
    {
        say(&facts);
    }
}

fn say(facts: &TxFacts) {
    let report = decode::report(facts, Whereabouts::Waiting(None), USDT);
    assert!(report.height.is_none() && !report.failed);
}

/// The log of a contract and the data of a call. Both forms of a receipt read the same from the same log, and what is read
/// as an amount is the number that stands there.
pub fn abi_log(data: &[u8]) {
    if let Some(call) = abi::decode_token_call(data)
        && let Some(amount) = call.amount
    {
        let again = match call.from {
            None => abi::encode_transfer(call.to, amount),
            Some(from) => abi::encode_transfer_from(from, call.to, amount),
        };
        assert_eq!(abi::decode_token_call(&again), Some(call));
    }
    let Some((shape, rest)) = data.split_first_chunk::<2>() else { return };
    let (address, rest) = rest.split_at(rest.len().min(usize::from(shape[0] % 23)));
    let mut topics: Vec<&[u8]> = rest.chunks(32).collect();
    let count = usize::from(shape[1] % 5).min(topics.len());
    let value = topics.split_off(count).concat();
    let log = proto::Log {
        address: address.to_vec(),
        topics: topics.iter().map(|topic| topic.to_vec()).collect(),
        data: value.clone(),
    };
    let info = proto::TransactionInfo { id: vec![7; 32], log: vec![log], ..Default::default() };
    let list = proto::TransactionInfoList { transaction_info: vec![info] };
    let from_protobuf = decode::receipts_from_protobuf(&list.encode_to_vec()).expect("it was written here");
    let shown = json!([{
        "id": hex::encode([7; 32]),
        "log": [{
            "address": hex::encode(address),
            "topics": topics.iter().map(hex::encode).collect::<Vec<_>>(),
            "data": hex::encode(&value),
        }],
    }])
    .to_string();
    let infos: Vec<json::TransactionInfo<'_>> = serde_json::from_str(&shown).expect("it was written here");
    let from_json = decode::receipts_from_json(&infos).expect("it was written here");
    assert_eq!(from_protobuf, from_json);
    for amount in from_json.iter().flat_map(|receipt| &receipt.logs).filter_map(|log| log.amount) {
        let word = value.first_chunk::<32>().expect("an amount is a word");
        assert_eq!(word[..24], [0; 24]);
        assert_eq!(word[24..], amount.to_be_bytes());
    }
}
