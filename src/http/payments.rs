//! `/api/v1/payments`: every payment that was ever observed and what became of it.
#![expect(unused_qualifications, reason = "the macro that documents a handler writes its types out in full")]

use super::{
    auth::{OpsRead, Permit},
    cursor,
    error::ApiError,
    extract::{self, Params},
    openapi::Refusals,
    refund_notes,
    state::AppState,
    view::{ListAnswer, PaymentView},
};
use actix_web::{HttpResponse, get, web};
use leyden_domain::{ParseError, Timestamp};
use leyden_ports::store::PaymentFilter;
use serde::Deserialize;
use utoipa::IntoParams;

/// The names that `state` may have, and `unmatched` for those that wait for a person or a rule.
const STATES: [&str; 8] = ["unrouted", "settled", "over", "under", "part", "late", "second", "suspense"];
const UNMATCHED: [&str; 4] = ["under", "late", "second", "suspense"];

/// Which payments to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListPayments {
    /// Only in these states, separated by commas: `unrouted`, `settled`, `over`, `under`, `part`, `late`, `second` or
    /// `suspense`; `unmatched` stands for under, late, second and suspense.
    state: Option<String>,
    /// Only those of this order.
    order: Option<String>,
    /// Only those of this transaction.
    tx_hash: Option<String>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// Most rows: 1 to 100.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
}

/// Lists payments
///
/// Newest block first.
#[utoipa::path(operation_id = "listPayments", tag = "payments", params(ListPayments), security(("key" = ["ops:read"]), ("bearer" = ["ops:read"])),
    responses((status = 200, description = "a page", body = ListAnswer<PaymentView>), Refusals))]
#[get("/api/v1/payments")]
pub(super) async fn list(
    _: Permit<OpsRead>,
    state: web::Data<AppState>,
    Params(query): Params<ListPayments>,
) -> Result<HttpResponse, ApiError> {
    let states = extract::names(query.state.as_deref(), |name| match name {
        "unmatched" => Ok(UNMATCHED.map(str::to_owned).to_vec()),
        known if STATES.contains(&known) => Ok(vec![known.to_owned()]),
        other => Err(ApiError::query("state", format!("unknown payment state: {other}"))),
    })?;
    let invalid = |error: ParseError| ApiError::query("txHash", error.to_string());
    let filter = PaymentFilter {
        states,
        order: query.order.map(|text| extract::query_id(&text, "order")).transpose()?,
        tx_id: query.tx_hash.map(|text| text.parse()).transpose().map_err(invalid)?,
    };
    let (page, shown) = cursor::page(query.cursor.as_deref(), query.limit.as_deref())?;
    let mut payments = state.store.list_payments(&filter, &page).await?;
    let next = cursor::cut(&mut payments, shown, |payment| {
        (payment.block.map_or(Timestamp::default(), |block| block.timestamp), payment.id.to_string())
    });
    let mut views = Vec::with_capacity(payments.len());
    for payment in &payments {
        let refund = refund_notes::of_payment(&state, payment.id).await?;
        views.push(PaymentView::with_refund(payment, refund.as_ref()));
    }
    Ok(HttpResponse::Ok().json(ListAnswer::new(views, next)))
}
