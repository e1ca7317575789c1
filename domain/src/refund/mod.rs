//! Refunds: money that bought nothing goes back, once, to whoever paid it.
//!
//! A payment has at most one refund, ever. Its row begins when the payment is solid and some of it is owed, and says
//! at any moment where that part is: waiting for its time, due, held for a person, on its way, back with the payer, or
//! kept by a rule or a decision that has a name. [`terms_of`] reads from a payment and its order what is owed;
//! [`step`] is the only code that changes a refund; [`operate`] is what a person may ask of one, with a second person
//! where much is at stake; [`SpendGuard`] says how much may leave, and is asked in the commit that intends the transfer
//! and once more by the signer.

mod account;
mod guard;
mod operate;
mod policy;
mod step;

pub use account::{RefundAccount, RefundObserved};
pub use guard::{Amounts, GuardTrip, SpendGuard, Spent};
pub use operate::{Operated, Operator, OperatorAction, OperatorRefusal, Proposal, operate};
pub use policy::{Owed, RefundPolicy, Subject, open, owed, terms_of};
pub use step::{InvalidRefundStep, RefundEvent, RefundTransition, step};

use crate::{
    address::Address,
    amount::Asset,
    error::ParseError,
    id::{ApiKeyId, OperationId, OrderId, PaymentId, RefundId},
    operation::RefusalMeaning,
    order::RefundReason,
    payment::SuspenseReason,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// What becomes of the part of a payment that bought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// The payment. No other refund ever names it.
    pub payment: PaymentId,
    /// The order that the payment settles or was meant for.
    pub order: Option<OrderId>,
    /// Why it is owed.
    pub cause: RefundCause,
    /// In what it was paid, and goes back.
    pub asset: Asset,
    /// How much of the payment bought nothing, in sun or millionths of USDT.
    pub owed: i64,
    /// How much of that is kept as the fee.
    pub fee: i64,
    /// Where it goes: the payer, or an address that an operator has set.
    pub to: Address,
    /// Who wanted that address, where it is not the payer's.
    pub address_set_by: Option<ApiKeyId>,
    /// Who has agreed to it; never the same person.
    pub address_approved_by: Option<ApiKeyId>,
    /// Whether a person lets it go to that address although a rule spoke against it.
    pub checks_waived: bool,
    /// Who decided that it goes back.
    pub decided_by: Decider,
    /// Whose second pair of eyes let a large one go.
    pub approved_by: Option<ApiKeyId>,
    /// Whether an operator lets it go although the spend guard has tripped on it.
    pub guard_waived: bool,
    /// What an operator wants done with it and a second one has not seen yet.
    pub proposal: Option<Proposal>,
    /// What has become of it.
    pub state: RefundState,
    /// When it began.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts its changes; a commit names the version it read.
    pub version: i64,
}

impl Refund {
    /// What goes out: what is owed, less the fee.
    pub const fn amount(&self) -> i64 {
        self.owed.saturating_sub(self.fee)
    }

    /// Whether a person has let it go already, or has approved that it goes.
    pub const fn is_answered_for(&self) -> bool {
        self.decided_by.key().is_some() || self.approved_by.is_some()
    }

    /// Whether it may go where it would: to the payer, or where one person wanted and another one agreed.
    pub fn goes_where_it_may(&self, payer: Address) -> bool {
        let by_two = matches!(
            (self.address_set_by, self.address_approved_by),
            (Some(one), Some(other)) if one != other
        );
        self.to == payer || by_two || crate::planted::planted(crate::planted::Fault::RefundToRecipient)
    }
}

/// Who decided something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Decider {
    /// A rule of the policy.
    Rule,
    /// A person, known by an API key.
    Operator {
        /// The key.
        key: ApiKeyId,
    },
}

impl Decider {
    /// The person's key, where it was one.
    pub const fn key(&self) -> Option<ApiKeyId> {
        match self {
            Self::Rule => None,
            Self::Operator { key } => Some(*key),
        }
    }
}

/// Why money is owed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum RefundCause {
    /// Less than the order costs, and the rest did not come.
    Under,
    /// More than could be bought.
    Over,
    /// After the order's time.
    Late,
    /// The order was paid already.
    Second,
    /// It matched nothing.
    Suspense {
        /// Which rule refused it.
        reason: SuspenseReason,
    },
    /// The order could not be served.
    Unservable {
        /// Why.
        why: RefundReason,
    },
    /// The payment left the chain, its rental was cut short, and then it came back after all.
    Reverted,
}

impl RefundCause {
    /// A stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Under => "under",
            Self::Over => "over",
            Self::Late => "late",
            Self::Second => "second",
            Self::Suspense { .. } => "suspense",
            Self::Unservable { .. } => "unservable",
            Self::Reverted => "reverted",
        }
    }

    /// Whether the payer had a part in it: then the fee is kept. What we could not deliver goes back whole.
    pub const fn is_the_payers(&self) -> bool {
        !matches!(self, Self::Unservable { .. } | Self::Reverted)
    }
}

