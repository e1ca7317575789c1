//! The protocol's protobuf messages, as far as this crate reads or writes them (java-tron `Tron.proto`,
//! `balance_contract.proto`, `smart_contract.proto`, `account_contract.proto`, `GrpcAPI.proto`).
//!
//! Encoding one of these gives the node's own bytes: fields in ascending order, zero values left out. Decoding
//! drops fields that are not listed here, so whatever somebody else built is hashed from the bytes as they came
//! (see `decode`) and never from a re-encoded message. Addresses are 21 bytes, amounts sun,
//! times milliseconds, unless a field says otherwise.
#![expect(missing_docs, reason = "the fields carry the protocol's own names; java-tron documents them")]

use std::collections::BTreeMap;

/// What a message that travels in an `Any` is called behind [`TYPE_URL_PREFIX`].
pub trait ContractMessage: prost::Message + Default {
    /// The message's name in package `protocol`.
    const NAME: &'static str;
    /// Its number in `ContractType`.
    const TYPE: ContractType;
}

/// What stands before every contract's name in `Any.type_url`.
pub const TYPE_URL_PREFIX: &str = "type.googleapis.com/protocol.";

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

/// A block.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Block {
    #[prost(message, repeated, tag = "1")]
    pub transactions: Vec<Transaction>,
    #[prost(message, optional, tag = "2")]
    pub block_header: Option<BlockHeader>,
}

/// A block's header and the witness's signature over its raw part.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BlockHeader {
    #[prost(message, optional, tag = "1")]
    pub raw_data: Option<BlockHeaderRaw>,
    #[prost(bytes = "vec", tag = "2")]
    pub witness_signature: Vec<u8>,
}

/// `BlockHeader.raw`: its SHA-256 gives the block id.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BlockHeaderRaw {
    #[prost(int64, tag = "1")]
    pub timestamp: i64,
    #[prost(bytes = "vec", tag = "2")]
    pub tx_trie_root: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub parent_hash: Vec<u8>,
    #[prost(int64, tag = "7")]
    pub number: i64,
    #[prost(int64, tag = "8")]
    pub witness_id: i64,
    #[prost(bytes = "vec", tag = "9")]
    pub witness_address: Vec<u8>,
    #[prost(int32, tag = "10")]
    pub version: i32,
    #[prost(bytes = "vec", tag = "11")]
    pub account_state_root: Vec<u8>,
}

/// A block as the gRPC methods ending in 2 send it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BlockExtention {
    #[prost(message, repeated, tag = "1")]
    pub transactions: Vec<TransactionExtention>,
    #[prost(message, optional, tag = "2")]
    pub block_header: Option<BlockHeader>,
    #[prost(bytes = "vec", tag = "3")]
    pub blockid: Vec<u8>,
}

/// Several such blocks.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BlockListExtention {
    #[prost(message, repeated, tag = "1")]
    pub block: Vec<BlockExtention>,
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

/// A transaction's receipt.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TransactionInfo {
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    #[prost(int64, tag = "2")]
    pub fee: i64,
    #[prost(int64, tag = "3")]
    pub block_number: i64,
    #[prost(int64, tag = "4")]
    pub block_time_stamp: i64,
    #[prost(bytes = "vec", repeated, tag = "5")]
    pub contract_result: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "6")]
    pub contract_address: Vec<u8>,
    #[prost(message, optional, tag = "7")]
    pub receipt: Option<ResourceReceipt>,
    #[prost(message, repeated, tag = "8")]
    pub log: Vec<Log>,
    #[prost(enumeration = "ResultCode", tag = "9")]
    pub result: i32,
    #[prost(bytes = "vec", tag = "10")]
    pub res_message: Vec<u8>,
    #[prost(string, tag = "14")]
    pub asset_issue_id: String,
    #[prost(int64, tag = "15")]
    pub withdraw_amount: i64,
    #[prost(int64, tag = "16")]
    pub unfreeze_amount: i64,
    #[prost(message, repeated, tag = "17")]
    pub internal_transactions: Vec<InternalTransaction>,
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
    pub packing_fee: i64,
    #[prost(int64, tag = "28")]
    pub withdraw_expire_amount: i64,
    #[prost(btree_map = "string, int64", tag = "29")]
    pub cancel_unfreeze_v2_amount: BTreeMap<String, i64>,
}

/// The receipts of a block.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TransactionInfoList {
    #[prost(message, repeated, tag = "1")]
    pub transaction_info: Vec<TransactionInfo>,
}

/// `TransactionInfo.Log`: `address` has 20 bytes, without the 0x41.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Log {
    #[prost(bytes = "vec", tag = "1")]
    pub address: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub topics: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "3")]
    pub data: Vec<u8>,
}

/// What a transaction used and burnt.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ResourceReceipt {
    #[prost(int64, tag = "1")]
    pub energy_usage: i64,
    #[prost(int64, tag = "2")]
    pub energy_fee: i64,
    #[prost(int64, tag = "3")]
    pub origin_energy_usage: i64,
    #[prost(int64, tag = "4")]
    pub energy_usage_total: i64,
    #[prost(int64, tag = "5")]
    pub net_usage: i64,
    #[prost(int64, tag = "6")]
    pub net_fee: i64,
    #[prost(enumeration = "ContractResult", tag = "7")]
    pub result: i32,
    #[prost(int64, tag = "8")]
    pub energy_penalty_total: i64,
}

/// What a contract did on its own.
#[derive(Clone, PartialEq, prost::Message)]
pub struct InternalTransaction {
    #[prost(bytes = "vec", tag = "1")]
    pub hash: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub caller_address: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub transfer_to_address: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    pub call_value_info: Vec<CallValueInfo>,
    #[prost(bytes = "vec", tag = "5")]
    pub note: Vec<u8>,
    #[prost(bool, tag = "6")]
    pub rejected: bool,
    #[prost(string, tag = "7")]
    pub extra: String,
}

/// TRX, or a TRC-10 token where `token_id` is set, moved by an internal transaction.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CallValueInfo {
    #[prost(int64, tag = "1")]
    pub call_value: i64,
    #[prost(string, tag = "2")]
    pub token_id: String,
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
