//! When a failed actor comes back, how soon, and when enough is enough. Pure values and arithmetic: the
//! supervising loop asks, this answers, and the same failures at the same moments give the same answers.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

/// What an actor's own, orderly end means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// It should never end: an orderly stop it was not asked for is a failure like any other.
    Permanent,
    /// It has a job to finish: an orderly stop ends it and removes it from the registry.
    Transient,
}

/// What happens when an actor fails more often than its [`Intensity`] allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiveUp {
    /// It stays down, is shown as quarantined, and its parent is told once. The rest of the service goes on
    /// without it. An operator's `restart` brings it back with a clean record.
    Quarantine,
    /// The service cannot do without it: the root gives up and asks for a shutdown with [`ESCALATED`], so that
    /// whatever runs the process starts a fresh one.
    ///
    /// [`ESCALATED`]: super::ESCALATED
    Escalate,
}

/// How often an actor may be restarted before its supervisor gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intensity {
    /// This many restarts are granted…
    pub restarts: u32,
    /// …in any stretch of this length. A generation that lives this long also clears the backoff.
    pub within: Duration,
}

/// Spreads restarts out. Takes the delay that doubling gave, returns the delay to use.
pub type Jitter = Arc<dyn Fn(Duration) -> Duration + Send + Sync>;

/// The wait before a restart: `base`, doubled for every failure in a row, never more than `max`.
#[derive(Clone)]
pub struct Backoff {
    /// Wait before the first restart.
    pub base: Duration,
    /// No wait is longer.
    pub max: Duration,
    /// Nothing here is random by itself; whoever wants jitter passes a function over their own entropy.
    pub jitter: Option<Jitter>,
}

/// Everything the supervising loop needs to know about one actor, or about every child of a group.
#[derive(Debug, Clone)]
pub struct Policy {
    /// What an orderly end means.
    pub restart: Restart,
    /// How long to wait before each restart.
    pub backoff: Backoff,
    /// How many restarts are granted.
    pub intensity: Intensity,
    /// What follows when they are used up.
    pub give_up: GiveUp,
    /// Work in hand and no sign of progress for this long: the generation is abandoned. `None`: never.
    pub stall_after: Option<Duration>,
}

impl Backoff {
    /// Doubling from `base` up to `max`, without jitter.
    pub const fn doubling(base: Duration, max: Duration) -> Self {
        Self { base, max, jitter: None }
    }

    /// The wait before the restart that follows `earlier` failures in a row.
    pub fn delay(&self, earlier: u32) -> Duration {
        let factor = 1_u32.checked_shl(earlier).unwrap_or(u32::MAX);
        let plain = self.base.saturating_mul(factor).min(self.max);
        self.jitter.as_ref().map_or(plain, |jitter| jitter(plain))
    }
}

impl fmt::Debug for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}..{:?}", self.base, self.max)
    }
}

impl Policy {
    /// For the long-lived actors of the tree: always restarted, 200 ms to 30 s apart; ten restarts in five
    /// minutes and the service gives up; frozen after a minute.
    pub const fn permanent() -> Self {
        Self {
            restart: Restart::Permanent,
            backoff: Backoff::doubling(Duration::from_millis(200), Duration::from_secs(30)),
            intensity: Intensity { restarts: 10, within: Duration::from_mins(5) },
            give_up: GiveUp::Escalate,
            stall_after: Some(Duration::from_mins(1)),
        }
    }

    /// For actors that live as long as their job: two restarts in ten minutes, the third failure quarantines.
    pub const fn transient() -> Self {
        Self {
            restart: Restart::Transient,
            backoff: Backoff::doubling(Duration::from_millis(200), Duration::from_secs(30)),
            intensity: Intensity { restarts: 2, within: Duration::from_mins(10) },
            give_up: GiveUp::Quarantine,
            stall_after: Some(Duration::from_mins(1)),
        }
    }

    /// The same policy with another outcome.
    #[must_use]
    pub const fn giving_up_by(mut self, give_up: GiveUp) -> Self {
        self.give_up = give_up;
        self
    }

    /// The same policy with another intensity.
    #[must_use]
    pub const fn granting(mut self, restarts: u32, within: Duration) -> Self {
        self.intensity = Intensity { restarts, within };
        self
    }

    /// The same policy with another limit on work without progress.
    #[must_use]
    pub const fn stalled_after(mut self, limit: Option<Duration>) -> Self {
        self.stall_after = limit;
        self
    }

    /// The same policy with another backoff.
    #[must_use]
    pub fn backing_off(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }
}

/// The failures of one actor that still count. Boxed away until there is a first one: most actors never fail.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// When each granted restart was granted, oldest first.
    granted: VecDeque<Instant>,
    /// Failures in a row, each within `Intensity::within` of its start.
    streak: u32,
}

impl Failures {
    /// A generation that lived for `lived` has failed now: the wait before the next one, or `None` when the
    /// restarts are used up.
    pub(crate) fn grant(&mut self, policy: &Policy, lived: Duration, now: Instant) -> Option<Duration> {
        let Intensity { restarts, within } = policy.intensity;
        if lived >= within {
            self.streak = 0;
        }
        while self.granted.front().is_some_and(|at| now.saturating_duration_since(*at) >= within) {
            self.granted.pop_front();
        }
        if self.granted.len() >= usize::try_from(restarts).unwrap_or(usize::MAX) {
            return None;
        }
        self.granted.push_back(now);
        let delay = policy.backoff.delay(self.streak);
        self.streak = self.streak.saturating_add(1);
        Some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_millis(200);
    const CEILING: Duration = Duration::from_secs(30);

    #[test]
    fn delays_double_up_to_the_ceiling_and_stay_there() {
        let backoff = Backoff::doubling(BASE, CEILING);
        let ms: Vec<_> = (0..10).map(|earlier| backoff.delay(earlier).as_millis()).collect();
        assert_eq!(ms, [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
        assert_eq!(backoff.delay(u32::MAX), CEILING);
        assert_eq!(Backoff::doubling(Duration::MAX, CEILING).delay(31), CEILING);
    }

    #[test]
    fn jitter_is_what_it_is_told_to_be() {
        let halve: Jitter = Arc::new(|delay| delay / 2);
        let backoff = Backoff { jitter: Some(halve), ..Backoff::doubling(BASE, CEILING) };
        assert_eq!(backoff.delay(1), BASE);
    }

    #[test]
    fn restarts_are_granted_within_a_sliding_window() {
        let within = Duration::from_secs(10);
        let policy = Policy::permanent().granting(2, within);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (short, long) = (Duration::ZERO, within);
        let mut failures = Failures::default();
        assert_eq!(failures.grant(&policy, short, at(0)), Some(BASE));
        assert_eq!(failures.grant(&policy, short, at(9)), Some(BASE * 2));
        assert_eq!(failures.grant(&policy, short, at(9)), None, "two within ten seconds were granted");
        assert_eq!(failures.grant(&policy, short, at(10)), Some(BASE * 4), "the first is ten seconds ago");
        assert_eq!(failures.grant(&policy, long, at(30)), Some(BASE), "a long life clears the streak");
    }

    #[test]
    fn no_restart_at_all_can_be_granted() {
        let policy = Policy::transient().granting(0, Duration::from_secs(10));
        assert_eq!(Failures::default().grant(&policy, Duration::ZERO, Instant::now()), None);
    }
}
