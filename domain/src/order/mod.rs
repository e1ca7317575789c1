//! An order: a customer's wish for energy on an address, and everything that can become of it.
//!
//! [`OrderState`] carries in each variant exactly what is true in it. [`step`] is the only code that makes one
//! state from another; [`next_event`] reads from the facts of the books and the chain which event, if any, is due.
//! Together they make every actor's work the same: load the rows, ask what is due, step, commit.

mod progress;
mod quote;
mod step;

pub use progress::{Facts, confirmation_of, next_event, undelivered};
pub use quote::{EnergyPrices, PriceTerms, Quote, QuoteError, quote};
pub use step::{Effect, InvalidTransition, OrderEvent, Transition, step};

use crate::{
    address::{Address, BlockRef, Height},
    amount::Sun,
    chain::Delivery,
    energy::Energy,
    error::{ArithmeticError, ParseError},
    id::{ApiKeyId, OperationId, OrderId, PaymentId},
    payment::{Expectation, Standing},
    time::{Span, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// An order. Its terms never change after creation; only `state` and `version` do, and only through [`step`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// Which door it came through.
    pub channel: Channel,
    /// The API key that made it; nobody else's key may see it.
    pub owner: Option<ApiKeyId>,
    /// The Telegram chat it was made from.
    pub chat_id: Option<i64>,
    /// The caller's own name for its customer.
    pub user_id: Option<String>,
    /// Who gets the energy.
    pub recipient: Address,
    /// Which of our addresses the payment goes to.
    pub payment_address: Address,
    /// Price of one transfer's energy.
    pub unit_price: Sun,
    /// The sun that make the amount unique; zero for an orderless sale.
    pub tail: Sun,
    /// How many transfers may be bought.
    pub count: CountRule,
    /// Energy that one transfer gets.
    pub energy_per_transfer: Energy,
    /// How long the energy stays.
    pub duration: Span,
    /// Who said in advance that they will pay. A note: nothing is matched by it, because nobody has proven it.
    pub bound_sender: Option<Address>,
    /// When it was made, in chain time: the slot time of the newest block then known.
    pub created_at: Timestamp,
    /// Last moment of chain time at which a payment is in time.
    pub expires_at: Timestamp,
    /// Until when its tail stays taken, so that a late payment is still known.
    pub closes_at: Timestamp,
    /// What has become of it.
    pub state: OrderState,
    /// Counts its changes; a commit names the version it read.
    pub version: i64,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Order {
    /// What a payment for `count` transfers must amount to.
    pub fn amount_due(&self, count: u32) -> Result<Sun, ArithmeticError> {
        self.unit_price.times(i64::from(count))?.plus(self.tail)
    }

    /// As matching sees it.
    pub fn expectation(&self) -> Expectation {
        Expectation {
            order: self.id,
            payment_address: self.payment_address,
            unit_price: self.unit_price,
            tail: self.tail,
            count: self.count,
            recipient: self.recipient,
            bound_sender: self.bound_sender,
            created_at: self.created_at,
            expires_at: self.expires_at,
            closes_at: self.closes_at,
            standing: self.state.standing(),
            begun: None,
        }
    }

    /// The energy its payment bought; zero before there is one.
    pub fn energy_bought(&self) -> Result<Energy, ArithmeticError> {
        self.state
            .funding()
            .map_or(Ok(Energy::ZERO), |funding| self.energy_per_transfer.times(i64::from(funding.count)))
    }
}

/// Which door an order came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The `energy-flash` routes.
    EnergyFlash,
    /// The `/api/v1/orders` routes.
    Standard,
    /// No order was made: a plain multiple of the price was paid.
    Orderless,
}

impl Channel {
    /// The value of the column `order_type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EnergyFlash => "energy_flash",
            Self::Standard => "standard",
            Self::Orderless => "orderless",
        }
    }
}

impl FromStr for Channel {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "energy_flash" => Ok(Self::EnergyFlash),
            "standard" => Ok(Self::Standard),
            "orderless" => Ok(Self::Orderless),
            other => Err(ParseError::Name { kind: "order type", value: other.to_owned() }),
        }
    }
}

/// How many transfers an order may buy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum CountRule {
    /// The payer chooses by how much is paid: 1 to `max`.
    Open {
        /// The most.
        max: u32,
    },
    /// Exactly this many.
    Fixed {
        /// The count.
        count: u32,
    },
}

impl CountRule {
    /// The fewest transfers that may be bought.
    pub const fn least(self) -> u32 {
        match self {
            Self::Open { .. } => 1,
            Self::Fixed { count } => count,
        }
    }

