//! Whose payment is this? One pure function with the rules in their order; the first that fits wins.

use crate::{
    address::Address,
    amount::{Asset, Sun},
    chain::Evidence,
    id::OrderId,
    order::CountRule,
    payment::{Payment, SuspenseReason, tail::count_and_tail},
    planted::{Fault, planted},
    time::{Span, Timestamp},
};
use std::collections::BTreeSet;

/// What an order expects, as matching sees it. The caller passes the few orders that the payment's amount or
/// sender point at, not all that are open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The order.
    pub order: OrderId,
    /// Where it wants to be paid.
    pub payment_address: Address,
    /// Price of one transfer's energy.
    pub unit_price: Sun,
    /// What makes its amount unique.
    pub tail: Sun,
    /// How many transfers may be bought.
    pub count: CountRule,
    /// Who gets the energy.
    pub recipient: Address,
    /// Who said in advance that they will pay.
    pub bound_sender: Option<Address>,
    /// When it was made, in chain time: a payment that is clearly older was meant for something else.
    pub created_at: Timestamp,
    /// Last moment of chain time at which a payment is in time.
    pub expires_at: Timestamp,
    /// Until when its tail stays taken.
    pub closes_at: Timestamp,
    /// What has become of it so far.
    pub standing: Standing,
    /// What the payer of the payment in question has paid for it already, which was too little; `None`: nothing.
    pub begun: Option<Begun>,
}

/// Payments that were less than their order costs, of one payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// What they come to.
    pub paid: Sun,
    /// Whether the rest may complete them now: each is solid, so that no fork can take it away from under the rest, and
    /// waits, so that it is not on its way back.
    pub is_ready: bool,
}

/// What has become of an order, as far as payments are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Waits for its payment.
    Open,
    /// Has its payment.
    Paid,
    /// Expired or cancelled without one.
    Closed,
}

/// What matching may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchPolicy {
    /// Below this a TRX transfer is dust: counted, not recorded.
    pub dust_sun: Sun,
    /// Below this a USDT transfer is dust, in millionths.
    pub dust_usdt_micro: i64,
    /// Orderless sale: a plain multiple of this price gives energy to the sender. `None` switches it off.
    pub orderless: Option<Orderless>,
    /// Whether what was less than an order costs is completed by another payment of the same sender.
    pub completes_under: bool,
    /// More than this, where one node's receipt alone shows it, waits for a person.
    pub lone_receipt_limit: Sun,
    /// Senders whose payments are never answered with energy or a refund on their own: exchanges' hot wallets.
    pub denied_senders: BTreeSet<Address>,
}

/// Terms of the orderless sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orderless {
    /// Price of one transfer's energy.
    pub unit_price: Sun,
    /// Most transfers per payment.
    pub max_transactions: u32,
}

/// Whose a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// Below the dust limit.
    Dust,
    /// Pays for this order; what is over waits for a refund.
    Settles {
        /// The order.
        order: OrderId,
        /// Transfers bought.
        count: u32,
        /// Paid beyond the most that may be bought.
        excess: Sun,
    },
    /// The rest of what was too little: together they pay for this order; what is over waits for a refund.
    Completes {
        /// The order.
        order: OrderId,
        /// Transfers bought.
        count: u32,
        /// Paid beyond that.
        excess: Sun,
    },
    /// Perhaps the rest of what was too little, which is not final yet: to be asked again.
    Wait,
    /// Less than the order costs.
    Under {
        /// The order.
        order: OrderId,
    },
    /// After the order's time.
    Late {
        /// The order.
        order: OrderId,
    },
    /// The order is already paid.
    Second {
        /// The order.
        order: OrderId,
    },
    /// Makes a new order for the sender.
    Orderless {
        /// Price of one transfer's energy.
        unit_price: Sun,
        /// Transfers bought.
        count: u32,
        /// Paid beyond the most that may be bought.
        excess: Sun,
    },
    /// Nobody's.
    Suspense(SuspenseReason),
}

/// A block that was made before an order may still be replaced by one that holds the order's payment; none lies
/// further back than the solid block, about a minute.
const REACH_BACK: Span = Span::from_secs(60);

