//! The reader port over a pool. What a call costs is counted: a new block is one question (the newest block, whole)
//! and one for its receipts where it has calls of contracts; the solid block is asked for with what is left.

use super::{Endpoint, LONGER_FORK, NodePool, nobody};
use crate::node::reader::Fetched;
use async_trait::async_trait;
use futures_util::FutureExt as _;
use leyden_domain::{
    Address, BlockRef, Height, Sun, TxId, UsdtMicro,
    chain::{Block, Head, TransactionReport},
};
use leyden_ports::{AccountInfo, ChainError, ChainReader, Holdings, NodeStatus, PoolChainState, Sighting};
use std::sync::Arc;
use tokio::time::Instant;

/// What nodes have at a height.
enum Found {
    Block(usize, Box<Fetched>),
    /// No node has a block there, nor says that there is one.
    Nothing,
}

/// How many calls a block took.
fn calls_for(shown: &Fetched) -> i64 {
    if shown.with_receipts { 2 } else { 1 }
}

impl NodePool {
    /// What a node has at a height, asking the next where one says that there is nothing although there must be.
    async fn find(&self, height: Height) -> Result<Found, ChainError> {
        let kept = self.memory().take_ahead(height);
        if let Some((index, raw)) = kept
            && let Some(endpoint) = self.endpoints.get(index)
        {
            match self.ask_one(endpoint, Box::pin(endpoint.client.complete(raw, height))).await {
                Ok(shown) => {
                    self.memory().spent(i64::from(shown.with_receipts));
                    return Ok(Found::Block(index, Box::new(shown)));
                }
                Err(error) => {
                    tracing::debug!(node = endpoint.name(), %error, %height, "the newest block is asked for anew");
                }
            }
        }
        let mut trouble: Option<ChainError> = None;
        let mut answers = Vec::new();
        let mut absent: Vec<&Endpoint> = Vec::new();
        for (index, endpoint) in self.order() {
            if !self.is_alone() && !endpoint.admits() {
                continue;
            }
            match self.ask_one(endpoint, Box::pin(endpoint.client.fetch(height))).await {
                Ok(Some(shown)) => {
                    self.memory().spent(calls_for(&shown));
                    self.is_followed(&shown, endpoint, &absent)?;
                    return Ok(Found::Block(index, Box::new(shown)));
                }
                Ok(None) => {
                    answers.push(format!("{} does not have it", endpoint.name()));
                    absent.push(endpoint);
                    self.memory().spent(1);
                    if endpoint.head().is_some_and(|head| head.height() >= height) {
                        endpoint
                            .note(Some(&ChainError::Malformed(format!("no block {height} below its head"))));
                    }
                    if self.best_height().is_none_or(|best| best < height) {
                        return Ok(Found::Nothing);
                    }
                }
                Err(error) => {
                    answers.push(format!("{}: {error}", endpoint.name()));
                    trouble = Some(super::less_final(trouble, error));
                }
            }
        }
        Err(match trouble {
            Some(
                error @ (ChainError::Unavailable(_) | ChainError::Malformed(_) | ChainError::Unverified(_)),
            ) if !self.is_alone() => {
                tracing::debug!(%height, %error, "no node shows a block that can be believed");
                ChainError::Unavailable(format!("block {height}: {}", answers.join("; ")))
            }
            Some(error) => error,
            None if !absent.is_empty() => ChainError::Unavailable(format!("no node shows block {height}")),
            None => {
                return self.ask(|endpoint| endpoint.client.fetch(height).boxed()).await.and_then(
                    |(index, shown)| {
                        shown.map(|shown| Found::Block(index, Box::new(shown))).ok_or_else(nobody)
                    },
                );
            }
        })
    }

