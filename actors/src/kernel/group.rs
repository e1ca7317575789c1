//! Many children of one kind, found by key: one watcher per open order, one agent per pool account.
//!
//! A child costs what differs between children, its key and its actor; policy, factory, name and health cell are
//! the group's. The number of children is bounded, and starting one more is a typed refusal.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use actix::Actor;

use super::{
    ActorRef, Context, Failure, Generation, HealthRegistry, Place, Policy, Shutdown, StartError,
    actor_ref::{Member, Slot},
    health::Cell,
    life::{Life, Origin},
    registry::Members,
    supervisor::launch,
};

/// What a child is called by.
pub trait Key: Ord + Clone + Display + Send + Sync + 'static {}
impl<K: Ord + Clone + Display + Send + Sync + 'static> Key for K {}

type Factory<A, K> = Box<dyn Fn(&K, Generation) -> A + Send + Sync>;
type OnQuarantine<K> = Box<dyn Fn(&K, &Failure) + Send + Sync>;

/// How a group is to be.
pub struct GroupSpec<K> {
    pub(crate) name: String,
    pub(crate) policy: Policy,
    pub(crate) mailbox: u32,
    pub(crate) limit: u32,
    pub(crate) on_quarantine: Option<OnQuarantine<K>>,
}

impl<K: Key> GroupSpec<K> {
    /// A group called `name` of at most `limit` children, each with a mailbox of 16.
    pub fn new(name: impl Into<String>, policy: Policy, limit: u32) -> Self {
        Self { name: name.into(), policy, mailbox: 16, limit, on_quarantine: None }
    }

    /// Messages each child's mailbox holds.
    #[must_use]
    pub fn mailbox(mut self, capacity: u32) -> Self {
        self.mailbox = capacity;
        self
    }

    /// Called once whenever a child is quarantined. It must be quick: cast a message, set a mark.
    #[must_use]
    pub fn on_quarantine(mut self, call: impl Fn(&K, &Failure) + Send + Sync + 'static) -> Self {
        self.on_quarantine = Some(Box::new(call));
        self
    }
}

impl<K> fmt::Debug for GroupSpec<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupSpec")
            .field("name", &self.name)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

pub(crate) struct Inner<A: Actor<Context = Context<A>>, K: Key> {
    pub(crate) cell: Arc<Cell>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) limit: u32,
    pub(crate) place: Place,
    pub(crate) shutdown: Shutdown,
    /// Weak, because the registry owns the group.
    pub(crate) registry: Weak<HealthRegistry>,
    pub(crate) factory: Factory<A, K>,
    pub(crate) on_quarantine: Option<OnQuarantine<K>>,
    pub(crate) children: Mutex<BTreeMap<K, Arc<Slot<A>>>>,
    pub(crate) closed: AtomicBool,
}

impl<A: Actor<Context = Context<A>>, K: Key> Inner<A, K> {
    fn children(&self) -> MutexGuard<'_, BTreeMap<K, Arc<Slot<A>>>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handle on a group. Cheap to clone; the children do not depend on it, so a parent that restarts finds them.
pub struct Group<A: Actor<Context = Context<A>>, K: Key> {
    pub(crate) inner: Arc<Inner<A, K>>,
}

/// A group that is not kept alive, for whoever its children hold.
pub struct WeakGroup<A: Actor<Context = Context<A>>, K: Key>(Weak<Inner<A, K>>);

impl<A: Actor<Context = Context<A>>, K: Key> WeakGroup<A, K> {
    /// The group, while its tree is there.
    pub fn upgrade(&self) -> Option<Group<A, K>> {
        self.0.upgrade().map(|inner| Group { inner })
    }
}

impl<A: Actor<Context = Context<A>>, K: Key> fmt::Debug for WeakGroup<A, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakGroup")
    }
}

impl<A: Actor<Context = Context<A>>, K: Key> Group<A, K> {
    /// The same, not kept alive by it.
    pub fn downgrade(&self) -> WeakGroup<A, K> {
        WeakGroup(Arc::downgrade(&self.inner))
    }

    /// The child called `key`, started if there is none. One that is just ending may still be found; as with every
    /// lost hint, the sweep that comes next starts it afresh.
    pub fn start(&self, key: K) -> Result<ActorRef<A>, StartError> {
        let inner = &self.inner;
        if inner.closed.load(Ordering::Acquire) || inner.shutdown.is_requested() {
            return Err(StartError::ShuttingDown);
        }
        let slot = {
            let mut children = inner.children();
            if let Some(slot) = children.get(&key) {
                return Ok(ActorRef::from_slot(Arc::clone(slot)));
            }
            if children.len() >= usize::try_from(inner.limit).unwrap_or(usize::MAX) {
                return Err(StartError::Full { limit: inner.limit });
            }
            let slot = Arc::new(Slot::new(Arc::clone(&inner.cell)));
            children.insert(key.clone(), Arc::clone(&slot));
            slot
        };
        let opened = slot.open(Generation::FIRST);
        let life = Life {
            slot: Arc::clone(&slot),
            origin: Child { group: Arc::clone(inner), key },
            policy: Arc::clone(&inner.policy),
            shutdown: inner.shutdown.clone(),
            failures: None,
        };
        launch(&inner.place, life, opened)?;
        Ok(ActorRef::from_slot(slot))
    }

    /// The child called `key`, if there is one.
    pub fn get(&self, key: &K) -> Option<ActorRef<A>> {
        self.inner.children().get(key).map(|slot| ActorRef::from_slot(Arc::clone(slot)))
    }

    /// Asks the child called `key` to end. `false`: there is none.
    pub fn stop(&self, key: &K) -> bool {
        self.get(key).map(|child| child.stop()).is_some()
    }

    /// The keys of all children there are now, in order.
    pub fn keys(&self) -> Vec<K> {
        self.inner.children().keys().cloned().collect()
    }

    /// How many children there are now.
    pub fn len(&self) -> usize {
        self.inner.children().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.inner.children().is_empty()
    }
}

impl<A: Actor<Context = Context<A>>, K: Key> Clone for Group<A, K> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<A: Actor<Context = Context<A>>, K: Key> fmt::Debug for Group<A, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group({}, {} of {})", self.inner.cell.path, self.len(), self.inner.limit)
    }
}

impl<A: Actor<Context = Context<A>>, K: Key> Members for Inner<A, K> {
    fn cell(&self) -> &Cell {
        &self.cell
    }

    fn limit(&self) -> u32 {
        self.limit
    }

    fn count(&self) -> u32 {
        u32::try_from(self.children().len()).unwrap_or(u32::MAX)
    }

    fn each(&self, visit: &mut dyn FnMut(&dyn Member)) {
        for slot in self.children().values() {
            visit(slot.as_ref());
        }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

struct Child<A: Actor<Context = Context<A>>, K: Key> {
    group: Arc<Inner<A, K>>,
    key: K,
}

impl<A: Actor<Context = Context<A>>, K: Key> Origin<A> for Child<A, K> {
    fn create(&self, generation: Generation) -> A {
        (self.group.factory)(&self.key, generation)
    }

    fn quarantined(&self, failure: &Failure) {
        if let Some(call) = &self.group.on_quarantine {
            call(&self.key, failure);
        }
    }

    fn gone(&self) {
        let slot = self.group.children().remove(&self.key);
        drop(slot);
        if let Some(registry) = self.group.registry.upgrade() {
            registry.departed();
        }
    }

    fn child(&self) -> Option<String> {
        Some(self.key.to_string())
    }
}
