//! What is owed of a payment, when, and whether a rule stands against sending it: the table of wrong payments as one
//! pure function.

use super::{Amounts, Decider, KeptBy, Refund, RefundCause, RefundHold, RefundState, SpendGuard};
use crate::{
    address::{Address, Height},
    amount::{Asset, Sun, UsdtMicro},
    chain::Evidence,
    id::{OrderId, RefundId},
    order::{Order, OrderState, RefundReason},
    payment::{Payment, PaymentState, SuspenseReason},
    planted::{Fault, planted},
    time::{Span, Timestamp},
};
use std::collections::BTreeSet;

/// How money goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundPolicy {
    /// Whether refunds are sent at all. Switched off, what is owed is recorded and held.
    pub enabled: bool,
    /// Kept of a refund that the payer had a part in.
    pub fee: Amounts,
    /// Less than this, the fee taken off, is not sent back.
    pub minimum: Amounts,
    /// How long what matches nothing waits for a person before it goes back.
    pub suspense_delay: Span,
    /// What matches nothing or came late, and was read so much later than it was made, waits for a person: who was away
    /// that long may have been another service, whose books are lost. Zero switches it off.
    pub hold_read_late: Span,
    /// Never sent to without a person: exchanges' hot wallets.
    pub denied: BTreeSet<Address>,
    /// Addresses of our own.
    pub own: BTreeSet<Address>,
    /// Above this two people are needed; zero is no limit.
    pub four_eyes_above: Amounts,
    /// How much may leave.
    pub guard: SpendGuard,
    /// How long what could not be sent waits until it is tried again.
    pub retry_after: Span,
    /// Whether what the guard held is tried again by itself.
    pub retry_guard: bool,
}

impl RefundPolicy {
    /// Nothing is ever sent.
    pub const fn switched_off() -> Self {
        const NOTHING: Amounts = Amounts { trx: Sun::ZERO, usdt: UsdtMicro::ZERO };
        Self {
            enabled: false,
            fee: NOTHING,
            minimum: NOTHING,
            suspense_delay: Span::ZERO,
            hold_read_late: Span::ZERO,
            denied: BTreeSet::new(),
            own: BTreeSet::new(),
            four_eyes_above: NOTHING,
            guard: SpendGuard {
                per_payment: NOTHING,
                per_hour: NOTHING,
                per_day: NOTHING,
                token_fee: Sun::ZERO,
            },
            retry_after: Span::from_hours(1),
            retry_guard: false,
        }
    }

    /// Whether what would go out is too little to be sent.
    pub const fn is_too_little(&self, asset: Asset, amount: i64) -> bool {
        amount <= 0 || amount < self.minimum.of(asset)
    }

    /// Whether an amount needs a second person.
    pub const fn needs_two(&self, refund: &Refund) -> bool {
        let limit = self.four_eyes_above.of(refund.asset);
        limit > 0 && refund.owed > limit
    }
}

/// A payment with what decides about the part of it that bought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The payment.
    pub payment: Payment,
    /// The order that it settles or was meant for.
    pub order: Option<Order>,
    /// Whether all that the order bought is delivered, by delegations that are final.
    pub delivered_for_good: bool,
    /// How old its block was when it was read, by the time of the chain.
    pub read_behind: Span,
}

impl Subject {
    /// Whether the refund of what could not be served takes the order along: it does with the payment that settles it.
    pub const fn settles(&self) -> bool {
        matches!(self.payment.state, PaymentState::Settles { .. })
    }

    /// Whether its order still waits to be paid.
    pub fn order_awaits(&self) -> bool {
        self.order.as_ref().is_some_and(|order| match &order.state {
            OrderState::AwaitingPayment => true,
            OrderState::Held { from, .. } => **from == OrderState::AwaitingPayment,
            _ => false,
        })
    }

    /// Whether what is owed is for something that we did not deliver, be it as a part of what it cost: then no fee is
    /// kept, and it goes back however little it is.
    pub fn is_ours_to_answer(&self, cause: RefundCause) -> bool {
        let is_part_of_it = || self.order.as_ref().is_some_and(|order| gives_back(&order.state));
        !cause.is_the_payers() || (cause == RefundCause::Under && is_part_of_it())
    }
}

/// What is owed, and how it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// Why.
    pub cause: RefundCause,
    /// The order it belongs to.
    pub order: Option<OrderId>,
    /// How much of the payment bought nothing, in sun or millionths.
    pub amount: i64,
    /// How much of that is kept as the fee.
    pub fee: i64,
    /// Who decided.
    pub decided_by: Decider,
    /// What it begins as.
    pub state: RefundState,
}

