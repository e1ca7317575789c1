//! What a demonstration has shown: a table for people, one JSON object for programs.

use super::{audit::Audit, customer::Outcome, notebook::Entry, plan::Customer};
use leyden_domain::{EnergyRatio, Sun};
use serde::Serialize;
use std::fmt::Write as _;

/// The line of totals.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Totals {
    /// Customers whose payment had to be served.
    pub(super) orders: u32,
    /// Of those, to whom the energy came.
    pub(super) delivered: u32,
    /// Of those, from whom all of it came back.
    pub(super) reclaimed: u32,
    /// Customers to whom more came than was paid for.
    pub(super) doubled: u32,
    /// Payments for which nothing came and which wait nowhere.
    pub(super) lost: u32,
    /// Payments that wait, in whole or in part, as they should.
    pub(super) suspense: u32,
    /// From the payment's first sending to the delegation's block.
    pub(super) latency_ms: Percentiles,
    /// From the payment's block to the delegation's block.
    pub(super) latency_blocks: Percentiles,
}

/// Two points of a distribution.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Percentiles {
    /// Half are at or below.
    pub(super) p50: i64,
    /// 99 of 100 are at or below.
    pub(super) p99: i64,
}

impl Percentiles {
    fn of(mut values: Vec<i64>) -> Self {
        values.sort_unstable();
        let at = |percent: usize| {
            let last = values.len().saturating_sub(1);
            let index = values.len().saturating_mul(percent).div_ceil(100).saturating_sub(1);
            values.get(index.min(last)).copied().unwrap_or_default()
        };
        Self { p50: at(50), p99: at(99) }
    }
}

/// One customer's line.
pub(super) struct Row {
    customer: Customer,
    order: String,
    paid: Sun,
    state: String,
    delivered: Option<(i64, i64)>,
    energy: i64,
    reclaimed: bool,
}

/// Everything a demonstration has shown.
pub(super) struct Report {
    rows: Vec<Row>,
    /// The line of totals.
    pub(super) totals: Totals,
}

/// One customer with all that is known of it.
pub(super) struct Case {
    pub(super) customer: Customer,
    pub(super) entry: Entry,
    /// `None`: it gave up, or its payment is waiting in no known place.
    pub(super) outcome: Option<Outcome>,
}

impl Report {
    /// Judges every case by what the chain says.
    pub(super) fn of(cases: Vec<Case>, audit: &Audit, ratio: EnergyRatio, max_transactions: u32) -> Self {
        let mut totals = Totals::default();
        let (mut milliseconds, mut blocks, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for Case { customer, entry, outcome } in cases {
            let seen = audit.of(customer.address());
            let count = customer.mode.served(max_transactions);
            let per_transfer = outcome.as_ref().map_or(0, |o| o.energy_per_transfer);
            let bought = per_transfer.saturating_mul(i64::from(count));
            let delegated = ratio.energy_of(seen.out).get();
            let is_delivered = count > 0 && bought > 0 && delegated >= bought;
            let is_reclaimed = is_delivered && seen.out == seen.back;
            let payment = entry.payment.as_ref();
            let in_block = payment.and_then(|payment| audit.payments.get(&payment.tx_id));
            let state = outcome.as_ref().map_or("unknown", |o| o.state.as_str());
            let waits = matches!(state, "under" | "late" | "second" | "suspense" | "refund_due" | "held");

            totals.orders = totals.orders.saturating_add(u32::from(count > 0));
            totals.delivered = totals.delivered.saturating_add(u32::from(is_delivered));
            totals.reclaimed = totals.reclaimed.saturating_add(u32::from(is_reclaimed));
            totals.doubled = totals.doubled.saturating_add(u32::from(super::audit::is_doubled(
                seen.out,
                bought,
                per_transfer,
                ratio,
            )));
            totals.suspense = totals
                .suspense
                .saturating_add(u32::from(waits || (customer.mode.leaves_money_waiting() && is_delivered)));
            let is_lost = in_block.is_some() && !is_delivered && !waits;
            totals.lost = totals.lost.saturating_add(u32::from(is_lost));

            let delivered = match (in_block, seen.delivered, payment) {
                (Some((paid_in, _)), Some((delivered_in, at)), Some(payment)) => {
                    let ms = at.since(payment.sent_at).ms();
                    let apart = delivered_in.get().saturating_sub(paid_in.get());
                    milliseconds.push(ms);
                    blocks.push(apart);
                    Some((ms, apart))
                }
                _ => None,
            };
            rows.push(Row {
                customer,
                order: outcome
                    .as_ref()
                    .and_then(|o| o.order.clone())
                    .or(entry.order)
                    .unwrap_or_else(|| "-".to_owned()),
                paid: Sun::new(entry.amount_sun.unwrap_or_default()),
                state: state.to_owned(),
                delivered,
                energy: delegated,
                reclaimed: is_reclaimed,
            });
        }
        totals.latency_ms = Percentiles::of(milliseconds);
        totals.latency_blocks = Percentiles::of(blocks);
        Self { rows, totals }
    }

    /// Whether every payment was served once or waits where it should.
    pub(super) fn is_clean(&self) -> bool {
        self.totals.lost == 0 && self.totals.doubled == 0 && self.totals.delivered == self.totals.orders
    }

    /// The table and the line of totals.
    pub(super) fn table(&self) -> String {
        let mut text = format!(
            "{:>3}  {:<15} {:<37} {:>10}  {:<10} {:>14}  {:>9}  {}\n",
            "#", "customer", "order", "paid TRX", "state", "energy after", "energy", "reclaimed"
        );
        for row in &self.rows {
            let after =
                row.delivered.map_or_else(|| "-".to_owned(), |(ms, blocks)| format!("{ms} ms, {blocks} bl"));
            // Writing to a string cannot fail.
            let _infallible = writeln!(
                text,
                "{:>3}  {:<15} {:<37} {:>10}  {:<10} {:>14}  {:>9}  {}",
                row.customer.number,
                row.customer.mode.name(),
                row.order,
                row.paid.to_decimal().normalize(),
                row.state,
                after,
                row.energy,
                if row.reclaimed { "yes" } else { "-" },
            );
        }
        let t = &self.totals;
        let _infallible = writeln!(
            text,
            "\n{} to serve: {} delivered, {} reclaimed, {} doubled, {} lost; {} payments wait. Energy after {} ms (p50), {} ms (p99).",
            t.orders,
            t.delivered,
            t.reclaimed,
            t.doubled,
            t.lost,
            t.suspense,
            t.latency_ms.p50,
            t.latency_ms.p99
        );
        text
    }
}
