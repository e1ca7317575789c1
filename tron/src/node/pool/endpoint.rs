//! One node of a pool with what the pool thinks of it.

use super::{
    breaker::{self, Breaker, BreakerState},
    settings::PooledNode,
};
use crate::node::{HttpError, NodeClient, NodeSettings, calls::CONSTANT_CALLS, limiter::later};
use futures_util::future::BoxFuture;
use leyden_domain::{
    Address, BlockId, Height,
    chain::Head,
    planted::{Fault, planted},
};
use leyden_ports::{ChainError, ChainReader as _, PoolChainState};
use metrics::gauge;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// The states of more accounts than this are not kept: no pool is that large, and a reader may ask for any.
const MOST_ACCOUNTS: usize = 1_000;
/// A node that asks us to wait longer is asked again all the same: the other nodes may be gone by then.
const LONGEST_SUSPENSION_MS: u64 = 300_000;
/// The longest quarantine.
const LONGEST_QUARANTINE: Duration = Duration::from_hours(1);
/// Above this many errors in a thousand answers a node comes after all that are well.
const UNWELL: u32 = 300;
/// Of how many blocks it must disagree before it counts as being on another fork: two nodes at the tip may differ for a
/// moment.
const DISAGREEMENTS: usize = 2;
/// After so many blocks with calls of contracts whose receipts show no internal transaction, a node that used to keep
/// them is not known to any more.
const SILENT_BLOCKS: u32 = 20;

/// What the pool thinks of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is asked.
    Good,
    /// It is behind the others: asked only where there is no other.
    Behind,
    /// It follows another fork: not asked, but transactions are sent to it.
    OtherFork,
    /// It lied: neither asked nor sent to.
    Quarantined,
}

impl Standing {
    /// A stable name for records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Behind => "behind",
            Self::OtherFork => "other_fork",
            Self::Quarantined => "quarantined",
        }
    }
}

/// Whether a node keeps internal transactions (java-tron `vm.saveInternalTx`, off as shipped): without them, TRX that a
/// contract has sent is not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Internals {
    /// It has not told yet.
    Unknown,
    /// It has shown some.
    Kept {
        /// Blocks with calls of contracts since then in which it showed none.
        silent: u32,
    },
    /// Another node has shown some where it showed none.
    Lacking,
}

#[derive(Debug)]
struct State {
    breaker: Breaker,
    /// Of a thousand answers, smoothed.
    errors: u32,
    behind: bool,
    /// By how many blocks, when its head was last heard.
    lag: Option<i64>,
    /// Blocks that it has shown and that are not of the chain that we follow, since it last agreed.
    strays: BTreeSet<BlockId>,
    internals: Internals,
    lied_until: Option<Instant>,
    lies: u32,
    head: Option<Head>,
    last_forced: Option<Instant>,
}

/// One node of a pool.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) client: NodeClient,
    pub(super) priority: u32,
    pub(super) broadcasts: bool,
    /// How long a lie costs it, the first time.
    quarantine: Duration,
    state: Mutex<State>,
    /// What was last seen of each pool account, given again until the next block.
    accounts: Mutex<BTreeMap<Address, PoolChainState>>,
}

/// What comes first in the order in which nodes are asked.
pub(super) type Rank = (bool, bool, bool, u32, u32);

