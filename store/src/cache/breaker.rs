//! When to give up on Redis and how long to leave it alone.

use std::time::Duration;

/// So many failures in a row and it is not asked any more.
const PATIENCE: u32 = 3;
/// The first pause before it is tried again, and the longest.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);
/// A connection that held for so long was a good one.
const STEADY: Duration = Duration::from_secs(30);

/// Failures in a row.
#[derive(Debug, Default)]
pub(super) struct Strikes(u32);

impl Strikes {
    /// It answered.
    pub(super) fn clear(&mut self) {
        self.0 = 0;
    }

    /// It did not; whether that is enough.
    pub(super) fn another(&mut self) -> bool {
        self.0 = self.0.saturating_add(1);
        self.0 >= PATIENCE
    }
}

/// Pauses between attempts: longer each time, so that a Redis that comes and goes is asked less and less.
#[derive(Debug)]
pub(super) struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Pauses {
    /// A connection ended that had held for so long.
    pub(super) fn held(&mut self, how_long: Duration) {
        if how_long >= STEADY {
            self.0 = FIRST;
        }
    }

    /// The next pause. `random` takes up to half of it away, so that instances do not come back all at once.
    pub(super) fn next(&mut self, random: u64) -> Duration {
        let pause = self.0;
        self.0 = self.0.saturating_mul(2).min(LONGEST);
        let less = u32::try_from(random % 512).unwrap_or(0);
        pause.saturating_sub(pause.saturating_mul(less) / 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_begin_anew_after_a_good_connection() {
        let mut pauses = Pauses::default();
        let grown: Vec<u64> =
            (0..10).map(|_| u64::try_from(pauses.next(0).as_millis()).unwrap_or_default()).collect();
        assert_eq!(grown, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000]);
        pauses.held(Duration::from_secs(29));
        assert_eq!(pauses.next(0), LONGEST);
        pauses.held(STEADY);
        assert!((FIRST / 2..=FIRST).contains(&pauses.next(511)));
    }

    #[test]
    fn only_failures_in_a_row_count() {
        let mut strikes = Strikes::default();
        assert!(!strikes.another() && !strikes.another());
        strikes.clear();
        assert!(!strikes.another() && !strikes.another());
        assert!(strikes.another());
    }
}
