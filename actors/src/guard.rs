//! `guard`: looks whether something is so wrong, or so much, that money must stand still, and raises a halt where it
//! is. It counts what was done against the limits, and runs the invariants over a part of the books at a time. Halts
//! are rows; what this actor posts is only what others read to save themselves the asking. The books themselves refuse
//! whoever begins something while a halt is open.

use crate::{
    kernel::Progress,
    shared::Shared,
    worker::{After, Cause, Worker},
};
use async_trait::async_trait;
use leyden_domain::{
    OrderId, Span, Timestamp,
    halt::{HaltCause, Limit},
    invariants::{self, Violation},
};
use leyden_ports::StoreError;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How long falls of balances are kept: longer than any limit counts.
const KEEP_FALLS: Span = Span::from_hours(8 * 24);
/// Most violations that a halt names; more are counted.
const NAMED: usize = 20;
/// Lifted halts whose findings are known to a person.
const LIFTS_REMEMBERED: u32 = 50;

/// What the guard is told at the start.
#[derive(Debug, Clone)]
pub struct GuardSettings {
    /// How often it looks.
    pub interval: Duration,
    /// The most of everything.
    pub limits: Vec<Limit>,
    /// How many orders one look at the books takes of each kind; 0 leaves them alone.
    pub orders_at_once: u32,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self { interval: Duration::from_secs(10), limits: Vec::new(), orders_at_once: 100 }
    }
}

/// Looks whether money must stand still.
#[derive(Debug)]
pub(crate) struct Guard {
    shared: Arc<Shared>,
    memory: Mutex<Memory>,
}

/// What it remembers between looks; losing it costs another round.
#[derive(Debug, Default)]
struct Memory {
    /// Where the round through all orders stands.
    round: Option<(Timestamp, OrderId)>,
    /// The causes that were open at the last look.
    open: BTreeSet<HaltCause>,
    /// When falls of balances were last forgotten.
    tidied_at: Option<Timestamp>,
}

impl Guard {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, memory: Mutex::default() }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn work(&self, cause: Cause, progress: &Progress) -> Result<(), StoreError> {
        self.count().await?;
        progress.tick();
        if cause != Cause::Hint {
            self.check().await?;
            progress.tick();
            self.tidy().await?;
        }
        self.shared.read_halts().await?;
        let open: BTreeSet<HaltCause> =
            self.shared.boards.halts.read().open.iter().map(|halt| halt.cause).collect();
        let before = std::mem::replace(&mut self.memory().open, open.clone());
        if before.iter().any(|cause| !open.contains(cause)) {
            self.shared.hint_all();
        }
        Ok(())
    }

    /// Counts what was done against the limits.
    async fn count(&self) -> Result<(), StoreError> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let now = ports.clock.now();
        for limit in &settings.guard.limits {
            let from = limit.counts_from(now, ports.store.last_lift(limit.cause).await?);
            let counted = ports.store.metered(limit.meter, from).await?;
            gauge(*limit, counted);
            if let Some(detail) = limit.crossed(counted) {
                self.shared.halt(limit.cause, detail, Vec::new(), "guard").await?;
            }
        }
        settings.did("guard.counted");
        Ok(())
    }

    /// Runs the invariants over the next part of the books.
    async fn check(&self) -> Result<(), StoreError> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        if settings.guard.orders_at_once == 0 {
            return Ok(());
        }
        let round = self.memory().round;
        let part = match ports.store.book_part(round, settings.guard.orders_at_once).await {
            Ok(part) => part,
            // A row that says what cannot be is the worst that the invariants could find.
            Err(error @ StoreError::Inconsistent { .. }) => {
                let evidence = vec![format!("row: {error}")];
                return self.broken(vec![error.to_string()], evidence).await;
            }
            Err(error) => return Err(error),
        };
        let mut found = invariants::check_part(&part.book);
        found.extend(invariants::check_held(&part.book.accounts, &part.held));
        self.memory().round = part.next;
        settings.did("guard.checked");
        if found.is_empty() {
            return Ok(());
        }
        let evidence = found.iter().map(name_of).collect();
        self.broken(found.iter().map(ToString::to_string).collect(), evidence).await
    }

    /// Raises a halt for what was found, unless a person has seen all of it and lifted it.
    async fn broken(&self, found: Vec<String>, evidence: Vec<String>) -> Result<(), StoreError> {
        let cause = HaltCause::BrokenInvariant;
        let seen: BTreeSet<String> = {
            let store = &self.shared.ports.store;
            store.lifted_evidence(cause, LIFTS_REMEMBERED).await?.into_iter().collect()
        };
        if evidence.iter().all(|name| seen.contains(name)) {
            return Ok(());
        }
        let more = found.len().saturating_sub(NAMED);
        let mut lines: Vec<String> = found.into_iter().take(NAMED).collect();
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        self.shared.halt(cause, lines.join("\n"), evidence, "guard").await
    }

    /// Forgets falls of balances that no limit counts any more, now and then.
    async fn tidy(&self) -> Result<(), StoreError> {
        let now = self.shared.ports.clock.now();
        let due = self.memory().tidied_at.is_none_or(|at| now.since(at).ms() >= 3_600_000);
        if due {
            self.shared.ports.store.forget_falls(now.minus(KEEP_FALLS)).await?;
            self.memory().tidied_at = Some(now);
        }
        Ok(())
    }
}

/// A name for a violation that stays the same from look to look.
fn name_of(violation: &Violation) -> String {
    format!("{}: {}", violation.invariant, violation.subject)
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating point by their format")]
fn gauge(limit: Limit, counted: i64) {
    metrics::gauge!("leyden_limit_counted", "limit" => limit.cause.name(), "meter" => limit.meter.name())
        .set(counted as f64);
    metrics::gauge!("leyden_limit_most", "limit" => limit.cause.name(), "meter" => limit.meter.name())
        .set(limit.most as f64);
}

#[async_trait]
impl Worker for Guard {
    fn interval(&self) -> Option<Duration> {
        Some(self.shared.settings.guard.interval)
    }

    fn stands_by(&self) -> bool {
        !self.shared.lead.is_ours()
    }

    async fn look(self: Arc<Self>, cause: Cause, progress: Progress) -> After {
        if let Err(error) = self.work(cause, &progress).await {
            tracing::warn!(%error, "the guard's look did not finish; the next will");
        }
        After::Rest
    }
}
