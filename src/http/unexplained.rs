//! Transfers out of refund accounts that are no transaction of ours, and what people say of them. While one is unexplained
//! nothing is paid back.

use super::{
    auth::{OpsRead, OpsWrite, Permit},
    code::Code,
    error::ApiError,
    extract::{self, Json},
    openapi::Refusals,
    state::AppState,
    time::iso,
    view::{Answer, ListAnswer},
};
use actix_web::{HttpResponse, get, post, web};
use leyden_domain::refund::Operator;
use leyden_ports::store::{StrangeTransfer, WriteOff};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most that are shown. One is more than there should be.
const MOST: u32 = 100;

/// A transfer that nothing explains.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UnexplainedView {
    /// Its transaction.
    tx_hash: String,
    /// The block that holds it.
    block_height: i64,
    /// When, by the chain's clock.
    at: String,
    /// `TRX` or `USDT`.
    asset: &'static str,
    /// From which of our accounts.
    from_address: String,
    /// To whom.
    to_address: String,
    /// How much, in millionths: sun for TRX.
    amount_micro: i64,
}

impl From<&StrangeTransfer> for UnexplainedView {
    fn from(StrangeTransfer { head, sent }: &StrangeTransfer) -> Self {
        Self {
            tx_hash: sent.tx_id.to_string(),
            block_height: head.height().get(),
            at: iso(head.timestamp),
            asset: sent.asset.name(),
            from_address: sent.from.to_string(),
            to_address: sent.to.to_string(),
            amount_micro: sent.amount,
        }
    }
}

/// Lists transfers that nothing explains
///
/// Money that left an account that refunds are paid from, by no transaction of ours. While there is one nothing is paid back.
#[utoipa::path(operation_id = "listUnexplainedTransfers", tag = "refunds", security(("key" = ["ops:read"]), ("bearer" = ["ops:read"])),
    responses((status = 200, description = "the oldest hundred", body = ListAnswer<UnexplainedView>), Refusals))]
#[get("/api/v1/unexplained-transfers")]
pub(super) async fn list(_: Permit<OpsRead>, state: web::Data<AppState>) -> Result<HttpResponse, ApiError> {
    let strange = state.store.strange_transfers(MOST).await?;
    Ok(HttpResponse::Ok().json(ListAnswer::new(strange.iter().map(UnexplainedView::from).collect(), None)))
}

/// What a transfer was.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Explain {
    /// Its transaction.
    #[schema(min_length = 64, max_length = 64, pattern = "^[0-9a-fA-F]{64}$")]
    tx_hash: String,
    /// What it was, for the journal: 1 to 500 printable characters.
    #[schema(min_length = 1, max_length = 500, example = "float moved back to the treasury")]
    reason: String,
}

/// A transfer and that it is explained.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExplainedView {
    /// Its transaction.
    tx_hash: String,
}

/// Says what a transfer was
///
/// For an operator who has found out: moved by hand, or sent by a service whose books are lost; then its refund has been
/// forfeited here first, for it is paid. Asked again it answers the same.
#[utoipa::path(operation_id = "explainTransfer", tag = "refunds", request_body = Explain, security(("key" = ["ops:write"]), ("bearer" = ["ops:write"])),
    responses((status = 200, description = "it is explained", body = Answer<ExplainedView>), Refusals))]
#[post("/api/v1/unexplained-transfers/explain")]
pub(super) async fn explain(
    Permit(caller, _): Permit<OpsWrite>,
    state: web::Data<AppState>,
    Json { value: body, .. }: Json<Explain>,
) -> Result<HttpResponse, ApiError> {
    let tx_id = extract::tx_id(&body.tx_hash, "txHash")?;
    let operator = Operator { key: caller.key, reason: extract::reason(&body.reason, "reason")? };
    if !state.store.write_off(WriteOff { tx_id, operator }).await? {
        return Err(ApiError::plain(Code::TransferNotFound));
    }
    Ok(HttpResponse::Ok().json(Answer::new(ExplainedView { tx_hash: tx_id.to_string() })))
}
