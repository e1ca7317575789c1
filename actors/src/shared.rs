//! What all actors hold: the ports, the settings, the boards and the wires to each other. Plus the one thing that
//! all of them do to an order: read it, ask what is due, step, commit, and tell whoever is next.

use crate::{
    account_agent::AccountAgent,
    handles::Boards,
    kernel::{Group, Outlet, WeakGroup},
    leadership::Lead,
    messages::Look,
    payment_watcher::PaymentWatcher,
    settings::ActorSettings,
    signing::Milliseconds,
    worker::Looper,
};
use leyden_domain::planted::{Fault, planted};
use leyden_domain::{
    AccountId, OperationId, OrderId,
    operation::{ChainView, Operation},
    order::{Effect, Facts, Order, OrderEvent, OrderState, OrderStateKind, next_event, step},
};
use leyden_ports::{
    ChainReader, ChainWriter, Clock, Entropy, Signer, Store, StoreError,
    store::{Durability, OrderCommit, OrderDetail, ReclaimDraft, StepError},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// The world, as the actors reach it.
#[derive(Clone)]
pub struct Ports {
    /// The books.
    pub store: Arc<dyn Store>,
    /// Reads the chain.
    pub chain: Arc<dyn ChainReader>,
    /// Writes to the chain.
    pub writer: Arc<dyn ChainWriter>,
    /// Signs.
    pub signer: Arc<dyn Signer>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives random bytes.
    pub entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ports")
    }
}

pub(crate) type Watchers = Group<Looper<PaymentWatcher>, OrderId>;
pub(crate) type Agents = Group<Looper<AccountAgent>, AccountId>;

/// Who can be told to look. Filled once while the tree is planted; a hint to an empty socket is lost, as hints may be.
#[derive(Debug, Default)]
pub(crate) struct Wires {
    pub(crate) listener: OnceLock<Outlet<Look>>,
    pub(crate) router: OnceLock<Outlet<Look>>,
    pub(crate) allocator: OnceLock<Outlet<Look>>,
    // Their children hold these wires, so the wires must not hold them: the tree does.
    pub(crate) watchers: OnceLock<WeakGroup<Looper<PaymentWatcher>, OrderId>>,
    pub(crate) agents: OnceLock<WeakGroup<Looper<AccountAgent>, AccountId>>,
    pub(crate) clerk: OnceLock<Outlet<Look>>,
    pub(crate) standby: OnceLock<Outlet<Look>>,
    pub(crate) guard: OnceLock<Outlet<Look>>,
    pub(crate) reconciler: OnceLock<Outlet<Look>>,
}

impl Wires {
    pub(crate) fn watchers(&self) -> Option<Watchers> {
        self.watchers.get()?.upgrade()
    }

    pub(crate) fn agents(&self) -> Option<Agents> {
        self.agents.get()?.upgrade()
    }
}

/// What all actors hold. The handles hold the same with the books unfenced: what a request asks for may be done by any
/// instance.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) ports: Ports,
    pub(crate) settings: ActorSettings,
    pub(crate) boards: Arc<Boards>,
    pub(crate) wires: Arc<Wires>,
    /// Whether the work is this instance's.
    pub(crate) lead: Arc<Lead>,
    /// Orders that were made and have no watcher yet. Lost at a restart, which reads all open orders anyway.
    pub(crate) to_watch: Arc<Mutex<BTreeSet<OrderId>>>,
    /// Orders whose watcher failed again and again.
    pub(crate) poisoned: Arc<Mutex<BTreeSet<OrderId>>>,
    /// The newest timestamps that were signed with.
    pub(crate) milliseconds: Arc<Milliseconds>,
    /// Accounts whose agent failed again and again: the allocator takes them out of service.
    pub(crate) unfit_accounts: Arc<Mutex<BTreeSet<AccountId>>>,
}

/// More steps than any order takes at once: a loop that needs more is a defect, and ends.
const MAX_STEPS_AT_ONCE: u32 = 16;

/// A commit that conflicts more often than this waits for something else to happen first.
const MAX_CONFLICTS_AT_ONCE: u32 = 2;

impl Shared {
    /// The chain as far as the books have it; `None` before the first block.
    pub(crate) fn view(&self) -> Option<ChainView> {
        let chain = self.boards.chain.read();
        Some(ChainView { head: chain.processed?, solid: chain.solid? })
    }

