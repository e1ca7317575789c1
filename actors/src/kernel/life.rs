//! The life of one supervised actor: the loop that makes a generation, runs it, catches what ends it, waits, and
//! makes the next one.
//!
//! Loop and running actor are one task. actix's context is polled by this task directly rather than spawned and
//! joined, which is what lets a hundred thousand actors fit, and what lets a frozen one be dropped: everything it
//! was waiting for is inside the future that is thrown away.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
    time::Duration,
};

use actix::{
    Actor, ActorContext,
    dev::{ContextFut, channel::AddressReceiver},
};
use tokio::time::Instant;

use super::{
    Context, FailureKind, Generation, GiveUp, Policy, Restart, Shutdown, State,
    actor_ref::Slot,
    control::Order,
    panic::{Caught, catch},
    policy::Failures,
    pulse::Pulse,
    shutdown::ESCALATED,
};

/// Why a generation failed. Handed to parents and kept as the actor's last error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// In which way.
    pub kind: FailureKind,
    /// In words, bounded in length.
    pub text: String,
    /// Which generation.
    pub generation: Generation,
}

/// Where generations come from and who is told how they end.
pub(crate) trait Origin<A>: Send + 'static {
    /// A fresh actor. It may panic: that fails the generation before it began.
    fn create(&self, generation: Generation) -> A;
    /// The actor has used up its restarts and stays down.
    fn quarantined(&self, failure: &Failure);
    /// The loop has ended; nothing of the actor is left.
    fn gone(&self);
    /// Which child of its group this is, for the log.
    fn child(&self) -> Option<String>;
}

/// The receiving half of a published address, with its pulse.
pub(crate) type Opened<A> = (AddressReceiver<A>, Arc<Pulse>);

pub(crate) struct Life<A: Actor<Context = Context<A>>, O: Origin<A>> {
    pub(crate) slot: Arc<Slot<A>>,
    pub(crate) origin: O,
    pub(crate) policy: Arc<Policy>,
    pub(crate) shutdown: Shutdown,
    /// Boxed, and only once something failed: this struct exists once per actor.
    pub(crate) failures: Option<Box<Failures>>,
}

/// How a generation ended.
enum Exit {
    /// It was told to, or its job is done.
    Ended,
    /// An operator wants a new one.
    Renewed,
    Failed(FailureKind, String),
}

/// What is done after a failure.
enum Verdict {
    Again(Duration),
    Quarantine(Failure),
    End,
}

impl<A: Actor<Context = Context<A>>, O: Origin<A>> Life<A, O> {
    /// Runs until the actor has ended for good. `opened` is the first generation's mailbox, published before this
    /// task first runs so that nothing cast in between is lost.
    pub(crate) async fn run(mut self, mut opened: Opened<A>) {
        let mut generation = Generation::FIRST;
        loop {
            let began = Instant::now();
            self.slot.cell.note_started();
            let exit = self.live(opened, generation).await;
            self.slot.close();
            let go_on = match exit {
                Exit::Ended => false,
                Exit::Renewed => {
                    self.failures = None;
                    true
                }
                Exit::Failed(kind, text) => {
                    match self.judge(Failure { kind, text, generation }, began.elapsed()) {
                        Verdict::Again(delay) => self.pause(Some(delay)).await,
                        Verdict::Quarantine(failure) => {
                            self.quarantine(&failure);
                            self.pause(None).await
                        }
                        Verdict::End => false,
                    }
                }
            };
            if !go_on {
                return;
            }
            generation = generation.next();
            self.slot.cell.note_restart();
            self.slot.vitals.enter(&self.slot.cell, State::Starting);
            opened = self.slot.open(generation);
        }
    }

