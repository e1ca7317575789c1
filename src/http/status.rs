//! `/status`: how everything is, read from boards and counts; no actor is asked, so a stuck one cannot hide.

use super::{
    auth::Visitor, error::ApiError, halts::HaltView, openapi::Refusals, pool::PoolView,
    reconciliations::OpenDifferenceView, scope::Scope, state::AppState, time::iso, view::RefundCountView,
};
use actix_web::{HttpResponse, get, web};
use leyden_actors::{boards::ChainStatus, kernel::TreeStatus};
use leyden_domain::{Timestamp, chain::Head, halt::MoneyAct};
use leyden_ports::{NodeStatus, TierStatus};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The books this far behind the node are behind.
const LAG_BLOCKS: i64 = 20;
/// A node that has said nothing for so long is silent.
const SILENCE_MS: i64 = 60_000;

/// How the service is, for anybody.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShortStatus {
    /// Always true: the answer itself succeeded.
    success: bool,
    /// `ok`, or `degraded` where something needs a look.
    status: &'static str,
    /// The running version.
    version: &'static str,
    /// Blocks that the books are behind the node.
    chain_lag_blocks: i64,
    /// Whether money stands still until an operator has looked.
    halted: bool,
    /// Whether orders are taken.
    sales_open: bool,
    /// Now, by the service's clock.
    at: String,
}

/// A block's place and time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeadView {
    /// Its height.
    height: i64,
    /// Its id.
    id: String,
    /// Its slot's time.
    time: String,
}

impl From<Head> for HeadView {
    fn from(head: Head) -> Self {
        Self { height: head.height().get(), id: head.block.id().to_string(), time: iso(head.timestamp) }
    }
}

/// How far the chain was read.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChainView {
    /// The newest block that a node told of.
    head: Option<HeadView>,
    /// The newest block in the books.
    processed: Option<HeadView>,
    /// The newest solid block in the books.
    solid: Option<HeadView>,
    /// Blocks that the books are behind the node.
    lag_blocks: i64,
    /// When the node last answered.
    answered_at: Option<String>,
    /// What went wrong last.
    error: Option<String>,
    /// The node's chain differs below a solid block: money is not moved until a person looked.
    below_solid: Option<i64>,
    /// An operator paused reading.
    paused: bool,
}

impl ChainView {
    fn new(chain: &ChainStatus) -> Self {
        Self {
            head: chain.node_head.map(HeadView::from),
            processed: chain.processed.map(HeadView::from),
            solid: chain.solid.map(HeadView::from),
            lag_blocks: chain.lag_blocks(),
            answered_at: chain.answered_at.map(iso),
            error: chain.error.clone(),
            below_solid: chain.below_solid.map(leyden_domain::Height::get),
            paused: chain.paused,
        }
    }
}

/// A node of the pool, as the pool sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NodeView {
    /// What it is called; never its URL or key.
    name: String,
    /// `good`, `behind`, `other_fork` or `quarantined`.
    standing: &'static str,
    /// `closed`, `open` or `half_open`.
    breaker: &'static str,
    /// The newest block that it told of.
    head: Option<i64>,
    /// How many blocks that is behind the best node's.
    lag_blocks: Option<i64>,
    /// How long an answer takes, in milliseconds.
    latency_ms: u64,
    /// Requests since the start.
    calls: u64,
    /// How many of them went wrong.
    errors: u64,
    /// How often it said what cannot be true.
    lies: u32,
    /// What went wrong last.
    last_error: Option<String>,
}

impl From<NodeStatus> for NodeView {
    fn from(node: NodeStatus) -> Self {
        Self {
            name: node.name,
            standing: node.standing,
            breaker: node.breaker,
            head: node.head.map(leyden_domain::Height::get),
            lag_blocks: node.lag_blocks,
            latency_ms: node.latency_ms,
            calls: node.calls,
            errors: node.errors,
            lies: node.lies,
            last_error: node.last_error,
        }
    }
}

/// A tier of the cache.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CacheTierView {
    /// `memory` or `redis`.
    name: &'static str,
    /// Whether it is asked.
    available: bool,
    /// How often it had what was looked for.
    hits: u64,
    /// How often it had not.
    misses: u64,
    /// How often it was asked and did not answer.
    failures: u64,
    /// How often it was left out because it had failed.
    skipped: u64,
    /// Why it is not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl From<TierStatus> for CacheTierView {
    fn from(tier: TierStatus) -> Self {
        let TierStatus { name, available, hits, misses, failures, skipped, problem } = tier;
        Self { name, available, hits, misses, failures, skipped, problem }
    }
}

