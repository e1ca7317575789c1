//! `guard`: looks whether something is so wrong, or so much, that money must stand still, and raises a halt where it
//! is. It counts what was done against the limits, and runs the invariants over a part of the books at a time. Halts
//! are rows; what this actor posts is only what others read to save themselves the asking. The books themselves refuse
//! whoever begins something while a halt is open.

use crate::{
    halting::say,
    kernel::Progress,
    shared::Shared,
    worker::{After, Cause, Worker},
};
use async_trait::async_trait;
use leyden_domain::{
    OrderId, Span, Timestamp,
    halt::{Halt, HaltCause, Limit, Meter},
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
/// Most violations that one look adds to a halt; more are counted, and found again.
const NAMED: usize = 20;
/// What the name of a row that cannot be read begins with.
const UNREADABLE: &str = "row: ";
/// Who raised a halt where the books did, in refusing what would have been too much.
const BY_THE_BOOKS: &str = "books";
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

/// The name of what was found, and what is said of it.
type Finding = (String, String);

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
    /// What was found in this round.
    found: BTreeSet<String>,
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

    /// Whatever goes wrong in one part of a look, the others are done.
    async fn work(&self, cause: Cause, progress: &Progress) -> Result<(), StoreError> {
        let mut outcome = self.count().await;
        progress.tick();
        if cause != Cause::Hint {
            outcome = outcome.and(self.check().await);
            progress.tick();
            outcome = outcome.and(self.tidy().await);
        }
        outcome.and(self.compare_board().await)
    }

    /// Reads what is open, and tells whoever waited for what is not any more.
    async fn compare_board(&self) -> Result<(), StoreError> {
        self.shared.read_halts().await?;
        let halts = self.shared.boards.halts.read();
        let open: BTreeSet<HaltCause> = halts.open.iter().map(|halt| halt.cause).collect();
        let before = std::mem::replace(&mut self.memory().open, open.clone());
        // What the books raised by themselves, in refusing, nobody has said yet.
        let by_books = |halt: &&Halt| halt.raised_by == BY_THE_BOOKS && !before.contains(&halt.cause);
        halts.open.iter().filter(by_books).for_each(say);
        if before.iter().any(|cause| !open.contains(cause)) {
            self.shared.hint_all();
        }
        Ok(())
    }

    /// Counts what was done against the limits.
    async fn count(&self) -> Result<(), StoreError> {
        let Shared { settings, .. } = self.shared.as_ref();
        let mut outcome = Ok(());
        for limit in &settings.guard.limits {
            outcome = outcome.and(self.count_one(*limit).await);
        }
        settings.did("guard.counted");
        outcome
    }

    async fn count_one(&self, limit: Limit) -> Result<(), StoreError> {
        let Shared { ports, .. } = self.shared.as_ref();
        let wall = ports.clock.now();
        // What is paid back is stamped by the chain, whose newest block may be an old one.
        let now = match (limit.meter, self.shared.view()) {
            (Meter::RefundsTrx | Meter::RefundsUsdt, Some(view)) => wall.min(view.head.timestamp),
            (Meter::RefundsTrx | Meter::RefundsUsdt, None) | (Meter::Energy | Meter::Burnt, _) => wall,
        };
        let from = limit.counts_from(now, ports.store.last_lift(limit.cause).await?);
        let counted = ports.store.metered(limit.meter, from).await?;
        gauge(limit, counted);
        match limit.crossed(counted) {
            Some(detail) => self.shared.halt(limit.cause, detail, vec![limit.name()], "guard").await,
            None => Ok(()),
        }
    }

    /// Runs the invariants over the next part of the books.
    async fn check(&self) -> Result<(), StoreError> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        if settings.guard.orders_at_once == 0 {
            return Ok(());
        }
        let round = self.memory().round;
        let part = ports.store.book_part(round, settings.guard.orders_at_once).await?;
        let mut found = invariants::check_part(&part.book);
        found.extend(invariants::check_held(&part.book.accounts, &part.held));
        // A row that says what cannot be is the worst that the invariants could find.
        let mut all: Vec<Finding> =
            part.unreadable.into_iter().map(|row| (format!("{UNREADABLE}{row}"), row)).collect();
        all.extend(found.iter().map(|violation| (violation.name(), violation.to_string())));
        let ended = {
            let mut memory = self.memory();
            memory.round = part.next;
            memory.found.extend(all.iter().map(|(name, _)| name.clone()));
            part.next.is_none().then(|| std::mem::take(&mut memory.found))
        };
        settings.did("guard.checked");
        let outcome = if all.is_empty() { Ok(()) } else { self.broken(all).await };
        match ended {
            Some(found) => outcome.and(self.forget(&found).await),
            None => outcome,
        }
    }

    /// Raises a halt for what was found, unless a person has seen all of it and lifted it.
    async fn broken(&self, found: Vec<Finding>) -> Result<(), StoreError> {
        let cause = HaltCause::BrokenInvariant;
        let seen: BTreeSet<String> = {
            let store = &self.shared.ports.store;
            store.lifted_evidence(cause, LIFTS_REMEMBERED).await?.into_iter().collect()
        };
        // First what nobody has seen.
        let (known, new): (Vec<Finding>, Vec<Finding>) =
            found.into_iter().partition(|(name, _)| seen.contains(name));
        if new.is_empty() {
            return Ok(());
        }
        let found: Vec<Finding> = new.into_iter().chain(known).collect();
        let more = found.len().saturating_sub(NAMED);
        let evidence = found.iter().take(NAMED).map(|(name, _)| name.clone()).collect();
        let mut lines: Vec<String> = found.into_iter().take(NAMED).map(|(_, line)| line).collect();
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        self.shared.halt(cause, lines.join("\n"), evidence, "guard").await
    }

    /// A whole round has found these and nothing else. What a person has seen and is not there any more is news if it
    /// comes again.
    async fn forget(&self, found: &BTreeSet<String>) -> Result<(), StoreError> {
        let cause = HaltCause::BrokenInvariant;
        let store = &self.shared.ports.store;
        let ours = |name: &String| Violation::is_name(name) || name.starts_with(UNREADABLE);
        let seen = store.lifted_evidence(cause, LIFTS_REMEMBERED).await?;
        let gone: Vec<String> = seen.into_iter().filter(|name| ours(name) && !found.contains(name)).collect();
        if gone.is_empty() { Ok(()) } else { store.evidence_gone(cause, gone).await }
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
