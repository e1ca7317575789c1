//! Figures for Prometheus that somebody must go and look up, when somebody reads the metrics: what the boards say, and what
//! the books say. config/alerts.yml is written against them; what counts events is
//! counted where they happen.

use crate::http::{AppState, sale};
use leyden_actors::{
    boards::{ChainStatus, Obstacle, PoolStatus},
    kernel::{self, TreeStatus},
};
use leyden_domain::{
    Span, Timestamp,
    halt::HaltCause,
    order::OrderStateKind,
    pool::AccountState,
    reconcile::{Matter, StillOpen},
};
use leyden_ports::{Cache, StoreError};
use metrics::{counter, gauge};
use std::{collections::BTreeMap, time::Duration};
use tokio::{sync::Mutex, time::Instant};

/// A chain that shows no new block for so long is not being watched.
const FRESH_MS: i64 = 30_000;
/// How long figures of the books are believed: counting them is work, and anybody with the scope may ask.
const BELIEVED: Duration = Duration::from_secs(5);
/// Longest wait for the books. Metrics are read most when something is slow.
const PATIENCE: Duration = Duration::from_secs(2);
/// The states an account can be in, so that one that is left shows 0.
const ACCOUNT_STATES: [AccountState; 5] = [
    AccountState::Ready,
    AccountState::Disabled,
    AccountState::Broke,
    AccountState::KeyUnfit,
    AccountState::AgentQuarantined,
];

#[expect(clippy::cast_precision_loss, reason = "gauges are floating point by their format")]
const fn float(value: i64) -> f64 {
    value as f64
}

