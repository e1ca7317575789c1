//! Money as whole numbers: sun for TRX, millionths for USDT. Checked arithmetic only; decimals exist where a
//! person reads or writes an amount and nowhere else.

use crate::error::{ArithmeticError, ParseError};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Digits with at most one point between them and a minus before them. The decimal library takes more, such as
/// `1_000` or `.5`; in an amount of money that is more likely a mistake than a habit.
fn is_plain_decimal(text: &str) -> bool {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match unsigned.split_once('.') {
        Some((whole, fraction)) => is_digits(whole) && is_digits(fraction),
        None => is_digits(unsigned),
    }
}

/// Defines a checked integer amount with six decimal places.
macro_rules! micro_amount {
    ($(#[$doc:meta])* $name:ident, $label:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);

            /// From the whole number of millionths.
            pub const fn new(millionths: i64) -> Self {
                Self(millionths)
            }

            /// The whole number of millionths.
            pub const fn get(self) -> i64 {
                self.0
            }

            /// Sum, or an error where it cannot be represented.
            pub fn plus(self, other: Self) -> Result<Self, ArithmeticError> {
                self.0.checked_add(other.0).map(Self).ok_or(ArithmeticError($label))
            }

            /// Difference, or an error where it cannot be represented. May be negative.
            pub fn minus(self, other: Self) -> Result<Self, ArithmeticError> {
                self.0.checked_sub(other.0).map(Self).ok_or(ArithmeticError($label))
            }

            /// Product with a count, or an error where it cannot be represented.
            pub fn times(self, count: i64) -> Result<Self, ArithmeticError> {
                self.0.checked_mul(count).map(Self).ok_or(ArithmeticError($label))
            }

            /// Sum of many, or an error where it cannot be represented.
            pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, ArithmeticError> {
                amounts.into_iter().try_fold(Self::ZERO, Self::plus)
            }

            /// As a decimal number of whole coins, for printing.
            pub fn to_decimal(self) -> Decimal {
                Decimal::new(self.0, 6)
            }

            /// From a decimal number of whole coins. Refuses a seventh decimal place instead of rounding it away.
            pub fn from_decimal(coins: Decimal) -> Result<Self, ParseError> {
                let millionths = coins
                    .checked_mul(Decimal::from(1_000_000))
                    .ok_or(ParseError::Amount("too large"))?;
                if !millionths.fract().is_zero() {
                    return Err(ParseError::Amount("more than six decimal places"));
                }
                i64::try_from(millionths.trunc()).map(Self).or(Err(ParseError::Amount("too large")))
            }
        }

        impl fmt::Display for $name {
            /// Decimal coins with all six places: `15.000137`.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:.6}", self.to_decimal())
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                Some(text)
                    .filter(|text| is_plain_decimal(text))
                    .and_then(|text| Decimal::from_str_exact(text).ok())
                    .ok_or(ParseError::Amount("not a decimal number"))
                    .and_then(Self::from_decimal)
            }
        }
    };
}

micro_amount!(
    /// A count of sun, the millionth part of one TRX.
    Sun,
    "sun"
);
micro_amount!(
    /// A count of millionths of one USDT (TRC-20 USDT has six decimals).
    UsdtMicro,
    "usdt"
);

impl Sun {
    /// One TRX.
    pub const TRX: Self = Self(1_000_000);

    /// From whole TRX, saturating.
    pub const fn from_trx(trx: i64) -> Self {
        Self(trx.saturating_mul(1_000_000))
    }
}

/// What a transfer moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Asset {
    /// The chain's own coin, counted in sun.
    Trx,
    /// The TRC-20 token of the configured USDT contract, counted in millionths.
    Usdt,
}

impl Asset {
    /// `TRX` or `USDT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trx => "TRX",
            Self::Usdt => "USDT",
        }
    }
}

impl FromStr for Asset {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "TRX" => Ok(Self::Trx),
            "USDT" => Ok(Self::Usdt),
            other => Err(ParseError::Name { kind: "asset", value: other.to_owned() }),
        }
    }
}
