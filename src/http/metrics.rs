//! The process's metrics, in the Prometheus text format. They name routes, actors and codes, never an address, an
//! order or a key.

use super::{auth::Visitor, code::Code, error::ApiError, openapi::Refusals, scope::Scope, state::AppState};
use crate::gauges;
use actix_web::{HttpResponse, get, web};

/// Says no to a caller without the scope, unless the configuration opens the metrics.
fn admit(state: &AppState, visitor: &Visitor) -> Result<(), ApiError> {
    let needed = Scope::OpsRead;
    match &visitor.0 {
        _ if state.settings.http.public_metrics => Ok(()),
        Some(caller) if caller.scopes.allow(needed) => Ok(()),
        Some(_) => Err(ApiError::new(Code::ScopeMissing, format!("the API key lacks the scope {needed}"))),
        None => Err(ApiError::plain(Code::Unauthenticated)),
    }
}

async fn render(state: &AppState) -> HttpResponse {
    state.census.take(state).await;
    gauges::show(state);
    state.metrics.run_upkeep();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(state.metrics.render())
}

/// Metrics in the Prometheus text format
#[utoipa::path(operation_id = "readApiMetrics", tag = "health", security((), ("key" = ["ops:read"]), ("bearer" = ["ops:read"])),
    responses((status = 200, description = "the metrics", content_type = "text/plain", body = String), Refusals))]
#[get("/api/metrics")]
pub(super) async fn api_metrics(
    visitor: Visitor,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    admit(&state, &visitor)?;
    Ok(render(&state).await)
}

/// Metrics in the Prometheus text format
#[utoipa::path(operation_id = "readMetrics", tag = "health", security((), ("key" = ["ops:read"]), ("bearer" = ["ops:read"])),
    responses((status = 200, description = "the metrics", content_type = "text/plain", body = String), Refusals))]
#[get("/metrics")]
pub(super) async fn metrics(visitor: Visitor, state: web::Data<AppState>) -> Result<HttpResponse, ApiError> {
    admit(&state, &visitor)?;
    Ok(render(&state).await)
}
