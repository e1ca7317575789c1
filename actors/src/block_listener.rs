//! `block_listener`: one per network. Asks the node for the next block, checks that it continues the chain, and
//! commits it together with everything derived from it and the cursor. If the node's chain has turned, undoes
//! blocks down to the common ancestor first. Never below a solid block: then it stops and says so, and nobody moves
//! money until a person has looked.

use crate::{
    boards::{Blocked, ChainStatus, Patience},
    kernel::Progress,
    retry::Retry,
    settlement::Rules,
    shared::Shared,
    worker::{After, Cause, Worker},
};
use async_trait::async_trait;
use leyden_domain::{
    Address, Asset, Height, PaymentId, Span,
    chain::{Block, Evidence, Follower, Head, Resolution, ResourceAction, ResourceEvent, SentTransfer},
    halt::HaltCause,
    payment::{Payment, PaymentState},
    planted::{Fault, planted},
};
use leyden_ports::{
    ChainError, StoreError,
    store::{BlockCommit, ChainPosition, DustCount},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// Most rounds of fetch and commit in one look, so that a long catch-up yields now and then.
const ROUNDS_AT_ONCE: u32 = 64;

/// Reads the chain into the books.
#[derive(Debug)]
pub(crate) struct BlockListener {
    shared: Arc<Shared>,
    /// Only ever locked by the one look that is under way.
    follower: Mutex<Option<Follower>>,
    retry: Retry,
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nodes answer, but none shows this block as it can be believed. It is in the log already.
    #[error("a block cannot be read")]
    Blocked,
}

/// What a round of fetch and commit did.
enum Round {
    Moved,
    /// Looks for the place where two chains part. The books have not moved.
    Comparing,
    Idle,
    /// Nodes tell of newer blocks and none shows this one.
    Absent,
    /// A block did not continue ours, and ours was on the chain all the same: nodes are on different forks.
    Undecided,
    Broken(Height),
}

impl BlockListener {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, follower: Mutex::new(None), retry: Retry::default() }
    }

    /// Reads where the books stand. Where they are empty, begins a little behind the node's head.
    async fn load(&self) -> Result<Follower, Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        if let Some(position) = ports.store.chain_position().await? {
            let follower =
                Follower::new(position.first, position.window.iter().copied(), position.view.solid.height());
            self.post_position(&position);
            return Ok(follower);
        }
        let (head, solid) = (ports.chain.head().await?, ports.chain.solid().await?);
        // At or below the solid block: the first block that is read must never be undone.
        let start =
            head.height().get().saturating_sub(settings.start_behind).min(solid.height().get()).max(1);
        Ok(Follower::new(Height::new(start), [], Height::new(start.saturating_sub(1))))
    }

    async fn read_chain(&self, cause: Cause, progress: &Progress) -> Result<After, Trouble> {
        let mut guard = self.follower.lock().await;
        if guard.is_none() {
            *guard = Some(self.load().await?);
        }
        let Some(follower) = guard.as_mut() else { return Ok(After::Rest) };
        if self.shared.boards.chain.read().paused {
            return Ok(After::Rest);
        }
        let head = self.shared.ports.chain.head().await?;
        self.heard();
        self.update(|status| {
            status.node_head = Some(head);
            status.error = status.blocked.as_ref().map(ToString::to_string);
        });
        follower.note_head(head);
        // The head is asked for all the same: it says how far behind we are.
        if cause == Cause::Tick && self.retry.rests() {
            return Ok(After::Rest);
        }
        for _ in 0..ROUNDS_AT_ONCE {
            // Whichever block is looked at to find where chains part: the books stand still before this one.
            let next = follower.next();
            match self.round(follower, head).await {
                Err(Trouble::Chain(error)) => {
                    self.blocked(next, error.to_string());
                    return Err(Trouble::Blocked);
                }
                Err(error) => return Err(error),
                Ok(Round::Absent) => {
                    let reason = format!("no node shows it, although the chain is at {}", head.height());
                    self.blocked(next, reason);
                    return Ok(After::Rest);
                }
                Ok(Round::Undecided) => {
                    // At once it would be the same again, and for as long as they are.
                    self.blocked(next, "nodes are on different forks".to_owned());
                    return Ok(After::Rest);
                }
                Ok(Round::Moved) => {
                    self.unblocked();
                    progress.tick();
                }
                Ok(Round::Comparing) => progress.tick(),
                Ok(Round::Idle) => return Ok(After::Rest),
                Ok(Round::Broken(at)) => {
                    tracing::error!(height = %at, "the node's chain differs from ours below a solid block; money stands still");
                    self.update(|status| status.below_solid = Some(at));
                    let detail = format!(
                        "the node's chain differs from ours at or above block {at}, below the solid one"
                    );
                    let evidence = vec![format!("height {at}")];
                    self.shared.halt(HaltCause::ForkBelowSolid, detail, evidence, "block_listener").await?;
                    return Ok(After::Rest);
                }
            }
        }
        Ok(After::Again)
    }

    /// Fetches what is wanted next and commits what it means.
    async fn round(&self, follower: &mut Follower, head: Head) -> Result<Round, Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let wanted = follower.wanted();
        let behind = head.height().get().saturating_sub(wanted.get()).saturating_add(1);
        if follower.is_comparing() {
            let Some(block) = ports.chain.block(wanted).await? else {
                // Of the other branch the nodes may have less than we have of ours.
                return Ok(if behind < 1 { Round::Idle } else { Round::Absent });
            };
            self.heard();
            return self.turn(follower, &block).await;
        }
        if behind < 1 {
            return Ok(Round::Idle);
        }
        let batch = u32::try_from(behind).unwrap_or(u32::MAX).min(settings.catch_up_batch.max(1));
        let blocks = self.fetch(wanted, batch).await?;
        self.heard();
        settings.did("listener.fetched");

        let mut trial = follower.clone();
        let mut commits = Vec::with_capacity(blocks.len());
        for block in &blocks {
            let continues =
                block.height() == trial.wanted() && trial.tip().is_none_or(|tip| *tip.id() == block.parent);
            if continues {
                trial.appended(block.reference());
                commits.push(self.commit_of(block));
            } else if commits.is_empty() {
                return self.turn(follower, block).await;
            } else {
                break;
            }
        }
        let Some(first_read) = commits.first().map(|commit| commit.head) else { return Ok(Round::Absent) };
        let solid = self.solid_head(&trial, first_read).await?;
        if planted(Fault::CursorBeforeRows) && commits.len() > 1 {
            for commit in &mut commits {
                commit.payments.clear();
            }
        }
        let rules = Arc::new(Rules(Arc::clone(&self.shared)));
        let settled = ports.store.settle_blocks(commits, solid, ports.clock.now(), rules).await?;
        settings.did("listener.recorded");
        let position = settled.position;
        trial.solidified(position.view.solid.height());
        *follower = trial;
        self.post_position(&position);
        // First those who have something to send.
        self.shared.hint_agents(settled.accounts);
        self.shared.hint_watchers(&settled.orders);
        self.update(|status| status.below_solid = None);
        if !settled.orders.is_empty() {
            self.shared.hint_guard();
        }
        self.tell();
        Ok(Round::Moved)
    }

    /// The next blocks, together where that can be. One of them that cannot be read must not keep back those before it.
    async fn fetch(&self, wanted: Height, batch: u32) -> Result<Vec<Block>, ChainError> {
        let chain = &self.shared.ports.chain;
        if batch > 1 && !self.retry.goes_one_by_one() {
            match chain.blocks(wanted, batch).await {
                Err(
                    error @ (ChainError::Unverified(_) | ChainError::Malformed(_) | ChainError::Refused(_)),
                ) => {
                    tracing::debug!(%error, from = %wanted, batch, "a run of blocks is asked for one by one");
                    self.retry.go_one_by_one(batch);
                }
                answer => return answer,
            }
        }
        Ok(chain.block(wanted).await?.into_iter().collect())
    }

    /// A node has answered.
    fn heard(&self) {
        let now = self.shared.ports.clock.now();
        let patience = Patience::asking_every(self.shared.settings.poll_interval);
        self.update(|status| {
            status.answered_at = Some(now);
            status.patience = patience;
            status.books_failed = false;
        });
    }

    /// Nodes answer, but not with this block: says so, and asks for it less often the longer it lasts.
    fn blocked(&self, height: Height, reason: String) {
        let now = self.shared.ports.clock.now();
        let known = self.shared.boards.chain.read().blocked.clone().filter(|known| known.height == height);
        let (since, before) = known.map_or((now, 0), |known| (known.since, known.attempts));
        let attempts = before.saturating_add(1);
        let interval = self.shared.settings.poll_interval;
        let rest = self.retry.rest(attempts, interval);
        // Every attempt is told once they are rare.
        if attempts.is_power_of_two() || rest > interval {
            let seconds = now.since(since).ms() / 1_000;
            let retry_ms = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(%height, attempts, seconds, retry_ms, %reason, "a block cannot be read; the books stand still");
        }
        let blocked = Blocked { height, since, attempts, reason };
        self.update(|status| {
            status.error = Some(blocked.to_string());
            status.books_failed = false;
            status.blocked = Some(blocked.clone());
        });
    }

    /// The books go on.
    fn unblocked(&self) {
        self.retry.went_on();
        let Some(blocked) = self.shared.boards.chain.read().blocked.clone() else { return };
        let seconds = self.shared.ports.clock.now().since(blocked.since).ms() / 1_000;
        tracing::warn!(height = %blocked.height, attempts = blocked.attempts, seconds, "the block is read; the books go on");
        self.update(|status| (status.blocked, status.error) = (None, None));
    }

    /// The newest solid block that the node has shown us to be on our own chain. Only an id that we recorded ourselves
    /// is believed: answers may come from several machines behind one address, one of them on another fork, and while
    /// catching up the node's solid block is one that we have not read yet. Until then nothing new is solid.
    async fn solid_head(&self, trial: &Follower, first_read: Head) -> Result<Head, Trouble> {
        let solid = self.shared.ports.chain.solid().await?;
        // The very first block was chosen at or below the node's solid one.
        let known = self.shared.boards.chain.read().solid.unwrap_or(first_read);
        if planted(Fault::HeadIsSolid)
            && let Some(head) = self.shared.boards.chain.read().node_head
        {
            return Ok(head);
        }
        match trial.agrees_with(solid.block) {
            Some(true) => Ok(solid),
            Some(false) => {
                tracing::warn!(solid = ?solid.block, "the node's solid block is not on its own chain as we read it");
                Ok(known)
            }
            None => Ok(known),
        }
    }

    /// A block that does not continue our chain.
    async fn turn(&self, follower: &mut Follower, block: &Block) -> Result<Round, Trouble> {
        match follower.resolve(block.id, block.parent) {
            Resolution::Rewind { to } => {
                let Shared { ports, settings, .. } = self.shared.as_ref();
                let report = ports.store.rewind(to, ports.clock.now()).await?;
                settings.did("listener.rewound");
                tracing::warn!(to = ?to, blocks = report.blocks, orders = report.orders.len(), "the chain turned");
                follower.rewound(to);
                if let Some(position) = ports.store.chain_position().await? {
                    self.post_position(&position);
                }
                self.tell();
                Ok(Round::Moved)
            }
            Resolution::Compare if follower.is_comparing() => Ok(Round::Comparing),
            Resolution::Compare => Ok(Round::Undecided),
            Resolution::BelowSolid { at } => Ok(Round::Broken(at)),
            // `Append` is not reached: the caller has seen that the block does not continue the chain.
            Resolution::Append | Resolution::Unasked => Ok(Round::Idle),
        }
    }

    /// What of a block concerns us.
    pub(crate) fn commit_of(&self, block: &Block) -> BlockCommit {
        let settings = &self.shared.settings;
        let watched = self.shared.boards.pool.read();
        let is_pool = |address| watched.accounts.iter().any(|account| account.address == address);
        let refunding = self.shared.boards.refunds.read();
        let is_refund_account = |address| refunding.accounts.iter().any(|account| account.address == address);
        let mut payments = Vec::new();
        let mut dust: BTreeMap<Asset, DustCount> = BTreeMap::new();
        for transfer in &block.transfers {
            let to_us = settings.payment_addresses.contains(&transfer.to);
            // Nor is what the refund account gives back to us a customer's.
            let from_us =
                settings.payment_addresses.contains(&transfer.from) || is_refund_account(transfer.from);
            if !to_us || from_us || !transfer.evidence.is_proof() || transfer.amount <= 0 {
                continue;
            }
            let limit = match transfer.asset {
                Asset::Trx => settings.matching.dust_sun.get(),
                Asset::Usdt => settings.matching.dust_usdt_micro,
            };
            if transfer.amount < limit {
                let sum = dust.entry(transfer.asset).or_insert(DustCount {
                    asset: transfer.asset,
                    count: 0,
                    amount: 0,
                });
                sum.count = sum.count.saturating_add(1);
                sum.amount = sum.amount.saturating_add(transfer.amount);
                continue;
            }
            payments.push(Payment {
                id: PaymentId { tx_id: transfer.tx_id, index: transfer.index },
                asset: transfer.asset,
                from: transfer.from,
                to: transfer.to,
                amount: transfer.amount,
                evidence: transfer.evidence,
                block: Some(leyden_domain::chain::Delivery {
                    block: block.reference(),
                    timestamp: block.timestamp,
                }),
                state: PaymentState::Unrouted,
            });
        }
        let touches_pool = |event: &&ResourceEvent| {
            is_pool(event.owner)
                || is_refund_account(event.owner)
                || matches!(event.action, ResourceAction::Delegate { receiver, .. } | ResourceAction::Undelegate { receiver, .. } if is_pool(receiver))
        };
        BlockCommit {
            head: block.head(),
            parent: block.parent,
            payments,
            resource_events: block.resource_events.iter().filter(touches_pool).cloned().collect(),
            sent: self.sent(block),
            dust: dust.into_values().collect(),
            transactions: block.transaction_count(),
            behind: self.behind(block),
        }
    }

    /// How much older a block is than the node's head.
    fn behind(&self, block: &Block) -> Span {
        let head = self.shared.boards.chain.read().node_head;
        head.map_or(Span::ZERO, |head| head.timestamp.since(block.head().timestamp))
    }

    /// Money that our own accounts have sent in a block. A successful transaction of the block itself says so, or a token
    /// call that failed; both are under its Merkle root, as no log is.
    fn sent(&self, block: &Block) -> Vec<SentTransfer> {
        let watched = self.shared.boards.refunds.read();
        let is_ours = |address: &Address| {
            self.shared.settings.payment_addresses.contains(address)
                || watched.accounts.iter().any(|account| account.address == *address)
        };
        let coins = block
            .transfers
            .iter()
            .filter(|transfer| transfer.evidence == Evidence::Contract && is_ours(&transfer.from))
            .map(|transfer| SentTransfer {
                tx_id: transfer.tx_id,
                asset: transfer.asset,
                from: transfer.from,
                to: transfer.to,
                amount: transfer.amount,
                succeeded: true,
            });
        let tokens = block.token_calls.iter().filter(|call| is_ours(&call.owner)).map(|call| SentTransfer {
            tx_id: call.tx_id,
            asset: Asset::Usdt,
            from: call.owner,
            to: call.to,
            amount: call.amount,
            succeeded: call.succeeded,
        });
        coins.chain(tokens).collect()
    }

    fn post_position(&self, position: &ChainPosition) {
        let view = position.view;
        self.update(|status| {
            status.processed = Some(view.head);
            status.solid = Some(view.solid);
        });
    }

    fn update(&self, change: impl Fn(&mut ChainStatus)) {
        self.shared.boards.chain.update(change);
    }

    /// The chain has moved: everybody whose work hangs on blocks may look.
    fn tell(&self) {
        self.shared.hint_router();
        self.shared.hint_allocator();
        self.shared.hint_all_agents();
    }
}

#[async_trait]
impl Worker for BlockListener {
    fn interval(&self) -> Option<Duration> {
        Some(self.shared.settings.poll_interval)
    }

    fn stands_by(&self) -> bool {
        !self.shared.lead.is_ours()
    }

    async fn look(self: Arc<Self>, cause: Cause, progress: Progress) -> After {
        match self.read_chain(cause, &progress).await {
            Ok(after) => after,
            Err(error) => {
                // The follower may be ahead of books that answered late, or behind them: read them again.
                if !planted(Fault::FollowerSurvives) {
                    *self.follower.lock().await = None;
                }
                let text = match error {
                    Trouble::Blocked => return After::Rest,
                    Trouble::Chain(_) | Trouble::Store(_) => error.to_string(),
                };
                if self.shared.boards.chain.read().error.as_deref() != Some(text.as_str()) {
                    tracing::warn!(%error, "could not read the chain; will ask again");
                }
                let books_failed = matches!(error, Trouble::Store(_));
                self.update(|status| {
                    status.error = Some(text.clone());
                    status.books_failed = books_failed;
                });
                After::Rest
            }
        }
    }
}
