//! The books. One method is one transaction; what a method writes is written whole or not at all, guarded by the
//! versions of what it changes. Everything that an actor knows it has read from here, so any actor may be killed
//! between any two calls.
//!
//! The trait is split by aggregate so that each reader sees what it may touch; [`Store`] is all of them together.

mod blocks;
mod halts;
mod inspect;
mod journal;
mod leases;
mod operations;
mod orders;
mod payments;
mod pool;
mod reconcile;
mod refunds;
mod service;
mod settle;

pub use blocks::{BlockCommit, BlockStore, ChainPosition, DustCount, RewindReport};
pub use halts::{BookPart, HaltStore, LiftRefusal, NewHalt, Raised};
pub use inspect::{Connections, InspectStore, StrangeDelegation};
pub use journal::{Difference, JournalStore, Verified, VerifyError};
pub use leases::{Fence, Lease, LeaseRow, LeaseStore};
pub use operations::{AttemptCommit, OperationChange, OperationCommit, OperationStore, ReclaimDraft};
pub use orders::{
    CreateRefusal, Created, Durability, IdempotencyClaim, IdempotencyKey, NewOrder, OrderCommit, OrderDetail,
    OrderFilter, OrderStore, OrderWait, Page, StoredResponse, TimelineEntry,
};
pub use payments::{PaymentFilter, PaymentStore, Routing, UnroutedPayment};
pub use pool::{NewPoolAccount, PoolStore, ReserveCommit};
pub use reconcile::{ReconcileStore, ReconciliationRow, ReconciliationWish, RepairRefusal, TillFlow};
pub use refunds::{
    NewRefundAccount, OnItsWay, RefundAnswer, RefundCommit, RefundCount, RefundDetail, RefundDraft,
    RefundEntry, RefundFilter, RefundStore, RefundTarget, RefundTransfer, RefundWish, RefundWork,
    StrangeTransfer, Transfer, Warrant, WarrantError, WishError, WriteOff,
};
pub use service::{
    ApiKeyRecord, ConfigDocument, EncryptedKey, MonitoringRow, NewApiKey, Once, ServiceStore, StoredQuote,
    Totals,
};
pub use settle::{Settled, Settlement};

use async_trait::async_trait;
use leyden_domain::{halt::HaltCause, order::InvalidTransition};

/// Why the books did not do what was asked. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed it first. Read again and decide anew.
    #[error("{0} was changed by somebody else")]
    Conflict(&'static str),
    /// A row says something that cannot be. An operator must look; nothing is guessed.
    #[error("inconsistent row in {table}.{column} of {id}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// Which row.
        id: String,
    },
    /// The database cannot be reached or refused for a reason of its own (busy, full, gone). Worth trying again;
    /// if it was a write, it may have been committed all the same.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// The lease that the write was made under is another's now, or nobody's. Nothing is to be tried again under it.
    #[error("the lease for this work is no longer ours")]
    Fenced,
    /// Money stands still for this cause, and what was asked would have begun to move it.
    #[error("money stands still: {}", .0.name())]
    Halted(HaltCause),
    /// The database says that a rule of the schema would be broken: a defect of ours.
    #[error("rule broken: {0}")]
    Rule(String),
}

impl StoreError {
    /// Whether it speaks of the books or of the whole work rather than of what was asked: whoever does many things in
    /// a round ends the round.
    pub const fn concerns_all(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Fenced)
    }
}

/// A decision that could not be made on the rows that were read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// The books.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rules.
    #[error(transparent)]
    Transition(#[from] InvalidTransition),
}

/// All of the books.
#[async_trait]
pub trait Store:
    OrderStore
    + PaymentStore
    + BlockStore
    + PoolStore
    + OperationStore
    + RefundStore
    + ServiceStore
    + InspectStore
    + JournalStore
    + HaltStore
    + ReconcileStore
    + std::fmt::Debug
{
    /// Answers if the database can be read and written.
    async fn ping(&self) -> Result<(), StoreError>;

    /// All rows that the invariants speak of, at one moment.
    async fn book(&self) -> Result<leyden_domain::book::Book, StoreError>;
}
