//! Blocks and their headers.

use super::{Transaction, TransactionExtention};

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
