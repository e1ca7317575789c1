//! The contracts, one of which every transaction carries.

use super::{AccountType, ContractMessage, ContractType, Permission};

/// `ResourceCode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum ResourceCode {
    Bandwidth = 0,
    Energy = 1,
    TronPower = 2,
}

/// Activates an account.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AccountCreateContract {
    #[prost(bytes = "vec", tag = "1")]
    pub owner_address: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub account_address: Vec<u8>,
    #[prost(enumeration = "AccountType", tag = "3")]
    pub r#type: i32,
}

impl ContractMessage for AccountCreateContract {
    const NAME: &'static str = "AccountCreateContract";
    const TYPE: ContractType = ContractType::AccountCreateContract;
}

/// Moves TRX.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TransferContract {
    #[prost(bytes = "vec", tag = "1")]
    pub owner_address: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub to_address: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub amount: i64,
}

impl ContractMessage for TransferContract {
    const NAME: &'static str = "TransferContract";
    const TYPE: ContractType = ContractType::TransferContract;
}

/// Moves a TRC-10 token.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TransferAssetContract {
    #[prost(bytes = "vec", tag = "1")]
    pub asset_name: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub owner_address: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub to_address: Vec<u8>,
    #[prost(int64, tag = "4")]
    pub amount: i64,
}

impl ContractMessage for TransferAssetContract {
    const NAME: &'static str = "TransferAssetContract";
    const TYPE: ContractType = ContractType::TransferAssetContract;
}

/// Stakes TRX.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FreezeBalanceV2Contract {
    #[prost(bytes = "vec", tag = "1")]
    pub owner_address: Vec<u8>,
    #[prost(int64, tag = "2")]
    pub frozen_balance: i64,
    #[prost(enumeration = "ResourceCode", tag = "3")]
    pub resource: i32,
}

impl ContractMessage for FreezeBalanceV2Contract {
    const NAME: &'static str = "FreezeBalanceV2Contract";
    const TYPE: ContractType = ContractType::FreezeBalanceV2Contract;
}

/// Starts to unstake TRX.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UnfreezeBalanceV2Contract {
    #[prost(bytes = "vec", tag = "1")]
    pub owner_address: Vec<u8>,
    #[prost(int64, tag = "2")]
    pub unfreeze_balance: i64,
    #[prost(enumeration = "ResourceCode", tag = "3")]
    pub resource: i32,
}

impl ContractMessage for UnfreezeBalanceV2Contract {
    const NAME: &'static str = "UnfreezeBalanceV2Contract";
    const TYPE: ContractType = ContractType::UnfreezeBalanceV2Contract;
}

/// Takes out what has finished unstaking.
#[derive(Clone, PartialEq, prost::Message)]
pub struct WithdrawExpireUnfreezeContract {
    #[prost(bytes = "vec", tag = "1")]
    pub owner_address: Vec<u8>,
}

impl ContractMessage for WithdrawExpireUnfreezeContract {
    const NAME: &'static str = "WithdrawExpireUnfreezeContract";
    const TYPE: ContractType = ContractType::WithdrawExpireUnfreezeContract;
}

/// Stakes again what is being unstaked.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CancelAllUnfreezeV2Contract {
    #[prost(bytes = "vec", tag = "1")]
    pub owner_address: Vec<u8>,
}

impl ContractMessage for CancelAllUnfreezeV2Contract {
    const NAME: &'static str = "CancelAllUnfreezeV2Contract";
    const TYPE: ContractType = ContractType::CancelAllUnfreezeV2Contract;
}

/// Lends the resource behind staked TRX to somebody. `lock_period` is in blocks.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DelegateResourceContract {
    #[prost(bytes = "vec", tag = "1")]
    pub owner_address: Vec<u8>,
    #[prost(enumeration = "ResourceCode", tag = "2")]
    pub resource: i32,
    #[prost(int64, tag = "3")]
    pub balance: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub receiver_address: Vec<u8>,
    #[prost(bool, tag = "5")]
    pub lock: bool,
    #[prost(int64, tag = "6")]
    pub lock_period: i64,
}

impl ContractMessage for DelegateResourceContract {
    const NAME: &'static str = "DelegateResourceContract";
    const TYPE: ContractType = ContractType::DelegateResourceContract;
}

/// Takes a lent resource back.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UnDelegateResourceContract {
    #[prost(bytes = "vec", tag = "1")]
    pub owner_address: Vec<u8>,
    #[prost(enumeration = "ResourceCode", tag = "2")]
    pub resource: i32,
    #[prost(int64, tag = "3")]
    pub balance: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub receiver_address: Vec<u8>,
}

impl ContractMessage for UnDelegateResourceContract {
    const NAME: &'static str = "UnDelegateResourceContract";
    const TYPE: ContractType = ContractType::UnDelegateResourceContract;
}

/// Calls a contract.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TriggerSmartContract {
    #[prost(bytes = "vec", tag = "1")]
    pub owner_address: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub contract_address: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub call_value: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub data: Vec<u8>,
    #[prost(int64, tag = "5")]
    pub call_token_value: i64,
    #[prost(int64, tag = "6")]
    pub token_id: i64,
}

impl ContractMessage for TriggerSmartContract {
    const NAME: &'static str = "TriggerSmartContract";
    const TYPE: ContractType = ContractType::TriggerSmartContract;
}

/// Replaces an account's permissions.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AccountPermissionUpdateContract {
    #[prost(bytes = "vec", tag = "1")]
    pub owner_address: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub owner: Option<Permission>,
    #[prost(message, optional, tag = "3")]
    pub witness: Option<Permission>,
    #[prost(message, repeated, tag = "4")]
    pub actives: Vec<Permission>,
}

impl ContractMessage for AccountPermissionUpdateContract {
    const NAME: &'static str = "AccountPermissionUpdateContract";
    const TYPE: ContractType = ContractType::AccountPermissionUpdateContract;
}
