//! What a generous service does beyond the rest: two payments of one sender pay for an order together, and what came
//! after its order's time is served as a new order.

use super::{Oracle, Paid, chain::Facts, settle::Expected};
use leyden_domain::{
    Address, Asset, OrderId, PaymentId, Sun, TxId,
    book::Book,
    chain::Transfer,
    order::{Channel, Order, OrderStateKind},
    payment::PaymentState,
};
use std::collections::BTreeSet;

/// Whether a payment's amount names an order.
pub(super) fn names(order: &Order, payment: &Transfer) -> bool {
    payment.asset == Asset::Trx
        && payment.to == order.payment_address
        && order.tail > Sun::ZERO
        && payment.amount % order.unit_price.get() == order.tail.get()
}

fn id_of(payment: &Transfer) -> PaymentId {
    PaymentId { tx_id: payment.tx_id, index: payment.index }
}

impl Oracle {
    /// What a sender paid for an order besides one payment: what the books count for it and the chain holds. Nothing,
    /// where none of it names the order.
    pub(super) fn paid_before(&self, book: &Book, order: &Order, sender: Address, besides: TxId) -> i64 {
        if !self.settings.payments.complete_under {
            return 0;
        }
        let counted: BTreeSet<PaymentId> = book
            .payments
            .iter()
            .filter(|row| match row.state {
                PaymentState::Part { order: id } | PaymentState::Under { order: id } => id == order.id,
                _ => false,
            })
            .map(|row| row.id)
            .collect();
        let parts = || {
            self.payments().map(|(_, payment)| payment).filter(|payment| {
                payment.from == sender
                    && payment.asset == Asset::Trx
                    && payment.tx_id != besides
                    && counted.contains(&id_of(payment))
            })
        };
        if !parts().any(|payment| names(order, payment)) {
            return 0;
        }
        parts().map(|payment| payment.amount).sum()
    }

    /// How many transfers a payment buys together with what the same sender paid before.
    pub(super) fn buys_with_rest(&self, book: &Book, order: &Order, payment: &Transfer) -> Option<u32> {
        let before = self.paid_before(book, order, payment.from, payment.tx_id);
        if before == 0 || payment.asset != Asset::Trx || payment.to != order.payment_address {
            return None;
        }
        let above = before + payment.amount - order.tail.get();
        let count = u32::try_from(above / order.unit_price.get()).ok()?;
        (count >= order.count.least()).then(|| count.min(order.count.most()))
    }

    /// How many transfers a late payment buys, of the order that was made of it.
    pub(super) fn buys_late(&self, order: &Order, block: &Facts, payment: &Transfer) -> Option<u32> {
        if !self.settings.refund.serve_late || order.channel != Channel::Orderless {
            return None;
        }
        let is_over = |old: &Order| self.forked || block.time > old.expires_at;
        let is_named = self
            .orders
            .values()
            .any(|old| names(old, payment) && old.recipient == order.recipient && is_over(old));
        let count = u32::try_from(payment.amount / order.unit_price.get()).ok()?;
        is_named.then(|| count.min(order.count.most()))
    }

