//! The life of one supervised actor: the loop that makes a generation, runs it, catches what ends it, waits, and
//! makes the next one.
//!
//! Loop and running actor are one task. actix's context is polled by this task directly rather than spawned and
//! joined, which is what lets a hundred thousand actors fit, and what lets a frozen one be dropped: everything it
//! was waiting for is inside the future that is thrown away.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{self, Poll, ready},
    time::Duration,
};

use actix::{
    Actor, ActorContext,
    dev::{ContextFut, channel::AddressReceiver},
};
use tokio::time::{Instant, Sleep, sleep};

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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "generation {}: {}", self.generation, self.text)
    }
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

/// All of a supervised actor that outlives its generations, and may travel to the thread it will run on.
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

/// The loop itself. Written out as a state machine because there is one per actor: the compiler's own would keep
/// every argument twice, some 200 bytes for each open order.
pub(crate) struct Supervision<A: Actor<Context = Context<A>>, O: Origin<A>> {
    /// Dropped before `life`: the books are closed when nothing of the actor is left.
    phase: Phase<A>,
    generation: Generation,
    began: Instant,
    life: Life<A, O>,
}

enum Phase<A: Actor<Context = Context<A>>> {
    /// The address is published, the actor not yet made.
    Opened(Opened<A>),
    Living(Box<Body<A>>),
    /// Waiting for a restart, or in quarantine for an order. On the heap: the healthy should not pay for a timer.
    Pausing(Option<Pin<Box<Sleep>>>),
    Over,
}

// Nothing in here is pinned in place: the context is `Unpin`, the timer is boxed, the rest is plain data.
impl<A: Actor<Context = Context<A>>, O: Origin<A>> Unpin for Supervision<A, O> {}

impl<A: Actor<Context = Context<A>>, O: Origin<A>> Future for Supervision<A, O> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            this.life.slot.control.register(cx.waker());
            let go_on = match this.phase {
                Phase::Opened(_) => match this.begin() {
                    Ok(()) => true,
                    Err(exit) => this.settle(exit),
                },
                Phase::Living(_) => {
                    let exit = ready!(this.live(cx));
                    this.settle(exit)
                }
                Phase::Pausing(_) => {
                    let go_on = ready!(this.pause(cx));
                    if go_on {
                        this.renew();
                    }
                    go_on
                }
                Phase::Over => false,
            };
            if !go_on {
                this.phase = Phase::Over;
                return Poll::Ready(());
            }
        }
    }
}

impl<A: Actor<Context = Context<A>>, O: Origin<A>> Supervision<A, O> {
    /// `opened` is the first generation's mailbox, published before this first runs so that nothing cast in between
    /// is lost.
    pub(crate) fn new(life: Life<A, O>, opened: Opened<A>) -> Self {
        Self { phase: Phase::Opened(opened), generation: Generation::FIRST, began: Instant::now(), life }
    }

    /// Makes the actor.
    fn begin(&mut self) -> Result<(), Exit> {
        let Phase::Opened((letters, pulse)) = mem::replace(&mut self.phase, Phase::Over) else {
            return Ok(());
        };
        let (life, generation) = (&self.life, self.generation);
        self.began = Instant::now();
        life.slot.cell.note_started();
        let actor = catch(|| life.origin.create(generation))
            .map_err(|caught| Exit::Failed(FailureKind::Panicked, caught.text))?;
        let context = Context::embody(actor, letters, Arc::clone(&life.slot), Arc::clone(&pulse), generation);
        self.phase =
            Phase::Living(Box::new(Body { context: Some(context), pulse, stopping: false, started: false }));
        Ok(())
    }

