//! How often a block is asked for that cannot be read: less often the longer it lasts, so that nodes are not pestered
//! with what they have refused; and at once again when somebody has reason to think that it can be.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::Instant;

/// The longest wait between two attempts, unless the chain is asked less often anyway.
const LONGEST: Duration = Duration::from_secs(30);

/// So many attempts are made as often as the chain is asked. Nodes that must be asked for a second opinion are believed
/// alone after some of these; that is not to take longer.
const STEADY: u32 = 60;

/// When the next attempt is, and how careful it is to be.
#[derive(Debug, Default)]
pub(crate) struct Retry {
    not_before: Mutex<Option<Instant>>,
    /// How many more blocks are asked for one by one.
    one_by_one: AtomicU32,
}

impl Retry {
    /// Whether the next attempt is still to be waited for.
    pub(crate) fn rests(&self) -> bool {
        let not_before = *self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        not_before.is_some_and(|at| Instant::now() < at)
    }

    /// An attempt failed, the so manieth for the same block. How long the next is waited for.
    pub(crate) fn rest(&self, attempts: u32, interval: Duration) -> Duration {
        let rest = wait(attempts, interval);
        // The next look is the next attempt anyway, unless some are to be left out.
        let not_before = (rest > interval).then(|| Instant::now() + rest);
        *self.not_before.lock().unwrap_or_else(PoisonError::into_inner) = not_before;
        rest
    }

    /// Blocks are being read.
    pub(crate) fn went_on(&self) {
        *self.not_before.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let left = self.one_by_one.load(Relaxed);
        self.one_by_one.store(left.saturating_sub(1), Relaxed);
    }

    /// A run of blocks failed: they are asked for singly.
    pub(crate) fn go_one_by_one(&self, blocks: u32) {
        self.one_by_one.store(blocks, Relaxed);
    }

    /// Whether they are.
    pub(crate) fn goes_one_by_one(&self) -> bool {
        self.one_by_one.load(Relaxed) > 0
    }
}

/// The interval, doubled for every attempt after the steady ones.
fn wait(attempts: u32, interval: Duration) -> Duration {
    let doubled = interval.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(STEADY)));
    doubled.min(LONGEST.max(interval))
}

#[cfg(test)]
mod tests {
    use super::{STEADY, wait};
    use std::time::Duration;

    #[test]
    fn attempts_become_rare_and_never_end() {
        let poll = Duration::from_millis(1_500);
        let waits = |from: u32| (from..from + 7).map(|at| wait(at, poll).as_millis()).collect::<Vec<_>>();
        assert_eq!(waits(1), [1_500; 7], "a second opinion comes within the first");
        assert_eq!(waits(STEADY), [1_500, 3_000, 6_000, 12_000, 24_000, 30_000, 30_000]);
        assert_eq!(wait(u32::MAX, poll).as_secs(), 30);
        let rarely = Duration::from_mins(2);
        assert_eq!(wait(90, rarely), rarely, "never more often than the chain is asked");
    }
}
