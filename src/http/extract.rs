//! Reading requests, so that whatever is wrong with one has its own code.

use super::{code::Code, error::ApiError, state::AppState};
use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web};
use futures_util::{StreamExt, future::LocalBoxFuture};
use leyden_domain::{Address, OrderId, TxId};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::future::{Ready, ready};

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
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            let detail = without_place(&inner);
            let member = if path == "." { named_member(&detail) } else { path.replace('.', "/") };
            let refusal = ApiError::new(Code::InvalidBody, detail);
            if member.is_empty() { refusal } else { refusal.at(&member) }
        } else {
            ApiError::new(Code::MalformedJson, inner.to_string())
        }
    })?;
    deserializer.end().map_err(|error| ApiError::new(Code::MalformedJson, error.to_string()))?;
    Ok(value)
}

/// The error's text without "at line 1 column 2", which says nothing about a member.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(head, _)| head.to_owned())
}

/// The member that "missing field `x`" or "unknown field `x`" speaks of.
fn named_member(detail: &str) -> String {
    detail.split('`').nth(1).unwrap_or_default().to_owned()
}

/// A query string of type `T`.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest for Params<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(
            web::Query::<T>::from_query(request.query_string())
                .map(|query| Self(query.into_inner()))
                .map_err(|error| ApiError::new(Code::InvalidQuery, error.to_string())),
        )
    }
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

/// Reads an order's id that stands in a path or a query.
pub(crate) fn path_id(text: &str) -> Result<OrderId, ApiError> {
    text.parse().map_err(|error: leyden_domain::ParseError| ApiError::new(Code::InvalidId, error.to_string()))
}

/// Reads an order's id that a member of the body holds.
pub(crate) fn order_id(text: &str, member: &str) -> Result<OrderId, ApiError> {
    text.parse().map_err(|error: leyden_domain::ParseError| {
        ApiError::new(Code::InvalidBody, error.to_string()).at(member)
    })
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

#[cfg(test)]
mod tests {
    use super::{Code, parse};
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
        assert_eq!(refusal(b"{"), (Code::MalformedJson, vec![]));
        assert_eq!(refusal(b""), (Code::MalformedJson, vec![]));
        assert_eq!(refusal(b"{\"name\":\"a\"} x"), (Code::MalformedJson, vec![]));
        assert_eq!(refusal(b"{\"name\":\"\xff\"}"), (Code::MalformedJson, vec![]));
        assert_eq!(refusal("[".repeat(100_000).as_bytes()).0, Code::InvalidBody);
        let deep = format!("{{\"list\":{}", "[".repeat(100_000));
        assert_eq!(refusal(deep.as_bytes()), (Code::InvalidBody, vec!["#/list[0]".to_owned()]));
        assert_eq!(refusal(b"{}"), (Code::InvalidBody, vec!["#/name".to_owned()]));
        assert_eq!(refusal(b"{\"name\":1}"), (Code::InvalidBody, vec!["#/name".to_owned()]));
        assert_eq!(refusal(b"{\"name\":\"a\",\"other\":1}"), (Code::InvalidBody, vec!["#/other".to_owned()]));
    }
}
