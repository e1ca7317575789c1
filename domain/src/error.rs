//! The ways in which a pure function of this crate can refuse.

/// A text that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not a TRON address; says which of the checks failed.
    #[error("not a TRON address: {0}")]
    Address(&'static str),
    /// Not a hash of 64 hexadecimal digits.
    #[error("not a hash of 64 hexadecimal digits")]
    Hash,
    /// Not an id of the kind named.
    #[error("not an id of kind {0}")]
    Id(&'static str),
    /// Not an amount that can be counted in whole sun.
    #[error("not an amount: {0}")]
    Amount(&'static str),
    /// Not one of the names of a closed set.
    #[error("unknown {kind}: {value}")]
    Name {
        /// What was being read.
        kind: &'static str,
        /// What stood there.
        value: String,
    },
}

/// A calculation whose result cannot be represented. Money never wraps and never saturates silently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("arithmetic overflow in {0}")]
pub struct ArithmeticError(pub &'static str);