    /// Lets the running generation work until it ends.
    fn live(&mut self, cx: &mut task::Context<'_>) -> Poll<Exit> {
        let Phase::Living(body) = &mut self.phase else { return Poll::Pending };
        let exit = ready!(self.life.drive(body, self.generation, cx));
        // The address goes before the actor does, so that nobody sends to a generation being taken apart.
        self.life.slot.close();
        let stopping = body.stopping;
        Poll::Ready(match (body.bury(), exit) {
            (Err(caught), Exit::Ended | Exit::Renewed) if !stopping => {
                Exit::Failed(FailureKind::Panicked, caught.text)
            }
            (_, Exit::Failed(kind, text)) if stopping => {
                // It was on its way out; how it went does not matter to anybody but the log.
                tracing::warn!(actor = %self.life.slot.cell.path, ?kind, %text, "failed while stopping");
                Exit::Ended
            }
            (_, exit) => exit,
        })
    }

    /// Decides what follows a generation. `false`: nothing does.
    fn settle(&mut self, exit: Exit) -> bool {
        let life = &mut self.life;
        life.slot.close();
        match exit {
            Exit::Ended => return false,
            Exit::Renewed => {
                life.failures = None;
                self.renew();
            }
            Exit::Failed(kind, text) => {
                let failure = Failure { kind, text, generation: self.generation };
                match life.judge(failure, self.began.elapsed()) {
                    Verdict::Again(delay) => self.phase = Phase::Pausing(Some(Box::pin(sleep(delay)))),
                    Verdict::Quarantine(failure) => {
                        life.quarantine(&failure);
                        self.phase = Phase::Pausing(None);
                    }
                    Verdict::End => return false,
                }
            }
        }
        true
    }

    /// Waits out a delay, or for ever in quarantine. `false` if the actor is to end instead of going on.
    fn pause(&mut self, cx: &mut task::Context<'_>) -> Poll<bool> {
        match self.life.slot.control.take() {
            Some(Order::Kill | Order::Stop) => return Poll::Ready(false),
            Some(Order::Restart) => {
                self.life.failures = None;
                return Poll::Ready(true);
            }
            Some(Order::Abandon(_)) | None => {}
        }
        match &mut self.phase {
            Phase::Pausing(Some(timer)) => timer.as_mut().poll(cx).map(|()| true),
            _ => Poll::Pending,
        }
    }

    /// Opens the next generation.
    fn renew(&mut self) {
        let slot = &self.life.slot;
        self.generation = self.generation.next();
        // Whoever orders a restart clears the record of failures.
        slot.cell.note_restart(self.life.failures.is_some());
        slot.vitals.enter(&slot.cell, State::Starting);
        self.phase = Phase::Opened(slot.open(self.generation));
    }
}

impl<A: Actor<Context = Context<A>>, O: Origin<A>> Life<A, O> {
    /// One poll of a generation, after a look at the orders.
    fn drive(&self, body: &mut Body<A>, generation: Generation, cx: &mut task::Context<'_>) -> Poll<Exit> {
        // Orders come before work: an actor that always has work can still be stopped.
        match self.slot.control.take() {
            Some(Order::Kill) => return Poll::Ready(Exit::Ended),
            Some(Order::Stop) => body.ask_to_stop(),
            Some(Order::Restart) => return Poll::Ready(Exit::Renewed),
            Some(Order::Abandon(stalled)) if stalled == generation => {
                return Poll::Ready(Exit::Failed(FailureKind::Stalled, self.stalled_text()));
            }
            Some(Order::Abandon(_)) | None => {}
        }
        let polled = body.poll(cx);
        if !body.started && matches!(polled, Ok(Poll::Pending)) {
            body.started = true;
            self.slot.vitals.enter_from(&self.slot.cell, State::Starting, State::Running);
        }
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) if body.stopping || self.policy.restart == Restart::Transient => {
                Poll::Ready(Exit::Ended)
            }
            Ok(Poll::Ready(())) => {
                Poll::Ready(Exit::Failed(FailureKind::Stopped, "stopped by itself".to_owned()))
            }
            Err(caught) => Poll::Ready(Exit::Failed(FailureKind::Panicked, caught.text)),
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
    /// It was asked to end.
    stopping: bool,
    /// `started` has run.
    started: bool,
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
        self.stopping = true;
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
