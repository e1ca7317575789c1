//! The chain as it was read: gapless, each block behind its parent, with everything derived from a block written
//! in the same commit as the block.

use super::{Settled, Settlement, StoreError};
use async_trait::async_trait;
use leyden_domain::{
    Asset, BlockId, BlockRef, Height, OrderId, Span, Timestamp,
    chain::{Head, ResourceEvent, SentTransfer},
    operation::ChainView,
    payment::Payment,
};
use std::sync::Arc;

/// How far the chain was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainPosition {
    /// Newest block read and newest solid one.
    pub view: ChainView,
    /// The blocks that may still be undone and the newest solid one, oldest first.
    pub window: Vec<BlockRef>,
    /// The first height that was ever read.
    pub first: Height,
}

/// A block to be recorded.
#[derive(Debug, Clone)]
pub struct BlockCommit {
    /// Its place and time.
    pub head: Head,
    /// The block before it: must be the newest recorded one, or the commit is a conflict.
    pub parent: BlockId,
    /// Transfers to our payment addresses, above the dust limit. One that was recorded before (a fork brought it
    /// back) gets its new block and keeps its bucket.
    pub payments: Vec<Payment>,
    /// Changes of stake and delegation that touch our pool accounts, in block order.
    pub resource_events: Vec<ResourceEvent>,
    /// Money that our own accounts have sent, in block order.
    pub sent: Vec<SentTransfer>,
    /// Transfers below the dust limit, summed.
    pub dust: Vec<DustCount>,
    /// How many transactions it holds.
    pub transactions: u32,
    /// How much older it is than the node's head was when it was read, by the chain's own time.
    pub behind: Span,
}

/// Transfers too small to be payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DustCount {
    /// What was sent.
    pub asset: Asset,
    /// How many transfers.
    pub count: u32,
    /// How much in all.
    pub amount: i64,
}

/// What an undoing of blocks undid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RewindReport {
    /// How many blocks.
    pub blocks: u32,
    /// Orders whose payments lost their block.
    pub orders: Vec<OrderId>,
}

/// The recorded chain.
#[async_trait]
pub trait BlockStore: Send + Sync + 'static {
    /// How far the chain was read; `None` before the first block.
    async fn chain_position(&self) -> Result<Option<ChainPosition>, StoreError>;

    /// Records consecutive blocks and the new solid head in one transaction. `solid` is cut to the newest recorded
    /// block and never goes back.
    async fn record_blocks(
        &self,
        blocks: Vec<BlockCommit>,
        solid: Head,
        now: Timestamp,
    ) -> Result<ChainPosition, StoreError>;

    /// The same, and serves the payments that are not routed yet by these rules, all in one transaction. A payment
    /// that cannot be served whole is left where it can be gone on with; the blocks are recorded in any case.
    async fn settle_blocks(
        &self,
        blocks: Vec<BlockCommit>,
        solid: Head,
        now: Timestamp,
        rules: Arc<dyn Settlement>,
    ) -> Result<Settled, StoreError>;

    /// Undoes the blocks above `to`: their payments lose their block, their resource events go, and what accounts
    /// showed there counts as unseen.
    /// `Conflict` where `to` is not on the recorded chain or lies below the solid block.
    async fn rewind(&self, to: BlockRef, now: Timestamp) -> Result<RewindReport, StoreError>;

    /// Whether a block is on the recorded chain.
    async fn is_canonical(&self, block: BlockRef) -> Result<bool, StoreError>;
}
