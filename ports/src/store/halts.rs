//! Halts: rows that stop money for as long as they are open. Every write that would begin to move money looks for them
//! in its own transaction and is answered [`StoreError::Halted`], so that whoever decided a moment before is too late.

use super::{Page, StoreError};
use async_trait::async_trait;
use leyden_domain::{
    AccountId, HaltId, OrderId, Sun, Timestamp,
    book::Book,
    halt::{Halt, HaltCause, Lift, Meter},
};
use std::collections::BTreeMap;

/// A halt to be raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHalt {
    /// Its id, if it comes to be.
    pub id: HaltId,
    /// Why.
    pub cause: HaltCause,
    /// What was found, for people.
    pub detail: String,
    /// Stable names of what was found.
    pub evidence: Vec<String>,
    /// When.
    pub at: Timestamp,
    /// Who raises it.
    pub by: String,
}

/// What came of raising a halt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Raised {
    /// It is open now.
    Fresh(Halt),
    /// One for the same cause was open already. It has been told what was new.
    Open(Halt),
}

/// Why a halt was not lifted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LiftRefusal {
    /// There is none.
    #[error("no such halt")]
    NoHalt,
    /// It was lifted before.
    #[error("the halt is not open any more")]
    NotOpen(Box<Halt>),
    /// The books.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A part of the books, read at one moment, that the invariants can be checked on (`invariants::check_part`).
#[derive(Debug, Clone, Default)]
pub struct BookPart {
    /// Orders with all that belongs to them, all accounts, the newest blocks.
    pub book: Book,
    /// What the holding reservations of each account come to.
    pub held: BTreeMap<AccountId, Sun>,
    /// Where the round through all orders goes on; `None`: it has come to its end and begins anew.
    pub next: Option<(Timestamp, OrderId)>,
    /// Rows that say what cannot be, as the error that names each. What belongs to such an order is not in the part;
    /// where it is an account or a block, of the part there are the accounts that can be read alone.
    pub unreadable: Vec<String>,
}

/// Halts, and what is counted and looked at to raise them.
#[async_trait]
pub trait HaltStore: Send + Sync + 'static {
    /// Those that are open, oldest first.
    async fn open_halts(&self) -> Result<Vec<Halt>, StoreError>;

    /// A page of all that ever were, newest first; the cursor is (since, id).
    async fn list_halts(&self, page: &Page) -> Result<Vec<Halt>, StoreError>;

    /// One halt.
    async fn halt(&self, id: HaltId) -> Result<Option<Halt>, StoreError>;

    /// Raises a halt. Where one for the same cause is open, that one is told what it does not know yet
    /// ([`Halt::tell`]). From its answer on, no write is committed that would begin to move money.
    async fn raise_halt(&self, new: NewHalt) -> Result<Raised, StoreError>;

    /// Lifts a halt.
    async fn lift_halt(&self, id: HaltId, lift: Lift) -> Result<Halt, LiftRefusal>;

    /// Behind which moment is counted since a halt for this cause was last lifted: the newest of what its limit counts
    /// was there then. By the clock of what is counted, whoever lifted it.
    async fn last_lift(&self, cause: HaltCause) -> Result<Option<Timestamp>, StoreError>;

    /// The evidence of lifted halts for this cause, newest first, of at most so many; without what is gone since.
    async fn lifted_evidence(&self, cause: HaltCause, limit: u32) -> Result<Vec<String>, StoreError>;

    /// Takes note that of the evidence of lifted halts these names were not found any more: who finds one again has
    /// found something that nobody has seen.
    async fn evidence_gone(&self, cause: HaltCause, names: Vec<String>) -> Result<(), StoreError>;

    /// What was counted since a moment, by the clock of what is counted.
    async fn metered(&self, meter: Meter, since: Timestamp) -> Result<i64, StoreError>;

    /// A part of the books: the newest orders, those under way, and the next of a round through all there are; at most
    /// `limit` of each.
    async fn book_part(
        &self,
        after: Option<(Timestamp, OrderId)>,
        limit: u32,
    ) -> Result<BookPart, StoreError>;

    /// Forgets falls of balances before a moment. Returns how many.
    async fn forget_falls(&self, before: Timestamp) -> Result<u64, StoreError>;
}
