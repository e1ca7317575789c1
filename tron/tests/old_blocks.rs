//! Blocks as they were once: the first of a chain, which nobody produced and nobody signed, and those of the time before
//! the chain had contracts, which do not say how a transaction ended. What they prove counts; what they leave open is
//! named; what is not known is never taken for success.
#![expect(clippy::expect_used, reason = "a test that cannot read its data has failed")]

mod common;
#[path = "common/recorded.rs"]
mod recorded;

use common::{MadeBlock, address, delegate, signed, transfer, usdt};
use leyden_domain::{
    Address, BlockId, Height,
    chain::{Block, Evidence},
};
use leyden_ports::{ChainError, ChainReader as _};
use leyden_tron::{
    crypto,
    decode::{self, NOBODY, RawBlock, Undecided},
    inspect::{BlockReport, MAINNET_USDT, inspect, table},
    node::{NodeClient, NodeSettings},
    verify,
    wire::proto,
};
use prost::Message as _;
use recorded::file;
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

/// A first block as every TRON network has one: made from a configuration, with a sentence where a witness belongs and
/// ASCII where the payer does.
fn first_block(parent: [u8; 32]) -> (BlockId, proto::Block) {
    let sentence = b"A new system must allow existing systems to be linked together, whoever asks";
    let grant = |to: Address, amount| proto::TransferContract {
        owner_address: b"0x000000000000000000000".to_vec(),
        to_address: to.to_bytes().to_vec(),
        amount,
    };
    let transactions: Vec<_> =
        [grant(address(1), 95_000_000_000), grant(address(2), i64::MIN), grant(address(3), 0)]
            .iter()
            .map(|grant| proto::Transaction {
                raw_data: Some(proto::TransactionRaw {
                    contract: vec![proto::Contract {
                        r#type: proto::ContractType::TransferContract.into(),
                        parameter: Some(proto::Any {
                            type_url: "type.googleapis.com/protocol.TransferContract".to_owned(),
                            value: grant.encode_to_vec(),
                        }),
                        ..proto::Contract::default()
                    }],
                    ..proto::TransactionRaw::default()
                }),
                ..proto::Transaction::default()
            })
            .collect();
    let leaves = transactions.iter().map(|transaction| crypto::sha256(&transaction.encode_to_vec()));
    let raw = proto::BlockHeaderRaw {
        tx_trie_root: verify::merkle_root(leaves).to_vec(),
        parent_hash: parent.to_vec(),
        witness_address: [&[0x41], sentence.as_slice()].concat(),
        ..proto::BlockHeaderRaw::default()
    };
    let id = crypto::block_id(0, &raw.encode_to_vec());
    let header = proto::BlockHeader { raw_data: Some(raw), witness_signature: Vec::new() };
    (id, proto::Block { transactions, block_header: Some(header) })
}

/// As the HTTP API prints it: zeros are left out, the number among them.
fn first_as_json((id, block): &(BlockId, proto::Block)) -> Value {
    let raw = block.block_header.as_ref().and_then(|header| header.raw_data.as_ref()).expect("raw");
    let transactions = block.transactions.iter().map(|transaction| {
        let raw = transaction.raw_data.as_ref().expect("raw").encode_to_vec();
        json!({ "txID": crypto::tx_id(&raw).to_string(), "raw_data_hex": hex::encode(raw) })
    });
    json!({
        "blockID": id.to_string(),
        "block_header": { "raw_data": {
            "txTrieRoot": hex::encode(&raw.tx_trie_root),
            "witness_address": hex::encode(&raw.witness_address),
            "parentHash": hex::encode(&raw.parent_hash),
        } },
        "transactions": transactions.collect::<Vec<_>>(),
    })
}

