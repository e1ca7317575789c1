//! `/api/v1/reconciliations`: when the books were laid beside the chain, and what differed.
#![expect(unused_qualifications, reason = "the macro that documents a handler writes its types out in full")]

use super::{
    auth::{OpsRead, OpsWrite, Permit},
    code::Code,
    cursor,
    error::ApiError,
    extract::Params,
    openapi::Refusals,
    state::AppState,
    time::iso,
    view::{Answer, ListAnswer},
};
use actix_web::{HttpResponse, get, post, web};
use leyden_domain::{
    Height, ReconciliationId,
    reconcile::{Difference, StillOpen},
};
use leyden_ports::store::{ReconciliationRow, ReconciliationWish};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What differs between the books and the chain.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DifferenceView {
    /// `delegation`, `stake`, `capacity`, `payments`, `refund_account` or `pool_balance`.
    matter: &'static str,
    /// `missed_event`, `duplicate`, `fork`, `external_movement` or `our_bug`.
    class: &'static str,
    /// Whose account.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// The receiver of the delegations.
    #[serde(skip_serializing_if = "Option::is_none")]
    receiver: Option<String>,
    /// What the books say.
    ours_sun: i64,
    /// What the chain says.
    theirs_sun: i64,
    /// At which solid block.
    height: i64,
    /// What else is known about it.
    evidence: String,
}

impl From<&Difference> for DifferenceView {
    fn from(difference: &Difference) -> Self {
        Self {
            matter: difference.matter.name(),
            class: difference.class.name(),
            account: difference.account.map(|address| address.to_string()),
            receiver: difference.receiver.map(|address| address.to_string()),
            ours_sun: difference.ours,
            theirs_sun: difference.theirs,
            height: difference.height.get(),
            evidence: difference.evidence.clone(),
        }
    }
}

/// What a comparison has found on our accounts, and neither the books explain nor a person has closed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpenDifferenceView {
    /// `payments`, `refund_account` or `pool_balance`.
    matter: &'static str,
    /// On which of our accounts: all payment addresses where there are several, for they are compared together.
    accounts: Vec<String>,
    /// How much is left to explain, in sun: more than the books explain, or less where it is negative.
    excess_sun: i64,
    /// It came about in blocks above this one.
    since_height: i64,
    /// The block at which it was found.
    height: i64,
    /// When it was found.
    found_at: String,
}

impl From<&StillOpen> for OpenDifferenceView {
    fn from(StillOpen { found, left }: &StillOpen) -> Self {
        Self {
            matter: left.matter.name(),
            accounts: found.accounts.iter().map(ToString::to_string).collect(),
            excess_sun: left.excess(),
            since_height: found.since.get(),
            height: left.height.get(),
            found_at: iso(found.found_at),
        }
    }
}

impl OpenDifferenceView {
    /// In a sentence.
    pub(crate) fn problem(&self) -> String {
        let how = if self.excess_sun > 0 { "more" } else { "less" };
        format!(
            "{} sun {how} than the books explain are on {} since block {}",
            self.excess_sun.unsigned_abs(),
            self.accounts.join(", "),
            self.since_height
        )
    }
}

/// One comparison of the books with the chain.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReconciliationView {
    /// Its id.
    reconciliation_id: String,
    /// `wanted`, or `done`.
    state: &'static str,
    /// Who wanted it: `interval`, or an API key's id.
    asked_by: String,
    /// When it was wanted or begun.
    started_at: String,
    /// When it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    /// The lowest solid block that anything was compared at.
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<i64>,
    /// Accounts that were compared.
    accounts: u32,
    /// Pairs of account and receiver that were compared one by one.
    pairs: u32,
    /// What could not be compared, and why.
    skipped: Vec<String>,
    /// What differs, with what earlier comparisons found on our accounts and nobody has explained or closed; empty where
    /// both agree.
    differences: Vec<DifferenceView>,
}

