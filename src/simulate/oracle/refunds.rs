//! Money that goes back: once, to whoever paid, no more than it did not buy, and only where the payment is final.

use super::{Broken, Oracle, broken};
use leyden_domain::{
    Asset, OrderId, PaymentId,
    book::Book,
    operation::OperationKind,
    order::{Funding, OrderState},
    payment::PaymentState,
};
use std::collections::{BTreeMap, BTreeSet};

/// Blocks after which one is solid on the chain of these worlds.
const SOLID_AFTER: i64 = 18;

impl Oracle {
    /// Every transfer from the refund account gives back what a payment did not buy.
    pub(super) fn refunds_are_owed(&self, book: &Book, found: &mut Vec<Broken>) {
        let attempts: BTreeMap<_, _> = book.attempts.iter().map(|a| (a.tx_id, a.operation)).collect();
        let operations: BTreeMap<_, _> = book.operations.iter().map(|o| (o.id, o)).collect();
        let refunds: BTreeMap<_, _> = book.refunds.iter().map(|refund| (refund.id, refund)).collect();
        let payers: BTreeMap<_, _> = book.payments.iter().map(|payment| (payment.id, payment.from)).collect();
        for refund in book.refunds.iter().filter(|refund| refund.address_set_by.is_none()) {
            // Whatever else would keep it from going there.
            if payers.get(&refund.payment) != Some(&refund.to) {
                found.push(broken("refunds_the_payer", format!("{refund:?}")));
            }
        }
        let mut sent = BTreeSet::new();
        let mut back: BTreeMap<OrderId, i64> = BTreeMap::new();
        for (block, transfer) in
            self.blocks.iter().flat_map(|block| block.refunds.iter().map(move |t| (block, t)))
        {
            let operation = attempts.get(&transfer.tx_id).and_then(|id| operations.get(id));
            let refund = operation.and_then(|operation| match operation.kind {
                OperationKind::Refund { refund, .. } => refunds.get(&refund),
                OperationKind::Delegate { .. }
                | OperationKind::Undelegate { .. }
                | OperationKind::Retake { .. } => None,
            });
            let Some(refund) = refund else {
                found.push(broken(
                    "recorded_before_sent",
                    format!("{transfer:?} in {} is in no book", block.height),
                ));
                continue;
            };
            if !sent.insert(refund.payment) {
                found.push(broken("refunded_once", format!("{} went back twice", refund.payment)));
            }
            let paid = self.payments().find(|(_, payment)| {
                PaymentId { tx_id: payment.tx_id, index: payment.index } == refund.payment
            });
            let Some((paid_in, payment)) = paid else {
                found
                    .push(broken("refunds_what_was_paid", format!("{} is not on the chain", refund.payment)));
                continue;
            };
            let goes_home = transfer.to == payment.from || refund.address_set_by.is_some();
            if !goes_home || transfer.asset != payment.asset || transfer.amount > payment.amount {
                found.push(broken("refunds_the_payer", format!("{transfer:?} for {payment:?}")));
            }
            let is_denied = self.settings.payments.denied_senders.contains(&transfer.to);
            if is_denied && refund.address_set_by.is_none() && !self.released.contains(&refund.payment) {
                found.push(broken("refunds_nobody_denied", format!("{transfer:?}")));
            }
            let most = self.settings.refund.per_payment_trx.get();
            if transfer.asset == Asset::Trx && transfer.amount > most && !refund.guard_waived {
                found.push(broken("refunds_within_limits", format!("{transfer:?}, at most {most}")));
            }
            let height = self.refunded_at.get(&transfer.tx_id).copied().unwrap_or(block.height);
            if height < paid_in.height + SOLID_AFTER {
                found.push(broken(
                    "refunds_what_is_final",
                    format!("{} of {} went back at {height}", refund.payment, paid_in.height),
                ));
            }
            let part_of = book.payments.iter().find_map(|row| match row.state {
                PaymentState::Part { order } if row.id == refund.payment => Some(order),
                _ => None,
            });
            let served = book.orders.iter().find(|order| {
                let is_delivered =
                    matches!(order.state, OrderState::Active { .. } | OrderState::Completed { .. });
                let funds = |funding: &Funding| funding.payment == refund.payment;
                is_delivered && (order.state.funding().is_some_and(funds) || part_of == Some(order.id))
            });
            if let (Some(order), Asset::Trx) = (served, payment.asset) {
                *back.entry(order.id).or_insert(0) += transfer.amount;
                let count = order.state.funding().map_or(0, |funding| i64::from(funding.count));
                let before = self.paid_before(book, order, payment.from, payment.tx_id);
                let rest = payment.amount + before - order.unit_price.get() * count;
                if back[&order.id] > rest {
                    found.push(broken(
                        "refunds_what_was_not_bought",
                        format!(
                            "{} was served for {} and {before} before, and {} went back",
                            order.id, payment.amount, back[&order.id]
                        ),
                    ));
                }
            }
        }
    }
}
