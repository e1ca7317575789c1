//! Reads a serialized transaction back, for whoever wants to check what it was given before acting on it.

use crate::{
    crypto,
    decode::{DecodeError, resource},
    wire::{proto, walk::Walk},
};
use leyden_domain::{
    Address, Sun, Timestamp, TxId,
    chain::{ChainAction, ContractKind, Lock},
};
use prost::Message;

/// What a transaction says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadTransaction {
    /// SHA-256 of its raw data.
    pub tx_id: TxId,
    /// The kind of its contract.
    pub kind: ContractKind,
    /// What it does; `None` where that is not one of the actions that we sign.
    pub action: Option<ChainAction>,
    /// Under which permission; 0 is the owner permission.
    pub permission_id: i32,
    /// Bytes 6 and 7 of the reference block's id.
    pub ref_block_bytes: Vec<u8>,
    /// Bytes 8 to 15 of the reference block's id.
    pub ref_block_hash: Vec<u8>,
    /// When it was made, as it says.
    pub timestamp: Timestamp,
    /// After this moment of chain time no block may include it.
    pub expiration: Timestamp,
    /// Most TRX that may be burnt for energy.
    pub fee_limit: Sun,
    /// The memo.
    pub memo: Vec<u8>,
    /// Whose keys signed it, in order.
    pub signers: Vec<Address>,
    /// How many bytes it has.
    pub size: usize,
}

/// Reads a whole serialized transaction, with or without signatures. Fails where a signature belongs to no key.
pub fn read(bytes: &[u8]) -> Result<ReadTransaction, DecodeError> {
    let mut raw = None;
    let mut signatures = Vec::new();
    for field in Walk::new(bytes, 0) {
        let field = field?;
        match field.number {
            1 if raw.is_none() => raw = Some(field.bytes()?),
            1 => return Err(DecodeError::new("a second raw data").at(field.offset)),
            2 => signatures.push(field.bytes()?),
            _ => {}
        }
    }
    let raw = raw.ok_or_else(|| DecodeError::new("transaction without raw data"))?;
    let message =
        proto::TransactionRaw::decode(raw).map_err(|error| DecodeError::new(format!("raw data: {error}")))?;
    let [contract] = message.contract.as_slice() else {
        return Err(DecodeError::new("not exactly one contract"));
    };
    let tx_id = crypto::tx_id(raw);
    let kind = ContractKind::from_number(contract.r#type);
    let value = contract.parameter.as_ref().map(|any| any.value.as_slice()).unwrap_or_default();
    let fee_limit = Sun::new(message.fee_limit);
    Ok(ReadTransaction {
        tx_id,
        kind,
        action: action(kind, value, fee_limit),
        permission_id: contract.permission_id,
        ref_block_bytes: message.ref_block_bytes.clone(),
        ref_block_hash: message.ref_block_hash.clone(),
        timestamp: Timestamp::from_ms(message.timestamp),
        expiration: Timestamp::from_ms(message.expiration),
        fee_limit,
        memo: message.data.clone(),
        signers: signatures
            .into_iter()
            .map(|signature| crypto::recover(tx_id.bytes(), signature))
            .collect::<Result<_, _>>()
            .map_err(|error| DecodeError::new(error.to_string()))?,
        size: bytes.len(),
    })
}

fn action(kind: ContractKind, value: &[u8], fee_limit: Sun) -> Option<ChainAction> {
    match kind {
        ContractKind::TransferContract => {
            let message: proto::TransferContract = decode(value)?;
            Some(ChainAction::Transfer {
                owner: address(&message.owner_address)?,
                to: address(&message.to_address)?,
                amount: Sun::new(message.amount),
            })
        }
        ContractKind::DelegateResourceContract => {
            let message: proto::DelegateResourceContract = decode(value)?;
            Some(ChainAction::Delegate {
                owner: address(&message.owner_address)?,
                receiver: address(&message.receiver_address)?,
                resource: resource(message.resource)?,
                balance: Sun::new(message.balance),
                lock: message.lock.then_some(Lock { period_blocks: message.lock_period }),
            })
        }
        ContractKind::UnDelegateResourceContract => {
            let message: proto::UnDelegateResourceContract = decode(value)?;
            Some(ChainAction::Undelegate {
                owner: address(&message.owner_address)?,
                receiver: address(&message.receiver_address)?,
                resource: resource(message.resource)?,
                balance: Sun::new(message.balance),
            })
        }
        ContractKind::FreezeBalanceV2Contract => {
            let message: proto::FreezeBalanceV2Contract = decode(value)?;
            Some(ChainAction::Stake {
                owner: address(&message.owner_address)?,
                resource: resource(message.resource)?,
                balance: Sun::new(message.frozen_balance),
            })
        }
        ContractKind::UnfreezeBalanceV2Contract => {
            let message: proto::UnfreezeBalanceV2Contract = decode(value)?;
            Some(ChainAction::Unstake {
                owner: address(&message.owner_address)?,
                resource: resource(message.resource)?,
                balance: Sun::new(message.unfreeze_balance),
            })
        }
        ContractKind::WithdrawExpireUnfreezeContract => {
            let message: proto::WithdrawExpireUnfreezeContract = decode(value)?;
            Some(ChainAction::WithdrawUnstaked { owner: address(&message.owner_address)? })
        }
        ContractKind::CancelAllUnfreezeV2Contract => {
            let message: proto::CancelAllUnfreezeV2Contract = decode(value)?;
            Some(ChainAction::CancelUnstakes { owner: address(&message.owner_address)? })
        }
        ContractKind::TriggerSmartContract => {
            let message: proto::TriggerSmartContract = decode(value)?;
            Some(ChainAction::CallContract {
                owner: address(&message.owner_address)?,
                contract: address(&message.contract_address)?,
                call_value: Sun::new(message.call_value),
                data: message.data,
                fee_limit,
            })
        }
        _ => None,
    }
}

fn decode<M: Message + Default>(value: &[u8]) -> Option<M> {
    M::decode(value).ok()
}

fn address(bytes: &[u8]) -> Option<Address> {
    Address::from_bytes(bytes).ok()
}
