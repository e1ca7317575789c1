//! The business of leyden, and nothing else: what an order is, how a payment finds it, which pool account
//! serves it, when a transaction may be signed again. Every function here is synchronous, total and decides
//! from its arguments alone; whoever needs time, randomness, the chain or the database passes in what they say.
//!
//! The choke points, one per kind of danger:
//!
//! * [`order::step`] is the only code that changes an order's state;
//! * [`payment::match_payment`] is the only code that says whose a payment is;
//! * [`pool::plan`] is the only code that chooses who delegates;
//! * [`operation::next_act`] with [`operation::may_resign`] is the only code that allows a second signature;
//! * [`chain::Follower`] is the only code that decides what the canonical chain is;
//! * [`refund::step`] is the only code that changes a refund's state.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::expect_used,
        clippy::panic,
        clippy::as_conversions,
        clippy::float_arithmetic
    )
)]

pub mod address;
pub mod amount;
pub mod book;
pub mod chain;
pub mod energy;
pub mod error;
pub mod halt;
pub mod id;
pub mod invariants;
pub mod journal;
pub mod operation;
pub mod order;
pub mod payment;
pub mod planted;
pub mod pool;
pub mod reconcile;
pub mod refund;
pub mod time;

pub use address::{Address, BlockId, BlockRef, Height, TxId};
pub use amount::{Asset, Sun, UsdtMicro};
pub use energy::{Bandwidth, Energy, EnergyRatio};
pub use error::{ArithmeticError, ParseError};
pub use id::{
    AccountId, ApiKeyId, HaltId, OperationId, OrderId, PaymentId, ReconciliationId, RefundId, RepairId,
    ReservationId,
};
pub use time::{Span, Timestamp};
