//! Why a transaction that somebody names is in the books as no payment. One pure function over what a node says of it:
//! it explains, and nothing is decided by it.

use super::MatchPolicy;
use crate::{
    address::{Address, Height},
    amount::Asset,
    chain::{ContractKind, Moved, Movement, TransactionReport},
};
use std::collections::BTreeSet;

/// Who reads the chain, for whom, and how far.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// Addresses that customers pay to.
    pub addresses: &'a BTreeSet<Address>,
    /// What counts as dust.
    pub policy: &'a MatchPolicy,
    /// The newest block in the books, as it was before the books were asked for the transaction.
    pub read_up_to: Option<Height>,
    /// The first block that was ever read, where it is known.
    pub first: Option<Height>,
}

/// Why a transaction is in the books as no payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Absence {
    /// The node knows no such transaction.
    NotSeen,
    /// It waits for a block in the pool of a node. Until a block holds it, it may as well be lost.
    Waiting,
    /// It is in a block, and failed there: nothing was paid.
    Failed,
    /// It pays somebody else, or nobody.
    PaysOthers,
    /// It calls a contract, which may have paid us: the node shows nothing of the kind, and not every node shows what
    /// contracts send.
    MaybeByContract,
    /// It pays us in a token that we do not take.
    OtherToken,
    /// It pays us less than anything is recorded of.
    Dust,
    /// It pays us in a block that was not read yet: the ordinary way will find it.
    Ahead,
    /// It paid us in a block before the first that was ever read.
    BeforeFirst,
    /// The node shows it paying us in a block that was read without it: the node follows another fork than we do, or
    /// did when it answered.
    OtherFork,
}

impl Absence {
    /// A stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotSeen => "not_seen",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::PaysOthers => "pays_others",
            Self::MaybeByContract => "maybe_by_contract",
            Self::OtherToken => "other_token",
            Self::Dust => "dust",
            Self::Ahead => "ahead",
            Self::BeforeFirst => "before_first",
            Self::OtherFork => "other_fork",
        }
    }
}

/// What one movement means to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    Payment,
    Dust,
    OtherToken,
    Others,
}

fn meaning(movement: &Movement, reader: &Reader<'_>) -> Meaning {
    if !reader.addresses.contains(&movement.to) {
        return Meaning::Others;
    }
    let dust = match movement.what {
        Moved::Token(_) => return Meaning::OtherToken,
        Moved::Asset(Asset::Trx) => reader.policy.dust_sun.get(),
        Moved::Asset(Asset::Usdt) => reader.policy.dust_usdt_micro,
    };
    if movement.amount.is_some_and(|amount| amount >= dust) { Meaning::Payment } else { Meaning::Dust }
}

/// Says why a transaction that the books do not know is not in them. What it would pay us decides first: somebody who
/// sent the wrong token must not be told to wait.
pub fn absence(report: Option<&TransactionReport>, reader: &Reader<'_>) -> Absence {
    let Some(report) = report else { return Absence::NotSeen };
    if report.failed {
        return Absence::Failed;
    }
    let best = report.movements.iter().map(|movement| meaning(movement, reader)).min();
    match best {
        Some(Meaning::Payment) => {}
        Some(Meaning::Dust) => return Absence::Dust,
        Some(Meaning::OtherToken) => return Absence::OtherToken,
        // Tokens without a contract have no transfers that anything of ours reads.
        None if report.kind == ContractKind::TransferAssetContract => return Absence::OtherToken,
        // What a contract does is only known when it has done it.
        None | Some(Meaning::Others)
            if report.height.is_none() && report.kind == ContractKind::TriggerSmartContract =>
        {
            return Absence::Waiting;
        }
        None | Some(Meaning::Others) if report.may_hide => return Absence::MaybeByContract,
        None | Some(Meaning::Others) => return Absence::PaysOthers,
    }
    match report.height {
        None => Absence::Waiting,
        Some(height) if reader.read_up_to.is_none_or(|read| height > read) => Absence::Ahead,
        Some(height) if reader.first.is_some_and(|first| height < first) => Absence::BeforeFirst,
        Some(_) => Absence::OtherFork,
    }
}