/// What is owed of a payment and from when, before any rule about sending; `None`: nothing, or not yet known. Only ever
/// of a payment that is solid: what leaves cannot be called back.
pub fn owed(
    subject: &Subject,
    solid: Height,
    now: Timestamp,
    suspense_delay: Span,
) -> Option<(RefundCause, i64, Timestamp)> {
    let payment = &subject.payment;
    let block = payment.block.filter(|at| at.block.height() <= solid || planted(Fault::RefundBeforeSolid))?;
    let all = payment.amount;
    match payment.state {
        PaymentState::Unrouted | PaymentState::Part { .. } => None,
        PaymentState::Settles { excess, .. } => {
            let too_much = if planted(Fault::RefundOfAll) { all } else { excess.get() };
            let excess = (excess.get() > 0).then_some((RefundCause::Over, too_much, now));
            match &subject.order.as_ref()?.state {
                OrderState::RefundDue { why, .. } => Some((RefundCause::Unservable { why: *why }, all, now)),
                // Only once nothing can undo the delivery: before that all of it may be owed.
                OrderState::Active { .. } if subject.delivered_for_good => excess,
                OrderState::Reclaiming { reverted: false, refund: None, .. }
                | OrderState::Completed { .. } => excess,
                // It had left the chain, and is back: nothing was kept of what it had bought.
                OrderState::Reverted { .. } => Some((RefundCause::Reverted, all, now)),
                _ => None,
            }
        }
        PaymentState::Under { .. } => {
            let awaits = subject.order.as_ref().filter(|_| subject.order_awaits());
            let until = awaits.map_or(now, |order| order.expires_at);
            Some((RefundCause::Under, all, until))
        }
        PaymentState::Late { .. } => Some((RefundCause::Late, all, now)),
        PaymentState::Second { .. } => Some((RefundCause::Second, all, now)),
        PaymentState::Suspense { reason } => {
            Some((RefundCause::Suspense { reason }, all, block.timestamp.plus(suspense_delay)))
        }
    }
}

/// Whether an order's money goes back, or has.
const fn gives_back(state: &OrderState) -> bool {
    matches!(
        state,
        OrderState::RefundDue { .. }
            | OrderState::Refunding { .. }
            | OrderState::Refunded { .. }
            | OrderState::Forfeited { .. }
            | OrderState::Reverted { .. }
    )
}

/// The same with the rules about fee, minimum and addresses; `None`: nothing is owed, or not yet.
pub fn terms_of(
    subject: &Subject,
    to: Address,
    solid: Height,
    now: Timestamp,
    policy: &RefundPolicy,
) -> Option<Owed> {
    let (cause, amount, until) = owed(subject, solid, now, policy.suspense_delay)?;
    let asset = subject.payment.asset;
    let is_ours = subject.is_ours_to_answer(cause);
    let fee = if is_ours { 0 } else { policy.fee.of(asset).clamp(0, amount) };
    let rest = amount.saturating_sub(fee);
    // What the rest may still complete waits for it, also past the order's time: the rest may have come within it and
    // not be looked at yet. Nothing is decided about its size before.
    let may_be_completed = cause == RefundCause::Under && subject.order_awaits();
    let is_too_little = !is_ours && policy.is_too_little(asset, rest) && !may_be_completed;
    let denied = (policy.denied.contains(&to)
        || matches!(cause, RefundCause::Suspense { reason: SuspenseReason::SenderDenied }))
        && !planted(Fault::RefundToDenied);
    let was_away = policy.hold_read_late > Span::ZERO && subject.read_behind > policy.hold_read_late;
    let may_be_answered = was_away && matches!(cause, RefundCause::Suspense { .. } | RefundCause::Late);
    let is_alone = subject.payment.evidence == Evidence::LoneReceipt;
    let held = |why| RefundState::Held { why, retry_at: None };
    let (state, fee) = if is_too_little {
        // What is kept is kept whole: no fee is taken for it besides.
        (RefundState::Kept { rule: KeptBy::BelowMinimum }, 0)
    } else if is_alone {
        // Whether the money is there at all, and is owed still, comes before where it goes: another address answers only
        // that, and whoever sends it looks at the address again.
        (held(RefundHold::OneNode), fee)
    } else if may_be_answered {
        (held(RefundHold::ReadLate), fee)
    } else if denied {
        (held(RefundHold::DeniedAddress), fee)
    } else if policy.own.contains(&to) {
        (held(RefundHold::OwnAddress), fee)
    } else if until > now || may_be_completed {
        (RefundState::Waiting { until }, fee)
    } else {
        (RefundState::Due, fee)
    };
    let order = subject.order.as_ref().map(|order| order.id);
    let decided_by = match cause {
        RefundCause::Unservable { why: RefundReason::OperatorKey { key } } => Decider::Operator { key },
        _ => Decider::Rule,
    };
    Some(Owed { cause, order, amount, fee, decided_by, state })
}

/// The refund that begins with what is owed.
pub fn open(id: RefundId, payment: &Payment, owed: &Owed, now: Timestamp) -> Refund {
    Refund {
        id,
        payment: payment.id,
        order: owed.order,
        cause: owed.cause,
        asset: payment.asset,
        owed: owed.amount,
        fee: owed.fee,
        to: payment.from,
        address_set_by: None,
        address_approved_by: None,
        checks_waived: false,
        decided_by: owed.decided_by,
        approved_by: None,
        guard_waived: false,
        proposal: None,
        state: owed.state.clone(),
        created_at: now,
        updated_at: now,
        version: 1,
    }
}
