//! A circuit breaker: a node that fails again and again rests, longer each time, and is then tried once.

use crate::node::limiter::later;
use std::time::Duration;
use tokio::time::Instant;

/// So many failures in a row open it. A request that nobody answered in time counts for all of them.
pub(super) const LIMIT: u32 = 3;
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(30);
/// A trial that has no outcome by then (whoever made it was dropped) is made again.
const TRIAL: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, Copy)]
enum State {
    Closed,
    Open { until: Instant },
    HalfOpen { since: Instant },
}

/// What a breaker is doing, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Requests pass.
    Closed,
    /// They do not.
    Open,
    /// One does, to see.
    HalfOpen,
}

impl BreakerState {
    /// A stable name for records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// The breaker of one node.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    failures: u32,
    rest: Duration,
}

impl Breaker {
    pub(super) const fn new() -> Self {
        Self { state: State::Closed, failures: 0, rest: FIRST_REST }
    }

    /// Whether a request may pass now. Where it was resting, this one is the trial.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until } | State::HalfOpen { since: until } if now < until => false,
            State::HalfOpen { since } if now.duration_since(since) < TRIAL => false,
            State::Open { .. } | State::HalfOpen { .. } => {
                self.state = State::HalfOpen { since: now };
                true
            }
        }
    }

    pub(super) const fn succeeded(&mut self) {
        *self = Self::new();
    }

    pub(super) fn failed(&mut self, now: Instant, weight: u32) {
        self.failures = self.failures.saturating_add(weight);
        match self.state {
            State::Closed if self.failures < LIMIT => {}
            State::Open { .. } => {}
            State::Closed | State::HalfOpen { .. } => {
                self.state = State::Open { until: later(now, self.rest) };
                self.rest = self.rest.saturating_mul(2).min(LONGEST_REST);
            }
        }
    }

    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { until } if now < until => BreakerState::Open,
            State::Open { .. } | State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_opens_rests_longer_each_time_and_closes() {
        let mut breaker = Breaker::new();
        breaker.failed(Instant::now(), 1);
        breaker.succeeded();
        for _ in 0..2 {
            breaker.failed(Instant::now(), 1);
            assert!(breaker.admits(Instant::now()));
        }
        breaker.failed(Instant::now(), 1);
        for rest in [1, 2, 4, 8, 16, 30, 30] {
            assert!(!breaker.admits(Instant::now()));
            assert_eq!(breaker.state(Instant::now()), BreakerState::Open);
            tokio::time::advance(Duration::from_secs(rest)).await;
            assert!(breaker.admits(Instant::now()), "the trial after {rest} s");
            assert!(!breaker.admits(Instant::now()), "one trial at a time");
            breaker.failed(Instant::now(), 1);
        }
        tokio::time::advance(Duration::from_mins(1)).await;
        assert!(breaker.admits(Instant::now()));
        tokio::time::advance(TRIAL).await;
        assert!(breaker.admits(Instant::now()), "a trial without an outcome is made again");
        breaker.succeeded();
        assert_eq!(breaker.state(Instant::now()), BreakerState::Closed);
        breaker.failed(Instant::now(), LIMIT);
        assert!(!breaker.admits(Instant::now()), "nobody answered in time");
    }
}
