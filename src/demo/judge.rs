//! The judge of a demonstration. For every customer it compares what the chain shows with what was bought, and with
//! what the service says that it did; whatever does not fit exactly is a finding.

use super::{
    api::PaymentView,
    audit::{Audit, Seen},
    customer::Outcome,
    notebook::Entry,
    plan::{Customer, Mode},
    stage,
};
use leyden_domain::{EnergyRatio, Height, Sun, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// One customer with all that is known of it.
pub(super) struct Case {
    pub(super) customer: Customer,
    pub(super) entry: Entry,
    /// How its business ended, or why it gave up.
    pub(super) outcome: Result<Outcome, String>,
}

/// What the service says about the whole.
#[derive(Debug, Default)]
pub(super) struct Statement {
    /// Every payment in the books, by its transaction.
    pub(super) payments: BTreeMap<String, PaymentView>,
    /// Operations that are neither done nor given up, as `delegate.signed`.
    pub(super) unfinished: Vec<String>,
}

/// What was found about one customer.
#[expect(clippy::struct_excessive_bools, reason = "each is a column of the totals")]
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) delivered: bool,
    pub(super) reclaimed: bool,
    pub(super) doubled: bool,
    pub(super) lost: bool,
    /// Its payment waits, in whole or in part.
    pub(super) waits: bool,
    /// Everything that had to come back did, once.
    pub(super) refunded: bool,
    /// Energy that reached it.
    pub(super) energy: i64,
    /// Where its payment is in the chain.
    pub(super) paid: Option<(Height, Timestamp)>,
    /// Where the last delegation is.
    pub(super) served: Option<(Height, Timestamp)>,
    /// Whatever does not fit.
    pub(super) findings: Vec<String>,
}

/// The bucket that a customer's payment must end up in.
const fn bucket(mode: Mode) -> &'static str {
    match mode {
        Mode::Open { .. } | Mode::Fixed { .. } | Mode::Orderless { .. } => "settled",
        Mode::Over => "over",
        Mode::Under => "under",
        Mode::Unmatched => "suspense",
    }
}

/// Everything that a judgement rests on.
pub(super) struct Judge<'a> {
    pub(super) audit: &'a Audit,
    pub(super) statement: &'a Statement,
    pub(super) ratio: EnergyRatio,
    pub(super) max_transactions: u32,
}

