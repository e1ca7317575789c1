//! `/status`: how everything is, read from boards and counts; no actor is asked, so a stuck one cannot hide. What is the
//! matter is said to anybody by the names of causes, and to operators in words.

use super::{
    auth::{Unchecked, Visitor},
    error::ApiError,
    halts::HaltView,
    openapi::Refusals,
    pool::PoolView,
    reconciliations::OpenDifferenceView,
    sale,
    scope::Scope,
    state::AppState,
    time::iso,
    view::RefundCountView,
};
use actix_web::{HttpResponse, get, web};
use leyden_actors::{
    boards::{Blindness, Blocked, ChainStatus, Obstacle},
    kernel::{ActorStatus, State, TreeStatus},
};
use leyden_domain::{
    Span, Timestamp, chain::Head, journal::Head as JournalHead, order::OrderStateKind, reconcile::StillOpen,
};
use leyden_ports::{
    NodeStatus, StoreError, TierStatus,
    store::{RefundCount, Totals},
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use utoipa::ToSchema;

/// Longest wait for the books. This page is read most when something is slow.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is the matter, by a name that does not change its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CauseName {
    /// The books cannot be read or written.
    Database,
    /// The chain is not seen, or not as far as it is.
    Chain,
    /// Money stands still until an operator has looked.
    Halted,
    /// Something that works on orders is not running.
    Actors,
    /// A tier of the cache is left out.
    Cache,
    /// Sales are switched off.
    Sales,
    /// Chain and books differ, and nobody has closed it. Told to operators alone.
    Differences,
}

/// Something that needs a look.
#[derive(Debug)]
struct Problem {
    cause: CauseName,
    text: String,
}

fn problem(cause: CauseName, text: impl Into<String>) -> Problem {
    Problem { cause, text: text.into() }
}

/// How the service is, for anybody.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are answers to questions that have nothing to do with each other"
)]
pub(crate) struct ShortStatus {
    /// Always true: the answer itself succeeded.
    success: bool,
    /// `ok`, or `degraded` where something needs a look.
    status: &'static str,
    /// What needs a look.
    causes: BTreeSet<CauseName>,
    /// The running version.
    version: &'static str,
    /// Blocks that the books are behind the node; null where nobody knows.
    chain_lag_blocks: Option<i64>,
    /// Whether money stands still until an operator has looked.
    halted: bool,
    /// Whether orders are taken.
    sales_open: bool,
    /// Why not: `database`, `chain`, `halted` or `sales`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sales_closed_by: Option<CauseName>,
    /// The API key that was presented could not be checked, because the database does not answer; this is what anybody
    /// is told.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    key_unchecked: bool,
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
    /// Blocks that the books are behind the node; null where nobody knows.
    lag_blocks: Option<i64>,
    /// When the node last answered; of an instance that stands by, when it last saw a new block in the books.
    answered_at: Option<String>,
    /// What went wrong last.
    error: Option<String>,
    /// The block that no node shows as it could be believed; the books stand still before it.
    blocked_at: Option<BlockedView>,
    /// The node's chain differs below a solid block: money is not moved until a person looked.
    below_solid: Option<i64>,
    /// An operator paused reading.
    paused: bool,
}

/// A block that cannot be read.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockedView {
    /// Its height.
    height: i64,
    /// When it was first asked for in vain.
    since: String,
    /// How often it was asked for.
    attempts: u32,
    /// What was answered, by which node.
    reason: String,
}

impl From<&Blocked> for BlockedView {
    fn from(blocked: &Blocked) -> Self {
        Self {
            height: blocked.height.get(),
            since: iso(blocked.since),
            attempts: blocked.attempts,
            reason: blocked.reason.clone(),
        }
    }
}

