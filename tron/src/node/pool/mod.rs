//! Several nodes as one: asked in the order of how well they do, the next one at once where one fails, watched for
//! lateness, other forks and lies. With one honest node among them no payment is missed and none is invented, because
//! whatever a block cannot prove by itself is believed only when a second node shows the same (`agreement`).

mod agreement;
mod breaker;
mod endpoint;
mod internals;
mod memory;
mod reader;
mod settings;
mod writer;

pub use breaker::BreakerState;
pub use endpoint::Standing;
pub use settings::{Agreement, NodeKind, PoolError, PoolSettings, PooledNode};

use super::NodeClient;
use endpoint::Endpoint;
use futures_util::future::{BoxFuture, join_all};
use leyden_domain::{
    Address, BlockRef, Height, Span,
    chain::Head,
    planted::{Fault, planted},
};
use leyden_ports::{AccountInfo, ChainError, NodeStatus};
use memory::Memory;
use moka::future::Cache;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// How many such answers are kept.
const ADDRESSES: u64 = 10_000;
/// A node is given at least this long where another could be asked instead.
const LEAST_PATIENCE: Duration = Duration::from_secs(3);
/// And this many times what it usually takes.
const USUAL_TIMES: u32 = 20;
/// How long a head may take that is only asked for to compare.
const PROBE_PATIENCE: Duration = Duration::from_millis(1_500);
/// How often all nodes are asked at most, where the head does not move.
const PROBE_AT_MOST_EVERY: Duration = Duration::from_secs(5);
/// A head that is that old is looked for elsewhere.
const OLD_HEAD: Duration = Duration::from_secs(10);
/// A head this far above the newest known must be signed by a witness that is known.
const PLAUSIBLE_JUMP: i64 = 3;
/// Another fork must be longer by this many blocks to be followed: heads are not heard at the same moment.
const LONGER_FORK: i64 = 2;
/// Where nobody could be asked for so long, those on another fork are asked again: it may be ours that died.
const FORGIVE_FORKS_AFTER: Duration = Duration::from_mins(1);
/// How often all nodes are asked in turn where they only want us to wait a moment.
const ROUNDS: u32 = 3;
/// The longest such wait.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// Several nodes; implements the chain's reader and writer ports.
#[derive(Debug)]
pub struct NodePool {
    settings: PoolSettings,
    endpoints: Vec<Endpoint>,
    memory: Mutex<Memory>,
    accounts: Cache<Address, Option<AccountInfo>>,
    holders: Cache<Address, bool>,
}

impl NodePool {
    /// A pool over these nodes. Connects to none yet.
    pub fn new(settings: PoolSettings) -> Result<Self, PoolError> {
        let alone = settings.nodes.len() == 1;
        let endpoints = settings
            .nodes
            .iter()
            .map(|node| Endpoint::new(node, alone, settings.quarantine))
            .collect::<Result<Vec<_>, _>>()?;
        if endpoints.is_empty() {
            return Err(PoolError::Empty);
        }
        let ttl = settings.address_ttl;
        Ok(Self {
            settings,
            endpoints,
            memory: Mutex::new(Memory::new()),
            accounts: Cache::builder().max_capacity(ADDRESSES).time_to_live(ttl).build(),
            holders: Cache::builder().max_capacity(ADDRESSES).time_to_live(ttl).build(),
        })
    }

    /// The clients of its nodes, for questions to each of them.
    pub fn clients(&self) -> impl Iterator<Item = &NodeClient> {
        self.endpoints.iter().map(|endpoint| &endpoint.client)
    }

    /// How every node does.
    pub fn status(&self) -> Vec<NodeStatus> {
        self.endpoints
            .iter()
            .map(|endpoint| {
                let traffic = endpoint.client.traffic();
                NodeStatus {
                    name: endpoint.name().to_owned(),
                    standing: endpoint.standing().name(),
                    breaker: endpoint.breaker_state().name(),
                    head: endpoint.head().map(|head| head.height()),
                    lag_blocks: endpoint.lag(),
                    lacks: endpoint.lacks(),
                    latency_ms: u64::try_from(traffic.latency().as_millis()).unwrap_or(u64::MAX),
                    calls: traffic.calls(),
                    errors: traffic.errors(),
                    errors_per_mille: endpoint.errors_per_mille(),
                    lies: endpoint.lies(),
                    last_error: traffic.last_error(),
                }
            })
            .collect()
    }