impl Judge<'_> {
    /// Judges one customer.
    pub(super) fn of(&self, case: &Case) -> Verdict {
        let Case { customer, entry, outcome } = case;
        let (outcome, trouble) = (outcome.as_ref().ok(), outcome.as_ref().err());
        let seen = self.audit.of(customer.address());
        let count = customer.mode.served(self.max_transactions);
        let per_transfer = outcome.map_or(0, |outcome| outcome.energy_per_transfer);
        let bought = per_transfer.saturating_mul(i64::from(count));
        let energy = self.ratio.energy_of(seen.stake()).get();
        // A tenth of one transfer is more than any margin and less than any second delegation.
        let margin = bought.checked_div(50).unwrap_or(0).max(per_transfer.checked_div(10).unwrap_or(0));
        let tx_id = entry.payment.as_ref().map(|payment| payment.tx_id);
        let paid = tx_id.and_then(|id| self.audit.payments.get(&id)).copied();
        let recorded = tx_id.and_then(|id| self.statement.payments.get(&id.to_string()));
        let state = recorded.map_or("nowhere", |payment| payment.state.as_str());

        let money = Sun::new(entry.amount_sun.unwrap_or_default());
        let due = customer.mode.comes_back(money, stage::UNIT_PRICE);
        let back = seen.refunds.as_slice();
        let is_back = if due == Sun::ZERO { back.is_empty() } else { back == [due] };
        let delivered = count > 0 && bought > 0 && energy >= bought;
        let unordered = unordered(&seen, outcome);
        let mut verdict = Verdict {
            delivered,
            reclaimed: delivered && seen.is_all_back(),
            doubled: energy > bought.saturating_add(margin) || unordered.is_some(),
            waits: matches!(state, "over" | "under" | "late" | "second" | "suspense"),
            refunded: due > Sun::ZERO && is_back,
            energy,
            paid,
            served: seen.delivered(),
            ..Verdict::default()
        };
        verdict.lost = paid.is_some() && (count > 0 && !delivered || due > Sun::ZERO && back.is_empty());
        let mut found = |what: String| verdict.findings.push(format!("customer {}: {what}", customer.number));
        if let Some(trouble) = trouble {
            found(format!("gave up: {trouble}"));
        }
        if seen.payments != tx_id.into_iter().collect::<Vec<_>>() {
            found(format!("paid {} times", seen.payments.len()));
        }
        if state != bucket(customer.mode) {
            found(format!("its payment is {state} and not {}", bucket(customer.mode)));
        }
        if let Some(outcome) = outcome
            && count > 0
            && outcome.state != "completed"
        {
            found(format!("its order ended as {}", outcome.state));
        }
        if let (Some(payment), Some(Outcome { order: Some(order), .. })) = (recorded, outcome)
            && payment.order.as_ref() != Some(order)
        {
            found("its payment belongs to another order".to_owned());
        }
        if count > 0 && !delivered {
            found(format!("bought {bought} energy and got {energy}"));
        }
        if energy > bought.saturating_add(margin) {
            found(format!("bought {bought} energy and got {energy}"));
        }
        if let Some(unordered) = unordered {
            found(unordered);
        }
        if !is_back {
            found(format!("{due} TRX were due back, the chain shows {back:?}"));
        }
        if !seen.is_all_back() {
            found(format!(
                "{} delegations, taken back {} times or for other amounts",
                seen.out.len(),
                seen.back.len()
            ));
        }
        verdict
    }

    /// What does not fit in the whole.
    pub(super) fn of_all(&self, cases: &[Case]) -> Vec<String> {
        let mut findings = Vec::new();
        let customers: BTreeSet<_> = cases.iter().map(|case| case.customer.address()).collect();
        for (address, seen) in &self.audit.seen {
            if !customers.contains(address) && !seen.out.is_empty() {
                findings.push(format!("{address} got energy and is nobody's"));
            }
            if !customers.contains(address) && !seen.refunds.is_empty() {
                findings.push(format!("{address} got money and is nobody's"));
            }
        }
        for tx_id in self.audit.payments.keys() {
            if !self.statement.payments.contains_key(&tx_id.to_string()) {
                findings.push(format!("the payment {tx_id} is in the chain and not in the books"));
            }
        }
        for tx_id in self.statement.payments.keys() {
            if !self.audit.payments.keys().any(|known| known.to_string() == *tx_id) {
                findings.push(format!("the payment {tx_id} is in the books and not in the chain"));
            }
        }
        let mut orders = BTreeSet::new();
        for order in
            self.statement.payments.values().filter(|p| matches!(p.state.as_str(), "settled" | "over"))
        {
            if let Some(id) = &order.order
                && !orders.insert(id)
            {
                findings.push(format!("{id} was settled by two payments"));
            }
        }
        findings.extend(self.statement.unfinished.iter().map(|what| format!("left undone: {what}")));
        findings
    }
}

/// Whether the delegations in the chain are others than the service says it made for this order.
fn unordered(seen: &Seen, outcome: Option<&Outcome>) -> Option<String> {
    let mut told: Vec<String> = outcome.map(|outcome| outcome.delegations.clone()).unwrap_or_default();
    let mut there: Vec<String> = seen.out.iter().map(|one| one.tx_id.to_string()).collect();
    told.sort_unstable();
    there.sort_unstable();
    (told != there).then(|| format!("{} delegations in the chain, {} in the books", there.len(), told.len()))
}

#[cfg(test)]
mod tests {
    use super::super::audit::{Delegation, Seen};
    use leyden_domain::{Height, Sun, Timestamp, TxId};
    use leyden_sim::keys;

    fn delegation(sun: i64) -> Delegation {
        Delegation {
            tx_id: TxId::new([7; 32]),
            owner: keys::pool_address(0),
            balance: Sun::new(sun),
            place: (Height::new(1), Timestamp::default()),
        }
    }

    #[test]
    fn each_delegation_comes_back_once_and_for_its_own_amount() {
        let back = |amounts: &[i64]| amounts.iter().map(|a| (keys::pool_address(0), Sun::new(*a))).collect();
        let seen = |amounts: &[i64]| Seen {
            out: vec![delegation(5), delegation(7)],
            back: back(amounts),
            payments: Vec::new(),
            refunds: Vec::new(),
        };
        assert!(seen(&[7, 5]).is_all_back());
        for wrong in [&[12][..], &[5], &[5, 5], &[5, 7, 7]] {
            assert!(!seen(wrong).is_all_back(), "{wrong:?}");
        }
    }
}
