//! Whether the process lives and whether it can serve. Liveness asks nothing of anybody: a dead node or database
//! must not get us restarted.

use super::{openapi::Common, state::AppState};
use actix_web::{HttpResponse, get, web};
use leyden_actors::kernel;
use leyden_ports::StoreError;
use serde::Serialize;
use std::time::Duration;
use tokio::{sync::Mutex, time::Instant};
use utoipa::ToSchema;

/// Longest wait for the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long an answer of the database is believed: asking writes, and anybody may ask.
const BELIEVED: Duration = Duration::from_millis(250);

/// What the database answered last. Whoever asks meanwhile waits for the same answer.
#[derive(Debug, Default)]
pub(crate) struct Pulse(Mutex<Option<(Instant, Option<&'static str>)>>);

impl Pulse {
    /// What is the matter with the books.
    pub(super) async fn feel(&self, state: &AppState) -> Option<&'static str> {
        let mut last = self.0.lock().await;
        if let Some((at, found)) = *last
            && at.elapsed() < BELIEVED
        {
            return found;
        }
        let found = match tokio::time::timeout(PATIENCE, state.store.ping()).await {
            Ok(Ok(())) => None,
            Ok(Err(StoreError::Unavailable(_))) => Some("the database does not answer"),
            Ok(Err(_)) => Some("the database answers wrongly"),
            Err(_) => Some("the database takes too long"),
        };
        *last = Some((Instant::now(), found));
        found
    }
}

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthView {
    /// Whether it can serve.
    success: bool,
    /// `ok` or `unavailable`.
    status: &'static str,
    /// What was looked at and what was found.
    checks: Vec<CheckView>,
    /// The running version.
    version: &'static str,
}

/// The process lives.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LivenessView {
    /// Always true: the answer itself succeeded.
    success: bool,
    /// `ok`
    status: &'static str,
}

/// One thing that was looked at.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckView {
    /// What was looked at.
    name: &'static str,
    /// Whether it is as it should be.
    ok: bool,
    /// What is to be said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
}

/// Whether customers can be served: the books answer and the actors that take money in are not given up.
async fn ready(state: &AppState) -> HttpResponse {
    let store = state.pulse.feel(state).await;
    let tree = state.handles.tree();
    let down = tree.actors.iter().any(|actor| {
        matches!(actor.state, kernel::State::Quarantined | kernel::State::Stopped)
            && actor.path.contains("intake")
    });
    // Said and no more: an instance that halts is the one that people must reach, and payments are still recorded.
    let halted = !state.handles.boards().halts.read().open.is_empty();
    // Likewise, unless the configuration says otherwise: another instance sees no more of the chain than this one, and
    // customers can still be told about their orders.
    let blind = state.handles.boards().chain.read().blindness(state.clock.now()).is_some();
    let checks = vec![
        CheckView { name: "store", ok: store.is_none(), detail: store },
        CheckView {
            name: "intake",
            ok: !down,
            detail: down.then_some("an actor that takes payments in is down"),
        },
        CheckView {
            name: "chain",
            ok: !(blind && state.settings.http.ready_needs_chain),
            detail: blind.then_some("the chain is not seen; see /status"),
        },
        CheckView {
            name: "money",
            ok: true,
            detail: halted.then_some("money stands still until an operator lifts the halt; see /status"),
        },
    ];
    let ok = checks.iter().all(|check| check.ok);
    let view = HealthView {
        success: ok,
        status: if ok { "ok" } else { "unavailable" },
        checks,
        version: env!("CARGO_PKG_VERSION"),
    };
    if ok { HttpResponse::Ok().json(view) } else { HttpResponse::ServiceUnavailable().json(view) }
}

/// Whether the service can serve
#[utoipa::path(operation_id = "readHealth", tag = "health", responses((status = 200, description = "it can", body = HealthView), (status = 503, description = "it cannot; see `checks`", body = HealthView), Common))]
#[get("/api/health")]
pub(super) async fn health(state: web::Data<AppState>) -> HttpResponse {
    ready(&state).await
}

/// Whether the service can serve
#[utoipa::path(operation_id = "readReadiness", tag = "health", responses((status = 200, description = "it can", body = HealthView), (status = 503, description = "it cannot; see `checks`", body = HealthView), Common))]
#[get("/health/ready")]
pub(super) async fn readiness(state: web::Data<AppState>) -> HttpResponse {
    ready(&state).await
}

/// Whether the service has come up
#[utoipa::path(operation_id = "readStartup", tag = "health", responses((status = 200, description = "it has", body = HealthView), (status = 503, description = "it cannot; see `checks`", body = HealthView), Common))]
#[get("/health/startup")]
pub(super) async fn startup(state: web::Data<AppState>) -> HttpResponse {
    ready(&state).await
}

/// Whether the process lives
#[utoipa::path(operation_id = "readLiveness", tag = "health", responses((status = 200, description = "it does", body = LivenessView), Common))]
#[get("/health/live")]
pub(super) async fn liveness() -> HttpResponse {
    HttpResponse::Ok().json(LivenessView { success: true, status: "ok" })
}
