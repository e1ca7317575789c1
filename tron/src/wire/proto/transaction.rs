//! Transactions, their results and what nodes say of them.

use super::{InternalTransaction, Log};
use std::collections::BTreeMap;

/// A transaction with its signatures and, inside a block, its result.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Transaction {
    #[prost(message, optional, tag = "1")]
    pub raw_data: Option<TransactionRaw>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub signature: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "5")]
    pub ret: Vec<TransactionResult>,
}

/// `Transaction.raw`: what is signed; its SHA-256 is the transaction id.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TransactionRaw {
    #[prost(bytes = "vec", tag = "1")]
    pub ref_block_bytes: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub ref_block_num: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub ref_block_hash: Vec<u8>,
    #[prost(int64, tag = "8")]
    pub expiration: i64,
    #[prost(message, repeated, tag = "9")]
    pub auths: Vec<Authority>,
    #[prost(bytes = "vec", tag = "10")]
    pub data: Vec<u8>,
    #[prost(message, repeated, tag = "11")]
    pub contract: Vec<Contract>,
    #[prost(bytes = "vec", tag = "12")]
    pub scripts: Vec<u8>,
    #[prost(int64, tag = "14")]
    pub timestamp: i64,
    #[prost(int64, tag = "18")]
    pub fee_limit: i64,
}

/// `authority`: unused by the chain, kept so that nothing is lost.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Authority {
    #[prost(message, optional, tag = "1")]
    pub account: Option<AccountName>,
    #[prost(bytes = "vec", tag = "2")]
    pub permission_name: Vec<u8>,
}

/// `AccountId`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AccountName {
    #[prost(bytes = "vec", tag = "1")]
    pub name: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub address: Vec<u8>,
}

/// `Transaction.Contract`: the one thing a transaction does.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Contract {
    #[prost(enumeration = "ContractType", tag = "1")]
    pub r#type: i32,
    #[prost(message, optional, tag = "2")]
    pub parameter: Option<Any>,
    #[prost(bytes = "vec", tag = "3")]
    pub provider: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub contract_name: Vec<u8>,
    #[prost(int32, tag = "5")]
    pub permission_id: i32,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// `Transaction.Result`: how a transaction inside a block ended.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TransactionResult {
    #[prost(int64, tag = "1")]
    pub fee: i64,
    #[prost(enumeration = "ResultCode", tag = "2")]
    pub ret: i32,
    #[prost(enumeration = "ContractResult", tag = "3")]
    pub contract_ret: i32,
    #[prost(string, tag = "14")]
    pub asset_issue_id: String,
    #[prost(int64, tag = "15")]
    pub withdraw_amount: i64,
    #[prost(int64, tag = "16")]
    pub unfreeze_amount: i64,
    #[prost(int64, tag = "18")]
    pub exchange_received_amount: i64,
    #[prost(int64, tag = "19")]
    pub exchange_inject_another_amount: i64,
    #[prost(int64, tag = "20")]
    pub exchange_withdraw_another_amount: i64,
    #[prost(int64, tag = "21")]
    pub exchange_id: i64,
    #[prost(int64, tag = "22")]
    pub shielded_transaction_fee: i64,
    #[prost(bytes = "vec", tag = "25")]
    pub order_id: Vec<u8>,
    #[prost(message, repeated, tag = "26")]
    pub order_details: Vec<MarketOrderDetail>,
    #[prost(int64, tag = "27")]
    pub withdraw_expire_amount: i64,
    #[prost(btree_map = "string, int64", tag = "28")]
    pub cancel_unfreeze_v2_amount: BTreeMap<String, i64>,
}

/// `MarketOrderDetail`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MarketOrderDetail {
    #[prost(bytes = "vec", tag = "1")]
    pub maker_order_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub taker_order_id: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub fill_sell_quantity: i64,
    #[prost(int64, tag = "4")]
    pub fill_buy_quantity: i64,
}

