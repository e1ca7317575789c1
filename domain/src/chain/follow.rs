//! The block follower, without IO: it says which height it wants next, is given the block, and says what the
//! canonical chain is: the block continues it, or it has to be taken back to a common ancestor first.

use super::block::Head;
use crate::address::{BlockId, BlockRef, Height};
use std::collections::BTreeMap;

/// Follows one chain. Holds the ids of the blocks that may still be undone.
#[derive(Debug, Clone)]
pub struct Follower {
    start: Height,
    tip: Option<BlockRef>,
    window: BTreeMap<Height, BlockId>,
    solid: Height,
    comparing: Option<Height>,
}

/// What a block means for the chain as we know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// It continues the chain: record it, then [`Follower::appended`].
    Append,
    /// Blocks above this one left the chain: undo them, then [`Follower::rewound`].
    Rewind {
        /// The common ancestor, which stays.
        to: BlockRef,
    },
    /// Nothing to record yet: ask for what is wanted now, which is the next lower block where the chains differ,
    /// or the next one where they turned out not to.
    Compare,
    /// The other chain differs from ours at or below a solid block. Nobody may act on money until a person looked.
    BelowSolid {
        /// Where it was seen to differ.
        at: Height,
    },
    /// Not the block that was asked for.
    Unasked,
}

impl Follower {
    /// Starts at `start` where nothing was recorded yet, or behind the newest of the `recorded` blocks.
    /// `solid` is the newest height known to be solid.
    pub fn new(start: Height, recorded: impl IntoIterator<Item = BlockRef>, solid: Height) -> Self {
        let window: BTreeMap<Height, BlockId> =
            recorded.into_iter().map(|block| (block.height(), *block.id())).collect();
        let tip = window.last_key_value().map(|(_, id)| BlockRef::new(*id));
        Self { start, tip, window, solid, comparing: None }
    }

    /// The newest block of the chain as we know it.
    pub const fn tip(&self) -> Option<BlockRef> {
        self.tip
    }

    /// The height it wants next.
    pub fn wanted(&self) -> Height {
        self.comparing.unwrap_or_else(|| self.next())
    }

    /// The first height that is not recorded, whether or not it looks further down meanwhile for where two chains part.
    pub fn next(&self) -> Height {
        self.tip.map_or(self.start, |tip| tip.height().next())
    }

    /// Whether a block is on our chain; `None` where we do not remember its height.
    pub fn agrees_with(&self, block: BlockRef) -> Option<bool> {
        self.window.get(&block.height()).map(|ours| ours == block.id())
    }

    /// Whether it is looking for the place where two chains part.
    pub const fn is_comparing(&self) -> bool {
        self.comparing.is_some()
    }

    /// Takes note of a node's newest block: if that lies at or below our tip and is not ours, the chain has
    /// turned and it pays to find out where at once.
    pub fn note_head(&mut self, head: Head) {
        let height = head.height();
        let differs = self.window.get(&height).is_some_and(|ours| ours != head.block.id());
        if differs && self.comparing.is_none() {
            self.comparing = Some(height);
        }
    }

    /// Says what the block at the wanted height means.
    pub fn resolve(&mut self, id: BlockId, parent: BlockId) -> Resolution {
        let height = id.height();
        if height != self.wanted() {
            return Resolution::Unasked;
        }
        let Some(tip) = self.tip else { return Resolution::Append };
        if self.comparing.is_none() && parent == *tip.id() {
            return Resolution::Append;
        }
        if self.comparing.is_some() && self.window.get(&height) == Some(&id) {
            // Ours again: the node has changed its mind meanwhile. Only a stranger that stands on a block of ours
            // proves that the blocks above have left the chain.
            self.comparing = None;
            return Resolution::Compare;
        }
        let below = height.offset(-1);
        if self.window.get(&below) == Some(&parent) {
            return self.turn_back_to(BlockRef::new(parent));
        }
        if below <= self.solid || !self.window.contains_key(&below) {
            self.comparing = None;
            return Resolution::BelowSolid { at: below };
        }
        self.comparing = Some(below);
        Resolution::Compare
    }

    /// The common ancestor is found, below the tip.
    fn turn_back_to(&mut self, ancestor: BlockRef) -> Resolution {
        self.comparing = None;
        if ancestor.height() < self.solid {
            return Resolution::BelowSolid { at: ancestor.height() };
        }
        Resolution::Rewind { to: ancestor }
    }

    /// The block was recorded: it is the tip now.
    pub fn appended(&mut self, block: BlockRef) {
        self.window.insert(block.height(), *block.id());
        self.tip = Some(block);
    }

    /// The blocks above `to` were undone.
    pub fn rewound(&mut self, to: BlockRef) {
        self.window.retain(|height, _| *height <= to.height());
        self.tip = Some(to);
        self.comparing = None;
    }

    /// Everything up to this height is solid and needs no longer be remembered, but for the solid block itself.
    /// Solidity never goes back. Only true of our chain if whoever says so is on it: call it right after a block
    /// of the same node was appended.
    pub fn solidified(&mut self, height: Height) {
        let tip = self.tip.map_or(self.solid, |tip| tip.height());
        self.solid = self.solid.max(height.min(tip));
        let solid = self.solid;
        self.window.retain(|height, _| *height >= solid);
    }
}
