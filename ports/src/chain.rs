//! The chain as the actors see it.

use async_trait::async_trait;
use leyden_domain::{
    Address, Bandwidth, Energy, EnergyRatio, Height, Span, Sun, Timestamp, TxId, UsdtMicro,
    chain::{Block, BroadcastAnswer, Head, SignedTransaction, TransactionReport},
    pool::Observed,
};
use std::collections::BTreeSet;

/// Why a question to the chain got no answer. None of these says anything about the chain's state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// No answer, or one that says "later": time-out, reset, 5xx, busy. Worth asking again.
    #[error("node unavailable: {0}")]
    Unavailable(String),
    /// The node or gateway limits us. Worth asking again after the span it named.
    #[error("rate limited by the node")]
    RateLimited {
        /// How long it asked us to wait, where it said so.
        retry_after: Option<Span>,
    },
    /// The answer is not what the endpoint promises.
    #[error("malformed answer: {0}")]
    Malformed(String),
    /// A block whose own parts contradict each other (transaction ids, Merkle root, witness signature).
    #[error("block failed verification: {0}")]
    Unverified(String),
    /// The node refuses this question for good: wrong key, bad argument.
    #[error("node refused: {0}")]
    Refused(String),
    /// The node does not answer questions of this kind: the path is not served, or a setting of the node switches it
    /// off. Another node may answer.
    #[error("node does not support this: {0}")]
    Unsupported(String),
}

impl ChainError {
    /// Whether the same question may be answered later.
    pub const fn is_retryable(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Unsupported(_))
    }
}

/// What is known of any address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountInfo {
    /// TRX on it.
    pub balance: Sun,
    /// Whether it is a contract (which cannot receive delegations).
    pub is_contract: bool,
}

/// What is known of a pool account at the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolChainState {
    /// The head before the questions were asked: everything up to it is contained in the answers.
    pub observed_at: Height,
    /// Own stake for energy, delegated-out part included.
    pub staked: Sun,
    /// Stake delegated out for energy.
    pub delegated: Sun,
    /// Stake that can be delegated now (usage still recovering is already taken off).
    pub delegatable: Sun,
    /// TRX on the account: pays for bandwidth when none is left.
    pub balance: Sun,
    /// Bandwidth left now, staked or free, whichever is more: a transaction is paid from one of the two.
    pub bandwidth: Bandwidth,
    /// Energy usage still recovering.
    pub recovering: Energy,
    /// The network's exchange rate.
    pub ratio: EnergyRatio,
}

impl PoolChainState {
    /// The same as the books keep it, asked for at this time.
    pub const fn observed(&self, asked_at: Timestamp) -> Observed {
        Observed {
            at: self.observed_at,
            asked_at,
            staked: self.staked,
            delegated: self.delegated,
            delegatable: self.delegatable,
            balance: self.balance,
            bandwidth: self.bandwidth,
            recovering: self.recovering,
            ratio: self.ratio,
        }
    }
}

/// What an account of ours has and lends, at one solid block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holdings {
    /// The solid block: neither more nor less is contained in the rest.
    pub at: Head,
    /// TRX on it.
    pub balance: Sun,
    /// Own stake for energy, delegated-out part included.
    pub staked: Sun,
    /// Stake delegated out for energy.
    pub delegated: Sun,
    /// To whom anything is delegated.
    pub receivers: BTreeSet<Address>,
}

/// Where a transaction is, as a node says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The block that holds it.
    pub height: Height,
    /// Whether that block is solid.
    pub solid: bool,
}

/// How one of the nodes behind a reader does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// A name that may be shown; never its URL or key.
    pub name: String,
    /// `good`, `behind`, `other_fork` or `quarantined`.
    pub standing: &'static str,
    /// `closed`, `open` or `half_open`.
    pub breaker: &'static str,
    /// The newest block that it told of.
    pub head: Option<Height>,
    /// How many blocks that was behind the best node's when it told.
    pub lag_blocks: Option<i64>,
    /// What it was found not to do: `internal_transactions`, `constant_calls`.
    pub lacks: Vec<&'static str>,
    /// How long an answer takes, smoothed, in milliseconds.
    pub latency_ms: u64,
    /// Requests since the start.
    pub calls: u64,
    /// How many of them went wrong.
    pub errors: u64,
    /// How many of a thousand answers go wrong, smoothed.
    pub errors_per_mille: u32,
    /// How often it was caught saying what cannot be true.
    pub lies: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// Reads the chain. Every method may be repeated freely.
#[async_trait]
pub trait ChainReader: Send + Sync + 'static {
    /// The newest block's place and time.
    async fn head(&self) -> Result<Head, ChainError>;

    /// The newest solid block's place and time.
    async fn solid(&self) -> Result<Head, ChainError>;

    /// One block with its proven transfers, checked against itself; `None` where there is none yet at that height.
    /// A block is either complete (all receipts that its transfers need were read) or an error.
    async fn block(&self, height: Height) -> Result<Option<Block>, ChainError>;

    /// Up to `count` consecutive blocks from `from`; fewer where the chain ends.
    async fn blocks(&self, from: Height, count: u32) -> Result<Vec<Block>, ChainError>;

    /// The same blocks with everything that any node behind this reader shows of them: what several nodes tell together,
    /// transfers included that only one receipt tells of. For reading again what a comparison has missed. What is found
    /// here and not by [`ChainReader::blocks`] is the word of a single node on a block that is proven.
    async fn witnessed(&self, from: Height, count: u32) -> Result<Vec<Block>, ChainError> {
        self.blocks(from, count).await
    }

    /// An address; `None` where it was never activated.
    async fn account(&self, address: Address) -> Result<Option<AccountInfo>, ChainError>;

    /// A pool account's stake and what can be done with it.
    async fn pool_account(&self, address: Address) -> Result<PoolChainState, ChainError>;

    /// How much of the configured USDT token an address holds, in millionths.
    async fn usdt_balance(&self, address: Address) -> Result<UsdtMicro, ChainError>;

    /// Whether the address holds any of the configured USDT token: decides what a transfer to it costs.
    async fn holds_usdt(&self, address: Address) -> Result<bool, ChainError>;

    /// Stake for energy that `owner` has delegated to `receiver`, locked and unlocked together.
    async fn delegated(&self, owner: Address, receiver: Address) -> Result<Sun, ChainError>;

    /// What an account has and lends at the newest solid block. `Unavailable` where the chain moved on while it was asked.
    async fn holdings(&self, address: Address) -> Result<Holdings, ChainError>;

    /// The same as [`ChainReader::delegated`] at the newest solid block, and which that is.
    async fn lent(&self, owner: Address, receiver: Address) -> Result<(Head, Sun), ChainError>;

    /// Which block holds a transaction; `None` where no block does.
    async fn sighting(&self, tx_id: TxId) -> Result<Option<Sighting>, ChainError>;

    /// What a node says of any transaction, in a block or waiting for one; `None` where it knows none of that id. For
    /// people who ask, never for decisions: nothing of it is proven.
    async fn transaction(&self, tx_id: TxId) -> Result<Option<TransactionReport>, ChainError>;

    /// How the nodes behind it do; empty where it does not know.
    fn nodes(&self) -> Vec<NodeStatus> {
        Vec::new()
    }
}

/// Writes to the chain.
#[async_trait]
pub trait ChainWriter: Send + Sync + 'static {
    /// Offers a signed transaction. Idempotent by its id: the same bytes may be offered any number of times.
    /// An error means that nothing is known; so does any answer, until the block stream shows the transaction.
    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<BroadcastAnswer, ChainError>;
}
