//! Plants the tree of actors: who supervises whom, on which thread, with which policy.
//!
//! ```text
//! leyden
//! ├─ intake (own thread)   block_listener, payment_router, payment_watcher × open orders
//! ├─ pool   (own thread)   pool_allocator, account_agent × pool and refund accounts, refund_clerk
//! └─ books                 guard, reconciler, janitor, and with several instances lease_keeper and standby
//! ```
//! The router and the allocator must run or nothing does: if they fail again and again the service gives up and
//! ends, to be started afresh. A watcher or an agent that fails again and again is quarantined alone.

use crate::{
    account_agent::AccountAgent,
    block_listener::BlockListener,
    boards::{ChainStatus, PoolStatus, RefundStatus, SaleTerms},
    guard::Guard,
    halting::HaltStatus,
    handles::{Boards, Handles},
    janitor::Janitor,
    kernel::{ActorSpec, GroupSpec, HealthRegistry, Place, Policy, Shutdown, StartError, Supervisor},
    leadership::{Election, Lead, Leadership},
    lease_keeper::LeaseKeeper,
    messages::Look,
    payment_router::PaymentRouter,
    payment_watcher::PaymentWatcher,
    pool_allocator::PoolAllocator,
    reconciler::Reconciler,
    refund_clerk::RefundClerk,
    settings::ActorSettings,
    shared::{Ports, Shared, Wires},
    standby::Standby,
    worker::Looper,
};
use leyden_domain::{AccountId, Energy, OrderId, pool::AccountState};
use leyden_ports::StoreError;
use std::{io, sync::Arc, time::Duration};

