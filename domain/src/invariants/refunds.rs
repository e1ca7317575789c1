//! Refunds: once for each payment, never more than came and was not delivered, and only of what is solid.

use super::{Findings, Violation, by, groups};
use crate::{
    book::Book,
    id::RefundId,
    operation::{Operation, OperationKind, OperationState},
    order::{Order, OrderState},
    payment::PaymentState,
    refund::{Refund, RefundCause, RefundState, RefundStateKind},
};
use std::collections::{BTreeMap, BTreeSet};

/// The transfers of each refund.
fn transfers(book: &Book) -> BTreeMap<RefundId, Vec<&Operation>> {
    let mut found: BTreeMap<RefundId, Vec<&Operation>> = BTreeMap::new();
    for operation in &book.operations {
        if let OperationKind::Refund { refund, .. } = operation.kind {
            found.entry(refund).or_default().push(operation);
        }
    }
    found
}

/// The state of an order, or the one it is held from.
fn underlying(order: &Order) -> &OrderState {
    match &order.state {
        OrderState::Held { from, .. } => from,
        state => state,
    }
}

/// A payment has at most one refund, ever (I13).
pub fn one_refund_per_payment(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("one_refund_per_payment");
    let (mut ids, mut payments) = (BTreeSet::new(), BTreeSet::new());
    for refund in &book.refunds {
        findings.expect(ids.insert(refund.id), refund.id, || "recorded twice".to_owned());
        findings.expect(payments.insert(refund.payment), refund.payment, || {
            format!("has {} as another refund", refund.id)
        });
    }
    findings.done()
}

/// A refund is of a payment that is solid, in its asset, of no more than it, and goes to the payer or where one person
/// wanted and another one agreed (I13).
pub fn refund_fits_its_payment(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("refund_fits_its_payment");
    let payments = by(&book.payments, |payment| payment.id);
    let solid = book.solid.map(|solid| solid.height());
    for refund in &book.refunds {
        let Some(payment) = payments.get(&refund.payment) else {
            findings.expect(false, refund.id, || format!("its payment {} does not exist", refund.payment));
            continue;
        };
        let is_solid = payment.block.is_some_and(|at| Some(at.block.height()) <= solid);
        findings.expect(is_solid, refund.id, || format!("of {}, which is not solid", payment.id));
        findings.expect(refund.asset == payment.asset, refund.id, || {
            format!("in {}, paid in {}", refund.asset.name(), payment.asset.name())
        });
        let fits = 0 <= refund.fee && refund.fee <= refund.owed && refund.owed <= payment.amount;
        findings.expect(fits && refund.owed > 0, refund.id, || {
            format!("owes {} less {} of {}", refund.owed, refund.fee, payment.amount)
        });
        findings.expect(refund.goes_where_it_may(payment.from), refund.id, || {
            format!("goes to {}, paid by {}", refund.to, payment.from)
        });
    }
    findings.done()
}

/// A refund has at most one transfer that took effect or may, which is of its amount, and it knows which (I13).
pub fn refunded_once(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("refunded_once");
    let refunds = by(&book.refunds, |refund| refund.id);
    let transfers = transfers(book);
    for (id, operations) in &transfers {
        let Some(refund) = refunds.get(id) else {
            findings.expect(false, id, || "has transfers and does not exist".to_owned());
            continue;
        };
        let possible: Vec<_> = operations
            .iter()
            .filter(|o| !matches!(o.state, OperationState::Failed | OperationState::Cancelled))
            .collect();
        findings.expect(possible.len() <= 1, id, || format!("has {} transfers", possible.len()));
        for operation in possible {
            findings.expect(refund.state.operation() == Some(operation.id), id, || {
                format!(
                    "is {} while {} is {}",
                    refund.state.kind().name(),
                    operation.id,
                    operation.state.name()
                )
            });
            findings.expect(operation.balance.get() == refund.amount(), id, || {
                format!("sends {}, due is {}", operation.balance, refund.amount())
            });
            let asset =
                matches!(operation.kind, OperationKind::Refund { asset, .. } if asset == refund.asset);
            findings.expect(asset, id, || format!("{} sends another asset", operation.id));
        }
    }
    for refund in &book.refunds {
        let Some(operation) = refund.state.operation() else { continue };
        let known = transfers.get(&refund.id).into_iter().flatten().find(|o| o.id == operation);
        let is_done = refund.state.kind() == RefundStateKind::Refunded;
        let fits = known.is_some_and(|o| !is_done || o.state == OperationState::Solid);
        findings.expect(fits, refund.id, || format!("rests on {operation}, which is not so far"));
    }
    // And the chain has each once, whatever the rows say.
    let sent: BTreeSet<_> = book.sent.iter().filter(|(_, s)| s.succeeded).map(|(_, s)| s.tx_id).collect();
    let attempts = groups(&book.attempts, |attempt| attempt.operation);
    for (id, operations) in transfers {
        let happened = operations
            .iter()
            .flat_map(|operation| attempts.get(&operation.id).into_iter().flatten())
            .filter(|attempt| sent.contains(&attempt.tx_id))
            .count();
        findings.expect(happened <= 1, id, || format!("was sent {happened} times"));
    }
    findings.done()
}

