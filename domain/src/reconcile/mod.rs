//! The books and the chain, side by side at one solid block: what differs, why it may, and what would mend it. All of
//! it is decided from figures that somebody else has read; nothing is mended here.

mod classify;
mod open;
mod repair;

pub use classify::{
    Outgoings, Pair, Till, Verdict, classify, classify_outgoings, classify_stake, classify_till,
};
pub use open::{OpenDifference, StillOpen};
pub use repair::{RepairKind, RepairPlan, RepairState, Say, SayRefusal, choices, plan};

use crate::{
    address::{Address, Height},
    error::ParseError,
    id::{ReconciliationId, RepairId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Names with their texts, as the columns have them.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident ($kind:literal) { $($(#[$about:meta])* $variant:ident $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$about])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As it is kept and written.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|one| one.name() == text)
                    .ok_or_else(|| ParseError::Name { kind: $kind, value: text.to_owned() })
            }
        }
    };
}
use named;

named! {
    /// Why the chain says something else than the books.
    Class ("class of a difference") {
        /// It happened in a block that we have read, and we did not record it.
        MissedEvent "missed_event",
        /// One operation of ours took effect twice.
        Duplicate "duplicate",
        /// The books rest on a block that is not on the chain.
        Fork "fork",
        /// Somebody else than this service did it, with a key of the same account.
        ExternalMovement "external_movement",
        /// Blocks and chain agree; it is the rows made of them that do not.
        OurBug "our_bug",
    }
}

named! {
    /// What was compared.
    Matter ("matter of a difference") {
        /// Stake that an account has delegated to one receiver.
        Delegation "delegation",
        /// An account's own stake.
        Stake "stake",
        /// What reservations hold against the stake there is.
        Capacity "capacity",
        /// What is on the payment addresses, all together.
        Payments "payments",
        /// What is on an account that refunds are paid from.
        RefundAccount "refund_account",
        /// What is on a pool account besides its stake.
        PoolBalance "pool_balance",
    }
}

impl Matter {
    /// Whether it is compared with what the comparison before has found, so that what was found must be carried on: each
    /// find is a difference of its own, which stays until it is explained or closed.
    pub const fn stays_open(self) -> bool {
        match self {
            Self::Payments | Self::RefundAccount | Self::PoolBalance => true,
            Self::Delegation | Self::Stake | Self::Capacity => false,
        }
    }
}

impl Class {
    /// Whether the books themselves are in doubt, so that money must not move on what they say.
    pub const fn doubts_the_books(self) -> bool {
        matches!(self, Self::Duplicate | Self::Fork | Self::OurBug)
    }
}

/// What differs between the books and the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What was compared.
    pub matter: Matter,
    /// Why it may differ.
    pub class: Class,
    /// Whose account; none where several are taken together.
    pub account: Option<Address>,
    /// The receiver of the delegations.
    pub receiver: Option<Address>,
    /// What the books say, in sun.
    pub ours: i64,
    /// What the chain says, in sun.
    pub theirs: i64,
    /// At which solid block.
    pub height: Height,
    /// What else is known about it.
    pub evidence: String,
}

impl Difference {
    /// Names what it is about, whatever it amounts to: one repair at a time is open for it. What is found on an account
    /// later is another matter.
    pub fn subject(&self) -> String {
        let part =
            |address: Option<Address>| address.map_or_else(String::new, |address| format!(":{address}"));
        let at = if self.matter.stays_open() { format!(":{}", self.height) } else { String::new() };
        format!("{}{}{}{at}", self.matter.name(), part(self.account), part(self.receiver))
    }

    /// A name that stays the same while it amounts to the same, for knowing again what a person has seen.
    pub fn name(&self) -> String {
        format!("{}: {}", self.subject(), self.excess())
    }

    /// Whether a name is one that [`Difference::name`] gives.
    pub fn is_name(name: &str) -> bool {
        name.split(':').next().is_some_and(|matter| matter.parse::<Matter>().is_ok())
    }

    /// By how much the chain shows more than the books.
    pub const fn excess(&self) -> i64 {
        self.theirs.saturating_sub(self.ours)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: {} in the books, {} on the chain at {}; {}",
            self.subject(),
            self.class.name(),
            self.ours,
            self.theirs,
            self.height,
            self.evidence
        )
    }
}

/// What was on an account at a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The account.
    pub address: Address,
    /// The block.
    pub height: Height,
    /// TRX, in sun.
    pub balance: i64,
}

/// One comparison of the books with the chain, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// Its id.
    pub id: ReconciliationId,
    /// When it was begun.
    pub started_at: Timestamp,
    /// When it was done.
    pub finished_at: Timestamp,
    /// Who wanted it: `interval`, or an API key's id.
    pub asked_by: String,
    /// The lowest solid block that anything was compared at.
    pub height: Option<Height>,
    /// Accounts that were compared.
    pub accounts: u32,
    /// Pairs of account and receiver that were compared one by one.
    pub pairs: u32,
    /// What the payment addresses held at a block, in sun, where all could be read at one.
    pub till: Option<(Height, i64)>,
    /// What was on each account that refunds are paid from, and at which block.
    pub refund_accounts: Vec<Holding>,
    /// What was on each other account of the pool besides its stake, and at which block.
    pub pool_accounts: Vec<Holding>,
    /// What could not be compared, and why.
    pub skipped: Vec<String>,
    /// What differs, with what earlier comparisons found and nobody has explained or closed.
    pub differences: Vec<Difference>,
    /// Of that, what the next comparison carries on.
    pub open: Vec<OpenDifference>,
}

/// A repair, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Its id.
    pub id: RepairId,
    /// The comparison that found what it is for.
    pub reconciliation: ReconciliationId,
    /// What it is for.
    pub difference: Difference,
    /// What would be done.
    pub kind: RepairKind,
    /// Blocks that would be read again, or may be, first and last.
    pub blocks: Option<(Height, Height)>,
    /// What would come of it, for people.
    pub effect: String,
    /// What has become of it.
    pub state: RepairState,
    /// When it was proposed.
    pub proposed_at: Timestamp,
    /// The first of two persons who must want it.
    pub asked: Option<Decision>,
    /// Who decided, when and why; nobody where it is applied without being asked for.
    pub decision: Option<Decision>,
    /// When it was applied or failed, and what came of it.
    pub outcome: Option<(Timestamp, String)>,
}

/// What a person said of a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// Who: an API key's id.
    pub by: String,
    /// Why.
    pub reason: String,
}
