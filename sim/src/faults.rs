//! What can go wrong with a node, to be switched on by tests: lost answers, refusals, lateness, holes, lies.

use leyden_domain::{Address, chain::RefusalCode};
use leyden_tron::wire::proto::ResponseCode;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// What goes wrong with one broadcast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
pub enum BroadcastFault {
    /// The transaction is taken, but the answer never comes.
    LostAnswer,
    /// The transaction never arrives, and no answer comes.
    LostRequest,
    /// The answer is success, but the transaction is forgotten.
    Forgotten,
    /// The answer is "duplicate" although the transaction was not taken (a node that remembers ids before it
    /// validates).
    FalseDuplicate,
    /// The answer is a refusal; nothing is taken.
    Refuse {
        /// The code, as [`ResponseCode`] counts it.
        code: i32,
        /// The text.
        message: String,
    },
}

impl BroadcastFault {
    /// A refusal with a code of the protocol.
    pub fn refuse(code: ResponseCode, message: impl Into<String>) -> Self {
        Self::Refuse { code: code.into(), message: message.into() }
    }
}

/// What goes wrong with one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
pub enum ReadFault {
    /// No answer.
    Unavailable,
    /// "Too many requests", with how long to wait.
    RateLimited {
        /// Seconds.
        seconds: u32,
    },
}

/// The switchboard. Queued faults are used up one per request; the others stay on until they are switched off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// For the next broadcasts.
    pub broadcasts: VecDeque<BroadcastFault>,
    /// For the next questions.
    pub reads: VecDeque<ReadFault>,
    /// The node is this many blocks behind the chain.
    pub stale_by: u32,
    /// The node has lost its receipts.
    pub without_receipts: bool,
    /// The node does no constant calls (`vm.supportConstant` is off), so it says of no address what it holds of a token.
    pub without_constant_calls: bool,
    /// The node keeps no internal transactions (`vm.saveInternalTx` is off), so it shows nothing of what contracts send.
    pub without_internals: bool,
    /// The node adds this many sun to the amount of every TRX transfer that it shows.
    pub lie_about_amounts: i64,
}

/// How the domain names a refusal.
pub(crate) fn refusal_code(code: ResponseCode) -> RefusalCode {
    match code {
        ResponseCode::Sigerror => RefusalCode::SigError,
        ResponseCode::ContractValidateError => RefusalCode::ContractValidateError,
        ResponseCode::ContractExeError => RefusalCode::ContractExeError,
        ResponseCode::BandwithError => RefusalCode::BandwithError,
        ResponseCode::TaposError => RefusalCode::TaposError,
        ResponseCode::TooBigTransactionError => RefusalCode::TooBigTransactionError,
        ResponseCode::TransactionExpirationError => RefusalCode::TransactionExpirationError,
        ResponseCode::ServerBusy
        | ResponseCode::NoConnection
        | ResponseCode::NotEnoughEffectiveConnection
        | ResponseCode::BlockUnsolidified => RefusalCode::Busy,
        ResponseCode::Success | ResponseCode::DupTransactionError | ResponseCode::OtherError => {
            RefusalCode::OtherError
        }
    }
}

/// What goes wrong with one face of a node: with what it puts on the wire, whatever the chain behind it does. Stays on
/// until it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireFault {
    /// Status 429, with or without `Retry-After` in seconds.
    TooManyRequests {
        /// Seconds.
        retry_after: Option<u32>,
    },
    /// Status 403 and a page for people.
    Forbidden,
    /// Status 502.
    ServerError,
    /// The connection is closed before anything is said.
    Reset,
    /// Nothing is said, and the connection stays open.
    Hang,
    /// The answer ends in the middle.
    HalfBody,
    /// Status 200 and a page for people.
    Html,
    /// JSON that is none.
    Malformed,
    /// The right answer under the name of a plain text.
    WrongContentType,
    /// `{}` where there is a block.
    EmptyObject,
    /// `[]` where there is a block.
    EmptyArray,
    /// A small body that unpacks to a huge one.
    GzipBomb,
    /// A body that does not end.
    Endless,
    /// Numbers that no chain reaches.
    HugeNumbers,
    /// This many blocks behind the chain.
    Stale {
        /// Blocks.
        blocks: u32,
    },
    /// Every other question fails.
    Flapping,
    /// Every broadcast is a duplicate, and nothing is taken.
    DuplicateStorm,
    /// What it says of blocks is not true.
    Lie(Lie),
}

/// What a node says that is not true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// A payment that nobody made is among the transactions.
    ForgedTransfer {
        /// To whom.
        to: Address,
        /// How much, in sun.
        sun: i64,
    },
    /// Every transfer is larger by this.
    ChangedAmount {
        /// Sun.
        by: i64,
    },
    /// Transfers to somebody are left out.
    HiddenTransfer {
        /// To whom.
        to: Address,
    },
    /// The block stands on another one.
    BrokenParent,
    /// The header's root is another.
    WrongRoot,
    /// The header is signed by somebody else.
    WrongWitness,
    /// A whole block of the node's own making, signed by its own witness.
    ForgedBlock {
        /// Whom it pays.
        to: Address,
        /// How much, in sun.
        sun: i64,
    },
    /// A receipt shows a token payment that nobody made.
    ForgedLog {
        /// To whom.
        to: Address,
    },
    /// Receipts show no logs.
    HiddenLog,
    /// The newest block is called solid.
    SolidIsHead,
}