fn one(bytes: &[u8]) -> BlockReport {
    let mut reports = inspect(bytes).expect("inspects");
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

/// What must be said of a first block: everything but a signature is proven, and what it gives out is named.
fn is_a_first_block(name: &str, report: &BlockReport, given: usize) {
    assert_eq!((report.number, report.timestamp_ms), (0, 0), "{name}");
    assert_eq!(report.verified.witness, None, "{name}: nobody signed it");
    assert!(report.is_sound(), "{name}: {:?}", report.wrong);
    assert_eq!((report.transfers.len(), report.undecided.len()), (0, given), "{name}");
    assert_eq!(report.transactions.values().sum::<u32>(), u32::try_from(given).expect("few"), "{name}");
    let shown = table(std::slice::from_ref(report));
    for undecided in &report.undecided {
        assert!(shown.contains(&undecided.tx_id.to_string()), "{name}");
        assert_eq!(undecided.kind, "TransferContract", "{name}");
    }
}

#[tokio::test]
async fn a_first_block_is_read_in_every_form() {
    for parent in [[0; 32], [0xe5; 32]] {
        let block = first_block(parent);
        for bytes in [block.1.encode_to_vec(), first_as_json(&block).to_string().into_bytes()] {
            let report = one(&bytes);
            is_a_first_block("made", &report, 3);
            assert_eq!((report.block_id, report.verified.merkle_root), (block.0, Some(true)));
            assert!(report.undecided.iter().all(|one| one.why == Undecided::Unreadable));
        }
        let read = fetch(0, &first_as_json(&block)).await.expect("accepted").expect("there");
        assert_eq!((read.id, read.parent, read.witness), (block.0, BlockId::new(parent), NOBODY));
        assert_eq!((read.transfers.len(), read.transaction_count()), (0, 3));
    }
    let Some(bytes) = file("javatron-4.8.0/block_0.pb") else { return };
    let recorded = one(&bytes);
    is_a_first_block("block_0.pb", &recorded, 15);
    for name in ["blockext_0.pb", "block_0_hex.json", "block_0_visible.json"] {
        let report = one(&file(&format!("javatron-4.8.0/{name}")).expect("file"));
        is_a_first_block(name, &report, 15);
        assert_eq!(report.block_id, recorded.block_id, "{name}");
        assert_eq!(
            (report.verified.block_id, report.verified.merkle_root),
            (Some(true), Some(true)),
            "{name}"
        );
        assert_eq!(report.undecided, recorded.undecided, "{name}");
    }
    for name in ["blocklist_0.pb", "blocklist_0.json"] {
        let reports = inspect(&file(&format!("javatron-4.8.0/{name}")).expect("file")).expect("inspects");
        is_a_first_block(name, &reports[0], 15);
        assert!(reports[1..].iter().all(|report| report.verified.parent == Some(true)), "{name}");
    }
    for name in ["block_0_hex.json", "block_0_visible.json"] {
        let body =
            serde_json::from_slice(&file(&format!("javatron-4.8.0/{name}")).expect("file")).expect("JSON");
        let read = fetch(0, &body).await.expect("accepted").expect("there");
        assert_eq!((read.id, read.transaction_count()), (recorded.block_id, 15), "{name}");
    }
}

#[tokio::test]
async fn an_excerpt_of_a_first_block_is_shown_for_what_it_proves() {
    let Some(folder) = recorded::folder() else { return };
    let bytes = std::fs::read(folder.join("../field/genesis-real-shape.json")).expect("file");
    let report = one(&bytes);
    is_a_first_block("excerpt", &report, 1);
    assert_eq!((report.verified.tx_ids, report.verified.block_id), (Some(true), Some(true)));
    // The other transactions under its root are not there.
    assert_eq!(report.verified.merkle_root, None);
    assert_eq!(report.undecided[0].why, Undecided::NoResult);
    let body = serde_json::from_slice(&bytes).expect("JSON");
    assert!(fetch(0, &body).await.expect("accepted").is_some());
}

/// What a client makes of a node's answer about the block at `height`.
async fn fetch(height: i64, answer: &Value) -> Result<Option<Block>, ChainError> {
    let server = MockServer::start().await;
    Mock::given(path("/wallet/getblockbynum"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    let settings = NodeSettings { attempts: 1, longest_wait_ms: 5, ..NodeSettings::new(server.uri()) };
    NodeClient::new(settings).expect("client").block(Height::new(height)).await
}

#[tokio::test]
async fn only_a_first_block_may_be_unsigned_and_only_as_it_is() {
    let unverified =
        |result: &Result<Option<Block>, ChainError>| matches!(result, Err(ChainError::Unverified(_)));
    let first = first_as_json(&first_block([0; 32]));
    // With a signature of somebody, it must be its witness's.
    let mut signed_by_nobody = first.clone();
    signed_by_nobody["block_header"]["witness_signature"] = json!("01".repeat(65));
    assert!(fetch(0, &signed_by_nobody).await.is_err());
    let mut other_id = first.clone();
    other_id["blockID"] = json!("00".repeat(32));
    assert!(unverified(&fetch(0, &other_id).await));
    let mut other_grant = first.clone();
    other_grant["transactions"][0]["raw_data_hex"] = first["transactions"][1]["raw_data_hex"].clone();
    assert!(unverified(&fetch(0, &other_grant).await));
    // Not the block that was asked for.
    assert!(fetch(1, &first).await.is_err());
    // Any other block needs a witness and its signature.
    let mut unsigned = MadeBlock::new(1, BlockId::new([0; 32]), []).to_json();
    unsigned["block_header"].as_object_mut().expect("object").remove("witness_signature");
    assert!(unverified(&fetch(1, &unsigned).await));
    unsigned["block_header"]["raw_data"]["witness_address"] = json!("41aa");
    assert!(fetch(1, &unsigned).await.is_err());
    // Signed, and of height 0, as a chain of ours may begin.
    assert!(fetch(0, &MadeBlock::new(0, BlockId::new([0; 32]), []).to_json()).await.is_ok());
}

/// A block of one transaction with these results, of which the root is right.
fn with_results(
    action: leyden_domain::chain::ChainAction,
    results: &[proto::TransactionResult],
) -> MadeBlock {
    let mut transaction = proto::Transaction::decode(signed(action).bytes.as_slice()).expect("decodes");
    transaction.ret = results.to_vec();
    MadeBlock::of(100, BlockId::new([0; 32]), vec![transaction])
}

fn result(ret: i32, contract_ret: i32) -> proto::TransactionResult {
    proto::TransactionResult { ret, contract_ret, ..proto::TransactionResult::default() }
}

fn raw_protobuf(block: &MadeBlock) -> RawBlock {
    let block =
        proto::Block { transactions: block.transactions.clone(), block_header: Some(block.header.clone()) };
    decode::block_from_protobuf(&block.encode_to_vec()).expect("decodes")
}

fn raw_json(block: &Value) -> RawBlock {
    let text = block.to_string();
    let block: leyden_tron::wire::json::Block<'_> = serde_json::from_str(&text).expect("parses");
    decode::block_from_json(&block).expect("decodes").expect("a block")
}

/// How many transfers count and what is undecided.
fn reading(block: &RawBlock) -> (usize, Vec<Undecided>) {
    let read = decode::to_domain(block, MAINNET_USDT, None).expect("reads");
    let undecided = block.undecided().into_iter().map(|(_, _, why)| why).collect();
    (read.transfers.len(), undecided)
}

/// What counts: the results, then what is read of a transfer of TRX and of a call of USDT.
type Case = (Vec<proto::TransactionResult>, (usize, Vec<Undecided>), (usize, Vec<Undecided>));

#[test]
fn a_result_that_is_absent_counts_only_where_there_can_be_no_other() {
    use Undecided::{NoResult, UnknownResult};
    let failed = || (0, vec![]);
    let unknown = || (0, vec![UnknownResult]);
    // A transfer would not be in a block if it had failed; a call may be, so without a result it is undecided.
    let unsaid = |results: Vec<_>| (results, (1, vec![]), (0, vec![NoResult]));
    let mut cases: Vec<Case> = vec![
        (vec![result(0, 1)], (1, vec![]), (1, vec![])),
        unsaid(vec![]),
        unsaid(vec![result(0, 0)]),
        unsaid(vec![proto::TransactionResult { fee: 100_000, ..result(0, 0) }]),
        // The first counts.
        unsaid(vec![result(0, 0), result(0, 1)]),
        (vec![result(1, 0)], failed(), failed()),
        (vec![result(1, 1)], failed(), failed()),
        (vec![result(2, 1)], unknown(), unknown()),
        (vec![result(-1, 0)], unknown(), unknown()),
    ];
    cases.extend((2..=15).map(|number| (vec![result(0, number)], failed(), failed())));
    cases.extend([16, 99, -1, i32::MAX].map(|number| (vec![result(0, number)], unknown(), unknown())));
    for (results, of_transfer, of_call) in cases {
        for (action, expected) in [(transfer(7), of_transfer), (usdt(5), of_call)] {
            let block = with_results(action, &results);
            let raw = raw_protobuf(&block);
            assert!(raw.proves_transactions());
            assert_eq!(reading(&raw), expected, "{results:?}");
            // The same as JSON: names of results, or what a node prints of a number that it does not know.
            let named = block.to_json_with(&results.iter().map(as_json).collect::<Vec<_>>());
            let from_json = raw_json(&named);
            assert_eq!(reading(&from_json), expected, "{named}");
            assert_eq!(from_json.transactions[0].leaf, raw.transactions[0].leaf, "{named}");
        }
    }
}

/// A result as java-tron prints it: what is at its default is left out.
fn as_json(result: &proto::TransactionResult) -> Value {
    let mut members = json!({});
    match result.ret {
        0 => {}
        1 => members["ret"] = json!("FAILED"),
        number => members["ret"] = json!(format!("UNKNOWN_ENUM_VALUE_code_{number}")),
    }
    let names = [
        "DEFAULT",
        "SUCCESS",
        "REVERT",
        "BAD_JUMP_DESTINATION",
        "OUT_OF_MEMORY",
        "PRECOMPILED_CONTRACT",
        "STACK_TOO_SMALL",
        "STACK_TOO_LARGE",
        "ILLEGAL_OPERATION",
        "STACK_OVERFLOW",
        "OUT_OF_ENERGY",
        "OUT_OF_TIME",
        "JVM_STACK_OVER_FLOW",
        "UNKNOWN",
        "TRANSFER_FAILED",
        "INVALID_CODE",
    ];
    match usize::try_from(result.contract_ret).ok().map(|number| names.get(number)) {
        Some(Some(_)) if result.contract_ret == 0 => {}
        Some(Some(name)) => members["contractRet"] = json!(name),
        _ => {
            members["contractRet"] =
                json!(format!("UNKNOWN_ENUM_VALUE_contractResult_{}", result.contract_ret));
        }
    }
    if result.fee != 0 {
        members["fee"] = json!(result.fee);
    }
    members
}

#[test]
fn a_result_that_may_have_been_left_out_on_the_way_counts_for_nothing() {
    let block = with_results(transfer(7), &[result(0, 1)]);
    let undecided = (0, vec![Undecided::NoResult]);
    // A node or gateway that does not show results: the root says that there was one.
    for shown in
        [vec![], vec![json!({})], vec![json!({ "ret": "SUCESS" })], vec![json!({ "contractRet": "DEFAULT" })]]
    {
        let raw = raw_json(&block.to_json_with(&shown));
        assert_eq!(reading(&raw), undecided, "{shown:?}");
        let report = one(block.to_json_with(&shown).to_string().as_bytes());
        assert_eq!(report.undecided.len(), 1);
    }
    for name in ["A_NAME_FROM_THE_FUTURE", "success", "", "UNKNOWN_ENUM_VALUE_contractResult_1x"] {
        let raw = raw_json(&block.to_json_with(&[json!({ "contractRet": name })]));
        assert_eq!(reading(&raw), (0, vec![Undecided::UnknownResult]), "{name}");
        let raw = raw_json(&block.to_json_with(&[json!({ "contractRet": "SUCCESS", "ret": name })]));
        assert_eq!(reading(&raw), (0, vec![Undecided::UnknownResult]), "{name}");
    }
}

#[tokio::test]
async fn a_payment_in_an_old_block_counts_and_one_that_is_undecided_does_not() {
    let old = with_results(transfer(7), &[]);
    let read = fetch(100, &old.to_json_with(&[])).await.expect("accepted").expect("there");
    assert_eq!(
        read.transfers.iter().map(|one| (one.amount, one.evidence)).collect::<Vec<_>>(),
        [(7, Evidence::Contract)]
    );
    let call = with_results(usdt(5), &[]);
    let read = fetch(100, &call.to_json_with(&[])).await.expect("accepted").expect("there");
    assert_eq!((read.transfers.len(), read.transaction_count()), (0, 1));
    assert!(read.token_calls.iter().all(|call| !call.succeeded));
    let lent = with_results(delegate(1_000_000), &[]);
    let read = fetch(100, &lent.to_json_with(&[])).await.expect("accepted").expect("there");
    assert_eq!(read.resource_events.len(), 1);
}
