//! What the rest of the service may ask of the actors. Everything here works while actors are down: hints are
//! lost without harm, boards grow old, requests answer that they cannot be served now.

use crate::boards::{Board, ChainStatus, PoolStatus};
use leyden_domain::{
    Height, OrderId, TxId,
    order::{Order, Party},
    payment::Payment,
};
use leyden_ports::StoreError;
use std::sync::Arc;

/// Why a request to an actor was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unserved {
    /// Its mailbox is full.
    #[error("busy")]
    Busy,
    /// It is not running.
    #[error("down")]
    Down,
    /// It did not answer in time. What was asked may still happen.
    #[error("timed out")]
    TimedOut,
}

/// Why an order was not cancelled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CancelError {
    /// There is none.
    #[error("no such order")]
    NoOrder,
    /// A payment for it has been seen, or it has ended.
    #[error("the order can no longer be cancelled")]
    TooLate(Box<Order>),
    /// The books.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its watcher.
    #[error("not now: {0}")]
    Unserved(#[from] Unserved),
}

/// What is known of a transaction that somebody names as the payment of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// It is in no block that the node knows.
    NotSeen,
    /// It is in a block that we have not read yet; the ordinary way will find it.
    Ahead {
        /// That block.
        height: Height,
    },
    /// It is in a block that we have read, and pays nothing to us.
    NotAPayment {
        /// That block.
        height: Height,
    },
    /// It is recorded and not looked at yet.
    Pending,
    /// It is this order's payment.
    Matched(Box<Payment>),
    /// It belongs to another order.
    MatchedElsewhere,
    /// It waits: under, late, second or unmatched, as its state says.
    Waiting(Box<Payment>),
}

/// Why a claim was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// There is no such order.
    #[error("no such order")]
    NoOrder,
    /// The books.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] leyden_ports::ChainError),
    /// The actor.
    #[error("not now: {0}")]
    Unserved(#[from] Unserved),
}

/// The boards that actors post to.
#[derive(Debug, Default)]
pub struct Boards {
    /// How far the chain was read.
    pub chain: Board<ChainStatus>,
    /// What the pool can give.
    pub pool: Board<PoolStatus>,
}

/// The way to the actors.
#[derive(Debug, Clone)]
pub struct Handles {
    pub(crate) boards: Arc<Boards>,
}

impl Handles {
    /// The boards.
    pub fn boards(&self) -> &Boards {
        &self.boards
    }

    /// Hint: an order was made.
    pub fn watch_order(&self, _order: OrderId) {
        todo!()
    }

    /// Calls off an order that is not paid.
    pub async fn cancel_order(&self, _order: OrderId, _by: Party) -> Result<Order, CancelError> {
        todo!()
    }

    /// Looks up a transaction that somebody names as the payment of an order. Never gives the payment to anybody:
    /// the ordinary rules decide.
    pub async fn claim_payment(&self, _order: OrderId, _tx_id: TxId) -> Result<ClaimOutcome, ClaimError> {
        todo!()
    }
}
