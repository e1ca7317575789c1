//! The transactions that wait for a block.

use crate::tx::SignedTx;
use leyden_domain::TxId;
use leyden_tron::wire::proto::TransactionResult;

/// How long a transaction may wait, in milliseconds of chain time: java-tron `node.pendingTransactionTimeout`.
const PATIENCE_MS: i64 = 60_000;

/// A transaction that waits.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Waiting {
    pub(crate) tx: SignedTx,
    /// How it would end now.
    pub(crate) result: TransactionResult,
    /// The head's time when it came.
    pub(crate) received_at: i64,
}

impl Waiting {
    /// Whether it has waited too long for a block of that time.
    pub(crate) const fn is_stale(&self, block_time: i64) -> bool {
        block_time.saturating_sub(self.received_at) > PATIENCE_MS
    }
}

/// Transactions in the order they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mempool(Vec<Waiting>);

impl Mempool {
    /// Adds one at the end.
    pub(crate) fn push(&mut self, waiting: Waiting) {
        self.0.push(waiting);
    }

    /// Takes all.
    pub(crate) fn take(&mut self) -> Vec<Waiting> {
        std::mem::take(&mut self.0)
    }

    /// Looks at all.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.0.iter()
    }

    /// Whether one waits.
    pub(crate) fn contains(&self, id: &TxId) -> bool {
        self.0.iter().any(|waiting| waiting.tx.id == *id)
    }
}
