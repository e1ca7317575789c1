//! Who is alive, by path. Read by `/status` and by the watchdog; written when actors begin and end, never while
//! they work.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use leyden_domain::{Span, Timestamp};
use leyden_ports::Clock;
use tokio::{sync::Notify, time::Instant};

use super::{
    ActorStatus, GroupStatus, MailboxStatus, Observer, Shutdown, State, TreeStatus,
    actor_ref::Member,
    health::{Cell, Common},
};

/// How long killed actors get to notice, beyond a stop's deadline.
const KILL_GRACE: Duration = Duration::from_millis(500);

/// A group as the registry sees it: without its types.
pub(crate) trait Members: Send + Sync {
    fn cell(&self) -> &Cell;
    fn limit(&self) -> u32;
    fn count(&self) -> u32;
    fn each(&self, visit: &mut dyn FnMut(&dyn Member));
    /// From now on no child is started.
    fn close(&self);
}

pub(crate) enum Entry {
    Actor(Arc<dyn Member>),
    Group(Arc<dyn Members>),
}

impl Entry {
    fn count(&self) -> u32 {
        match self {
            Self::Actor(_) => 1,
            Self::Group(group) => group.count(),
        }
    }

    fn each(&self, visit: &mut dyn FnMut(&dyn Member)) {
        match self {
            Self::Actor(actor) => visit(actor.as_ref()),
            Self::Group(group) => group.each(visit),
        }
    }
}

/// The health of one tree of actors.
pub struct HealthRegistry {
    common: Arc<Common>,
    entries: Mutex<BTreeMap<Arc<str>, Entry>>,
    departures: Notify,
}

impl HealthRegistry {
    /// An empty tree whose timestamps come from `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::build(clock, None)
    }

    /// The same, telling `observer` of every failure.
    pub fn observed(clock: Arc<dyn Clock>, observer: Observer) -> Arc<Self> {
        Self::build(clock, Some(observer))
    }

    fn build(clock: Arc<dyn Clock>, observer: Option<Observer>) -> Arc<Self> {
        super::panic::install_hook();
        Arc::new(Self {
            common: Arc::new(Common { clock, observer, epoch: Instant::now() }),
            entries: Mutex::default(),
            departures: Notify::new(),
        })
    }

    /// Everything there is to know, read from shared cells.
    pub fn snapshot(&self) -> TreeStatus {
        let at = self.common.clock.now();
        let mut status = TreeStatus { at, actors: Vec::new(), groups: Vec::new() };
        for entry in self.entries().values() {
            match entry {
                Entry::Actor(actor) => status.actors.push(actor_status(actor.as_ref(), at)),
                Entry::Group(group) => status.groups.push(group_status(group.as_ref())),
            }
        }
        status
    }

    /// One actor's part of [`HealthRegistry::snapshot`].
    pub fn actor(&self, path: &str) -> Option<ActorStatus> {
        match self.entries().get(path)? {
            Entry::Actor(actor) => Some(actor_status(actor.as_ref(), self.common.clock.now())),
            Entry::Group(_) => None,
        }
    }

    /// One group's part of [`HealthRegistry::snapshot`].
    pub fn group(&self, path: &str) -> Option<GroupStatus> {
        match self.entries().get(path)? {
            Entry::Group(group) => Some(group_status(group.as_ref())),
            Entry::Actor(_) => None,
        }
    }

    /// Orders a new generation with a clean record of the actor at `path`, for an operator. `false`: no such actor.
    pub fn restart(&self, path: &str) -> bool {
        match self.entries().get(path) {
            Some(Entry::Actor(actor)) => {
                actor.control().restart();
                true
            }
            Some(Entry::Group(_)) | None => false,
        }
    }

    /// Abandons every generation that has work and has shown no progress for its limit. Returns how many.
    pub fn abandon_stalled(&self) -> u32 {
        let mut found = 0_u32;
        for entry in self.entries().values() {
            entry.each(&mut |member| {
                if member.abandon_if_stalled() {
                    found = found.saturating_add(1);
                    let cell = member.cell();
                    tracing::error!(actor = %cell.path, generation = member.generation().number(), "stalled");
                }
            });
        }
        found
    }

    pub(crate) fn new_cell(&self, path: Arc<str>, capacity: u32, stall_after: Option<Duration>) -> Arc<Cell> {
        Arc::new(Cell::new(path, capacity, stall_after, Arc::clone(&self.common)))
    }

    /// `false` if the path is taken.
    pub(crate) fn enrol(&self, path: Arc<str>, entry: Entry) -> bool {
        let mut entries = self.entries();
        let free = !entries.contains_key(&path);
        if free {
            entries.insert(path, entry);
        }
        free
    }

    pub(crate) fn strike(&self, path: &str) {
        let struck = self.entries().remove(path);
        // Dropped outside the lock: it may be the last owner of things that look at the registry.
        drop(struck);
        self.departed();
    }

    pub(crate) fn departed(&self) {
        self.departures.notify_waiters();
    }

    /// Stops everything at or under `path` and waits. After `deadline` what is left is thrown away; returned are
    /// the paths that even then did not end, because their thread is blocked.
    pub(crate) async fn stop_under(&self, path: &str, deadline: Duration) -> Vec<String> {
        self.order(path, &mut |member| member.control().stop());
        if tokio::time::timeout(deadline, self.emptied(path)).await.is_err() {
            tracing::warn!(path, left = ?self.occupied(path), "not stopped in time, thrown away");
            self.order(path, &mut |member| member.control().kill());
            if tokio::time::timeout(KILL_GRACE, self.emptied(path)).await.is_err() {
                tracing::error!(path, left = ?self.occupied(path), "did not end: blocked threads");
            }
        }
        let left = self.occupied(path);
        let mut entries = self.entries();
        let empty: Vec<_> = under(&entries, path)
            .filter(|(_, entry)| entry.count() == 0)
            .map(|(path, _)| Arc::clone(path))
            .collect();
        let struck: Vec<_> = empty.iter().filter_map(|path| entries.remove(path)).collect();
        drop(entries);
        drop(struck);
        left
    }

    fn order(&self, path: &str, give: &mut dyn FnMut(&dyn Member)) {
        for (_, entry) in under(&self.entries(), path) {
            if let Entry::Group(group) = entry {
                group.close();
            }
            entry.each(give);
        }
    }

    async fn emptied(&self, path: &str) {
        loop {
            let departure = self.departures.notified();
            if self.occupied(path).is_empty() {
                return;
            }
            departure.await;
        }
    }

    fn occupied(&self, path: &str) -> Vec<String> {
        under(&self.entries(), path)
            .filter(|(_, entry)| entry.count() > 0)
            .map(|(path, _)| path.to_string())
            .collect()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for HealthRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthRegistry").field("entries", &self.entries().len()).finish_non_exhaustive()
    }
}

