//! `/api/v1/halts`: what makes money stand still, who said so, and who let it move again.
#![expect(unused_qualifications, reason = "the macro that documents a handler writes its types out in full")]

use super::{
    auth::{OpsRead, OpsWrite, Permit},
    code::Code,
    cursor,
    error::ApiError,
    extract::{self, Json, Params},
    openapi::Refusals,
    state::AppState,
    time::iso,
    view::{Answer, ListAnswer},
};
use actix_web::{HttpResponse, get, post, web};
use leyden_domain::{
    HaltId,
    halt::{Halt, MoneyAct},
};
use leyden_ports::store::Raised;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A halt.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HaltView {
    /// Its id.
    halt_id: String,
    /// `operator`, `energy_per_hour`, `refunds_per_hour`, `refunds_per_day`, `burnt_per_day`, `broken_invariant` or
    /// `fork_below_solid`.
    cause: &'static str,
    /// What was found, for people.
    detail: String,
    /// Whether it is open: money stands still.
    open: bool,
    /// Whether energy is not taken back at the end of rentals either.
    stops_reclaims: bool,
    /// Since when.
    since: String,
    /// Who raised it, and who found more: actors, API keys' ids, `books` where they refused what was too much, or `cli`.
    raised_by: String,
    /// When it was lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    lifted_at: Option<String>,
    /// Who lifted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    lifted_by: Option<String>,
    /// Why it was right to.
    #[serde(skip_serializing_if = "Option::is_none")]
    lift_reason: Option<String>,
}

impl From<&Halt> for HaltView {
    fn from(halt: &Halt) -> Self {
        let lifted = halt.lifted.as_ref();
        Self {
            halt_id: halt.id.to_string(),
            cause: halt.cause.name(),
            detail: halt.detail.clone(),
            open: lifted.is_none(),
            stops_reclaims: halt.cause.stops(MoneyAct::Reclaim),
            since: iso(halt.since),
            raised_by: halt.raised_by.clone(),
            lifted_at: lifted.map(|how| iso(how.at)),
            lifted_by: lifted.map(|how| how.by.clone()),
            lift_reason: lifted.map(|how| how.reason.clone()),
        }
    }
}

/// Which halts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListHalts {
    /// Where the page before ended.
    cursor: Option<String>,
    /// Most rows: 1 to 100.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
}

/// Lists halts
///
/// Open and lifted ones, newest first.
#[utoipa::path(operation_id = "listHalts", tag = "operating", params(ListHalts), security(("key" = ["ops:read"]), ("bearer" = ["ops:read"])),
    responses((status = 200, description = "a page", body = ListAnswer<HaltView>), Refusals))]
#[get("/api/v1/halts")]
pub(super) async fn list(
    _: Permit<OpsRead>,
    state: web::Data<AppState>,
    Params(query): Params<ListHalts>,
) -> Result<HttpResponse, ApiError> {
    let (page, shown) = cursor::page(query.cursor.as_deref(), query.limit.as_deref())?;
    let mut halts = state.store.list_halts(&page).await?;
    let next = cursor::cut(&mut halts, shown, |halt| (halt.since, halt.id.to_string()));
    Ok(HttpResponse::Ok().json(ListAnswer::new(halts.iter().map(HaltView::from).collect(), next)))
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Reason {
    /// For those who read it later: 1 to 500 printable characters.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

impl Reason {
    /// Of a text that is to be looked at yet.
    pub(crate) const fn of(reason: String) -> Self {
        Self { reason }
    }

    /// The text, if it is one.
    pub(crate) fn read(&self) -> Result<&str, ApiError> {
        let reason = self.reason.trim();
        let is_fit = !reason.is_empty() && reason.chars().count() <= 500 && extract::printable(reason);
        if is_fit {
            Ok(reason)
        } else {
            Err(ApiError::new(Code::InvalidBody, "1 to 500 printable characters").at("reason"))
        }
    }
}

/// Stops all money
///
/// No order is taken, no energy given, nothing paid back, until the halt is lifted. What is signed already is followed
/// to its end, and energy is taken back when rentals end. Where an operator's halt is open, that one is told the reason
/// and shown.
#[utoipa::path(operation_id = "raiseHalt", tag = "operating", request_body = Reason, security(("key" = ["ops:write"]), ("bearer" = ["ops:write"])),
    responses((status = 201, description = "money stands still", body = Answer<HaltView>), (status = 200, description = "it did already", body = Answer<HaltView>), Refusals))]
#[post("/api/v1/halts")]
pub(super) async fn raise(
    Permit(caller, _): Permit<OpsWrite>,
    state: web::Data<AppState>,
    Json { value: body, .. }: Json<Reason>,
) -> Result<HttpResponse, ApiError> {
    let raised = state.handles.stop_money(body.read()?.to_owned(), &caller.key.to_string()).await?;
    Ok(match raised {
        Raised::Fresh(halt) => HttpResponse::Created().json(Answer::new(HaltView::from(&halt))),
        Raised::Open(halt) => HttpResponse::Ok().json(Answer::new(HaltView::from(&halt))),
    })
}

/// Lets money move again
///
/// For operators, who have looked at what the halt was raised for. Other halts that are open go on.
#[utoipa::path(operation_id = "liftHalt", tag = "operating", params(("haltId" = String, Path, description = "the halt")),
    request_body = Reason, security(("key" = ["ops:write"]), ("bearer" = ["ops:write"])),
    responses((status = 200, description = "the halt, lifted", body = Answer<HaltView>), Refusals))]
#[post("/api/v1/halts/{haltId}/lift")]
pub(super) async fn lift(
    Permit(caller, _): Permit<OpsWrite>,
    state: web::Data<AppState>,
    path: web::Path<String>,
    Json { value: body, .. }: Json<Reason>,
) -> Result<HttpResponse, ApiError> {
    let id: HaltId = path
        .parse()
        .or(Err(ApiError::new(Code::InvalidId, "not a halt's id: hlt_…, as this service gave it")))?;
    let halt = state.handles.lift_halt(id, &caller.key.to_string(), body.read()?).await?;
    Ok(HttpResponse::Ok().json(Answer::new(HaltView::from(&halt))))
}
