//! `payment_router`: says whose each new payment is, by `match_payment` alone, commits the payments of a block
//! together, and keeps a watcher for every order in its payment phase. Its sweeps read from the books which orders
//! have something due, so no order depends on a hint.

use crate::{
    kernel::{Cast, Progress, StartError},
    late_sale,
    messages::Look,
    settings::OrderlessTerms,
    shared::Shared,
    worker::{After, Cause, Worker},
};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use leyden_domain::planted::{Fault, planted};
use leyden_domain::{
    OrderId, Span, Sun, Timestamp,
    chain::Delivery,
    halt::MoneyAct,
    operation::ChainView,
    order::{Channel, CountRule, Funding, HoldReason, Order, OrderEvent, OrderState},
    payment::{Expectation, Match, MatchPolicy, Payment, PaymentState, SuspenseReason, match_payment},
};
use leyden_ports::{
    ChainError, StoreError,
    store::{OrderWait, Routing, StepError, UnroutedPayment},
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

/// Most payments decided in one commit.
const PAYMENTS_AT_ONCE: u32 = 500;
/// Most questions to the node at once.
const QUESTIONS_AT_ONCE: usize = 8;
/// Most orders read by one sweep query; a full page means that there is more.
const ORDERS_AT_ONCE: u32 = 500;

/// Below every height: the next look is a full one.
const NOTHING_SEEN: i64 = -1;

/// Routes payments and keeps watchers.
#[derive(Debug)]
pub(crate) struct PaymentRouter {
    shared: Arc<Shared>,
    /// Whether the open orders of an earlier life have their watchers.
    resumed: AtomicBool,
    /// Height of the newest block that the last full look has seen.
    seen: AtomicI64,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl PaymentRouter {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, resumed: AtomicBool::new(false), seen: AtomicI64::new(NOTHING_SEEN) }
    }

    async fn work(&self, cause: Cause, progress: &Progress) -> Result<After, Trouble> {
        self.hold_poisoned().await?;
        if !self.resumed.load(Ordering::Relaxed) {
            for (order, _) in self.shared.ports.store.open_orders().await? {
                self.watch(order);
            }
            self.shared.settings.did("router.resumed");
            self.resumed.store(true, Ordering::Relaxed);
        }
        for order in Shared::take(&self.shared.to_watch) {
            self.watch(order);
        }
        let Some(view) = self.shared.view() else { return Ok(After::Rest) };
        let height = view.head.height().get();
        if cause == Cause::Hint && self.seen.swap(height, Ordering::Relaxed) == height {
            return Ok(After::Rest);
        }
        let is_drained = !self.route(view, progress).await?;
        self.sweep(view, is_drained, progress).await?;
        if is_drained {
            return Ok(After::Rest);
        }
        self.seen.store(NOTHING_SEEN, Ordering::Relaxed);
        Ok(After::Again)
    }

    /// Decides about all payments that nobody has looked at. What the books alone decide is committed first, together;
    /// what must be asked of the node follows, so that no payment waits for another's answer. `true`: there are more.
    async fn route(&self, view: ChainView, progress: &Progress) -> Result<bool, Trouble> {
        let unrouted = self.shared.ports.store.unrouted_payments(PAYMENTS_AT_ONCE).await?;
        if unrouted.is_empty() {
            return Ok(false);
        }
        let page_was_full = unrouted.len() >= usize::try_from(PAYMENTS_AT_ONCE).unwrap_or(usize::MAX);
        // One set of terms for the whole round: prices may change while the node is asked.
        let sale = self.shared.boards.sale.read();
        let policy = MatchPolicy { orderless: sale.orderless, ..self.shared.settings.matching.clone() };
        let (mut decided, mut to_ask, mut late) = (Vec::new(), Vec::new(), Vec::new());
        let decisions = decide_all(&unrouted, &policy);
        let some_wait = decisions.len() < unrouted.len();
        for (payment, decision) in decisions {
            let Some(block) = payment.block else { continue };
            match decision {
                Ok(Some(Routing { state: PaymentState::Late { order }, .. })) if self.serves_late() => {
                    late.push((payment, block, order));
                }
                Ok(routing) => decided.extend(routing),
                // It stays as it is until money moves again.
                Err(Orderless { .. }) if !self.shared.may(MoneyAct::Sell) => {}
                Err(Orderless { unit_price, count, excess }) => {
                    to_ask.push((
                        payment.clone(),
                        block,
                        Sale { unit_price, count, excess, terms: sale.terms },
                    ));
                }
            }
        }
        let mut routed = self.commit(decided, view).await?;
        progress.tick();
        for (payment, block, order) in late {
            match late_sale::decide(&self.shared, payment, block, order, &sale).await {
                Ok(routing) => routed = routed.saturating_add(self.commit(vec![routing], view).await?),
                Err(late_sale::Trouble::Store(error)) => return Err(error.into()),
                Err(late_sale::Trouble::Chain(error)) => {
                    tracing::warn!(payment = %payment.id, %error, "late payment not decided yet");
                }
            }
            progress.tick();
        }
        let mut answers = stream::iter(to_ask)
            .map(|(payment, block, sale)| async move {
                let answer = self.orderless(&payment, block, sale).await;
                (payment.id, answer)
            })
            .buffer_unordered(QUESTIONS_AT_ONCE)
            .ready_chunks(QUESTIONS_AT_ONCE);
        while let Some(answered) = answers.next().await {
            progress.tick();
            let mut decided = Vec::with_capacity(answered.len());
            for (payment, answer) in answered {
                match answer {
                    Ok(routing) => decided.push(routing),
                    // The node cannot say now whether the sender can receive energy.
                    Err(error) => tracing::warn!(%payment, %error, "payment not decided yet"),
                }
            }
            routed = routed.saturating_add(self.commit(decided, view).await?);
        }
        Ok((page_was_full || some_wait) && routed > 0)
    }

    /// Whether a payment that came late may buy what is sold now.
    fn serves_late(&self) -> bool {
        self.shared.settings.refunds.serve_late && self.shared.may(MoneyAct::Sell)
    }

    /// Commits decisions, and tells the watchers of the orders that were paid. Returns how many stood.
    async fn commit(&self, decided: Vec<Routing>, view: ChainView) -> Result<usize, Trouble> {
        if decided.is_empty() {
            return Ok(0);
        }
        let routed = self.shared.ports.store.route_payments(decided.clone(), view.head.timestamp).await?;
        self.shared.settings.did("router.routed");
        for routing in decided.iter().filter(|routing| routed.contains(&routing.payment)) {
            match routing.state {
                PaymentState::Settles { order, .. } => self.look_at(order).await?,
                // Its refund begins once it is solid; the clerk's sweep finds it then.
                state => tracing::info!(payment = %routing.payment, bucket = state.name(), "payment waits"),
            }
        }
        Ok(routed.len())
    }

    /// An orderless sale: the payment makes its own order, if its sender can receive energy at all.
    async fn orderless(
        &self,
        payment: &Payment,
        block: Delivery,
        Sale { unit_price, count, excess, terms }: Sale,
    ) -> Result<Routing, ChainError> {
        let Shared { ports, boards, .. } = self.shared.as_ref();
        let is_ours = boards.pool.read().accounts.iter().any(|account| account.address == payment.from);
        let usable =
            !is_ours && ports.chain.account(payment.from).await?.is_some_and(|account| !account.is_contract);
        if !usable {
            let state = PaymentState::Suspense { reason: SuspenseReason::UnusableSender };
            return Ok(Routing { payment: payment.id, state, new_order: None });
        }
        let now = ports.clock.now();
        let id = OrderId::standard(now, ports.entropy.for_id());
        let funding = Funding {
            payment: payment.id,
            paid: Sun::new(payment.amount),
            count,
            excess,
            payer: payment.from,
            block,
        };
        let order = Order {
            id,
            channel: Channel::Orderless,
            owner: None,
            chat_id: None,
            user_id: None,
            recipient: payment.from,
            payment_address: payment.to,
            unit_price,
            tail: Sun::ZERO,
            count: CountRule::Fixed { count },
            energy_per_transfer: terms.energy_per_transfer,
            duration: terms.duration,
            bound_sender: Some(payment.from),
            created_at: block.timestamp,
            expires_at: block.timestamp,
            closes_at: block.timestamp,
            state: OrderState::Paid { funding },
            version: 0,
            updated_at: now,
        };
        Ok(Routing {
            payment: payment.id,
            state: PaymentState::Settles { order: id, count, excess },
            new_order: Some(Box::new(order)),
        })
    }

    /// Everything that hints may have missed, read from the books by what it waits for.
    /// Deadlines wait until all payments are routed: one that is recorded and not decided yet may be in time.
    async fn sweep(&self, view: ChainView, is_drained: bool, progress: &Progress) -> Result<(), Trouble> {
        let waits = [
            OrderWait::MatchedPayment,
            OrderWait::PaidToLookAt(view.solid.height()),
            OrderWait::DeadlineBefore(past_deadline(view)),
            OrderWait::PaymentChanged,
            OrderWait::RefundUndone,
        ];
        let is_ripe = |wait: &OrderWait| is_drained || !matches!(wait, OrderWait::DeadlineBefore(_));
        for wait in waits.into_iter().filter(is_ripe) {
            let mut after = None;
            loop {
                let page = self.shared.ports.store.waiting(wait, after, ORDERS_AT_ONCE).await?;
                after = page.last().copied();
                for order in &page {
                    match wait {
                        // Past the payment phase nobody watches: the order is taken further here.
                        OrderWait::PaymentChanged | OrderWait::RefundUndone => {
                            drop(self.shared.drive_one_of_many(*order).await?);
                        }
                        _ => self.look_at(*order).await?,
                    }
                }
                progress.tick();
                if page.len() < usize::try_from(ORDERS_AT_ONCE).unwrap_or(usize::MAX) {
                    break;
                }
            }
        }
        self.shared.settings.did("router.swept");
        Ok(())
    }

    /// Makes sure that an order has a watcher.
    fn watch(&self, order: OrderId) {
        if let Some(watchers) = self.shared.wires.watchers()
            && let Err(error) = watchers.start(order)
            && matches!(error, StartError::Full { .. })
        {
            tracing::warn!(%order, %error, "order is looked after by sweeps alone");
        }
    }

    /// Tells an order's watcher to look, making one if there is none; does it itself where there is no room.
    async fn look_at(&self, order: OrderId) -> Result<(), Trouble> {
        let started = self.shared.wires.watchers().map(|watchers| watchers.start(order));
        match started {
            // One that is down has just failed on this order, and must not take the router with it: a sweep comes back.
            Some(Ok(watcher)) if watcher.cast(Look) != Cast::Full => {}
            Some(Ok(_) | Err(StartError::Full { .. })) => {
                self.shared.drive_one_of_many(order).await?;
            }
            Some(Err(_)) | None => {}
        }
        Ok(())
    }

    /// Orders whose watchers failed again and again are held for a person.
    async fn hold_poisoned(&self) -> Result<(), Trouble> {
        let mut outcome = Ok(());
        for id in Shared::take(&self.shared.poisoned) {
            if let Err(error) = self.hold(id).await {
                Shared::put(&self.shared.poisoned, id);
                tracing::error!(order = %id, %error, "an order cannot be held; the others go on");
                if matches!(&error, Trouble::Store(error) if error.concerns_all()) {
                    outcome = Err(error);
                }
            }
        }
        outcome
    }

    async fn hold(&self, id: OrderId) -> Result<(), Trouble> {
        let Some(order) = self.shared.ports.store.order(id).await? else { return Ok(()) };
        let held = OrderEvent::Hold(HoldReason::WatcherQuarantined);
        match self.shared.decide(&order, &held, None).await {
            Ok(_) => tracing::error!(order = %id, "order held: its watcher failed again and again"),
            Err(StepError::Transition(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// What a payment without an order buys.
#[derive(Debug, Clone, Copy)]
struct Sale {
    unit_price: Sun,
    count: u32,
    excess: Sun,
    terms: OrderlessTerms,
}

/// A match that makes its own order, if its sender can receive energy: that is not in the books.
pub(crate) struct Orderless {
    unit_price: Sun,
    count: u32,
    excess: Sun,
}

/// Whose payments are that are looked at together, oldest first, as far as the books alone decide. Left out is what may
/// be the rest of what its sender has only just begun to pay: what it might pay for was read before that was in the books.
pub(crate) fn decide_all<'p>(
    unrouted: &'p [UnroutedPayment],
    policy: &MatchPolicy,
) -> Vec<(&'p Payment, Result<Option<Routing>, Orderless>)> {
    let mut have_begun = BTreeSet::new();
    let mut decisions = Vec::with_capacity(unrouted.len());
    for UnroutedPayment { payment, candidates } in unrouted {
        if have_begun.contains(&payment.from) {
            continue;
        }
        let decision = decide(payment, candidates, policy);
        let is_under = matches!(decision, Ok(Some(Routing { state: PaymentState::Under { .. }, .. })));
        if is_under && policy.completes_under {
            have_begun.insert(payment.from);
        }
        decisions.push((payment, decision));
    }
    decisions
}

/// Whose a payment is, as far as the books alone decide; `None` while its block is undone.
fn decide(
    payment: &Payment,
    candidates: &[Expectation],
    policy: &MatchPolicy,
) -> Result<Option<Routing>, Orderless> {
    let Some(block) = payment.block else { return Ok(None) };
    let matched = match_payment(payment, block.timestamp, candidates, policy);
    if let Match::Orderless { unit_price, count, excess } = matched {
        return Err(Orderless { unit_price, count, excess });
    }
    if matches!(matched, Match::Suspense(_)) && planted(Fault::StrangerForgotten) {
        return Ok(None);
    }
    Ok(bucket_of(matched).map(|state| Routing { payment: payment.id, state, new_order: None }))
}

/// The bucket that a match puts a payment into; `None` for a sale that makes its own order, and for what waits.
const fn bucket_of(matched: Match) -> Option<PaymentState> {
    Some(match matched {
        // Below a limit that was raised after it was recorded: recorded it stays.
        Match::Dust => PaymentState::Suspense { reason: SuspenseReason::NoOrder },
        Match::Settles { order, count, excess } | Match::Completes { order, count, excess } => {
            PaymentState::Settles { order, count, excess }
        }
        Match::Under { order } => PaymentState::Under { order },
        Match::Late { order } => PaymentState::Late { order },
        Match::Second { order } => PaymentState::Second { order },
        Match::Suspense(reason) => PaymentState::Suspense { reason },
        Match::Orderless { .. } | Match::Wait => return None,
    })
}

/// Deadlines strictly before the newest block have passed for certain.
fn past_deadline(view: ChainView) -> Timestamp {
    let early = if planted(Fault::ExpiresEarly) { Span::from_secs(60) } else { Span::from_ms(-1) };
    view.head.timestamp.plus(early)
}

#[async_trait]
impl Worker for PaymentRouter {
    fn interval(&self) -> Option<Duration> {
        Some(self.shared.settings.sweep_interval)
    }

    fn stands_by(&self) -> bool {
        !self.shared.lead.is_ours()
    }

    async fn look(self: Arc<Self>, cause: Cause, progress: Progress) -> After {
        match self.work(cause, &progress).await {
            Ok(after) => after,
            Err(error) => {
                self.seen.store(NOTHING_SEEN, Ordering::Relaxed);
                tracing::warn!(%error, "routing did not finish; the next look will");
                After::Rest
            }
        }
    }
}
