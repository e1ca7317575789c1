//! The shape that all our actors share: something wakes them, they look at everything that may be due, and rest.
//! However many hints come while an actor looks, it looks once more.

use crate::{
    kernel::{Context, Progress},
    messages::Look,
};
use actix::{Actor, ActorContext, AsyncContext, Handler, WrapFuture, fut::ActorFutureExt};
use async_trait::async_trait;
use std::{sync::Arc, time::Duration};

/// What made an actor look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// Somebody said so.
    Hint,
    /// Its own timer: what hints may have missed.
    Tick,
    /// It was just made.
    Start,
}

/// What an actor does after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Waits for the next hint or tick.
    Rest,
    /// Looks again at once: there is more.
    Again,
    /// Its work is done for good.
    Stop,
}

/// The work of an actor. What it holds is a cache; a new generation begins with an empty one.
#[async_trait]
pub(crate) trait Worker: Send + Sync + 'static {
    /// How often it looks without being told.
    fn interval(&self) -> Option<Duration>;

    /// Whether this work is another instance's now. Hints and ticks are then let go: the term that comes begins with a
    /// full look.
    fn stands_by(&self) -> bool;

    /// Looks at everything that may be due and does it. Errors are its own business: it logs them and the next look
    /// tries again.
    async fn look(self: Arc<Self>, cause: Cause, progress: Progress) -> After;
}

/// The actor around a [`Worker`].
pub(crate) struct Looper<W> {
    worker: Arc<W>,
    looking: bool,
    again: Option<Cause>,
    looks_at_start: bool,
}

impl<W: Worker> Looper<W> {
    /// Looks as soon as it starts.
    pub(crate) fn new(worker: W) -> Self {
        Self { worker: Arc::new(worker), looking: false, again: None, looks_at_start: true }
    }

    /// Rests until it is told to look.
    pub(crate) fn resting(worker: W) -> Self {
        Self { looks_at_start: false, ..Self::new(worker) }
    }

    fn begin(&mut self, cause: Cause, ctx: &mut Context<Self>) {
        if self.worker.stands_by() {
            return;
        }
        if self.looking {
            self.again = self.again.max(Some(cause));
            return;
        }
        self.looking = true;
        let progress = ctx.progress();
        let busy = progress.enter();
        let look = Arc::clone(&self.worker).look(cause, progress);
        ctx.spawn(look.into_actor(self).map(move |after, actor, ctx| {
            drop(busy);
            actor.looking = false;
            let again = actor.again.take();
            match after {
                After::Stop => ctx.stop(),
                After::Again => actor.begin(again.unwrap_or(Cause::Hint), ctx),
                After::Rest => {
                    if let Some(cause) = again {
                        actor.begin(cause, ctx);
                    }
                }
            }
        }));
    }
}

impl<W: Worker> Actor for Looper<W> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(interval) = self.worker.interval() {
            ctx.run_interval(interval, |actor, ctx| actor.begin(Cause::Tick, ctx));
        }
        if self.looks_at_start {
            self.begin(Cause::Start, ctx);
        }
    }
}

impl<W: Worker> Handler<Look> for Looper<W> {
    type Result = ();

    fn handle(&mut self, Look: Look, ctx: &mut Self::Context) {
        self.begin(Cause::Hint, ctx);
    }
}
