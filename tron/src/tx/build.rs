//! From an intent to the bytes that are signed. The same intent always gives the same bytes.

use crate::{
    abi,
    crypto::{self, SecretKey},
    wire::{
        json_raw::type_url,
        proto::{self, ContractMessage},
    },
};
use leyden_domain::{
    Address, BlockRef, Sun, Timestamp, TxId,
    chain::{ChainAction, Resource, SignedTransaction, TransactionIntent},
};
use prost::Message as _;

/// An intent that makes no transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// An amount that moves nothing or less.
    #[error("amount is not positive")]
    Amount,
    /// Owner and receiver are the same.
    #[error("owner and receiver are the same")]
    SameAddress,
    /// It would be dead before it is born, or the time is negative.
    #[error("expiration is not after the timestamp")]
    Expiration,
    /// A lock period that is negative.
    #[error("lock period is negative")]
    LockPeriod,
}

/// A transaction that nobody has signed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsignedTransaction {
    /// Its id.
    pub tx_id: TxId,
    /// The serialized raw data, which is what a signature covers.
    pub raw: Vec<u8>,
    reference: BlockRef,
    expiration: Timestamp,
}

impl UnsignedTransaction {
    /// Puts a signature under it.
    pub fn sign(self, key: &SecretKey) -> SignedTransaction {
        let signature = key.sign(self.tx_id.bytes());
        let mut bytes = Vec::with_capacity(self.raw.len().saturating_add(80));
        for (tag, part) in [(1, self.raw.as_slice()), (2, signature.as_slice())] {
            prost::encoding::encode_key(tag, prost::encoding::WireType::LengthDelimited, &mut bytes);
            prost::encoding::encode_varint(part.len().try_into().unwrap_or(u64::MAX), &mut bytes);
            bytes.extend_from_slice(part);
        }
        SignedTransaction { tx_id: self.tx_id, bytes, reference: self.reference, expiration: self.expiration }
    }
}

/// Builds a transaction.
pub fn build(intent: &TransactionIntent) -> Result<UnsignedTransaction, BuildError> {
    build_with_memo(intent, &[])
}

/// Builds a transaction with a memo, for which the chain burns TRX (`getMemoFee`). Nothing of ours needs one.
pub fn build_with_memo(intent: &TransactionIntent, memo: &[u8]) -> Result<UnsignedTransaction, BuildError> {
    if intent.expiration <= intent.timestamp || intent.timestamp.ms() < 0 {
        return Err(BuildError::Expiration);
    }
    let (kind, parameter, fee_limit) = contract(&intent.action)?;
    let id = intent.reference.id().bytes();
    let raw = proto::TransactionRaw {
        ref_block_bytes: id.get(6..8).unwrap_or_default().to_vec(),
        ref_block_hash: id.get(8..16).unwrap_or_default().to_vec(),
        expiration: intent.expiration.ms(),
        data: memo.to_vec(),
        contract: vec![proto::Contract {
            r#type: kind.into(),
            parameter: Some(parameter),
            permission_id: i32::from(intent.permission_id.unwrap_or(0)),
            ..proto::Contract::default()
        }],
        timestamp: intent.timestamp.ms(),
        fee_limit,
        ..proto::TransactionRaw::default()
    }
    .encode_to_vec();
    Ok(UnsignedTransaction {
        tx_id: crypto::tx_id(&raw),
        raw,
        reference: intent.reference,
        expiration: intent.expiration,
    })
}

/// A contract's type, its message, and the fee limit that goes with it.
type Packed = (proto::ContractType, proto::Any, i64);

fn pack<M: ContractMessage>(message: &M) -> Packed {
    (M::TYPE, proto::Any { type_url: type_url::<M>(), value: message.encode_to_vec() }, 0)
}

fn contract(action: &ChainAction) -> Result<Packed, BuildError> {
    let owner_address = bytes(action.owner());
    Ok(match action {
        ChainAction::Transfer { owner, to, amount } => {
            different(*owner, *to)?;
            pack(&proto::TransferContract {
                owner_address,
                to_address: bytes(*to),
                amount: positive(*amount)?,
            })
        }
        ChainAction::Delegate { owner, receiver, resource, balance, lock } => {
            different(*owner, *receiver)?;
            let lock_period = lock.map_or(0, |lock| lock.period_blocks);
            if lock_period < 0 {
                return Err(BuildError::LockPeriod);
            }
            pack(&proto::DelegateResourceContract {
                owner_address,
                resource: code(*resource),
                balance: positive(*balance)?,
                receiver_address: bytes(*receiver),
                lock: lock.is_some(),
                lock_period,
            })
        }
        ChainAction::Undelegate { owner, receiver, resource, balance } => {
            different(*owner, *receiver)?;
            pack(&proto::UnDelegateResourceContract {
                owner_address,
                resource: code(*resource),
                balance: positive(*balance)?,
                receiver_address: bytes(*receiver),
            })
        }
        ChainAction::Stake { resource, balance, .. } => pack(&proto::FreezeBalanceV2Contract {
            owner_address,
            frozen_balance: positive(*balance)?,
            resource: code(*resource),
        }),
        ChainAction::Unstake { resource, balance, .. } => pack(&proto::UnfreezeBalanceV2Contract {
            owner_address,
            unfreeze_balance: positive(*balance)?,
            resource: code(*resource),
        }),
        ChainAction::WithdrawUnstaked { .. } => {
            pack(&proto::WithdrawExpireUnfreezeContract { owner_address })
        }
        ChainAction::CancelUnstakes { .. } => pack(&proto::CancelAllUnfreezeV2Contract { owner_address }),
        ChainAction::TransferToken { owner, contract, to, amount, fee_limit } => {
            different(*owner, *to)?;
            if amount.get() <= 0 || fee_limit.get() <= 0 {
                return Err(BuildError::Amount);
            }
            let (kind, parameter, _) = pack(&proto::TriggerSmartContract {
                owner_address,
                contract_address: bytes(*contract),
                data: abi::encode_transfer(*to, amount.get()),
                ..proto::TriggerSmartContract::default()
            });
            (kind, parameter, fee_limit.get())
        }
        ChainAction::CallContract { contract, call_value, data, fee_limit, .. } => {
            if call_value.get() < 0 || fee_limit.get() < 0 {
                return Err(BuildError::Amount);
            }
            let (kind, parameter, _) = pack(&proto::TriggerSmartContract {
                owner_address,
                contract_address: bytes(*contract),
                call_value: call_value.get(),
                data: data.clone(),
                ..proto::TriggerSmartContract::default()
            });
            (kind, parameter, fee_limit.get())
        }
    })
}

fn bytes(address: Address) -> Vec<u8> {
    address.to_bytes().to_vec()
}

fn different(owner: Address, other: Address) -> Result<(), BuildError> {
    if owner == other { Err(BuildError::SameAddress) } else { Ok(()) }
}

fn positive(amount: Sun) -> Result<i64, BuildError> {
    if amount > Sun::ZERO { Ok(amount.get()) } else { Err(BuildError::Amount) }
}

/// A resource's number in the protocol.
const fn code(resource: Resource) -> i32 {
    match resource {
        Resource::Bandwidth => 0,
        Resource::Energy => 1,
        Resource::TronPower => 2,
    }
}