    /// Tells the listener to look.
    pub(crate) fn hint_listener(&self) {
        if let Some(listener) = self.wires.listener.get() {
            listener.cast(Look);
        }
    }

    /// Tells the guard to look: something was done that it counts.
    pub(crate) fn hint_guard(&self) {
        if let Some(guard) = self.wires.guard.get() {
            guard.cast(Look);
        }
    }

    /// Tells the router to look.
    pub(crate) fn hint_router(&self) {
        if let Some(router) = self.wires.router.get() {
            router.cast(Look);
        }
    }

    /// Tells the allocator to look.
    pub(crate) fn hint_allocator(&self) {
        if let Some(allocator) = self.wires.allocator.get() {
            allocator.cast(Look);
        }
    }

    /// Tells the agents of these accounts to look.
    pub(crate) fn hint_agents(&self, accounts: impl IntoIterator<Item = AccountId>) {
        let Some(agents) = self.wires.agents() else { return };
        let accounts: BTreeSet<AccountId> = accounts.into_iter().collect();
        for account in accounts {
            if let Some(agent) = agents.get(&account) {
                agent.cast(Look);
            }
        }
    }

    /// Tells the watchers of these orders to look, where there are any.
    pub(crate) fn hint_watchers(&self, orders: &[OrderId]) {
        let Some(watchers) = self.wires.watchers() else { return };
        for order in orders {
            if let Some(watcher) = watchers.get(order) {
                watcher.cast(Look);
            }
        }
    }

    /// Tells all agents to look.
    pub(crate) fn hint_all_agents(&self) {
        if let Some(agents) = self.wires.agents() {
            self.hint_agents(agents.keys());
        }
    }

    /// A new operation id.
    pub(crate) fn operation_id(&self) -> OperationId {
        OperationId::new(self.ports.clock.now(), self.ports.entropy.for_id())
    }

    /// Takes an order as far as the facts allow and tells whoever is next. `None`: there is no such order, or the
    /// chain has not been read yet.
    pub(crate) async fn drive(&self, id: OrderId) -> Result<Option<OrderDetail>, StepError> {
        let Some(detail) = self.advance(id).await? else { return Ok(None) };
        match detail.order.state.kind() {
            OrderStateKind::Funded => self.hint_allocator(),
            OrderStateKind::Reserved | OrderStateKind::Delegating => {
                self.hint_agents(detail.delegations.iter().map(|o| o.account));
            }
            OrderStateKind::RefundDue => self.hint_clerk(),
            OrderStateKind::Reclaiming => self.hint_agents(detail.reclaims.iter().map(|o| o.account)),
            _ => {}
        }
        Ok(Some(detail))
    }

    /// The same as one of many: an order that cannot be moved for a reason of its own is logged and passed over, so
    /// that it hurts itself alone. Only a database that does not answer ends the round.
    pub(crate) async fn drive_one_of_many(&self, id: OrderId) -> Result<Option<OrderDetail>, StepError> {
        passed_over(id, self.drive(id).await)
    }

    /// [`Shared::advance`] as one of many.
    pub(crate) async fn advance_one_of_many(&self, id: OrderId) -> Result<Option<OrderDetail>, StepError> {
        passed_over(id, self.advance(id).await)
    }

    /// Reads an order, makes every step that is due, commits them as one, and reads again until nothing is due.
    pub(crate) async fn advance(&self, id: OrderId) -> Result<Option<OrderDetail>, StepError> {
        let mut conflicts = 0_u32;
        for _ in 0..MAX_STEPS_AT_ONCE {
            let Some(view) = self.view() else { return Ok(None) };
            let Some(detail) = self.ports.store.order_detail(id).await? else { return Ok(None) };
            let Some(commit) = self.due(&detail, view)? else { return Ok(Some(detail)) };
            match self.ports.store.commit_order(commit).await {
                Ok(()) => self.settings.did("order.committed"),
                // Somebody else moved it, which is as good: look at what it is now. Or it waits for something, such as
                // a payment that is recorded and not decided: then whoever decides that looks at it again.
                Err(StoreError::Conflict(_)) if conflicts >= MAX_CONFLICTS_AT_ONCE => {
                    return Ok(Some(detail));
                }
                Err(StoreError::Conflict(_)) => conflicts = conflicts.saturating_add(1),
                // It waits until a person lifts the halt.
                Err(StoreError::Halted(_)) => return Ok(Some(detail)),
                Err(error) => return Err(error.into()),
            }
        }
        tracing::error!(order = %id, "an order did not come to rest");
        Ok(None)
    }

