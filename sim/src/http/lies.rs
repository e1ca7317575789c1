//! Blocks and receipts as a node tells them that does not tell the truth: as well as it can be done without the
//! witnesses' keys. Ids always fit their bytes, so only what is signed gives a lie away.

use crate::{
    block::{Included, StoredBlock},
    build::{self, Options},
    faults::Lie,
    keys,
    tx::{Action, SignedTx},
};
use leyden_domain::Address;
use leyden_tron::{
    abi,
    crypto::sha256,
    wire::proto::{BlockHeader, ContractResult, Log, TransactionInfo, TransactionResult, TransferContract},
};
use prost::Message;

/// The test key that a lying node holds: no witness's.
const LIARS_KEY: u32 = 7;

/// A block as it is told.
pub(super) fn block(honest: &StoredBlock, lie: Lie, usdt: Address) -> StoredBlock {
    let mut told = honest.clone();
    match lie {
        Lie::ForgedTransfer { to, sun } => told.transactions.extend(payment(honest, to, sun)),
        Lie::ChangedAmount { by } => {
            for one in &mut told.transactions {
                if let Some(forged) = changed(&one.tx, by) {
                    one.info.id = forged.id.bytes().to_vec();
                    one.tx = forged;
                }
            }
        }
        Lie::HiddenTransfer { to } => told.transactions.retain(|one| !pays(one, to)),
        Lie::BrokenParent => {
            let mut raw = told.raw.clone();
            raw.parent_hash = honest.id.bytes().to_vec();
            return with_header(raw, honest.header.witness_signature.clone(), told);
        }
        Lie::WrongRoot => {
            let mut raw = told.raw.clone();
            raw.tx_trie_root = vec![7; 32];
            return with_header(raw, honest.header.witness_signature.clone(), told);
        }
        Lie::WrongWitness => {
            let signature = keys::test_key(LIARS_KEY).sign(&sha256(&told.raw.encode_to_vec())).to_vec();
            return with_header(told.raw.clone(), signature, told);
        }
        Lie::ForgedBlock { to, sun } => {
            let key = keys::test_key(LIARS_KEY);
            let mut transactions = told.transactions.clone();
            transactions.extend(payment(honest, to, sun));
            let mut forged =
                StoredBlock::seal(None, honest.timestamp(), (key.address(), Some(&key)), transactions);
            forged.raw.number = honest.number();
            forged.raw.parent_hash.clone_from(&honest.raw.parent_hash);
            let signature = key.sign(&sha256(&forged.raw.encode_to_vec())).to_vec();
            return with_header(forged.raw.clone(), signature, forged);
        }
        Lie::ForgedLog { to } => {
            let from = keys::test_address(LIARS_KEY);
            let called = |one: &&mut Included| matches!(one.tx.action, Action::Trigger(_));
            if let Some(one) = told.transactions.iter_mut().find(called) {
                one.info.log.push(Log {
                    address: usdt.evm().to_vec(),
                    topics: vec![
                        abi::TRANSFER_TOPIC.to_vec(),
                        abi::address_word(from).to_vec(),
                        abi::address_word(to).to_vec(),
                    ],
                    data: abi::amount_word(900_000_000).to_vec(),
                });
            }
        }
        Lie::HiddenLog => {
            for one in &mut told.transactions {
                one.info.log.clear();
            }
        }
        // A lie about where the chain stands, not about a block.
        Lie::SolidIsHead => {}
    }
    told
}

fn with_header(
    raw: leyden_tron::wire::proto::BlockHeaderRaw,
    witness_signature: Vec<u8>,
    otherwise: StoredBlock,
) -> StoredBlock {
    let header = BlockHeader { raw_data: Some(raw), witness_signature };
    StoredBlock::from_header(header, otherwise.transactions.clone()).unwrap_or(otherwise)
}

fn pays(one: &Included, to: Address) -> bool {
    matches!(&one.tx.action, Action::Transfer(message) if message.to_address == to.to_bytes())
}

/// A transfer of another amount with the signatures of the true one.
pub(super) fn changed(tx: &SignedTx, by: i64) -> Option<SignedTx> {
    let Action::Transfer(message) = &tx.action else { return None };
    let message = TransferContract { amount: message.amount + by, ..message.clone() };
    let mut raw = tx.raw.clone();
    raw.contract.first_mut()?.parameter.as_mut()?.value = message.encode_to_vec();
    SignedTx::from_parts(raw.encode_to_vec(), tx.signatures.clone()).ok()
}

/// A payment that nobody made.
fn payment(block: &StoredBlock, to: Address, sun: i64) -> Option<Included> {
    let key = keys::test_key(LIARS_KEY);
    let message = TransferContract {
        owner_address: key.address().to_bytes().to_vec(),
        to_address: to.to_bytes().to_vec(),
        amount: sun,
    };
    let options = Options {
        timestamp: block.timestamp(),
        expiration: block.timestamp() + 60_000,
        ..Options::default()
    };
    let tx = SignedTx::decode(&build::sign(&build::raw(&message, block, &options), &[&key])).ok()?;
    let result =
        TransactionResult { contract_ret: ContractResult::Success.into(), ..TransactionResult::default() };
    let info = TransactionInfo {
        id: tx.id.bytes().to_vec(),
        block_number: block.number(),
        ..TransactionInfo::default()
    };
    Some(Included { tx, result, info })
}