impl ChainView {
    fn new(chain: &ChainStatus, now: Timestamp) -> Self {
        Self {
            head: chain.node_head.map(HeadView::from),
            processed: chain.processed.map(HeadView::from),
            solid: chain.solid.map(HeadView::from),
            lag_blocks: chain.lag_blocks(now),
            answered_at: chain.answered_at.map(iso),
            error: chain.error.clone(),
            blocked_at: chain.blocked_for(Span::ZERO, now).map(BlockedView::from),
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
    /// What needs a look, by name.
    causes: BTreeSet<CauseName>,
    /// What needs a look, in words.
    problems: Vec<String>,
    /// The running version.
    version: &'static str,
    /// Whether this instance does the work (`leading`) or serves requests only (`standby`).
    role: &'static str,
    /// Whether orders are taken.
    sales_open: bool,
    /// Why not: `database`, `chain`, `halted` or `sales`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sales_closed_by: Option<CauseName>,
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

/// What is to be said of a chain that is not seen.
pub(crate) fn of_blindness(blind: &Blindness) -> Option<String> {
    let since = blind.since.map(iso);
    match (blind.obstacle, since) {
        (Obstacle::Nodes, Some(since)) => Some(format!("nothing was heard of the chain since {since}")),
        (Obstacle::Nodes, None) => Some("no node has answered yet".to_owned()),
        (Obstacle::Books, Some(since)) => {
            Some(format!("nothing was read from the chain since {since}: the books do not answer"))
        }
        (Obstacle::Books, None) => Some("the books do not answer".to_owned()),
        // Said by itself.
        (Obstacle::Paused, _) => None,
    }
}

/// What needs a look, from the boards alone.
fn problems(state: &AppState, chain: &ChainStatus, tree: &TreeStatus, now: Timestamp) -> Vec<Problem> {
    use CauseName::{Actors, Cache, Chain, Database, Halted, Sales};
    let mut problems = Vec::new();
    for halt in &state.handles.boards().halts.read().open {
        let text = format!("money stands still since {}: {}", iso(halt.since), halt.cause.name());
        problems.push(problem(Halted, text));
    }
    if chain.below_solid.is_some() {
        problems.push(problem(Chain, "the node's chain differs below a solid block"));
    }
    if let Some(behind) = chain.lag_blocks(now).filter(|lag| *lag > sale::LAG_BLOCKS) {
        problems.push(problem(Chain, format!("{behind} blocks behind the node")));
    }
    if let Some(blind) = chain.blindness(now)
        && let Some(text) = of_blindness(&blind)
    {
        let cause = if blind.obstacle == Obstacle::Books { Database } else { Chain };
        let text = chain.error.as_ref().map_or_else(|| text.clone(), |error| format!("{text} ({error})"));
        problems.push(problem(cause, text));
    }
    if let Some(blocked) = chain.blocked_for(Span::ZERO, now) {
        let (since, attempts) = (iso(blocked.since), blocked.attempts);
        problems.push(problem(Chain, format!("since {since}, after {attempts} attempts: {blocked}")));
    }
    if chain.paused {
        problems.push(problem(Chain, "reading the chain is paused"));
    }
    let unwell =
        |actor: &&ActorStatus| matches!(actor.state, State::Quarantined | State::Stalled | State::BackingOff);
    let unwell = tree.actors.iter().filter(unwell);
    problems.extend(unwell.map(|actor| problem(Actors, format!("{} is not running", actor.path))));
    problems.extend(tree.groups.iter().filter(|group| group.quarantined > 0 || group.stalled > 0).map(
        |group| {
            let down = group.quarantined.saturating_add(group.stalled);
            problem(Actors, format!("{}: {down} children are not running", group.path))
        },
    ));
    // Slower, and nothing else: it makes nobody unready.
    let left_out = state.cache.tiers().into_iter().filter(|tier| !tier.available);
    problems.extend(left_out.map(|tier| problem(Cache, format!("the cache goes on without {}", tier.name))));
    if !state.settings.sales.enabled {
        problems.push(problem(Sales, "sales are switched off"));
    }
    problems
}

fn role(state: &AppState) -> &'static str {
    if state.handles.is_leading() { "leading" } else { "standby" }
}

/// Waits no longer for the books than somebody waits for this page. What is the matter with them, where they do not answer.
async fn in_time<T>(question: impl Future<Output = Result<T, StoreError>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, question).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err("the database takes too long".to_owned()),
    }
}

