//! How usage accumulates and recovers, and how stake turns into resources: java-tron `ResourceProcessor`,
//! `EnergyProcessor`, `BandwidthProcessor`. The chain computes parts of this in doubles; where it does, so do we,
//! in its order of operations, because another order gives other integers.

use serde::{Deserialize, Serialize};

/// Slots in which a usage recovers completely: 24 hours of three seconds.
pub const WINDOW: i64 = 28_800;

/// Windows are kept in thousandths of a slot since the windows are merged by weight.
pub const WINDOW_PRECISION: i64 = 1_000;

/// Averages are kept in millionths.
const PRECISION: i64 = 1_000_000;

/// What an account has used of one resource, as of its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Used and not yet recovered at `last_slot`.
    pub used: i64,
    /// The slot of the last change.
    pub last_slot: i64,
    /// The time in which it recovers, in thousandths of a slot; 0 until first used.
    pub window: i64,
}

impl Usage {
    /// The recovery window in whole slots.
    const fn window_slots(&self) -> i64 {
        if self.window < WINDOW_PRECISION { WINDOW } else { self.window / WINDOW_PRECISION }
    }

    /// The recovery window in thousandths of a slot.
    pub const fn window_thousandths(&self) -> i64 {
        if self.window == 0 { WINDOW * WINDOW_PRECISION } else { self.window }
    }

    /// What is still used at `now`, without changing anything.
    pub fn recovered(&self, now: i64) -> i64 {
        let window = self.window_slots();
        from_average(decayed_average(self.used, self.last_slot, now, window), window)
    }

    /// Lets usage recover until `now` and adds `amount`; the windows of both are merged by weight.
    pub fn increase(&mut self, amount: i64, now: i64) {
        let window = self.window_slots();
        let average_left = decayed_average(self.used, self.last_slot, now, window);
        let average_new = average(amount, WINDOW);
        let used = narrow(
            (i128::from(average_left) * i128::from(window) + i128::from(average_new) * i128::from(WINDOW))
                / i128::from(PRECISION),
        );
        let left = from_average(average_left, window);
        self.window = if left == 0 || used == 0 {
            WINDOW * WINDOW_PRECISION
        } else {
            let remaining = self.window_thousandths() - (now - self.last_slot) * WINDOW_PRECISION;
            merged_window((left, remaining), (amount, WINDOW * WINDOW_PRECISION), used)
        };
        self.used = used;
        self.last_slot = now;
    }

    /// Takes over `amount` of usage from somebody whose recovery window is `window` (thousandths of a slot): what
    /// a receiver burnt comes back to the owner with the delegation.
    pub fn take_over(&mut self, amount: i64, window: i64, now: i64) {
        self.increase(0, now);
        let used = self.used.saturating_add(amount);
        self.window = if used == 0 {
            WINDOW * WINDOW_PRECISION
        } else {
            merged_window((self.used, self.window.max(0)), (amount, window.max(0)), used)
        };
        self.used = used;
        self.last_slot = now;
    }
}

/// Free bandwidth: one fixed window, no merging.
pub fn free_usage(used: i64, last_slot: i64, amount: i64, now: i64) -> i64 {
    let left = decayed_average(used, last_slot, now, WINDOW);
    from_average(left.saturating_add(average(amount, WINDOW)), WINDOW)
}

/// The resource that `stake_sun` yields per 24 hours, given what is shared out over how much stake (whole TRX).
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the chain's own formula is in doubles (calculateGlobalEnergyLimitV2, calculateGlobalNetLimitV2)"
)]
pub fn limit_of_stake(stake_sun: i64, total_limit: i64, total_weight: i64) -> i64 {
    if total_weight <= 0 || stake_sun <= 0 {
        return 0;
    }
    (stake_sun as f64 / 1_000_000.0 * (total_limit as f64 / total_weight as f64)) as i64
}

/// The stake that a usage occupies, in sun.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the chain's own formula is in doubles (DelegateResourceActuator)"
)]
pub fn stake_of_usage(used: i64, total_limit: i64, total_weight: i64) -> i64 {
    if total_limit <= 0 {
        return 0;
    }
    ((used.saturating_mul(1_000_000)) as f64 * (total_weight as f64 / total_limit as f64)) as i64
}

/// How much of a receiver's usage goes back with `stake_sun` of its `all_stake_sun`.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the chain's own formula is in doubles (UnDelegateResourceActuator)"
)]
pub fn usage_to_return(
    receiver_used: i64,
    stake_sun: i64,
    all_stake_sun: i64,
    total_limit: i64,
    total_weight: i64,
) -> i64 {
    if all_stake_sun <= 0 {
        return 0;
    }
    let by_share = (receiver_used as f64 * (stake_sun as f64 / all_stake_sun as f64)) as i64;
    by_share.min(limit_of_stake(stake_sun, total_limit, total_weight))
}

/// Usage spread over a window, in millionths per slot, rounded up.
fn average(usage: i64, window: i64) -> i64 {
    divide_up(i128::from(usage) * i128::from(PRECISION), i128::from(window))
}

/// The average that is left of a usage after the time from `last_slot` to `now`.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the chain decays in doubles and rounds half up (ResourceProcessor.increase)"
)]
fn decayed_average(used: i64, last_slot: i64, now: i64, window: i64) -> i64 {
    let before = average(used, window);
    if last_slot == now {
        return before;
    }
    if last_slot.saturating_add(window) <= now {
        return 0;
    }
    let decay = (window - (now - last_slot)) as f64 / window as f64;
    (before as f64 * decay + 0.5).floor() as i64
}

/// The usage that an average over a window stands for.
fn from_average(average: i64, window: i64) -> i64 {
    narrow(i128::from(average) * i128::from(window) / i128::from(PRECISION))
}

/// The window of two usages together, never longer than a full one.
fn merged_window(one: (i64, i64), other: (i64, i64), used: i64) -> i64 {
    let weighted = i128::from(one.0) * i128::from(one.1) + i128::from(other.0) * i128::from(other.1);
    divide_up(weighted, i128::from(used)).min(WINDOW * WINDOW_PRECISION)
}

/// Quotient rounded up, for a numerator that is not negative.
fn divide_up(numerator: i128, denominator: i128) -> i64 {
    if denominator == 0 {
        return 0;
    }
    narrow(numerator / denominator + i128::from(numerator % denominator > 0))
}

/// Back to 64 bits; what cannot be represented is as large as can be.
fn narrow(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
