//! What can go wrong with a node, to be switched on by tests: lost answers, refusals, lateness, holes, lies.

use leyden_domain::chain::RefusalCode;
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