/// Why a refund waits for a person, or for better times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hold", rename_all = "snake_case")]
pub enum RefundHold {
    /// The payer is on the deny list: what is sent to an exchange's hot wallet is lost.
    DeniedAddress,
    /// It would go to an address of our own.
    OwnAddress,
    /// It would go to a contract, and nobody knows whether that can give it on.
    ContractAddress,
    /// The chain does not know the address: sending there would pay for its activation.
    InactiveAddress,
    /// Its payment was read long after it was made: it may have been answered by a service whose books were lost.
    ReadLate,
    /// One node alone shows its payment: whether that came at all, the money on the address says.
    OneNode,
    /// The spend guard has tripped.
    Guard {
        /// Which of its limits.
        trip: GuardTrip,
    },
    /// It is above the limit for one person, or goes elsewhere than to the payer: another one must approve.
    NeedsApproval,
    /// No refund account is configured, or there is no key for it.
    NoKey,
    /// The refund account has too little for it and its fees.
    Balance,
    /// The chain refused it, or executed it without success.
    Refused {
        /// What the refusal means.
        meaning: RefusalMeaning,
    },
    /// An operator asked for it.
    Operator,
}

impl RefundHold {
    /// A stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::DeniedAddress => "denied_address",
            Self::OwnAddress => "own_address",
            Self::ContractAddress => "contract_address",
            Self::InactiveAddress => "inactive_address",
            Self::ReadLate => "read_late",
            Self::OneNode => "one_node",
            Self::Guard { trip } => trip.name(),
            Self::NeedsApproval => "needs_approval",
            Self::NoKey => "no_key",
            Self::Balance => "balance",
            Self::Refused { .. } => "refused",
            Self::Operator => "operator",
        }
    }
}

/// The rules by which money is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum KeptBy {
    /// Less the fee it is below the least that is sent back.
    BelowMinimum,
    /// An operator decided so.
    Operator {
        /// Who.
        key: ApiKeyId,
    },
}

impl KeptBy {
    /// A stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::BelowMinimum => "below_minimum",
            Self::Operator { .. } => "operator",
        }
    }
}

/// What has become of a refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RefundState {
    /// Its time has not come: the rest may still be paid, or a person may find out whose it is.
    Waiting {
        /// Until then, in chain time.
        until: Timestamp,
    },
    /// Goes back as soon as it can.
    Due,
    /// Waits for a person, or for better times.
    Held {
        /// Why.
        why: RefundHold,
        /// When it is looked at again without anybody asking, in chain time; `None`: not before a person asks.
        retry_at: Option<Timestamp>,
    },
    /// Its transfer is intended, and may be signed and sent.
    Sending {
        /// The transfer.
        operation: OperationId,
        /// When that was decided, in chain time: what the spend guard counts by.
        at: Timestamp,
    },
    /// Its transfer is in a solid block. Final.
    Refunded {
        /// The transfer.
        operation: OperationId,
        /// When that was decided, in chain time.
        at: Timestamp,
    },
    /// It is kept. Final.
    Kept {
        /// By which rule.
        rule: KeptBy,
    },
    /// The money has found another use: it pays for an order now. Should that come to nothing, it is owed again.
    Withdrawn,
}

/// The names of the states, without what they carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "named as the variants of RefundState, which document them")]
pub enum RefundStateKind {
    Waiting,
    Due,
    Held,
    Sending,
    Refunded,
    Kept,
    Withdrawn,
}

impl RefundStateKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Waiting, Self::Due, Self::Held, Self::Sending, Self::Refunded, Self::Kept, Self::Withdrawn];

    /// The value of the column `state`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Due => "due",
            Self::Held => "held",
            Self::Sending => "sending",
            Self::Refunded => "refunded",
            Self::Kept => "kept",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether it changes no more.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Refunded | Self::Kept)
    }
}

impl FromStr for RefundStateKind {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| ParseError::Name { kind: "refund state", value: text.to_owned() })
    }
}

impl RefundState {
    /// Its name.
    pub const fn kind(&self) -> RefundStateKind {
        match self {
            Self::Waiting { .. } => RefundStateKind::Waiting,
            Self::Due => RefundStateKind::Due,
            Self::Held { .. } => RefundStateKind::Held,
            Self::Sending { .. } => RefundStateKind::Sending,
            Self::Refunded { .. } => RefundStateKind::Refunded,
            Self::Kept { .. } => RefundStateKind::Kept,
            Self::Withdrawn => RefundStateKind::Withdrawn,
        }
    }

    /// The transfer that is on its way or has arrived.
    pub const fn operation(&self) -> Option<OperationId> {
        match self {
            Self::Sending { operation, .. } | Self::Refunded { operation, .. } => Some(*operation),
            _ => None,
        }
    }

    /// When its amount began to count against the spend guard.
    pub const fn spent_at(&self) -> Option<Timestamp> {
        match self {
            Self::Sending { at, .. } | Self::Refunded { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// When it is looked at again without anybody asking.
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::Waiting { until } => Some(*until),
            Self::Held { retry_at, .. } => *retry_at,
            _ => None,
        }
    }
}
