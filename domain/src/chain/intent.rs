//! What we ask the chain to do, in typed terms. A signer builds the bytes from this itself, so it can never be
//! made to sign something whose meaning it does not know.

use crate::{
    address::{Address, BlockRef, TxId},
    amount::{Sun, UsdtMicro},
    chain::block::{Lock, Resource},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One transaction, fully decided: the same intent always gives the same bytes and the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionIntent {
    /// What it does.
    pub action: ChainAction,
    /// Which permission of the owner signs; `None` is the owner permission itself.
    pub permission_id: Option<u8>,
    /// The block that must be on the chain for this transaction to be valid there (TAPOS).
    pub reference: BlockRef,
    /// Makes two otherwise equal transactions different.
    pub timestamp: Timestamp,
    /// After this moment of chain time no block may include it.
    pub expiration: Timestamp,
}

/// The actions that leyden knows how to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainAction {
    /// `TransferContract`.
    Transfer {
        /// Who pays.
        owner: Address,
        /// Who receives.
        to: Address,
        /// How much.
        amount: Sun,
    },
    /// `DelegateResourceContract`.
    Delegate {
        /// Whose stake.
        owner: Address,
        /// Who may use it.
        receiver: Address,
        /// Which resource.
        resource: Resource,
        /// The stake behind it.
        balance: Sun,
        /// Present where it shall not be taken back for a while.
        lock: Option<Lock>,
    },
    /// `UnDelegateResourceContract`.
    Undelegate {
        /// Whose stake.
        owner: Address,
        /// Who used it.
        receiver: Address,
        /// Which resource.
        resource: Resource,
        /// The stake behind it.
        balance: Sun,
    },
    /// `FreezeBalanceV2Contract`.
    Stake {
        /// Whose balance.
        owner: Address,
        /// For which resource.
        resource: Resource,
        /// How much.
        balance: Sun,
    },
    /// `UnfreezeBalanceV2Contract`.
    Unstake {
        /// Whose stake.
        owner: Address,
        /// Of which resource.
        resource: Resource,
        /// How much.
        balance: Sun,
    },
    /// `WithdrawExpireUnfreezeContract`.
    WithdrawUnstaked {
        /// Whose.
        owner: Address,
    },
    /// `CancelAllUnfreezeV2Contract`.
    CancelUnstakes {
        /// Whose.
        owner: Address,
    },
    /// `TriggerSmartContract` that calls `transfer(address,uint256)` of a token and sends nothing along.
    TransferToken {
        /// Who pays.
        owner: Address,
        /// Which token.
        contract: Address,
        /// Who receives.
        to: Address,
        /// How much.
        amount: UsdtMicro,
        /// Most TRX that may be burnt for energy.
        fee_limit: Sun,
    },
    /// `TriggerSmartContract`.
    CallContract {
        /// Who calls and pays.
        owner: Address,
        /// Which contract.
        contract: Address,
        /// TRX sent along.
        call_value: Sun,
        /// Selector and ABI-encoded arguments.
        data: Vec<u8>,
        /// Most TRX that may be burnt for energy.
        fee_limit: Sun,
    },
}

impl ChainAction {
    /// Whose account acts.
    pub const fn owner(&self) -> Address {
        match self {
            Self::Transfer { owner, .. }
            | Self::Delegate { owner, .. }
            | Self::Undelegate { owner, .. }
            | Self::Stake { owner, .. }
            | Self::Unstake { owner, .. }
            | Self::WithdrawUnstaked { owner }
            | Self::CancelUnstakes { owner }
            | Self::TransferToken { owner, .. }
            | Self::CallContract { owner, .. } => *owner,
        }
    }
}

/// A signed transaction: the bytes that may be sent any number of times and can take effect at most once.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedTransaction {
    /// SHA-256 of the raw data inside `bytes`.
    pub tx_id: TxId,
    /// The whole serialized `Transaction`, signature included.
    pub bytes: Vec<u8>,
    /// The block it is bound to.
    pub reference: BlockRef,
    /// After this moment of chain time no block may include it.
    pub expiration: Timestamp,
}

impl fmt::Debug for SignedTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedTransaction({}, {} bytes)", self.tx_id, self.bytes.len())
    }
}

/// A node's answer to a broadcast. All of them are hints: only the block stream says what happened.
/// Codes: java-tron `GrpcAPI.proto`, `Return.response_code`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BroadcastAnswer {
    /// One node's pool took it.
    Accepted,
    /// The node has seen this id before: neither success nor failure.
    Duplicate,
    /// The node refused it, as seen from that node's state.
    Refused {
        /// Which class of refusal.
        code: RefusalCode,
        /// The node's text.
        message: String,
    },
}

/// The classes of refusal that a node's code distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefusalCode {
    /// Wrong signature or a permission that does not cover the action.
    SigError,
    /// Invalid in that node's state; the text says why.
    ContractValidateError,
    /// Failed while executing.
    ContractExeError,
    /// The owner has neither bandwidth nor TRX to burn for it.
    BandwithError,
    /// The reference block is not on that node's chain.
    TaposError,
    /// Larger than a transaction may be.
    TooBigTransactionError,
    /// Expired as that node sees the time.
    TransactionExpirationError,
    /// The node cannot take it now: busy, unconnected, or behind.
    Busy,
    /// Anything else.
    OtherError,
}
