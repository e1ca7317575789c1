//! Tells an answer from the many ways in which nodes and gateways say no, most of them with status 200
//! (java-tron `Util.processError`, `RateLimiterServlet`; TronGrid's limiter).

use leyden_domain::Span;
use leyden_ports::ChainError;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Longer bodies are answers: no node wraps an error in this much.
const LONGEST_ERROR: usize = 8 * 1024;
/// How much of a foreign text is kept: what java-tron says of a signature gives it whole and the reason behind it.
const KEPT: usize = 400;

/// The body of an error. Nodes give a text, gateways and JSON-RPC an object too; whatever it is, an answer that has
/// such a member is none, and must not be read as one whose other members are at their defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorBody<'a> {
    #[serde(borrow, rename = "Error", deserialize_with = "present")]
    node: Option<&'a RawValue>,
    #[serde(borrow, rename = "error", deserialize_with = "present")]
    gateway: Option<&'a RawValue>,
}

/// A member that is there, be it `null`.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The text of such a member, or its JSON.
fn text_of(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

/// What an answer refuses, if it does. `None` is a body of JSON that says nothing of an error.
pub(super) fn refusal(status: u16, retry_after: Option<i64>, body: &[u8]) -> Option<ChainError> {
    let text = String::from_utf8_lossy(body.get(..LONGEST_ERROR).unwrap_or(body));
    let trimmed = text.trim_start();
    let is_json = trimmed.starts_with('{') || trimmed.starts_with('[');
    // A list would be read as the members in their order.
    let said = if trimmed.starts_with('{') && body.len() <= LONGEST_ERROR {
        let parsed: ErrorBody<'_> = serde_json::from_str(&text).unwrap_or_default();
        parsed.node.or(parsed.gateway).map(text_of)
    } else {
        None
    };
    let message = || excerpt(said.as_deref().unwrap_or(trimmed));
    let words = said.as_deref().or((!is_json).then_some(trimmed));
    let limited = words.is_some_and(is_limit);
    let wait = retry_after.or_else(|| words.and_then(suspension)).map(Span::from_secs);
    match status {
        _ if limited => Some(ChainError::RateLimited { retry_after: wait }),
        429 => Some(ChainError::RateLimited { retry_after: wait }),
        403 if !is_key_error(said.as_deref().unwrap_or(trimmed)) => {
            Some(ChainError::RateLimited { retry_after: wait })
        }
        _ if is_switched_off(said.as_deref().unwrap_or(trimmed)) => Some(ChainError::Unsupported(message())),
        200..=299 => match said {
            Some(_) => Some(ChainError::Refused(message())),
            None if is_json => None,
            None => Some(ChainError::Malformed(format!("not JSON: {}", message()))),
        },
        // java-tron answers a POST to a path that it does not serve with 405, a gateway with 404.
        404 | 405 | 501 => Some(ChainError::Unsupported(format!("status {status}"))),
        408 | 500..=599 => Some(ChainError::Unavailable(format!("status {status}: {}", message()))),
        _ => Some(ChainError::Refused(format!("status {status}: {}", message()))),
    }
}

/// Whether a text is that of a rate limiter.
fn is_limit(text: &str) -> bool {
    [
        "suspended for",
        "exceeds the frequency",
        "exceed the frequency",
        "allowed_rps",
        "lack of computing resources",
        "daily usage",
    ]
    .iter()
    .any(|mark| text.contains(mark))
}

/// Whether a text says that a setting of the node switches this path off (java-tron `HttpApiAccessFilter`,
/// `LiteFnQueryHttpFilter`). The second comes as bare text.
fn is_switched_off(text: &str) -> bool {
    text.contains("unavailable due to config") || text.contains("is closed because")
}

/// Whether a text says that the API key is wrong, which no waiting mends.
pub(super) fn is_key_error(text: &str) -> bool {
    text.contains("ApiKey not exists") || text.contains("API key") || text.contains("Unauthorized")
}

/// The seconds in `suspended for 5 s`.
fn suspension(text: &str) -> Option<i64> {
    let (_, rest) = text.split_once("suspended for ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The start of a foreign text, on one line.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(KEPT).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(seconds: Option<i64>) -> ChainError {
        ChainError::RateLimited { retry_after: seconds.map(Span::from_secs) }
    }

    #[test]
    fn limits_are_recognised_wherever_they_hide() {
        let key = br#"{"Error":"The key exceeds the frequency limit(15), and the query server is suspended for 2s"}"#;
        assert_eq!(refusal(403, None, key), Some(limited(Some(2))));
        let rps = br#"{"Error":"request rate exceeded the allowed_rps(3), and the query server is suspended for 1s"}"#;
        assert_eq!(refusal(200, None, rps), Some(limited(Some(1))));
        let spaced = br#"{"Error":"request rate of (x) exceeded the allowed_rps(1),\nand the query server is suspended for 5 s. To"}"#;
        assert_eq!(refusal(429, None, spaced), Some(limited(Some(5))));
        let busy = br#"{"Error":"class java.lang.IllegalAccessException : lack of computing resources"}"#;
        assert_eq!(refusal(200, None, busy), Some(limited(None)));
        let daily = br#"{"Error":"Exceed the user daily usage (100000), the maximum query frequency is 1 time per second"}"#;
        assert_eq!(refusal(403, None, daily), Some(limited(None)));
        assert_eq!(
            refusal(429, Some(7), br#"{"success":false,"error":"x","statusCode":429}"#),
            Some(limited(Some(7)))
        );
        assert_eq!(refusal(403, None, b"<html>Forbidden</html>"), Some(limited(None)));
    }

    #[test]
    fn a_member_that_says_error_is_one_whatever_it_holds() {
        let refused = |body: &[u8]| match refusal(200, None, body) {
            Some(ChainError::Refused(why)) => why,
            other => panic!("{other:?}"),
        };
        let object = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}"#;
        assert!(refused(object).contains("no such method"));
        assert_eq!(refused(br#"{"Error":null}"#), "null");
        assert_eq!(refused(br#"{"Error":""}"#), "");
        let busy = br#"{"jsonrpc":"2.0","error":{"code":-32005,"message":"lack of computing resources"}}"#;
        assert_eq!(refusal(200, None, busy), Some(limited(None)));
        assert_eq!(refusal(200, None, b"lack of computing resources"), Some(limited(None)));
    }

    #[test]
    fn refusals_failures_and_junk_are_told_apart() {
        let refused =
            |status, body: &[u8]| matches!(refusal(status, None, body), Some(ChainError::Refused(_)));
        assert!(refused(403, br#"{"Error":"ApiKey not exists"}"#));
        assert!(refused(200, br#"{"Error":"class java.lang.NullPointerException : null"}"#));
        assert!(refused(413, b"<html>Payload Too Large</html>"));
        let unsupported =
            |status, body: &[u8]| matches!(refusal(status, None, body), Some(ChainError::Unsupported(_)));
        assert!(unsupported(404, br#"{"Error":"this API is unavailable due to config"}"#));
        assert!(unsupported(200, b"this API is closed because this node is a lite fullnode"));
        assert!(unsupported(404, b"<html>Error 404 Not Found</html>"));
        assert!(unsupported(405, b"<html>Error 405 HTTP method POST is not supported by this URL</html>"));
        assert!(matches!(refusal(502, None, b"<html>"), Some(ChainError::Unavailable(_))));
        assert!(matches!(refusal(200, None, b"<html>"), Some(ChainError::Malformed(_))));
        assert!(matches!(refusal(200, None, b""), Some(ChainError::Malformed(_))));
        assert_eq!(refusal(200, None, b"{}"), None);
        assert_eq!(refusal(200, None, b" [] "), None);
        assert_eq!(refusal(200, None, br#"["lack of computing resources"]"#), None);
    }
}
