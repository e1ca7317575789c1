//! Pool accounts and the holds on their capacity.

use super::{OrderCommit, StoreError};
use async_trait::async_trait;
use leyden_domain::{
    AccountId, Address, HaltId, Timestamp,
    halt::Limit,
    operation::Operation,
    pool::{AccountState, Observed, PoolAccount, Reservation},
};

/// A pool account to be known.
#[derive(Debug, Clone)]
pub struct NewPoolAccount {
    /// Its id.
    pub id: AccountId,
    /// Its address.
    pub address: Address,
    /// Which permission our key signs with.
    pub permission_id: Option<u8>,
}

/// Capacity held for one order: its transition to `Reserved`, the reservations and the operations intended on them.
#[derive(Debug, Clone)]
pub struct ReserveCommit {
    /// The order's transition.
    pub order: OrderCommit,
    /// One for each leg of the plan.
    pub reservations: Vec<Reservation>,
    /// One for each reservation.
    pub operations: Vec<Operation>,
    /// What may be given at most, each with the id of the halt that is raised where this would be beyond it.
    pub limits: Vec<(Limit, HaltId)>,
}

/// Pool accounts and reservations.
#[async_trait]
pub trait PoolStore: Send + Sync + 'static {
    /// Makes an account known, or updates its permission where it is already.
    async fn upsert_pool_account(
        &self,
        new: NewPoolAccount,
        now: Timestamp,
    ) -> Result<PoolAccount, StoreError>;

    /// All pool accounts; `held` and `unseen` are computed from the reservations as they are now.
    async fn pool_accounts(&self) -> Result<Vec<PoolAccount>, StoreError>;

    /// Records what the chain said of an account. An older observation than the recorded one is ignored.
    async fn observe_account(&self, id: AccountId, observed: Observed) -> Result<(), StoreError>;

    /// Takes an account out of or into service, with the reason, if it is in the state that the decision was made on.
    /// `false`: it is in another, and nothing was changed.
    async fn set_account_state(
        &self,
        id: AccountId,
        expected: AccountState,
        state: AccountState,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Holds capacity for several orders in one transaction. Each is written whole or left out, with its own
    /// answer: `Conflict` where the order changed, or where an account can hold no more or was taken out of service;
    /// `Halted` where money stands still, which it does from the first on that would be beyond a limit.
    async fn reserve(&self, commits: Vec<ReserveCommit>) -> Result<Vec<Result<(), StoreError>>, StoreError>;
}
