//! The branches of the tree and the way actors get into it. The only place in the service that spawns tasks.

use std::{
    fmt, io,
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};

use actix::{Actor, Arbiter};
use actix_rt::ArbiterHandle;

use super::{
    ActorRef, Context, Ending, Failure, Generation, HealthRegistry, Policy, Shutdown,
    actor_ref::Slot,
    group::{self, Group, GroupSpec, Key},
    life::{Life, Opened, Origin, Supervision},
    registry::{Entry, watchdog},
};

/// Which thread actors run on.
#[derive(Debug, Clone)]
pub enum Place {
    /// The thread that starts them, which must be running an actix system. With everything here and time paused, a
    /// run is deterministic.
    Here,
    /// That arbiter's thread.
    On(ArbiterHandle),
}

impl Place {
    /// A thread of its own. Must be called inside a running actix system.
    pub fn own_thread() -> io::Result<Self> {
        Arbiter::try_new().map(|arbiter| Self::On(arbiter.handle()))
    }
}

/// Why an actor was not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Another actor or group has this path.
    #[error("the name {path} is taken")]
    NameTaken {
        /// The path that was asked for.
        path: String,
    },
    /// The group has as many children as it may.
    #[error("no room: {limit} children are running")]
    Full {
        /// As many as it may.
        limit: u32,
    },
    /// The service, or this branch of it, is ending.
    #[error("shutting down")]
    ShuttingDown,
    /// The thread it was to run on is gone.
    #[error("the arbiter has ended")]
    ArbiterGone,
}

type OnQuarantine = Box<dyn Fn(&Failure) + Send + Sync>;

/// How an actor is to be supervised.
pub struct ActorSpec {
    name: String,
    policy: Policy,
    mailbox: u32,
    on_quarantine: Option<OnQuarantine>,
}

impl ActorSpec {
    /// An actor called `name` within its branch, with a mailbox of 64.
    pub fn new(name: impl Into<String>, policy: Policy) -> Self {
        Self { name: name.into(), policy, mailbox: 64, on_quarantine: None }
    }

    /// Messages its mailbox holds.
    #[must_use]
    pub fn mailbox(mut self, capacity: u32) -> Self {
        self.mailbox = capacity;
        self
    }

    /// Called once whenever the actor is quarantined. It must be quick: cast a message, set a mark.
    #[must_use]
    pub fn on_quarantine(mut self, call: impl Fn(&Failure) + Send + Sync + 'static) -> Self {
        self.on_quarantine = Some(Box::new(call));
        self
    }
}

impl fmt::Debug for ActorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorSpec")
            .field("name", &self.name)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// A branch of the tree. Supervision is one for one: what happens to one actor happens to no other, unless its
/// policy says that the service cannot do without it.
#[derive(Debug, Clone)]
pub struct Supervisor {
    path: Arc<str>,
    place: Place,
    registry: Arc<HealthRegistry>,
    shutdown: Shutdown,
}

impl Supervisor {
    /// The root. Its actors, and those of its branches unless placed elsewhere, run where they are started.
    pub fn root(name: &str, registry: Arc<HealthRegistry>, shutdown: Shutdown) -> Self {
        Self { path: name.into(), place: Place::Here, registry, shutdown }
    }

    /// A branch called `name` under this one, on the same thread.
    #[must_use]
    pub fn branch(&self, name: &str) -> Self {
        Self { path: self.path_of(name), ..self.clone() }
    }