/// How the service is, in full.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FullStatus {
    /// Always true: the answer itself succeeded.
    success: bool,
    /// `ok`, or `degraded` where something needs a look.
    status: &'static str,
    /// What needs a look.
    problems: Vec<String>,
    /// The running version.
    version: &'static str,
    /// Whether this instance does the work (`leading`) or serves requests only (`standby`).
    role: &'static str,
    /// Whether orders are taken.
    sales_open: bool,
    /// Now, by the service's clock.
    at: String,
    /// What makes money stand still; empty where it moves.
    halts: Vec<HaltView>,
    /// How far the chain was read.
    chain: ChainView,
    /// What the pool can give.
    pool: PoolView,
    /// Orders by state.
    orders: BTreeMap<&'static str, u64>,
    /// Payments by state: how many and how much, in sun.
    payments: BTreeMap<String, SumView>,
    /// Refunds by state and asset; of what is held, by the reason too.
    refunds: Vec<RefundCountView>,
    /// Operations by kind and state.
    operations: BTreeMap<String, u64>,
    /// What comparisons have found on our accounts and neither the books explain nor a person has closed; the oldest first.
    open_differences: Vec<OpenDifferenceView>,
    /// Orders being watched, and how many may be.
    watchers: WatchersView,
    /// The nodes that are asked.
    nodes: Vec<NodeView>,
    /// The tiers of the cache, the nearest first.
    cache: Vec<CacheTierView>,
    /// Every actor: its state, generation, restarts, mailbox and last error.
    #[schema(value_type = Object)]
    actors: TreeStatus,
    /// The newest entry of the journal. Noted elsewhere, it holds everything before it fast.
    #[serde(skip_serializing_if = "Option::is_none")]
    journal: Option<JournalHeadView>,
    /// What is the matter with the books, where they could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    books_error: Option<String>,
}

/// The newest entry of the journal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JournalHeadView {
    /// Its number.
    seq: i64,
    /// Its hash.
    hash: String,
}

/// How the service is: in short, or in full for operators.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum StatusView {
    /// For anybody.
    Short(ShortStatus),
    /// With the scope `ops:read`.
    Full(Box<FullStatus>),
}

/// How many and how much.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SumView {
    /// How many.
    count: u64,
    /// How much, in sun.
    sun: i64,
}

/// Orders being watched, and how many may be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WatchersView {
    /// How many are.
    watched: usize,
    /// How many may be.
    limit: usize,
}

/// What needs a look, from the boards alone.
fn problems(state: &AppState, chain: &ChainStatus, tree: &TreeStatus, now: Timestamp) -> Vec<String> {
    let mut problems = Vec::new();
    for halt in &state.handles.boards().halts.read().open {
        problems.push(format!("money stands still since {}: {}", iso(halt.since), halt.cause.name()));
    }
    if chain.below_solid.is_some() {
        problems.push("the node's chain differs below a solid block".to_owned());
    }
    if chain.lag_blocks() > LAG_BLOCKS {
        problems.push(format!("{} blocks behind the node", chain.lag_blocks()));
    }
    match chain.answered_at {
        Some(at) if now.since(at).ms() <= SILENCE_MS => {}
        Some(at) => problems.push(format!("no node has answered since {}", iso(at))),
        None => problems.push("no node has answered yet".to_owned()),
    }
    if chain.paused {
        problems.push("reading the chain is paused".to_owned());
    }
    let unwell = |actor: &&leyden_actors::kernel::ActorStatus| {
        use leyden_actors::kernel::State;
        matches!(actor.state, State::Quarantined | State::Stalled | State::BackingOff)
    };
    problems.extend(tree.actors.iter().filter(unwell).map(|actor| format!("{} is not running", actor.path)));
    problems.extend(tree.groups.iter().filter(|group| group.quarantined > 0 || group.stalled > 0).map(
        |group| format!("{}: {} children are not running", group.path, group.quarantined + group.stalled),
    ));
    // Slower, and nothing else: it makes nobody unready.
    let left_out = state.cache.tiers().into_iter().filter(|tier| !tier.available);
    problems.extend(left_out.map(|tier| format!("the cache goes on without {}", tier.name)));
    if !state.settings.sales.enabled {
        problems.push("sales are switched off".to_owned());
    }
    problems
}

