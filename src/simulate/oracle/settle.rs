//! What must be true once the faults are over and everything has come to rest.

use super::{Broken, Oracle, Paid, broken, chain::Facts};
use leyden_domain::{
    Asset, OrderId,
    book::Book,
    chain::Transfer,
    order::{CountRule, Order, OrderState, OrderStateKind},
    payment::{Payment, PaymentState, SuspenseReason},
};
use leyden_sim::{SimNode, View};
use std::collections::BTreeMap;

/// What a payment should have become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// It settles this order.
    Settles(OrderId),
    /// It is too little for this order.
    Under(OrderId),
    /// It is too little for this order, and another payment brought the rest.
    Part(OrderId),
    /// It came after this order's time.
    Late(OrderId),
    /// The same, and may have been served as an order of its own.
    LateOrSold(OrderId),
    /// This order had its payment.
    Second(OrderId),
    /// It makes an order of its own.
    OwnOrder,
    /// It waits for this reason.
    Suspense(SuspenseReason),
    /// It could be one of several things.
    Unclear,
}

impl Oracle {
    /// Everything that is wrong at the end.
    pub(crate) fn settle(&mut self, book: &Book, node: &SimNode) -> Vec<Broken> {
        let mut found = Vec::new();
        if self.lost_faith {
            return found;
        }
        self.tally.completed +=
            book.orders.iter().map(|o| u64::from(o.state.kind() == OrderStateKind::Completed)).sum::<u64>();
        self.count_generosity(book);
        self.every_sun_has_its_bucket(book, &mut found);
        self.no_sun_is_spent_twice(book, &mut found);
        self.delivered_is_whole(book, &mut found);
        Self::nothing_stays_lent(book, node, &mut found);
        found
    }

    /// Every payment on the chain is in the books once, in the bucket that it belongs to; and nothing else is.
    fn every_sun_has_its_bucket(&mut self, book: &Book, found: &mut Vec<Broken>) {
        let kept: BTreeMap<_, &Payment> = book.payments.iter().map(|payment| (payment.id, payment)).collect();
        let mut on_chain = BTreeMap::new();
        let mut count = 0;
        for (block, payment) in self.payments() {
            let dust = match payment.asset {
                Asset::Trx => self.settings.payments.dust_trx.get(),
                Asset::Usdt => self.settings.payments.dust_usdt.get(),
            };
            if payment.amount < dust {
                continue;
            }
            count += 1;
            let id = leyden_domain::PaymentId { tx_id: payment.tx_id, index: payment.index };
            on_chain.insert(id, payment);
            let Some(row) = kept.get(&id) else {
                found.push(broken(
                    "every_sun",
                    format!("{payment:?} in {} is not in the books", block.height),
                ));
                continue;
            };
            let same = row.amount == payment.amount
                && row.asset == payment.asset
                && row.from == payment.from
                && row.block.is_some_and(|at| *at.block.id() == block.id);
            if !same {
                found.push(broken(
                    "every_sun",
                    format!("{payment:?} in {} is {row:?} in the books", block.height),
                ));
            }
            let expected = self.expected(book, block, payment);
            if !self.is_as_expected(book, row, expected) {
                found.push(broken("right_bucket", format!("{row:?} should be {expected:?}")));
            }
        }
        for row in book.payments.iter().filter(|row| row.block.is_some()) {
            if !on_chain.contains_key(&row.id) {
                found.push(broken("every_sun", format!("{row:?} is not on the chain")));
            }
        }
        self.tally.payments += count;
    }

    /// What should have become of a payment, by what customers were told.
    fn expected(&self, book: &Book, block: &Facts, payment: &Transfer) -> Expected {
        if self.is_assigned(payment) || self.may_be_held(payment) {
            return Expected::Unclear;
        }
        if payment.asset == Asset::Usdt {
            return Expected::Suspense(SuspenseReason::WrongAsset);
        }
        if let Some(expected) = self.expected_of_begun(book, payment) {
            return expected;
        }
        let by_tail: Vec<&Order> = self
            .orders
            .values()
            .filter(|order| {
                payment.amount % order.unit_price.get() == order.tail.get() && block.time <= order.closes_at
            })
            .collect();
        let price = self.settings.sales.single_price_trx.get();
        let own = self.asked_for.contains(&payment.from);
        match by_tail.as_slice() {
            [] if payment.amount % price != 0 => Expected::Suspense(SuspenseReason::NoOrder),
            // An open order of the payer may take it.
            [] if own => Expected::Unclear,
            [] if self.settings.payments.denied_senders.contains(&payment.from) => {
                Expected::Suspense(SuspenseReason::SenderDenied)
            }
            [] => Expected::OwnOrder,
            [one] => self.by_tail(book, one, block, payment),
            _ => Expected::Unclear,
        }
    }