    /// What should have become of a payment whose sender has paid too little for an order and more; `None`: nobody has.
    pub(super) fn expected_of_begun(&self, book: &Book, payment: &Transfer) -> Option<Expected> {
        if !self.settings.payments.complete_under {
            return None;
        }
        let by_sender: Vec<(&Facts, &Transfer)> =
            self.payments().filter(|(_, other)| other.from == payment.from).collect();
        let is_little = |order: &Order, other: &Transfer| {
            names(order, other) && other.amount / order.unit_price.get() < i64::from(order.count.least())
        };
        let mut begun =
            self.orders.values().filter(|order| by_sender.iter().any(|(_, other)| is_little(order, other)));
        let Some(order) = begun.next() else {
            // A part that has left the chain since may have been there when this one was looked at.
            let had_begun = |paid: &Paid| {
                paid.from == payment.from
                    && self.orders.values().any(|order| {
                        let (count, rest) = (
                            paid.amount.get() / order.unit_price.get(),
                            paid.amount.get() % order.unit_price.get(),
                        );
                        rest == order.tail.get() && rest > 0 && count < i64::from(order.count.least())
                    })
            };
            return (self.forked && self.sent.iter().any(had_begun)).then_some(Expected::Unclear);
        };
        let [first, rest] = by_sender.as_slice() else {
            return (by_sender.len() > 1).then_some(Expected::Unclear);
        };
        let is_anothers = |payment: &Transfer| {
            self.orders.values().any(|other| other.id != order.id && names(other, payment))
        };
        let total = first.1.amount + rest.1.amount;
        let least = order.unit_price.get() * i64::from(order.count.least()) + order.tail.get();
        let state = book.orders.iter().find(|kept| kept.id == order.id).map(|kept| kept.state.kind());
        let of_another = |paid: &Paid| {
            let is_named = paid.amount.get() % order.unit_price.get() == order.tail.get();
            let is_own = paid.from == order.recipient;
            (paid.from != payment.from && (is_named || is_own))
                || (paid.from == payment.from
                    && ![first, rest].iter().any(|(_, other)| other.tx_id == paid.tx_id))
        };
        let is_touched = self.assigned.iter().any(|(id, _)| *id == order.id)
            || [first, rest]
                .iter()
                .any(|(_, one)| self.is_assigned(one) || self.released.contains(&id_of(one)));
        let is_clear = begun.next().is_none()
            && is_little(order, first.1)
            && total >= least
            && !is_anothers(rest.1)
            && rest.0.time <= order.expires_at
            && [first, rest].iter().all(|(_, one)| one.asset == Asset::Trx)
            && !self.forked
            && !is_touched
            && !self.called_off.contains(&order.id)
            && state != Some(OrderStateKind::Cancelled)
            && !self.sent.iter().any(of_another);
        Some(match is_clear {
            false => Expected::Unclear,
            true if payment.tx_id == first.1.tx_id => Expected::Part(order.id),
            true => Expected::Settles(order.id),
        })
    }

    /// Whether a late payment became what it should: an order for the same recipient, or money that goes back.
    pub(super) fn is_late_or_sold(&self, book: &Book, late_for: OrderId, state: &PaymentState) -> bool {
        match *state {
            PaymentState::Late { order } => order == late_for,
            PaymentState::Settles { order, .. } => {
                let recipient = self.orders.get(&late_for).map(|order| order.recipient);
                self.terms(book, order).is_some_and(|order| {
                    order.channel == Channel::Orderless && Some(order.recipient) == recipient
                })
            }
            _ => false,
        }
    }

    /// Whether one of several payments for an order is where it should be: counted where the order is served, and else
    /// what it was before.
    pub(super) fn is_part(book: &Book, of: OrderId, state: &PaymentState) -> bool {
        let is_served = book.orders.iter().any(|order| {
            order.id == of && matches!(order.state.kind(), OrderStateKind::Active | OrderStateKind::Completed)
        });
        match *state {
            PaymentState::Part { order } => order == of,
            PaymentState::Under { order } => order == of && !is_served,
            _ => false,
        }
    }

    /// Counts what only a generous service does.
    pub(super) fn count_generosity(&mut self, book: &Book) {
        let completed: BTreeSet<OrderId> = book
            .orders
            .iter()
            .filter(|order| order.state.kind() == OrderStateKind::Completed)
            .map(|order| order.id)
            .collect();
        let by_rest: BTreeSet<OrderId> = book
            .payments
            .iter()
            .filter_map(|row| match row.state {
                PaymentState::Part { order } => Some(order).filter(|order| completed.contains(order)),
                _ => None,
            })
            .collect();
        let late = |payment: &Transfer| self.orders.values().any(|order| names(order, payment));
        let sold: BTreeSet<PaymentId> =
            self.payments().filter(|(_, payment)| late(payment)).map(|(_, payment)| id_of(payment)).collect();
        let is_sold_late = |order: &&Order| {
            order.channel == Channel::Orderless
                && completed.contains(&order.id)
                && order.state.funding().is_some_and(|funding| sold.contains(&funding.payment))
        };
        let sold_late = book.orders.iter().filter(is_sold_late).count();
        self.tally.completed_by_rest += by_rest.len() as u64;
        self.tally.sold_late += sold_late as u64;
    }
}
