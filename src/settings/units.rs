//! Units as people write them in a configuration: lengths of time with their unit, TRX as decimal text.

use leyden_domain::{ParseError, Span, Sun};
use serde::{Deserialize, Deserializer, de};
use std::{fmt, str::FromStr, time::Duration};

/// A length of time: `500ms`, `30s`, `10m`, `24h`, `30d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length(i64);

impl Length {
    /// As a span of the domain.
    pub const fn span(self) -> Span {
        Span::from_ms(self.0)
    }

    /// As a duration of the standard library.
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.0.unsigned_abs())
    }
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refusal = || format!("`{text}` is no length of time such as 500ms, 30s, 10m, 24h or 30d");
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let factor = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(refusal()),
        };
        let number: i64 = number.parse().or(Err(refusal()))?;
        number.checked_mul(factor).map(Self).ok_or_else(refusal)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Reads decimal TRX as sun.
pub(super) fn trx<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sun, D::Error> {
    let text = String::deserialize(deserializer)?;
    let sun: Sun = text.parse().map_err(|error: ParseError| de::Error::custom(error))?;
    if sun < Sun::ZERO { Err(de::Error::custom("an amount cannot be negative")) } else { Ok(sun) }
}

/// Reads an optional value whose absence is written as the empty text.
pub(super) fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: fmt::Display,
{
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(de::Error::custom) }
}

#[cfg(test)]
mod tests {
    use super::Length;

    #[test]
    fn a_length_needs_its_unit() {
        assert_eq!("30m".parse::<Length>().map(|l| l.span().ms()), Ok(1_800_000));
        assert_eq!("250ms".parse::<Length>().map(|l| l.span().ms()), Ok(250));
        for bad in ["", "30", "m", "-1s", "1.5h", "1 h", "9223372036854775807d", "١s"] {
            assert!(bad.parse::<Length>().is_err(), "{bad}");
        }
    }
}
