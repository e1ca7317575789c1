//! The demonstration under load while everything around it breaks, on both stores: processes killed with SIGKILL,
//! leaders frozen and cut off, PostgreSQL stopped as in a crash, Redis ill in every way. At the end of every run the
//! demonstration's judge reads the chain: every payment has been served once or waits where it should.
//!
//! Each scenario prints one line. How often each thing is done comes from the environment, and is small where nothing
//! is said: `make kill-test N=200 STORE=postgres`, `make leader-test N=100`, `make database-test N=100`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should say so at once")]

mod ask;
mod cache;
mod database;
mod demo;
mod kills;
mod leaders;
mod refusals;
mod verified;
mod writer;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// One scenario at a time: each of them wants the whole machine.
static ONE: Mutex<()> = Mutex::new(());

/// Waits for the other scenarios of this program.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often a thing is to be done.
pub(crate) fn how_often(variable: &str, otherwise: u32) -> u32 {
    #[expect(clippy::disallowed_methods, reason = "the test has no settings")]
    let text = std::env::var(variable);
    text.map_or(otherwise, |n| n.parse().unwrap())
}

/// Customers for a run in which so much is still to happen: enough to be there all the while.
pub(crate) fn customers(happenings: u32, for_each: u32, most: u32) -> String {
    happenings.saturating_mul(for_each).saturating_add(20).min(most).to_string()
}

/// Now, to measure by.
pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "the test measures the wall's time")]
    Instant::now()
}

/// Looks until it is there.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_mins(3), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a scenario has shown.
pub(crate) fn summary(text: &str) {
    #[expect(clippy::print_stdout, reason = "for whoever runs it with --nocapture")]
    {
        println!("{text}");
    }
}

/// Moments that differ, and the same ones in every run.
pub(crate) struct Moments(pub(crate) u64);

impl Moments {
    /// Between 120 ms and so much more.
    pub(crate) fn next(&mut self, most_ms: u64) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(120 + (self.0 >> 33) % most_ms)
    }
}
