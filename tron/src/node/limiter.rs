//! How often a node may be asked: a token bucket for each method and API key, and what the node itself has said about
//! waiting. Several keys take turns; one that is suspended is passed over until its time is up.
//!
//! The buckets and the suspensions run on monotonic clocks and not on the wall clock port: they only space requests
//! out, nothing that is recorded depends on them, and a wall clock that jumps must neither open nor close them.

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};
use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// What a limiter waits after a refusal that names no time; doubled each time in a row.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest such wait.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How long a key that the gateway does not know is left alone.
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_mins(10);

/// That much later; a time that no clock can show becomes an hour.
pub(super) fn later(now: Instant, by: Duration) -> Instant {
    now.checked_add(by).or_else(|| now.checked_add(Duration::from_hours(1))).unwrap_or(now)
}

/// Which key, for which method.
type Slot = (usize, String);

#[derive(Debug, Clone, Copy)]
struct Suspension {
    until: Instant,
    /// How many refusals without a time came in a row.
    in_a_row: u32,
}

/// The limiter of one node.
#[derive(Debug)]
pub(super) struct Limiter {
    keys: usize,
    buckets: Option<DefaultKeyedRateLimiter<Slot>>,
    clock: governor::clock::DefaultClock,
    turn: AtomicUsize,
    suspended: Mutex<BTreeMap<Slot, Suspension>>,
    unknown_keys: Mutex<BTreeMap<usize, Instant>>,
}

impl Limiter {
    /// For so many keys (one where there is none) and so many requests a second of one method with one key; `None` is
    /// as many as are wanted.
    pub(super) fn new(keys: usize, per_second: Option<NonZeroU32>) -> Self {
        Self {
            keys: keys.max(1),
            buckets: per_second.map(|per_second| RateLimiter::keyed(Quota::per_second(per_second))),
            clock: governor::clock::DefaultClock::default(),
            turn: AtomicUsize::new(0),
            suspended: Mutex::default(),
            unknown_keys: Mutex::default(),
        }
    }

    fn suspended(&self) -> MutexGuard<'_, BTreeMap<Slot, Suspension>> {
        self.suspended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unknown_keys(&self) -> MutexGuard<'_, BTreeMap<usize, Instant>> {
        self.unknown_keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which key to use for this method now, the keys taking turns; otherwise how long until there is one.
    pub(super) fn admit(&self, method: &str) -> Result<usize, Duration> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut shortest: Option<Duration> = None;
        for step in 0..self.keys {
            let key = first.wrapping_add(step).checked_rem(self.keys).unwrap_or(0);
            let Err(wait) = self.admit_with(key, method) else { return Ok(key) };
            shortest = Some(shortest.map_or(wait, |shortest| shortest.min(wait)));
        }
        Err(shortest.unwrap_or(FIRST_PAUSE))
    }

    fn admit_with(&self, key: usize, method: &str) -> Result<(), Duration> {
        let now = Instant::now();
        let left = |until: Instant| until.checked_duration_since(now).filter(|left| !left.is_zero());
        if let Some(left) = self.unknown_keys().get(&key).copied().and_then(left) {
            return Err(left);
        }
        let slot = (key, method.to_owned());
        if let Some(left) = self.suspended().get(&slot).and_then(|suspension| left(suspension.until)) {
            return Err(left);
        }
        match &self.buckets {
            None => Ok(()),
            Some(buckets) => buckets.check_key(&slot).map_err(|until| until.wait_time_from(self.clock.now())),
        }
    }

    /// The node refused this for its limits; it may have said for how long.
    pub(super) fn refused(&self, key: usize, method: &str, asked: Option<Duration>) {
        let now = Instant::now();
        let mut suspended = self.suspended();
        let in_a_row = suspended.get(&(key, method.to_owned())).map_or(0, |before| before.in_a_row);
        let grown = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(in_a_row.min(16))).min(LONGEST_PAUSE);
        let pause = asked.unwrap_or(grown);
        let in_a_row = if asked.is_some() { 0 } else { in_a_row.saturating_add(1) };
        suspended.insert((key, method.to_owned()), Suspension { until: later(now, pause), in_a_row });
    }

    /// The node does not know this key.
    pub(super) fn unknown(&self, key: usize) {
        self.unknown_keys().insert(key, later(Instant::now(), UNKNOWN_KEY_PAUSE));
    }

    /// The node answered: what came before no longer counts as in a row.
    pub(super) fn answered(&self, key: usize, method: &str) {
        let mut suspended = self.suspended();
        if !suspended.is_empty() {
            suspended.remove(&(key, method.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn keys_take_turns_and_a_suspended_one_is_passed_over() {
        let limiter = Limiter::new(2, None);
        let first = limiter.admit("a").expect("free");
        assert_ne!(limiter.admit("a").expect("free"), first);
        limiter.refused(first, "a", Some(Duration::from_secs(5)));
        for _ in 0..4 {
            assert_ne!(limiter.admit("a"), Ok(first));
        }
        let other = 1 - first;
        limiter.refused(other, "a", Some(Duration::from_secs(9)));
        assert_eq!(limiter.admit("a"), Err(Duration::from_secs(5)));
        assert!(limiter.admit("b").is_ok(), "another method is another bucket");
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(limiter.admit("a"), Ok(first));
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_without_a_time_wait_longer_each_time() {
        let limiter = Limiter::new(1, None);
        for expected in [1, 2, 4] {
            limiter.refused(0, "a", None);
            assert_eq!(limiter.admit("a"), Err(Duration::from_secs(expected)));
            tokio::time::advance(Duration::from_secs(expected)).await;
            assert_eq!(limiter.admit("a"), Ok(0));
        }
        limiter.answered(0, "a");
        limiter.refused(0, "a", None);
        assert_eq!(limiter.admit("a"), Err(Duration::from_secs(1)));
        limiter.unknown(0);
        assert_eq!(limiter.admit("b"), Err(UNKNOWN_KEY_PAUSE));
    }

    #[test]
    fn a_bucket_is_of_one_method_and_one_key() {
        let limiter = Limiter::new(2, NonZeroU32::new(1));
        assert!(limiter.admit("a").is_ok());
        assert!(limiter.admit("a").is_ok(), "the other key");
        assert!(limiter.admit("a").is_err());
        assert!(limiter.admit("b").is_ok());
    }
}