    /// The most transfers that may be bought.
    pub const fn most(self) -> u32 {
        match self {
            Self::Open { max } => max,
            Self::Fixed { count } => count,
        }
    }
}

/// The payment that an order stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Funding {
    /// Which payment.
    pub payment: PaymentId,
    /// How much came.
    pub paid: Sun,
    /// Transfers bought.
    pub count: u32,
    /// Paid beyond what could be bought.
    pub excess: Sun,
    /// Who paid.
    pub payer: Address,
    /// The block that holds the payment.
    pub block: Delivery,
}

/// Why we act on a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Confirmation {
    /// It is in this block, and what we do about it is bound to the same branch of the chain.
    ForkBound {
        /// The payment's block.
        block: BlockRef,
    },
    /// Its block is solid.
    Solid {
        /// The solid height at which we saw so.
        height: Height,
    },
}

/// Who ended something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The customer, through the bot or a program.
    Customer,
    /// A person who runs the service.
    Operator,
}

/// Why money must go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundReason {
    /// The pool could not serve it within the patience of the policy.
    NoCapacity,
    /// The chain refuses delegations to the recipient.
    RecipientUnusable,
    /// An operator decided so.
    Operator,
    /// An operator who is known by an API key decided so.
    OperatorKey {
        /// The key.
        key: ApiKeyId,
    },
}

/// Why a person must decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// Its watcher failed again and again on it.
    WatcherQuarantined,
    /// The energy could not be taken back: the chain has no such delegation any more.
    ReclaimImpossible,
    /// An operator asked for it.
    Operator,
}

/// What has become of an order. The diagram is in `ARCHITECTURE.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum OrderState {
    /// No payment yet.
    AwaitingPayment,
    /// A payment is in a block, not confirmed enough.
    Paid {
        /// The payment.
        funding: Funding,
    },
    /// Confirmed enough to act; no capacity held yet.
    Funded {
        /// The payment.
        funding: Funding,
        /// Why we act on it.
        confirmation: Confirmation,
    },
    /// Capacity is held; nothing is signed yet.
    Reserved {
        /// The payment.
        funding: Funding,
        /// Why we act on it.
        confirmation: Confirmation,
    },
    /// At least one delegation is signed.
    Delegating {
        /// The payment.
        funding: Funding,
        /// Why we act on it.
        confirmation: Confirmation,
    },
    /// The energy is on the recipient.
    Active {
        /// The payment.
        funding: Funding,
        /// Slot time of the block that held the last delegation: the rental's clock starts here.
        delivered_at: Timestamp,
        /// When the rental ends, in chain time.
        ends_at: Timestamp,
    },
    /// The energy is being taken back.
    Reclaiming {
        /// The payment.
        funding: Funding,
        /// When the rental ended.
        ends_at: Timestamp,
        /// The payment was undone, so the rental was cut short and bought nothing.
        reverted: bool,
        /// Only a part could be delivered: it is taken back, and then the money must go back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refund: Option<RefundReason>,
    },
    /// Delivered and taken back.
    Completed {
        /// The payment.
        funding: Funding,
        /// When the rental ended.
        ends_at: Timestamp,
    },
    /// The payment was undone after its energy was delivered all the same; the energy has been taken back.
    Reverted {
        /// The payment that was undone.
        funding: Funding,
    },
    /// The money must go back; waits for its refund.
    RefundDue {
        /// The payment.
        funding: Funding,
        /// Why.
        why: RefundReason,
    },
    /// A refund is signed.
    Refunding {
        /// The payment.
        funding: Funding,
        /// Why.
        why: RefundReason,
        /// The refund.
        operation: OperationId,
    },
    /// The money went back.
    Refunded {
        /// The payment.
        funding: Funding,
        /// Why.
        why: RefundReason,
        /// The refund.
        operation: OperationId,
    },
    /// The money that was due back is kept: too little to be sent, or an operator decided so.
    Forfeited {
        /// The payment.
        funding: Funding,
        /// Why it was due back.
        why: RefundReason,
    },
    /// Nobody paid in time.
    Expired {
        /// When that was decided, in chain time.
        at: Timestamp,
    },
    /// Called off before it was paid.
    Cancelled {
        /// When.
        at: Timestamp,
        /// By whom.
        by: Party,
    },
    /// A person must decide.
    Held {
        /// Why.
        why: HoldReason,
        /// What it was before.
        from: Box<OrderState>,
    },
}

/// The names of the states, without what they carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "named as the variants of OrderState, which document them")]
pub enum OrderStateKind {
    AwaitingPayment,
    Paid,
    Funded,
    Reserved,
    Delegating,
    Active,
    Reclaiming,
    Completed,
    Reverted,
    RefundDue,
    Refunding,
    Refunded,
    Forfeited,
    Expired,
    Cancelled,
    Held,
}