    /// What should have become of a payment whose amount names an order.
    fn by_tail(&self, book: &Book, order: &Order, block: &Facts, payment: &Transfer) -> Expected {
        let is_alone = |paid: &&Paid| {
            let amount = paid.amount.get();
            let names_it = amount % order.unit_price.get() == order.tail.get();
            let is_own = amount % order.unit_price.get() == 0 && paid.from == order.recipient;
            paid.asset == Asset::Trx && paid.tx_id != payment.tx_id && (names_it || is_own)
        };
        let has_rivals = self.sent.iter().any(|paid| is_alone(&paid))
            || self.assigned.iter().any(|(assigned, _)| *assigned == order.id);
        let in_time = block.time <= order.expires_at;
        let paid_for = payment.amount / order.unit_price.get();
        let least = match order.count {
            CountRule::Fixed { count } => i64::from(count),
            CountRule::Open { .. } => 1,
        };
        let state = book.orders.iter().find(|kept| kept.id == order.id).map(|kept| kept.state.kind());
        let ended = matches!(state, Some(OrderStateKind::Expired | OrderStateKind::Cancelled));
        if has_rivals {
            // Which of them came first is not always what is on the chain now.
            let named = |other: &Transfer| other.amount % order.unit_price.get() == order.tail.get();
            let earlier: Vec<_> =
                self.payments().take_while(|(_, other)| other.tx_id != payment.tx_id).collect();
            let settled = earlier.iter().any(|(at, other)| {
                named(other) && Self::buys(order, other).is_some() && at.time <= order.expires_at
            });
            return if settled && in_time && !self.forked && !ended {
                Expected::Second(order.id)
            } else {
                Expected::Unclear
            };
        }
        match (in_time, ended) {
            // What was gone for a while may have come too late when it came back.
            (true, true)
                if self.forked
                    || self.called_off.contains(&order.id)
                    || state == Some(OrderStateKind::Cancelled) =>
            {
                Expected::Unclear
            }
            (true, _) if paid_for < least => Expected::Under(order.id),
            (true, _) => Expected::Settles(order.id),
            // It may have been in an earlier block before.
            (false, false) if self.forked => Expected::Unclear,
            (false, _) if self.settings.refund.serve_late => Expected::LateOrSold(order.id),
            (false, _) => Expected::Late(order.id),
        }
    }

    fn is_as_expected(&self, book: &Book, row: &Payment, expected: Expected) -> bool {
        match (expected, row.state) {
            (Expected::Unclear, state) => state != PaymentState::Unrouted,
            (Expected::Part(id), state) => Self::is_part(book, id, &state),
            (Expected::LateOrSold(id), state) => self.is_late_or_sold(book, id, &state),
            (Expected::Settles(id), PaymentState::Settles { order, .. })
            | (Expected::Under(id), PaymentState::Under { order })
            | (Expected::Late(id), PaymentState::Late { order })
            | (Expected::Second(id), PaymentState::Second { order }) => id == order,
            (Expected::OwnOrder, PaymentState::Settles { order, .. }) => {
                self.terms(book, order).is_some_and(|order| order.recipient == row.from)
            }
            (Expected::Suspense(why), PaymentState::Suspense { reason }) => why == reason,
            _ => false,
        }
    }

    /// What was sold and what went back come to no more than what came in.
    fn no_sun_is_spent_twice(&self, book: &Book, found: &mut Vec<Broken>) {
        let in_trx = |transfer: &&Transfer| transfer.asset == Asset::Trx;
        let sum = |transfers: &mut dyn Iterator<Item = &Transfer>| -> i64 {
            transfers.filter(in_trx).map(|transfer| transfer.amount).sum()
        };
        let came = sum(&mut self.payments().map(|(_, payment)| payment));
        let went = sum(&mut self.blocks.iter().flat_map(|block| &block.refunds));
        let sold: i64 = book
            .orders
            .iter()
            .filter(|order| order.state.kind() == OrderStateKind::Completed)
            .filter_map(|order| Some(order.unit_price.get() * i64::from(order.state.funding()?.count)))
            .sum();
        if sold + went > came {
            found.push(broken(
                "no_sun_is_spent_twice",
                format!("{came} sun came, {sold} were sold and {went} went back"),
            ));
        }
    }

    /// What was completed was delivered whole and taken back; what was not has nothing.
    fn delivered_is_whole(&self, book: &Book, found: &mut Vec<Broken>) {
        let orders_of: BTreeMap<_, OrderId> =
            book.operations.iter().filter_map(|o| Some((o.id, o.order?))).collect();
        let attempts: BTreeMap<_, _> = book.attempts.iter().map(|a| (a.tx_id, a.operation)).collect();
        let mut sums: BTreeMap<OrderId, (i64, i64)> = BTreeMap::new();
        for (_, one) in self.moves() {
            let Some(order) = attempts.get(&one.tx_id).and_then(|operation| orders_of.get(operation)) else {
                continue;
            };
            let (out, back) = sums.entry(*order).or_default();
            *(if one.out { out } else { back }) += one.balance.get();
        }
        for order in &book.orders {
            let (out, back) = sums.get(&order.id).copied().unwrap_or_default();
            match &order.state {
                OrderState::Completed { funding, .. } => {
                    let sold = self.stake_for(order.energy_per_transfer.get() * i64::from(funding.count));
                    if out < sold.get() {
                        found.push(broken(
                            "delivered_is_whole",
                            format!("{} was given {out} sun of {sold}", order.id),
                        ));
                    }
                }
                OrderState::Expired { .. } | OrderState::Cancelled { .. } if out > 0 => {
                    found.push(broken("unpaid_gets_nothing", format!("{} was given {out} sun", order.id)));
                }
                _ => {}
            }
            let is_held = matches!(order.state, OrderState::Held { .. });
            if out != back && !is_held {
                found.push(broken(
                    "taken_back_whole",
                    format!("{} was given {out} sun, {back} came back", order.id),
                ));
            }
        }
    }

    /// The chain has between each pair of accounts what the books say.
    fn nothing_stays_lent(book: &Book, node: &SimNode, found: &mut Vec<Broken>) {
        let chain = node.chain();
        for ((owner, receiver), lent) in Self::lent(book) {
            let records = chain.delegation(View::Head, owner, receiver);
            let on_chain: i64 = records.iter().flatten().map(|record| record.energy).sum();
            if on_chain != lent {
                found.push(broken(
                    "chain_agrees_about_what_is_lent",
                    format!("{owner} to {receiver}: {on_chain} sun on the chain, {lent} in the books"),
                ));
            }
        }
    }
}
