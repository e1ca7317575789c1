//! Decimal numbers in JSON without binary fractions: read from their digits, written as their digits.

use leyden_domain::{Span, Sun};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;
use std::borrow::Cow;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, Type},
};

/// A JSON number, kept as the decimal that was written. A text that holds a number is read too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(pub(crate) Decimal);

impl Number {
    /// An amount in whole TRX.
    pub(crate) fn trx(sun: Sun) -> Self {
        Self(sun.to_decimal().normalize())
    }

    /// A length of time in hours.
    pub(crate) fn hours(span: Span) -> Self {
        Self(Decimal::from(span.ms()).checked_div(Decimal::from(3_600_000)).unwrap_or_default().normalize())
    }

    /// Hours as a length of time, if they are a whole number of milliseconds.
    pub(crate) fn to_span(self) -> Option<Span> {
        let ms = self.0.checked_mul(Decimal::from(3_600_000))?;
        (ms.fract().is_zero()).then(|| i64::try_from(ms).ok().map(Span::from_ms)).flatten()
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <Box<RawValue>>::deserialize(deserializer)?;
        let text = raw.get();
        let digits: Cow<'_, str> = if text.starts_with('"') {
            serde_json::from_str::<String>(text).map_err(de::Error::custom)?.into()
        } else {
            text.into()
        };
        // What is no number of JSON is none as a text either: no plus, no underscores, no blanks.
        let written = digits.starts_with(|c: char| c == '-' || c.is_ascii_digit())
            && digits.ends_with(|c: char| c.is_ascii_digit())
            && serde_json::from_str::<serde_json::Number>(&digits).is_ok();
        written
            .then(|| Decimal::from_str_exact(&digits).or_else(|_| Decimal::from_scientific(&digits)).ok())
            .flatten()
            .map(Self)
            .ok_or_else(|| de::Error::custom("not a decimal number"))
    }
}

impl PartialSchema for Number {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Number).into()
    }
}

impl ToSchema for Number {}

/// How a [`Number`] may be written by a client: as a number, or as a text that holds one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WrittenNumber;

impl PartialSchema for WrittenNumber {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(-1e15)).maximum(Some(1e15));
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(40))
            .pattern(Some(r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"));
        OneOfBuilder::new().item(number).item(text).into()
    }
}

impl ToSchema for WrittenNumber {}

#[cfg(test)]
mod tests {
    use super::Number;
    use leyden_domain::{Span, Sun};

    #[test]
    fn numbers_keep_their_digits() {
        for text in ["1.5", "0.1", "15", "100000000.000001", "0"] {
            let number: Number = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&number).unwrap(), text);
        }
        let written: Number = serde_json::from_str("\"1.5\"").unwrap();
        assert_eq!(written, serde_json::from_str("15e-1").unwrap());
        for bad in [
            "true", "\"\"", "\"a\"", "{}", "null", "\"1_5\"", "\"+1\"", "\" 1\"", "\"1 \"", "\".5\"",
            "\"1.\"", "\"0x1\"", "\"01\"", "1e400", "\"-\"",
        ] {
            assert!(serde_json::from_str::<Number>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_and_hours_are_exact() {
        let text = |number: Number| serde_json::to_string(&number).unwrap();
        assert_eq!(text(Number::trx(Sun::new(15_000_137))), "15.000137");
        assert_eq!(text(Number::trx(Sun::from_trx(15))), "15");
        assert_eq!(text(Number::hours(Span::from_hours(1))), "1");
        assert_eq!(Number::hours(Span::from_ms(1_800_000)).to_span(), Some(Span::from_ms(1_800_000)));
    }
}
