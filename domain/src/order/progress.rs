//! Which event is due? Read from the facts alone, so that a hint, a timer, a sweep and a restart all come to the
//! same answer, and a lost message costs time and nothing else.

use super::{Confirmation, Funding, HoldReason, Order, OrderEvent, OrderState, RefundReason};
use crate::{
    amount::Sun,
    energy::Energy,
    operation::{ChainView, Operation, OperationKind, OperationState, RefusalMeaning},
    payment::{Payment, PaymentState},
    planted::{Fault, planted},
    time::{Span, Timestamp},
};

/// All that bears on an order at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The payment assigned to it, where there is one.
    pub payment: Option<&'a Payment>,
    /// Its delegations, failed and cancelled ones included.
    pub delegations: &'a [Operation],
    /// The operations that take those back.
    pub reclaims: &'a [Operation],
    /// The chain as far as it has been read.
    pub chain: ChainView,
    /// Payments above this wait until their block is solid.
    pub solid_above: Sun,
}

/// The funding that a payment gives an order; `None` while it does not settle one or its block is undone.
fn funding_of(payment: &Payment) -> Option<Funding> {
    match (payment.state, payment.block) {
        (PaymentState::Settles { count, excess, .. }, Some(block)) => Some(Funding {
            payment: payment.id,
            paid: Sun::new(payment.amount),
            count,
            excess,
            payer: payment.from,
            block,
        }),
        _ => None,
    }
}

/// Whether a payment is confirmed enough, and how.
pub fn confirmation_of(funding: &Funding, chain: ChainView, solid_above: Sun) -> Option<Confirmation> {
    if funding.block.block.height() <= chain.solid.height() {
        return Some(Confirmation::Solid { height: chain.solid.height() });
    }
    (funding.paid <= solid_above).then_some(Confirmation::ForkBound { block: funding.block.block })
}

/// The energy that was bought and that no delegation, done or still possible, will deliver.
pub fn undelivered(order: &Order, delegations: &[Operation]) -> Energy {
    let promised = effective(delegations)
        .try_fold(Energy::ZERO, |sum, operation| sum.plus(operation.energy))
        .unwrap_or(Energy::new(i64::MAX));
    let bought = order.energy_bought().unwrap_or(Energy::ZERO);
    let sold = if planted(Fault::HalfDelivered) {
        Energy::new(bought.get().checked_div(2).unwrap_or(0))
    } else {
        bought
    };
    sold.saturating_sub(promised)
}

/// Delegations that happened or still may.
fn effective(delegations: &[Operation]) -> impl Iterator<Item = &Operation> {
    delegations.iter().filter(|o| !matches!(o.state, OperationState::Failed | OperationState::Cancelled))
}

/// The event that is due, if one is.
pub fn next_event(order: &Order, facts: &Facts<'_>) -> Option<OrderEvent> {
    let funding_now = facts.payment.and_then(funding_of);
    let none_signed = !facts.delegations.iter().any(|o| o.state == OperationState::Signed);
    let none_happened = !facts.delegations.iter().any(|o| o.state.took_effect());
    let nothing_live = none_signed && none_happened;

    match &order.state {
        OrderState::AwaitingPayment => awaiting(order, facts, funding_now),

        OrderState::Paid { funding } => moved_or_undone(funding, funding_now, nothing_live).or_else(|| {
            confirmation_of(funding, facts.chain, facts.solid_above).map(OrderEvent::PaymentConfirmed)
        }),

        OrderState::Funded { funding, .. } => moved_or_undone(funding, funding_now, nothing_live)
            .or_else(|| receiver_unusable(facts.delegations, nothing_live))
            .or_else(|| {
                // All is promised already: a delegation was signed while the order was being taken back.
                (undelivered(order, facts.delegations) == Energy::ZERO).then_some(OrderEvent::CapacityHeld)
            }),

        // What is signed cannot be released with the rest: that comes before any look at the payment.
        OrderState::Reserved { .. } if !nothing_live => Some(OrderEvent::DelegationSigned),
        OrderState::Reserved { funding, .. } => moved_or_undone(funding, funding_now, nothing_live)
            .or_else(|| receiver_unusable(facts.delegations, nothing_live))
            .or_else(|| {
                (undelivered(order, facts.delegations) > Energy::ZERO).then_some(OrderEvent::DelegationFailed)
            }),

        OrderState::Delegating { funding, .. } => {
            delegating(order, facts, funding, funding_now, nothing_live)
        }

        OrderState::Active { ends_at, funding, .. } => active(order, facts, *ends_at, funding, funding_now),

        OrderState::Reclaiming { .. } => reclaiming(facts),

        OrderState::RefundDue { funding, .. } => {
            // It may come back on another branch for as long as an order would wait for it.
            let solid = facts.chain.solid;
            let is_over =
                funding.block.block.height() <= solid.height() && solid.timestamp > order.expires_at;
            (is_over && funding_now.is_none()).then_some(OrderEvent::PaymentUndone)
        }

        OrderState::Completed { .. }
        | OrderState::Reverted { .. }
        | OrderState::Refunding { .. }
        | OrderState::Refunded { .. }
        | OrderState::Forfeited { .. }
        | OrderState::Expired { .. }
        | OrderState::Cancelled { .. }
        | OrderState::Held { .. } => None,
    }
}