    /// The same branch on another thread.
    #[must_use]
    pub fn on(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// The registry this tree reports to.
    pub fn registry(&self) -> &Arc<HealthRegistry> {
        &self.registry
    }

    /// The token that ends this tree.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Starts an actor and keeps it alive. `factory` makes every generation afresh: what it captures is all that
    /// survives a failure. The address works at once; messages wait until the first generation runs.
    pub fn supervise<A, F>(&self, spec: ActorSpec, factory: F) -> Result<ActorRef<A>, StartError>
    where
        A: Actor<Context = Context<A>>,
        F: Fn(Generation) -> A + Send + 'static,
    {
        if self.shutdown.is_requested() {
            return Err(StartError::ShuttingDown);
        }
        let path = self.path_of(&spec.name);
        let cell = self.registry.new_cell(Arc::clone(&path), spec.mailbox, spec.policy.stall_after);
        let slot = Arc::new(Slot::new(cell));
        if !self.registry.enrol(Arc::clone(&path), Entry::Actor(Arc::clone(&slot) as _)) {
            return Err(StartError::NameTaken { path: path.to_string() });
        }
        let opened = slot.open(Generation::FIRST);
        let origin =
            Single { factory, on_quarantine: spec.on_quarantine, registry: Arc::clone(&self.registry), path };
        let life = Life {
            slot: Arc::clone(&slot),
            origin,
            policy: Arc::new(spec.policy),
            shutdown: self.shutdown.clone(),
            failures: None,
        };
        launch(&self.place, life, opened)?;
        Ok(ActorRef::from_slot(slot))
    }

    /// An empty group whose children `factory` makes.
    pub fn group<A, K, F>(&self, spec: GroupSpec<K>, factory: F) -> Result<Group<A, K>, StartError>
    where
        A: Actor<Context = Context<A>>,
        K: Key,
        F: Fn(&K, Generation) -> A + Send + Sync + 'static,
    {
        let path = self.path_of(&spec.name);
        let inner = Arc::new(group::Inner {
            cell: self.registry.new_cell(Arc::clone(&path), spec.mailbox, spec.policy.stall_after),
            policy: Arc::new(spec.policy),
            limit: spec.limit,
            place: self.place.clone(),
            shutdown: self.shutdown.clone(),
            registry: Arc::downgrade(&self.registry),
            factory: Box::new(factory),
            on_quarantine: spec.on_quarantine,
            children: Mutex::default(),
            closed: AtomicBool::new(false),
        });
        if !self.registry.enrol(Arc::clone(&path), Entry::Group(Arc::clone(&inner) as _)) {
            return Err(StartError::NameTaken { path: path.to_string() });
        }
        Ok(Group { inner })
    }

    /// Looks for stalled actors every `every`, on this branch's thread: give the watchdog one that no actor can
    /// block. Ends with the service.
    pub fn watch(&self, every: Duration) -> Result<(), StartError> {
        let (registry, shutdown) = (Arc::clone(&self.registry), self.shutdown.clone());
        match &self.place {
            Place::Here => {
                drop(actix_rt::spawn(watchdog(registry, every, shutdown)));
                Ok(())
            }
            Place::On(arbiter) if arbiter.spawn(watchdog(registry, every, shutdown)) => Ok(()),
            Place::On(_) => Err(StartError::ArbiterGone),
        }
    }

    /// Ends this branch: every actor at or under it is asked to stop, and after `deadline` thrown away. Returns the
    /// paths of those that even then did not end because their thread is blocked; none, in a healthy service.
    pub async fn stop(&self, deadline: Duration) -> Vec<String> {
        self.registry.stop_under(&self.path, deadline).await
    }

    /// Waits until somebody asks the service to end, then [stops](Self::stop) this branch.
    pub async fn run(&self, deadline: Duration) -> Ending {
        let ending = self.shutdown.wait().await;
        tracing::info!(code = ending.code, why = %ending.why, "stopping");
        self.stop(deadline).await;
        ending
    }

    fn path_of(&self, name: &str) -> Arc<str> {
        format!("{}/{name}", self.path).into()
    }
}

/// Puts a life on its thread. If that fails the life ends here, which takes it off the registry again.
pub(crate) fn launch<A, O>(place: &Place, life: Life<A, O>, opened: Opened<A>) -> Result<(), StartError>
where
    A: Actor<Context = Context<A>>,
    O: Origin<A>,
{
    match place {
        Place::Here => drop(actix_rt::spawn(Supervision::new(life, opened))),
        Place::On(arbiter) => {
            if !arbiter.spawn_fn(move || drop(actix_rt::spawn(Supervision::new(life, opened)))) {
                return Err(StartError::ArbiterGone);
            }
        }
    }
    Ok(())
}

struct Single<F> {
    factory: F,
    on_quarantine: Option<OnQuarantine>,
    registry: Arc<HealthRegistry>,
    path: Arc<str>,
}

impl<A, F> Origin<A> for Single<F>
where
    F: Fn(Generation) -> A + Send + 'static,
{
    fn create(&self, generation: Generation) -> A {
        (self.factory)(generation)
    }

    fn quarantined(&self, failure: &Failure) {
        if let Some(call) = &self.on_quarantine {
            call(failure);
        }
    }

    fn gone(&self) {
        self.registry.strike(&self.path);
    }

    fn child(&self) -> Option<String> {
        None
    }
}
