//! What one machine of a fleet alone shows: served up to what one is believed, held above it, and never sent back without
//! a person.

use super::{Broken, Oracle, broken};
use leyden_domain::{
    Asset, PaymentId,
    book::Book,
    chain::{Evidence, Transfer},
    payment::PaymentState,
    refund::RefundState,
};
use std::collections::BTreeSet;

/// Who keeps internal transactions in this world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keepers {
    /// Nobody is asked who would not.
    All,
    /// One machine of several, throughout.
    One,
    /// Several, perhaps not throughout.
    Some,
}

impl Oracle {
    /// Says who keeps internal transactions.
    pub(crate) const fn with_keepers(mut self, keepers: Keepers) -> Self {
        self.keepers = keepers;
        self
    }

    /// Whether a payment may be above what one machine is believed, so that it may wait for a person.
    pub(super) fn may_be_held(&self, payment: &Transfer) -> bool {
        self.keepers != Keepers::All
            && payment.asset == Asset::Trx
            && payment.evidence == Evidence::Internal
            && payment.amount > self.settings.chain.agreement_above_trx.get()
    }

    /// Nothing that one machine alone shows is served above the limit, or goes back by itself.
    pub(super) fn lone_receipts_wait(&self, book: &Book, found: &mut Vec<Broken>) {
        if self.keepers != Keepers::One {
            return;
        }
        let mut alone = BTreeSet::new();
        let mut large = BTreeSet::new();
        for (_, payment) in self.payments().filter(|(_, payment)| payment.evidence == Evidence::Internal) {
            let id = PaymentId { tx_id: payment.tx_id, index: payment.index };
            alone.insert(id);
            if self.may_be_held(payment) && !self.is_assigned(payment) {
                large.insert(id);
            }
        }
        for payment in book.payments.iter().filter(|payment| large.contains(&payment.id)) {
            if matches!(payment.state, PaymentState::Settles { .. }) {
                found.push(broken("what_one_shows_is_limited", format!("{payment:?}")));
            }
        }
        for refund in book.refunds.iter().filter(|refund| alone.contains(&refund.payment)) {
            let goes = matches!(refund.state, RefundState::Due | RefundState::Sending { .. });
            if goes && !self.released.contains(&refund.payment) {
                found.push(broken("what_one_shows_is_not_sent_back", format!("{refund:?}")));
            }
        }
    }
}
