//! Moments as clients read them: RFC 3339 with milliseconds, in UTC.

use chrono::{DateTime, SecondsFormat};
use leyden_domain::Timestamp;

/// `2024-01-01T12:30:00.000Z`.
pub(crate) fn iso(at: Timestamp) -> String {
    // What no calendar holds is written as its milliseconds; it can only come from a broken row.
    DateTime::from_timestamp_millis(at.ms())
        .map_or_else(|| at.ms().to_string(), |moment| moment.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// Reads RFC 3339, or milliseconds since the epoch.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    if let Ok(ms) = text.parse() {
        return Some(Timestamp::from_ms(ms));
    }
    DateTime::parse_from_rfc3339(text).ok().map(|moment| Timestamp::from_ms(moment.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::{iso, parse};
    use leyden_domain::Timestamp;

    #[test]
    fn as_requirement_001_writes_it() {
        let at = Timestamp::from_ms(1_704_112_200_000);
        assert_eq!(iso(at), "2024-01-01T12:30:00.000Z");
        assert_eq!(parse("2024-01-01T12:30:00.000Z"), Some(at));
        assert_eq!(parse("1704112200000"), Some(at));
        assert_eq!(parse("yesterday"), None);
        assert_eq!(iso(Timestamp::from_ms(i64::MAX)), i64::MAX.to_string());
    }
}
