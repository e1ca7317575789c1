//! The choke point: no other code makes one order state from another.

use super::{Confirmation, Funding, HoldReason, Order, OrderState, OrderStateKind, Party, RefundReason};
use crate::{
    chain::Delivery,
    id::OperationId,
    planted::{Fault, planted},
    time::Timestamp,
};

/// Something that happened, as far as an order is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderEvent {
    /// A payment was matched to it.
    PaymentMatched(Funding),
    /// The payment is confirmed enough to act on.
    PaymentConfirmed(Confirmation),
    /// The payment's block left the chain, and nothing of ours that rests on it can still take effect.
    PaymentUndone,
    /// The payment was found again, in another block.
    PaymentMoved(Delivery),
    /// Its time is over and the chain has been read up to that moment.
    DeadlinePassed,
    /// Somebody calls it off.
    Cancelled(Party),
    /// Capacity for all that was bought is held.
    CapacityHeld,
    /// A delegation was signed.
    DelegationSigned,
    /// A delegation can no longer happen (its transaction is dead and will not be repeated): what it should have
    /// delivered must be planned anew.
    DelegationFailed,
    /// Every delegation is in a block, the last in one of this slot time.
    Delivered(Timestamp),
    /// The block of a delegation left the chain.
    DeliveryUndone,
    /// The rental is over.
    RentalEnded,
    /// All energy has been taken back, in solid blocks.
    Reclaimed,
    /// It cannot be served: the money must go back.
    Unservable(RefundReason),
    /// A part was delivered and the rest cannot be: the part is taken back, then the money must go back.
    CutShort(RefundReason),
    /// A refund was signed.
    RefundSigned(OperationId),
    /// The refund's transfer can never take effect: it is due again.
    RefundFailed,
    /// The refund is in a solid block.
    RefundSolid,
    /// The money is kept, by a rule or by a decision.
    RefundKept,
    /// A person must decide.
    Hold(HoldReason),
    /// A person decided: on from where it was.
    Release,
}

impl OrderEvent {
    /// A stable name for the timeline.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PaymentMatched(_) => "payment_matched",
            Self::PaymentConfirmed(_) => "payment_confirmed",
            Self::PaymentUndone => "payment_undone",
            Self::PaymentMoved(_) => "payment_moved",
            Self::DeadlinePassed => "deadline_passed",
            Self::Cancelled(_) => "cancelled",
            Self::CapacityHeld => "capacity_held",
            Self::DelegationSigned => "delegation_signed",
            Self::DelegationFailed => "delegation_failed",
            Self::Delivered(_) => "delivered",
            Self::DeliveryUndone => "delivery_undone",
            Self::RentalEnded => "rental_ended",
            Self::Reclaimed => "reclaimed",
            Self::Unservable(_) => "unservable",
            Self::CutShort(_) => "cut_short",
            Self::RefundSigned(_) => "refund_signed",
            Self::RefundFailed => "refund_failed",
            Self::RefundSolid => "refund_solid",
            Self::RefundKept => "refund_kept",
            Self::Hold(_) => "hold",
            Self::Release => "release",
        }
    }
}

/// What must be written in the same commit as the order's new state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// No payment that is in a block may be assigned to it at the moment of the commit, or the commit must fail.
    /// An assigned payment whose block is undone becomes unrouted again, so that it is matched anew should it
    /// come back.
    RequireUnpaid,
    /// Void its pending reservations and cancel their operations. If one of its delegations is signed or took
    /// effect at the moment of the commit, the commit must fail: an agent got in between.
    ReleaseCapacity,
    /// Intend one undelegation for each delegation that took effect.
    IntendReclaims,
}

/// An order's change: its new state and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The order as it will be; its version is one higher.
    pub order: Order,
    /// The version it was made from: the commit fails if the row has another.
    pub from_version: i64,
    /// What it was before.
    pub from: OrderStateKind,
    /// What happened.
    pub event: &'static str,
    /// What else the commit must write.
    pub effects: Vec<Effect>,
}

/// An event that cannot happen to an order in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {} cannot take the event {event}", state.name())]
pub struct InvalidTransition {
    /// The order's state.
    pub state: OrderStateKind,
    /// The event.
    pub event: &'static str,
}

