//! What was asked of a node and how that went: for metrics, for its score and for whoever looks at the status.

use leyden_ports::ChainError;
use metrics::{counter, histogram};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The counters of one node. Labels name the node and the method, never its URL or key.
#[derive(Debug)]
pub(super) struct Traffic {
    name: String,
    calls: AtomicU64,
    errors: AtomicU64,
    /// Smoothed over about eight answers, in microseconds; 0 before the first.
    latency: AtomicU64,
    last_error: Mutex<Option<String>>,
}

impl Traffic {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            calls: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            latency: AtomicU64::new(0),
            last_error: Mutex::default(),
        }
    }

    /// A name that may be shown.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A request is sent.
    pub(super) fn asked(&self, method: &str) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        counter!("leyden_node_calls_total", "node" => self.name.clone(), "method" => method.to_owned())
            .increment(1);
    }

    /// It was answered, one way or another.
    pub(super) fn answered(&self, after: Duration) {
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        let smoothed = |old: u64| match old {
            0 => micros.max(1),
            old => (old.saturating_mul(7).saturating_add(micros) / 8).max(1),
        };
        self.latency.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| Some(smoothed(old))).ok();
        histogram!("leyden_node_call_seconds", "node" => self.name.clone()).record(after.as_secs_f64());
    }

    /// It went wrong.
    pub(super) fn failed(&self, method: &str, error: &ChainError) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        counter!("leyden_node_errors_total", "node" => self.name.clone(), "kind" => kind(error)).increment(1);
        let text = format!("{method}: {error}");
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    /// How many requests were sent.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// How many of them went wrong.
    pub(super) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// How long an answer takes.
    pub(super) fn latency(&self) -> Duration {
        Duration::from_micros(self.latency.load(Ordering::Relaxed))
    }

    /// What went wrong last.
    pub(super) fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An error's kind, as a label.
pub(super) const fn kind(error: &ChainError) -> &'static str {
    match error {
        ChainError::Unavailable(_) => "unavailable",
        ChainError::RateLimited { .. } => "rate_limited",
        ChainError::Malformed(_) => "malformed",
        ChainError::Unverified(_) => "unverified",
        ChainError::Refused(_) => "refused",
        ChainError::Unsupported(_) => "unsupported",
    }
}
