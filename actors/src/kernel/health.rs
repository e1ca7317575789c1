//! What can be known about an actor without asking it. Supervising loops and senders write these cells, `/status`
//! reads them; a frozen actor is as visible as a busy one.
//!
//! A [`Cell`] stands for one actor of the tree or for all children of a group together: thousands of children cost
//! one cell, and the sum of their restarts is what a person wants to see anyway.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use leyden_domain::Timestamp;
use leyden_ports::Clock;
use serde::Serialize;
use tokio::time::Instant;

/// Where an actor is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum State {
    /// Accepted by the supervisor; its thread has not run it yet.
    Starting,
    /// Taking messages.
    Running,
    /// Failed; waiting for its restart.
    BackingOff,
    /// Has work and shows no progress; its supervisor has been told to abandon it. Seen for long only when the
    /// thread itself is blocked.
    Stalled,
    /// Failed too often; down until an operator restarts it.
    Quarantined,
    /// Ended for good.
    Stopped,
}

impl State {
    const ALL: [Self; 6] =
        [Self::Starting, Self::Running, Self::BackingOff, Self::Stalled, Self::Quarantined, Self::Stopped];

    const fn index(self) -> usize {
        match self {
            Self::Starting => 0,
            Self::Running => 1,
            Self::BackingOff => 2,
            Self::Stalled => 3,
            Self::Quarantined => 4,
            Self::Stopped => 5,
        }
    }

    fn from_index(index: u8) -> Self {
        Self::ALL.get(usize::from(index)).copied().unwrap_or(Self::Stopped)
    }
}

/// The last thing that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// Bounded text: a panic's message and place, or what else ended the generation.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// Messages that were not handled, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// Refused because the mailbox was full.
    pub full: u64,
    /// Refused because no generation was running.
    pub down: u64,
    /// Accepted, then lost with the generation that held them.
    pub lost: u64,
}

/// What happened to an actor, for whoever keeps a history of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorEvent {
    /// The actor's place in the tree, or its group's.
    pub path: Arc<str>,
    /// Which child of the group.
    pub child: Option<String>,
    /// The state it is in now.
    pub state: State,
    /// The generation concerned.
    pub generation: u32,
    /// What went wrong.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// Told of every failure. Runs on the thread of the failed actor: it must be quick and must not block.
pub type Observer = Arc<dyn Fn(&ActorEvent) + Send + Sync>;

/// What all cells of one registry share.
pub(crate) struct Common {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Option<Observer>,
    /// Progress is measured from here on the monotonic clock: a wall clock that is set back stalls nobody.
    pub(crate) epoch: Instant,
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// The counters of one actor or one group.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) path: Arc<str>,
    pub(crate) capacity: u32,
    pub(crate) stall_after: Option<Duration>,
    common: Arc<Common>,
    states: [AtomicU32; State::ALL.len()],
    restarts: AtomicU64,
    panics: AtomicU64,
    stalls: AtomicU64,
    full: AtomicU64,
    down: AtomicU64,
    lost: AtomicU64,
    started_at: AtomicI64,
    last_error: Mutex<Option<LastError>>,
}

/// What ended a generation that was not meant to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// It panicked: in its factory, in `started`, in a handler, in a future or in a destructor.
    Panicked,
    /// It had work and made no progress.
    Stalled,
    /// It stopped by itself although it is [permanent](super::Restart::Permanent).
    Stopped,
}

impl Cell {
    pub(crate) fn new(
        path: Arc<str>,
        capacity: u32,
        stall_after: Option<Duration>,
        common: Arc<Common>,
    ) -> Self {
        Self {
            path,
            capacity,
            stall_after,
            common,
            states: std::array::from_fn(|_| AtomicU32::new(0)),
            restarts: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            stalls: AtomicU64::new(0),
            full: AtomicU64::new(0),
            down: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            started_at: AtomicI64::new(0),
            last_error: Mutex::new(None),
        }
    }

    /// Milliseconds since the registry began, by the monotonic clock.
    pub(crate) fn uptime_ms(&self) -> u64 {
        let uptime = Instant::now().saturating_duration_since(self.common.epoch);
        u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.common.clock.now()
    }

    pub(crate) fn note_started(&self) {
        self.started_at.store(self.now().ms(), Relaxed);
    }

    /// A new generation begins: because the one before failed, or because somebody wanted it. Only the first is worth an
    /// alarm; several actors begin afresh with every term of work.
    pub(crate) fn note_restart(&self, failed: bool) {
        self.restarts.fetch_add(1, Relaxed);
        let after = if failed { "failure" } else { "order" };
        metrics::counter!("leyden_actor_restarts_total", "actor" => Arc::clone(&self.path), "after" => after)
            .increment(1);
    }

    pub(crate) fn note_failure(&self, kind: FailureKind, text: &str) {
        let name = match kind {
            FailureKind::Panicked => {
                self.panics.fetch_add(1, Relaxed);
                "leyden_actor_panics_total"
            }
            FailureKind::Stalled => {
                self.stalls.fetch_add(1, Relaxed);
                "leyden_actor_stalls_total"
            }
            FailureKind::Stopped => "leyden_actor_unexpected_stops_total",
        };
        metrics::counter!(name, "actor" => Arc::clone(&self.path)).increment(1);
        *self.last_error() = Some(LastError { text: text.to_owned(), at: self.now() });
    }

