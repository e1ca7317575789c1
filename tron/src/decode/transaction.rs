//! What a transaction is and does, read from its signed bytes.

use super::DecodeError;
use crate::{
    abi::{self, TokenCall},
    crypto,
    wire::proto,
};
use leyden_domain::{
    Address, Sun, TxId,
    chain::{ContractKind, Lock, Resource, ResourceAction},
};
use prost::Message;

/// A transaction of a block, as far as anything of ours reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxFacts {
    /// SHA-256 of its raw data.
    pub id: TxId,
    /// The id that the input gives it, where it gives one.
    pub claimed_id: Option<TxId>,
    /// SHA-256 of the whole serialized transaction: its leaf in the block's Merkle tree.
    pub leaf: [u8; 32],
    /// The kind of its contract.
    pub kind: ContractKind,
    /// Whether its result in the block says `SUCCESS`.
    pub success: bool,
    /// What it does.
    pub action: TxAction,
}

/// What a transaction does, where it concerns us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TxAction {
    /// Moves TRX.
    Transfer {
        /// Who pays.
        from: Address,
        /// Who receives.
        to: Address,
        /// How much, in sun.
        amount: i64,
    },
    /// Calls a contract.
    Call {
        /// Who calls.
        owner: Address,
        /// Which contract.
        contract: Address,
        /// What the call data asks for, where it is a token transfer.
        token: Option<TokenCall>,
    },
    /// Changes stake or delegation.
    Resource {
        /// Whose.
        owner: Address,
        /// How.
        action: ResourceAction,
    },
    /// Something else, or something that names no valid address.
    Other,
}

/// What the signed bytes say.
pub(super) struct RawFacts {
    pub(super) id: TxId,
    pub(super) kind: ContractKind,
    pub(super) action: TxAction,
}

/// Reads the signed bytes of a transaction.
pub(super) fn read_raw(raw: &[u8]) -> Result<RawFacts, DecodeError> {
    let message =
        proto::TransactionRaw::decode(raw).map_err(|error| DecodeError::new(format!("raw data: {error}")))?;
    let [contract] = message.contract.as_slice() else {
        return Err(DecodeError::new(format!(
            "raw data: {} contracts where one belongs",
            message.contract.len()
        )));
    };
    let kind = ContractKind::from_number(contract.r#type);
    let value = contract.parameter.as_ref().map(|any| any.value.as_slice()).unwrap_or_default();
    Ok(RawFacts { id: crypto::tx_id(raw), kind, action: read_action(kind, value).unwrap_or(TxAction::Other) })
}

/// What a contract message asks for. `None` for what does not concern us or could not have taken effect.
fn read_action(kind: ContractKind, value: &[u8]) -> Option<TxAction> {
    let address = |bytes: &[u8]| Address::from_bytes(bytes).ok();
    match kind {
        ContractKind::TransferContract => {
            let message: proto::TransferContract = decode(value)?;
            Some(TxAction::Transfer {
                from: address(&message.owner_address)?,
                to: address(&message.to_address)?,
                amount: not_negative(message.amount)?.get(),
            })
        }
        ContractKind::TriggerSmartContract => {
            let message: proto::TriggerSmartContract = decode(value)?;
            Some(TxAction::Call {
                owner: address(&message.owner_address)?,
                contract: address(&message.contract_address)?,
                token: abi::decode_token_call(&message.data),
            })
        }
        _ => {
            let (owner, action) = read_resource(kind, value)?;
            Some(TxAction::Resource { owner: address(&owner)?, action })
        }
    }
}

/// The owner and the change of stake or delegation that a contract message asks for.
fn read_resource(kind: ContractKind, value: &[u8]) -> Option<(Vec<u8>, ResourceAction)> {
    match kind {
        ContractKind::FreezeBalanceV2Contract => {
            let message: proto::FreezeBalanceV2Contract = decode(value)?;
            let action = ResourceAction::Stake {
                resource: resource(message.resource)?,
                balance: not_negative(message.frozen_balance)?,
            };
            Some((message.owner_address, action))
        }
        ContractKind::UnfreezeBalanceV2Contract => {
            let message: proto::UnfreezeBalanceV2Contract = decode(value)?;
            let action = ResourceAction::Unstake {
                resource: resource(message.resource)?,
                balance: not_negative(message.unfreeze_balance)?,
            };
            Some((message.owner_address, action))
        }
        ContractKind::WithdrawExpireUnfreezeContract => {
            let message: proto::WithdrawExpireUnfreezeContract = decode(value)?;
            Some((message.owner_address, ResourceAction::Withdraw))
        }
        ContractKind::CancelAllUnfreezeV2Contract => {
            let message: proto::CancelAllUnfreezeV2Contract = decode(value)?;
            Some((message.owner_address, ResourceAction::CancelUnstake))
        }
        ContractKind::DelegateResourceContract => {
            let message: proto::DelegateResourceContract = decode(value)?;
            let action = ResourceAction::Delegate {
                receiver: Address::from_bytes(&message.receiver_address).ok()?,
                resource: resource(message.resource)?,
                balance: not_negative(message.balance)?,
                lock: message.lock.then_some(Lock { period_blocks: message.lock_period }),
            };
            Some((message.owner_address, action))
        }
        ContractKind::UnDelegateResourceContract => {
            let message: proto::UnDelegateResourceContract = decode(value)?;
            let action = ResourceAction::Undelegate {
                receiver: Address::from_bytes(&message.receiver_address).ok()?,
                resource: resource(message.resource)?,
                balance: not_negative(message.balance)?,
            };
            Some((message.owner_address, action))
        }
        _ => None,
    }
}

/// An amount that the chain would have accepted.
fn not_negative(amount: i64) -> Option<Sun> {
    (amount >= 0).then_some(Sun::new(amount))
}

fn decode<M: Message + Default>(value: &[u8]) -> Option<M> {
    M::decode(value).ok()
}

/// A resource from the protocol's number.
pub(crate) const fn resource(code: i32) -> Option<Resource> {
    match code {
        0 => Some(Resource::Bandwidth),
        1 => Some(Resource::Energy),
        2 => Some(Resource::TronPower),
        _ => None,
    }
}

/// Whether a transaction's results in a block say that it took effect.
pub(super) fn succeeded(results: &[proto::TransactionResult]) -> bool {
    results.first().is_some_and(|result| {
        result.contract_ret == i32::from(proto::ContractResult::Success)
            && result.ret == i32::from(proto::ResultCode::Success)
    })
}
