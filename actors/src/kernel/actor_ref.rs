//! The lasting address of an actor whose generations come and go.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix::{
    Actor, Addr, Handler, MailboxError, Message,
    dev::channel::{self, AddressReceiver},
};
use arc_swap::ArcSwapOption;

use super::{
    Context, Generation, State,
    control::Control,
    health::{Cell, Vitals},
    pulse::Pulse,
};

/// What became of a message that was cast. It may be ignored: messages are hints, and a lost hint costs time only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cast {
    /// In the mailbox of the running generation.
    Sent,
    /// The mailbox is full; dropped and counted.
    Full,
    /// No generation is running; dropped and counted.
    Down,
}

/// Why a question has no answer. It may still have been acted on: every request must be safe to repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The mailbox is full. Nothing was done.
    #[error("the service is busy")]
    Busy,
    /// No generation is running, or it ended before it answered.
    #[error("the service is restarting")]
    Down,
    /// No answer by the deadline. If the question was still waiting it will not be begun.
    #[error("no answer in time")]
    TimedOut,
}

/// Where one generation takes its messages.
pub(crate) struct Post<A: Actor<Context = Context<A>>> {
    addr: Addr<A>,
    pulse: Arc<Pulse>,
    generation: Generation,
}

/// What all references to one actor share with its supervising loop.
pub(crate) struct Slot<A: Actor<Context = Context<A>>> {
    post: ArcSwapOption<Post<A>>,
    pub(crate) control: Control,
    pub(crate) vitals: Vitals,
    pub(crate) cell: Arc<Cell>,
}

impl<A: Actor<Context = Context<A>>> Slot<A> {
    pub(crate) fn new(cell: Arc<Cell>) -> Self {
        let vitals = Vitals::new(&cell);
        Self { post: ArcSwapOption::const_empty(), control: Control::default(), vitals, cell }
    }

    /// Opens a new mailbox and publishes it. From here on messages queue, even before the actor exists.
    pub(crate) fn open(&self, generation: Generation) -> (AddressReceiver<A>, Arc<Pulse>) {
        // The channel itself is unbounded: the pulse keeps the bound, exactly.
        let (sender, receiver) = channel::channel(0);
        let pulse = Arc::new(Pulse::new(Arc::clone(&self.cell)));
        self.vitals.generation.store(generation.number(), Ordering::Relaxed);
        let post = Post { addr: Addr::new(sender), pulse: Arc::clone(&pulse), generation };
        self.post.store(Some(Arc::new(post)));
        (receiver, pulse)
    }

    /// Takes the address away; what was queued is lost and counted.
    pub(crate) fn close(&self) {
        if let Some(post) = self.post.swap(None) {
            self.cell.note_lost(post.pulse.queued());
        }
    }

    pub(crate) fn generation(&self) -> Generation {
        Generation::from_number(self.vitals.generation.load(Ordering::Relaxed))
    }
}

/// One actor as the registry and the watchdog see it: without its type.
pub(crate) trait Member: Send + Sync {
    fn control(&self) -> &Control;
    fn state(&self) -> State;
    fn generation(&self) -> Generation;
    fn cell(&self) -> &Cell;
    /// Messages waiting and milliseconds since the last movement, if a generation is running.
    fn pulse(&self) -> Option<(u32, u64)>;
    /// If the running generation makes no progress: takes its address away, tells its loop to abandon it, and says
    /// so. The address goes first, because the loop may be on a thread that does not get to run.
    fn abandon_if_stalled(&self) -> bool;
}

impl<A: Actor<Context = Context<A>>> Member for Slot<A> {
    fn control(&self) -> &Control {
        &self.control
    }

    fn state(&self) -> State {
        self.vitals.state()
    }

    fn generation(&self) -> Generation {
        Self::generation(self)
    }

    fn cell(&self) -> &Cell {
        &self.cell
    }

    fn pulse(&self) -> Option<(u32, u64)> {
        self.post.load().as_ref().map(|post| (post.pulse.queued(), post.pulse.still_for_ms()))
    }

    fn abandon_if_stalled(&self) -> bool {
        let current = self.post.load_full();
        let Some(post) = current.as_ref().filter(|post| post.pulse.is_stalled()) else { return false };
        let was_running = self.vitals.enter_from(&self.cell, State::Running, State::Stalled)
            || self.vitals.enter_from(&self.cell, State::Starting, State::Stalled);
        if !was_running {
            return false;
        }
        let previous = self.post.compare_and_swap(&current, None);
        if previous.as_ref().is_some_and(|found| Arc::ptr_eq(found, post)) {
            self.cell.note_lost(post.pulse.queued());
        }
        self.control.abandon(post.generation);
        true
    }
}

/// A supervised actor's address. Cheap to clone, valid for as long as the process: restarts do not change it.
pub struct ActorRef<A: Actor<Context = Context<A>>> {
    slot: Arc<Slot<A>>,
}

impl<A: Actor<Context = Context<A>>> ActorRef<A> {
    pub(crate) const fn from_slot(slot: Arc<Slot<A>>) -> Self {
        Self { slot }
    }

    /// Sends without waiting. A full mailbox or an actor that is down costs the message, which is counted.
    pub fn cast<M>(&self, message: M) -> Cast
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let guard = self.slot.post.load();
        let Some(post) = guard.as_ref() else {
            self.slot.cell.note_down();
            return Cast::Down;
        };
        if !post.pulse.claim() {
            self.slot.cell.note_full();
            return Cast::Full;
        }
        if post.addr.try_send(message).is_err() {
            // The generation ended this very moment; its count ends with it.
            self.slot.cell.note_down();
            return Cast::Down;
        }
        Cast::Sent
    }

    /// Asks and waits for the answer for at most `deadline`.
    #[expect(clippy::disallowed_methods, reason = "with a deadline around it")]
    pub async fn ask<M>(&self, message: M, deadline: Duration) -> Result<M::Result, AskError>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let request = {
            let guard = self.slot.post.load();
            let Some(post) = guard.as_ref() else {
                self.slot.cell.note_down();
                return Err(AskError::Down);
            };
            if !post.pulse.claim() {
                self.slot.cell.note_full();
                return Err(AskError::Busy);
            }
            post.addr.send(message)
        };
        match tokio::time::timeout(deadline, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(MailboxError::Closed)) => Err(AskError::Down),
            Ok(Err(MailboxError::Timeout)) | Err(_) => Err(AskError::TimedOut),
        }
    }

    /// Asks the supervisor to end the actor in order. Not a message: a full mailbox does not delay it.
    pub fn stop(&self) {
        self.slot.control.stop();
    }

    /// Asks the supervisor for a new generation with a clean record; the way out of quarantine.
    pub fn restart(&self) {
        self.slot.control.restart();
    }

    /// Where the actor is in its life.
    pub fn state(&self) -> State {
        self.slot.vitals.state()
    }

    /// The running generation, or the last one.
    pub fn generation(&self) -> Generation {
        self.slot.generation()
    }
}

impl<A: Actor<Context = Context<A>>> Clone for ActorRef<A> {
    fn clone(&self) -> Self {
        Self { slot: Arc::clone(&self.slot) }
    }
}

impl<A: Actor<Context = Context<A>>> fmt::Debug for ActorRef<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorRef({} {:?} {:?})", self.slot.cell.path, self.generation(), self.state())
    }
}
