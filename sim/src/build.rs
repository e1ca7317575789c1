//! Putting transactions together: what a wallet would do, for tests and for the builders of the HTTP API.

use crate::block::StoredBlock;
use leyden_tron::{
    crypto::{self, SecretKey},
    wire::proto::{Any, Contract, ContractMessage, TYPE_URL_PREFIX, TransactionRaw},
};
use prost::Message;

use crate::tx::Envelope;

/// Everything about a transaction but what it does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Which permission of the owner signs.
    pub permission_id: i32,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Milliseconds since the epoch.
    pub expiration: i64,
    /// In sun, for contract calls.
    pub fee_limit: i64,
    /// The memo.
    pub memo: Vec<u8>,
}

/// The raw data of a transaction that is bound to a block.
pub fn raw<M: ContractMessage>(message: &M, reference: &StoredBlock, options: &Options) -> TransactionRaw {
    let id = reference.id.bytes();
    TransactionRaw {
        ref_block_bytes: id.get(6..8).unwrap_or_default().to_vec(),
        ref_block_hash: id.get(8..16).unwrap_or_default().to_vec(),
        expiration: options.expiration,
        data: options.memo.clone(),
        contract: vec![Contract {
            r#type: M::TYPE.into(),
            parameter: Some(Any {
                type_url: format!("{TYPE_URL_PREFIX}{}", M::NAME),
                value: message.encode_to_vec(),
            }),
            permission_id: options.permission_id,
            ..Default::default()
        }],
        timestamp: options.timestamp,
        fee_limit: options.fee_limit,
        ..Default::default()
    }
}

/// The whole serialized `Transaction`, signed by each of the keys.
pub fn sign(raw: &TransactionRaw, keys: &[&SecretKey]) -> Vec<u8> {
    let raw_data = raw.encode_to_vec();
    let id = crypto::tx_id(&raw_data);
    let signature = keys.iter().map(|key| key.sign(id.bytes()).to_vec()).collect();
    Envelope { raw_data, signature, ret: Vec::new() }.encode_to_vec()
}