/// Says whose `payment` is. `paid_at` is the slot time of its block. `candidates` must hold every order of the
/// payment's address whose tail fits the amount under that order's price, and every open one whose recipient is the
/// payer.
pub fn match_payment(
    payment: &Payment,
    paid_at: Timestamp,
    candidates: &[Expectation],
    policy: &MatchPolicy,
) -> Match {
    match payment.asset {
        Asset::Usdt if payment.amount < policy.dust_usdt_micro => return Match::Dust,
        Asset::Usdt if planted(Fault::UsdtBySymbol) => {}
        Asset::Usdt => return Match::Suspense(SuspenseReason::WrongAsset),
        Asset::Trx if payment.amount < policy.dust_sun.get() => return Match::Dust,
        Asset::Trx => {}
    }
    let amount = Sun::new(payment.amount);
    let is_alone = payment.evidence == Evidence::LoneReceipt && !planted(Fault::LoneReceiptUnlimited);
    if is_alone && amount > policy.lone_receipt_limit {
        return Match::Suspense(SuspenseReason::OneNode);
    }
    let here = || {
        candidates
            .iter()
            .filter(|e| e.payment_address == payment.to && paid_at >= e.created_at.minus(REACH_BACK))
    };
    let fits = |e: &Expectation| {
        e.tail > Sun::ZERO
            && count_and_tail(amount, e.unit_price)
                .is_some_and(|(_, tail)| tail == e.tail || planted(Fault::TailIgnored))
            && paid_at <= e.closes_at
    };

    let denied = policy.denied_senders.contains(&payment.from) && !planted(Fault::DeniedIsServed);
    // What an exchange's wallet sends twice comes from two customers of its.
    let may_complete = policy.completes_under && !denied;

    // A tail is unique per address, but the same amount may fit two tails under two prices. If only one of them is
    // still waiting for money, that one is meant; else nobody guesses.
    let (waiting, over): (Vec<&Expectation>, Vec<&Expectation>) =
        here().filter(|e| fits(e)).partition(|e| is_waiting(e, paid_at));
    match waiting.as_slice() {
        [one] => {
            let count = count_and_tail(amount, one.unit_price).map_or(0, |(count, _)| count);
            let settled = settle(one.order, count, one.unit_price, one.count);
            return match settled {
                Match::Under { .. } if may_complete => complete(one, amount).unwrap_or(settled),
                settled => settled,
            };
        }
        [] => {}
        _ => return Match::Suspense(SuspenseReason::Ambiguous),
    }

    // The rest of what the same sender has paid too little of needs no tail. Where it may be the rest of two, it must be
    // exactly that of one.
    let begun: Vec<&Expectation> =
        here().filter(|e| may_complete && e.begun.is_some() && is_waiting(e, paid_at)).collect();
    let mut exact = begun.iter().filter(|e| rest_of(e) == Some(amount));
    let meant = match (begun.as_slice(), exact.next(), exact.next()) {
        ([one], ..) | (_, Some(one), None) => Some(*one),
        _ => None,
    };
    if let Some(completed) = meant.and_then(|one| complete(one, amount)) {
        return completed;
    }

    // Without a tail only the payer's own address speaks for an order: the energy must go to whoever paid. That
    // somebody named the payer at creation proves nothing, and would let anyone catch another's payments.
    let mut own = here().filter_map(|e| {
        let (count, tail) = count_and_tail(amount, e.unit_price)?;
        let fits = i64::from(e.count.least()) <= count && count <= i64::from(e.count.most());
        let is_own = !denied && is_waiting(e, paid_at) && e.recipient == payment.from;
        (is_own && fits && tail == Sun::ZERO).then_some((e, count))
    });
    let (first, second) = (own.next(), own.next());
    if let (Some((only, count)), None) = (first, second) {
        return settle(only.order, count, only.unit_price, only.count);
    }

    let plain = policy.orderless.and_then(|terms| match count_and_tail(amount, terms.unit_price) {
        Some((count, Sun::ZERO)) if count >= 1 => Some((terms, count)),
        _ => None,
    });
    if let Some((terms, count)) = plain
        && !denied
    {
        let (count, excess) = cap(count, terms.unit_price, terms.max_transactions);
        return Match::Orderless { unit_price: terms.unit_price, count, excess };
    }

    if second.is_some() {
        return Match::Suspense(SuspenseReason::Ambiguous);
    }
    match over.as_slice() {
        [one] if one.standing == Standing::Paid => Match::Second { order: one.order },
        [one] => Match::Late { order: one.order },
        [] if plain.is_some() => Match::Suspense(SuspenseReason::SenderDenied),
        // More of what is too little: the rest may still come.
        [] => meant.map_or(Match::Suspense(SuspenseReason::NoOrder), |one| Match::Under { order: one.order }),
        _ => Match::Suspense(SuspenseReason::Ambiguous),
    }
}

/// Whether an order still waits for its money at that moment.
fn is_waiting(order: &Expectation, paid_at: Timestamp) -> bool {
    let is_open =
        order.standing == Standing::Open || order.standing == Standing::Paid && planted(Fault::SecondSettles);
    is_open && (paid_at <= order.expires_at || planted(Fault::LateIsInTime))
}

/// What is missing of the least that an order costs.
fn rest_of(order: &Expectation) -> Option<Sun> {
    let due = order.unit_price.times(i64::from(order.count.least())).ok()?.plus(order.tail).ok()?;
    due.minus(order.begun?.paid).ok()
}

/// What an amount makes of an order that was begun; `None` where it is still too little.
fn complete(order: &Expectation, amount: Sun) -> Option<Match> {
    let begun = order.begun?;
    let total = begun.paid.plus(amount).ok()?;
    let above = total.minus(order.tail).ok()?;
    let paid_count = above.get().checked_div(order.unit_price.get())?;
    let count = u32::try_from(paid_count).unwrap_or(u32::MAX).min(order.count.most());
    if count < order.count.least() || count == 0 {
        return None;
    }
    if !begun.is_ready {
        return Some(Match::Wait);
    }
    let price = order.unit_price.times(i64::from(count)).ok()?;
    Some(Match::Completes { order: order.order, count, excess: above.minus(price).ok()? })
}

/// Applies an order's count rule to the count that was paid.
fn settle(order: OrderId, paid_count: i64, unit_price: Sun, rule: CountRule) -> Match {
    let (least, most) = match rule {
        CountRule::Fixed { count } => (count, count),
        CountRule::Open { max } => (1, max),
    };
    if paid_count < i64::from(least) {
        if planted(Fault::UnderIsExact) {
            return Match::Settles { order, count: least, excess: Sun::ZERO };
        }
        return Match::Under { order };
    }
    let (count, excess) = cap(paid_count, unit_price, most);
    Match::Settles { order, count, excess }
}

/// Cuts a count to the most that may be bought and says what the rest was worth.
fn cap(paid_count: i64, unit_price: Sun, most: u32) -> (u32, Sun) {
    let most = if planted(Fault::OverIsServed) { u32::MAX } else { most };
    let count = u32::try_from(paid_count).map_or(most, |count| count.min(most));
    let beyond = paid_count.saturating_sub(i64::from(count)).max(0);
    (count, Sun::new(unit_price.get().saturating_mul(beyond)))
}