/// Everything is back, or something never will be.
fn reclaiming(facts: &Facts<'_>) -> Option<OrderEvent> {
    let reclaim_of = |delegation: &Operation| {
        facts.reclaims.iter().find(
            |reclaim| matches!(reclaim.kind, OperationKind::Undelegate { delegation: of } if of == delegation.id),
        )
    };
    let mut all_back = true;
    for delegation in effective(facts.delegations) {
        match reclaim_of(delegation) {
            Some(reclaim) if reclaim.has_ended() => {}
            // The chain has no such delegation any more: somebody else took it, and a person must find out who.
            Some(reclaim) if reclaim.state == OperationState::Failed => {
                return Some(OrderEvent::Hold(HoldReason::ReclaimImpossible));
            }
            _ => all_back = false,
        }
    }
    all_back.then_some(OrderEvent::Reclaimed)
}

/// Waits for its payment, or for the end of its time.
fn awaiting(order: &Order, facts: &Facts<'_>, funding_now: Option<Funding>) -> Option<OrderEvent> {
    if let Some(funding) = funding_now {
        return Some(OrderEvent::PaymentMatched(funding));
    }
    // A payment whose block was undone may come back on another branch: give it until that is settled.
    let read_up_to = match facts.payment {
        Some(_) => facts.chain.solid.timestamp,
        None => facts.chain.head.timestamp,
    };
    let early = if planted(Fault::ExpiresEarly) { Span::from_secs(60) } else { Span::from_ms(0) };
    (read_up_to > order.expires_at.minus(early)).then_some(OrderEvent::DeadlinePassed)
}

/// The payment is gone or elsewhere.
fn moved_or_undone(funding: &Funding, now: Option<Funding>, nothing_live: bool) -> Option<OrderEvent> {
    match now {
        // What is signed is bound to the old block and must be dead before the order may forget it.
        None => nothing_live.then_some(OrderEvent::PaymentUndone),
        Some(now) if now.block != funding.block => Some(OrderEvent::PaymentMoved(now.block)),
        Some(_) => None,
    }
}

/// No account can delegate to this receiver, and nothing of ours is under way.
fn receiver_unusable(delegations: &[Operation], nothing_live: bool) -> Option<OrderEvent> {
    let refused = delegations.iter().any(|o| o.failure == Some(RefusalMeaning::ReceiverUnusable));
    (refused && nothing_live).then_some(OrderEvent::Unservable(RefundReason::RecipientUnusable))
}

/// Something is signed: wait until all of it is in blocks, or dead.
fn delegating(
    order: &Order,
    facts: &Facts<'_>,
    funding: &Funding,
    funding_now: Option<Funding>,
    nothing_live: bool,
) -> Option<OrderEvent> {
    if let Some(event) = moved_or_undone(funding, funding_now, nothing_live) {
        return Some(event);
    }
    if let Some(event) = receiver_unusable(facts.delegations, nothing_live) {
        return Some(event);
    }
    if undelivered(order, facts.delegations) > Energy::ZERO {
        // Without its payment nothing is planned anew, and a part is no delivery.
        return funding_now.map(|_| OrderEvent::DelegationFailed);
    }
    let all_happened = effective(facts.delegations).all(|o| o.state.took_effect());
    let last = effective(facts.delegations).filter_map(|o| o.delivery).map(|d| d.timestamp).max();
    match last {
        Some(at) if all_happened => Some(OrderEvent::Delivered(at)),
        _ => None,
    }
}

/// The energy is delivered: watch that it stays so, and the clock.
fn active(
    order: &Order,
    facts: &Facts<'_>,
    ends_at: Timestamp,
    funding: &Funding,
    funding_now: Option<Funding>,
) -> Option<OrderEvent> {
    // A delegation may have been excluded and have failed between two looks: then it is missing altogether.
    let missing = undelivered(order, facts.delegations) > Energy::ZERO;
    // A fork may also have put it into a later block: then the rental began later.
    let last = effective(facts.delegations).filter_map(|o| o.delivery).map(|d| d.timestamp).max();
    let moved = matches!(order.state, OrderState::Active { delivered_at, .. } if last != Some(delivered_at));
    let undone = effective(facts.delegations).any(|o| !o.state.took_effect());
    if (missing || moved || undone) && !planted(Fault::DeliveryUndoneForgotten) {
        return Some(OrderEvent::DeliveryUndone);
    }
    let all_solid = effective(facts.delegations).all(|o| o.state == OperationState::Solid);
    match funding_now {
        None if all_solid => return Some(OrderEvent::PaymentUndone),
        Some(now) if now.block != funding.block => return Some(OrderEvent::PaymentMoved(now.block)),
        _ => {}
    }
    // By solid time, so that no fork can put the undelegation into a block before the rental's end.
    let over = facts.chain.solid.timestamp >= ends_at || planted(Fault::ReclaimEarly);
    (all_solid && over).then_some(OrderEvent::RentalEnded)
}
