//! What must be true at any moment, whatever is going on.

use super::{
    Broken, Oracle, broken,
    chain::{Facts, Move},
};
use leyden_domain::{
    Address, OperationId, OrderId, PaymentId, Sun,
    book::Book,
    invariants,
    operation::{Operation, OperationKind},
    order::{Channel, OrderState, OrderStateKind},
};
use std::collections::{BTreeMap, BTreeSet};

/// More stake than this many thousandths of what was bought is too much: the margin is 1 %.
const MOST_PER_MILLE: i128 = 1_030;

impl Oracle {
    /// Everything that is wrong now.
    pub(crate) fn audit(&mut self, book: &Book) -> Vec<Broken> {
        self.tally.audits += 1;
        let mut found: Vec<Broken> = invariants::check_all(book)
            .into_iter()
            .map(|violation| broken(violation.invariant, violation.to_string()))
            .collect();
        self.acknowledged_orders_are_kept(book, &mut found);
        if !self.lost_faith {
            self.moves_are_ours(book, &mut found);
            self.nothing_without_payment(book, &mut found);
            self.payments_serve_once(book, &mut found);
            self.refunds_are_owed(book, &mut found);
            self.lone_receipts_wait(book, &mut found);
        }
        found
    }

    /// No acknowledged order is lost, its terms never change, and what was called off stays so.
    fn acknowledged_orders_are_kept(&self, book: &Book, found: &mut Vec<Broken>) {
        let kept: BTreeMap<OrderId, _> = book.orders.iter().map(|order| (order.id, order)).collect();
        for (id, told) in &self.orders {
            let Some(order) = kept.get(id) else {
                found.push(broken("acknowledged_is_kept", format!("{id} is not in the books")));
                continue;
            };
            let same = order.recipient == told.recipient
                && order.unit_price == told.unit_price
                && order.tail == told.tail
                && order.count == told.count
                && order.payment_address == told.payment_address
                && order.energy_per_transfer == told.energy_per_transfer
                && order.duration == told.duration
                && order.expires_at == told.expires_at;
            if !same {
                found.push(broken("terms_never_change", format!("{told:?} became {order:?}")));
            }
            if self.called_off.contains(id) && order.state.kind() != OrderStateKind::Cancelled {
                found.push(broken("called_off_stays_so", format!("{id} is {}", order.state.kind().name())));
            }
        }
    }

    /// Whatever moves stake of ours was in the books first, is what was intended, and happens once.
    fn moves_are_ours(&self, book: &Book, found: &mut Vec<Broken>) {
        let operations: BTreeMap<OperationId, &Operation> =
            book.operations.iter().map(|o| (o.id, o)).collect();
        let attempts: BTreeMap<_, _> = book.attempts.iter().map(|a| (a.tx_id, a.operation)).collect();
        let mut done: BTreeMap<OperationId, (&Facts, &Move)> = BTreeMap::new();
        for (block, one) in self.moves() {
            let Some(operation) = attempts.get(&one.tx_id).and_then(|id| operations.get(id)) else {
                found.push(broken(
                    "recorded_before_sent",
                    format!("{one:?} in {} is in no book", block.height),
                ));
                continue;
            };
            let delegates = matches!(operation.kind, OperationKind::Delegate { .. });
            if delegates != one.out
                || operation.owner != one.owner
                || operation.receiver != one.receiver
                || operation.balance != one.balance
            {
                found.push(broken("done_as_intended", format!("{one:?} for {operation:?}")));
            }
            if done.insert(operation.id, (block, one)).is_some() {
                found.push(broken("done_once", format!("{} is on the chain twice", operation.id)));
            }
        }
        Self::taken_back_as_given(&operations, &done, book, found);
    }

    /// Each delegation is taken back once, for its amount, and not before its rental is over.
    fn taken_back_as_given(
        operations: &BTreeMap<OperationId, &Operation>,
        done: &BTreeMap<OperationId, (&Facts, &Move)>,
        book: &Book,
        found: &mut Vec<Broken>,
    ) {
        let mut taken = BTreeSet::new();
        for (id, (block, one)) in done {
            let Some(OperationKind::Undelegate { delegation }) = operations.get(id).map(|o| o.kind) else {
                continue;
            };
            if !taken.insert(delegation) {
                found.push(broken("taken_back_once", format!("{delegation} was taken back twice")));
            }
            let Some((given_in, given)) = done.get(&delegation) else {
                found.push(broken(
                    "taken_back_as_given",
                    format!("{id} takes back {delegation}, which never was"),
                ));
                continue;
            };
            if given.balance != one.balance {
                found.push(broken("taken_back_as_given", format!("{given:?} and {one:?}")));
            }
            let Some(order) =
                operations.get(id).and_then(|o| book.orders.iter().find(|order| Some(order.id) == o.order))
            else {
                continue;
            };
            let is_cut_short = match &order.state {
                OrderState::Reclaiming { reverted, refund, .. } => *reverted || refund.is_some(),
                OrderState::RefundDue { .. }
                | OrderState::Refunding { .. }
                | OrderState::Refunded { .. }
                | OrderState::Forfeited { .. }
                | OrderState::Reverted { .. }
                | OrderState::Held { .. } => true,
                _ => false,
            };
            if !is_cut_short && block.time < given_in.time.plus(order.duration) {
                found.push(broken(
                    "never_taken_early",
                    format!(
                        "{delegation} of {} was given at {:?} and taken back at {:?}",
                        order.id, given_in.time, block.time
                    ),
                ));
            }
        }
    }

