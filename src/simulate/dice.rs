//! Chance, from the seed alone. Every concern draws from a stream of its own, so that one more draw here changes
//! nothing there; the generator's streams are the same in every version of its crate.

use leyden_ports::Entropy;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use std::sync::{Mutex, PoisonError};

/// Who draws.
#[derive(Debug, Clone, Copy)]
pub(super) enum Concern {
    /// What kind of world it is.
    Knobs = 1,
    /// The service's own randomness.
    Entropy,
    /// What customers want and do.
    Customers,
    /// Slots, forks, lost blocks.
    Network,
    /// What nodes answer.
    Nodes,
    /// What the books answer.
    Books,
    /// Panics and power cuts.
    Crashes,
    /// The wall clock.
    Clock,
    /// What operators do.
    Operators,
    /// What machines of a fleet do.
    Fleet,
}

/// One stream of chance.
#[derive(Debug)]
pub(super) struct Dice(Mutex<ChaCha8Rng>);

impl Dice {
    pub(super) fn new(seed: u64, concern: Concern) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(concern as u64);
        Self(Mutex::new(rng))
    }

    /// Any number.
    pub(super) fn number(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next_u64()
    }

    /// A number below `limit`; 0 where there is none.
    pub(super) fn below(&self, limit: u64) -> u64 {
        self.number().checked_rem(limit).unwrap_or(0)
    }

    /// A number from `least` to `most`, both included.
    pub(super) fn between(&self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least).saturating_add(1))
    }

    /// Whether something happens that happens so often in ten thousand times. What never happens draws nothing.
    pub(super) fn happens(&self, in_ten_thousand: u64) -> bool {
        in_ten_thousand > 0 && self.below(10_000) < in_ten_thousand
    }

    /// One of several.
    pub(super) fn pick<'a, T>(&self, among: &'a [T]) -> &'a T {
        let n = usize::try_from(self.below(among.len() as u64)).unwrap_or(0);
        &among[n]
    }
}

impl Entropy for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }
}
