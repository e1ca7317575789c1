//! Reading requests, so that whatever is wrong with one has its own code.

use super::{
    code::Code,
    error::ApiError,
    json::{self, Fault},
    state::AppState,
};
use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web};
use futures_util::{StreamExt, future::LocalBoxFuture};
use leyden_domain::{Address, OrderId, PaymentId, RefundId, TxId};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::future::{Ready, ready};

/// Said of a text that is no order's id.
const NO_ORDER_ID: &str = "not an order id: FLASH_… or ord_…, as this service gave it";

/// Said of a text that is no payment's id.
const NO_PAYMENT_ID: &str = "not a payment id, as this service gave it";

/// A JSON body of type `T`, with the hash of its bytes. Whether unknown members are refused is `T`'s own affair.
#[derive(Debug)]
pub(crate) struct Json<T> {
    /// What was read.
    pub(crate) value: T,
    /// SHA-256 of the body as it came.
    pub(crate) hash: [u8; 32],
}

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let state = request
                .app_data::<web::Data<AppState>>()
                .ok_or_else(|| ApiError::internal(&"the API has no state"))?;
            check_type(&request)?;
            let limit = usize::try_from(state.settings.http.body_limit_bytes).unwrap_or(usize::MAX);
            let wait = state.settings.http.request_timeout.duration();
            let body = tokio::time::timeout(wait, read(&request, payload, limit))
                .await
                .unwrap_or_else(|_| Err(ApiError::plain(Code::RequestTimeout)))?;
            Ok(Self { value: parse(&body)?, hash: Sha256::digest(&body).into() })
        })
    }
}

/// A body of another type is not guessed at.
fn check_type(request: &HttpRequest) -> Result<(), ApiError> {
    let kind =
        request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        Ok(())
    } else {
        Err(ApiError::plain(Code::UnsupportedMediaType))
    }
}

/// Reads the body up to the limit, however long it says it is.
async fn read(request: &HttpRequest, mut payload: Payload, limit: usize) -> Result<Vec<u8>, ApiError> {
    let too_large = || ApiError::new(Code::BodyTooLarge, format!("a body may have at most {limit} bytes"));
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<usize>().ok())
        .unwrap_or(0);
    if announced > limit {
        return Err(too_large());
    }
    let mut body = Vec::with_capacity(announced);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk
            .map_err(|error| ApiError::new(Code::MalformedRequest, format!("the body broke off: {error}")))?;
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Parses a body.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        ApiError::new(Code::MalformedJson, format!("not UTF-8 from byte {}", error.valid_up_to()))
    })?;
    json::object(text).map_err(|fault| match fault {
        Fault::Malformed(detail) => ApiError::new(Code::MalformedJson, detail),
        Fault::Member { pointer, detail } => ApiError::new(Code::InvalidBody, detail).blame(pointer),
    })
}

/// A query string whose parameters are the members of `T`, all of them optional texts.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest for Params<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(params(request.query_string()).map(Self))
    }
}

fn params<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
        .or(Err(ApiError::new(Code::InvalidQuery, "the query cannot be read")))?
        .into_inner();
    let mut members = Map::new();
    for (name, value) in pairs {
        if members.contains_key(&name) {
            return Err(ApiError::query(&name, "given more than once"));
        }
        members.insert(name, Value::String(value));
    }
    T::deserialize(Value::Object(members)).map_err(|error| {
        let detail = error.to_string();
        ApiError::query(json::named_member(&detail).unwrap_or_default(), json::plain(&detail))
    })
}

/// Reads several names separated by commas, each once however often it stands there.
pub(crate) fn names<T: PartialEq>(
    text: Option<&str>,
    mut read: impl FnMut(&str) -> Result<Vec<T>, ApiError>,
) -> Result<Vec<T>, ApiError> {
    let mut all = Vec::new();
    for name in text.into_iter().flat_map(|text| text.split(',')) {
        for one in read(name)? {
            if !all.contains(&one) {
                all.push(one);
            }
        }
    }
    Ok(all)
}

/// Refuses what a screen or a log would not show as it is: control and format characters, separators of lines.
pub(crate) fn printable(text: &str) -> bool {
    let bare: String = text.chars().filter(|c| !matches!(c, '\'' | '"' | '\\')).collect();
    bare.escape_debug().eq(bare.chars())
}

/// The order id in the path.
#[derive(Debug)]
pub(crate) struct OrderPath(pub(crate) OrderId);

impl FromRequest for OrderPath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get("orderId").unwrap_or_default();
        ready(path_id(text).map(Self))
    }
}

/// The payment's id in the path.
#[derive(Debug)]
pub(crate) struct PaymentPath(pub(crate) PaymentId);

impl FromRequest for PaymentPath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get("paymentId").unwrap_or_default();
        ready(text.parse().map(Self).or(Err(ApiError::new(Code::InvalidId, NO_PAYMENT_ID))))
    }
}

/// The refund's id in the path.
#[derive(Debug)]
pub(crate) struct RefundPath(pub(crate) RefundId);

impl FromRequest for RefundPath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get("refundId").unwrap_or_default();
        ready(text.parse().map(Self).or(Err(ApiError::new(Code::InvalidId, "not a refund id: rfd_…"))))
    }
}

/// Reads a payment's id that a parameter of the query holds.
pub(crate) fn query_payment(text: &str, name: &str) -> Result<PaymentId, ApiError> {
    text.parse().or(Err(ApiError::query(name, NO_PAYMENT_ID)))
}

