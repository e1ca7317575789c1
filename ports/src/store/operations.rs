//! Operations and attempts: intent before signature, signature before broadcast.

use super::{OrderCommit, StoreError};
use async_trait::async_trait;
use leyden_domain::{
    AccountId, OperationId, Timestamp, TxId,
    chain::Delivery,
    operation::{Attempt, OperationWork, Refusal, RefusalMeaning},
};

/// An undelegation to be intended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReclaimDraft {
    /// Its id.
    pub id: OperationId,
    /// The delegation it ends.
    pub delegation: OperationId,
}

/// A signed transaction to be stored before anybody sees it.
#[derive(Debug, Clone)]
pub struct AttemptCommit {
    /// The version of the operation it was decided on; the operation must be `Intended`.
    pub operation_version: i64,
    /// The attempt; all earlier ones of the operation must be dead.
    pub attempt: Attempt,
}

/// What becomes of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationChange {
    /// Its transaction is in this block. A delegation's reservation becomes posted.
    Include(Delivery),
    /// That block left the chain. A delegation's reservation is pending again.
    Exclude,
    /// Its transaction is in this solid block. An undelegation's reservation becomes returned.
    Solidify(Delivery),
    /// Its newest transaction is dead; it is `Intended` again.
    Bury,
    /// Its newest transaction is dead and no other will be signed. A delegation's reservation becomes voided.
    Fail(RefusalMeaning),
    /// Called off; its newest transaction, if any, is dead. A delegation's reservation becomes voided.
    Cancel,
}

/// A change of an operation, guarded by its version.
#[derive(Debug, Clone)]
pub struct OperationCommit {
    /// Which operation.
    pub operation: OperationId,
    /// The version it was decided on.
    pub version: i64,
    /// The change.
    pub change: OperationChange,
    /// What becomes of its order in the same commit.
    pub order: Option<OrderCommit>,
}

/// Operations and attempts.
#[async_trait]
pub trait OperationStore: Send + Sync + 'static {
    /// All operations of an account that still need attention, oldest first, with all that deciding needs.
    async fn account_work(&self, account: AccountId, limit: u32) -> Result<Vec<OperationWork>, StoreError>;

    /// Stores signed transactions, in one transaction; each operation becomes `Signed`. Each is written whole or
    /// left out, with its own answer: `Conflict` where the operation changed, or where the transaction is stored
    /// already.
    async fn record_attempts(
        &self,
        commits: Vec<AttemptCommit>,
    ) -> Result<Vec<Result<(), StoreError>>, StoreError>;

    /// Keeps a node's refusal as evidence. Not a change of state.
    async fn record_refusal(&self, tx_id: TxId, refusal: &Refusal) -> Result<(), StoreError>;

    /// Commits changes, in one transaction; each is written whole or left out, with its own answer.
    async fn commit_operations(
        &self,
        commits: Vec<OperationCommit>,
        now: Timestamp,
    ) -> Result<Vec<Result<(), StoreError>>, StoreError>;

    /// The attempts of an operation, oldest first.
    async fn attempts(&self, operation: OperationId) -> Result<Vec<Attempt>, StoreError>;
}
