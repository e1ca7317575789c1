//! The small answers of the HTTP API: accounts, resources, broadcasts. Everything has a default, because zero
//! values are left out (java-tron `JsonFormat`), and unknown keys are ignored.

use serde::Deserialize;

/// An account, or `{}` where it was never activated.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names; see `proto::Account`")]
pub struct Account {
    pub address: Option<String>,
    pub r#type: Option<String>,
    pub balance: i64,
    pub account_resource: AccountResource,
    #[serde(rename = "frozenV2")]
    pub frozen_v2: Vec<Frozen>,
    pub owner_permission: Option<Permission>,
    pub witness_permission: Option<Permission>,
    pub active_permission: Vec<Permission>,
}

/// The energy side of an account. Amounts in sun.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names; see `proto::AccountResource`")]
pub struct AccountResource {
    #[serde(rename = "delegated_frozenV2_balance_for_energy")]
    pub delegated_frozen_v2_balance_for_energy: i64,
    #[serde(rename = "acquired_delegated_frozenV2_balance_for_energy")]
    pub acquired_delegated_frozen_v2_balance_for_energy: i64,
}

/// Stake for one resource; no type means bandwidth.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names")]
pub struct Frozen {
    pub r#type: Option<String>,
    pub amount: i64,
}

/// A permission of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names; see `proto::Permission`")]
pub struct Permission {
    pub id: i32,
    pub permission_name: String,
    pub threshold: i64,
    /// Hexadecimal; absent means everything.
    pub operations: Option<String>,
    pub keys: Vec<PermissionKey>,
}

/// One key of a permission.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names; see `proto::Key`")]
pub struct PermissionKey {
    pub address: String,
    pub weight: i64,
}

/// What an account may use and has used, and the network's totals.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the protocol's own names")]
pub struct AccountResources {
    #[serde(rename = "freeNetUsed")]
    pub free_net_used: i64,
    #[serde(rename = "freeNetLimit")]
    pub free_net_limit: i64,
    pub net_used: i64,
    pub net_limit: i64,
    pub energy_used: i64,
    pub energy_limit: i64,
    pub total_energy_limit: i64,
    pub total_energy_weight: i64,
}

/// How much could be delegated now.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MaxSize {
    /// In sun.
    pub max_size: i64,
}

/// The delegations from one account to another: unlocked, then locked.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names")]
pub struct DelegatedResources {
    #[serde(rename = "delegatedResource")]
    pub delegated_resource: Vec<DelegatedResource>,
}

/// The answer of `getdelegatedresourceaccountindexv2`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names")]
pub struct DelegationIndex {
    #[serde(rename = "toAccounts")]
    pub to_accounts: Vec<String>,
}

/// One delegation record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DelegatedResource {
    /// Stake lent for bandwidth, in sun.
    pub frozen_balance_for_bandwidth: i64,
    /// Stake lent for energy, in sun.
    pub frozen_balance_for_energy: i64,
    /// When the lock of the bandwidth ends, in milliseconds; 0 where there is none.
    pub expire_time_for_bandwidth: i64,
    /// When the lock of the energy ends, in milliseconds; 0 where there is none.
    pub expire_time_for_energy: i64,
}

/// The answer to a broadcast.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names; see `proto::Return`")]
pub struct Broadcast {
    pub result: bool,
    pub code: Option<String>,
    pub message: Option<String>,
    pub txid: Option<String>,
}

/// The answer to a call that changes nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names; see `proto::TransactionExtention`")]
pub struct ConstantCall {
    pub result: CallResult,
    pub energy_used: i64,
    pub energy_penalty: i64,
    pub constant_result: Vec<String>,
    pub transaction: CallTransaction,
}

/// Whether the call could be made at all. A call that reverts was made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names")]
pub struct CallResult {
    pub result: bool,
    pub code: Option<String>,
    pub message: Option<String>,
}

/// The transaction that the node made up for the call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names")]
pub struct CallTransaction {
    pub ret: Vec<CallRet>,
}

/// How the call ended.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CallRet {
    /// `FAILED` where it reverted.
    pub ret: Option<String>,
}

/// The parameters that the witnesses vote on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names")]
pub struct ChainParameters {
    #[serde(rename = "chainParameter")]
    pub chain_parameter: Vec<ChainParameter>,
}

/// One of them; a value of zero is left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names")]
pub struct ChainParameter {
    pub key: String,
    pub value: i64,
}

/// What a node says about itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the protocol's own names")]
pub struct NodeInfo {
    /// `Num:…,ID:…`.
    pub block: String,
    /// `Num:…,ID:…`.
    pub solidity_block: String,
    pub active_connect_count: i64,
    pub config_node_info: ConfigNodeInfo,
}

/// The part of it that names the version.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the protocol's own names")]
pub struct ConfigNodeInfo {
    pub code_version: String,
}
