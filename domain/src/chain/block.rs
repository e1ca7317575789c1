//! A block in domain terms: whatever form a node sent it in, it becomes this. What no rule of ours reads
//! (votes, contract deployments, other tokens) is counted by kind and otherwise left out.

use crate::{
    address::{Address, BlockId, BlockRef, Height, TxId},
    amount::{Asset, Sun},
    error::ParseError,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, str::FromStr};

/// A block as the rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its id, which carries its height.
    pub id: BlockId,
    /// The id of the block before it.
    pub parent: BlockId,
    /// Its slot time (not when anybody received it).
    pub timestamp: Timestamp,
    /// Who produced it.
    pub witness: Address,
    /// How many transactions it holds, by kind of contract.
    pub transactions: BTreeMap<ContractKind, u32>,
    /// Successful transfers of TRX and of USDT, in block order.
    pub transfers: Vec<Transfer>,
    /// Successful changes of stake and delegation, in block order.
    pub resource_events: Vec<ResourceEvent>,
    /// Calls of the USDT contract that ask it to move the caller's own tokens, successful or not, in block order.
    pub token_calls: Vec<TokenCall>,
}

impl Block {
    /// Its number.
    pub fn height(&self) -> Height {
        self.id.height()
    }

    /// A reference to it.
    pub const fn reference(&self) -> BlockRef {
        BlockRef::new(self.id)
    }

    /// Its place and time.
    pub const fn head(&self) -> Head {
        Head { block: BlockRef::new(self.id), timestamp: self.timestamp }
    }

    /// How many transactions it holds.
    pub fn transaction_count(&self) -> u32 {
        self.transactions.values().fold(0, |sum, n| sum.saturating_add(*n))
    }
}

/// A block's place and time: what is known of the newest or of the newest solid block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Which block.
    pub block: BlockRef,
    /// Its slot time.
    pub timestamp: Timestamp,
}

impl Head {
    /// Its number.
    pub fn height(&self) -> Height {
        self.block.height()
    }
}

/// A successful movement of money from one address to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The transaction that moved it.
    pub tx_id: TxId,
    /// Which of the transaction's transfers: 0 is the TRX contract itself, a token's is its log index, and TRX
    /// sent by a contract counts from [`Transfer::INTERNAL_INDEX`] in the order of the internal transactions.
    pub index: u32,
    /// What was moved.
    pub asset: Asset,
    /// Who paid.
    pub from: Address,
    /// Who received.
    pub to: Address,
    /// How much, in sun or millionths of USDT.
    pub amount: i64,
    /// What makes us believe it.
    pub evidence: Evidence,
}

impl Transfer {
    /// Index of the first internal transaction, so that no log of the same transaction collides with it.
    pub const INTERNAL_INDEX: u32 = 1_000_000;
}

/// A call of the USDT contract that asks it to move the caller's tokens, and whether it was executed with success. A
/// payment never rests on one, for only a log proves what came; but where the caller is an account of ours it says what
/// became of our own transaction, and it is under the block's Merkle root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenCall {
    /// The transaction.
    pub tx_id: TxId,
    /// Who called.
    pub owner: Address,
    /// To whom the tokens were to go.
    pub to: Address,
    /// How many, in millionths of USDT.
    pub amount: i64,
    /// Whether its result in the block says that it took effect.
    pub succeeded: bool,
}

/// Money that an account of ours has sent, or has failed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentTransfer {
    /// The transaction.
    pub tx_id: TxId,
    /// What was sent.
    pub asset: Asset,
    /// Our account.
    pub from: Address,
    /// To whom.
    pub to: Address,
    /// How much, in sun or millionths of USDT.
    pub amount: i64,
    /// Whether it took effect; a call that did not is in its block all the same.
    pub succeeded: bool,
}

/// What a transfer was read from. Only call data may never credit a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A successful `TransferContract`.
    Contract,
    /// The call data of a `TriggerSmartContract`: what was asked for, not what happened. For display only.
    CallData,
    /// The `Transfer` log of the configured token contract in a successful receipt.
    Log,
    /// A successful internal transaction of a successful contract call.
    Internal,
    /// The same, where one node's receipt shows it and another node that was asked does not: `vm.saveInternalTx` decides
    /// whether a node keeps internal transactions, and no header proves them.
    LoneReceipt,
}

impl Evidence {
    const ALL: [Self; 5] = [Self::Contract, Self::CallData, Self::Log, Self::Internal, Self::LoneReceipt];

    /// A stable name, as it is kept and written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::CallData => "call_data",
            Self::Log => "log",
            Self::Internal => "internal",
            Self::LoneReceipt => "lone_receipt",
        }
    }

    /// Whether a payment may rest on it.
    pub const fn is_proof(self) -> bool {
        !matches!(self, Self::CallData)
    }

    /// Whether it is TRX that a contract has sent.
    pub const fn is_internal(self) -> bool {
        matches!(self, Self::Internal | Self::LoneReceipt)
    }
}

impl FromStr for Evidence {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|one| one.name() == text)
            .ok_or_else(|| ParseError::Name { kind: "evidence", value: text.to_owned() })
    }
}

