//! The context actors run in: actix's own parts, plus the generation's pulse and the actor's lasting address.
//!
//! Having our own context is what makes the counts true without help from actor authors: every message passes
//! through [`Letter`], every exclusive future through [`AsyncContext::wait`].

use std::{fmt, sync::Arc};

use actix::{
    Actor, ActorContext, ActorFuture, ActorFutureExt, ActorState, Addr, AsyncContext, Handler, Message,
    SpawnHandle,
    dev::{
        AsyncContextParts, ContextFut, ContextParts, Envelope, EnvelopeProxy, Mailbox, MessageResponse,
        OneshotSender, ToEnvelope, channel::AddressReceiver,
    },
};

use super::{ActorRef, Generation, Progress, actor_ref::Slot, pulse::Pulse};

/// What `type Context` of every supervised actor is. All of actix's [`AsyncContext`] works: `run_interval`,
/// `run_later`, `notify`, `spawn`, `wait`.
///
/// Return `AtomicResponse` or `ResponseActFuture` from handlers, never `ResponseFuture`: actix runs the latter as a
/// task of its own, which would outlive the generation that began it.
pub struct Context<A: Actor<Context = Self>> {
    parts: ContextParts<A>,
    slot: Arc<Slot<A>>,
    pulse: Arc<Pulse>,
    generation: Generation,
}

impl<A: Actor<Context = Self>> Context<A> {
    /// One generation, ready to be polled.
    pub(super) fn embody(
        actor: A,
        letters: AddressReceiver<A>,
        slot: Arc<Slot<A>>,
        pulse: Arc<Pulse>,
        generation: Generation,
    ) -> ContextFut<A, Self> {
        let mailbox = Mailbox::new(letters);
        let context = Self { parts: ContextParts::new(mailbox.sender_producer()), slot, pulse, generation };
        ContextFut::new(context, actor, mailbox)
    }

    /// This actor's address, valid across restarts. Prefer it to [`AsyncContext::address`], whose messages bypass
    /// the bound and end with this generation.
    pub fn this(&self) -> ActorRef<A> {
        ActorRef::from_slot(Arc::clone(&self.slot))
    }

    /// The hand on this generation's pulse.
    pub fn progress(&self) -> Progress {
        Progress::new(Arc::clone(&self.pulse))
    }

    /// Which generation this is.
    pub fn generation(&self) -> Generation {
        self.generation
    }
}

impl<A: Actor<Context = Self>> fmt::Debug for Context<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl<A: Actor<Context = Self>> ActorContext for Context<A> {
    fn stop(&mut self) {
        self.parts.stop();
    }

    fn terminate(&mut self) {
        self.parts.terminate();
    }

    fn state(&self) -> ActorState {
        self.parts.state()
    }
}

impl<A: Actor<Context = Self>> AsyncContext<A> for Context<A> {
    fn address(&self) -> Addr<A> {
        self.parts.address()
    }

    fn spawn<F>(&mut self, future: F) -> SpawnHandle
    where
        F: ActorFuture<A, Output = ()> + 'static,
    {
        self.parts.spawn(future)
    }

    fn wait<F>(&mut self, future: F)
    where
        F: ActorFuture<A, Output = ()> + 'static,
    {
        let busy = self.progress().enter();
        self.parts.wait(future.map(move |(), _, _| drop(busy)));
    }

    fn waiting(&self) -> bool {
        self.parts.waiting()
    }

    fn cancel_future(&mut self, handle: SpawnHandle) -> bool {
        self.parts.cancel_future(handle)
    }
}

impl<A: Actor<Context = Self>> AsyncContextParts<A> for Context<A> {
    fn parts(&mut self) -> &mut ContextParts<A> {
        &mut self.parts
    }
}

impl<A, M> ToEnvelope<A, M> for Context<A>
where
    A: Actor<Context = Self> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn pack(message: M, reply: Option<OneshotSender<M::Result>>) -> Envelope<A> {
        Envelope::with_proxy(Box::new(Letter { content: Some((message, reply)) }))
    }
}

/// A message on its way, with the reply slot if somebody asked.
struct Letter<M: Message> {
    content: Option<(M, Option<OneshotSender<M::Result>>)>,
}

impl<A, M> EnvelopeProxy<A> for Letter<M>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn handle(&mut self, actor: &mut A, context: &mut Context<A>) {
        context.pulse.release();
        let Some((message, reply)) = self.content.take() else { return };
        // Whoever asked has given up waiting: not begun is better than done for nobody.
        if reply.as_ref().is_some_and(OneshotSender::is_closed) {
            return;
        }
        let response = <A as Handler<M>>::handle(actor, message, context);
        response.handle(context, reply);
    }
}
