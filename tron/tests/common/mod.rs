//! Blocks made here: real signatures and roots over made-up transactions, in both forms that nodes send.

use leyden_domain::{
    Address, BlockId, BlockRef, Sun, Timestamp,
    chain::{ChainAction, Resource, SignedTransaction, TransactionIntent},
};
use leyden_tron::{abi, crypto, crypto::SecretKey, inspect::MAINNET_USDT, tx, verify, wire::proto};
use prost::Message as _;
use serde_json::{Value, json};

/// A key for each small number.
pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number; 32]).expect("key")
}

/// Its address.
pub(crate) fn address(number: u8) -> Address {
    key(number).address()
}

/// An intent with everything but the action fixed.
pub(crate) fn intent(action: ChainAction) -> TransactionIntent {
    TransactionIntent {
        action,
        permission_id: None,
        reference: BlockRef::new(BlockId::new([5; 32])),
        timestamp: Timestamp::from_ms(1_700_000_000_000),
        expiration: Timestamp::from_ms(1_700_000_060_000),
    }
}

/// A signed transaction.
pub(crate) fn signed(action: ChainAction) -> SignedTransaction {
    tx::build(&intent(action)).expect("builds").sign(&key(1))
}

/// TRX from 1 to 2.
pub(crate) fn transfer(sun: i64) -> ChainAction {
    ChainAction::Transfer { owner: address(1), to: address(2), amount: Sun::new(sun) }
}

/// Energy from 1 to 2.
pub(crate) fn delegate(sun: i64) -> ChainAction {
    ChainAction::Delegate {
        owner: address(1),
        receiver: address(2),
        resource: Resource::Energy,
        balance: Sun::new(sun),
        lock: None,
    }
}

/// USDT from 1 to 2.
pub(crate) fn usdt(amount: i64) -> ChainAction {
    ChainAction::CallContract {
        owner: address(1),
        contract: MAINNET_USDT,
        call_value: Sun::ZERO,
        data: abi::encode_transfer(address(2), amount),
        fee_limit: Sun::from_trx(30),
    }
}

/// A block whose witness is 9.
pub(crate) struct MadeBlock {
    pub(crate) id: BlockId,
    pub(crate) header: proto::BlockHeader,
    pub(crate) transactions: Vec<proto::Transaction>,
}

impl MadeBlock {
    pub(crate) fn new(number: i64, parent: BlockId, actions: impl IntoIterator<Item = ChainAction>) -> Self {
        let transactions: Vec<proto::Transaction> = actions
            .into_iter()
            .map(|action| {
                let mut transaction =
                    proto::Transaction::decode(signed(action).bytes.as_slice()).expect("decodes");
                transaction.ret.push(proto::TransactionResult {
                    contract_ret: proto::ContractResult::Success.into(),
                    ..proto::TransactionResult::default()
                });
                transaction
            })
            .collect();
        Self::of(number, parent, transactions)
    }

    /// One of these transactions as they are.
    pub(crate) fn of(number: i64, parent: BlockId, transactions: Vec<proto::Transaction>) -> Self {
        let leaves = transactions.iter().map(|transaction| crypto::sha256(&transaction.encode_to_vec()));
        let raw = proto::BlockHeaderRaw {
            timestamp: 1_700_000_000_000,
            tx_trie_root: verify::merkle_root(leaves).to_vec(),
            parent_hash: parent.bytes().to_vec(),
            number,
            witness_address: address(9).to_bytes().to_vec(),
            version: 32,
            ..proto::BlockHeaderRaw::default()
        };
        let bytes = raw.encode_to_vec();
        let signature = key(9).sign(&crypto::sha256(&bytes)).to_vec();
        Self {
            id: crypto::block_id(number, &bytes),
            header: proto::BlockHeader { raw_data: Some(raw), witness_signature: signature },
            transactions,
        }
    }

    /// As the HTTP API prints it; without `raw_data`, which nothing believes.
    pub(crate) fn to_json(&self) -> Value {
        self.to_json_with(&[json!({ "contractRet": "SUCCESS" })])
    }

    /// The same with these results at every transaction.
    pub(crate) fn to_json_with(&self, results: &[Value]) -> Value {
        let transactions: Vec<Value> = self
            .transactions
            .iter()
            .map(|transaction| {
                let raw = transaction.raw_data.as_ref().expect("raw").encode_to_vec();
                let mut shown = json!({
                    "signature": transaction.signature.iter().map(hex::encode).collect::<Vec<_>>(),
                    "txID": crypto::tx_id(&raw).to_string(),
                    "raw_data_hex": hex::encode(raw),
                });
                if !results.is_empty() {
                    shown["ret"] = Value::from(results);
                }
                shown
            })
            .collect();
        let mut block = self.header_json();
        if !transactions.is_empty() {
            block["transactions"] = Value::from(transactions);
        }
        block
    }

    /// The header alone.
    pub(crate) fn header_json(&self) -> Value {
        let raw = self.header.raw_data.as_ref().expect("raw");
        json!({
            "blockID": self.id.to_string(),
            "block_header": {
                "raw_data": {
                    "timestamp": raw.timestamp,
                    "txTrieRoot": hex::encode(&raw.tx_trie_root),
                    "parentHash": hex::encode(&raw.parent_hash),
                    "number": raw.number,
                    "witness_address": hex::encode(&raw.witness_address),
                    "version": raw.version,
                },
                "witness_signature": hex::encode(&self.header.witness_signature),
            },
        })
    }
}
