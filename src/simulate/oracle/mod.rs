//! The oracle: what must be true, computed from what the world did and from the chain itself. It calls none of the code
//! that decides about orders and payments; the books' own invariants run beside it.

mod audit;
mod chain;
mod generous;
mod lone;
mod refunds;
mod settle;

use super::{
    kit::Kit,
    outcome::{Broken, Tally},
};
use crate::Settings;
use chain::{Facts, Move};
use leyden_domain::{
    Address, Asset, EnergyRatio, OrderId, PaymentId, Sun, Timestamp, TxId,
    book::Book,
    chain::{Head, Transfer},
    operation::OperationState,
    order::{Channel, CountRule, Order, OrderState},
    payment::PaymentState,
    refund::{RefundCause, RefundState},
};
pub(crate) use lone::Keepers;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A payment that a customer sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paid {
    pub(crate) tx_id: TxId,
    pub(crate) from: Address,
    pub(crate) amount: Sun,
    pub(crate) asset: Asset,
}

/// Whether the service has come to rest.
#[derive(Debug)]
pub(crate) enum Rest {
    /// Nothing is left to do.
    Quiet,
    /// Nothing before that moment of chain time.
    Until(Timestamp),
    /// Something is due.
    Busy(String),
}

/// The shadow book.
#[derive(Debug)]
pub(crate) struct Oracle {
    settings: Arc<Settings>,
    payee: Address,
    refunder: Address,
    pool: BTreeSet<Address>,
    /// What stake is worth on this chain.
    ratio: EnergyRatio,
    /// The canonical chain since the world began.
    blocks: Vec<Facts>,
    /// For whom orders were asked for, answered or not.
    asked_for: BTreeSet<Address>,
    /// Orders as they were acknowledged.
    orders: BTreeMap<OrderId, Order>,
    /// What each idempotency key made.
    keys: BTreeMap<String, OrderId>,
    /// What customers sent.
    sent: Vec<Paid>,
    /// When each payment was first in a block, of whatever branch.
    first_in: BTreeMap<TxId, Timestamp>,
    /// How high the chain was when each refund was first in a block, of whatever branch. In a fork it may come again below.
    refunded_at: BTreeMap<TxId, i64>,
    /// Orders whose cancellation was acknowledged.
    called_off: BTreeSet<OrderId>,
    /// Which payments operators wanted to pay for which orders.
    assigned: BTreeSet<(OrderId, PaymentId)>,
    /// Payments whose refund an operator let go.
    released: BTreeSet<PaymentId>,
    /// Who keeps internal transactions.
    keepers: Keepers,
    /// Blocks were undone at some time.
    forked: bool,
    /// The chain was turned below a solid block.
    lost_faith: bool,
    pub(crate) tally: Tally,
    pub(crate) broken: Vec<Broken>,
}

impl Oracle {
    pub(crate) fn new(kit: &Kit, settings: Arc<Settings>, start: Head) -> Self {
        Self {
            settings,
            payee: kit.payee,
            refunder: kit.refunder,
            pool: kit.pool.iter().copied().collect(),
            ratio: kit.ratio(),
            blocks: vec![Facts::first(start)],
            asked_for: BTreeSet::new(),
            orders: BTreeMap::new(),
            keys: BTreeMap::new(),
            sent: Vec::new(),
            first_in: BTreeMap::new(),
            refunded_at: BTreeMap::new(),
            called_off: BTreeSet::new(),
            assigned: BTreeSet::new(),
            released: BTreeSet::new(),
            keepers: Keepers::All,
            forked: false,
            lost_faith: false,
            tally: Tally::default(),
            broken: Vec::new(),
        }
    }

    /// A customer asks for an order. It may be made although nobody hears of it, and then be paid by its recipient, who
    /// needs no tail.
    pub(crate) fn asked_for(&mut self, recipient: Address) {
        self.asked_for.insert(recipient);
    }

