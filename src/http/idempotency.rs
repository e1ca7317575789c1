//! Idempotency keys (draft-ietf-httpapi-idempotency-key-header, and the bare form that most clients send).

use super::{auth::Caller, code::Code, error::ApiError};
use actix_web::HttpRequest;
use leyden_domain::Timestamp;
use leyden_ports::store::IdempotencyKey;

/// The header.
pub(crate) const HEADER: &str = "Idempotency-Key";

/// Says on a response that it is one given before.
pub(crate) const REPLAYED: &str = "Idempotent-Replayed";

/// The key that a request carries, if it carries one.
pub(crate) fn key(
    request: &HttpRequest,
    caller: &Caller,
    route: &str,
    body_hash: [u8; 32],
    at: Timestamp,
) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = request.headers().get_all(HEADER);
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().and_then(read);
    match (text, values.next()) {
        (Some(key), None) => Ok(Some(IdempotencyKey {
            caller: caller.key.to_string(),
            route: route.to_owned(),
            key: key.to_owned(),
            body_hash,
            at,
        })),
        _ => Err(ApiError::new(
            Code::IdempotencyKeyInvalid,
            "one key of 1 to 255 visible ASCII characters, in double quotes or without",
        )),
    }
}

/// The key inside its quotes, where it has them.
fn read(text: &str) -> Option<&str> {
    let inner = match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => text,
    };
    let visible = inner.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    (visible && (1..=255).contains(&inner.len())).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn both_forms_are_read_and_others_are_not() {
        assert_eq!(read("\"8e03978e-40d5\""), Some("8e03978e-40d5"));
        assert_eq!(read("8e03978e-40d5"), Some("8e03978e-40d5"));
        for bad in ["", "\"\"", "\"a", "a b", "a\"b", &"x".repeat(256)] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