/// Reads why a person wants something.
pub(crate) fn reason(text: &str, member: &str) -> Result<String, ApiError> {
    let reason = text.trim();
    let is_fit = !reason.is_empty() && reason.chars().count() <= 500 && printable(reason);
    is_fit
        .then(|| reason.to_owned())
        .ok_or_else(|| ApiError::new(Code::InvalidBody, "1 to 500 printable characters").at(member))
}

/// Reads an order's id that stands in a path.
fn path_id(text: &str) -> Result<OrderId, ApiError> {
    text.parse().or(Err(ApiError::new(Code::InvalidId, NO_ORDER_ID)))
}

/// Reads an order's id that a member of the body holds.
pub(crate) fn order_id(text: &str, member: &str) -> Result<OrderId, ApiError> {
    text.parse().or(Err(ApiError::new(Code::InvalidBody, NO_ORDER_ID).at(member)))
}

/// Reads an order's id that a parameter of the query holds.
pub(crate) fn query_id(text: &str, name: &str) -> Result<OrderId, ApiError> {
    text.parse().or(Err(ApiError::query(name, NO_ORDER_ID)))
}

/// Reads an address that a member of the body holds.
pub(crate) fn address(text: &str, member: &str) -> Result<Address, ApiError> {
    text.parse().map_err(|error: leyden_domain::ParseError| {
        ApiError::new(Code::InvalidAddress, error.to_string()).at(member)
    })
}

/// Reads a transaction's hash that a member of the body holds, with or without `0x`.
pub(crate) fn tx_id(text: &str, member: &str) -> Result<TxId, ApiError> {
    text.strip_prefix("0x").unwrap_or(text).parse().map_err(|error: leyden_domain::ParseError| {
        ApiError::new(Code::InvalidTransactionHash, error.to_string()).at(member)
    })
}

/// The same where a parameter of the query holds it.
pub(crate) fn query_tx_id(text: &str, name: &str) -> Result<TxId, ApiError> {
    text.strip_prefix("0x")
        .unwrap_or(text)
        .parse()
        .map_err(|error: leyden_domain::ParseError| ApiError::query(name, error.to_string()))
}

/// Reads a number that is not negative from a parameter of the query.
pub(crate) fn query_number(text: &str, name: &str) -> Result<u32, ApiError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| ApiError::query(name, "must be a whole number that is not negative"))
}

#[cfg(test)]
mod tests {
    use super::{Code, names, params, parse, printable};
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        #[expect(dead_code, reason = "only read by serde")]
        name: String,
        #[serde(default)]
        #[expect(dead_code, reason = "only read by serde")]
        list: Vec<u32>,
    }

    fn refusal(body: &[u8]) -> (Code, Vec<String>) {
        let error = parse::<Strict>(body).unwrap_err();
        (error.code, error.errors.into_iter().map(|error| error.pointer).collect())
    }

    #[test]
    fn what_is_wrong_is_named() {
        let invalid = |pointer: &str| (Code::InvalidBody, vec![pointer.to_owned()]);
        for bad in [&b"{"[..], b"", b"nonsense", b"{\"name\":\"a\"} x", b"{\"name\":\"\xff\"}"] {
            assert_eq!(refusal(bad), (Code::MalformedJson, vec![]));
        }
        assert_eq!(refusal("[".repeat(100_000).as_bytes()).0, Code::MalformedJson);
        for bad in [&b"[\"a\",[1]]"[..], b" [\"a\"]", b"\"a\"", b"1", b"null"] {
            assert_eq!(refusal(bad), invalid("#"), "a body is an object");
        }
        let deep = format!("{{\"list\":{}", "[".repeat(100_000));
        assert_eq!(refusal(deep.as_bytes()), invalid("#/list/0"));
        assert_eq!(refusal(b"{}"), invalid("#/name"));
        assert_eq!(refusal(b"{\"name\":1}"), invalid("#/name"));
        assert_eq!(refusal(b"{\"name\":\"a\",\"other\":1}"), invalid("#/other"));
        assert_eq!(refusal(b"{\"name\":\"a\",\"name\":\"b\"}"), invalid("#/name"));
        assert_eq!(refusal(b"{\"a/b~c `d\":1}"), invalid("#/a~1b~0c%20%60d"));
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Query {
        status: Option<String>,
    }

    #[test]
    fn a_query_parameter_that_is_wrong_is_named() {
        assert_eq!(params::<Query>("status=a%2Cb").unwrap().status.as_deref(), Some("a,b"));
        for (bad, name) in [("status=a&status=b", "status"), ("stauts=a", "stauts"), ("a%60b=1", "a`b")] {
            let error = params::<Query>(bad).unwrap_err();
            assert_eq!((error.code, error.errors[0].pointer.as_str()), (Code::InvalidQuery, name));
        }
    }

    #[test]
    fn a_name_said_often_counts_once() {
        let text = vec!["a"; 10_000].join(",");
        assert_eq!(names(Some(&text), |name| Ok(vec![name.to_owned()])).unwrap(), ["a"]);
    }

    #[test]
    fn what_no_screen_shows_is_not_printable() {
        for good in ["alice", "用户 7", "O'Neil \"x\" \\", "e\u{301}té", "😀"] {
            assert!(printable(good), "{good}");
        }
        for bad in ["a\u{202e}b", "a\u{200b}", "\u{feff}a", "a\tb", "a\u{2028}b", "\u{e000}", "\0"] {
            assert!(!printable(bad), "{bad:?}");
        }
    }
}
