//! Accounts, their permissions and what they lend each other.

use super::ResourceCode;

/// Who may sign what for an account. Bit i of `operations` (byte i/8, bit i%8) allows contract type i.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Permission {
    #[prost(enumeration = "PermissionType", tag = "1")]
    pub r#type: i32,
    #[prost(int32, tag = "2")]
    pub id: i32,
    #[prost(string, tag = "3")]
    pub permission_name: String,
    #[prost(int64, tag = "4")]
    pub threshold: i64,
    #[prost(int32, tag = "5")]
    pub parent_id: i32,
    #[prost(bytes = "vec", tag = "6")]
    pub operations: Vec<u8>,
    #[prost(message, repeated, tag = "7")]
    pub keys: Vec<Key>,
}

/// `Permission.PermissionType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum PermissionType {
    Owner = 0,
    Witness = 1,
    Active = 2,
}

/// One key of a permission.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Key {
    #[prost(bytes = "vec", tag = "1")]
    pub address: Vec<u8>,
    #[prost(int64, tag = "2")]
    pub weight: i64,
}

/// `AccountType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum AccountType {
    Normal = 0,
    AssetIssue = 1,
    Contract = 2,
}

/// An account. Only fields that are read somewhere.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Account {
    #[prost(bytes = "vec", tag = "1")]
    pub account_name: Vec<u8>,
    #[prost(enumeration = "AccountType", tag = "2")]
    pub r#type: i32,
    #[prost(bytes = "vec", tag = "3")]
    pub address: Vec<u8>,
    #[prost(int64, tag = "4")]
    pub balance: i64,
    #[prost(message, repeated, tag = "5")]
    pub votes: Vec<Vote>,
    #[prost(int64, tag = "8")]
    pub net_usage: i64,
    #[prost(int64, tag = "9")]
    pub create_time: i64,
    #[prost(int64, tag = "10")]
    pub latest_opration_time: i64,
    #[prost(int64, tag = "11")]
    pub allowance: i64,
    #[prost(int64, tag = "19")]
    pub free_net_usage: i64,
    #[prost(int64, tag = "21")]
    pub latest_consume_time: i64,
    #[prost(int64, tag = "22")]
    pub latest_consume_free_time: i64,
    #[prost(int64, tag = "24")]
    pub net_window_size: i64,
    #[prost(bool, tag = "25")]
    pub net_window_optimized: bool,
    #[prost(message, optional, tag = "26")]
    pub account_resource: Option<AccountResource>,
    #[prost(message, optional, tag = "31")]
    pub owner_permission: Option<Permission>,
    #[prost(message, optional, tag = "32")]
    pub witness_permission: Option<Permission>,
    #[prost(message, repeated, tag = "33")]
    pub active_permission: Vec<Permission>,
    #[prost(message, repeated, tag = "34")]
    pub frozen_v2: Vec<FreezeV2>,
    #[prost(message, repeated, tag = "35")]
    pub unfrozen_v2: Vec<UnFreezeV2>,
    #[prost(int64, tag = "36")]
    pub delegated_frozen_v2_balance_for_bandwidth: i64,
    #[prost(int64, tag = "37")]
    pub acquired_delegated_frozen_v2_balance_for_bandwidth: i64,
    #[prost(int64, tag = "41")]
    pub acquired_delegated_frozen_balance_for_bandwidth: i64,
    #[prost(int64, tag = "42")]
    pub delegated_frozen_balance_for_bandwidth: i64,
}

/// `Vote`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Vote {
    #[prost(bytes = "vec", tag = "1")]
    pub vote_address: Vec<u8>,
    #[prost(int64, tag = "2")]
    pub vote_count: i64,
}

/// `Account.AccountResource`: the energy side of an account. Windows are in slots, or thousandths where optimized.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AccountResource {
    #[prost(int64, tag = "1")]
    pub energy_usage: i64,
    #[prost(int64, tag = "3")]
    pub latest_consume_time_for_energy: i64,
    #[prost(int64, tag = "4")]
    pub acquired_delegated_frozen_balance_for_energy: i64,
    #[prost(int64, tag = "5")]
    pub delegated_frozen_balance_for_energy: i64,
    #[prost(int64, tag = "9")]
    pub energy_window_size: i64,
    #[prost(int64, tag = "10")]
    pub delegated_frozen_v2_balance_for_energy: i64,
    #[prost(int64, tag = "11")]
    pub acquired_delegated_frozen_v2_balance_for_energy: i64,
    #[prost(bool, tag = "12")]
    pub energy_window_optimized: bool,
}

/// Stake for one resource.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FreezeV2 {
    #[prost(enumeration = "ResourceCode", tag = "1")]
    pub r#type: i32,
    #[prost(int64, tag = "2")]
    pub amount: i64,
}

/// Stake being taken out.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UnFreezeV2 {
    #[prost(enumeration = "ResourceCode", tag = "1")]
    pub r#type: i32,
    #[prost(int64, tag = "3")]
    pub unfreeze_amount: i64,
    #[prost(int64, tag = "4")]
    pub unfreeze_expire_time: i64,
}

/// What one account lends another.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DelegatedResource {
    #[prost(bytes = "vec", tag = "1")]
    pub from: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub to: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub frozen_balance_for_bandwidth: i64,
    #[prost(int64, tag = "4")]
    pub frozen_balance_for_energy: i64,
    #[prost(int64, tag = "5")]
    pub expire_time_for_bandwidth: i64,
    #[prost(int64, tag = "6")]
    pub expire_time_for_energy: i64,
}

/// With whom an account has delegations.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DelegatedResourceAccountIndex {
    #[prost(bytes = "vec", tag = "1")]
    pub account: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub from_accounts: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub to_accounts: Vec<Vec<u8>>,
    #[prost(int64, tag = "4")]
    pub timestamp: i64,
}