fn count(value: usize) -> f64 {
    float(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Milliseconds as the seconds that Prometheus wants.
fn seconds(ms: i64) -> f64 {
    float(ms) / 1_000.0
}

/// Counts what is counted by looking again and again. Called every few seconds.
pub(crate) fn tend(state: &AppState) {
    state.metrics.run_upkeep();
    let (tree, leads) = (state.handles.tree(), state.handles.is_leading());
    check(&state.handles.boards().chain.read(), &tree, leads, state.clock.now());
}

/// What the boards say. Called when somebody reads the metrics, so that it is as new as what else is read.
pub(crate) fn show(state: &AppState) {
    let now = state.clock.now();
    let boards = state.handles.boards();
    let tree = state.handles.tree();
    let leads = state.handles.is_leading();
    gauge!("leyden_leader").set(f64::from(u8::from(leads)));
    chain(&boards.chain.read(), leads, now);
    pool(state, &boards.pool.read());
    let open = &boards.halts.read().open;
    for cause in HaltCause::ALL {
        let is_open = open.iter().any(|halt| halt.cause == cause);
        gauge!("leyden_halted", "cause" => cause.name()).set(f64::from(u8::from(is_open)));
    }
    cache(state.cache.as_ref());
    let (watched, most) = state.handles.watchers();
    gauge!("leyden_orders_watched").set(count(watched));
    gauge!("leyden_orders_watched_limit").set(count(most));
    let unwell = tree.actors.iter().filter(|actor| is_unwell(actor.state)).count();
    let children: u32 = tree.groups.iter().map(|group| group.quarantined.saturating_add(group.stalled)).sum();
    gauge!("leyden_actors_down").set(count(unwell) + f64::from(children));
}

const fn is_unwell(state: kernel::State) -> bool {
    matches!(state, kernel::State::Quarantined | kernel::State::Stalled)
}

fn chain(chain: &ChainStatus, leads: bool, now: Timestamp) {
    let blind = chain.blindness(now);
    // What nobody knows is not 0.
    gauge!("leyden_chain_lag_blocks").set(chain.lag_blocks(now).map_or(f64::NAN, float));
    gauge!("leyden_chain_below_solid").set(f64::from(u8::from(chain.below_solid.is_some())));
    gauge!("leyden_chain_reading_paused").set(f64::from(u8::from(chain.paused)));
    let unheard = blind.as_ref().is_some_and(|blind| blind.obstacle == Obstacle::Nodes);
    gauge!("leyden_chain_unheard").set(f64::from(u8::from(unheard)));
    let blocked = chain.blocked_for(Span::ZERO, now);
    gauge!("leyden_chain_blocked_height").set(blocked.map_or(0.0, |blocked| float(blocked.height.get())));
    if let Some(processed) = chain.processed {
        gauge!("leyden_chain_height").set(float(processed.height().get()));
    }
    // Only the instance at work asks nodes; what another one knew when it last did says nothing now. Nor does a head say
    // anything of clocks that nobody has told of for a while. Negative where this clock is behind the chain's: a gauge can
    // say so, and the alert takes both signs.
    let head = chain.node_head.filter(|_| leads && blind.is_none());
    let age = head.map(|head| now.since(head.timestamp).ms());
    gauge!("leyden_chain_head_age_seconds").set(age.map_or(f64::NAN, seconds));
}

/// Whether payments are being seen right now: the share of moments at which they are not is what matters, since one answer
/// that did not come is made up for by the next. Every instance asks itself, for where none leads there is nobody else to
/// ask; one that stands by judges by the blocks that come into the books.
fn check(chain: &ChainStatus, tree: &TreeStatus, leads: bool, now: Timestamp) {
    let seen = is_seen(chain, tree, leads, now);
    let checks = |result| counter!("leyden_payment_checks_total", "result" => result);
    checks("ok").increment(u64::from(seen));
    checks("failed").increment(u64::from(!seen));
}

fn is_seen(chain: &ChainStatus, tree: &TreeStatus, leads: bool, now: Timestamp) -> bool {
    let listening = !tree.actors.iter().any(|actor| {
        actor.path.contains("block_listener")
            && (is_unwell(actor.state) || actor.state == kernel::State::BackingOff)
    });
    // Who leads since a moment has heard of no head yet, and knows what came into the books meanwhile.
    let newest = chain.node_head.filter(|_| leads).or(chain.processed);
    let fresh = newest.is_some_and(|head| now.since(head.timestamp).ms().abs() < FRESH_MS);
    let goes_on = chain.blocked_for(sale::BLOCKED, now).is_none();
    listening && !chain.paused && chain.blindness(now).is_none() && goes_on && fresh
}

fn cache(cache: &dyn Cache) {
    for tier in cache.tiers() {
        gauge!("leyden_cache_tier_up", "tier" => tier.name).set(f64::from(u8::from(tier.available)));
        for (outcome, lookups) in
            [("hit", tier.hits), ("miss", tier.misses), ("failed", tier.failures), ("skipped", tier.skipped)]
        {
            counter!("leyden_cache_lookups_total", "tier" => tier.name, "outcome" => outcome)
                .absolute(lookups);
        }
    }
}

fn pool(state: &AppState, pool: &PoolStatus) {
    gauge!("leyden_pool_available_energy").set(float(pool.available(&state.settings.plan_policy()).get()));
    gauge!("leyden_pool_queued_energy").set(float(pool.queued.get()));
    let staked = pool.accounts.iter().filter_map(|account| {
        let observed = account.observed.as_ref()?;
        Some(observed.ratio.energy_of(observed.staked).get())
    });
    gauge!("leyden_pool_energy").set(float(staked.fold(0_i64, i64::saturating_add)));
    for of in ACCOUNT_STATES {
        let there = pool.accounts.iter().filter(|account| account.state == of).count();
        gauge!("leyden_pool_accounts", "state" => of.name()).set(count(there));
    }
}

/// Refunds by state, what is held by its reason. What has been left must show 0.
async fn refunds(state: &AppState) -> Result<(), StoreError> {
    const STATES: [&str; 19] = [
        "waiting",
        "due",
        "sending",
        "refunded",
        "kept",
        "withdrawn",
        "held.denied_address",
        "held.own_address",
        "held.contract_address",
        "held.inactive_address",
        "held.read_late",
        "held.one_node",
        "held.guard_per_payment",
        "held.guard_per_hour",
        "held.guard_per_day",
        "held.needs_approval",
        "held.no_key",
        "held.balance",
        "held.refused",
    ];
    let counts = state.store.count_refunds().await?;
    for name in STATES.into_iter().chain(["held.operator"]) {
        let refunds = counts.iter().filter(|of| of.state == name).map(|of| of.count).sum::<u64>();
        gauge!("leyden_refunds", "state" => name).set(float(i64::try_from(refunds).unwrap_or(i64::MAX)));
    }
    Ok(())
}

/// What is on our accounts and nothing explains, until a person has closed it; by what it lies on.
async fn differences(state: &AppState) -> Result<(), StoreError> {
    let open = state.store.open_differences().await?;
    for matter in Matter::ALL.iter().filter(|matter| matter.stays_open()) {
        let of = |open: &&StillOpen| open.left.matter == *matter;
        let sun = open.iter().filter(of).map(|open| open.left.excess()).fold(0_i64, i64::saturating_add);
        let open = open.iter().filter(of).count();
        gauge!("leyden_open_differences", "matter" => matter.name()).set(count(open));
        gauge!("leyden_open_differences_sun", "matter" => matter.name()).set(float(sun));
    }
    Ok(())
}

/// When the books were counted last. Whoever asks meanwhile waits for the same count.
#[derive(Debug, Default)]
pub(crate) struct Census(Mutex<Option<Instant>>);

impl Census {
    /// What the books say. Called when somebody reads the metrics.
    pub(crate) async fn take(&self, state: &AppState) {
        let mut last = self.0.lock().await;
        if last.is_some_and(|at| at.elapsed() < BELIEVED) {
            return;
        }
        let answered = tokio::time::timeout(PATIENCE, figures(state)).await;
        *last = Some(Instant::now());
        drop(last);
        gauge!("leyden_store_up").set(f64::from(u8::from(matches!(answered, Ok(Ok(()))))));
    }
}

async fn figures(state: &AppState) -> Result<(), StoreError> {
    let counts: BTreeMap<_, _> = state.store.count_orders().await?.into_iter().collect();
    // A state that has been left must show 0, not what it last was.
    for kind in OrderStateKind::ALL {
        let orders = counts.get(&kind).copied().unwrap_or_default();
        gauge!("leyden_orders", "state" => kind.name()).set(float(i64::try_from(orders).unwrap_or(i64::MAX)));
    }
    refunds(state).await?;
    differences(state).await?;
    let journal = state.store.journal_head().await?;
    gauge!("leyden_journal_entries").set(float(journal.seq));
    let oldest = state.store.oldest_unserved().await?;
    let age = oldest.map_or(0, |paid_at| state.clock.now().since(paid_at).ms().max(0));
    gauge!("leyden_orders_oldest_unserved_seconds").set(seconds(age));
    if let Some(connections) = state.store.connections().await? {
        let float = |count: u64| float(i64::try_from(count).unwrap_or(i64::MAX));
        gauge!("leyden_database_connections").set(float(connections.used));
        gauge!("leyden_database_connections_limit").set(float(connections.limit));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{FRESH_MS, is_seen};
    use leyden_actors::{
        boards::{ChainStatus, Patience},
        kernel::TreeStatus,
    };
    use leyden_domain::{BlockId, BlockRef, Timestamp, chain::Head};

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(1_000_000 + ms)
    }

    fn head(time: Timestamp) -> Head {
        Head { block: BlockRef::new(BlockId::new([0; 32])), timestamp: time }
    }

    #[test]
    fn who_has_just_begun_to_lead_sees_payments_by_the_books() {
        let tree = TreeStatus { at: at(0), actors: Vec::new(), groups: Vec::new() };
        let stood_by = ChainStatus {
            processed: Some(head(at(0))),
            answered_at: Some(at(0)),
            patience: Patience::BY_THE_BOOKS,
            ..ChainStatus::default()
        };
        for leads in [false, true] {
            assert!(is_seen(&stood_by, &tree, leads, at(15_000)), "leads: {leads}");
            assert!(
                !is_seen(&stood_by, &tree, leads, at(15_001)),
                "nothing came for five blocks; leads: {leads}"
            );
        }
        // What it has heard of counts once it has heard.
        let old = ChainStatus { node_head: Some(head(at(-FRESH_MS))), ..stood_by };
        assert!(!is_seen(&old, &tree, true, at(0)));
        assert!(is_seen(&old, &tree, false, at(0)));
        assert!(!is_seen(&ChainStatus::default(), &tree, true, at(0)), "nobody has read anything yet");
    }
}
