//! The choke point of refunds: no other code makes one state of a refund from another.

use super::{KeptBy, Owed, Refund, RefundHold, RefundState, RefundStateKind};
use crate::{address::Address, id::OperationId, time::Timestamp};

/// Something that happened, as far as a refund is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundEvent {
    /// Its time has come, or it is tried again, or a person lets it go.
    Ripened,
    /// It cannot go now.
    Hold {
        /// Why.
        why: RefundHold,
        /// When it is tried again by itself, in chain time.
        retry_at: Option<Timestamp>,
    },
    /// Its transfer is intended, in the same commit.
    Intended(OperationId),
    /// The transfer can never take effect, and none is signed any more: what is to be done is decided anew.
    TransferFailed {
        /// Why it is held now.
        why: RefundHold,
        /// When it is tried again by itself, in chain time.
        retry_at: Option<Timestamp>,
    },
    /// The transfer is in a solid block.
    TransferSolid,
    /// It is kept.
    Keep(KeptBy),
    /// The payment pays for an order now.
    Withdraw,
    /// What is owed has changed: the payment was withdrawn and bought nothing after all, or its order cannot be served.
    Reopen {
        /// What is owed now.
        owed: Owed,
        /// To whom: the payer. Where an operator wanted it before was decided about another refund.
        to: Address,
    },
}

impl RefundEvent {
    /// A stable name for the history.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ripened => "ripened",
            Self::Hold { .. } => "held",
            Self::Intended(_) => "intended",
            Self::TransferFailed { .. } => "transfer_failed",
            Self::TransferSolid => "transfer_solid",
            Self::Keep(_) => "kept",
            Self::Withdraw => "withdrawn",
            Self::Reopen { .. } => "reopened",
        }
    }
}

/// A refund's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundTransition {
    /// The refund as it will be; its version is one higher.
    pub refund: Refund,
    /// The version it was made from: the commit fails if the row has another.
    pub from_version: i64,
    /// What it was before.
    pub from: RefundStateKind,
    /// What happened.
    pub event: &'static str,
}

/// An event that cannot happen to a refund in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a refund that is {} cannot take the event {event}", state.name())]
pub struct InvalidRefundStep {
    /// The refund's state.
    pub state: RefundStateKind,
    /// The event.
    pub event: &'static str,
}

/// Changes a refund. `now` is chain time.
pub fn step(
    refund: &Refund,
    event: &RefundEvent,
    now: Timestamp,
) -> Result<RefundTransition, InvalidRefundStep> {
    use RefundEvent as E;
    use RefundState as S;

    let mut next = refund.clone();
    next.state = match (&refund.state, event) {
        (S::Waiting { .. } | S::Held { .. }, E::Ripened) => S::Due,
        (S::Waiting { .. } | S::Due, E::Hold { why, retry_at })
        | (S::Sending { .. }, E::TransferFailed { why, retry_at }) => {
            S::Held { why: *why, retry_at: *retry_at }
        }
        // Nothing leaves while somebody's wish about it is open, nor for nothing.
        (S::Due, E::Intended(operation)) if refund.proposal.is_none() && refund.amount() > 0 => {
            S::Sending { operation: *operation, at: now }
        }
        (S::Sending { operation, at }, E::TransferSolid) => S::Refunded { operation: *operation, at: *at },
        (S::Waiting { .. } | S::Due | S::Held { .. }, E::Keep(rule)) => S::Kept { rule: *rule },
        (S::Waiting { .. } | S::Due | S::Held { .. }, E::Withdraw) => S::Withdrawn,
        (S::Withdrawn, E::Reopen { owed, to }) => {
            next.to = *to;
            next.address_set_by = None;
            next.address_approved_by = None;
            next.checks_waived = false;
            next.cause = owed.cause;
            next.order = owed.order;
            next.owed = owed.amount;
            next.fee = owed.fee;
            next.decided_by = owed.decided_by;
            next.approved_by = None;
            next.guard_waived = false;
            next.proposal = None;
            owed.state.clone()
        }
        (state, event) => return Err(InvalidRefundStep { state: state.kind(), event: event.name() }),
    };
    // A wish about what is over is over.
    if matches!(next.state, S::Kept { .. } | S::Withdrawn | S::Refunded { .. }) {
        next.proposal = None;
    }
    next.version = refund.version.saturating_add(1);
    next.updated_at = now;
    Ok(RefundTransition {
        from: refund.state.kind(),
        from_version: refund.version,
        event: event.name(),
        refund: next,
    })
}
