//! Payments: transfers to one of our payment addresses, and the rules that say whose each is.

mod assign;
mod matching;
mod search;
mod tail;

pub use assign::{AssignRefusal, assign};
pub use matching::{Begun, Expectation, Match, MatchPolicy, Orderless, Standing, match_payment};
pub use search::{Absence, Reader, absence};
pub use tail::{TailPolicy, count_and_tail, random_tails};

use crate::{
    address::Address,
    amount::{Asset, Sun},
    chain::{Delivery, Evidence},
    error::ParseError,
    id::{OrderId, PaymentId},
};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// A transfer to one of our payment addresses, as observed. Its id is its place on the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Transaction and index: seeing it again gives the same id.
    pub id: PaymentId,
    /// What was paid.
    pub asset: Asset,
    /// Who paid.
    pub from: Address,
    /// Which of our addresses received it.
    pub to: Address,
    /// How much, in sun or millionths of USDT.
    pub amount: i64,
    /// What makes us believe it.
    pub evidence: Evidence,
    /// The block that holds it; `None` while the block that held it is undone.
    pub block: Option<Delivery>,
    /// Which bucket its money is in.
    pub state: PaymentState,
}

/// Where a payment's money is. A payment is in exactly one of these at any moment (invariant I1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PaymentState {
    /// Recorded with its block, not looked at yet.
    Unrouted,
    /// Pays for an order; what exceeds the order's price waits as `excess`.
    Settles {
        /// The order.
        order: OrderId,
        /// Transfers bought.
        count: u32,
        /// Paid beyond what could be bought; waits for a refund.
        excess: Sun,
    },
    /// Meant for an order, but less than it costs: waits for a refund.
    Under {
        /// The order.
        order: OrderId,
    },
    /// Less than the order costs, and another payment of the same sender has brought the rest: the two pay for it together.
    Part {
        /// The order.
        order: OrderId,
    },
    /// Meant for an order whose time was over: waits for a refund.
    Late {
        /// The order.
        order: OrderId,
    },
    /// Meant for an order that was already paid: waits for a refund.
    Second {
        /// The order.
        order: OrderId,
    },
    /// Matches nothing: waits for a person or a rule.
    Suspense {
        /// Which rule refused it.
        reason: SuspenseReason,
    },
}

impl PaymentState {
    /// A stable name for columns and filters.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unrouted => "unrouted",
            Self::Settles { excess, .. } if excess.get() > 0 => "over",
            Self::Settles { .. } => "settled",
            Self::Under { .. } => "under",
            Self::Part { .. } => "part",
            Self::Late { .. } => "late",
            Self::Second { .. } => "second",
            Self::Suspense { .. } => "suspense",
        }
    }

    /// The order it belongs to or was meant for.
    pub const fn order(&self) -> Option<OrderId> {
        match self {
            Self::Settles { order, .. }
            | Self::Under { order }
            | Self::Part { order }
            | Self::Late { order }
            | Self::Second { order } => Some(*order),
            Self::Unrouted | Self::Suspense { .. } => None,
        }
    }
}

/// Why a payment matches nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuspenseReason {
    /// No order of this amount or sender, and it is no plain multiple of the price.
    NoOrder,
    /// It fits two orders; nobody guesses.
    Ambiguous,
    /// A plain multiple of the price, but orderless sale is switched off.
    OrderlessOff,
    /// The sender is on the deny list (an exchange's hot wallet cannot be the receiver of energy).
    SenderDenied,
    /// Paid in a token that buys nothing here.
    WrongAsset,
    /// A plain multiple of the price, but energy cannot be delegated to the sender (a contract).
    UnusableSender,
    /// One node alone shows it, and it is more than one node is believed.
    OneNode,
}

impl SuspenseReason {
    /// A stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoOrder => "no_order",
            Self::Ambiguous => "ambiguous",
            Self::OrderlessOff => "orderless_off",
            Self::SenderDenied => "sender_denied",
            Self::WrongAsset => "wrong_asset",
            Self::UnusableSender => "unusable_sender",
            Self::OneNode => "one_node",
        }
    }
}

impl FromStr for SuspenseReason {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        [
            Self::NoOrder,
            Self::Ambiguous,
            Self::OrderlessOff,
            Self::SenderDenied,
            Self::WrongAsset,
            Self::UnusableSender,
            Self::OneNode,
        ]
        .into_iter()
        .find(|reason| reason.name() == text)
        .ok_or_else(|| ParseError::Name { kind: "suspense reason", value: text.to_owned() })
    }
}