    /// An order was acknowledged under a key. The same key makes the same order.
    pub(crate) fn acknowledged(&mut self, key: &str, order: &Order, now: Timestamp) -> Result<(), String> {
        let known = *self.keys.entry(key.to_owned()).or_insert(order.id);
        if known != order.id {
            return Err(format!("{key} made {known} and {}", order.id));
        }
        let terms = |order: &Order| {
            let Order {
                recipient,
                payment_address,
                unit_price,
                tail,
                count,
                energy_per_transfer,
                duration,
                expires_at,
                ..
            } = *order;
            (recipient, payment_address, unit_price, tail, count, energy_per_transfer, duration, expires_at)
        };
        match self.orders.get(&order.id) {
            Some(first) if terms(first) != terms(order) => {
                Err(format!("the terms of {known} changed: {first:?}, now {order:?}"))
            }
            Some(_) => Ok(()),
            None => {
                let has_its_tail = |other: &&Order| {
                    order.tail > Sun::ZERO
                        && other.tail == order.tail
                        && other.payment_address == order.payment_address
                        && now < other.closes_at
                };
                if let Some(other) = self.orders.values().find(has_its_tail) {
                    return Err(format!("{} and {} have the tail {}", other.id, order.id, order.tail));
                }
                self.tally.orders += 1;
                self.orders.insert(order.id, order.clone());
                Ok(())
            }
        }
    }

    /// A customer sent a payment.
    pub(crate) fn paid(&mut self, paid: Paid) {
        self.sent.push(paid);
    }

    /// An operator wants a payment to pay for an order.
    pub(crate) fn assigned(&mut self, order: OrderId, payment: PaymentId) {
        self.assigned.insert((order, payment));
    }

    /// An operator wants a refund sent that is held.
    pub(crate) fn released(&mut self, payment: PaymentId) {
        self.released.insert(payment);
    }

    /// Whether an operator wanted a payment to pay for something.
    fn is_assigned(&self, payment: &Transfer) -> bool {
        self.assigned.iter().any(|(_, id)| *id == PaymentId { tx_id: payment.tx_id, index: payment.index })
    }

    /// How many transfers of an order a payment pays for, also where an operator said so, or where it is the rest of what
    /// was too little, or late.
    fn pays(&self, book: &Book, order: &Order, (block, payment): (&Facts, &Transfer)) -> Option<u32> {
        let id = PaymentId { tx_id: payment.tx_id, index: payment.index };
        if self.assigned.contains(&(order.id, id)) && payment.asset == Asset::Trx {
            let most = match order.count {
                CountRule::Fixed { count: most } | CountRule::Open { max: most } => most,
            };
            return u32::try_from(payment.amount / order.unit_price.get()).ok().map(|count| count.min(most));
        }
        Self::buys(order, payment)
            .or_else(|| self.buys_with_rest(book, order, payment))
            .or_else(|| self.buys_late(order, block, payment))
    }

    /// A cancellation was acknowledged.
    pub(crate) fn called_off(&mut self, order: OrderId) {
        self.called_off.insert(order);
    }

    /// All payments to us on the canonical chain with their blocks, oldest first.
    fn payments(&self) -> impl Iterator<Item = (&Facts, &Transfer)> {
        self.blocks.iter().flat_map(|block| block.payments.iter().map(move |payment| (block, payment)))
    }

    /// All movements of the pool's stake on the canonical chain with their blocks, oldest first.
    fn moves(&self) -> impl Iterator<Item = (&Facts, &Move)> {
        self.blocks.iter().flat_map(|block| block.moves.iter().map(move |one| (block, one)))
    }

    /// How many transfers of an order a payment pays for; `None` where it does not pay for it.
    fn buys(order: &Order, payment: &Transfer) -> Option<u32> {
        if payment.asset != Asset::Trx || payment.to != order.payment_address {
            return None;
        }
        let (price, tail) = (order.unit_price.get(), order.tail.get());
        let (paid_for, rest) = (payment.amount / price, payment.amount % price);
        let fits = if order.channel == Channel::Orderless {
            rest == 0 && payment.from == order.recipient
        } else {
            rest == tail || (rest == 0 && payment.from == order.recipient)
        };
        let (least, most) = match order.count {
            CountRule::Fixed { count } => (count, count),
            CountRule::Open { max } => (1, max),
        };
        let paid_for = u32::try_from(paid_for).ok()?;
        (fits && paid_for >= least).then(|| paid_for.min(most))
    }