    /// Hands an event to the observer, if there is one.
    pub(crate) fn tell(&self, child: Option<String>, state: State, generation: u32, text: &str) {
        if let Some(observer) = &self.common.observer {
            observer(&ActorEvent {
                path: Arc::clone(&self.path),
                child,
                state,
                generation,
                text: text.to_owned(),
                at: self.now(),
            });
        }
    }

    pub(crate) fn note_full(&self) {
        self.full.fetch_add(1, Relaxed);
        self.meter_dropped("full", 1);
    }

    pub(crate) fn note_down(&self) {
        self.down.fetch_add(1, Relaxed);
        self.meter_dropped("down", 1);
    }

    pub(crate) fn note_lost(&self, messages: u32) {
        if messages > 0 {
            self.lost.fetch_add(u64::from(messages), Relaxed);
            self.meter_dropped("lost", messages);
        }
    }

    fn meter_dropped(&self, reason: &'static str, messages: u32) {
        metrics::counter!("leyden_actor_dropped_total", "actor" => Arc::clone(&self.path), "reason" => reason)
            .increment(u64::from(messages));
    }

    /// How many actors of this cell are in `state`.
    pub(crate) fn count(&self, state: State) -> u32 {
        self.states.get(state.index()).map_or(0, |count| count.load(Relaxed))
    }

    fn last_error(&self) -> MutexGuard<'_, Option<LastError>> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally {
            restarts: self.restarts.load(Relaxed),
            panics: self.panics.load(Relaxed),
            stalls: self.stalls.load(Relaxed),
            dropped: Dropped {
                full: self.full.load(Relaxed),
                down: self.down.load(Relaxed),
                lost: self.lost.load(Relaxed),
            },
            last_error: self.last_error().clone(),
        }
    }

    pub(crate) fn started_at(&self) -> Timestamp {
        Timestamp::from_ms(self.started_at.load(Relaxed))
    }
}

/// State and generation of one actor. Every change goes through here, so the counts of its cell cannot drift.
#[derive(Debug)]
pub(crate) struct Vitals {
    state: AtomicU8,
    pub(crate) generation: AtomicU32,
}

impl Vitals {
    /// A new member of `cell`, starting.
    pub(crate) fn new(cell: &Cell) -> Self {
        let state = State::Starting;
        if let Some(count) = cell.states.get(state.index()) {
            count.fetch_add(1, Relaxed);
        }
        Self { state: AtomicU8::new(state as u8), generation: AtomicU32::new(1) }
    }

    pub(crate) fn state(&self) -> State {
        State::from_index(self.state.load(Relaxed))
    }

    pub(crate) fn enter(&self, cell: &Cell, state: State) {
        let old = State::from_index(self.state.swap(state as u8, Relaxed));
        Self::moved(cell, old, state);
    }

    /// Enters `to` only from `from`.
    pub(crate) fn enter_from(&self, cell: &Cell, from: State, to: State) -> bool {
        let done = self.state.compare_exchange(from as u8, to as u8, Relaxed, Relaxed).is_ok();
        if done {
            Self::moved(cell, from, to);
        }
        done
    }

    /// The actor is gone: it counts nowhere.
    pub(crate) fn leave(&self, cell: &Cell) {
        let old = State::from_index(self.state.swap(State::Stopped as u8, Relaxed));
        if let Some(count) = cell.states.get(old.index()) {
            count.fetch_sub(1, Relaxed);
        }
    }

    fn moved(cell: &Cell, from: State, to: State) {
        if let (Some(from), Some(to)) = (cell.states.get(from.index()), cell.states.get(to.index())) {
            to.fetch_add(1, Relaxed);
            from.fetch_sub(1, Relaxed);
        }
    }
}

/// Sums over the life of an actor or a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Generations started after the first.
    pub restarts: u64,
    /// Panics caught.
    pub panics: u64,
    /// Generations abandoned for lack of progress.
    pub stalls: u64,
    /// Messages not handled.
    pub dropped: Dropped,
    /// The last failure of any kind.
    pub last_error: Option<LastError>,
}

/// How full a mailbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MailboxStatus {
    /// Messages it holds before it refuses more.
    pub capacity: u32,
    /// Messages waiting now.
    pub queued: u32,
}

/// One actor of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActorStatus {
    /// Its place, such as `leyden/pool/pool_allocator`.
    pub path: String,
    /// Where it is in its life.
    pub state: State,
    /// Counts from 1; one more for every restart.
    pub generation: u32,
    /// Sums over all generations.
    #[serde(flatten)]
    pub tally: Tally,
    /// Its mailbox.
    pub mailbox: MailboxStatus,
    /// When the current generation, or the last one, began.
    pub started_at: Timestamp,
    /// When it last finished a piece of work or was found with none. Absent while it is down.
    pub last_progress_at: Option<Timestamp>,
}

/// A group of children of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupStatus {
    /// Its place, such as `leyden/intake/payment_watcher`.
    pub path: String,
    /// Children there are.
    pub children: u32,
    /// Children there may be.
    pub limit: u32,
    /// Children taking messages.
    pub running: u32,
    /// Children waiting for a restart.
    pub backing_off: u32,
    /// Children without progress.
    pub stalled: u32,
    /// Children that failed too often.
    pub quarantined: u32,
    /// Sums over all children there ever were.
    #[serde(flatten)]
    pub tally: Tally,
}

/// Everything under one root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TreeStatus {
    /// When this was read.
    pub at: Timestamp,
    /// Single actors, by path.
    pub actors: Vec<ActorStatus>,
    /// Groups, by path.
    pub groups: Vec<GroupStatus>,
}
