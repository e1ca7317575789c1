//! The tail: the few sun that make an order's amount unique among the open orders of its payment address, so
//! that one number says both which order is meant (`amount mod price`) and how much of it (`amount div price`).

use crate::amount::Sun;

/// How tails are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TailPolicy {
    /// The largest tail, in sun. Always cut to one less than the unit price.
    pub max: Sun,
}

impl TailPolicy {
    /// The largest tail for a unit price; zero where the price leaves no room for one.
    pub fn largest_for(self, unit_price: Sun) -> Sun {
        self.max.min(Sun::new(unit_price.get().saturating_sub(1))).max(Sun::ZERO)
    }
}

/// Splits an amount into the count and the tail under one unit price.
pub fn count_and_tail(amount: Sun, unit_price: Sun) -> Option<(i64, Sun)> {
    let count = amount.get().checked_div_euclid(unit_price.get())?;
    let tail = amount.get().checked_rem_euclid(unit_price.get())?;
    Some((count, Sun::new(tail)))
}

/// Candidate tails in the order to try them: pseudo-random from `seed`, each between 1 and the largest. Which of
/// them are free only the database knows.
pub fn random_tails(policy: TailPolicy, unit_price: Sun, seed: u64, how_many: usize) -> Vec<Sun> {
    let largest = policy.largest_for(unit_price).get().unsigned_abs();
    let mut state = seed;
    (0..how_many)
        .filter_map(|_| {
            state = split_mix(state);
            let tail = state.checked_rem(largest)?.checked_add(1)?;
            i64::try_from(tail).ok().map(Sun::new)
        })
        .collect()
}

/// One step of the SplitMix64 generator: spreads a seed, promises nothing about secrecy.
const fn split_mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