    /// What was given to anybody was bought by a payment that is on the same chain, before it.
    fn nothing_without_payment(&self, book: &Book, found: &mut Vec<Broken>) {
        let attempts: BTreeMap<_, _> = book.attempts.iter().map(|a| (a.tx_id, a.operation)).collect();
        let orders_of: BTreeMap<OperationId, OrderId> =
            book.operations.iter().filter_map(|o| Some((o.id, o.order?))).collect();
        let mut given: BTreeMap<OrderId, Vec<(&Facts, &Move)>> = BTreeMap::new();
        for (block, one) in self.moves().filter(|(_, one)| one.out) {
            if let Some(order) = attempts.get(&one.tx_id).and_then(|operation| orders_of.get(operation)) {
                given.entry(*order).or_default().push((block, one));
            }
        }
        for (id, given) in given {
            let Some(order) = self.terms(book, id) else {
                found.push(broken("given_to_an_order", format!("{id} is nobody's order")));
                continue;
            };
            let first = given.iter().map(|(block, _)| block.height).min().unwrap_or(0);
            let bought = self
                .payments()
                .filter(|(block, _)| block.height < first)
                .filter(|(_, payment)| {
                    // What a fork has moved beyond the order's time was in time when it was answered.
                    let first = self.first_in.get(&payment.tx_id);
                    order.channel == Channel::Orderless
                        || first.is_some_and(|first| *first <= order.expires_at)
                        || self.is_assigned(payment)
                })
                .filter_map(|paid| self.pays(book, order, paid))
                .max();
            let Some(count) = bought else {
                found.push(broken(
                    "nothing_without_payment",
                    format!("{id} was given energy in {first} and not paid"),
                ));
                continue;
            };
            if given.iter().any(|(_, one)| one.receiver != order.recipient) {
                found.push(broken("given_to_the_recipient", format!("{id}: {given:?}")));
            }
            let stake: i64 = given.iter().map(|(_, one)| one.balance.get()).sum();
            let enough = self.stake_for(order.energy_per_transfer.get() * i64::from(count));
            let most = i128::from(enough.get()) * MOST_PER_MILLE / 1_000 + 2_000_000;
            if i128::from(stake) > most {
                found.push(broken(
                    "never_more_than_paid",
                    format!("{id} paid for {count} transfers, {enough} sun of stake, and was given {stake}"),
                ));
            }
        }
    }

    /// One payment serves one order.
    fn payments_serve_once(&self, book: &Book, found: &mut Vec<Broken>) {
        let mut serves: BTreeMap<PaymentId, OrderId> = BTreeMap::new();
        for order in &book.orders {
            let Some(funding) = order.state.funding() else { continue };
            if let Some(other) = serves.insert(funding.payment, order.id) {
                found.push(broken(
                    "payments_serve_once",
                    format!("{} serves {other} and {}", funding.payment, order.id),
                ));
            }
            let Some(terms) = self.terms(book, order.id) else { continue };
            let on_chain = self.payments().find(|(_, payment)| {
                payment.tx_id == funding.payment.tx_id && payment.index == funding.payment.index
            });
            if let Some((block, payment)) = on_chain
                && self.pays(book, terms, (block, payment)).is_none_or(|count| count < funding.count)
            {
                found.push(broken(
                    "paid_for_what_it_says",
                    format!("{} takes {payment:?} for {} transfers", order.id, funding.count),
                ));
            }
        }
    }

    /// The stake that gives this much energy on a chain as these worlds have it.
    pub(super) fn stake_for(&self, energy: i64) -> Sun {
        self.ratio.stake_for(leyden_domain::Energy::new(energy)).unwrap_or(Sun::ZERO)
    }

    /// What each pair of accounts should have between them, by the books.
    pub(super) fn lent(book: &Book) -> BTreeMap<(Address, Address), i64> {
        let mut lent: BTreeMap<(Address, Address), i64> = BTreeMap::new();
        for operation in book.operations.iter().filter(|operation| operation.state.took_effect()) {
            let sign = match operation.kind {
                OperationKind::Delegate { .. } => 1,
                OperationKind::Undelegate { .. } => -1,
                OperationKind::Retake { .. } | OperationKind::Refund { .. } => continue,
            };
            *lent.entry((operation.owner, operation.receiver)).or_default() += sign * operation.balance.get();
        }
        lent
    }
}
