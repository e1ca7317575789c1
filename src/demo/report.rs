//! What a demonstration has shown: a table for people, one JSON object for programs.

use super::{
    judge::{Case, Judge},
    plan::Customer,
};
use leyden_domain::Sun;
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
    /// Payments for which nothing came, neither energy nor the money.
    pub(super) lost: u32,
    /// Payments that were not what was asked for, in whole or in part.
    pub(super) suspense: u32,
    /// Of those, whose money came back, once.
    pub(super) refunded: u32,
    /// From the payment's first sending to the delegation's block.
    pub(super) latency_ms: Percentiles,
    /// From the payment's block to the delegation's block.
    pub(super) latency_blocks: Percentiles,
    /// Whatever the judge found that does not fit; empty is good.
    pub(super) findings: Vec<String>,
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

impl Report {
    /// Writes down what the judge says of every case.
    pub(super) fn of(cases: &[Case], judge: &Judge<'_>) -> Self {
        let mut totals = Totals::default();
        let (mut milliseconds, mut blocks, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for case in cases {
            let Case { customer, entry, outcome } = case;
            let verdict = judge.of(case);
            for (sum, one) in [
                (&mut totals.orders, customer.mode.served(judge.max_transactions) > 0),
                (&mut totals.delivered, verdict.delivered),
                (&mut totals.reclaimed, verdict.reclaimed),
                (&mut totals.doubled, verdict.doubled),
                (&mut totals.lost, verdict.lost),
                (&mut totals.suspense, verdict.waits),
                (&mut totals.refunded, verdict.refunded),
            ] {
                *sum = sum.saturating_add(u32::from(one));
            }
            let delivered = match (verdict.paid, verdict.served, &entry.payment) {
                (Some((paid_in, _)), Some((delivered_in, at)), Some(payment)) => {
                    let ms = at.since(payment.sent_at).ms();
                    let apart = delivered_in.get().saturating_sub(paid_in.get());
                    milliseconds.push(ms);
                    blocks.push(apart);
                    Some((ms, apart))
                }
                _ => None,
            };
            let order = outcome.as_ref().ok().and_then(|outcome| outcome.order.clone());
            rows.push(Row {
                customer: *customer,
                order: order.or_else(|| entry.order.clone()).unwrap_or_else(|| "-".to_owned()),
                paid: Sun::new(entry.amount_sun.unwrap_or_default()),
                state: outcome.as_ref().map_or("unknown", |outcome| outcome.state.as_str()).to_owned(),
                delivered,
                energy: verdict.energy,
                reclaimed: verdict.reclaimed,
            });
            totals.findings.extend(verdict.findings);
        }
        totals.findings.extend(judge.of_all(cases));
        totals.latency_ms = Percentiles::of(milliseconds);
        totals.latency_blocks = Percentiles::of(blocks);
        Self { rows, totals }
    }

    /// Whether every payment was served or came back, once, and the judge has nothing else to say.
    pub(super) fn is_clean(&self) -> bool {
        let Totals { orders, delivered, reclaimed, doubled, lost, .. } = self.totals;
        (delivered, reclaimed, doubled, lost) == (orders, orders, 0, 0)
            && self.totals.refunded == self.totals.suspense
            && self.totals.findings.is_empty()
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
        for finding in &t.findings {
            let _infallible = writeln!(text, "NOT RIGHT: {finding}");
        }
        let _infallible = writeln!(
            text,
            "\n{} to serve: {} delivered, {} reclaimed, {} doubled, {} lost; {} of {} wrong payments refunded. Energy after {} ms (p50), {} ms (p99).",
            t.orders,
            t.delivered,
            t.reclaimed,
            t.doubled,
            t.lost,
            t.refunded,
            t.suspense,
            t.latency_ms.p50,
            t.latency_ms.p99
        );
        text
    }
}
