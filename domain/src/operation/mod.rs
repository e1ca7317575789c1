//! Operations: on-chain effects that we cause, each exactly once. An operation is intended in the same commit as
//! the decision that needs it; every signed transaction for it is an attempt whose bytes and id are committed
//! before anybody else sees them; the block stream alone says what became of it.

mod answer;
mod step;

pub use answer::{RefusalMeaning, meaning_of};
pub use step::{ChainView, Death, NextAct, OperationPolicy, death_of, may_resign, next_act};

use crate::{
    address::{Address, BlockRef, TxId},
    amount::{Asset, Sun},
    chain::{Delivery, Lock, RefusalCode},
    energy::Energy,
    error::ParseError,
    id::{AccountId, OperationId, OrderId, RefundId, RepairId, ReservationId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// One on-chain effect that we cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// The order it serves; a refund may belong to none, and what a repair takes back does.
    pub order: Option<OrderId>,
    /// The account that acts.
    pub account: AccountId,
    /// That account's address.
    pub owner: Address,
    /// Who gets or gives back the energy, or gets the money.
    pub receiver: Address,
    /// The stake or the money that is moved, in sun; in millionths where it is USDT.
    pub balance: Sun,
    /// The energy it was worth when it was planned; none for money.
    pub energy: Energy,
    /// What is done.
    pub kind: OperationKind,
    /// What has become of it.
    pub state: OperationState,
    /// How many transactions were signed for it so far.
    pub attempts: u32,
    /// The block that holds its transaction, as last recorded.
    pub delivery: Option<Delivery>,
    /// Why no other transaction will be signed, where it failed.
    pub failure: Option<RefusalMeaning>,
    /// Counts its changes.
    pub version: i64,
    /// When it was intended.
    pub created_at: Timestamp,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// Gives energy to the receiver.
    Delegate {
        /// The capacity it uses.
        reservation: ReservationId,
        /// Present where the energy shall not be taken back for a while.
        lock: Option<Lock>,
    },
    /// Takes energy back: exactly what that delegation gave.
    Undelegate {
        /// The delegation it ends. At most one operation ever names it.
        delegation: OperationId,
    },
    /// Takes back what no delegation of the books gave and the chain has all the same.
    Retake {
        /// The repair that two persons have approved. At most one operation ever names it.
        repair: RepairId,
    },
    /// Sends money back.
    Refund {
        /// What for. At most one operation that may still take effect, or has, names it.
        refund: RefundId,
        /// What is sent: TRX by a transfer, USDT by a call of its contract.
        asset: Asset,
    },
}

impl OperationKind {
    /// A stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Delegate { .. } => "delegate",
            Self::Undelegate { .. } => "undelegate",
            Self::Retake { .. } => "retake",
            Self::Refund { asset: Asset::Trx, .. } => "refund_trx",
            Self::Refund { asset: Asset::Usdt, .. } => "refund_usdt",
        }
    }
}

/// What has become of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// Decided; no live transaction exists.
    Intended,
    /// One live transaction exists, stored before it was sent.
    Signed,
    /// Its transaction is in a block of the chain as we know it.
    Included,
    /// Its transaction is in a solid block. Final.
    Solid,
    /// No transaction of it can ever take effect, and none will be signed. Final.
    Failed,
    /// Called off before it could take effect. Final.
    Cancelled,
}

impl OperationState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Intended, Self::Signed, Self::Included, Self::Solid, Self::Failed, Self::Cancelled];

    /// The value of the column `state`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Signed => "signed",
            Self::Included => "included",
            Self::Solid => "solid",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether its agent still has work with it.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Intended | Self::Signed | Self::Included)
    }

    /// Whether the chain has it, now.
    pub const fn took_effect(self) -> bool {
        matches!(self, Self::Included | Self::Solid)
    }
}

impl FromStr for OperationState {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or_else(|| ParseError::Name { kind: "operation state", value: text.to_owned() })
    }
}

impl Operation {
    /// Whether nothing is left to be taken back for the delegation that this undelegation ends: it was, or persons
    /// have said that it is gone.
    pub fn has_ended(&self) -> bool {
        self.state == OperationState::Solid
            || (self.state == OperationState::Failed && self.failure == Some(RefusalMeaning::WrittenOff))
    }
}

/// One signed transaction of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its transaction's id.
    pub tx_id: TxId,
    /// The operation.
    pub operation: OperationId,
    /// 1 for the first.
    pub number: u32,
    /// The whole serialized transaction.
    pub bytes: Vec<u8>,
    /// The block it is bound to.
    pub reference: BlockRef,
    /// After this moment of chain time no block may include it.
    pub expiration: Timestamp,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// What a node last refused it with, if one did: evidence for when it is dead, never a verdict by itself.
    pub refusal: Option<Refusal>,
    /// Whether it is proven dead.
    pub dead: bool,
}

/// A node's refusal, kept as evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Its class.
    pub code: RefusalCode,
    /// Its text.
    pub message: String,
}

/// An attempt together with where the canonical chain, as we know it, has it and its reference block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedAttempt {
    /// The attempt.
    pub attempt: Attempt,
    /// The block that holds its transaction, if one does and it took effect there.
    pub included: Option<Delivery>,
    /// The block that holds its transaction without its having had any effect, as contract calls may be held: it can
    /// be in no other block as long as it is in that one.
    pub failed: Option<Delivery>,
    /// Whether its reference block is on the chain.
    pub reference_canonical: bool,
}

/// An operation that still needs attention, with all its agent must know about it: what `next_act` decides from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationWork {
    /// The operation.
    pub operation: Operation,
    /// Its newest transaction.
    pub newest: Option<TrackedAttempt>,
    /// The block that now holds the order's payment; `None` while the payment is undone.
    pub payment_block: Option<Delivery>,
    /// Whether another operation from the same account to the same receiver has a live transaction.
    pub sibling_live: bool,
}
