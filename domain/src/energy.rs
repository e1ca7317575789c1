//! Energy and bandwidth, and how stake turns into them. The chain computes this one formula in doubles
//! (java-tron `EnergyProcessor.calculateGlobalEnergyLimitV2`), so we do too, in its order of operations;
//! everything else is integers.

use crate::{amount::Sun, error::ArithmeticError};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Defines a checked count of a resource.
macro_rules! resource_count {
    ($(#[$doc:meta])* $name:ident, $label:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// None.
            pub const ZERO: Self = Self(0);

            /// From a count.
            pub const fn new(count: i64) -> Self {
                Self(count)
            }

            /// The count.
            pub const fn get(self) -> i64 {
                self.0
            }

            /// Sum, or an error where it cannot be represented.
            pub fn plus(self, other: Self) -> Result<Self, ArithmeticError> {
                self.0.checked_add(other.0).map(Self).ok_or(ArithmeticError($label))
            }

            /// Difference, never below zero.
            #[must_use]
            pub const fn saturating_sub(self, other: Self) -> Self {
                let difference = self.0.saturating_sub(other.0);
                Self(if difference < 0 { 0 } else { difference })
            }

            /// Product with a count, or an error where it cannot be represented.
            pub fn times(self, count: i64) -> Result<Self, ArithmeticError> {
                self.0.checked_mul(count).map(Self).ok_or(ArithmeticError($label))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

resource_count!(
    /// A count of energy.
    Energy,
    "energy"
);
resource_count!(
    /// A count of bandwidth points (bytes).
    Bandwidth,
    "bandwidth"
);

/// How much energy the whole network shares out and over how much stake: the live exchange rate of stake to energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnergyRatio {
    /// `TotalEnergyLimit`: energy the network shares out per 24 hours.
    pub total_limit: i64,
    /// `TotalEnergyWeight`: whole TRX staked for energy.
    pub total_weight_trx: i64,
}

impl EnergyRatio {
    /// The energy that `stake` yields per 24 hours, exactly as the chain computes it. Zero where nobody stakes.
    #[expect(
        clippy::float_arithmetic,
        clippy::as_conversions,
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "the chain's own formula is in doubles; another order of operations gives another integer"
    )]
    pub fn energy_of(self, stake: Sun) -> Energy {
        if self.total_weight_trx <= 0 || stake.get() < 1 {
            return Energy::ZERO;
        }
        let weight = stake.get() as f64 / 1_000_000.0;
        Energy::new((weight * (self.total_limit as f64 / self.total_weight_trx as f64)) as i64)
    }

    /// The smallest stake that yields at least `energy`; `None` where no stake does.
    pub fn stake_for(self, energy: Energy) -> Option<Sun> {
        if energy.get() <= 0 {
            return Some(Sun::ZERO);
        }
        let mut enough = 1_i64;
        while self.energy_of(Sun::new(enough)) < energy {
            enough = enough.checked_mul(2)?;
        }
        // Invariant: energy_of(short) < energy <= energy_of(enough).
        let mut short = enough.checked_div(2)?;
        while enough.saturating_sub(short) > 1 {
            let middle = short.saturating_add(enough.saturating_sub(short).checked_div(2)?);
            if self.energy_of(Sun::new(middle)) < energy {
                short = middle;
            } else {
                enough = middle;
            }
        }
        Some(Sun::new(enough))
    }

    /// The stake to delegate so that `energy` is still there if the network's stake grows by the margin, in
    /// parts per ten thousand, before the delegation lands.
    pub fn stake_for_with_margin(self, energy: Energy, margin_bps: u32) -> Option<Sun> {
        let exact = i128::from(self.stake_for(energy)?.get());
        let scaled = exact.checked_mul(i128::from(margin_bps).checked_add(10_000)?)?;
        let rounded_up = scaled.checked_add(9_999)?.checked_div(10_000)?;
        i64::try_from(rounded_up).ok().map(Sun::new)
    }
}