    /// Somebody says that there is a new block: the next question for the head is asked.
    pub fn hint(&self) {
        self.memory().hint();
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_alone(&self) -> bool {
        self.endpoints.len() == 1
    }

    /// The newest height that a node in good standing told of.
    fn best_height(&self) -> Option<Height> {
        self.endpoints
            .iter()
            .filter(|endpoint| matches!(endpoint.standing(), Standing::Good | Standing::Behind))
            .filter_map(|endpoint| endpoint.head().map(|head| head.height()))
            .max()
    }

    /// Whom to ask, first to last, with their numbers.
    fn order(&self) -> Vec<(usize, &Endpoint)> {
        let all = || self.endpoints.iter().enumerate();
        if self.is_alone() {
            return all().collect();
        }
        let usable = |standing| matches!(standing, Standing::Good | Standing::Behind);
        let mut order: Vec<_> = all().filter(|(_, endpoint)| usable(endpoint.standing())).collect();
        let now = Instant::now();
        if order.is_empty() {
            let since = *self.memory().nobody_since.get_or_insert(now);
            if now.duration_since(since) >= FORGIVE_FORKS_AFTER {
                order = all().filter(|(_, endpoint)| endpoint.standing() == Standing::OtherFork).collect();
            }
        } else {
            self.memory().nobody_since = None;
        }
        order.sort_by_key(|(index, endpoint)| (endpoint.rank(), *index));
        order
    }

    /// Asks one node after the other until one answers. Which one did.
    async fn ask<T, F>(&self, question: F) -> Result<(usize, T), ChainError>
    where
        T: Send,
        F: for<'a> Fn(&'a Endpoint) -> BoxFuture<'a, Result<T, ChainError>> + Send + Sync,
    {
        let mut round = 1;
        loop {
            let error = match self.ask_each(&question).await {
                Ok(found) => return Ok(found),
                Err(error) => error,
            };
            let wait = match &error {
                ChainError::RateLimited { retry_after: Some(span) } => {
                    Duration::from_millis(u64::try_from(span.ms()).unwrap_or(0))
                }
                _ => return Err(error),
            };
            if round >= ROUNDS || wait > LONGEST_WAIT {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            round = round.saturating_add(1);
        }
    }

    async fn ask_each<T, F>(&self, question: &F) -> Result<(usize, T), ChainError>
    where
        T: Send,
        F: for<'a> Fn(&'a Endpoint) -> BoxFuture<'a, Result<T, ChainError>> + Send + Sync,
    {
        let mut worst: Option<ChainError> = None;
        let order = self.order();
        for (index, endpoint) in order.iter().copied() {
            // Asked for one at a time: a trial of a resting node that is not needed must not be used up.
            if !self.is_alone() && !endpoint.admits() {
                continue;
            }
            match self.ask_one(endpoint, question(endpoint)).await {
                Ok(answer) => return Ok((index, answer)),
                Err(error) => worst = Some(less_final(worst, error)),
            }
        }
        if let Some(error) = worst {
            return Err(error);
        }
        for (index, endpoint) in order {
            if endpoint.admits_by_force() {
                return self.ask_one(endpoint, question(endpoint)).await.map(|answer| (index, answer));
            }
        }
        Err(nobody())
    }

