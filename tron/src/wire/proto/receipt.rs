//! Receipts: what a transaction used, logged and caused.

use super::{ContractResult, MarketOrderDetail, ResultCode};
use std::collections::BTreeMap;

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