impl From<&ReconciliationRow> for ReconciliationView {
    fn from(row: &ReconciliationRow) -> Self {
        match row {
            ReconciliationRow::Wanted(wish) => Self {
                reconciliation_id: wish.id.to_string(),
                state: "wanted",
                asked_by: wish.by.clone(),
                started_at: iso(wish.at),
                finished_at: None,
                height: None,
                accounts: 0,
                pairs: 0,
                skipped: Vec::new(),
                differences: Vec::new(),
            },
            ReconciliationRow::Done(done) => Self {
                reconciliation_id: done.id.to_string(),
                state: "done",
                asked_by: done.asked_by.clone(),
                started_at: iso(done.started_at),
                finished_at: Some(iso(done.finished_at)),
                height: done.height.map(Height::get),
                accounts: done.accounts,
                pairs: done.pairs,
                skipped: done.skipped.clone(),
                differences: done.differences.iter().map(DifferenceView::from).collect(),
            },
        }
    }
}

/// Which reconciliations to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListReconciliations {
    /// Where the page before ended.
    cursor: Option<String>,
    /// Most rows: 1 to 100.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
}

/// Lists comparisons of the books with the chain
///
/// Newest first.
#[utoipa::path(operation_id = "listReconciliations", tag = "operating", params(ListReconciliations), security(("key" = ["ops:read"]), ("bearer" = ["ops:read"])),
    responses((status = 200, description = "a page", body = ListAnswer<ReconciliationView>), Refusals))]
#[get("/api/v1/reconciliations")]
pub(super) async fn list(
    _: Permit<OpsRead>,
    state: web::Data<AppState>,
    Params(query): Params<ListReconciliations>,
) -> Result<HttpResponse, ApiError> {
    let (page, shown) = cursor::page(query.cursor.as_deref(), query.limit.as_deref())?;
    let mut rows = state.store.list_reconciliations(&page).await?;
    let next = cursor::cut(&mut rows, shown, |row| match row {
        ReconciliationRow::Wanted(wish) => (wish.at, wish.id.to_string()),
        ReconciliationRow::Done(done) => (done.started_at, done.id.to_string()),
    });
    Ok(HttpResponse::Ok().json(ListAnswer::new(rows.iter().map(ReconciliationView::from).collect(), next)))
}

/// Reads a comparison of the books with the chain
#[utoipa::path(operation_id = "readReconciliation", tag = "operating", params(("reconciliationId" = String, Path, description = "the comparison")),
    security(("key" = ["ops:read"]), ("bearer" = ["ops:read"])),
    responses((status = 200, description = "what was compared and what differed", body = Answer<ReconciliationView>), Refusals))]
#[get("/api/v1/reconciliations/{reconciliationId}")]
pub(super) async fn read(
    _: Permit<OpsRead>,
    state: web::Data<AppState>,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let bad = ApiError::new(Code::InvalidId, "not a reconciliation's id: rec_…, as this service gave it");
    let id: ReconciliationId = path.parse().or(Err(bad))?;
    let row = state.store.reconciliation(id).await?;
    let row = row.ok_or_else(|| ApiError::plain(Code::ReconciliationNotFound))?;
    Ok(HttpResponse::Ok().json(Answer::new(ReconciliationView::from(&row))))
}

/// Wants the books compared with the chain now
///
/// Answered before it is done: read the reconciliation until its state is `done`.
#[utoipa::path(operation_id = "runReconciliation", tag = "operating", security(("key" = ["ops:write"]), ("bearer" = ["ops:write"])),
    responses((status = 202, description = "it is wanted", body = Answer<ReconciliationView>), Refusals))]
#[post("/api/v1/reconciliations/run")]
pub(super) async fn run(
    Permit(caller, _): Permit<OpsWrite>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    // One that waits is as good as another: whoever asks often gets the same.
    let wish = if let Some(wish) = state.store.wanted_reconciliation().await? {
        wish
    } else {
        let at = state.clock.now();
        let id = ReconciliationId::new(at, state.entropy.for_id());
        let wish = ReconciliationWish { id, at, by: caller.key.to_string() };
        state.store.want_reconciliation(wish.clone()).await?;
        wish
    };
    state.handles.hint_reconciler();
    let view = ReconciliationView::from(&ReconciliationRow::Wanted(wish));
    Ok(HttpResponse::Accepted().json(Answer::new(view)))
}
