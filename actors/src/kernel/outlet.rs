//! A peer reduced to the one message it is sent. An actor that holds an `Outlet<Drive>` cannot know, and need not
//! care, which actor drives; a test plugs in a probe and reads what came out.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use actix::{Actor, Handler, Message};
use tokio::sync::mpsc;

use super::{ActorRef, AskError, Cast, Context};

/// How many messages a probe holds before it is full.
const PROBE_CAPACITY: usize = 1_024;

/// Somewhere to cast messages of type `M`. Cheap to clone.
pub struct Outlet<M> {
    send: Arc<dyn Fn(M) -> Cast + Send + Sync>,
}

impl<M: Send + 'static> Outlet<M> {
    /// An outlet over any function.
    pub fn new(send: impl Fn(M) -> Cast + Send + Sync + 'static) -> Self {
        Self { send: Arc::new(send) }
    }

    /// Leads nowhere: everything is accepted and forgotten. For a part of the tree that is switched off.
    pub fn nowhere() -> Self {
        Self::new(|_| Cast::Sent)
    }

    /// For tests: what is cast can be read from the receiver, in order. Full after 1024 unread messages, down when
    /// the receiver is dropped.
    pub fn probe() -> (Self, mpsc::Receiver<M>) {
        let (sender, receiver) = mpsc::channel(PROBE_CAPACITY);
        let outlet = Self::new(move |message| match sender.try_send(message) {
            Ok(()) => Cast::Sent,
            Err(mpsc::error::TrySendError::Full(_)) => Cast::Full,
            Err(mpsc::error::TrySendError::Closed(_)) => Cast::Down,
        });
        (outlet, receiver)
    }

    /// Sends without waiting; see [`ActorRef::cast`].
    pub fn cast(&self, message: M) -> Cast {
        (self.send)(message)
    }
}

impl<A, M> From<ActorRef<A>> for Outlet<M>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn from(actor: ActorRef<A>) -> Self {
        Self::new(move |message| actor.cast(message))
    }
}

impl<M> Clone for Outlet<M> {
    fn clone(&self) -> Self {
        Self { send: Arc::clone(&self.send) }
    }
}

impl<M> fmt::Debug for Outlet<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outlet")
    }
}

type Answer<R> = Pin<Box<dyn Future<Output = Result<R, AskError>> + Send>>;

/// Somewhere to ask questions of type `M`: the counterpart of [`Outlet`] for requests. Cheap to clone.
pub struct Desk<M: Message> {
    ask: Arc<dyn Fn(M, Duration) -> Answer<M::Result> + Send + Sync>,
}

impl<M> Desk<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    /// For tests and for parts that are switched off: every question is answered by `answer`, at once.
    pub fn answering(answer: impl Fn(M) -> Result<M::Result, AskError> + Send + Sync + 'static) -> Self {
        Self {
            ask: Arc::new(move |message, _| {
                let answer = answer(message);
                Box::pin(async move { answer })
            }),
        }
    }

    /// Asks and waits for at most `deadline`; see [`ActorRef::ask`].
    pub async fn ask(&self, message: M, deadline: Duration) -> Result<M::Result, AskError> {
        (self.ask)(message, deadline).await
    }
}

impl<A, M> From<ActorRef<A>> for Desk<M>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn from(actor: ActorRef<A>) -> Self {
        Self {
            ask: Arc::new(move |message, deadline| {
                let actor = actor.clone();
                Box::pin(async move { actor.ask(message, deadline).await })
            }),
        }
    }
}

impl<M: Message> Clone for Desk<M> {
    fn clone(&self) -> Self {
        Self { ask: Arc::clone(&self.ask) }
    }
}

impl<M: Message> fmt::Debug for Desk<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk")
    }
}
