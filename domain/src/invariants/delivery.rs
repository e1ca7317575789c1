//! Delivery: what was bought is given once, kept until it ends, and taken back once.

use super::{Findings, Violation, by, groups};
use crate::{
    address::BlockRef,
    book::Book,
    chain::ResourceAction,
    energy::Energy,
    id::{OperationId, OrderId},
    operation::{Operation, OperationKind, OperationState},
    order::{Order, OrderState, OrderStateKind},
    payment::PaymentState,
    time::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// The delegations of each order that happened or still may.
fn effective(book: &Book) -> BTreeMap<OrderId, Vec<&Operation>> {
    let mut found: BTreeMap<OrderId, Vec<&Operation>> = BTreeMap::new();
    for operation in &book.operations {
        let Some(order) = operation.order else { continue };
        let own = found.entry(order).or_default();
        if matches!(operation.kind, OperationKind::Delegate { .. })
            && !matches!(operation.state, OperationState::Failed | OperationState::Cancelled)
        {
            own.push(operation);
        }
    }
    found
}

fn energy_of(operations: &[&Operation]) -> Energy {
    operations
        .iter()
        .try_fold(Energy::ZERO, |sum, operation| sum.plus(operation.energy))
        .unwrap_or(Energy::new(i64::MAX))
}

/// The reclaim of each delegation that has one.
fn reclaims(book: &Book) -> impl Iterator<Item = (&Operation, OperationId)> {
    book.operations.iter().filter_map(|operation| match operation.kind {
        OperationKind::Undelegate { delegation } => Some((operation, delegation)),
        OperationKind::Delegate { .. } | OperationKind::Retake { .. } | OperationKind::Refund { .. } => None,
    })
}

/// The state of an order, or the one it is held from.
fn underlying(order: &Order) -> &OrderState {
    match &order.state {
        OrderState::Held { from, .. } => from,
        state => state,
    }
}

/// The energy of an order's delegations, done or still possible, is never more than its payment bought; and what is
/// final on the chain was bought (I6).
pub fn never_more_than_bought(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("never_more_than_bought");
    let settled: BTreeMap<OrderId, u32> = book
        .payments
        .iter()
        .filter_map(|payment| match payment.state {
            PaymentState::Settles { order, count, .. } => Some((order, count)),
            _ => None,
        })
        .collect();
    let orders = by(&book.orders, |order| order.id);
    for (id, operations) in effective(book) {
        let Some(order) = orders.get(&id) else { continue };
        let counted = order.state.funding().map(|funding| funding.count).or(settled.get(&id).copied());
        match counted {
            Some(count) => {
                let bought = order.energy_per_transfer.times(i64::from(count)).unwrap_or(Energy::ZERO);
                let promised = energy_of(&operations);
                findings.expect(promised <= bought, id, || format!("{promised} energy for {bought} bought"));
            }
            None => {
                for operation in operations.iter().filter(|o| o.state == OperationState::Solid) {
                    findings.expect(false, id, || format!("{} delivers what nobody bought", operation.id));
                }
            }
        }
    }
    findings.done()
}

/// A delegation that is final rests on a payment that is: in a block below it, to which it was bound (I4).
pub fn delegation_rests_on_payment(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("delegation_rests_on_payment");
    let paid: BTreeMap<OrderId, BlockRef> = book
        .payments
        .iter()
        .filter_map(|payment| match payment.state {
            PaymentState::Settles { order, .. } => Some((order, payment.block?.block)),
            _ => None,
        })
        .collect();
    let attempts = groups(&book.attempts, |attempt| attempt.operation);
    for (id, operations) in effective(book) {
        for operation in operations.into_iter().filter(|o| o.state == OperationState::Solid) {
            let Some(paid) = paid.get(&id) else {
                findings.expect(false, operation.id, || format!("no payment of {id} is on the chain"));
                continue;
            };
            let live = attempts.get(&operation.id).into_iter().flatten().find(|attempt| !attempt.dead);
            if let Some(attempt) = live {
                findings.expect(attempt.reference.height() >= paid.height(), operation.id, || {
                    format!("bound to {:?}, below the payment in {paid:?}", attempt.reference)
                });
            }
        }
    }
    findings.done()
}

/// Delegations that were taken back for good.
fn taken_back(book: &Book) -> BTreeSet<OperationId> {
    reclaims(book).filter(|(reclaim, _)| reclaim.has_ended()).map(|(_, delegation)| delegation).collect()
}

/// A completed order got all that was bought, and all of it was taken back; so was what a reverted one got. While
/// energy is being taken back, all of it had been delivered for good (I6, I11).
pub fn completed_is_whole(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("completed_is_whole");
    let taken_back = taken_back(book);
    let delegations = effective(book);
    for order in &book.orders {
        let (whole, ended) = match underlying(order) {
            OrderState::Reclaiming { reverted, refund, .. } => (!reverted && refund.is_none(), false),
            OrderState::Completed { .. } => (true, true),
            OrderState::Reverted { .. } => (false, true),
            _ => continue,
        };
        let own = delegations.get(&order.id).map_or(&[][..], Vec::as_slice);
        for operation in own {
            findings.expect(operation.state == OperationState::Solid, order.id, || {
                format!("{} is {}", operation.id, operation.state.name())
            });
            findings.expect(!ended || taken_back.contains(&operation.id), order.id, || {
                format!("{} was not taken back", operation.id)
            });
        }
        let (delivered, bought) = (energy_of(own), order.energy_bought());
        findings.expect(!whole || bought == Ok(delivered), order.id, || {
            format!("{delivered} energy delivered, {bought:?} bought")
        });
    }
    findings.done()
}

/// Where the money goes back, no energy was or will be given, but for what has been taken back (I13).
pub fn refunded_is_undelivered(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("refunded_is_undelivered");
    let taken_back = taken_back(book);
    let delegations = effective(book);
    for order in &book.orders {
        let kind = underlying(order).kind();
        if matches!(
            kind,
            OrderStateKind::RefundDue
                | OrderStateKind::Refunding
                | OrderStateKind::Refunded
                | OrderStateKind::Forfeited
        ) {
            for operation in delegations.get(&order.id).into_iter().flatten() {
                findings.expect(taken_back.contains(&operation.id), order.id, || {
                    format!("{} is {}", operation.id, operation.state.name())
                });
            }
        }
    }
    findings.done()
}

/// At most one operation ever takes a delegation back (I11).
pub fn reclaimed_once(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("reclaimed_once");
    let mut ended = BTreeSet::new();
    for (reclaim, delegation) in reclaims(book) {
        findings.expect(ended.insert(delegation), delegation, || format!("taken back by {} too", reclaim.id));
    }
    findings.done()
}

/// A reclaim takes back exactly what one final delegation of the same order gave, to whom it was given (I11).
pub fn reclaimed_for_its_amount(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("reclaimed_for_its_amount");
    let operations = by(&book.operations, |operation| operation.id);
    for (reclaim, id) in reclaims(book) {
        let Some(given) = operations.get(&id) else {
            findings.expect(false, reclaim.id, || format!("its delegation {id} does not exist"));
            continue;
        };
        let is_delegation = matches!(given.kind, OperationKind::Delegate { .. });
        findings.expect(is_delegation && given.state == OperationState::Solid, reclaim.id, || {
            format!("takes back {id}, a {} that is {}", given.kind.name(), given.state.name())
        });
        let same = given.order == reclaim.order
            && given.account == reclaim.account
            && given.owner == reclaim.owner
            && given.receiver == reclaim.receiver;
        findings.expect(same, reclaim.id, || format!("is not between the parties of {id}"));
        findings.expect(given.balance == reclaim.balance, reclaim.id, || {
            format!("takes back {}, {id} gave {}", reclaim.balance, given.balance)
        });
    }
    findings.done()
}

/// Nothing is taken back, nor is it intended, before the rental ended; unless its payment was undone or it was cut short and its money goes back
/// (I11).
pub fn reclaimed_never_early(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("reclaimed_never_early");
    let orders = by(&book.orders, |order| order.id);
    let executed: BTreeMap<_, Timestamp> = book
        .events
        .iter()
        .filter(|(_, event)| matches!(event.action, ResourceAction::Undelegate { .. }))
        .map(|(head, event)| (event.tx_id, head.timestamp))
        .collect();
    let attempts = groups(&book.attempts, |attempt| attempt.operation);
    for (reclaim, _) in reclaims(book) {
        let Some(order) = reclaim.order.and_then(|order| orders.get(&order)) else { continue };
        let ends_at = match underlying(order) {
            // Undone, or cut short: a part that was delivered is taken back before the money goes back.
            OrderState::Reclaiming { reverted: true, .. }
            | OrderState::Reverted { .. }
            | OrderState::Reclaiming { refund: Some(_), .. }
            | OrderState::RefundDue { .. }
            | OrderState::Refunding { .. }
            | OrderState::Refunded { .. }
            | OrderState::Forfeited { .. } => continue,
            OrderState::Reclaiming { ends_at, .. } | OrderState::Completed { ends_at, .. } => *ends_at,
            state => {
                findings.expect(false, reclaim.id, || {
                    format!("takes back what belongs to an order that is {}", state.kind().name())
                });
                continue;
            }
        };
        findings.expect(reclaim.created_at >= ends_at, reclaim.id, || {
            format!("intended at {}, ends at {}", reclaim.created_at.ms(), ends_at.ms())
        });
        for attempt in attempts.get(&reclaim.id).into_iter().flatten() {
            let early = executed.get(&attempt.tx_id).filter(|at| **at < ends_at);
            findings.expect(early.is_none(), reclaim.id, || {
                format!("{} took effect before {}", attempt.tx_id, ends_at.ms())
            });
        }
    }
    findings.done()
}
