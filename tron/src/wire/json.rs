//! Blocks and receipts as the HTTP API spells them (java-tron `JsonFormat`, `Util`): zero values are left out,
//! so everything has a default; bytes are hexadecimal; enums are names. Texts are borrowed from the answer.
//!
//! Of a transaction only `raw_data_hex` is believed: `raw_data` shows the same thing to people, and a node
//! could show something else there (see [`super::json_raw`]).

use serde::Deserialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt, ops::Deref};

/// A text that is borrowed unless it holds escapes. A type of its own, because serde copies a `Cow` that stands
/// inside an `Option` or a `Vec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A block, or `{}` where there is none.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Block<'a> {
    /// The id as the node says.
    #[serde(borrow, rename = "blockID")]
    pub block_id: Option<Text<'a>>,
    /// The header; absent where there is no block.
    #[serde(borrow)]
    pub block_header: Option<BlockHeader<'a>>,
    /// The transactions; absent in an empty block and in an answer of headers only.
    #[serde(borrow)]
    pub transactions: Vec<Transaction<'a>>,
}

/// A block's header.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct BlockHeader<'a> {
    /// What the witness signs.
    #[serde(borrow)]
    pub raw_data: BlockHeaderRaw<'a>,
    /// The witness's signature over it.
    #[serde(borrow)]
    pub witness_signature: Option<Text<'a>>,
}

/// What the witness signs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names; see `proto::BlockHeaderRaw`")]
pub struct BlockHeaderRaw<'a> {
    pub number: i64,
    pub timestamp: i64,
    pub version: i32,
    pub witness_id: i64,
    #[serde(borrow)]
    pub witness_address: Text<'a>,
    #[serde(borrow, rename = "txTrieRoot")]
    pub tx_trie_root: Text<'a>,
    #[serde(borrow, rename = "parentHash")]
    pub parent_hash: Text<'a>,
    #[serde(borrow, rename = "accountStateRoot")]
    pub account_state_root: Text<'a>,
}

/// Several blocks, as `getblockbylimitnext` answers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct BlockList<'a> {
    /// The blocks, ascending.
    #[serde(borrow)]
    pub block: Vec<Block<'a>>,
}

/// A transaction inside a block.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Transaction<'a> {
    /// The id as the node says.
    #[serde(borrow, rename = "txID")]
    pub tx_id: Option<Text<'a>>,
    /// The signed bytes.
    #[serde(borrow)]
    pub raw_data_hex: Option<Text<'a>>,
    /// The same for people.
    #[serde(borrow)]
    pub raw_data: Option<&'a RawValue>,
    /// The signatures.
    #[serde(borrow)]
    pub signature: Vec<Text<'a>>,
    /// How it ended.
    #[serde(borrow)]
    pub ret: Vec<TransactionResult<'a>>,
}

/// How a transaction ended. Fields that the JSON form cannot show (unknown to the node) are lost in it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names; see `proto::TransactionResult`")]
pub struct TransactionResult<'a> {
    pub fee: i64,
    #[serde(borrow)]
    pub ret: Option<Text<'a>>,
    #[serde(borrow, rename = "contractRet")]
    pub contract_ret: Option<Text<'a>>,
    #[serde(borrow, rename = "assetIssueID")]
    pub asset_issue_id: Text<'a>,
    pub withdraw_amount: i64,
    pub unfreeze_amount: i64,
    pub exchange_received_amount: i64,
    pub exchange_inject_another_amount: i64,
    pub exchange_withdraw_another_amount: i64,
    pub exchange_id: i64,
    pub shielded_transaction_fee: i64,
    pub withdraw_expire_amount: i64,
    #[serde(borrow, rename = "cancel_unfreezeV2_amount")]
    pub cancel_unfreeze_v2_amount: Vec<Entry<'a>>,
}

/// One entry of a protobuf map.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Entry<'a> {
    /// Its key.
    #[serde(borrow)]
    pub key: Text<'a>,
    /// Its value.
    pub value: i64,
}

/// A receipt.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TransactionInfo<'a> {
    /// Of which transaction; absent in `{}`, which means that there is none.
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    /// In which block.
    #[serde(rename = "blockNumber")]
    pub block_number: i64,
    /// The block's slot time in milliseconds.
    #[serde(rename = "blockTimeStamp")]
    pub block_time_stamp: i64,
    /// `FAILED` where it failed.
    #[serde(borrow)]
    pub result: Option<Text<'a>>,
    /// What it used and, for contract calls, how it ended.
    #[serde(borrow)]
    pub receipt: ResourceReceipt<'a>,
    /// What the contracts logged.
    #[serde(borrow)]
    pub log: Vec<Log<'a>>,
    /// What the contracts did on their own.
    #[serde(borrow)]
    pub internal_transactions: Vec<InternalTransaction<'a>>,
}

/// What a transaction used and how it ended.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ResourceReceipt<'a> {
    /// `SUCCESS` or why not; absent for what is no contract call.
    #[serde(borrow)]
    pub result: Option<Text<'a>>,
    /// Energy used, from stake and burnt together.
    pub energy_usage_total: i64,
}

/// One log entry. The address has 20 bytes, without the 0x41.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names; see `proto::Log`")]
pub struct Log<'a> {
    #[serde(borrow)]
    pub address: Text<'a>,
    #[serde(borrow)]
    pub topics: Vec<Text<'a>>,
    #[serde(borrow)]
    pub data: Text<'a>,
}

/// What a contract did on its own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names; see `proto::InternalTransaction`")]
pub struct InternalTransaction<'a> {
    #[serde(borrow)]
    pub caller_address: Text<'a>,
    #[serde(borrow, rename = "transferTo_address")]
    pub transfer_to_address: Text<'a>,
    #[serde(borrow, rename = "callValueInfo")]
    pub call_value_info: Vec<CallValueInfo<'a>>,
    #[serde(borrow)]
    pub note: Text<'a>,
    pub rejected: bool,
}

/// TRX, or a token where `tokenId` is there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the protocol's own names; see `proto::CallValueInfo`")]
pub struct CallValueInfo<'a> {
    #[serde(rename = "callValue")]
    pub call_value: i64,
    #[serde(borrow, rename = "tokenId")]
    pub token_id: Option<Text<'a>>,
}