    /// An order's terms: as they were acknowledged, or as the books have an order that nobody made or nobody heard of.
    fn terms<'a>(&'a self, book: &'a Book, id: OrderId) -> Option<&'a Order> {
        let unheard_of = |order: &&Order| {
            order.id == id
                && (order.channel == Channel::Orderless || self.asked_for.contains(&order.recipient))
        };
        self.orders.get(&id).or_else(|| book.orders.iter().find(unheard_of))
    }

    /// Whether anything is left to do.
    pub(crate) fn rest(&self, book: &Book, now: Timestamp) -> Rest {
        if self.lost_faith {
            return Rest::Quiet;
        }
        let grace = self.settings.pool.reclaim_grace.span();
        let mut next: Option<Timestamp> = None;
        for order in &book.orders {
            let due = match &order.state {
                OrderState::AwaitingPayment => order.expires_at,
                OrderState::Active { ends_at, .. } => ends_at.plus(grace),
                OrderState::Paid { .. }
                | OrderState::Funded { .. }
                | OrderState::Reserved { .. }
                | OrderState::Delegating { .. }
                | OrderState::Reclaiming { .. }
                | OrderState::Refunding { .. } => now,
                OrderState::Completed { .. }
                | OrderState::Reverted { .. }
                | OrderState::RefundDue { .. }
                | OrderState::Refunded { .. }
                | OrderState::Forfeited { .. }
                | OrderState::Expired { .. }
                | OrderState::Cancelled { .. }
                | OrderState::Held { .. } => continue,
            };
            if due <= now {
                return Rest::Busy(format!("{} is {}", order.id, order.state.kind().name()));
            }
            next = Some(next.map_or(due, |next| next.min(due)));
        }
        for payment in &book.payments {
            if payment.block.is_some() && payment.state == PaymentState::Unrouted {
                return Rest::Busy(format!("{} is not routed", payment.id));
            }
        }
        let held: BTreeSet<OrderId> = book
            .orders
            .iter()
            .filter(|order| matches!(order.state, OrderState::Held { .. }))
            .map(|order| order.id)
            .collect();
        for refund in &book.refunds {
            let due = match refund.state {
                // What may still complete an order waits with it, and that one waits for a person.
                RefundState::Waiting { .. }
                    if refund.cause == RefundCause::Under
                        && refund.order.is_some_and(|order| held.contains(&order)) =>
                {
                    continue;
                }
                RefundState::Waiting { until } => until,
                RefundState::Due | RefundState::Sending { .. } => now,
                RefundState::Held { .. }
                | RefundState::Refunded { .. }
                | RefundState::Kept { .. }
                | RefundState::Withdrawn => continue,
            };
            if due <= now {
                return Rest::Busy(format!("{} is {}", refund.id, refund.state.kind().name()));
            }
            next = Some(next.map_or(due, |next| next.min(due)));
        }
        for operation in &book.operations {
            let waits = match operation.state {
                OperationState::Intended | OperationState::Signed | OperationState::Included => {
                    next.is_none()
                }
                OperationState::Solid | OperationState::Failed | OperationState::Cancelled => false,
            };
            if waits {
                return Rest::Busy(format!("{} is {}", operation.id, operation.state.name()));
            }
        }
        let read = book.blocks.last().map_or(0, |(head, _)| head.height().get());
        let there = self.blocks.last().map_or(0, |block| block.height);
        if there - read > 6 {
            return Rest::Busy(format!("block {read} of {there} is read"));
        }
        next.map_or(Rest::Quiet, Rest::Until)
    }
}

/// Something that is wrong.
fn broken(check: &str, detail: String) -> Broken {
    Broken { check: check.to_owned(), detail }
}
