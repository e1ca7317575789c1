//! The pool: nothing is promised twice.

use super::{Findings, Violation, by, groups};
use crate::{
    amount::Sun,
    book::Book,
    id::AccountId,
    operation::{OperationKind, OperationState},
    pool::ReservationState,
};
use std::collections::{BTreeMap, BTreeSet};

/// The stake that holding reservations take from each account; `None` where it cannot be counted.
fn holds(book: &Book) -> BTreeMap<AccountId, Option<Sun>> {
    groups(&book.reservations, |reservation| reservation.account)
        .into_iter()
        .map(|(account, reservations)| {
            let holding = reservations.iter().filter(|r| r.state.holds_capacity()).map(|r| r.balance);
            (account, Sun::sum(holding).ok())
        })
        .collect()
}

/// What is held on an account is never more than its stake (I9).
pub fn capacity_is_kept(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("capacity_is_kept");
    let holds = holds(book);
    for account in &book.accounts {
        let (Some(observed), Some(held)) = (&account.observed, holds.get(&account.id)) else { continue };
        findings.expect(held.is_some_and(|held| held <= observed.staked), account.id, || {
            format!("{held:?} held of {} staked", observed.staked)
        });
    }
    findings.done()
}

/// An account's `held` is the sum of its holding reservations, and what is not yet visible is a part of it.
pub fn held_is_the_sum(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("held_is_the_sum");
    let holds = holds(book);
    for account in &book.accounts {
        let sum = holds.get(&account.id).copied().unwrap_or(Some(Sun::ZERO));
        findings.expect(sum == Some(account.held), account.id, || {
            format!("says {}, its reservations {sum:?}", account.held)
        });
        let part = account.unseen >= Sun::ZERO && account.unseen <= account.held;
        findings.expect(part, account.id, || format!("{} unseen of {} held", account.unseen, account.held));
    }
    findings.done()
}

/// A reservation is what its delegation made of it (I9).
pub fn reservation_agrees(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("reservation_agrees");
    let reservations = by(&book.reservations, |reservation| reservation.id);
    let taken_back: BTreeSet<_> = book
        .operations
        .iter()
        .filter_map(|operation| match operation.kind {
            OperationKind::Undelegate { delegation } if operation.has_ended() => Some(delegation),
            _ => None,
        })
        .collect();
    for operation in &book.operations {
        let OperationKind::Delegate { reservation: id, .. } = operation.kind else { continue };
        let Some(reservation) = reservations.get(&id) else {
            findings.expect(false, operation.id, || format!("its reservation {id} does not exist"));
            continue;
        };
        let same = Some(reservation.order) == operation.order
            && reservation.account == operation.account
            && reservation.balance == operation.balance
            && reservation.energy == operation.energy;
        findings.expect(same, id, || format!("differs from its operation {}", operation.id));
        let expected = match operation.state {
            OperationState::Intended | OperationState::Signed => ReservationState::Pending,
            OperationState::Solid if taken_back.contains(&operation.id) => ReservationState::Returned,
            OperationState::Included | OperationState::Solid => ReservationState::Posted,
            OperationState::Failed | OperationState::Cancelled => ReservationState::Voided,
        };
        findings.expect(reservation.state == expected, id, || {
            format!("is {} while {} is {}", reservation.state.name(), operation.id, operation.state.name())
        });
    }
    findings.done()
}

/// Each reservation is of a known account, recorded once, and used by exactly one operation.
pub fn reservations_are_known(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("reservations_are_known");
    let accounts = by(&book.accounts, |account| account.id);
    let mut uses: BTreeMap<_, u32> = BTreeMap::new();
    for operation in &book.operations {
        if let OperationKind::Delegate { reservation, .. } = operation.kind {
            let count = uses.entry(reservation).or_default();
            *count = count.saturating_add(1);
        }
    }
    let mut known = BTreeSet::new();
    for reservation in &book.reservations {
        findings.expect(known.insert(reservation.id), reservation.id, || "recorded twice".to_owned());
        findings.expect(accounts.contains_key(&reservation.account), reservation.id, || {
            format!("its account {} does not exist", reservation.account)
        });
        let count = uses.get(&reservation.id).copied().unwrap_or(0);
        findings.expect(count == 1, reservation.id, || format!("used by {count} operations"));
    }
    findings.done()
}
