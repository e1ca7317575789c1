//! Whoever reads a chain over a pool of nodes, as the block listener does, and notes what was paid to one address.

use leyden_domain::{Address, BlockId, Height, TxId};
use leyden_ports::{ChainError, ChainReader as _};
use leyden_sim::SimNode;
use leyden_tron::node::NodePool;
use std::time::Duration;

/// How long the newest block is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often one look may turn back.
const MOST_TURNS: u32 = 3;

/// A payment: transaction, index in it, amount.
pub(crate) type Paid = (TxId, u32, i64);

/// Where payments go.
pub(crate) fn us() -> Address {
    Address::from_evm([0x77; 20])
}

/// What follows the chain, as the block listener does, and what it found.
pub(crate) struct Follower {
    pub(crate) pool: NodePool,
    pub(crate) blocks: Vec<(BlockId, Vec<Paid>)>,
    pub(crate) failed_polls: u32,
}

impl Follower {
    pub(crate) const fn new(pool: NodePool) -> Self {
        Self { pool, blocks: Vec::new(), failed_polls: 0 }
    }

    pub(crate) async fn poll(&mut self) -> Result<(), ChainError> {
        let head = self.pool.head().await?.height();
        let mut turns = 0;
        loop {
            let wanted = self.blocks.last().map_or(Height::new(1), |(id, _)| id.height().next());
            if wanted > head {
                return Ok(());
            }
            let Some(block) = self.pool.block(wanted).await? else { return Ok(()) };
            if self.blocks.last().is_some_and(|(id, _)| *id != block.parent) {
                // Two forks that answer by turns are looked at again later, as the block listener does.
                turns += 1;
                if turns > MOST_TURNS {
                    return Ok(());
                }
                self.turn_back().await?;
                continue;
            }
            let paid = block
                .transfers
                .iter()
                .filter(|transfer| transfer.to == us() && transfer.evidence.is_proof())
                .map(|transfer| (transfer.tx_id, transfer.index, transfer.amount))
                .collect();
            self.blocks.push((block.id, paid));
        }
    }

    /// Undoes blocks down to the newest that is still on the chain.
    async fn turn_back(&mut self) -> Result<(), ChainError> {
        while let Some((id, _)) = self.blocks.last().cloned() {
            match self.pool.block(id.height()).await? {
                Some(block) if block.id == id => return Ok(()),
                Some(_) => {
                    self.blocks.pop();
                }
                None => return Ok(()),
            }
        }
        Ok(())
    }

    pub(crate) async fn try_once(&mut self) {
        if self.poll().await.is_err() {
            self.failed_polls += 1;
        }
    }

    /// Polls until the chain's newest block is reached. Whether it was.
    pub(crate) async fn catch_up(&mut self, chain: &SimNode) -> bool {
        let head = chain.chain().head().id;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while tokio::time::Instant::now() < deadline {
            self.try_once().await;
            if self.blocks.last().is_some_and(|(id, _)| *id == head) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }
}