    /// One generation, from the factory to its end.
    async fn live(&self, (letters, pulse): Opened<A>, generation: Generation) -> Exit {
        let actor = match catch(|| self.origin.create(generation)) {
            Ok(actor) => actor,
            Err(caught) => return Exit::Failed(FailureKind::Panicked, caught.text),
        };
        let slot = Arc::clone(&self.slot);
        let mut body = Body {
            context: Some(Context::embody(actor, letters, slot, Arc::clone(&pulse), generation)),
            pulse,
        };
        let mut stopping = false;
        let mut started = false;
        let exit = poll_fn(|cx| {
            self.slot.control.register(cx.waker());
            // Orders come before work: an actor that always has work can still be stopped.
            match self.slot.control.take() {
                Some(Order::Kill) => return Poll::Ready(Exit::Ended),
                Some(Order::Stop) => {
                    stopping = true;
                    body.ask_to_stop();
                }
                Some(Order::Restart) => return Poll::Ready(Exit::Renewed),
                Some(Order::Abandon(stalled)) if stalled == generation => {
                    return Poll::Ready(Exit::Failed(FailureKind::Stalled, self.stalled_text()));
                }
                Some(Order::Abandon(_)) | None => {}
            }
            let polled = body.poll(cx);
            if !started && matches!(polled, Ok(Poll::Pending)) {
                started = true;
                self.slot.vitals.enter_from(&self.slot.cell, State::Starting, State::Running);
            }
            match polled {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(())) if stopping || self.policy.restart == Restart::Transient => {
                    Poll::Ready(Exit::Ended)
                }
                Ok(Poll::Ready(())) => {
                    Poll::Ready(Exit::Failed(FailureKind::Stopped, "stopped by itself".to_owned()))
                }
                Err(caught) => Poll::Ready(Exit::Failed(FailureKind::Panicked, caught.text)),
            }
        })
        .await;
        // The address goes before the actor does, so that nobody sends to a generation being taken apart.
        self.slot.close();
        match (body.bury(), exit) {
            (Err(caught), Exit::Ended | Exit::Renewed) if !stopping => {
                Exit::Failed(FailureKind::Panicked, caught.text)
            }
            (_, Exit::Failed(kind, text)) if stopping => {
                // It was on its way out; how it went does not matter to anybody but the log.
                tracing::warn!(actor = %self.slot.cell.path, ?kind, %text, "failed while stopping");
                Exit::Ended
            }
            (_, exit) => exit,
        }
    }

    fn stalled_text(&self) -> String {
        let limit = self.policy.stall_after.unwrap_or_default();
        format!("no progress for more than {} ms", limit.as_millis())
    }

    /// Records a failure and decides what follows.
    fn judge(&mut self, failure: Failure, lived: Duration) -> Verdict {
        let cell = &self.slot.cell;
        let number = failure.generation.number();
        cell.note_failure(failure.kind, &failure.text);
        if self.shutdown.is_requested() {
            tracing::warn!(actor = %cell.path, error = %failure.text, "failed during shutdown, not restarted");
            return Verdict::End;
        }
        let failures = self.failures.get_or_insert_default();
        let delay = failures.grant(&self.policy, lived, Instant::now());
        let child = self.origin.child();
        let state = if delay.is_some() { State::BackingOff } else { State::Quarantined };
        let retry_ms = delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        tracing::error!(
            actor = %cell.path, child, generation = number, kind = ?failure.kind, retry_ms,
            error = %failure.text, "actor failed"
        );
        self.slot.vitals.enter(cell, state);
        self.quietly(|| cell.tell(child, state, number, &failure.text));
        match (delay, self.policy.give_up) {
            (Some(delay), _) => Verdict::Again(delay),
            (None, GiveUp::Quarantine) => Verdict::Quarantine(failure),
            (None, GiveUp::Escalate) => {
                self.shutdown.request(ESCALATED, format!("{} failed too often: {}", cell.path, failure.text));
                Verdict::Quarantine(failure)
            }
        }
    }

    fn quarantine(&self, failure: &Failure) {
        tracing::error!(actor = %self.slot.cell.path, child = self.origin.child(), "quarantined");
        self.quietly(|| self.origin.quarantined(failure));
    }

    /// Calls code that is not ours to vouch for, from a place that must go on.
    fn quietly(&self, call: impl FnOnce()) {
        if let Err(caught) = catch(call) {
            tracing::error!(actor = %self.slot.cell.path, error = %caught.text, "a callback panicked");
        }
    }

    /// Waits out a delay, or for ever in quarantine. `false` if the actor is to end instead of going on.
    async fn pause(&mut self, delay: Option<Duration>) -> bool {
        // On the heap: a timer inside this future would make every healthy actor pay for it.
        let mut timer = delay.map(|delay| Box::pin(tokio::time::sleep(delay)));
        let order = poll_fn(|cx| {
            self.slot.control.register(cx.waker());
            match self.slot.control.take() {
                Some(Order::Abandon(_)) | None => {}
                Some(order) => return Poll::Ready(Some(order)),
            }
            match &mut timer {
                Some(timer) => timer.as_mut().poll(cx).map(|()| None),
                None => Poll::Pending,
            }
        })
        .await;
        match order {
            Some(Order::Restart) => {
                self.failures = None;
                true
            }
            Some(Order::Kill | Order::Stop | Order::Abandon(_)) => false,
            None => true,
        }
    }
}

impl<A: Actor<Context = Context<A>>, O: Origin<A>> Drop for Life<A, O> {
    /// Also runs when the whole thread is taken down: the books are right either way.
    fn drop(&mut self) {
        self.slot.close();
        self.slot.vitals.leave(&self.slot.cell);
        self.origin.gone();
    }
}

/// A running generation that can be polled and thrown away without a panic getting out.
struct Body<A: Actor<Context = Context<A>>> {
    context: Option<ContextFut<A, Context<A>>>,
    pulse: Arc<Pulse>,
}

impl<A: Actor<Context = Context<A>>> Body<A> {
    fn poll(&mut self, cx: &mut task::Context<'_>) -> Result<Poll<()>, Caught> {
        let Some(context) = &mut self.context else { return Ok(Poll::Ready(())) };
        self.pulse.begin();
        let polled = catch(|| Pin::new(context).poll(cx));
        self.pulse.end();
        polled
    }

    fn ask_to_stop(&mut self) {
        if let Some(context) = &mut self.context {
            context.ctx().stop();
        }
    }

    /// Throws the generation away. Dropping a context that is not stopped would poll it once more, which calls back
    /// into an actor that may just have panicked; terminating it first prevents that. What its own destructors
    /// throw is caught; two of them throwing at once abort the process, as everywhere in Rust.
    fn bury(&mut self) -> Result<(), Caught> {
        let Some(mut context) = self.context.take() else { return Ok(()) };
        context.ctx().terminate();
        catch(move || drop(context))
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Body<A> {
    fn drop(&mut self) {
        if let Err(caught) = self.bury() {
            tracing::error!(error = %caught.text, "an actor panicked while it was dropped");
        }
    }
}