    /// Whether a block is handed out that does not continue what was read, where who was asked before has none of that
    /// height: the two are on different forks. The longer one is followed once it is clear which that is, and who is on
    /// the other is set aside, unless a witness that was never seen signs it; till then nothing is read, for else each would
    /// be asked in turn without end.
    fn is_followed(&self, shown: &Fetched, by: &Endpoint, absent: &[&Endpoint]) -> Result<(), ChainError> {
        let height = shown.block.height();
        if absent.is_empty() || self.memory().continues(&shown.block) {
            return Ok(());
        }
        let head = |endpoint: &Endpoint| {
            endpoint.head().map_or(height.get().saturating_sub(1), |head| head.height().get())
        };
        let theirs = absent.iter().map(|endpoint| head(endpoint)).max().unwrap_or(0);
        let is_a_strangers = !self.memory().knows_witness(shown.block.witness);
        if is_a_strangers || head(by).max(height.get()).saturating_sub(theirs) < LONGER_FORK {
            let names: Vec<_> = absent.iter().map(|endpoint| endpoint.name()).collect();
            let (by, others) = (by.name(), names.join(", "));
            return Err(ChainError::Unavailable(format!(
                "block {height}: {by} and {others} are on different forks"
            )));
        }
        for endpoint in absent {
            if let Some(head) = endpoint.head() {
                endpoint.is_left_behind(*head.block.id());
            }
        }
        Ok(())
    }

    /// A block is handed out: who else said something of its height is judged by it.
    fn hand_out(&self, shown: Fetched) -> Block {
        let block = shown.block;
        self.memory().handed_out(&block);
        for endpoint in &self.endpoints {
            if let Some(head) = endpoint.head()
                && head.height() == block.height()
            {
                if *head.block.id() == block.id {
                    endpoint.agrees();
                } else {
                    endpoint.strays(*head.block.id());
                }
            }
        }
        block
    }

    /// The head of the node that is asked first, whole where the next block to be read is probably that one.
    async fn newest(&self) -> Result<Head, ChainError> {
        let at_the_tip = {
            let memory = self.memory();
            let head = memory.head(Instant::now()).map(|(head, _)| head.height());
            memory.tip().zip(head).is_some_and(|(tip, head)| tip >= head)
        };
        let (index, header, whole) = if at_the_tip {
            let (index, raw) = self.ask(|endpoint| endpoint.client.newest_whole().boxed()).await?;
            (index, raw.header.clone(), Some(raw))
        } else {
            let (index, header) =
                self.ask(|endpoint| endpoint.client.newest_header("/wallet").boxed()).await?;
            (index, header, None)
        };
        let endpoint = self.endpoints.get(index).ok_or_else(nobody)?;
        let head = Head { block: BlockRef::new(header.id), timestamp: header.timestamp };
        if let Err(error) = self.believe_head(endpoint, head, header.witness) {
            endpoint.note(Some(&error));
            return Err(error);
        }
        let mut memory = self.memory();
        memory.spent(1);
        if let Some(raw) = whole {
            memory.keep_ahead(index, raw);
        }
        drop(memory);
        Ok(head)
    }
}

/// An error that several readers were waiting for.
fn shared(error: Arc<ChainError>) -> ChainError {
    Arc::try_unwrap(error).unwrap_or_else(|error| ChainError::clone(&error))
}

#[async_trait]
impl ChainReader for NodePool {
    async fn head(&self) -> Result<Head, ChainError> {
        let still = self.settings.paced.then(|| self.memory().head_until_next(Instant::now())).flatten();
        if let Some(head) = still {
            return Ok(head);
        }
        self.probe().await;
        self.newest().await
    }

    async fn solid(&self) -> Result<Head, ChainError> {
        let still = self.settings.paced.then(|| self.memory().solid_until_next()).flatten();
        if let Some(solid) = still {
            return Ok(solid);
        }
        let (index, solid) = self.ask(|endpoint| endpoint.client.solid()).await?;
        let mut memory = self.memory();
        memory.spent(1);
        if memory.head(Instant::now()).is_some_and(|(head, _)| solid.height() > head.height().offset(1)) {
            drop(memory);
            let error = ChainError::Malformed(format!("solid block {} above the head", solid.height()));
            if let Some(endpoint) = self.endpoints.get(index) {
                endpoint.note(Some(&error));
            }
            return Err(error);
        }
        let solid = memory.borne_out(solid);
        memory.saw_solid(solid);
        Ok(solid)
    }