/// `Transaction.Result.code`. The protocol spells the first one `SUCESS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum ResultCode {
    Success = 0,
    Failed = 1,
}

/// `Transaction.Result.contractResult`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum ContractResult {
    Default = 0,
    Success = 1,
    Revert = 2,
    BadJumpDestination = 3,
    OutOfMemory = 4,
    PrecompiledContract = 5,
    StackTooSmall = 6,
    StackTooLarge = 7,
    IllegalOperation = 8,
    StackOverflow = 9,
    OutOfEnergy = 10,
    OutOfTime = 11,
    JvmStackOverFlow = 12,
    Unknown = 13,
    TransferFailed = 14,
    InvalidCode = 15,
}

/// `Transaction.Contract.ContractType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum ContractType {
    AccountCreateContract = 0,
    TransferContract = 1,
    TransferAssetContract = 2,
    VoteAssetContract = 3,
    VoteWitnessContract = 4,
    WitnessCreateContract = 5,
    AssetIssueContract = 6,
    WitnessUpdateContract = 8,
    ParticipateAssetIssueContract = 9,
    AccountUpdateContract = 10,
    FreezeBalanceContract = 11,
    UnfreezeBalanceContract = 12,
    WithdrawBalanceContract = 13,
    UnfreezeAssetContract = 14,
    UpdateAssetContract = 15,
    ProposalCreateContract = 16,
    ProposalApproveContract = 17,
    ProposalDeleteContract = 18,
    SetAccountIdContract = 19,
    CustomContract = 20,
    CreateSmartContract = 30,
    TriggerSmartContract = 31,
    GetContract = 32,
    UpdateSettingContract = 33,
    ExchangeCreateContract = 41,
    ExchangeInjectContract = 42,
    ExchangeWithdrawContract = 43,
    ExchangeTransactionContract = 44,
    UpdateEnergyLimitContract = 45,
    AccountPermissionUpdateContract = 46,
    ClearAbiContract = 48,
    UpdateBrokerageContract = 49,
    ShieldedTransferContract = 51,
    MarketSellAssetContract = 52,
    MarketCancelOrderContract = 53,
    FreezeBalanceV2Contract = 54,
    UnfreezeBalanceV2Contract = 55,
    WithdrawExpireUnfreezeContract = 56,
    DelegateResourceContract = 57,
    UnDelegateResourceContract = 58,
    CancelAllUnfreezeV2Contract = 59,
}

/// A transaction with what a node adds to it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TransactionExtention {
    #[prost(message, optional, tag = "1")]
    pub transaction: Option<Transaction>,
    #[prost(bytes = "vec", tag = "2")]
    pub txid: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub constant_result: Vec<Vec<u8>>,
    #[prost(message, optional, tag = "4")]
    pub result: Option<Return>,
    #[prost(int64, tag = "5")]
    pub energy_used: i64,
    #[prost(message, repeated, tag = "6")]
    pub logs: Vec<Log>,
    #[prost(message, repeated, tag = "7")]
    pub internal_transactions: Vec<InternalTransaction>,
    #[prost(int64, tag = "8")]
    pub energy_penalty: i64,
}

/// A node's answer to a broadcast. `message` is UTF-8 text.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Return {
    #[prost(bool, tag = "1")]
    pub result: bool,
    #[prost(enumeration = "ResponseCode", tag = "2")]
    pub code: i32,
    #[prost(bytes = "vec", tag = "3")]
    pub message: Vec<u8>,
}

/// `Return.response_code`; two are spelled as the protocol does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum ResponseCode {
    Success = 0,
    Sigerror = 1,
    ContractValidateError = 2,
    ContractExeError = 3,
    BandwithError = 4,
    DupTransactionError = 5,
    TaposError = 6,
    TooBigTransactionError = 7,
    TransactionExpirationError = 8,
    ServerBusy = 9,
    NoConnection = 10,
    NotEnoughEffectiveConnection = 11,
    BlockUnsolidified = 12,
    OtherError = 20,
}