    /// All steps that are due on the same facts, as one commit. A step with effects ends the run: it changes facts.
    pub(crate) fn due(
        &self,
        detail: &OrderDetail,
        view: ChainView,
    ) -> Result<Option<OrderCommit>, StepError> {
        let mut order = detail.order.clone();
        let mut commit = OrderCommit {
            transitions: Vec::new(),
            reclaims: Vec::new(),
            note: None,
            durability: Durability::Relaxed,
        };
        for _ in 0..MAX_STEPS_AT_ONCE {
            let Some(event) = self.next(&order, detail, view) else { break };
            let transition = step(&order, &event, view.head.timestamp)?;
            order = transition.order.clone();
            let changes_facts = !transition.effects.is_empty();
            if transition.effects.contains(&Effect::IntendReclaims) {
                commit.reclaims = self.reclaim_drafts(detail);
            }
            commit.transitions.push(transition);
            if changes_facts {
                break;
            }
        }
        Ok((!commit.transitions.is_empty()).then_some(commit))
    }

    fn next(&self, order: &Order, detail: &OrderDetail, view: ChainView) -> Option<OrderEvent> {
        let facts = Facts {
            payment: detail.payment.as_ref(),
            delegations: &detail.delegations,
            reclaims: &detail.reclaims,
            chain: view,
            solid_above: self.settings.solid_above,
        };
        let event = next_event(order, &facts)?;
        // The customer keeps the energy a little longer than was sold, so that the rental is never cut short by a
        // clock or a slow last transfer.
        if let (OrderEvent::RentalEnded, OrderState::Active { ends_at, .. }) = (&event, &order.state)
            && view.solid.timestamp < ends_at.plus(self.settings.reclaim_grace)
            && !planted(Fault::ReclaimEarly)
        {
            return None;
        }
        Some(event)
    }

    /// One undelegation for each delegation that took effect and has none yet.
    pub(crate) fn reclaim_drafts(&self, detail: &OrderDetail) -> Vec<ReclaimDraft> {
        let ended_by = |delegation: &Operation| {
            detail.reclaims.iter().any(|reclaim| {
                matches!(reclaim.kind, leyden_domain::operation::OperationKind::Undelegate { delegation: of } if of == delegation.id)
            })
        };
        detail
            .delegations
            .iter()
            .filter(|delegation| delegation.state.took_effect() && !ended_by(delegation))
            .map(|delegation| ReclaimDraft { id: self.operation_id(), delegation: delegation.id })
            .collect()
    }

    /// Makes one step that no fact asks for: a decision of an actor or a person. A conflict is for the caller to see.
    pub(crate) async fn decide(
        &self,
        order: &Order,
        event: &OrderEvent,
        note: Option<String>,
    ) -> Result<Order, StepError> {
        self.decide_with(order, event, note, Vec::new()).await
    }

    /// The same for a decision whose effects need ids for reclaims.
    pub(crate) async fn decide_with(
        &self,
        order: &Order,
        event: &OrderEvent,
        note: Option<String>,
        reclaims: Vec<ReclaimDraft>,
    ) -> Result<Order, StepError> {
        let now = self.view().map_or_else(|| self.ports.clock.now(), |view| view.head.timestamp);
        let transition = step(order, event, now)?;
        let decided = transition.order.clone();
        self.ports
            .store
            .commit_order(OrderCommit {
                transitions: vec![transition],
                reclaims,
                note,
                durability: Durability::Strict,
            })
            .await?;
        Ok(decided)
    }

    /// Takes the ids out of one of the queues.
    pub(crate) fn take<T: Ord>(queue: &Mutex<BTreeSet<T>>) -> BTreeSet<T> {
        std::mem::take(&mut *queue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts an id into one of the queues.
    pub(crate) fn put<T: Ord>(queue: &Mutex<BTreeSet<T>>, id: T) {
        queue.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }
}

/// What one order's trouble means for the others.
fn passed_over(
    id: OrderId,
    driven: Result<Option<OrderDetail>, StepError>,
) -> Result<Option<OrderDetail>, StepError> {
    match driven {
        Err(StepError::Store(ref error)) if error.concerns_all() => driven,
        Ok(_) => driven,
        Err(error) => {
            tracing::error!(order = %id, %error, "an order cannot be moved; the others go on");
            metrics::counter!("leyden_orders_passed_over_total").increment(1);
            Ok(None)
        }
    }
}
