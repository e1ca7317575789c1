//! Which price terms can be in force at all, wherever they come from.

use leyden_domain::{Span, Sun, order::PriceTerms};
use std::fmt;

/// Highest price of one transfer.
const HIGHEST_PRICE: Sun = Sun::from_trx(1_000_000);
/// Most transfers that one order may buy.
const MOST_TRANSACTIONS: u32 = 1_000;
/// Longest rental: 30 days.
const LONGEST_RENTAL: Span = Span::from_hours(720);

/// One of the terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Term {
    /// The price of one transfer.
    UnitPrice,
    /// How many transfers an order may buy.
    MaxTransactions,
    /// How long the energy stays.
    Duration,
    /// Least that a payment may amount to.
    MinAmount,
}

/// Why terms cannot be in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadTerm {
    /// Which one is to blame.
    pub(crate) term: Term,
    /// Why.
    pub(crate) detail: String,
}

impl fmt::Display for BadTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.term, self.detail)
    }
}

/// Everything that is wrong with price terms. Payments below `dust` are not recorded, so a price below it could be
/// paid and never served.
pub(crate) fn faults(terms: &PriceTerms, dust: Sun) -> Vec<BadTerm> {
    let mut faults = Vec::new();
    let mut blame = |term, detail: String| faults.push(BadTerm { term, detail });
    if terms.unit_price.get() < 2 {
        blame(Term::UnitPrice, "must leave room for a tail: at least 0.000002 TRX".to_owned());
    } else if terms.unit_price < dust {
        blame(Term::UnitPrice, format!("cannot be less than payments.dust_trx, which is {dust} TRX"));
    } else if terms.unit_price > HIGHEST_PRICE {
        blame(Term::UnitPrice, format!("must be at most {HIGHEST_PRICE} TRX"));
    }
    if !(1..=MOST_TRANSACTIONS).contains(&terms.max_transactions) {
        blame(Term::MaxTransactions, format!("must be between 1 and {MOST_TRANSACTIONS}"));
    }
    if terms.duration <= Span::ZERO || terms.duration > LONGEST_RENTAL {
        blame(Term::Duration, "must be above 0 and at most 720 hours".to_owned());
    }
    if terms.min_amount < Sun::ZERO {
        blame(Term::MinAmount, "cannot be negative".to_owned());
    } else if terms.min_amount > terms.unit_price {
        blame(Term::MinAmount, "cannot be more than the price of one transfer".to_owned());
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{Term, faults};
    use leyden_domain::{Span, Sun, order::PriceTerms};

    #[test]
    fn each_term_has_its_bounds() {
        let good = PriceTerms {
            unit_price: Sun::new(1_500_000),
            max_transactions: 10,
            duration: Span::from_hours(1),
            min_amount: Sun::TRX,
        };
        let blamed = |terms: PriceTerms| -> Vec<Term> {
            faults(&terms, Sun::new(100_000)).into_iter().map(|fault| fault.term).collect()
        };
        assert_eq!(blamed(good), []);
        let none = Sun::ZERO;
        for price in [0, 1, 99_999, 1_000_000_000_001] {
            assert_eq!(
                blamed(PriceTerms { unit_price: Sun::new(price), min_amount: none, ..good }),
                [Term::UnitPrice]
            );
        }
        for price in [100_000, 1_000_000_000_000] {
            assert_eq!(blamed(PriceTerms { unit_price: Sun::new(price), min_amount: none, ..good }), []);
        }
        for max_transactions in [0, 1_001] {
            assert_eq!(blamed(PriceTerms { max_transactions, ..good }), [Term::MaxTransactions]);
        }
        for hours in [-1, 0, 721] {
            assert_eq!(blamed(PriceTerms { duration: Span::from_hours(hours), ..good }), [Term::Duration]);
        }
        for sun in [-1, 1_500_001] {
            assert_eq!(blamed(PriceTerms { min_amount: Sun::new(sun), ..good }), [Term::MinAmount]);
        }
    }
}
