//! Who the customers of a demonstration are and what each of them wants. The plan follows from the number of
//! customers alone, so a demonstration that was killed and started again has the same customers.

use leyden_domain::{Address, Sun};
use leyden_sim::keys;
use leyden_tron::crypto::SecretKey;

/// The customers' keys start here, behind those of the chain's own test accounts.
const FIRST_KEY: u32 = 1_000;

/// For how many transfers more than may be bought the one that pays too much does.
pub(super) const BEYOND: u32 = 2;

/// What a customer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Orders with the count open, pays for as many transfers as it wants.
    Open {
        /// How many.
        count: u32,
    },
    /// Orders a fixed count and pays exactly.
    Fixed {
        /// How many.
        count: u32,
    },
    /// Orders nothing and pays a plain multiple of the price.
    Orderless {
        /// How many.
        count: u32,
    },
    /// Orders two transfers and pays for one.
    Under,
    /// Orders with the count open and pays for more than may be bought.
    Over,
    /// Pays an amount that means nothing.
    Unmatched,
}

impl Mode {
    /// For the table.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Open { .. } => "open count",
            Self::Fixed { .. } => "fixed count",
            Self::Orderless { .. } => "orderless",
            Self::Under => "pays too little",
            Self::Over => "pays too much",
            Self::Unmatched => "odd amount",
        }
    }

    /// How much of what it pays must come back, where a transfer costs this much.
    pub(super) fn comes_back(self, paid: Sun, unit_price: Sun) -> Sun {
        match self {
            Self::Open { .. } | Self::Fixed { .. } | Self::Orderless { .. } => Sun::ZERO,
            Self::Over => unit_price.times(i64::from(BEYOND)).unwrap_or(Sun::ZERO),
            Self::Under | Self::Unmatched => paid,
        }
    }

    /// How many transfers must be served in the end; 0 where the payment must come back instead.
    pub(super) const fn served(self, max_transactions: u32) -> u32 {
        match self {
            Self::Open { count } | Self::Fixed { count } | Self::Orderless { count } => count,
            Self::Over => max_transactions,
            Self::Under | Self::Unmatched => 0,
        }
    }
}

/// A customer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Customer {
    /// Counts from 0.
    pub(super) number: u32,
    /// What it does.
    pub(super) mode: Mode,
}

impl Customer {
    /// Its key.
    pub(super) fn key(self) -> SecretKey {
        keys::test_key(FIRST_KEY.saturating_add(self.number))
    }

    /// Its address, which pays and gets the energy.
    pub(super) fn address(self) -> Address {
        self.key().address()
    }
}

/// All customers: every mode in turn, and among them one of each kind that pays wrongly.
pub(super) fn customers(how_many: u32) -> Vec<Customer> {
    (0..how_many.max(6))
        .map(|number| {
            let count = number.checked_div(3).unwrap_or(0) % 3 + 1;
            let mode = match number {
                3 => Mode::Under,
                4 => Mode::Over,
                5 => Mode::Unmatched,
                n if n % 3 == 0 => Mode::Open { count },
                n if n % 3 == 1 => Mode::Fixed { count },
                _ => Mode::Orderless { count },
            };
            Customer { number, mode }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_occurs_and_each_wrong_payment_once() {
        let plan = customers(12);
        let wrong =
            plan.iter().filter(|c| matches!(c.mode, Mode::Under | Mode::Over | Mode::Unmatched)).count();
        assert_eq!((plan.len(), wrong), (12, 3));
        for name in ["open count", "fixed count", "orderless"] {
            assert!(plan.iter().filter(|c| c.mode.name() == name).count() >= 2, "{name}");
        }
    }
}