/// Why the actors could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// The books could not be read.
    #[error("the books cannot be read: {0}")]
    Store(#[from] StoreError),
    /// An actor could not be started.
    #[error("an actor cannot be started: {0}")]
    Start(#[from] StartError),
    /// A thread could not be started.
    #[error("a thread cannot be started: {0}")]
    Thread(#[from] io::Error),
}

/// Which threads the actors run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Intake and pool on threads of their own.
    Threads,
    /// All on the thread that starts them: with time paused, a run can be replayed.
    OneThread,
}

/// Starts all actors; `sale` is what is sold without an order until [`Handles::post_sale`] says otherwise. Must be
/// called inside a running actix system.
pub async fn start(
    ports: Ports,
    settings: ActorSettings,
    sale: SaleTerms,
    leadership: Leadership,
    placement: Placement,
    shutdown: Shutdown,
) -> Result<Handles, SystemError> {
    let boards = Arc::new(Boards::default());
    // Before anybody looks at a payment: what is not sold now would be taken for a mistake.
    boards.sale.post(sale);
    let mut accounts = ports.store.pool_accounts().await?;
    let given_up = |state| matches!(state, AccountState::AgentQuarantined | AccountState::KeyUnfit);
    // With several instances the keeper does this when a term begins.
    let alone = matches!(leadership, Leadership::Alone);
    for account in accounts.iter_mut().filter(|account| alone && given_up(account.state)) {
        // A fresh process is a clean record for its agents, and may have been given the right keys.
        let (ready, reason) = (AccountState::Ready, "service started");
        ports.store.set_account_state(account.id, account.state, ready, reason, ports.clock.now()).await?;
        account.state = ready;
    }
    let agents: Vec<AccountId> = accounts.iter().map(|account| account.id).collect();
    boards.pool.post(PoolStatus { accounts, queued: Energy::ZERO, read_at: ports.clock.now() });
    // Before anybody begins anything.
    boards.halts.post(HaltStatus { open: ports.store.open_halts().await? });
    if let Some(position) = ports.store.chain_position().await? {
        let (processed, solid) = (Some(position.view.head), Some(position.view.solid));
        boards.chain.post(ChainStatus { processed, solid, ..ChainStatus::default() });
    }

    // Before the first block is read: what they have sent must not be passed over.
    let refund_accounts = ports.store.refund_accounts().await?;
    boards.refunds.post(RefundStatus { accounts: refund_accounts });

    let registry = HealthRegistry::new(Arc::clone(&ports.clock));
    let root = Supervisor::root("leyden", registry, shutdown);
    let for_requests = Shared {
        ports,
        settings,
        boards,
        wires: Arc::new(Wires::default()),
        lead: Arc::new(Lead::new(&leadership)),
        to_watch: Arc::default(),
        poisoned: Arc::default(),
        milliseconds: Arc::default(),
        unfit_accounts: Arc::default(),
    };
    let mut for_actors = for_requests.clone();
    if let Leadership::Elected(election) = &leadership {
        for_actors.ports.store = Arc::clone(&election.fenced);
    }
    let shared = Arc::new(for_actors);
    let place = || match placement {
        Placement::Threads => Place::own_thread(),
        Placement::OneThread => Ok(Place::Here),
    };
    let intake = root.branch("intake").on(place()?);
    let pool = root.branch("pool").on(place()?);
    let books = root.branch("books");

    // From the far end of the flow to its source: whoever is hinted exists before whoever hints.
    plant_pool(&shared, &pool, agents)?;
    plant_intake(&shared, &intake)?;
    let held = Arc::clone(&shared);
    let guard = books.supervise(ActorSpec::new("guard", Policy::permanent()), move |_| {
        Looper::new(Guard::new(Arc::clone(&held)))
    })?;
    shared.wires.guard.get_or_init(|| guard.into());
    let held = Arc::clone(&shared);
    // A comparison is many requests to a node that may be slow.
    let policy = Policy::permanent().stalled_after(Some(Duration::from_mins(5)));
    let reconciler = books.supervise(ActorSpec::new("reconciler", policy), move |_| {
        Looper::new(Reconciler::new(Arc::clone(&held)))
    })?;
    shared.wires.reconciler.get_or_init(|| reconciler.into());
    let held = Arc::clone(&shared);
    books.supervise(ActorSpec::new("janitor", Policy::permanent()), move |_| {
        Looper::new(Janitor::new(Arc::clone(&held)))
    })?;
    // Last: whoever is to begin afresh with a term is there.
    if let Leadership::Elected(election) = &leadership {
        plant_election(&shared, &books, election)?;
    }
    root.watch(Duration::from_secs(1))?;
    Ok(Handles { shared: Arc::new(for_requests), supervisor: root, leadership })
}

/// Who takes turns, and who knows what goes on meanwhile.
fn plant_election(shared: &Arc<Shared>, books: &Supervisor, election: &Election) -> Result<(), SystemError> {
    let (held, told) = (Arc::clone(shared), election.clone());
    let standby = books.supervise(ActorSpec::new("standby", Policy::permanent()), move |_| {
        Looper::new(Standby::new(Arc::clone(&held), told.clone()))
    })?;
    shared.wires.standby.get_or_init(|| standby.into());
    let (held, told, registry) = (Arc::clone(shared), election.clone(), Arc::downgrade(books.registry()));
    books.supervise(ActorSpec::new("lease_keeper", Policy::permanent()), move |_| {
        Looper::new(LeaseKeeper::new(Arc::clone(&held), told.clone(), registry.clone()))
    })?;
    Ok(())
}

/// The allocator and one agent for each pool account.
fn plant_pool(shared: &Arc<Shared>, pool: &Supervisor, accounts: Vec<AccountId>) -> Result<(), SystemError> {
    let limit = u32::try_from(accounts.len()).unwrap_or(u32::MAX).saturating_add(1_000);
    let (made, quarantined) = (Arc::clone(shared), Arc::clone(shared));
    let spec = GroupSpec::<AccountId>::new("account_agent", Policy::transient(), limit).on_quarantine(
        move |account, failure| {
            tracing::error!(%account, %failure, "an account agent is quarantined");
            Shared::put(&quarantined.unfit_accounts, *account);
            quarantined.hint_allocator();
        },
    );
    let agents = pool.group(spec, move |account: &AccountId, _| {
        Looper::new(AccountAgent::new(Arc::clone(&made), *account))
    })?;
    shared.wires.agents.get_or_init(|| agents.downgrade());

    let held = Arc::clone(shared);
    let allocator = pool.supervise(ActorSpec::new("pool_allocator", Policy::permanent()), move |_| {
        Looper::new(PoolAllocator::new(Arc::clone(&held)))
    })?;
    shared.wires.allocator.get_or_init(|| allocator.into());
    for account in accounts {
        agents.start(account)?;
    }
    for account in &shared.boards.refunds.read().accounts {
        agents.start(account.id)?;
    }
    let held = Arc::clone(shared);
    let clerk = pool.supervise(ActorSpec::new("refund_clerk", Policy::permanent()), move |_| {
        Looper::new(RefundClerk { shared: Arc::clone(&held) })
    })?;
    shared.wires.clerk.get_or_init(|| clerk.into());
    Ok(())
}

/// The listener, the router and the group of watchers.
fn plant_intake(shared: &Arc<Shared>, intake: &Supervisor) -> Result<(), SystemError> {
    let limit = u32::try_from(shared.settings.max_watchers).unwrap_or(u32::MAX);
    let (made, poisoned) = (Arc::clone(shared), Arc::clone(shared));
    let spec = GroupSpec::<OrderId>::new("payment_watcher", Policy::transient(), limit)
        .mailbox(4)
        .on_quarantine(move |order, _| {
            Shared::put(&poisoned.poisoned, *order);
            poisoned.hint_router();
        });
    let watchers = intake.group(spec, move |order: &OrderId, _| {
        Looper::resting(PaymentWatcher { shared: Arc::clone(&made), order: *order })
    })?;
    shared.wires.watchers.get_or_init(|| watchers.downgrade());

    let held = Arc::clone(shared);
    let router = intake.supervise(ActorSpec::new("payment_router", Policy::permanent()), move |_| {
        Looper::new(PaymentRouter::new(Arc::clone(&held)))
    })?;
    shared.wires.router.get_or_init(|| router.into());

    let held = Arc::clone(shared);
    // A round of catching up is many requests to a node that may be slow.
    let policy = Policy::permanent().stalled_after(Some(Duration::from_mins(5)));
    let listener = intake.supervise(ActorSpec::new("block_listener", policy), move |_| {
        Looper::new(BlockListener::new(Arc::clone(&held)))
    })?;
    shared.wires.listener.get_or_init(|| listener.clone().into());
    listener.cast(Look);
    Ok(())
}
