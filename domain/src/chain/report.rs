//! What a node says of any one transaction. For people who ask where theirs is; nothing is ever decided by it, because
//! nothing of it is proven.

use super::ContractKind;
use crate::{
    address::{Address, Height},
    amount::Asset,
    time::Timestamp,
};

/// A transaction as one node shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionReport {
    /// The block that holds it; `None` while it waits for one.
    pub height: Option<Height>,
    /// Whether it failed; what waits has not yet.
    pub failed: bool,
    /// The kind of its contract.
    pub kind: ContractKind,
    /// When it can no longer get into a block, where that is known.
    pub expires_at: Option<Timestamp>,
    /// What it moved; of one that waits or failed, what it asks for.
    pub movements: Vec<Movement>,
    /// Whether a contract may have moved TRX in it that this node does not show: not every node keeps what contracts send.
    pub may_hide: bool,
}

/// Money or tokens that go from one address to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement {
    /// Counted as in [`super::Transfer::index`].
    pub index: u32,
    /// What is moved.
    pub what: Moved,
    /// From whom.
    pub from: Address,
    /// To whom.
    pub to: Address,
    /// How much, in millionths or in the token's own unit; `None` where it is more than anybody counts.
    pub amount: Option<i64>,
}

/// What is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// TRX or USDT.
    Asset(Asset),
    /// Another token, by its contract.
    Token(Address),
}