/// Changes an order. `now` is chain time: the slot time of the newest block that has been read.
pub fn step(order: &Order, event: &OrderEvent, now: Timestamp) -> Result<Transition, InvalidTransition> {
    use OrderEvent as E;
    use OrderState as S;

    let refuse = || Err(InvalidTransition { state: order.state.kind(), event: event.name() });
    let mut effects = Vec::new();

    let state = match (&order.state, event) {
        (S::AwaitingPayment, E::PaymentMatched(funding)) => S::Paid { funding: *funding },
        // Of one whose money is due back the payment is nowhere on the chain as far as it is solid: nothing is to be given
        // back.
        (S::AwaitingPayment, E::DeadlinePassed) | (S::RefundDue { .. }, E::PaymentUndone) => {
            effects.push(Effect::RequireUnpaid);
            S::Expired { at: now }
        }
        (S::AwaitingPayment, E::Cancelled(by)) => {
            effects.push(Effect::RequireUnpaid);
            S::Cancelled { at: now, by: *by }
        }

        (S::Paid { funding }, E::PaymentConfirmed(confirmation)) => {
            S::Funded { funding: *funding, confirmation: *confirmation }
        }

        (S::Paid { .. } | S::Funded { .. } | S::Reserved { .. } | S::Delegating { .. }, E::PaymentUndone) => {
            effects.push(Effect::ReleaseCapacity);
            S::AwaitingPayment
        }
        (S::Active { funding, .. }, E::PaymentUndone) => {
            // Must not be possible: the delegations are bound to the payment's branch. Checked all the same.
            effects.push(Effect::IntendReclaims);
            S::Reclaiming { funding: *funding, ends_at: now, reverted: true, refund: None }
        }

        // The money is on the chain again, in another block. What was confirmed before is confirmed no more.
        (S::Paid { funding } | S::Funded { funding, .. }, E::PaymentMoved(block)) => {
            S::Paid { funding: Funding { block: *block, ..*funding } }
        }
        (S::Reserved { funding, .. }, E::PaymentMoved(block)) => {
            effects.push(Effect::ReleaseCapacity);
            S::Paid { funding: Funding { block: *block, ..*funding } }
        }
        (S::Delegating { funding, .. }, E::PaymentMoved(block)) => S::Delegating {
            funding: Funding { block: *block, ..*funding },
            confirmation: Confirmation::ForkBound { block: block.block },
        },
        (S::Active { funding, delivered_at, ends_at }, E::PaymentMoved(block)) => S::Active {
            funding: Funding { block: *block, ..*funding },
            delivered_at: *delivered_at,
            ends_at: *ends_at,
        },

        (S::Funded { funding, confirmation }, E::CapacityHeld) => {
            S::Reserved { funding: *funding, confirmation: *confirmation }
        }

        (S::Reserved { funding, confirmation }, E::DelegationSigned) => {
            S::Delegating { funding: *funding, confirmation: *confirmation }
        }
        (
            S::Reserved { funding, confirmation } | S::Delegating { funding, confirmation },
            E::DelegationFailed,
        ) => S::Funded { funding: *funding, confirmation: *confirmation },
        (
            S::Funded { funding, .. } | S::Reserved { funding, .. } | S::Delegating { funding, .. },
            E::Unservable(why),
        ) => {
            effects.push(Effect::ReleaseCapacity);
            S::RefundDue { funding: *funding, why: *why }
        }

        (S::Delegating { funding, .. }, E::Delivered(at)) => {
            S::Active { funding: *funding, delivered_at: *at, ends_at: at.plus(order.duration) }
        }
        (S::Active { funding, .. }, E::DeliveryUndone) => S::Delegating {
            funding: *funding,
            confirmation: Confirmation::ForkBound { block: funding.block.block },
        },
        (S::Active { funding, ends_at, .. }, E::RentalEnded)
            if now >= *ends_at || planted(Fault::ReclaimEarly) =>
        {
            effects.push(Effect::IntendReclaims);
            S::Reclaiming { funding: *funding, ends_at: *ends_at, reverted: false, refund: None }
        }

        (S::Funded { funding, .. }, E::CutShort(why)) => {
            effects.push(Effect::IntendReclaims);
            S::Reclaiming { funding: *funding, ends_at: now, reverted: false, refund: Some(*why) }
        }
        (S::Reclaiming { funding, refund: Some(why), .. }, E::Reclaimed) => {
            S::RefundDue { funding: *funding, why: *why }
        }
        (S::Reclaiming { funding, ends_at, reverted: false, .. }, E::Reclaimed) => {
            S::Completed { funding: *funding, ends_at: *ends_at }
        }
        (S::Reclaiming { funding, reverted: true, .. }, E::Reclaimed) => S::Reverted { funding: *funding },

        (S::RefundDue { funding, why }, E::RefundSigned(operation)) => {
            S::Refunding { funding: *funding, why: *why, operation: *operation }
        }
        (S::Refunding { funding, why, .. }, E::RefundFailed) => S::RefundDue { funding: *funding, why: *why },
        (S::RefundDue { funding, why }, E::RefundKept) => S::Forfeited { funding: *funding, why: *why },
        (S::Refunding { funding, why, operation }, E::RefundSolid) => {
            S::Refunded { funding: *funding, why: *why, operation: *operation }
        }

        (S::Held { from, .. }, E::Release) => from.as_ref().clone(),
        // What is sent is followed to its end, and its order with it: there is nothing left to be decided.
        (S::Held { .. } | S::Refunding { .. }, E::Hold(_)) => return refuse(),
        (state, E::Hold(why)) if !state.kind().is_terminal() => {
            S::Held { why: *why, from: Box::new(state.clone()) }
        }

        _ => return refuse(),
    };

    Ok(Transition {
        from: order.state.kind(),
        from_version: order.version,
        event: event.name(),
        order: Order { state, version: order.version.saturating_add(1), updated_at: now, ..order.clone() },
        effects,
    })
}