fn role(state: &AppState) -> &'static str {
    if state.handles.is_leading() { "leading" } else { "standby" }
}

async fn answer(state: &AppState, visitor: &Visitor) -> HttpResponse {
    let now = state.clock.now();
    let chain = state.handles.boards().chain.read();
    let halts = state.handles.boards().halts.read();
    let sales_open = state.settings.sales.enabled && halts.stops(MoneyAct::Sell).is_none();
    let tree = state.handles.tree();
    let problems = problems(state, &chain, &tree, now);
    let verdict = if problems.is_empty() { "ok" } else { "degraded" };
    let in_full = visitor.0.as_ref().is_some_and(|caller| caller.scopes.allow(Scope::OpsRead));
    if !in_full {
        return HttpResponse::Ok().json(StatusView::Short(ShortStatus {
            success: true,
            status: verdict,
            version: env!("CARGO_PKG_VERSION"),
            chain_lag_blocks: chain.lag_blocks(),
            halted: !halts.open.is_empty(),
            sales_open,
            at: iso(now),
        }));
    }
    let pool = state.handles.boards().pool.read();
    let (watched, limit) = state.handles.watchers();
    // The books may be down; then this page is needed more than ever.
    let counts = state.store.count_orders().await;
    let totals = state.store.totals().await;
    let journal = state.store.journal_head().await;
    let refunds = state.store.count_refunds().await;
    let open = state.store.open_differences().await;
    let books_error = counts
        .as_ref()
        .err()
        .or(totals.as_ref().err())
        .or(refunds.as_ref().err())
        .or(open.as_ref().err())
        .map(ToString::to_string);
    let totals = totals.unwrap_or_default();
    let open: Vec<_> = open.unwrap_or_default().iter().map(OpenDifferenceView::from).collect();
    let mut problems = problems;
    problems.extend(open.iter().map(OpenDifferenceView::problem));
    HttpResponse::Ok().json(StatusView::Full(Box::new(FullStatus {
        success: true,
        status: if books_error.is_some() || !open.is_empty() { "degraded" } else { verdict },
        problems,
        version: env!("CARGO_PKG_VERSION"),
        role: role(state),
        sales_open,
        at: iso(now),
        halts: halts.open.iter().map(HaltView::from).collect(),
        chain: ChainView::new(&chain),
        pool: PoolView::new(&pool, &state.settings.plan_policy(), true),
        orders: counts.unwrap_or_default().into_iter().map(|(kind, count)| (kind.name(), count)).collect(),
        payments: totals
            .payments
            .into_iter()
            .map(|(name, count, sum)| (name, SumView { count, sun: sum.get() }))
            .collect(),
        refunds: refunds.unwrap_or_default().into_iter().map(RefundCountView::from).collect(),
        operations: totals
            .operations
            .into_iter()
            .map(|(kind, state, count)| (format!("{kind}.{state}"), count))
            .collect(),
        open_differences: open,
        watchers: WatchersView { watched, limit },
        nodes: state.chain.nodes().into_iter().map(NodeView::from).collect(),
        cache: state.cache.tiers().into_iter().map(CacheTierView::from).collect(),
        actors: tree,
        journal: journal.ok().map(|head| JournalHeadView { seq: head.seq, hash: head.hash.to_string() }),
        books_error,
    })))
}

/// How the service is
///
/// In short for anybody; in full with the scope `ops:read`.
#[utoipa::path(operation_id = "readStatus", tag = "health", security((), ("key" = ["ops:read"]), ("bearer" = ["ops:read"])),
    responses((status = 200, description = "how the service is", body = StatusView), Refusals))]
#[get("/status")]
pub(super) async fn status(visitor: Visitor, state: web::Data<AppState>) -> Result<HttpResponse, ApiError> {
    Ok(answer(&state, &visitor).await)
}

/// How the service is
///
/// The same under the name that a program may prefer.
#[utoipa::path(operation_id = "readStatusJson", tag = "health", security((), ("key" = ["ops:read"]), ("bearer" = ["ops:read"])),
    responses((status = 200, description = "how the service is", body = StatusView), Refusals))]
#[get("/status.json")]
pub(super) async fn status_json(
    visitor: Visitor,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    Ok(answer(&state, &visitor).await)
}
