//! The world's time: tokio's, which is paused and goes on by itself, and what was skipped of quiet stretches. The wall
//! clock of the service's machine is that, and as wrong as the seed wants it.

use leyden_domain::{Span, Timestamp};
use leyden_ports::Clock;
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicI64, Ordering::Relaxed},
};
use tokio::time::Instant;

/// The clocks of one world after another.
#[derive(Debug, Default)]
pub(super) struct SimClock {
    /// The world's time at `began`, in milliseconds.
    origin: AtomicI64,
    began: Mutex<Option<Instant>>,
    /// Milliseconds by which the service's machine is wrong.
    skew: AtomicI64,
}

impl SimClock {
    /// Begins a world at a moment.
    pub(super) fn begin(&self, at: Timestamp) {
        self.origin.store(at.ms(), Relaxed);
        self.skew.store(0, Relaxed);
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// The true time.
    pub(super) fn true_now(&self) -> Timestamp {
        let began = *self.began.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = began.map_or(0, |began| i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX));
        Timestamp::from_ms(self.origin.load(Relaxed).saturating_add(gone))
    }

    /// Skips a quiet stretch: nobody's timers notice.
    pub(super) fn skip(&self, span: Span) {
        self.origin.fetch_add(span.ms(), Relaxed);
    }

    /// Makes the service's wall clock wrong by this.
    pub(super) fn set_skew(&self, span: Span) {
        self.skew.store(span.ms(), Relaxed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.true_now().plus(Span::from_ms(self.skew.load(Relaxed)))
    }
}