/// Looks for stalled actors every `every` until the service is asked to end. Best run on a thread that no actor can
/// block.
pub(crate) async fn watchdog(registry: Arc<HealthRegistry>, every: Duration, shutdown: Shutdown) {
    loop {
        tokio::select! {
            biased;
            _ = shutdown.wait() => return,
            () = tokio::time::sleep(every) => {}
        }
        registry.abandon_stalled();
    }
}

fn under<'a>(
    entries: &'a BTreeMap<Arc<str>, Entry>,
    path: &'a str,
) -> impl Iterator<Item = (&'a Arc<str>, &'a Entry)> {
    entries.iter().filter(move |(name, _)| {
        name.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn actor_status(actor: &dyn Member, now: Timestamp) -> ActorStatus {
    let cell = actor.cell();
    let pulse = actor.pulse();
    let ago = |still: u64| now.minus(Span::from_ms(i64::try_from(still).unwrap_or(i64::MAX)));
    ActorStatus {
        path: cell.path.to_string(),
        state: actor.state(),
        generation: actor.generation().number(),
        tally: cell.tally(),
        mailbox: MailboxStatus { capacity: cell.capacity, queued: pulse.map_or(0, |(queued, _)| queued) },
        started_at: cell.started_at(),
        last_progress_at: pulse.map(|(_, still)| ago(still)),
    }
}

fn group_status(group: &dyn Members) -> GroupStatus {
    let cell = group.cell();
    GroupStatus {
        path: cell.path.to_string(),
        children: group.count(),
        limit: group.limit(),
        running: cell.count(State::Running),
        backing_off: cell.count(State::BackingOff),
        stalled: cell.count(State::Stalled),
        quarantined: cell.count(State::Quarantined),
        tally: cell.tally(),
    }
}
