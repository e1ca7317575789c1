//! The heartbeat of one generation: how many messages wait, how many pieces of work are in hand, and when
//! something last moved. Work without movement is what "stalled" means.
//!
//! The context keeps the pulse by itself for everything that blocks the mailbox: each message taken, each poll, and
//! each future the actor waits for (`AtomicResponse`, `ctx.wait`). Work that runs beside the mailbox is declared by
//! [`Progress::enter`].

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

use super::health::Cell;

/// One per generation.
#[derive(Debug)]
pub(crate) struct Pulse {
    cell: Arc<Cell>,
    queued: AtomicU32,
    busy: AtomicU32,
    /// Uptime in milliseconds at the last movement.
    moved_at: AtomicU64,
}

impl Pulse {
    pub(crate) fn new(cell: Arc<Cell>) -> Self {
        let now = cell.uptime_ms();
        Self { cell, queued: AtomicU32::new(0), busy: AtomicU32::new(0), moved_at: AtomicU64::new(now) }
    }

    /// Claims room in the mailbox for one message, or refuses. The count is ours rather than the channel's because
    /// the channel's bound has one extra place per clone of the address, and this one must be exact.
    pub(crate) fn claim(&self) -> bool {
        let capacity = self.cell.capacity;
        let room = |queued: u32| (queued < capacity).then_some(queued.saturating_add(1));
        match self.queued.fetch_update(Relaxed, Relaxed, room) {
            Ok(earlier) => {
                if earlier == 0 && self.busy.load(Relaxed) == 0 {
                    self.moved();
                }
                true
            }
            Err(_) => false,
        }
    }

    /// A message left the mailbox. Never below zero: a message that came past `ActorRef` was not counted.
    pub(crate) fn release(&self) {
        let less = |queued: u32| queued.checked_sub(1);
        if self.queued.fetch_update(Relaxed, Relaxed, less).is_err() {
            tracing::debug!(actor = %self.cell.path, "a message arrived past the counted mailbox");
        }
        self.moved();
    }

    pub(crate) fn queued(&self) -> u32 {
        self.queued.load(Relaxed)
    }

    pub(crate) fn moved(&self) {
        self.moved_at.store(self.cell.uptime_ms(), Relaxed);
    }

    pub(crate) fn begin(&self) {
        if self.busy.fetch_add(1, Relaxed) == 0 {
            self.moved();
        }
    }

    pub(crate) fn end(&self) {
        self.busy.fetch_sub(1, Relaxed);
    }

    /// Milliseconds without movement.
    pub(crate) fn still_for_ms(&self) -> u64 {
        self.cell.uptime_ms().saturating_sub(self.moved_at.load(Relaxed))
    }

    /// Whether there is work and it has not moved for longer than allowed.
    pub(crate) fn is_stalled(&self) -> bool {
        let Some(limit) = self.cell.stall_after else { return false };
        let has_work = self.busy.load(Relaxed) > 0 || self.queued() > 0;
        has_work && u128::from(self.still_for_ms()) > limit.as_millis()
    }
}

/// An actor's hand on its own pulse. Cheap to clone; may travel into futures.
#[derive(Debug, Clone)]
pub struct Progress {
    pulse: Arc<Pulse>,
}

/// One piece of work in hand, until it is dropped.
#[derive(Debug)]
pub struct Busy {
    pulse: Arc<Pulse>,
}

impl Progress {
    pub(crate) const fn new(pulse: Arc<Pulse>) -> Self {
        Self { pulse }
    }

    /// Work begins. While the returned guard lives, silence counts against the actor.
    #[must_use = "the work ends when the guard is dropped"]
    pub fn enter(&self) -> Busy {
        self.pulse.begin();
        Busy { pulse: Arc::clone(&self.pulse) }
    }

    /// Long work is still getting on: one more page, one more batch.
    pub fn tick(&self) {
        self.pulse.moved();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.pulse.moved();
        self.pulse.end();
    }
}
