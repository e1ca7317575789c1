//! From what nodes send to what the rules read. Both forms of a block become one [`RawBlock`], which keeps every
//! hash that verification needs, and that becomes a [`leyden_domain::chain::Block`].
//!
//! Ids are always computed here, never believed; what the input says they are is kept beside them.

mod domain;
mod header;
mod json;
mod protobuf;
mod receipt;
mod report;
mod transaction;

pub use domain::{MissingReceipt, to_domain};
pub use header::{Header, NOBODY};
pub use json::{block_from_json, header_from_json, receipts_from_json, transaction_from_json};
pub use protobuf::{
    block_from_protobuf, blocks_from_block_list, receipts_from_protobuf, transaction_from_protobuf,
};
pub use receipt::{InternalTransfer, LogTransfer, Receipt};
pub use report::{Whereabouts, report};
pub(crate) use transaction::resource;
pub use transaction::{Outcome, TxAction, TxFacts, Undecided};

use crate::{verify, wire::walk::WalkError};
use leyden_domain::TxId;
use std::{cell::LazyCell, fmt};

/// Where in the input something is wrong, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Byte of the input.
    pub offset: Option<usize>,
    /// Which block of the input, counted from 0.
    pub block: Option<usize>,
    /// Which transaction of the block, counted from 0.
    pub transaction: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (name, value) in [("byte", self.offset), ("block", self.block), ("transaction", self.transaction)]
        {
            if let Some(value) = value {
                write!(f, "{separator}{name} {value}")?;
                separator = ", ";
            }
        }
        if separator.is_empty() { f.write_str("input") } else { Ok(()) }
    }
}

/// Input that is no block, no receipt or no transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct DecodeError {
    /// Where.
    pub place: Place,
    /// What is wrong there.
    pub reason: String,
}

impl DecodeError {
    /// Wrong, and nothing is known yet about where.
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { place: Place::default(), reason: reason.into() }
    }

    /// The same, in this transaction.
    pub(crate) fn in_transaction(mut self, index: usize) -> Self {
        self.place.transaction = self.place.transaction.or(Some(index));
        self
    }

    /// The same, in this block of the input.
    pub(crate) fn in_block(mut self, index: usize) -> Self {
        self.place.block = self.place.block.or(Some(index));
        self
    }

    /// The same, at this byte of the input.
    pub(crate) fn at(mut self, offset: usize) -> Self {
        self.place.offset = self.place.offset.or(Some(offset));
        self
    }

    /// The same, found in bytes that do not stand in the input: the byte becomes part of the reason.
    pub(crate) fn without_offset(mut self) -> Self {
        if let Some(offset) = self.place.offset.take() {
            self.reason = format!("{} at byte {offset} of the transaction", self.reason);
        }
        self
    }
}

impl From<WalkError> for DecodeError {
    fn from(error: WalkError) -> Self {
        Self::new(error.reason).at(error.offset)
    }
}

/// In which form a block came, which decides what can be proven about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The very bytes that the Merkle root is over.
    Protobuf,
    /// Transactions rebuilt from JSON, which cannot show fields of a result that the node does not know.
    Json,
}

/// A block with everything needed to check it and to read it.
#[derive(Debug, Clone)]
pub struct RawBlock {
    /// The form it came in.
    pub form: Form,
    /// Its header.
    pub header: Header,
    /// Its transactions, in order.
    pub transactions: Vec<TxFacts>,
}

impl RawBlock {
    /// Whether any transaction may have moved money in ways that only receipts show.
    pub fn needs_receipts(&self) -> bool {
        self.transactions.iter().any(|tx| tx.succeeded() && tx.runs_code())
    }

    /// Whether the header proves that these are its transactions, with these results.
    pub fn proves_transactions(&self) -> bool {
        !self.transactions.is_empty()
            && verify::merkle_root(self.transactions.iter().map(|tx| tx.leaf)) == self.header.merkle_root
    }

    /// The transactions, by their place, that are neither counted nor known to have had no effect, and why. What
    /// nobody reads here is decided where it took effect.
    pub fn undecided(&self) -> Vec<(usize, TxId, Undecided)> {
        let is_proven = LazyCell::new(|| self.proves_transactions());
        let transactions = self.transactions.iter().enumerate();
        transactions
            .filter_map(|(index, tx)| {
                let why = match tx.took_effect(|| *is_proven) {
                    Ok(true) if tx.is_unreadable() => Undecided::Unreadable,
                    Ok(_) => return None,
                    Err(why) => why,
                };
                Some((index, tx.id, why))
            })
            .collect()
    }
}
