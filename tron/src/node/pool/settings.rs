//! What a pool of nodes is told.

use crate::node::{HttpError, NodeSettings};
use leyden_domain::{Address, Sun};
use std::{collections::BTreeSet, num::NonZeroU32, time::Duration};

/// What kind of node answers at an address. Both speak java-tron's HTTP API; they differ in what they let one ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// TronGrid, or a gateway that limits like it.
    TronGrid,
    /// A java-tron node of one's own.
    JavaTron,
}

impl NodeKind {
    /// Requests a second of one method with one key where the configuration names none. TronGrid publishes no fixed
    /// numbers; without a key one request a second of each method is what it was seen to bear. What it says in its
    /// refusals is heeded besides. One's own node has no limit unless it says so.
    pub const fn requests_per_second(self, has_key: bool) -> Option<NonZeroU32> {
        match (self, has_key) {
            (Self::TronGrid, true) => NonZeroU32::new(5),
            (Self::TronGrid, false) => NonZeroU32::new(1),
            (Self::JavaTron, _) => None,
        }
    }
}

/// What to do with what two nodes should say where only one can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Wait: such a block is not handed out before a second node shows the same.
    Required,
    /// Believe the one, after some patience, and say so.
    WhenPossible,
}

/// One node of a pool.
#[derive(Debug, Clone)]
pub struct PooledNode {
    /// How to talk to it.
    pub node: NodeSettings,
    /// Nodes with lower numbers are asked first while they are well.
    pub priority: u32,
    /// Whether transactions are sent to it.
    pub broadcast: bool,
}

/// Settings of a pool. Start from [`PoolSettings::new`].
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// The nodes.
    pub nodes: Vec<PooledNode>,
    /// Addresses that money comes to: what bears on them is what two nodes must agree about.
    pub watched: BTreeSet<Address>,
    /// A payment above this is handed out once two nodes show it.
    pub agreement_above: Sun,
    /// What to do where only one can be asked.
    pub agreement: Agreement,
    /// Whether the receipts of every block are compared between two nodes. They are not under the Merkle root, so one
    /// node alone could hide a token payment that no call data tells of.
    pub cross_check_receipts: bool,
    /// How many nodes a transaction is sent to.
    pub broadcast_to: usize,
    /// A node that is so many blocks behind the best is set aside.
    pub stale_after: i64,
    /// How often the nodes that are not asked anyway are asked for their head.
    pub probe_every: Duration,
    /// How long a node that lied is not asked; doubled each time, up to an hour.
    pub quarantine: Duration,
    /// How often a block that one node alone shows is asked for before [`Agreement::WhenPossible`] believes it.
    pub patience: u32,
    /// How long an answer about an address is given again: less than a block, so that many readers are one question.
    pub address_ttl: Duration,
    /// Whether a head is not asked for before the next block can be there. Told by the blocks' own rhythm.
    pub paced: bool,
}

impl PoolSettings {
    /// Careful settings.
    pub const fn new(nodes: Vec<PooledNode>, watched: BTreeSet<Address>) -> Self {
        Self {
            nodes,
            watched,
            agreement_above: Sun::from_trx(100),
            agreement: Agreement::WhenPossible,
            cross_check_receipts: false,
            broadcast_to: 2,
            stale_after: 5,
            probe_every: Duration::from_secs(15),
            quarantine: Duration::from_mins(1),
            patience: 5,
            address_ttl: Duration::from_secs(2),
            paced: true,
        }
    }
}

/// Why no pool can be made.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// There is nobody to ask.
    #[error("a pool wants at least one node")]
    Empty,
    /// One of the clients cannot be made.
    #[error(transparent)]
    Http(#[from] HttpError),
}