async fn answer(state: &AppState, visitor: &Visitor, unchecked: Unchecked) -> HttpResponse {
    // First: what an instance without books knows of anything else may be old.
    let books = state.pulse.feel(state).await;
    let now = state.clock.now();
    let chain = state.handles.boards().chain.read();
    let halts = state.handles.boards().halts.read();
    let tree = state.handles.tree();
    let mut problems = problems(state, &chain, &tree, now);
    if let Some(found) = books {
        problems.insert(0, problem(CauseName::Database, found));
    }
    let closed_by = books.map(|_| CauseName::Database).or_else(|| sale::closed_by(state, now));
    let causes: BTreeSet<CauseName> = problems.iter().map(|problem| problem.cause).collect();
    let verdict = if problems.is_empty() { "ok" } else { "degraded" };
    let in_full = visitor.0.as_ref().is_some_and(|caller| caller.scopes.allow(Scope::OpsRead));
    if !in_full {
        return HttpResponse::Ok().json(StatusView::Short(ShortStatus {
            success: true,
            status: verdict,
            causes,
            version: env!("CARGO_PKG_VERSION"),
            chain_lag_blocks: chain.lag_blocks(now),
            halted: !halts.open.is_empty(),
            sales_open: closed_by.is_none(),
            sales_closed_by: closed_by,
            key_unchecked: unchecked.0,
            at: iso(now),
        }));
    }
    let pool = state.handles.boards().pool.read();
    let (watched, limit) = state.handles.watchers();
    // The books may be down; then this page is needed more than ever, and asking them again would only keep it waiting.
    let counted = match books {
        Some(found) => Err(found.to_owned()),
        None => in_time(counted(state)).await,
    };
    let books_error = counted.as_ref().err().cloned();
    let Counted { orders, totals, refunds, open, journal } = counted.unwrap_or_default();
    let open: Vec<_> = open.iter().map(OpenDifferenceView::from).collect();
    let (mut causes, mut problems) = (causes, problems);
    for different in &open {
        causes.insert(CauseName::Differences);
        problems.push(problem(CauseName::Differences, different.problem()));
    }
    HttpResponse::Ok().json(StatusView::Full(Box::new(FullStatus {
        success: true,
        status: if books_error.is_some() || !open.is_empty() { "degraded" } else { verdict },
        causes,
        problems: problems.into_iter().map(|problem| problem.text).collect(),
        version: env!("CARGO_PKG_VERSION"),
        role: role(state),
        sales_open: closed_by.is_none(),
        sales_closed_by: closed_by,
        at: iso(now),
        halts: halts.open.iter().map(HaltView::from).collect(),
        chain: ChainView::new(&chain, now),
        pool: PoolView::new(&pool, &state.settings.plan_policy(), true),
        orders: orders.into_iter().map(|(kind, count)| (kind.name(), count)).collect(),
        payments: totals
            .payments
            .into_iter()
            .map(|(name, count, sum)| (name, SumView { count, sun: sum.get() }))
            .collect(),
        refunds: refunds.into_iter().map(RefundCountView::from).collect(),
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
        journal: journal.map(|head| JournalHeadView { seq: head.seq, hash: head.hash.to_string() }),
        books_error,
    })))
}

/// What the books count.
#[derive(Default)]
struct Counted {
    orders: Vec<(OrderStateKind, u64)>,
    totals: Totals,
    refunds: Vec<RefundCount>,
    open: Vec<StillOpen>,
    journal: Option<JournalHead>,
}

async fn counted(state: &AppState) -> Result<Counted, StoreError> {
    Ok(Counted {
        orders: state.store.count_orders().await?,
        totals: state.store.totals().await?,
        refunds: state.store.count_refunds().await?,
        open: state.store.open_differences().await?,
        journal: state.store.journal_head().await.ok(),
    })
}

/// How the service is
///
/// In short for anybody; in full with the scope `ops:read`.
#[utoipa::path(operation_id = "readStatus", tag = "health", security((), ("key" = ["ops:read"]), ("bearer" = ["ops:read"])),
    responses((status = 200, description = "how the service is", body = StatusView), Refusals))]
#[get("/status")]
pub(super) async fn status(
    visitor: Visitor,
    unchecked: Unchecked,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    Ok(answer(&state, &visitor, unchecked).await)
}

/// How the service is
///
/// The same under the name that a program may prefer.
#[utoipa::path(operation_id = "readStatusJson", tag = "health", security((), ("key" = ["ops:read"]), ("bearer" = ["ops:read"])),
    responses((status = 200, description = "how the service is", body = StatusView), Refusals))]
#[get("/status.json")]
pub(super) async fn status_json(
    visitor: Visitor,
    unchecked: Unchecked,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    Ok(answer(&state, &visitor, unchecked).await)
}
