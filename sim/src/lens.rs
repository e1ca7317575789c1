//! What a node shows of its chain: a stale node ends earlier than the chain does.

use crate::{
    block::{Included, StoredBlock},
    chain::Chain,
    faults::{Faults, ReadFault},
    node::SimNode,
};
use leyden_domain::TxId;
use std::sync::{Arc, MutexGuard};

/// The chain as the node shows it now.
#[derive(Debug)]
pub(crate) struct Lens<'a> {
    pub(crate) chain: MutexGuard<'a, Chain>,
    pub(crate) faults: Faults,
}

impl SimNode {
    /// Uses up a fault of a question, or lets the question be answered.
    pub(crate) fn ask(&self) -> Result<Lens<'_>, ReadFault> {
        let mut faults = self.faults();
        if let Some(fault) = faults.reads.pop_front() {
            return Err(fault);
        }
        let faults = faults.clone();
        Ok(Lens { chain: self.chain(), faults })
    }
}

impl Lens<'_> {
    /// The number of the newest block that is shown.
    pub(crate) fn head_number(&self) -> i64 {
        (self.chain.head().number() - i64::from(self.faults.stale_by)).max(0)
    }

    /// The number of the newest solid block that is shown.
    pub(crate) fn solid_number(&self) -> i64 {
        let behind = self.head_number() - i64::from(self.chain.config().solid_depth);
        if self.faults.stale_by == 0 { self.chain.solid_number() } else { behind.max(0) }
    }

    /// The newest block that is shown.
    pub(crate) fn head(&self) -> &Arc<StoredBlock> {
        self.chain.block(self.head_number()).unwrap_or_else(|| self.chain.head())
    }

    /// The newest solid block that is shown.
    pub(crate) fn solid(&self) -> &Arc<StoredBlock> {
        self.chain.block(self.solid_number()).unwrap_or_else(|| self.chain.head())
    }

    /// A block, if it is shown.
    pub(crate) fn block(&self, number: i64) -> Option<&Arc<StoredBlock>> {
        self.chain.block(number).filter(|block| block.number() <= self.head_number())
    }

    /// A transaction in a block, if that is shown.
    pub(crate) fn transaction(&self, id: &TxId) -> Option<(&Arc<StoredBlock>, &Included)> {
        self.chain.transaction(id).filter(|(block, _)| block.number() <= self.head_number())
    }
}
