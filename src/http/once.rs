//! Wishes that move money are carried out once: the caller names each by an `Idempotency-Key`, and the first answer is
//! kept and given again. What keeps money from going twice is the refund's own row; the key is what lets a caller whose
//! answer was lost ask again and learn what became of it.

use super::{auth::Caller, code::Code, error::ApiError, idempotency, state::AppState};
use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use leyden_ports::store::{Once, StoredResponse};
use serde::Serialize;
use std::future::Future;

/// Carries a wish out unless its key was used before.
pub(crate) async fn once<T: Serialize>(
    state: &AppState,
    caller: &Caller,
    request: &HttpRequest,
    route: &str,
    body_hash: [u8; 32],
    wish: impl Future<Output = Result<T, ApiError>>,
) -> Result<HttpResponse, ApiError> {
    // The path says of what; one key for two refunds is two wishes.
    let route = format!("{route} {}", request.path());
    let key = idempotency::key(request, caller, &route, body_hash, state.clock.now())?
        .ok_or_else(|| ApiError::plain(Code::IdempotencyKeyMissing))?;
    match state.store.begin_once(&key).await? {
        Once::First => {}
        Once::Running => return Err(ApiError::plain(Code::IdempotencyKeyInUse).retry_after(1)),
        Once::OtherBody => return Err(ApiError::plain(Code::IdempotencyKeyReused)),
        Once::Done(kept) => {
            let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
            return Ok(HttpResponse::build(status)
                .insert_header((idempotency::REPLAYED, "true"))
                .content_type("application/json")
                .body(kept.body));
        }
    }
    let answer = match wish.await {
        Ok(answer) => answer,
        Err(refusal) => {
            // Nothing was done: the same key may ask again, when things are otherwise.
            state.store.end_once(&key, None).await?;
            return Err(refusal);
        }
    };
    let body = serde_json::to_string(&answer).map_err(|error| ApiError::internal(&error))?;
    let kept = StoredResponse { status: 200, body: body.clone() };
    if let Err(error) = state.store.end_once(&key, Some(kept)).await {
        // It is done all the same; who asks again is told by the refund's state.
        tracing::warn!(%error, "an answer could not be kept");
    }
    Ok(HttpResponse::Ok().content_type("application/json").body(body))
}
