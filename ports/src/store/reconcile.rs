//! Comparisons of the books with the chain, and the repairs that they propose. A comparison is one row that is written
//! when it is done; a repair is a row that ends once.

use super::{BlockCommit, Page, StoreError};
use async_trait::async_trait;
use leyden_domain::{
    AccountId, Address, Height, OrderId, ReconciliationId, RepairId, Sun, Timestamp,
    operation::Operation,
    reconcile::{Decision, Outgoings, Pair, Reconciliation, Repair, RepairState, Say, SayRefusal, StillOpen},
};
use std::collections::{BTreeMap, BTreeSet};

/// A comparison that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconciliationWish {
    /// Its id.
    pub id: ReconciliationId,
    /// When.
    pub at: Timestamp,
    /// Who: an API key's id.
    pub by: String,
}

/// A comparison as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReconciliationRow {
    /// Wanted, and not done yet.
    Wanted(ReconciliationWish),
    /// Done.
    Done(Reconciliation),
}

/// What recorded blocks brought to accounts that are paid to and took from them, in TRX.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TillFlow {
    /// Payments, transfers too small to be one, and what our own accounts sent there.
    pub came: Sun,
    /// What transfers sent from there.
    pub left: Sun,
}

/// Why a repair was not decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RepairRefusal {
    /// There is none.
    #[error("no such repair")]
    NoRepair,
    /// It does not wait for anybody.
    #[error("the repair is not to be decided any more")]
    NotProposed(Box<Repair>),
    /// The rules.
    #[error(transparent)]
    Rule(SayRefusal),
    /// The books.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Comparisons and repairs.
#[async_trait]
pub trait ReconcileStore: Send + Sync + 'static {
    /// Wants a comparison, to be made by whoever does the work.
    async fn want_reconciliation(&self, wish: ReconciliationWish) -> Result<(), StoreError>;

    /// The oldest comparison that is wanted and not done.
    async fn wanted_reconciliation(&self) -> Result<Option<ReconciliationWish>, StoreError>;

    /// Keeps a comparison that is done, with what it proposes, in one commit. A repair is left out where one is open
    /// for the same subject. One that waits for a person ends where the comparison before carried its difference on and
    /// this one does not: the books explain it. Returns those that were kept.
    async fn record_reconciliation(
        &self,
        done: Reconciliation,
        proposed: Vec<Repair>,
    ) -> Result<Vec<Repair>, StoreError>;

    /// The newest comparison that is done.
    async fn last_reconciliation(&self) -> Result<Option<Reconciliation>, StoreError>;

    /// What the payment addresses held when that was last read, and at which block.
    async fn last_till(&self) -> Result<Option<(Height, i64)>, StoreError>;

    /// One comparison.
    async fn reconciliation(&self, id: ReconciliationId) -> Result<Option<ReconciliationRow>, StoreError>;

    /// A page of comparisons, newest first; the cursor is (started, id).
    async fn list_reconciliations(&self, page: &Page) -> Result<Vec<ReconciliationRow>, StoreError>;

    /// What the books say an account has delegated to each receiver: what the chain should show at this block.
    async fn lent_by(
        &self,
        account: AccountId,
        owner: Address,
        at: Height,
    ) -> Result<BTreeMap<Address, i64>, StoreError>;

    /// All that the books know of an account and one receiver; what the chain says is for the caller to add.
    async fn pair(
        &self,
        account: AccountId,
        owner: Address,
        receiver: Address,
        at: Height,
    ) -> Result<Pair, StoreError>;

    /// What was recorded as come to the payment addresses and gone from them, in blocks above the one and up to the
    /// other. Payments are all that are recorded, whichever of our addresses they went to.
    async fn till_between(
        &self,
        payees: &BTreeSet<Address>,
        above: Height,
        to: Height,
    ) -> Result<TillFlow, StoreError>;

    /// What comparisons have found on accounts and neither the books explain nor a person has closed, by an applied
    /// write-off; the oldest first.
    async fn open_differences(&self) -> Result<Vec<StillOpen>, StoreError>;

    /// Records what is missing of a block that is recorded: payments, transfers too small to be one, and stake events, each
    /// once. Returns how many were missing. `Conflict` where another block stands at its height.
    async fn amend_block(&self, block: BlockCommit, now: Timestamp) -> Result<u32, StoreError>;

    /// A page of repairs, newest first; in any state where `states` is empty. The cursor is (proposed, id).
    async fn list_repairs(&self, states: &[RepairState], page: &Page) -> Result<Vec<Repair>, StoreError>;

    /// One repair.
    async fn repair(&self, id: RepairId) -> Result<Option<Repair>, StoreError>;

    /// The newest repair for a subject, whatever became of it.
    async fn last_repair(&self, subject: &str) -> Result<Option<Repair>, StoreError>;

    /// A person approves or rejects a repair that is proposed ([`Repair::decide`]).
    async fn decide_repair(
        &self,
        id: RepairId,
        say: Say,
        decision: Decision,
    ) -> Result<Repair, RepairRefusal>;

    /// The operation that takes back what a repair says, if it was intended already.
    async fn retake(&self, id: RepairId) -> Result<Option<Operation>, StoreError>;

    /// Intends that operation: once for a repair, ever. `Conflict` where it was intended before or the repair is not
    /// approved, `Halted` where no energy may be taken back.
    async fn intend_retake(&self, operation: Operation) -> Result<(), StoreError>;

    /// Ends rentals of an account for a receiver that are over and of which nothing is left on the chain: those that
    /// come to exactly `missing` in all, with their holds. Says the orders that are concerned; nothing, and nothing is
    /// changed, where none do.
    async fn release_lost(&self, repair: RepairId, missing: Sun) -> Result<Vec<OrderId>, StoreError>;

    /// What left an address of ours by recorded blocks above one and up to another: transfers, what was staked, and how
    /// many transactions may have cost a fee.
    async fn left_between(&self, from: Address, above: Height, to: Height) -> Result<Outgoings, StoreError>;

    /// Says what came of a repair that was approved. `Conflict` where it is final already.
    async fn settle_repair(
        &self,
        id: RepairId,
        applied: bool,
        at: Timestamp,
        outcome: String,
    ) -> Result<(), StoreError>;
}