/// Which resource stake is counted towards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Resource {
    /// Bytes of transactions.
    Bandwidth,
    /// Computation of contracts.
    Energy,
    /// Votes; exists in the protocol, switched off on mainnet.
    #[serde(rename = "TRON_POWER")]
    TronPower,
}

impl Resource {
    /// The protocol's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bandwidth => "BANDWIDTH",
            Self::Energy => "ENERGY",
            Self::TronPower => "TRON_POWER",
        }
    }
}

impl FromStr for Resource {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "BANDWIDTH" => Ok(Self::Bandwidth),
            "ENERGY" => Ok(Self::Energy),
            "TRON_POWER" => Ok(Self::TronPower),
            other => Err(ParseError::Name { kind: "resource", value: other.to_owned() }),
        }
    }
}

/// How long a delegation cannot be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// In blocks of three seconds; 0 means the chain's default of 86,400 (three days).
    pub period_blocks: i64,
}

/// A successful change of stake or delegation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceEvent {
    /// The transaction that did it.
    pub tx_id: TxId,
    /// Whose stake.
    pub owner: Address,
    /// What was done.
    pub action: ResourceAction,
}

/// What was done with stake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceAction {
    /// `FreezeBalanceV2`.
    Stake {
        /// For which resource.
        resource: Resource,
        /// How much.
        balance: Sun,
    },
    /// `UnfreezeBalanceV2`.
    Unstake {
        /// Of which resource.
        resource: Resource,
        /// How much.
        balance: Sun,
    },
    /// `WithdrawExpireUnfreeze`.
    Withdraw,
    /// `CancelAllUnfreezeV2`.
    CancelUnstake,
    /// `DelegateResource`.
    Delegate {
        /// To whom.
        receiver: Address,
        /// Which resource.
        resource: Resource,
        /// The stake behind it.
        balance: Sun,
        /// Present where it cannot be taken back for a while.
        lock: Option<Lock>,
    },
    /// `UnDelegateResource`.
    Undelegate {
        /// From whom.
        receiver: Address,
        /// Which resource.
        resource: Resource,
        /// The stake behind it.
        balance: Sun,
    },
}

impl ResourceAction {
    /// A stable name for records.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Stake { .. } => "stake",
            Self::Unstake { .. } => "unstake",
            Self::Withdraw => "withdraw",
            Self::CancelUnstake => "cancel_unstake",
            Self::Delegate { .. } => "delegate",
            Self::Undelegate { .. } => "undelegate",
        }
    }
}

/// Where one of our transactions was found: in a block of the chain as we now know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The block.
    pub block: BlockRef,
    /// The block's slot time.
    pub timestamp: Timestamp,
}

/// Defines the kinds of contract with their protocol numbers and names (java-tron `Tron.proto`, `ContractType`).
macro_rules! contract_kinds {
    ($($variant:ident = $number:literal),* $(,)?) => {
        /// The kind of a transaction's one contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the protocol's own names")]
        pub enum ContractKind {
            $($variant,)*
            /// A number that this version does not know.
            Other(i32),
        }

        impl ContractKind {
            /// From the protocol's number.
            pub const fn from_number(number: i32) -> Self {
                match number {
                    $($number => Self::$variant,)*
                    other => Self::Other(other),
                }
            }

            /// The protocol's number.
            pub const fn number(self) -> i32 {
                match self {
                    $(Self::$variant => $number,)*
                    Self::Other(number) => number,
                }
            }

            /// The protocol's name, such as `TransferContract`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)*
                    Self::Other(_) => "UnknownContract",
                }
            }

            /// From the protocol's name; `None` for one that this version does not know.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($variant) => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

contract_kinds! {
    AccountCreateContract = 0, TransferContract = 1, TransferAssetContract = 2, VoteAssetContract = 3,
    VoteWitnessContract = 4, WitnessCreateContract = 5, AssetIssueContract = 6, WitnessUpdateContract = 8,
    ParticipateAssetIssueContract = 9, AccountUpdateContract = 10, FreezeBalanceContract = 11,
    UnfreezeBalanceContract = 12, WithdrawBalanceContract = 13, UnfreezeAssetContract = 14,
    UpdateAssetContract = 15, ProposalCreateContract = 16, ProposalApproveContract = 17,
    ProposalDeleteContract = 18, SetAccountIdContract = 19, CustomContract = 20, CreateSmartContract = 30,
    TriggerSmartContract = 31, GetContract = 32, UpdateSettingContract = 33, ExchangeCreateContract = 41,
    ExchangeInjectContract = 42, ExchangeWithdrawContract = 43, ExchangeTransactionContract = 44,
    UpdateEnergyLimitContract = 45, AccountPermissionUpdateContract = 46, ClearABIContract = 48,
    UpdateBrokerageContract = 49, ShieldedTransferContract = 51, MarketSellAssetContract = 52,
    MarketCancelOrderContract = 53, FreezeBalanceV2Contract = 54, UnfreezeBalanceV2Contract = 55,
    WithdrawExpireUnfreezeContract = 56, DelegateResourceContract = 57, UnDelegateResourceContract = 58,
    CancelAllUnfreezeV2Contract = 59,
}
