//! `payment_router`: says whose each new payment is, by `match_payment` alone, commits the payments of a block
//! together, and keeps a watcher for every order in its payment phase. Its sweeps read from the books which orders
//! have something due, so no order depends on a hint.

use crate::{
    kernel::{Progress, StartError},
    messages::Look,
    shared::Shared,
    worker::{After, Cause, Worker},
};
use async_trait::async_trait;
use leyden_domain::{
    OrderId, Span, Sun, Timestamp,
    chain::Delivery,
    operation::ChainView,
    order::{Channel, CountRule, Funding, HoldReason, Order, OrderEvent, OrderState},
    payment::{Match, Payment, PaymentState, SuspenseReason, match_payment},
};
use leyden_ports::{
    ChainError, StoreError,
    store::{OrderWait, Routing, StepError, UnroutedPayment},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

/// Most payments decided in one commit.
const PAYMENTS_AT_ONCE: u32 = 500;
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
        let full = self.route(view).await?;
        progress.tick();
        self.sweep(view, progress).await?;
        Ok(if full { After::Again } else { After::Rest })
    }

    /// Decides about all payments that nobody has looked at. `true`: there are more.
    async fn route(&self, view: ChainView) -> Result<bool, Trouble> {
        let store = &self.shared.ports.store;
        let unrouted = store.unrouted_payments(PAYMENTS_AT_ONCE).await?;
        if unrouted.is_empty() {
            return Ok(false);
        }
        let page_was_full = unrouted.len() >= usize::try_from(PAYMENTS_AT_ONCE).unwrap_or(usize::MAX);
        let mut routings = Vec::with_capacity(unrouted.len());
        for payment in &unrouted {
            match self.decide(payment).await {
                Ok(Some(routing)) => routings.push(routing),
                Ok(None) => {}
                // The node cannot say now whether the sender can receive energy: this one waits, the others do not.
                Err(error) => {
                    tracing::warn!(payment = %payment.payment.id, %error, "payment not decided yet");
                }
            }
        }
        let decided = routings.clone();
        let routed = store.route_payments(routings, view.head.timestamp).await?;
        self.shared.settings.did("router.routed");
        for routing in decided.iter().filter(|routing| routed.contains(&routing.payment)) {
            match routing.state {
                PaymentState::Settles { order, .. } => self.look_at(order).await?,
                state => tracing::info!(payment = %routing.payment, bucket = state.name(), "payment waits"),
            }
        }
        Ok(page_was_full && !routed.is_empty())
    }

    async fn decide(&self, unrouted: &UnroutedPayment) -> Result<Option<Routing>, ChainError> {
        let UnroutedPayment { payment, candidates } = unrouted;
        let Some(block) = payment.block else { return Ok(None) };
        let settings = &self.shared.settings;
        let state = match match_payment(payment, block.timestamp, candidates, &settings.matching) {
            // Below a limit that was raised after it was recorded: recorded it stays.
            Match::Dust => PaymentState::Suspense { reason: SuspenseReason::NoOrder },
            Match::Settles { order, count, excess } => PaymentState::Settles { order, count, excess },
            Match::Under { order } => PaymentState::Under { order },
            Match::Late { order } => PaymentState::Late { order },
            Match::Second { order } => PaymentState::Second { order },
            Match::Suspense(reason) => PaymentState::Suspense { reason },
            Match::Orderless { unit_price, count, excess } => {
                return self.orderless(payment, block, unit_price, count, excess).await.map(Some);
            }
        };
        Ok(Some(Routing { payment: payment.id, state, new_order: None }))
    }

    /// An orderless sale: the payment makes its own order, if its sender can receive energy at all.
    async fn orderless(
        &self,
        payment: &Payment,
        block: Delivery,
        unit_price: Sun,
        count: u32,
        excess: Sun,
    ) -> Result<Routing, ChainError> {
        let Shared { ports, settings, boards, .. } = self.shared.as_ref();
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
            energy_per_transfer: settings.orderless.energy_per_transfer,
            duration: settings.orderless.duration,
            bound_sender: Some(payment.from),
            created_at: now,
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
    async fn sweep(&self, view: ChainView, progress: &Progress) -> Result<(), Trouble> {
        let waits = [
            OrderWait::MatchedPayment,
            OrderWait::PaidToLookAt(view.solid.height()),
            OrderWait::DeadlineBefore(past_deadline(view)),
            OrderWait::PaymentChanged,
        ];
        for wait in waits {
            let mut after = None;
            loop {
                let page = self.shared.ports.store.waiting(wait, after, ORDERS_AT_ONCE).await?;
                after = page.last().copied();
                for order in &page {
                    match wait {
                        // Past the payment phase nobody watches: the order is taken further here.
                        OrderWait::PaymentChanged => drop(self.shared.drive_one_of_many(*order).await?),
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
        if let Some(watchers) = self.shared.wires.watchers.get()
            && let Err(error) = watchers.start(order)
            && matches!(error, StartError::Full { .. })
        {
            tracing::warn!(%order, %error, "order is looked after by sweeps alone");
        }
    }

    /// Tells an order's watcher to look, making one if there is none; does it itself where there is no room.
    async fn look_at(&self, order: OrderId) -> Result<(), Trouble> {
        let started = self.shared.wires.watchers.get().map(|watchers| watchers.start(order));
        match started {
            Some(Ok(watcher)) => {
                watcher.cast(Look);
            }
            Some(Err(StartError::Full { .. })) => {
                self.shared.drive_one_of_many(order).await?;
            }
            Some(Err(_)) | None => {}
        }
        Ok(())
    }

    /// Orders whose watchers failed again and again are held for a person.
    async fn hold_poisoned(&self) -> Result<(), Trouble> {
        for id in Shared::take(&self.shared.poisoned) {
            let Some(order) = self.shared.ports.store.order(id).await? else { continue };
            let held = OrderEvent::Hold(HoldReason::WatcherQuarantined);
            match self.shared.decide(&order, &held, None).await {
                Ok(_) => tracing::error!(order = %id, "order held: its watcher failed again and again"),
                Err(StepError::Transition(_)) => {}
                Err(error) => {
                    Shared::put(&self.shared.poisoned, id);
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }
}

/// Deadlines strictly before the newest block have passed for certain.
fn past_deadline(view: ChainView) -> Timestamp {
    view.head.timestamp.minus(Span::from_ms(1))
}

#[async_trait]
impl Worker for PaymentRouter {
    fn interval(&self) -> Option<Duration> {
        Some(self.shared.settings.sweep_interval)
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
