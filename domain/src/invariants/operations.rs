//! Operations: one live transaction each, and the chain holds what was intended, once.

use super::{Findings, Violation, by, groups};
use crate::{
    address::TxId,
    book::Book,
    chain::{Delivery, Head, Resource, ResourceAction, ResourceEvent},
    operation::{Attempt, OperationKind, OperationState},
};
use std::collections::{BTreeMap, BTreeSet};

/// Where the chain has each recorded event's transaction.
fn events(book: &Book) -> BTreeMap<TxId, &(Head, ResourceEvent)> {
    by(&book.events, |(_, event)| event.tx_id)
}

/// Where the chain has each transaction that took effect: a change of stake or delegation, or money that was sent.
fn places(book: &Book) -> BTreeMap<TxId, Head> {
    let sent = book.sent.iter().filter(|(_, sent)| sent.succeeded).map(|(head, sent)| (sent.tx_id, *head));
    book.events.iter().map(|(head, event)| (event.tx_id, *head)).chain(sent).collect()
}

/// An operation is recorded once, moves something, and names its order's receiver and its account's address.
pub fn operation_fits_its_order(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("operation_fits_its_order");
    let orders = by(&book.orders, |order| order.id);
    let accounts = by(&book.accounts, |account| account.id);
    let refunds = by(&book.refunds, |refund| refund.id);
    let refund_accounts = by(&book.refund_accounts, |account| account.id);
    let mut known = BTreeSet::new();
    for operation in &book.operations {
        findings.expect(known.insert(operation.id), operation.id, || "recorded twice".to_owned());
        findings.expect(operation.balance.get() > 0 && operation.energy.get() >= 0, operation.id, || {
            format!("moves {} for {} energy", operation.balance, operation.energy)
        });
        let (receiver, owner) = match operation.kind {
            // For whom, two persons have said; the rows of repairs are no part of these books.
            OperationKind::Retake { .. } => {
                (Some(operation.receiver), accounts.get(&operation.account).map(|account| account.address))
            }
            OperationKind::Refund { refund, .. } => (
                refunds.get(&refund).map(|refund| refund.to),
                refund_accounts.get(&operation.account).map(|account| account.address),
            ),
            OperationKind::Delegate { .. } | OperationKind::Undelegate { .. } => (
                operation.order.and_then(|order| orders.get(&order)).map(|order| order.recipient),
                accounts.get(&operation.account).map(|account| account.address),
            ),
        };
        // One that came to nothing may have been for an address that was set anew since.
        let is_over = matches!(operation.state, OperationState::Failed | OperationState::Cancelled);
        let is_old = is_over && matches!(operation.kind, OperationKind::Refund { .. });
        findings.expect(is_old || receiver == Some(operation.receiver), operation.id, || {
            format!("for {}, but it is owed to {receiver:?}", operation.receiver)
        });
        findings.expect(owner == Some(operation.owner), operation.id, || {
            format!("of {}, but {} is {owner:?}", operation.owner, operation.account)
        });
    }
    findings.done()
}

/// The attempts of an operation are numbered from one without a gap, and it knows how many there are (I8).
pub fn attempts_are_counted(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("attempts_are_counted");
    let operations = by(&book.operations, |operation| operation.id);
    let attempts = groups(&book.attempts, |attempt| attempt.operation);
    let mut ids = BTreeSet::new();
    for attempt in &book.attempts {
        findings.expect(ids.insert(attempt.tx_id), attempt.tx_id, || "signed for twice".to_owned());
        findings.expect(!attempt.bytes.is_empty(), attempt.tx_id, || "its bytes are not stored".to_owned());
        findings.expect(operations.contains_key(&attempt.operation), attempt.tx_id, || {
            format!("its operation {} does not exist", attempt.operation)
        });
    }
    for operation in &book.operations {
        let own = attempts.get(&operation.id).map_or(&[][..], Vec::as_slice);
        let mut numbers: Vec<u32> = own.iter().map(|attempt| attempt.number).collect();
        numbers.sort_unstable();
        findings.expect(numbers.iter().copied().eq(1..=operation.attempts), operation.id, || {
            format!("has attempts {numbers:?}, knows of {}", operation.attempts)
        });
    }
    findings.done()
}

