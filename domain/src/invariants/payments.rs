//! Money: every payment is in one bucket, and the order it names says the same of it.

use super::{Findings, Violation, by};
use crate::{
    amount::{Asset, Sun},
    book::Book,
    error::ArithmeticError,
    id::OrderId,
    order::{Order, OrderState, OrderStateKind},
    payment::{Payment, PaymentState},
    refund::RefundState,
};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

/// A transfer is recorded once, however often it is seen (I2).
pub fn payment_ids_are_unique(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("payment_ids_are_unique");
    let mut known = BTreeSet::new();
    for payment in &book.payments {
        findings.expect(known.insert(payment.id), payment.id, || "recorded twice".to_owned());
    }
    findings.done()
}

/// A payment's bucket names an order that exists and is paid at that address; amounts are positive (I1).
pub fn payment_knows_its_order(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("payment_knows_its_order");
    let orders = by(&book.orders, |order| order.id);
    for payment in &book.payments {
        findings.expect(payment.amount > 0, payment.id, || format!("amount {}", payment.amount));
        let Some(id) = payment.state.order() else { continue };
        match orders.get(&id) {
            None => findings.expect(false, payment.id, || format!("its order {id} does not exist")),
            Some(order) => findings.expect(order.payment_address == payment.to, payment.id, || {
                format!("paid at {}, but {id} is paid at {}", payment.to, order.payment_address)
            }),
        }
    }
    findings.done()
}

/// At most one payment settles an order (I5).
pub fn one_settling_payment(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("one_settling_payment");
    let mut settled = BTreeSet::new();
    for payment in &book.payments {
        if let PaymentState::Settles { order, .. } = payment.state {
            findings.expect(settled.insert(order), order, || format!("settled by {} too", payment.id));
        }
    }
    findings.done()
}

/// A settling payment's amount, with what the same sender had paid too little before, is exactly what it bought, the
/// order's tail where it carries one, and the excess.
pub fn settlement_adds_up(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("settlement_adds_up");
    let mut parts: BTreeMap<OrderId, i64> = BTreeMap::new();
    for payment in &book.payments {
        if let PaymentState::Part { order } = payment.state {
            let sum = parts.entry(order).or_default();
            *sum = sum.saturating_add(payment.amount);
        }
    }
    for (payment, order, count, excess) in settlements(book) {
        findings.expect(payment.asset == Asset::Trx, payment.id, || "not paid in TRX".to_owned());
        let within = (order.count.least()..=order.count.most()).contains(&count) && count > 0;
        findings.expect(within, payment.id, || format!("buys {count}, {:?} allowed", order.count));
        let plain = order.unit_price.times(i64::from(count)).and_then(|price| price.plus(excess));
        let tailed = plain.and_then(|sum| sum.plus(order.tail));
        let before = parts.get(&order.id).copied().unwrap_or(0);
        let amount: Result<_, ArithmeticError> = Ok(Sun::new(payment.amount.saturating_add(before)));
        // Where all goes back each part goes back by itself.
        let is_less = matches!((amount, plain), (Ok(amount), Ok(plain)) if amount < plain);
        let fits = amount == plain || amount == tailed || (is_less && gives_back(order));
        findings.expect(fits, payment.id, || {
            format!("{} is not {count} x {} + {} + {excess}", payment.amount, order.unit_price, order.tail)
        });
        let most = order.count.most();
        // What is less than one more transfer buys nothing, wherever a person has assigned the payment.
        let excess_is_due = match excess.cmp(&Sun::ZERO) {
            Ordering::Less => false,
            Ordering::Equal => true,
            Ordering::Greater => count == most || excess < order.unit_price,
        };
        findings.expect(excess_is_due, payment.id, || {
            format!("excess {excess} although only {count} of {most} were bought")
        });
    }
    findings.done()
}

/// Whether an order's money goes back, or has.
fn gives_back(order: &Order) -> bool {
    let state = match &order.state {
        OrderState::Held { from, .. } => from.as_ref(),
        state => state,
    };
    matches!(
        state,
        OrderState::RefundDue { .. }
            | OrderState::Refunding { .. }
            | OrderState::Refunded { .. }
            | OrderState::Forfeited { .. }
            | OrderState::Reverted { .. }
    )
}

/// What pays for a part of an order is solid, does so with a settling payment of the same sender, and does not go back as
/// long as it does (I1, I5).
pub fn parts_make_a_whole(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("parts_make_a_whole");
    let refunds = by(&book.refunds, |refund| refund.payment);
    let solid = book.solid.map(|solid| solid.height());
    for part in &book.payments {
        let PaymentState::Part { order } = part.state else { continue };
        let whole = book
            .payments
            .iter()
            .find(|payment| matches!(payment.state, PaymentState::Settles { order: of, .. } if of == order));
        let same = whole.is_some_and(|whole| whole.from == part.from && whole.id != part.id);
        findings.expect(same, part.id, || format!("is a part of {order}, which {whole:?} settles"));
        let is_solid = part.block.is_some_and(|at| Some(at.block.height()) <= solid);
        findings.expect(is_solid, part.id, || format!("is a part of {order}, and not solid"));
        let stays = refunds.get(&part.id).is_none_or(|refund| refund.state == RefundState::Withdrawn);
        findings.expect(stays, part.id, || format!("is a part of {order}, and goes back"));
    }
    findings.done()
}

/// No payment in a block settles an order that ended unpaid.
pub fn settles_a_live_order(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("settles_a_live_order");
    for (payment, order, ..) in settlements(book) {
        let ended = matches!(order.state.kind(), OrderStateKind::Expired | OrderStateKind::Cancelled);
        findings.expect(!ended || payment.block.is_none(), payment.id, || {
            format!("settles {}, which is {}", order.id, order.state.kind().name())
        });
    }
    findings.done()
}

/// What an order stands on is a payment that settles it and says the same (I1, I5). Their blocks may differ while
/// nobody has looked; what the chain says of them is another check.
pub fn funding_agrees(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("funding_agrees");
    let payments = by(&book.payments, |payment| payment.id);
    for order in &book.orders {
        let Some(funding) = order.state.funding() else { continue };
        let Some(payment) = payments.get(&funding.payment) else {
            findings.expect(false, order.id, || format!("its payment {} does not exist", funding.payment));
            continue;
        };
        let expected =
            PaymentState::Settles { order: order.id, count: funding.count, excess: funding.excess };
        findings.expect(payment.state == expected, order.id, || {
            format!("stands on {}, which says {:?}, not {expected:?}", payment.id, payment.state)
        });
        let same = payment.amount == funding.paid.get() && payment.from == funding.payer;
        findings.expect(same, order.id, || {
            format!(
                "says {} from {}, the payment {} from {}",
                funding.paid, funding.payer, payment.amount, payment.from
            )
        });
    }
    findings.done()
}

/// The settling payments with their orders, counts and excesses.
fn settlements(book: &Book) -> impl Iterator<Item = (&Payment, &Order, u32, Sun)> {
    let orders = by(&book.orders, |order| order.id);
    book.payments.iter().filter_map(move |payment| match payment.state {
        PaymentState::Settles { order, count, excess } => {
            Some((payment, *orders.get(&order)?, count, excess))
        }
        _ => None,
    })
}
