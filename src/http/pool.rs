//! `/api/v1/pool`: what can be sold now. Read from the board that the allocator keeps; no account is asked. The cache
//! knows what any instance last showed, for one whose own board has grown old because it cannot read the books.

use super::{
    auth::{DataRead, Permit},
    error::ApiError,
    openapi::Refusals,
    scope::Scope,
    state::AppState,
    time::iso,
    view::{Answer, PoolAccountView},
};
use actix_web::{HttpResponse, get, http::header::ContentType, web};
use arc_swap::ArcSwapOption;
use leyden_actors::boards::PoolStatus;
use leyden_domain::{
    Energy, Span,
    pool::{PlanPolicy, PoolAccount, capacity_of},
};
use leyden_ports::CacheKey;
use leyden_store::Fresh;
use serde::{Deserialize, Serialize};
use std::{convert::Infallible, sync::Arc};
use utoipa::ToSchema;

/// Cache tag of what the pool can give.
const POOL_TAG: &str = "pool";
/// A board that is older than this is not kept up.
const OLD: Span = Span::from_secs(30);

/// What the pool can give.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolView {
    /// Energy that could be promised now, over all accounts.
    available_energy: i64,
    /// Energy of orders that are paid and wait for capacity.
    queued_energy: i64,
    /// Accounts in service.
    ready_accounts: usize,
    /// When this was read.
    as_of: String,
    /// The accounts; with the scope `ops:read` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accounts: Option<Vec<PoolAccountView>>,
}

impl PoolView {
    pub(super) fn new(pool: &PoolStatus, policy: &PlanPolicy, with_accounts: bool) -> Self {
        let available = |account: &PoolAccount| {
            account.observed.map_or(Energy::ZERO, |observed| {
                capacity_of(account.available(), observed.ratio, policy.margin_bps)
            })
        };
        Self {
            available_energy: pool.available(policy).get(),
            queued_energy: pool.queued.get(),
            ready_accounts: pool.accounts.iter().filter(|account| available(account) > Energy::ZERO).count(),
            as_of: iso(pool.read_at),
            accounts: with_accounts.then(|| {
                pool.accounts
                    .iter()
                    .map(|account| PoolAccountView::new(account, available(account)))
                    .collect()
            }),
        }
    }
}

/// What was answered for a board, kept while that board is the newest: most readers come between two of them.
#[derive(Debug, Default)]
pub(super) struct PoolPage(ArcSwapOption<Rendered>);

#[derive(Debug)]
struct Rendered {
    of: Arc<PoolStatus>,
    for_everybody: web::Bytes,
    for_operators: web::Bytes,
}

impl PoolPage {
    fn of(&self, pool: &Arc<PoolStatus>, with_accounts: bool) -> Option<web::Bytes> {
        let rendered = self.0.load();
        let rendered = rendered.as_ref().filter(|rendered| Arc::ptr_eq(&rendered.of, pool))?;
        Some(if with_accounts { rendered.for_operators.clone() } else { rendered.for_everybody.clone() })
    }

    fn render(&self, pool: &Arc<PoolStatus>, mut view: PoolView, with_accounts: bool) -> web::Bytes {
        let for_operators = json_of(&view);
        view.accounts = None;
        let for_everybody = json_of(&view);
        let answer = if with_accounts { for_operators.clone() } else { for_everybody.clone() };
        self.0.store(Some(Arc::new(Rendered { of: Arc::clone(pool), for_everybody, for_operators })));
        answer
    }
}

fn json_of(view: &PoolView) -> web::Bytes {
    // A view of numbers and texts can always be written.
    serde_json::to_vec(&Answer::new(view)).map(web::Bytes::from).unwrap_or_default()
}

/// Reads what the pool can give
#[utoipa::path(operation_id = "readPool", tag = "pool", security(("key" = ["data:read"]), ("bearer" = ["data:read"])),
    responses((status = 200, description = "what the pool can give", body = Answer<PoolView>), Refusals))]
#[get("/api/v1/pool")]
pub(super) async fn read(
    Permit(caller, _): Permit<DataRead>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let with_accounts = caller.scopes.allow(Scope::OpsRead);
    let pool = state.handles.boards().pool.read();
    let old = state.clock.now().since(pool.read_at) > OLD;
    let json = |bytes| HttpResponse::Ok().content_type(ContentType::json()).body::<web::Bytes>(bytes);
    if let Some(answer) = state.pool_page.of(&pool, with_accounts).filter(|_| !old) {
        return Ok(json(answer));
    }
    let here = || PoolView::new(&pool, &state.settings.plan_policy(), true);
    let load =
        async || Ok::<_, Infallible>(Fresh { value: here(), keep: state.settings.cache.pool_ttl.span() });
    let Ok(shown) = state.loader.read(&CacheKey::fact(POOL_TAG, "state"), load).await;
    let ours = here();
    if !old {
        return Ok(json(state.pool_page.render(&pool, ours, with_accounts)));
    }
    // Times of this form are in order as texts are.
    let mut view = if shown.as_of > ours.as_of { shown } else { ours };
    if !with_accounts {
        view.accounts = None;
    }
    Ok(HttpResponse::Ok().json(Answer::new(view)))
}