/// At most the newest attempt of an operation is not dead, and one is alive exactly while the operation's state
/// says so (I7).
pub fn one_live_attempt(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("one_live_attempt");
    let attempts = groups(&book.attempts, |attempt| attempt.operation);
    for operation in &book.operations {
        let own = attempts.get(&operation.id).map_or(&[][..], Vec::as_slice);
        let live: Vec<&&Attempt> = own.iter().filter(|attempt| !attempt.dead).collect();
        let newest = own.iter().map(|attempt| attempt.number).max();
        let needed = match operation.state {
            OperationState::Signed | OperationState::Included | OperationState::Solid => 1,
            OperationState::Intended | OperationState::Failed | OperationState::Cancelled => 0,
        };
        findings.expect(live.len() == needed, operation.id, || {
            format!("is {} and has {} live attempts", operation.state.name(), live.len())
        });
        findings.expect(live.iter().all(|attempt| Some(attempt.number) == newest), operation.id, || {
            "an attempt was signed while an earlier one was alive".to_owned()
        });
    }
    findings.done()
}

/// At most one transaction of an operation is on the chain (I6).
pub fn one_effect_per_operation(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("one_effect_per_operation");
    let on_chain: BTreeSet<TxId> = places(book).into_keys().collect();
    for (operation, attempts) in groups(&book.attempts, |attempt| attempt.operation) {
        let happened: Vec<TxId> =
            attempts.iter().map(|attempt| attempt.tx_id).filter(|id| on_chain.contains(id)).collect();
        findings.expect(happened.len() <= 1, operation, || format!("took effect in {happened:?}"));
    }
    findings.done()
}

/// What an attempt did on the chain is what its operation intends.
pub fn effect_is_the_intended_one(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("effect_is_the_intended_one");
    let operations = by(&book.operations, |operation| operation.id);
    let events = events(book);
    for attempt in &book.attempts {
        let (Some((_, event)), Some(operation)) =
            (events.get(&attempt.tx_id), operations.get(&attempt.operation))
        else {
            continue;
        };
        let same = match (operation.kind, &event.action) {
            (
                OperationKind::Delegate { .. },
                ResourceAction::Delegate { receiver, resource: Resource::Energy, balance, .. },
            )
            | (
                OperationKind::Undelegate { .. } | OperationKind::Retake { .. },
                ResourceAction::Undelegate { receiver, resource: Resource::Energy, balance },
            ) => *receiver == operation.receiver && *balance == operation.balance,
            _ => false,
        };
        findings.expect(same && event.owner == operation.owner, operation.id, || {
            format!("{} did {:?} of {}", attempt.tx_id, event.action, event.owner)
        });
    }
    for attempt in &book.attempts {
        let (Some(operation), Some((_, sent))) = (
            operations.get(&attempt.operation),
            book.sent.iter().find(|(_, sent)| sent.tx_id == attempt.tx_id && sent.succeeded),
        ) else {
            continue;
        };
        let same = matches!(operation.kind, OperationKind::Refund { asset, .. } if asset == sent.asset)
            && (sent.from, sent.to, sent.amount)
                == (operation.owner, operation.receiver, operation.balance.get());
        findings.expect(same, operation.id, || format!("{} sent {sent:?}", attempt.tx_id));
    }
    findings.done()
}

/// What was declared dead never appears on the chain (I7).
pub fn dead_stays_out(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("dead_stays_out");
    let places = places(book);
    for attempt in book.attempts.iter().filter(|attempt| attempt.dead) {
        if let Some(head) = places.get(&attempt.tx_id) {
            findings.expect(false, attempt.operation, || {
                format!("{} was declared dead and is in {:?}", attempt.tx_id, head.block)
            });
        }
    }
    findings.done()
}

/// What is recorded as final is on the chain, where it is recorded to be, at or below the solid block.
pub fn solid_effect_is_on_the_chain(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("solid_effect_is_on_the_chain");
    let places = places(book);
    let attempts = groups(&book.attempts, |attempt| attempt.operation);
    for operation in book.operations.iter().filter(|o| o.state == OperationState::Solid) {
        let live = attempts.get(&operation.id).into_iter().flatten().find(|attempt| !attempt.dead);
        let found = live.and_then(|attempt| places.get(&attempt.tx_id));
        let place = found.map(|head| Delivery { block: head.block, timestamp: head.timestamp });
        findings.expect(place.is_some() && place == operation.delivery, operation.id, || {
            format!("recorded in {:?}, found in {place:?}", operation.delivery)
        });
        let solid = book.solid.map(|solid| solid.height());
        let below = operation.delivery.is_some_and(|at| Some(at.block.height()) <= solid);
        findings.expect(below, operation.id, || format!("final above the solid block {solid:?}"));
    }
    findings.done()
}

/// An operation says why it failed exactly where it failed.
pub fn failure_is_explained(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("failure_is_explained");
    for operation in &book.operations {
        let failed = operation.state == OperationState::Failed;
        findings.expect(failed == operation.failure.is_some(), operation.id, || {
            format!("is {} because of {:?}", operation.state.name(), operation.failure)
        });
    }
    findings.done()
}
