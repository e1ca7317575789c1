//! Measuring: ours and a bare reference in turn, medians and ratios, nothing asserted.

use std::time::{Duration, Instant};

/// Times one call.
#[expect(clippy::disallowed_methods, reason = "a benchmark is about the wall clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The middle one, and the one below which 99 of 100 lie.
pub(crate) fn percentiles(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let at = |percent: usize| {
        let index = (times.len() * percent).div_ceil(100).saturating_sub(1);
        times.get(index.min(times.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    (at(50), at(99))
}

/// The middle one of some rates.
pub(crate) fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

/// Prints a line of a benchmark.
#[expect(clippy::print_stdout, reason = "a benchmark prints")]
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// Microseconds with one decimal.
pub(crate) fn micros(time: Duration) -> String {
    format!("{:.1} us", time.as_secs_f64() * 1e6)
}

/// Milliseconds with two decimals.
pub(crate) fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// How many times the reference ours takes.
pub(crate) fn ratio(ours: Duration, reference: Duration) -> String {
    format!("{:.2}x", ours.as_secs_f64() / reference.as_secs_f64().max(1e-9))
}

/// An environment variable.
#[expect(clippy::disallowed_methods, reason = "a benchmark has no settings")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
