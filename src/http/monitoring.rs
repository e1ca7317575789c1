//! The `payment-monitoring` routes of requirement 001. Every order is watched from its creation without anybody
//! asking; these routes let the systems around us say so again, stop the record, and look at it.
#![expect(unused_qualifications, reason = "the macro that documents a handler writes its types out in full")]

use super::{
    auth::{MonitorInternal, OpsRead, Permit},
    code::Code,
    error::ApiError,
    extract::{self, Json, Params},
    number::{Number, WrittenNumber},
    openapi::Refusals,
    sale::chain_time,
    state::AppState,
    view::{Answer, MonitoringView},
};
use actix_web::{HttpResponse, get, post, web};
use leyden_ports::{CacheKey, StoreError};
use leyden_store::Fresh;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Cache tag of the rows of all orders.
const MONITORING_TAG: &str = "monitoring";
/// Most rows shown at once.
const MOST_ROWS: u32 = 100;

/// Which order's payment to watch for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartMonitoring {
    /// The order.
    order_id: String,
    /// Where it is to be paid; must be the order's own.
    payment_address: String,
    /// TRX that the caller expects. The order's own terms decide; a value here must be a number.
    #[serde(default)]
    #[schema(value_type = Option<WrittenNumber>)]
    expected_amount: Option<Number>,
    /// Milliseconds that the caller would wait. The order's own deadline decides; a value here must be a number.
    #[serde(default)]
    timeout: Option<i64>,
}

/// Which order's payment to watch for no longer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StopMonitoring {
    /// The order.
    order_id: String,
}

/// Whether an order's payment is being watched for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MonitoringStarted {
    /// The order.
    order_id: String,
    /// Where it is to be paid.
    payment_address: String,
    /// Whether it is being watched for: not where the order waits for no payment any more.
    monitoring: bool,
    /// Until when a payment is in time.
    expires_at: String,
    /// What the caller said it expects.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_amount: Option<Number>,
    /// What the caller said it would wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<i64>,
}

/// Whether anything changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MonitoringStopped {
    /// The order.
    order_id: String,
    /// Whether it was being watched for.
    stopped: bool,
}

/// Forgets the rows that are remembered.
async fn changed(state: &AppState) {
    if let Err(error) = state.cache.forget(MONITORING_TAG).await {
        tracing::debug!(%error, "other instances may show the old rows for a moment");
    }
}

/// Begins to watch for an order's payment
#[utoipa::path(operation_id = "startMonitoring", tag = "payment-monitoring", request_body = StartMonitoring, security(("key" = ["monitor:internal"]), ("bearer" = ["monitor:internal"])),
    responses((status = 200, description = "whether it is being watched for", body = Answer<MonitoringStarted>), Refusals))]
#[post("/api/payment-monitoring/start")]
pub(super) async fn start(
    _: Permit<MonitorInternal>,
    state: web::Data<AppState>,
    body: Json<StartMonitoring>,
) -> Result<HttpResponse, ApiError> {
    let body = body.value;
    let id = extract::order_id(&body.order_id, "orderId")?;
    let address = extract::address(&body.payment_address, "paymentAddress")?;
    let order = state.store.order(id).await?.ok_or_else(|| ApiError::plain(Code::OrderNotFound))?;
    if order.payment_address != address {
        return Err(ApiError::plain(Code::PaymentAddressMismatch).at("paymentAddress"));
    }
    let now = state.clock.now();
    if !state.store.start_monitoring(id, now).await? {
        tracing::debug!(order = %id, "watched for already, or no payment is waited for");
    }
    state.handles.watch_order(id);
    changed(&state).await;
    let rows = state.store.monitoring_status(Some(id), chain_time(&state, now), 1).await?;
    let monitoring = rows.first().is_some_and(|row| row.monitoring_status == "monitoring");
    let view = MonitoringStarted {
        order_id: id.to_string(),
        payment_address: address.to_string(),
        monitoring,
        expires_at: super::time::iso(order.expires_at),
        expected_amount: body.expected_amount,
        timeout: body.timeout,
    };
    Ok(HttpResponse::Ok().json(Answer::new(view)))
}

/// Stops the record of watching for an order's payment
///
/// A payment that comes all the same is still recognised: money is never overlooked because a record was closed.
#[utoipa::path(operation_id = "stopMonitoring", tag = "payment-monitoring", request_body = StopMonitoring, security(("key" = ["monitor:internal"]), ("bearer" = ["monitor:internal"])),
    responses((status = 200, description = "whether anything changed", body = Answer<MonitoringStopped>), Refusals))]
#[post("/api/payment-monitoring/stop")]
pub(super) async fn stop(
    _: Permit<MonitorInternal>,
    state: web::Data<AppState>,
    body: Json<StopMonitoring>,
) -> Result<HttpResponse, ApiError> {
    let id = extract::order_id(&body.value.order_id, "orderId")?;
    if state.store.order(id).await?.is_none() {
        return Err(ApiError::plain(Code::OrderNotFound));
    }
    let stopped = state.store.stop_monitoring(id, state.clock.now()).await?;
    changed(&state).await;
    Ok(HttpResponse::Ok().json(Answer::new(MonitoringStopped { order_id: id.to_string(), stopped })))
}

/// Which rows to show.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MonitoringQuery {
    /// Only this order's.
    order_id: Option<String>,
}

/// Reads what is watched for
#[utoipa::path(operation_id = "readMonitoring", tag = "payment-monitoring", params(MonitoringQuery), security(("key" = ["ops:read"]), ("bearer" = ["ops:read"])),
    responses((status = 200, description = "the rows, newest first", body = Answer<Vec<MonitoringView>>), Refusals))]
#[get("/api/payment-monitoring/status")]
pub(super) async fn status(
    _: Permit<OpsRead>,
    state: web::Data<AppState>,
    Params(query): Params<MonitoringQuery>,
) -> Result<HttpResponse, ApiError> {
    let order = query.order_id.as_deref().map(|text| extract::query_id(text, "orderId")).transpose()?;
    let load = async || {
        let chain_now = chain_time(&state, state.clock.now());
        let rows = state.store.monitoring_status(order, chain_now, MOST_ROWS).await?;
        let value: Vec<MonitoringView> = rows.into_iter().map(MonitoringView::from).collect();
        Ok::<_, StoreError>(Fresh { value, keep: state.settings.cache.monitoring_ttl.span() })
    };
    let views = match order {
        Some(_) => load().await?.value,
        // A panel that many look at.
        None => state.loader.read(&CacheKey::document(MONITORING_TAG, "status"), load).await?,
    };
    Ok(HttpResponse::Ok().json(Answer::new(views)))
}