impl Endpoint {
    pub(super) fn new(pooled: &PooledNode, alone: bool, quarantine: Duration) -> Result<Self, HttpError> {
        // Where there is another node, it is asked at once instead of this one again.
        let attempts = if alone { pooled.node.attempts } else { 1 };
        let settings = NodeSettings {
            attempts,
            longest_suspension_ms: if alone { 0 } else { LONGEST_SUSPENSION_MS },
            ..pooled.node.clone()
        };
        Ok(Self {
            client: NodeClient::new(settings)?,
            priority: pooled.priority,
            broadcasts: pooled.broadcast,
            quarantine,
            state: Mutex::new(State {
                breaker: Breaker::new(),
                errors: 0,
                behind: false,
                lag: None,
                strays: BTreeSet::new(),
                internals: Internals::Unknown,
                lied_until: None,
                lies: 0,
                head: None,
                last_forced: None,
            }),
            accounts: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn name(&self) -> &str {
        self.client.traffic().name()
    }

    pub(super) fn standing(&self) -> Standing {
        let state = self.state();
        if state.lied_until.is_some_and(|until| Instant::now() < until) {
            Standing::Quarantined
        } else if state.strays.len() >= DISAGREEMENTS {
            Standing::OtherFork
        } else if state.behind {
            Standing::Behind
        } else {
            Standing::Good
        }
    }

    pub(super) fn breaker_state(&self) -> BreakerState {
        self.state().breaker.state(Instant::now())
    }

    /// Where it comes among those that are asked; lower is earlier.
    pub(super) fn rank(&self) -> Rank {
        let latency = u32::try_from(self.client.traffic().latency().as_millis()).unwrap_or(u32::MAX);
        let state = self.state();
        let unwell = state.errors > UNWELL;
        // Latencies that differ by less than 50 ms are the same: an order that changes all the time helps nobody.
        let lacks = state.internals == Internals::Lacking;
        (state.behind, unwell, lacks, self.priority, (latency / 50).saturating_add(state.errors / 50))
    }

    pub(super) fn errors_per_mille(&self) -> u32 {
        self.state().errors
    }

    /// Whether it may be asked now.
    pub(super) fn admits(&self) -> bool {
        self.state().breaker.admits(Instant::now())
    }

    /// Whether it may be asked although it rests, because everybody does: once a second.
    pub(super) fn admits_by_force(&self) -> bool {
        let now = Instant::now();
        let mut state = self.state();
        let due = state.last_forced.is_none_or(|last| now.duration_since(last) >= Duration::from_secs(1));
        if due {
            state.last_forced = Some(now);
        }
        due
    }

    /// Asks it and remembers how that went.
    pub(super) async fn ask<'a, T>(
        &'a self,
        question: BoxFuture<'a, Result<T, ChainError>>,
    ) -> Result<T, ChainError> {
        let answer = question.await;
        self.note(answer.as_ref().err());
        answer
    }

    /// Remembers how a question went. What a node refuses says nothing of how it is: the question may be at fault.
    pub(super) fn note(&self, error: Option<&ChainError>) {
        let weight = match error {
            None | Some(ChainError::Refused(_) | ChainError::Unsupported(_)) => 0,
            Some(ChainError::RateLimited { .. }) => return,
            Some(ChainError::Unavailable(why)) if why.contains("in time") => breaker::LIMIT,
            Some(_) => 1,
        };
        let lied = matches!(error, Some(ChainError::Unverified(_)));
        {
            let mut state = self.state();
            let sample = if weight == 0 { 0 } else { 1_000 };
            state.errors = state.errors.saturating_mul(7).saturating_add(sample) / 8;
            if weight == 0 {
                state.breaker.succeeded();
            } else {
                state.breaker.failed(Instant::now(), weight);
            }
        }
        if let (true, Some(error)) = (lied, error) {
            self.accuse(&error.to_string());
        }
        self.show();
    }

    /// A pool account as this node has it, asked for once a block.
    pub(super) async fn pool_account(&self, address: Address) -> Result<PoolChainState, ChainError> {
        let Some(head) = self.head() else { return self.client.pool_account(address).await };
        let known = |accounts: &BTreeMap<Address, PoolChainState>| {
            accounts.get(&address).filter(|state| state.observed_at == head.height()).cloned()
        };
        if let Some(state) = known(&self.accounts()) {
            return Ok(state);
        }
        let state = self.client.pool_account_at(address, head.height()).await?;
        let mut accounts = self.accounts();
        if accounts.len() < MOST_ACCOUNTS || accounts.contains_key(&address) {
            accounts.insert(address, state.clone());
        }
        Ok(state)
    }

    fn accounts(&self) -> MutexGuard<'_, BTreeMap<Address, PoolChainState>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It did not answer although it was given the time it usually needs.
    pub(super) fn was_silent(&self) {
        self.note(Some(&ChainError::Unavailable("no answer in time".to_owned())));
    }

    /// It said what cannot be true.
    pub(super) fn accuse(&self, what: &str) {
        let pause = {
            let mut state = self.state();
            let grown = self.quarantine.saturating_mul(2_u32.saturating_pow(state.lies.min(16)));
            let pause = grown.min(LONGEST_QUARANTINE.max(self.quarantine));
            state.lies = state.lies.saturating_add(1);
            state.lied_until = Some(later(Instant::now(), pause));
            pause
        };
        let error = ChainError::Unverified(what.to_owned());
        self.client.traffic().failed("verification", &error);
        metrics::counter!("leyden_node_lies_total", "node" => self.name().to_owned()).increment(1);
        tracing::error!(
            node = self.name(),
            what,
            for_s = pause.as_secs(),
            "a node said what cannot be true; it is not asked any more"
        );
        self.show();
    }

    /// How often it was caught.
    pub(super) fn lies(&self) -> u32 {
        self.state().lies
    }

    /// Its newest block, as it last said.
    pub(super) fn head(&self) -> Option<Head> {
        self.state().head
    }

    pub(super) fn set_head(&self, head: Head) {
        self.state().head = Some(head);
    }

    /// Whether it has shown a block of another fork since it last agreed.
    pub(super) fn has_strayed(&self) -> bool {
        !self.state().strays.is_empty()
    }

    /// What it was found not to do.
    pub(super) fn lacks(&self) -> Vec<&'static str> {
        let internals = self.internals() == Internals::Lacking;
        let calls = self.client.lacks(CONSTANT_CALLS);
        [(internals, "internal_transactions"), (calls, "constant_calls")]
            .into_iter()
            .filter_map(|(lacks, what)| lacks.then_some(what))
            .collect()
    }

    /// By how many blocks it was behind the best node when its head was last heard.
    pub(super) fn lag(&self) -> Option<i64> {
        self.state().lag
    }

    /// Sets it aside, or takes it back, by how far its head is behind the best one. Asked when its head has just been
    /// heard: a head that was heard a while ago says nothing of where the node is now.
    pub(super) fn judge_height(&self, best: Height, stale_after: i64) {
        self.judge(|state| {
            let Some(head) = state.head else { return };
            let lag = best.get().saturating_sub(head.height().get()).max(0);
            state.lag = Some(lag);
            state.behind = if state.behind { lag > 1 } else { lag >= stale_after };
        });
    }

    /// It has shown a block of the chain that we follow.
    pub(super) fn agrees(&self) {
        if !planted(Fault::StrayForEver) {
            self.judge(|state| state.strays.clear());
        }
    }

    /// It has shown a block that is not of the chain that we follow. The same block counts once, however often it is
    /// looked at.
    pub(super) fn strays(&self, block: BlockId) {
        self.judge(|state| {
            if state.strays.len() < DISAGREEMENTS {
                state.strays.insert(block);
            }
        });
    }

    /// It follows another fork than the one that grows.
    pub(super) fn is_left_behind(&self, head: BlockId) {
        self.judge(|state| {
            // Its head, and the one that grows in its place.
            state.strays = BTreeSet::from([head, BlockId::new([0; 32])]);
        });
    }

    /// Changes what is thought of it. People are told where its standing has changed by it, and only then.
    fn judge(&self, change: impl FnOnce(&mut State)) {
        let before = self.standing();
        change(&mut self.state());
        let standing = self.standing();
        if standing != before {
            let (node, standing) = (self.name(), standing.name());
            tracing::warn!(node, before = before.name(), standing, "a node's standing changed");
            self.show();
        }
    }

    /// Whether it keeps internal transactions, as far as its receipts have told.
    pub(super) fn internals(&self) -> Internals {
        self.state().internals
    }

    /// Its receipts of a block with calls of contracts tell of internal transactions, or of none.
    pub(super) fn showed_internals(&self, some: bool) {
        let mut state = self.state();
        state.internals = match (some, state.internals) {
            (true, _) => Internals::Kept { silent: 0 },
            (false, Internals::Kept { silent }) if silent < SILENT_BLOCKS => {
                Internals::Kept { silent: silent.saturating_add(1) }
            }
            (false, Internals::Kept { .. } | Internals::Unknown) => Internals::Unknown,
            (false, Internals::Lacking) => Internals::Lacking,
        };
    }

    /// It does not show an internal transaction that another node shows.
    pub(super) fn lacks_internals(&self) {
        let before = std::mem::replace(&mut self.state().internals, Internals::Lacking);
        if before != Internals::Lacking {
            tracing::warn!(
                node = self.name(),
                "a node keeps no internal transactions: set vm.saveInternalTx = true in its configuration"
            );
        }
    }

    /// Puts its state into the metrics.
    fn show(&self) {
        let name = self.name().to_owned();
        let open = f64::from(u8::from(self.breaker_state() != BreakerState::Closed));
        let standing = self.standing();
        let is = |wanted: Standing| f64::from(u8::from(standing == wanted));
        gauge!("leyden_node_breaker_open", "node" => name.clone()).set(open);
        gauge!("leyden_node_quarantined", "node" => name.clone()).set(is(Standing::Quarantined));
        let aside = is(Standing::Behind).max(is(Standing::OtherFork));
        gauge!("leyden_node_set_aside", "node" => name).set(aside);
    }
}
