//! What those who watch over the books want to know of them: nothing here serves a customer.

use super::StoreError;
use async_trait::async_trait;
use leyden_domain::{Address, Height, OrderId, Sun, Timestamp, TxId};

/// How many connections a server has, and how many it allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Taken, by whomever.
    pub used: u64,
    /// Most that there may be.
    pub limit: u64,
}

/// A delegation, or the end of one, by an account of ours that no transaction of the books explains: somebody else
/// signed it, or we did and the books are older than that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrangeDelegation {
    /// The transaction.
    pub tx_id: TxId,
    /// Our account.
    pub owner: Address,
    /// Who got the energy, or gave it back.
    pub receiver: Address,
    /// Whether it was given; taken back otherwise.
    pub is_given: bool,
    /// The stake behind it.
    pub balance: Sun,
    /// Its block.
    pub height: Height,
    /// The time of its block.
    pub at: Timestamp,
    /// Orders for that receiver that are paid and, as far as the books know, not delivered.
    pub orders: Vec<OrderId>,
}

/// Questions about the books as a whole.
#[async_trait]
pub trait InspectStore: Send + Sync + 'static {
    /// How many connections the database has. `None` where it counts none.
    async fn connections(&self) -> Result<Option<Connections>, StoreError>;

    /// The time of the block that paid for the order that has waited longest for its energy.
    async fn oldest_unserved(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Delegations of our accounts in blocks since a moment that the books cannot explain, newest first, at most
    /// `limit`. Reads many rows: for people, not for every minute.
    async fn strange_delegations(
        &self,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<StrangeDelegation>, StoreError>;
}