    async fn block(&self, height: Height) -> Result<Option<Block>, ChainError> {
        match self.find(height).await? {
            Found::Nothing => Ok(None),
            Found::Block(index, shown) => {
                self.agreed((index, *shown)).await.map(|shown| Some(self.hand_out(shown)))
            }
        }
    }

    async fn blocks(&self, from: Height, count: u32) -> Result<Vec<Block>, ChainError> {
        let best = self.best_height();
        let (index, run) = self
            .ask(|endpoint| {
                async move {
                    let run = endpoint.client.fetch_run(from, count).await?;
                    if run.is_empty() && best.is_some_and(|best| best >= from) {
                        return Err(ChainError::Malformed(format!("no block {from} below the head")));
                    }
                    Ok(run)
                }
                .boxed()
            })
            .await?;
        let mut blocks: Vec<Block> = Vec::with_capacity(run.len());
        for shown in run {
            match self.agreed((index, shown)).await {
                Ok(shown) => {
                    if blocks.last().is_some_and(|last| last.id != shown.block.parent) {
                        break;
                    }
                    blocks.push(self.hand_out(shown));
                }
                Err(error) if blocks.is_empty() => return Err(error),
                Err(error) => {
                    tracing::debug!(%error, "a run of blocks ends early");
                    break;
                }
            }
        }
        Ok(blocks)
    }

    async fn witnessed(&self, from: Height, count: u32) -> Result<Vec<Block>, ChainError> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut height = from;
        for _ in 0..count {
            let Some(told) = self.told_by_all(height).await? else { break };
            if blocks.last().is_some_and(|last| last.id != told.block.parent) {
                break;
            }
            blocks.push(told.block);
            height = height.next();
        }
        Ok(blocks)
    }

    async fn account(&self, address: Address) -> Result<Option<AccountInfo>, ChainError> {
        let asked = async { Ok(self.ask(|endpoint| endpoint.client.account(address)).await?.1) };
        self.accounts.try_get_with(address, asked).await.map_err(shared)
    }

    async fn pool_account(&self, address: Address) -> Result<PoolChainState, ChainError> {
        Ok(self.ask(|endpoint| endpoint.pool_account(address).boxed()).await?.1)
    }

    async fn holds_usdt(&self, address: Address) -> Result<bool, ChainError> {
        let asked = async { Ok(self.ask(|endpoint| endpoint.client.holds_usdt(address)).await?.1) };
        self.holders.try_get_with(address, asked).await.map_err(shared)
    }

    async fn usdt_balance(&self, address: Address) -> Result<UsdtMicro, ChainError> {
        Ok(self.ask(|endpoint| ChainReader::usdt_balance(&endpoint.client, address)).await?.1)
    }

    async fn delegated(&self, owner: Address, receiver: Address) -> Result<Sun, ChainError> {
        Ok(self.ask(|endpoint| endpoint.client.delegated(owner, receiver)).await?.1)
    }

    async fn holdings(&self, address: Address) -> Result<Holdings, ChainError> {
        Ok(self.ask(|endpoint| endpoint.client.holdings(address)).await?.1)
    }

    async fn lent(&self, owner: Address, receiver: Address) -> Result<(Head, Sun), ChainError> {
        Ok(self.ask(|endpoint| endpoint.client.lent(owner, receiver)).await?.1)
    }

    async fn sighting(&self, tx_id: TxId) -> Result<Option<Sighting>, ChainError> {
        Ok(self.ask(|endpoint| endpoint.client.sighting(tx_id)).await?.1)
    }

    async fn transaction(&self, tx_id: TxId) -> Result<Option<TransactionReport>, ChainError> {
        Ok(self.ask(|endpoint| endpoint.client.transaction(tx_id)).await?.1)
    }

    fn nodes(&self) -> Vec<NodeStatus> {
        self.status()
    }
}
