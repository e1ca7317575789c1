//! Counts of what a tier was asked and what it had.

use leyden_ports::TierStatus;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts since the start.
#[derive(Debug, Default)]
pub(super) struct Tally {
    hits: AtomicU64,
    misses: AtomicU64,
    failures: AtomicU64,
    skipped: AtomicU64,
}

impl Tally {
    /// It was looked for something, which was there or not.
    pub(super) fn looked(&self, found: bool) {
        let counter = if found { &self.hits } else { &self.misses };
        counter.fetch_add(1, Relaxed);
    }

    /// It was asked and did not answer.
    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    /// It was not asked, because it had failed.
    pub(super) fn skipped(&self) {
        self.skipped.fetch_add(1, Relaxed);
    }

    /// The counts as a status.
    pub(super) fn status(&self, name: &'static str, available: bool, problem: Option<String>) -> TierStatus {
        TierStatus {
            name,
            available,
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            failures: self.failures.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            problem,
        }
    }
}
