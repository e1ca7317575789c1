//! Typed, prefixed ids. One kind cannot be passed where another is meant, and a reader of a log line can tell
//! what an id names. Nothing here draws randomness: the bytes come from outside.

use crate::{address::TxId, error::ParseError, time::Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// Implements serde through `Display` and `FromStr`.
macro_rules! serde_as_text {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

/// The 128 bits of a time-ordered random id (the layout of UUID version 7), so that ids sort by age.
fn time_ordered(at: Timestamp, entropy: [u8; 10]) -> u128 {
    let ms = u128::from(at.ms().unsigned_abs() & 0xffff_ffff_ffff);
    let random = entropy.iter().fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
    let rand_a = (random >> 64) & 0x0fff;
    let rand_b = random & 0x3fff_ffff_ffff_ffff;
    (ms << 80) | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b
}

/// Reads exactly 32 lower-case hexadecimal digits.
fn read_hex128(text: &str) -> Option<u128> {
    (text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
}

/// Defines an id that is 128 time-ordered bits behind a prefix.
macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// A new id from the moment and ten random bytes.
            pub fn new(at: Timestamp, entropy: [u8; 10]) -> Self {
                Self(time_ordered(at, entropy))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{:032x}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                text.strip_prefix($prefix)
                    .and_then(read_hex128)
                    .map(Self)
                    .ok_or(ParseError::Id(stringify!($name)))
            }
        }

        serde_as_text!($name);
    };
}

prefixed_id!(
    /// Names one on-chain effect that we cause.
    OperationId,
    "op_"
);
prefixed_id!(
    /// Names one hold on the capacity of a pool account.
    ReservationId,
    "rsv_"
);
prefixed_id!(
    /// Names one pool account.
    AccountId,
    "acc_"
);
prefixed_id!(
    /// Names one refund.
    RefundId,
    "rfd_"
);
prefixed_id!(
    /// Names one API key (not its secret).
    ApiKeyId,
    "key_"
);

prefixed_id!(
    /// Names one halt of the service.
    HaltId,
    "hlt_"
);
prefixed_id!(
    /// Names one comparison of the books with the chain.
    ReconciliationId,
    "rec_"
);
prefixed_id!(
    /// Names one repair of a difference between the books and the chain.
    RepairId,
    "rpr_"
);

/// Names one order. Orders made over the `energy-flash` routes carry the form that requirement 001 gives them,
/// `FLASH_<unix ms>_<9 base-36 digits>`; all others are `ord_` and 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderId {
    /// `FLASH_<unix ms>_<9 base-36 digits>`.
    Flash {
        /// Milliseconds since the epoch at which it was made.
        ms: i64,
        /// The nine base-36 digits as a number, below 36⁹.
        tail: u64,
    },
    /// `ord_` and 32 hexadecimal digits.
    Standard(u128),
}

/// 36⁹: how many tails a flash id has.
const FLASH_TAILS: u64 = 101_559_956_668_416;
const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

impl OrderId {
    /// A new id in the form of requirement 001.
    pub fn flash(at: Timestamp, entropy: [u8; 10]) -> Self {
        let random = entropy.iter().take(8).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        Self::Flash { ms: at.ms(), tail: random.checked_rem(FLASH_TAILS).unwrap_or(0) }
    }

    /// A new id in our own form.
    pub fn standard(at: Timestamp, entropy: [u8; 10]) -> Self {
        Self::Standard(time_ordered(at, entropy))
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Flash { ms, tail } => {
                let mut digits = [b'0'; 9];
                let mut rest = tail;
                for digit in digits.iter_mut().rev() {
                    let value = rest.checked_rem(36).unwrap_or(0);
                    *digit = usize::try_from(value).ok().and_then(|i| BASE36.get(i)).copied().unwrap_or(b'0');
                    rest = rest.checked_div(36).unwrap_or(0);
                }
                write!(f, "FLASH_{ms}_{}", String::from_utf8_lossy(&digits))
            }
            Self::Standard(bits) => write!(f, "ord_{bits:032x}"),
        }
    }
}

impl FromStr for OrderId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refusal = ParseError::Id("OrderId");
        if let Some(rest) = text.strip_prefix("FLASH_") {
            let (ms, tail) = rest.split_once('_').ok_or(refusal.clone())?;
            if ms.len() > 15 || !ms.bytes().all(|b| b.is_ascii_digit()) || ms.is_empty() {
                return Err(refusal);
            }
            if ms.len() > 1 && ms.starts_with('0') {
                return Err(refusal);
            }
            if tail.len() != 9 || !tail.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()) {
                return Err(refusal);
            }
            return match (ms.parse(), u64::from_str_radix(tail, 36)) {
                (Ok(ms), Ok(tail)) => Ok(Self::Flash { ms, tail }),
                _ => Err(refusal),
            };
        }
        text.strip_prefix("ord_").and_then(read_hex128).map(Self::Standard).ok_or(refusal)
    }
}

serde_as_text!(OrderId);

/// Names one observed payment. It is the transfer's own place on the chain, so seeing a payment twice, from
/// another node, after a fork or by hand, always gives the same id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaymentId {
    /// The transaction.
    pub tx_id: TxId,
    /// Which of its transfers; see [`crate::chain::Transfer::index`].
    pub index: u32,
}

impl fmt::Display for PaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pay_{}_{}", self.tx_id, self.index)
    }
}

impl FromStr for PaymentId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let read = || {
            let (tx_id, index) = text.strip_prefix("pay_")?.split_once('_')?;
            (tx_id.len() == 64).then_some(())?;
            let parsed: u32 = index.parse().ok()?;
            (parsed.to_string() == index).then_some(())?;
            Some(Self { tx_id: tx_id.parse().ok()?, index: parsed })
        };
        read().ok_or(ParseError::Id("PaymentId"))
    }
}

serde_as_text!(PaymentId);
