//! What every request goes through: a request id, a span, the key, the limits, measuring, and one shape for every
//! refusal, including those that the framework makes.

use super::{
    auth,
    code::Code,
    error::{ApiError, Language},
    meters::Meters,
    rate_limit::Standing,
    state::AppState,
};
use actix_web::{
    Error, HttpMessage, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        Method, StatusCode,
        header::{self, AcceptEncoding, Encoding, Header as _, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use futures_util::FutureExt;
use std::{panic::AssertUnwindSafe, sync::Arc};
use tokio::time::Instant;
use tracing::Instrument;

/// The longest path and query together. No route needs a tenth of it.
const LONGEST_URI: usize = 8_192;

/// How many characters of a path are logged.
const LONGEST_LOGGED: usize = 200;

/// Paths that whoever watches over us asks as often as it likes.
const HEALTH: [&str; 4] = ["/api/health", "/health/live", "/health/ready", "/health/startup"];

/// Pages that say how the service is, to anybody something and to operators all.
const STATUS: [&str; 2] = ["/status", "/status.json"];

/// Figures, for those who may read them.
const METRICS: [&str; 2] = ["/api/metrics", "/metrics"];

/// Methods that may stand in a label: one must not come from what a client makes up.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, as responses and log lines carry it.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) Arc<str>);

/// Lets a request through, or does not.
pub(crate) async fn guard(
    state: web::Data<AppState>,
    meters: web::Data<Meters>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = RequestId(new_id(&state).into());
    let language = Language::preferred(request.headers().get(header::ACCEPT_LANGUAGE));
    let method = request.method().clone();
    let span = tracing::info_span!("request", id = %id.0, %method, path = beginning(request.path()));
    request.extensions_mut().insert(id.clone());
    if method == Method::HEAD {
        // Answered like GET; the connection leaves the body out.
        request.head_mut().method = Method::GET;
    }
    if nothing_is_acceptable(&request) {
        // Who accepts nothing that we have gets the plain answer; see RFC 9110, 12.5.3.
        request.headers_mut().remove(header::ACCEPT_ENCODING);
    }
    let began = Instant::now();
    let answer = answer(&state, request, next, &id, language).instrument(span.clone()).await;
    let (status, route) = match &answer {
        Ok(response) => (response.status(), response.request().match_pattern()),
        Err(error) => (error.as_response_error().status_code(), None),
    };
    let route = route.as_deref().unwrap_or("none");
    let took = began.elapsed();
    meters.count(route, label(&method), status, took);
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::info!(route, status = status.as_u16(), duration_ms, "answered"));
    answer
}

async fn answer(
    state: &AppState,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    id: &RequestId,
    language: Language,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let standing = match admit(state, &request).await {
        Ok(standing) => standing,
        Err(refusal) => {
            let response = sign(refusal.respond(&id.0, language), id, None);
            return Ok(request.into_response(response));
        }
    };
    let sign = |response| sign(response, id, standing.clone());
    let mut response = match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(Ok(response)) => match response.response().error().map(refusal_of) {
            None => response.map_into_boxed_body(),
            Some(refusal) => response.into_response(refusal.respond(&id.0, language)),
        },
        Ok(Err(error)) => {
            let response = sign(refusal_of(&error).respond(&id.0, language));
            return Err(InternalError::from_response(error, response).into());
        }
        Err(_) => {
            tracing::error!("a handler panicked");
            let refusal = ApiError::plain(Code::Internal);
            let response = sign(refusal.respond(&id.0, language));
            return Err(InternalError::from_response(refusal, response).into());
        }
    };
    complete(response.headers_mut(), id, standing);
    Ok(response)
}

/// Puts on a response what every response carries.
fn complete(headers: &mut HeaderMap, id: &RequestId, standing: Option<Standing>) {
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    for (name, value) in standing.into_iter().flat_map(Standing::headers) {
        headers.insert(name, value);
    }
}

fn sign(
    mut response: HttpResponse<BoxBody>,
    id: &RequestId,
    standing: Option<Standing>,
) -> HttpResponse<BoxBody> {
    complete(response.headers_mut(), id, standing);
    response
}

fn label(method: &Method) -> &'static str {
    METHODS.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// As much of a path as a log line needs.
fn beginning(path: &str) -> &str {
    path.char_indices().nth(LONGEST_LOGGED).map_or(path, |(end, _)| path.split_at(end).0)
}

/// Whether `Accept-Encoding` rules out every coding that we have, the plain one among them.
fn nothing_is_acceptable(request: &ServiceRequest) -> bool {
    if !request.headers().contains_key(header::ACCEPT_ENCODING) {
        return false;
    }
    let ours = [Encoding::identity(), Encoding::gzip(), Encoding::deflate()];
    AcceptEncoding::parse(request).is_ok_and(|accepted| accepted.negotiate(ours.iter()).is_none())
}

/// Checks the key and the limits.
async fn admit(state: &AppState, request: &ServiceRequest) -> Result<Option<Standing>, ApiError> {
    let address = request.peer_addr().map(|peer| peer.ip());
    let tells_status = is(request, &STATUS);
    let by_address = || address.map_or(Ok(None), |address| state.limits.ask_address(address));
    let standing = match auth::presented(request) {
        // Whoever watches over us must not be told that it watches too often.
        None if is(request, &HEALTH) => Ok(None),
        None => by_address(),
        Some(key) => {
            let caller = match key {
                Ok(key) => auth::check(&key, state, address, tells_status || is(request, &METRICS)).await,
                Err(refusal) => Err(refusal),
            };
            match caller {
                Ok(caller) => {
                    let standing = state.limits.ask_key(caller.key)?;
                    request.extensions_mut().insert(caller);
                    Ok(standing)
                }
                Err(refusal) if tells_status && refusal.code == Code::StoreUnavailable => {
                    // Whoever asks why nothing works is told.
                    request.extensions_mut().insert(auth::Unchecked(true));
                    by_address()
                }
                Err(refusal) => {
                    // Guessing keys is limited like any other asking without one.
                    by_address()?;
                    Err(refusal)
                }
            }
        }
    }?;
    let long = request.uri().path_and_query().map_or(0, |text| text.as_str().len());
    if long > LONGEST_URI {
        return Err(ApiError::plain(Code::UriTooLong));
    }
    Ok(standing)
}

fn is(request: &ServiceRequest, paths: &[&str]) -> bool {
    request.method() == Method::GET && paths.contains(&request.path())
}

/// Any error as one of ours.
fn refusal_of(error: &Error) -> ApiError {
    if let Some(refusal) = error.as_error::<ApiError>() {
        return refusal.clone();
    }
    let status = error.as_response_error().status_code();
    match status {
        StatusCode::NOT_FOUND => ApiError::plain(Code::NoSuchRoute),
        StatusCode::METHOD_NOT_ALLOWED => ApiError::plain(Code::MethodNotAllowed),
        StatusCode::REQUEST_TIMEOUT => ApiError::plain(Code::RequestTimeout),
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::plain(Code::BodyTooLarge),
        status if status.is_client_error() => ApiError::plain(Code::MalformedRequest),
        _ => ApiError::internal(error),
    }
}

/// A new request id: a random UUID (version 4).
fn new_id(state: &AppState) -> String {
    let mut bytes = [0_u8; 16];
    state.entropy.fill(&mut bytes);
    let bits = (u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0b10 << 62);
    let digits = format!("{bits:032x}");
    let mut text = String::with_capacity(36);
    for (index, digit) in digits.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}
