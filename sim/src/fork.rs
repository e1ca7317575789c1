//! Forks on demand: the newest blocks are undone and others take their place; what was undone can be brought
//! back. Solid blocks are never undone unless a test insists.

use crate::{block::StoredBlock, chain::Chain, error::SimError, journal::Record, mempool::Waiting};
use leyden_domain::TxId;
use std::{collections::BTreeSet, sync::Arc};

/// How many abandoned branches can be brought back.
const REMEMBERED_BRANCHES: usize = 16;

/// Which transactions of the undone blocks wait again afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Keep {
    /// All of them, as nodes do.
    #[default]
    All,
    /// None: the network has forgotten them.
    Nothing,
    /// All but these.
    Except(BTreeSet<TxId>),
    /// Only these.
    Only(BTreeSet<TxId>),
}

impl Keep {
    fn keeps(&self, id: &TxId) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::Except(lost) => !lost.contains(id),
            Self::Only(kept) => kept.contains(id),
        }
    }
}

/// A fork to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkPlan {
    /// How many of the newest blocks are undone.
    pub depth: u32,
    /// Which of their transactions wait again.
    pub keep: Keep,
    /// How many blocks the new branch gets; nodes only change to a longer one, so fewer than `depth` + 1 makes a
    /// chain that has visibly become shorter.
    pub blocks: u32,
    /// How many of them stay empty before waiting transactions are taken.
    pub empty_first: u32,
    /// Also below the solid block.
    pub force: bool,
}

impl ForkPlan {
    /// A fork as nodes see it: the branch that wins is one block longer, and nothing is lost.
    pub const fn of_depth(depth: u32) -> Self {
        Self { depth, keep: Keep::All, blocks: depth.saturating_add(1), empty_first: 0, force: false }
    }

    /// The same with another choice of transactions.
    #[must_use]
    pub fn keeping(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }
}

/// What a fork did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkReport {
    /// The last block that both branches have in common.
    pub common: i64,
    /// How many blocks were undone.
    pub undone: usize,
    /// The new head's number.
    pub head: i64,
}

/// Blocks that once were on the chain.
#[derive(Debug, Clone)]
pub(crate) struct Branch {
    /// The block they stand on.
    common: i64,
    blocks: Vec<Arc<StoredBlock>>,
}

impl Chain {
    /// Replaces the newest blocks.
    pub fn fork(&mut self, plan: &ForkPlan) -> Result<ForkReport, SimError> {
        let common = self.head().number() - i64::from(plan.depth);
        if common < self.solid_number() && !plan.force {
            return Err(SimError::BelowSolid { depth: plan.depth, solid: self.solid_number() });
        }
        let undone = self.abandon(common, &plan.keep)?;
        for n in 0..plan.blocks {
            let slot = undone.get(usize::try_from(n).unwrap_or(usize::MAX)).map(|block| block.timestamp());
            let timestamp = slot.unwrap_or_else(|| self.head().timestamp() + self.config.block_time_ms);
            self.produce(timestamp, n >= plan.empty_first)?;
        }
        Ok(ForkReport { common, undone: undone.len(), head: self.head().number() })
    }

    /// Brings back the branch that was abandoned last, one block longer than what it replaces.
    pub fn flip_back(&mut self, keep: &Keep) -> Result<ForkReport, SimError> {
        let common = self.abandoned.last().ok_or(SimError::NoBranch)?.common;
        let count = self.undoable(common)?;
        if common < self.solid_number() {
            let depth = u32::try_from(count).unwrap_or(u32::MAX);
            return Err(SimError::BelowSolid { depth, solid: self.solid_number() });
        }
        let branch = self.abandoned.pop().ok_or(SimError::NoBranch)?;
        let target = self.head().number() + 1;
        let undone = self.abandon(branch.common, keep)?;
        for block in &branch.blocks {
            let bytes = block.bytes();
            let below = self.head().number();
            self.apply_bytes(&bytes)?;
            if let Err(error) = self.record(&Record::Block(hex::encode(&bytes))) {
                self.rewind(below)?;
                return Err(error);
            }
        }
        while self.head().number() < target {
            self.produce(self.head().timestamp() + self.config.block_time_ms, true)?;
        }
        Ok(ForkReport { common: branch.common, undone: undone.len(), head: self.head().number() })
    }

    /// Undoes everything above a block, in the journal too, and lets the chosen transactions wait again.
    fn abandon(&mut self, common: i64, keep: &Keep) -> Result<Vec<Arc<StoredBlock>>, SimError> {
        self.undoable(common)?;
        self.record(&Record::Rewind(common))?;
        let undone = self.rewind(common)?;
        let back = undone
            .iter()
            .flat_map(|block| block.transactions.iter().map(|one| (block.timestamp(), one)))
            .filter(|(_, one)| keep.keeps(&one.tx.id))
            .map(|(received_at, one)| Waiting { tx: one.tx.clone(), received_at, result: one.result.clone() })
            .collect::<Vec<_>>();
        let waiting = self.pool.take();
        self.world.undo();
        self.world.push();
        self.requeue(back.into_iter().chain(waiting).collect());
        if self.abandoned.len() == REMEMBERED_BRANCHES {
            self.abandoned.remove(0);
        }
        self.abandoned.push(Branch { common, blocks: undone.clone() });
        Ok(undone)
    }

    /// How many blocks lie above one, if they can be undone.
    fn undoable(&self, common: i64) -> Result<usize, SimError> {
        let depth = self.head().number() - common;
        match usize::try_from(depth) {
            Ok(count) if common >= 0 && count <= self.remembered => Ok(count),
            _ => Err(SimError::TooDeep {
                depth: u32::try_from(depth).unwrap_or(u32::MAX),
                remembered: self.remembered,
            }),
        }
    }

    /// Undoes everything above a block; what was changed from outside meanwhile is carried over to it.
    pub(crate) fn rewind(&mut self, common: i64) -> Result<Vec<Arc<StoredBlock>>, SimError> {
        let count = self.undoable(common)?;
        self.world.undo();
        let mut undone = Vec::with_capacity(count);
        for _ in 0..count {
            let Some(block) = self.blocks.pop() else { break };
            self.world.undo();
            self.remembered -= 1;
            for one in &block.transactions {
                self.included.remove(&one.tx.id);
            }
            undone.push(block);
        }
        undone.reverse();
        self.rewinds += 1;
        self.solid = self.solid.min(common);
        let carried = self.actions.split_off(&(common + 1));
        for action in carried.into_values().flatten() {
            self.apply_action(action);
        }
        self.world.push();
        let waiting = self.pool.take();
        self.requeue(waiting);
        Ok(undone)
    }
}
