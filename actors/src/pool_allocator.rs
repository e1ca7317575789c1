//! `pool_allocator`: gives paid orders their capacity and takes it back when rentals end. Holds are reservations in
//! the books, so the pool is locked by rows and not by this actor; there is one of it to save work, not to be safe.
//! Plans are pure (`pool::plan`); the holds and the operations intended on them are committed together with the
//! orders' steps, all orders of a look in one transaction.

use crate::{
    allocation::{occupy, plan_for},
    boards::PoolStatus,
    kernel::Progress,
    shared::Shared,
    worker::{After, Cause, Worker},
};
use async_trait::async_trait;
use leyden_domain::planted::{Fault, planted};
use leyden_domain::{
    Energy, OrderId, Span, Timestamp,
    halt::MoneyAct,
    operation::{ChainView, OperationState},
    order::{OrderEvent, OrderState, RefundReason, undelivered},
    pool::{AccountState, Shortfall},
};
use leyden_ports::{
    StoreError,
    store::{OrderDetail, OrderWait, StepError},
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

/// Most orders served by one look.
const ORDERS_AT_ONCE: u32 = 500;

/// Most plans tried at once while the books refuse them.
const PLANS_AT_ONCE: u32 = 3;

/// Holds capacity for paid orders.
#[derive(Debug)]
pub(crate) struct PoolAllocator {
    shared: Arc<Shared>,
    /// Whether orders that were on their way when the service stopped have been looked at.
    resumed: AtomicBool,
    /// How often in a row the books refused a plan.
    overtaken: AtomicU32,
    /// Since when the books have been close to the head.
    current_since: Mutex<Option<Timestamp>>,
}

impl PoolAllocator {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            resumed: AtomicBool::new(false),
            overtaken: AtomicU32::new(0),
            current_since: Mutex::new(None),
        }
    }

    async fn work(&self, cause: Cause, progress: &Progress) -> Result<After, StepError> {
        self.retire_unfit().await?;
        let Some(view) = self.shared.view() else {
            self.post(Energy::ZERO).await?;
            return Ok(After::Rest);
        };
        let more = self.serve(view).await?;
        progress.tick();
        self.end_rentals(view, progress).await?;
        if cause != Cause::Hint || !self.resumed.swap(true, Ordering::Relaxed) {
            self.drive_all(OrderWait::Operating, progress).await?;
        }
        Ok(if more { After::Again } else { After::Rest })
    }

    /// Plans and holds capacity for all orders that want it. `true`: some may be served by looking again at once.
    async fn serve(&self, view: ChainView) -> Result<bool, StepError> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let waiting = ports.store.waiting(OrderWait::Capacity, None, ORDERS_AT_ONCE).await?;
        let mut accounts = ports.store.pool_accounts().await?;
        let mut queued = Energy::ZERO;
        let mut commits = Vec::new();
        let current_since = self.current_since(view.head.timestamp);
        if self.shared.may(MoneyAct::Delegate) {
            for id in waiting {
                // First what the facts ask for: the payment may be gone or elsewhere.
                let Some(detail) = self.shared.advance_one_of_many(id).await? else { continue };
                let OrderState::Funded { funding, .. } = &detail.order.state else { continue };
                let demand = undelivered(&detail.order, &detail.delegations);
                let since = funding.block.timestamp.max(current_since.unwrap_or(view.head.timestamp));
                let waited = view.head.timestamp.since(since) > settings.capacity_patience;
                match plan_for(&detail, &accounts, demand, view.head.timestamp, &settings.planning) {
                    Ok(allocation) => {
                        occupy(&mut accounts, &allocation, &settings.planning);
                        match self.shared.reserve_commit(&detail, &allocation, &accounts, view) {
                            Ok(commit) => commits.push(commit),
                            Err(error) => {
                                tracing::error!(order = %id, %error, "an order cannot be planned; the others go on");
                            }
                        }
                    }
                    Err(shortfall) if waited => match self.give_up(&detail, &shortfall).await {
                        Err(StepError::Store(error)) if error.concerns_all() => return Err(error.into()),
                        Err(error) => {
                            tracing::error!(order = %id, %error, "an order cannot be given up; the others go on");
                        }
                        Ok(()) => {}
                    },
                    Err(_) => queued = queued.plus(demand).unwrap_or(queued),
                }
            }
        }
        let held = commits.clone();
        let answers = if commits.is_empty() { Vec::new() } else { ports.store.reserve(commits).await? };
        settings.did("allocator.reserved");
        if !answers.is_empty() {
            self.shared.hint_guard();
        }
        let mut lost = false;
        for (commit, answer) in held.iter().zip(&answers) {
            match answer {
                Ok(()) => self.shared.hint_agents(commit.operations.iter().map(|o| o.account)),
                // Somebody else moved the order or the account: plan again on what is true now.
                Err(StoreError::Conflict(what)) => {
                    tracing::debug!(what, "a plan was overtaken");
                    lost = true;
                }
                // The order waits until a person lifts the halt.
                Err(StoreError::Halted(cause)) => {
                    tracing::debug!(cause = cause.name(), "capacity is not held while money stands still");
                }
                Err(error) if error.concerns_all() => return Err(error.clone().into()),
                Err(error) => {
                    let order = commit.order.transitions.first().map(|transition| transition.order.id);
                    tracing::error!(?order, %error, "an order's capacity cannot be held; the others go on");
                }
            }
        }
        self.post(queued).await?;
        // At once only a few times: a plan that the books refuse again and again waits for the next sweep.
        let overtaken = if lost { self.overtaken.fetch_add(1, Ordering::Relaxed) } else { u32::MAX };
        if !lost {
            self.overtaken.store(0, Ordering::Relaxed);
        }
        Ok(overtaken < PLANS_AT_ONCE)
    }

    /// Accounts whose agent failed again and again serve no more until the service starts afresh.
    async fn retire_unfit(&self) -> Result<(), StoreError> {
        let Shared { ports, unfit_accounts, .. } = self.shared.as_ref();
        let mut outcome = Ok(());
        for account in Shared::take(unfit_accounts) {
            let (ready, retired) = (AccountState::Ready, AccountState::AgentQuarantined);
            let (reason, now) = ("its agent failed again and again", ports.clock.now());
            if let Err(error) = ports.store.set_account_state(account, ready, retired, reason, now).await {
                Shared::put(unfit_accounts, account);
                outcome = Err(error);
            }
        }
        outcome
    }

    /// Since when, in chain time, the books have been close to the head. Patience counts from then: what comes back to
    /// the pool has not been read before. `None` while they are catching up.
    fn current_since(&self, now: Timestamp) -> Option<Timestamp> {
        // Nor does it run while money stands still: that is no lack of capacity.
        let is_current = self.shared.boards.chain.read().is_current() && self.shared.may(MoneyAct::Delegate);
        let mut since = self.current_since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = if is_current { since.or(Some(now)) } else { None };
        *since
    }

    /// Patience is over: the money must go back, after whatever was delivered of it has been taken back. Waits while
    /// something may still land.
    async fn give_up(&self, detail: &OrderDetail, shortfall: &Shortfall) -> Result<(), StepError> {
        let is_partly_delivered = detail.delegations.iter().any(|o| o.state == OperationState::Solid);
        // What is only intended goes with the order's other holds, unless a part must be taken back first.
        let unsettled = |state| match state {
            OperationState::Signed | OperationState::Included => true,
            OperationState::Intended => is_partly_delivered,
            OperationState::Solid | OperationState::Failed | OperationState::Cancelled => false,
        };
        if detail.delegations.iter().any(|operation| unsettled(operation.state)) {
            return Ok(());
        }
        let why = RefundReason::NoCapacity;
        let event = if is_partly_delivered { OrderEvent::CutShort(why) } else { OrderEvent::Unservable(why) };
        let reclaims = if is_partly_delivered { self.shared.reclaim_drafts(detail) } else { Vec::new() };
        let note = format!("the pool lacked {} energy", shortfall.missing);
        tracing::warn!(order = %detail.order.id, missing = %shortfall.missing, "no capacity within patience");
        match self.shared.decide_with(&detail.order, &event, Some(note), reclaims).await {
            Ok(_) => {
                self.shared.hint_agents(detail.delegations.iter().map(|operation| operation.account));
                Ok(())
            }
            Err(StepError::Store(StoreError::Conflict(_))) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Rentals whose time is over, grace included.
    async fn end_rentals(&self, view: ChainView, progress: &Progress) -> Result<(), StepError> {
        if !self.shared.may(MoneyAct::Reclaim) {
            return Ok(());
        }
        let mut over = view.solid.timestamp.minus(self.shared.settings.reclaim_grace);
        if planted(Fault::ReclaimEarly) {
            over = over.plus(Span::from_hours(48));
        }
        self.drive_all(OrderWait::EndsBefore(over), progress).await
    }

    /// Takes every order that waits for something as far as the facts allow.
    async fn drive_all(&self, wait: OrderWait, progress: &Progress) -> Result<(), StepError> {
        let mut after: Option<OrderId> = None;
        loop {
            let page = self.shared.ports.store.waiting(wait, after, ORDERS_AT_ONCE).await?;
            after = page.last().copied();
            for order in &page {
                self.shared.drive_one_of_many(*order).await?;
            }
            progress.tick();
            if page.len() < usize::try_from(ORDERS_AT_ONCE).unwrap_or(usize::MAX) {
                return Ok(());
            }
        }
    }

    /// Shows the pool as it is now to whoever asks what can be sold.
    async fn post(&self, queued: Energy) -> Result<(), StoreError> {
        let Shared { ports, boards, .. } = self.shared.as_ref();
        let accounts = ports.store.pool_accounts().await?;
        boards.pool.post(PoolStatus { accounts, queued, read_at: ports.clock.now() });
        Ok(())
    }
}

#[async_trait]
impl Worker for PoolAllocator {
    fn interval(&self) -> Option<Duration> {
        Some(self.shared.settings.sweep_interval.saturating_mul(2))
    }

    fn stands_by(&self) -> bool {
        !self.shared.lead.is_ours()
    }

    async fn look(self: Arc<Self>, cause: Cause, progress: Progress) -> After {
        match self.work(cause, &progress).await {
            Ok(after) => after,
            Err(error) => {
                tracing::warn!(%error, "allocation did not finish; the next look will");
                After::Rest
            }
        }
    }
}