impl OrderStateKind {
    /// All of them, in the order of an order's life.
    pub const ALL: [Self; 16] = [
        Self::AwaitingPayment,
        Self::Paid,
        Self::Funded,
        Self::Reserved,
        Self::Delegating,
        Self::Active,
        Self::Reclaiming,
        Self::Completed,
        Self::Reverted,
        Self::RefundDue,
        Self::Refunding,
        Self::Refunded,
        Self::Forfeited,
        Self::Expired,
        Self::Cancelled,
        Self::Held,
    ];

    /// The value of the column `state`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AwaitingPayment => "awaiting_payment",
            Self::Paid => "paid",
            Self::Funded => "funded",
            Self::Reserved => "reserved",
            Self::Delegating => "delegating",
            Self::Active => "active",
            Self::Reclaiming => "reclaiming",
            Self::Completed => "completed",
            Self::Reverted => "reverted",
            Self::RefundDue => "refund_due",
            Self::Refunding => "refunding",
            Self::Refunded => "refunded",
            Self::Forfeited => "forfeited",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Held => "held",
        }
    }

    /// The `status` of the `energy-flash` routes, as their first clients know it.
    pub const fn status(self) -> &'static str {
        match self {
            Self::AwaitingPayment => "pending",
            Self::Paid | Self::Funded => "paid",
            Self::Reserved | Self::Delegating => "processing",
            Self::Active | Self::Reclaiming | Self::Completed => "completed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Held | Self::RefundDue | Self::Refunding | Self::Reverted | Self::Forfeited => "failed",
            Self::Refunded => "refunded",
        }
    }

    /// Whether it changes no more.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Completed
                | Self::Reverted
                | Self::Refunded
                | Self::Forfeited
                | Self::Expired
                | Self::Cancelled
        )
    }
}

impl FromStr for OrderStateKind {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| ParseError::Name { kind: "order state", value: text.to_owned() })
    }
}

impl OrderState {
    /// Its name.
    pub const fn kind(&self) -> OrderStateKind {
        match self {
            Self::AwaitingPayment => OrderStateKind::AwaitingPayment,
            Self::Paid { .. } => OrderStateKind::Paid,
            Self::Funded { .. } => OrderStateKind::Funded,
            Self::Reserved { .. } => OrderStateKind::Reserved,
            Self::Delegating { .. } => OrderStateKind::Delegating,
            Self::Active { .. } => OrderStateKind::Active,
            Self::Reclaiming { .. } => OrderStateKind::Reclaiming,
            Self::Completed { .. } => OrderStateKind::Completed,
            Self::Reverted { .. } => OrderStateKind::Reverted,
            Self::RefundDue { .. } => OrderStateKind::RefundDue,
            Self::Refunding { .. } => OrderStateKind::Refunding,
            Self::Refunded { .. } => OrderStateKind::Refunded,
            Self::Forfeited { .. } => OrderStateKind::Forfeited,
            Self::Expired { .. } => OrderStateKind::Expired,
            Self::Cancelled { .. } => OrderStateKind::Cancelled,
            Self::Held { .. } => OrderStateKind::Held,
        }
    }

    /// What payments find it to be. What is held still expects what it expected before.
    fn standing(&self) -> Standing {
        match self {
            Self::AwaitingPayment => Standing::Open,
            Self::Expired { .. } | Self::Cancelled { .. } => Standing::Closed,
            Self::Held { from, .. } => from.standing(),
            _ => Standing::Paid,
        }
    }

    /// The payment it stands on, where there is one.
    pub fn funding(&self) -> Option<&Funding> {
        match self {
            Self::AwaitingPayment | Self::Expired { .. } | Self::Cancelled { .. } => None,
            Self::Paid { funding }
            | Self::Funded { funding, .. }
            | Self::Reserved { funding, .. }
            | Self::Delegating { funding, .. }
            | Self::Active { funding, .. }
            | Self::Reclaiming { funding, .. }
            | Self::Completed { funding, .. }
            | Self::Reverted { funding }
            | Self::RefundDue { funding, .. }
            | Self::Refunding { funding, .. }
            | Self::Refunded { funding, .. }
            | Self::Forfeited { funding, .. } => Some(funding),
            Self::Held { from, .. } => from.funding(),
        }
    }

    /// When the rental ends, where it has begun.
    pub fn ends_at(&self) -> Option<Timestamp> {
        match self {
            Self::Active { ends_at, .. }
            | Self::Reclaiming { ends_at, .. }
            | Self::Completed { ends_at, .. } => Some(*ends_at),
            Self::Held { from, .. } => from.ends_at(),
            _ => None,
        }
    }
}
