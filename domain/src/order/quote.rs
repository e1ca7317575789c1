//! What something costs.

use crate::{amount::Sun, energy::Energy, error::ArithmeticError, time::Span};
use serde::{Deserialize, Serialize};

/// The terms of a price mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceTerms {
    /// Price of one transfer's energy.
    pub unit_price: Sun,
    /// Most transfers per order.
    pub max_transactions: u32,
    /// How long the energy stays.
    pub duration: Span,
    /// Least that a payment may amount to.
    pub min_amount: Sun,
}

/// Energy of one token transfer, by what it costs the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnergyPrices {
    /// To an address that holds the token already.
    pub per_transfer: Energy,
    /// To an address that holds none.
    pub per_transfer_first: Energy,
}

/// A price for a given amount of energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Transfers.
    pub count: u32,
    /// Energy in all.
    pub energy: Energy,
    /// Price of one transfer's energy.
    pub unit_price: Sun,
    /// Price in all, without a tail.
    pub price: Sun,
    /// How long the energy stays.
    pub duration: Span,
}

/// Why something cannot be quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// Fewer than one or more than the most.
    #[error("between 1 and {max} transfers can be bought at once")]
    Count {
        /// The most.
        max: u32,
    },
    /// Too large to count.
    #[error(transparent)]
    Overflow(#[from] ArithmeticError),
}

/// Quotes `count` transfers of `energy_per_transfer` each.
pub fn quote(count: u32, energy_per_transfer: Energy, terms: &PriceTerms) -> Result<Quote, QuoteError> {
    if count == 0 || count > terms.max_transactions {
        return Err(QuoteError::Count { max: terms.max_transactions });
    }
    Ok(Quote {
        count,
        energy: energy_per_transfer.times(i64::from(count))?,
        unit_price: terms.unit_price,
        price: terms.unit_price.times(i64::from(count))?,
        duration: terms.duration,
    })
}
