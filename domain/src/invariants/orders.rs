//! Orders: what their states say of themselves and of each other.

use super::{Findings, Violation, by};
use crate::{
    amount::Sun,
    book::Book,
    energy::Energy,
    id::OrderId,
    operation::{Operation, OperationKind},
    order::{Channel, Confirmation, Order, OrderState, OrderStateKind},
    time::{Span, Timestamp},
};
use std::collections::{BTreeMap, BTreeSet};

/// An order is recorded once.
pub fn order_ids_are_unique(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("order_ids_are_unique");
    let mut known = BTreeSet::new();
    for order in &book.orders {
        findings.expect(known.insert(order.id), order.id, || "recorded twice".to_owned());
    }
    findings.done()
}

/// An order's terms can be paid and served: prices, counts and spans are positive, the tail is below the price,
/// and an orderless sale has none.
pub fn terms_are_sound(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("terms_are_sound");
    for order in &book.orders {
        let positive = order.unit_price > Sun::ZERO
            && order.energy_per_transfer > Energy::ZERO
            && order.duration > Span::ZERO
            && order.count.most() > 0;
        findings.expect(positive, order.id, || "price, energy, duration or count is not positive".to_owned());
        let tail = order.tail >= Sun::ZERO && order.tail < order.unit_price;
        findings.expect(tail, order.id, || format!("tail {} under price {}", order.tail, order.unit_price));
        let orderless = order.channel != Channel::Orderless || order.tail == Sun::ZERO;
        findings.expect(orderless, order.id, || "an orderless sale with a tail".to_owned());
        let in_order = order.created_at <= order.expires_at && order.expires_at <= order.closes_at;
        findings.expect(in_order, order.id, || {
            "expires before it is made or closes before it expires".to_owned()
        });
    }
    findings.done()
}

/// No two orders hold the same tail of the same payment address at the same time. An order
/// holds its tail while it awaits its payment and until its late window is over.
pub fn tails_are_unique(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("tails_are_unique");
    let now = book.blocks.last().map(|(head, _)| head.timestamp);
    let mut taken = BTreeMap::new();
    for order in book.orders.iter().filter(|order| order.tail > Sun::ZERO && holds_tail(order, now)) {
        let other = taken.insert((order.payment_address, order.tail), order.id);
        if let Some(other) = other {
            findings.expect(false, order.id, || format!("holds the tail {} of {other}", order.tail));
        }
    }
    findings.done()
}

fn holds_tail(order: &Order, now: Option<Timestamp>) -> bool {
    order.state.kind() == OrderStateKind::AwaitingPayment || now.is_some_and(|now| order.closes_at > now)
}

/// An order acts on a payment only for a reason that is true: bound to the payment's own block, or solid (I3).
pub fn confirmation_holds(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("confirmation_holds");
    for order in &book.orders {
        let state = match &order.state {
            OrderState::Held { from, .. } => from.as_ref(),
            state => state,
        };
        let (OrderState::Funded { funding, confirmation }
        | OrderState::Reserved { funding, confirmation }
        | OrderState::Delegating { funding, confirmation }) = state
        else {
            continue;
        };
        let holds = match confirmation {
            Confirmation::ForkBound { block } => *block == funding.block.block,
            Confirmation::Solid { height } => {
                let solid = book.solid.map(|solid| solid.height());
                funding.block.block.height() <= *height && solid.is_some_and(|solid| *height <= solid)
            }
        };
        findings.expect(holds, order.id, || {
            format!("{confirmation:?} for a payment in {:?}, solid is {:?}", funding.block.block, book.solid)
        });
    }
    findings.done()
}

/// A rental lasts from its delivery for exactly as long as was sold, and is over only after its end.
pub fn rental_clock_is_right(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("rental_clock_is_right");
    let now = book.blocks.last().map(|(head, _)| head.timestamp);
    for order in &book.orders {
        match &order.state {
            OrderState::Active { delivered_at, ends_at, .. } => {
                let due = delivered_at.plus(order.duration);
                findings.expect(*ends_at == due, order.id, || {
                    format!("ends at {}, sold until {}", ends_at.ms(), due.ms())
                });
            }
            // Only what is final counts: a rewind may set the newest block's time back a little.
            OrderState::Completed { ends_at, .. } => {
                findings.expect(now.is_none_or(|now| *ends_at <= now), order.id, || {
                    format!("over although it ends at {}", ends_at.ms())
                });
            }
            _ => {}
        }
    }
    findings.done()
}

/// What is held can be let go again: it remembers a state that may change.
pub fn held_can_go_on(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("held_can_go_on");
    for order in &book.orders {
        if let OrderState::Held { from, .. } = &order.state {
            let kind = from.kind();
            let can = kind != OrderStateKind::Held && !kind.is_terminal();
            findings.expect(can, order.id, || format!("held from {}", kind.name()));
        }
    }
    findings.done()
}

/// Of an order that is over nothing is under way and nothing is held.
pub fn terminal_is_quiet(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("terminal_is_quiet");
    let orders = by(&book.orders, |order| order.id);
    let over = |id: &OrderId| orders.get(id).is_some_and(|order| order.state.kind().is_terminal());
    // What was paid beyond an order's price may be on its way back when the order is over.
    let serves = |o: &&Operation| !matches!(o.kind, OperationKind::Refund { .. });
    let live = |o: &&Operation| o.state.is_live() && o.order.is_some_and(|order| over(&order));
    for live in book.operations.iter().filter(serves).filter(live) {
        findings.expect(false, live.id, || format!("{} is {}", live.id, live.state.name()));
    }
    for held in book.reservations.iter().filter(|r| r.state.holds_capacity() && over(&r.order)) {
        findings.expect(false, held.order, || format!("{} is {}", held.id, held.state.name()));
    }
    findings.done()
}
