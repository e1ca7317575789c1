//! `/api/v1/repairs`: what would mend differences between the books and the chain, and who said yes or no.
#![expect(unused_qualifications, reason = "the macro that documents a handler writes its types out in full")]

use super::{
    auth::{Caller, OpsRead, OpsWrite, Permit},
    code::Code,
    cursor,
    error::ApiError,
    extract::{self, Json, Params},
    halts::Reason,
    openapi::Refusals,
    reconciliations::DifferenceView,
    state::AppState,
    time::iso,
    view::{Answer, ListAnswer},
};
use actix_web::{HttpResponse, get, post, web};
use leyden_domain::{
    ParseError, RepairId,
    reconcile::{Decision, Repair, RepairState, Say, choices},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A repair.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RepairView {
    /// Its id.
    repair_id: String,
    /// The comparison that found what it is for.
    reconciliation_id: String,
    /// `proposed`, `approved`, `rejected`, `applied` or `failed`.
    state: &'static str,
    /// `reread_blocks`, `observe_account`, `write_off`, `retake` or `release`.
    kind: &'static str,
    /// What it may be approved as instead.
    choices: Vec<&'static str>,
    /// Whether two persons must approve it.
    needs_two: bool,
    /// What would come of it.
    effect: String,
    /// What it is for.
    difference: DifferenceView,
    /// The first of the blocks that are read again.
    #[serde(skip_serializing_if = "Option::is_none")]
    from_height: Option<i64>,
    /// The last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_height: Option<i64>,
    /// When it was proposed.
    proposed_at: String,
    /// When the first of two persons approved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_at: Option<String>,
    /// Who: an API key's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_by: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    ask_reason: Option<String>,
    /// When somebody decided it; absent where nobody need be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<String>,
    /// Who: an API key's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When it was applied, or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_at: Option<String>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
}

impl From<&Repair> for RepairView {
    fn from(repair: &Repair) -> Self {
        let (asked, decision) = (repair.asked.as_ref(), repair.decision.as_ref());
        let outcome = repair.outcome.as_ref();
        Self {
            repair_id: repair.id.to_string(),
            reconciliation_id: repair.reconciliation.to_string(),
            state: repair.state.name(),
            kind: repair.kind.name(),
            choices: choices(&repair.difference, true)
                .iter()
                .filter(|kind| repair.state == RepairState::Proposed && **kind != repair.kind)
                .map(|kind| kind.name())
                .collect(),
            needs_two: repair.kind.needs_two(),
            effect: repair.effect.clone(),
            difference: DifferenceView::from(&repair.difference),
            from_height: repair.blocks.map(|(from, _)| from.get()),
            to_height: repair.blocks.map(|(_, to)| to.get()),
            proposed_at: iso(repair.proposed_at),
            asked_at: asked.map(|asked| iso(asked.at)),
            asked_by: asked.map(|asked| asked.by.clone()),
            ask_reason: asked.map(|asked| asked.reason.clone()),
            decided_at: decision.map(|decision| iso(decision.at)),
            decided_by: decision.map(|decision| decision.by.clone()),
            reason: decision.map(|decision| decision.reason.clone()),
            settled_at: outcome.map(|(at, _)| iso(*at)),
            outcome: outcome.map(|(_, text)| text.clone()),
        }
    }
}

/// Which repairs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListRepairs {
    /// Only in these states, separated by commas.
    state: Option<String>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// Most rows: 1 to 100.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
}

/// Lists repairs
///
/// Newest first.
#[utoipa::path(operation_id = "listRepairs", tag = "operating", params(ListRepairs), security(("key" = ["ops:read"]), ("bearer" = ["ops:read"])),
    responses((status = 200, description = "a page", body = ListAnswer<RepairView>), Refusals))]
#[get("/api/v1/repairs")]
pub(super) async fn list(
    _: Permit<OpsRead>,
    state: web::Data<AppState>,
    Params(query): Params<ListRepairs>,
) -> Result<HttpResponse, ApiError> {
    let read = |name: &str| {
        let known: Result<RepairState, ParseError> = name.parse();
        known.map(|state| vec![state]).map_err(|error| ApiError::query("state", error.to_string()))
    };
    let states = extract::names(query.state.as_deref(), read)?;
    let (page, shown) = cursor::page(query.cursor.as_deref(), query.limit.as_deref())?;
    let mut repairs = state.store.list_repairs(&states, &page).await?;
    let next = cursor::cut(&mut repairs, shown, |repair| (repair.proposed_at, repair.id.to_string()));
    Ok(HttpResponse::Ok().json(ListAnswer::new(repairs.iter().map(RepairView::from).collect(), next)))
}

/// A yes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Approval {
    /// Why, for those who read it later: 1 to 500 printable characters.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// As one of the repair's `choices`, instead of what it proposes. Where another person has chosen already, whoever
    /// agrees names the same.
    kind: Option<String>,
}

/// Approves a repair
///
/// It is applied a moment later, once. What it does on the books or the chain is in `effect`. Where `needsTwo` says so,
/// it stays proposed until another person has approved it too. With `kind` it is approved as one of its `choices`.
#[utoipa::path(operation_id = "approveRepair", tag = "operating", params(("repairId" = String, Path, description = "the repair")),
    request_body = Approval, security(("key" = ["ops:write"]), ("bearer" = ["ops:write"])),
    responses((status = 200, description = "the repair, approved or waiting for a second person", body = Answer<RepairView>), Refusals))]
#[post("/api/v1/repairs/{repairId}/approve")]
pub(super) async fn approve(
    Permit(caller, _): Permit<OpsWrite>,
    state: web::Data<AppState>,
    path: web::Path<String>,
    Json { value: body, .. }: Json<Approval>,
) -> Result<HttpResponse, ApiError> {
    let kind = body.kind.as_deref().map(str::parse).transpose();
    let kind =
        kind.map_err(|error: ParseError| ApiError::new(Code::InvalidBody, error.to_string()).at("kind"))?;
    let reason = Reason::of(body.reason);
    decide(&state, &caller, &path, &reason, Say::Approve(kind)).await
}

/// Rejects a repair
///
/// It is not proposed again while the difference stays what it is.
#[utoipa::path(operation_id = "rejectRepair", tag = "operating", params(("repairId" = String, Path, description = "the repair")),
    request_body = Reason, security(("key" = ["ops:write"]), ("bearer" = ["ops:write"])),
    responses((status = 200, description = "the repair, rejected", body = Answer<RepairView>), Refusals))]
#[post("/api/v1/repairs/{repairId}/reject")]
pub(super) async fn reject(
    Permit(caller, _): Permit<OpsWrite>,
    state: web::Data<AppState>,
    path: web::Path<String>,
    Json { value: body, .. }: Json<Reason>,
) -> Result<HttpResponse, ApiError> {
    decide(&state, &caller, &path, &body, Say::Reject).await
}

async fn decide(
    state: &AppState,
    caller: &Caller,
    id: &str,
    body: &Reason,
    say: Say,
) -> Result<HttpResponse, ApiError> {
    let bad = ApiError::new(Code::InvalidId, "not a repair's id: rpr_…, as this service gave it");
    let id: RepairId = id.parse().or(Err(bad))?;
    let decision =
        Decision { at: state.clock.now(), by: caller.key.to_string(), reason: body.read()?.to_owned() };
    let repair = state.store.decide_repair(id, say, decision).await?;
    state.handles.hint_reconciler();
    Ok(HttpResponse::Ok().json(Answer::new(RepairView::from(&repair))))
}