/// An order whose money goes back says so, and one that is served keeps what it costs (I13).
pub fn refund_moves_with_its_order(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("refund_moves_with_its_order");
    let orders = by(&book.orders, |order| order.id);
    let by_payment = by(&book.refunds, |refund| refund.payment);
    let payments = by(&book.payments, |payment| payment.id);
    for refund in &book.refunds {
        let settles = payments.get(&refund.payment).and_then(|payment| match payment.state {
            PaymentState::Settles { order, excess, .. } => Some((order, excess)),
            _ => None,
        });
        let moves = matches!(
            refund.state.kind(),
            RefundStateKind::Sending | RefundStateKind::Refunded | RefundStateKind::Kept
        );
        let Some((order, excess)) = settles else { continue };
        let Some(order) = orders.get(&order) else { continue };
        let state = underlying(order);
        match refund.cause {
            RefundCause::Unservable { .. } => {
                let goes_back = matches!(
                    state,
                    OrderState::RefundDue { .. }
                        | OrderState::Refunding { .. }
                        | OrderState::Refunded { .. }
                        | OrderState::Forfeited { .. }
                );
                let fits = goes_back || refund.state == RefundState::Withdrawn;
                findings.expect(fits, refund.id, || format!("its order is {}", state.kind().name()));
            }
            RefundCause::Over => {
                findings.expect(refund.owed == excess.get(), refund.id, || {
                    format!("owes {}, {excess} are over", refund.owed)
                });
                // Of an order that cannot be served all is owed, which one refund for the rest would stand in the way of.
                let is_due = matches!(state, OrderState::RefundDue { .. });
                findings.expect(!is_due || refund.state == RefundState::Withdrawn, refund.id, || {
                    format!("is of what is over, and {} is due whole", order.id)
                });
            }
            RefundCause::Reverted => {
                let is_so = matches!(state, OrderState::Reverted { .. });
                findings.expect(is_so, refund.id, || format!("its order is {}", state.kind().name()));
            }
            _ => findings.expect(!moves, refund.id, || {
                format!("is {} of a payment that pays for {}", refund.state.kind().name(), order.id)
            }),
        }
    }
    for order in &book.orders {
        let (funding, operation) = match underlying(order) {
            OrderState::Refunding { funding, operation, .. }
            | OrderState::Refunded { funding, operation, .. } => (funding, Some(*operation)),
            OrderState::Forfeited { funding, .. } => (funding, None),
            _ => continue,
        };
        let refund: Option<&&Refund> = by_payment.get(&funding.payment);
        let fits = match (refund.map(|refund| &refund.state), operation) {
            (Some(RefundState::Kept { .. }), None) => true,
            (Some(state), Some(operation)) => {
                // Its transfer may have failed a moment ago.
                state.operation().is_none_or(|of| of == operation)
            }
            _ => false,
        };
        findings.expect(fits, order.id, || {
            format!(
                "is {}, its refund {:?}",
                order.state.kind().name(),
                refund.map(|r| r.state.kind().name())
            )
        });
    }
    findings.done()
}

/// Every transfer out of a refund account that took effect is one of ours, stored before it was sent, or one that a person
/// has explained. Another one means that somebody else has the key, or that these books are a copy of some that went on
/// without them; then what is owed by the books may be paid already, and nothing may be paid by them.
pub fn sent_is_explained(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("sent_is_explained");
    let accounts: BTreeSet<_> = book.refund_accounts.iter().map(|account| account.address).collect();
    let ours: BTreeSet<_> = book.attempts.iter().map(|attempt| attempt.tx_id).collect();
    for (head, sent) in &book.sent {
        let matters = sent.succeeded && accounts.contains(&sent.from);
        let is_explained = ours.contains(&sent.tx_id) || book.written_off.contains(&sent.tx_id);
        findings.expect(!matters || is_explained, sent.tx_id, || {
            format!(
                "{} {} went from {} to {} in block {}, by no transaction of ours",
                sent.amount,
                sent.asset.name(),
                sent.from,
                sent.to,
                head.height(),
            )
        });
    }
    findings.done()
}

/// Every sun and every millionth of USDT that came is delivered, waiting, on its way back, back, or kept: the parts of
/// each payment add up to it, and none is negative (I1).
pub fn every_sun_has_its_bucket(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("every_sun_has_its_bucket");
    let refunds = by(&book.refunds, |refund| refund.payment);
    for payment in &book.payments {
        let refund = refunds.get(&payment.id).filter(|refund| refund.state != RefundState::Withdrawn);
        let owed = refund.map_or(0, |refund| refund.owed);
        let is_unserved = refund.is_some_and(|refund| {
            matches!(refund.cause, RefundCause::Unservable { .. } | RefundCause::Reverted)
        });
        let (bought, over) = match payment.state {
            PaymentState::Settles { excess, .. } => {
                (payment.amount.saturating_sub(excess.get()), excess.get())
            }
            PaymentState::Part { .. } => (payment.amount, 0),
            _ => (0, payment.amount),
        };
        findings.expect(bought >= 0 && over >= 0, payment.id, || {
            format!("buys for {bought} and leaves {over} of {}", payment.amount)
        });
        // What is owed is all that bought nothing, or all of it where the order could not be served.
        let fits = owed == 0 || owed == over || (is_unserved && owed == payment.amount);
        findings.expect(fits, payment.id, || {
            format!("{owed} are owed of {}, of which {over} bought nothing", payment.amount)
        });
    }
    findings.done()
}