    /// Asks one node, for as long as is reasonable where there are others.
    async fn ask_one<'a, T>(
        &self,
        endpoint: &'a Endpoint,
        question: BoxFuture<'a, Result<T, ChainError>>,
    ) -> Result<T, ChainError> {
        if self.is_alone() {
            return endpoint.ask(question).await;
        }
        let usual = endpoint.client.traffic().latency().saturating_mul(USUAL_TIMES);
        if let Ok(answer) = timeout(usual.max(LEAST_PATIENCE), endpoint.ask(question)).await {
            return answer;
        }
        endpoint.was_silent();
        Err(ChainError::Unavailable(format!("{}: no answer in time", endpoint.name())))
    }

    /// Believes a head, or does not: a node can name any number, but only a witness can sign it.
    fn believe_head(&self, endpoint: &Endpoint, head: Head, witness: Address) -> Result<(), ChainError> {
        let now = Instant::now();
        let mut memory = self.memory();
        let known = memory.head(now).map(|(known, _)| known.height());
        let jumps = known.is_some_and(|known| head.height() > known.offset(PLAUSIBLE_JUMP));
        if !self.is_alone() && jumps && memory.knows_most_witnesses() && !memory.knows_witness(witness) {
            return Err(ChainError::Malformed(format!("head {} by an unknown witness", head.height())));
        }
        endpoint.set_head(head);
        memory.saw_head(head, now);
        drop(memory);
        self.judge_height(endpoint);
        Ok(())
    }

    /// Asks the nodes that are not asked anyway for their head, when it is time, and judges all by what they say.
    async fn probe(&self) {
        if self.is_alone() {
            return;
        }
        let now = Instant::now();
        {
            let mut memory = self.memory();
            let since = memory.last_probe.map(|last| now.duration_since(last));
            let head_is_old = memory.head(now).is_some_and(|(_, age)| age > OLD_HEAD);
            let due = since.is_none_or(|since| {
                since >= self.settings.probe_every || (head_is_old && since >= PROBE_AT_MOST_EVERY)
            });
            if !due {
                return;
            }
            memory.last_probe = Some(now);
        }
        let first = self.order().first().map(|(index, _)| *index);
        let others = self.endpoints.iter().enumerate().filter(|(index, endpoint)| {
            Some(*index) != first && endpoint.standing() != Standing::Quarantined && endpoint.admits()
        });
        let asked = others.map(|(_, endpoint)| async move {
            let header = Box::pin(endpoint.client.newest_header("/wallet"));
            match timeout(PROBE_PATIENCE, endpoint.ask(header)).await {
                Ok(Ok(header)) => {
                    let head = Head { block: BlockRef::new(header.id), timestamp: header.timestamp };
                    let believed = {
                        let memory = self.memory();
                        !memory.knows_most_witnesses() || memory.knows_witness(header.witness)
                    };
                    if believed {
                        endpoint.set_head(head);
                        return (1_i64.saturating_add(self.judge_fork(endpoint, head).await), Some(endpoint));
                    }
                }
                Ok(Err(error)) => tracing::debug!(node = endpoint.name(), %error, "no head to compare with"),
                Err(_) => endpoint.was_silent(),
            }
            (1, None)
        });
        let told = join_all(asked).await;
        self.memory().spent(told.iter().fold(0_i64, |sum, (calls, _)| sum.saturating_add(*calls)));
        for endpoint in told.iter().filter_map(|(_, endpoint)| *endpoint) {
            self.judge_height(endpoint);
        }
        self.follow_the_longer_fork();
    }

    /// Compares a node's chain with the one that we follow, at a height that both have. How many questions that took.
    async fn judge_fork(&self, endpoint: &Endpoint, head: Head) -> i64 {
        let (ours, tip) = {
            let memory = self.memory();
            (memory.at(head.height()), memory.tip())
        };
        if let Some(ours) = ours {
            if ours == *head.block.id() {
                endpoint.agrees();
            } else {
                endpoint.strays(*head.block.id());
            }
            return 0;
        }
        // Its head is above what was read. Whether it is on our chain again, its block at our tip says; who was never
        // seen elsewhere is not asked.
        let Some(tip) = tip.filter(|tip| *tip < head.height() && endpoint.has_strayed()) else { return 0 };
        let at_tip = Box::pin(endpoint.client.id_at(tip));
        if let Ok(Ok(Some(id))) = timeout(PROBE_PATIENCE, endpoint.ask(at_tip)).await {
            match self.memory().at(tip) {
                Some(ours) if ours == id => endpoint.agrees(),
                Some(_) => endpoint.strays(*head.block.id()),
                None => {}
            }
        }
        1
    }

    /// The network goes on with the longest fork. Where that is one that we set nodes aside for, those on it are asked
    /// from now on, and those that stay on the other one are set aside.
    fn follow_the_longer_fork(&self) {
        if planted(Fault::StrayForEver) {
            return;
        }
        let (aside, with_us): (Vec<_>, Vec<_>) = self
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.standing() != Standing::Quarantined)
            .partition(|endpoint| endpoint.standing() == Standing::OtherFork);
        let highest = |endpoints: &[&Endpoint]| {
            endpoints.iter().filter_map(|endpoint| endpoint.head().map(|head| head.height())).max()
        };
        let (Some(theirs), Some(ours)) = (highest(&aside), highest(&with_us).or(self.memory().tip())) else {
            return;
        };
        // Before most witnesses were seen anybody can sign a head of any height.
        if theirs.get().saturating_sub(ours.get()) < LONGER_FORK || !self.memory().knows_most_witnesses() {
            return;
        }
        tracing::warn!(%theirs, %ours, "another fork is longer than the one that was read; it is followed from now on");
        for endpoint in with_us {
            if let Some(head) = endpoint.head() {
                endpoint.is_left_behind(*head.block.id());
            }
        }
        for endpoint in aside {
            endpoint.agrees();
            self.judge_height(endpoint);
        }
    }

    /// Sets a node aside that is behind, or takes it back, by the head that it has just told of.
    fn judge_height(&self, endpoint: &Endpoint) {
        let heard = endpoint.head().map(|head| head.height());
        if let Some(best) = self.best_height().max(heard) {
            endpoint.judge_height(best, self.settings.stale_after);
        }
    }
}

/// Which of two errors says more about whether to ask again: what is final is believed only where everybody says it.
fn less_final(before: Option<ChainError>, now: ChainError) -> ChainError {
    let wait = |error: &ChainError| match error {
        ChainError::RateLimited { retry_after } => retry_after.map(Span::ms),
        _ => None,
    };
    match (before, now) {
        (None | Some(ChainError::Unsupported(_)), now) => now,
        (Some(before), ChainError::Unsupported(_)) => before,
        (Some(ChainError::Refused(_)), now) => now,
        (Some(before), ChainError::Refused(_)) => before,
        // The shortest wait of several.
        (Some(before @ ChainError::RateLimited { .. }), now @ ChainError::RateLimited { .. }) => {
            match (wait(&before), wait(&now)) {
                (Some(first), Some(second)) if first <= second => before,
                (Some(_), None) => before,
                _ => now,
            }
        }
        (Some(ChainError::RateLimited { .. }), now) => now,
        (Some(before), _) => before,
    }
}

/// There is nobody to ask.
fn nobody() -> ChainError {
    ChainError::Unavailable("no node can be asked now".to_owned())
}
