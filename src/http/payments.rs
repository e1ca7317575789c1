//! `/api/v1/payments`: every payment that was ever observed and what became of it.
#![expect(unused_qualifications, reason = "the macro that documents a handler writes its types out in full")]

use super::{
    auth::{OpsRead, Permit},
    code::Code,
    cursor,
    error::ApiError,
    extract::Params,
    openapi::Refusals,
    state::AppState,
    view::{ListAnswer, PaymentView},
};
use actix_web::{HttpResponse, get, web};
use leyden_domain::{ParseError, Timestamp};
use leyden_ports::store::PaymentFilter;
use serde::Deserialize;
use utoipa::IntoParams;

/// The names that `state` may have, and `unmatched` for those that wait for a person or a rule.
const STATES: [&str; 7] = ["unrouted", "settled", "over", "under", "late", "second", "suspense"];
const UNMATCHED: [&str; 4] = ["under", "late", "second", "suspense"];

/// Which payments to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListPayments {
    /// Only in these states, separated by commas; `unmatched` stands for under, late, second and suspense.
    state: Option<String>,
    /// Only those of this order.
    order: Option<String>,
    /// Only those of this transaction.
    tx_hash: Option<String>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// Most rows: 1 to 100.
    limit: Option<u32>,
}

/// Lists payments
///
/// Newest block first.
#[utoipa::path(tag = "payments", params(ListPayments), security(("key" = ["ops:read"])),
    responses((status = 200, body = ListAnswer<PaymentView>), Refusals))]
#[get("/api/v1/payments")]
pub(super) async fn list(
    _: Permit<OpsRead>,
    state: web::Data<AppState>,
    Params(query): Params<ListPayments>,
) -> Result<HttpResponse, ApiError> {
    let invalid = |error: ParseError| ApiError::new(Code::InvalidQuery, error.to_string());
    let mut states = Vec::new();
    for name in query.state.iter().flat_map(|text| text.split(',')) {
        match name {
            "unmatched" => states.extend(UNMATCHED.map(str::to_owned)),
            known if STATES.contains(&known) => states.push(known.to_owned()),
            other => {
                return Err(ApiError::new(Code::InvalidQuery, format!("unknown payment state: {other}")));
            }
        }
    }
    let filter = PaymentFilter {
        states,
        order: query.order.map(|text| text.parse()).transpose().map_err(invalid)?,
        tx_id: query.tx_hash.map(|text| text.parse()).transpose().map_err(invalid)?,
    };
    let (page, shown) = cursor::page(query.cursor.as_deref(), query.limit)?;
    let mut payments = state.store.list_payments(&filter, &page).await?;
    let next = cursor::cut(&mut payments, shown, |payment| {
        (payment.block.map_or(Timestamp::default(), |block| block.timestamp), payment.id.to_string())
    });
    Ok(HttpResponse::Ok().json(ListAnswer::new(payments.iter().map(PaymentView::from).collect(), next)))
}
