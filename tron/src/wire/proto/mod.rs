//! The protocol's protobuf messages, as far as this crate reads or writes them (java-tron `Tron.proto`,
//! `balance_contract.proto`, `smart_contract.proto`, `account_contract.proto`, `GrpcAPI.proto`).
//!
//! Encoding one of these gives the node's own bytes: fields in ascending order, zero values left out. Decoding
//! drops fields that are not listed here, so whatever somebody else built is hashed from the bytes as they came
//! (see `decode`) and never from a re-encoded message. Addresses are 21 bytes, amounts sun,
//! times milliseconds, unless a field says otherwise.
#![expect(missing_docs, reason = "the fields carry the protocol's own names; java-tron documents them")]

mod account;
mod block;
mod contract;
mod receipt;
mod transaction;

pub use account::{
    Account, AccountResource, AccountType, DelegatedResource, DelegatedResourceAccountIndex, FreezeV2, Key,
    Permission, PermissionType, UnFreezeV2, Vote,
};
pub use block::{Block, BlockExtention, BlockHeader, BlockHeaderRaw, BlockListExtention};
pub use contract::{
    AccountCreateContract, AccountPermissionUpdateContract, CancelAllUnfreezeV2Contract,
    DelegateResourceContract, FreezeBalanceV2Contract, ResourceCode, TransferAssetContract, TransferContract,
    TriggerSmartContract, UnDelegateResourceContract, UnfreezeBalanceV2Contract,
    WithdrawExpireUnfreezeContract,
};
pub use receipt::{
    CallValueInfo, InternalTransaction, Log, ResourceReceipt, TransactionInfo, TransactionInfoList,
};
pub use transaction::{
    AccountName, Any, Authority, Contract, ContractResult, ContractType, MarketOrderDetail, ResponseCode,
    ResultCode, Return, Transaction, TransactionExtention, TransactionRaw, TransactionResult,
};

/// What a message that travels in an `Any` is called behind [`TYPE_URL_PREFIX`].
pub trait ContractMessage: prost::Message + Default {
    /// The message's name in package `protocol`.
    const NAME: &'static str;
    /// Its number in `ContractType`.
    const TYPE: ContractType;
}

/// What stands before every contract's name in `Any.type_url`.
pub const TYPE_URL_PREFIX: &str = "type.googleapis.com/protocol.";
