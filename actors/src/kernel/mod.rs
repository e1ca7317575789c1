//! The supervision kernel: what "supervised actors" means here, and the only place that starts tasks.
//!
//! actix gives us actors, mailboxes and timers. It does not give us supervision: its `Supervisor` does not survive
//! a panic, and after an orderly stop it goes on with the same struct, corrupt state included. So this kernel
//! supervises, and actix's context is reduced to a future that one task owns.
//!
//! # What it promises
//!
//! * **A failure costs one generation.** A panic anywhere in an actor (factory, `started`, handler, future,
//!   destructor) is caught by the task that owns it. The next generation comes from the *factory*; nothing of the
//!   old one is looked at again. Other actors, on the same thread or elsewhere, notice nothing.
//! * **Addresses last.** An [`ActorRef`] is good for the life of the process. While no generation runs, messages
//!   are refused and counted, not lost in silence.
//! * **Everything is bounded.** Mailboxes exactly, groups by a limit, panic texts by length. There is no
//!   unconditional send: [`ActorRef::cast`] returns what became of the message, [`ActorRef::ask`] has a deadline.
//! * **Failing does not become spinning.** Restarts back off by doubling. An actor that uses up its
//!   [`Intensity`] is quarantined and its parent told once, or, if the service cannot do without it, the
//!   service is asked to [shut down](Shutdown) with code [`ESCALATED`].
//! * **Freezing is a failure.** Work without progress for longer than [`Policy::stall_after`] is reported, the
//!   address swapped, the frozen future dropped at the `.await` it hangs in, and a new generation made. What it had
//!   begun outside is safe for the same reason a power cut is: commits are guarded by versions.
//!   *A thread that is blocked* (a loop without `.await`) cannot be taken away from the code that blocks it; it is
//!   reported as stalled, its senders are refused at once instead of filling its mailbox, and it is replaced when
//!   it lets go of the thread.
//! * **Control does not queue.** Stop, restart and health go through shared cells; a full mailbox delays none of
//!   them. Nobody asks an actor how it is: [`HealthRegistry::snapshot`] reads.
//! * **Runs can be replayed.** No randomness, no hash order, only biased choices, all waiting on tokio's clock:
//!   with every actor [here](Place::Here) and time paused, the same inputs give the same run.
//!
//! # How an actor is written
//!
//! ```
//! use std::time::Duration;
//!
//! use actix::prelude::*;
//! use leyden_actors::kernel::{ActorSpec, Context, Generation, Policy, StartError, Supervisor};
//!
//! #[derive(Message)]
//! #[rtype(result = "()")]
//! struct Drive;
//!
//! struct Agent {
//!     driven: u32, // a cache; the truth is in the store
//! }
//!
//! impl Actor for Agent {
//!     type Context = Context<Self>;
//!
//!     fn started(&mut self, ctx: &mut Self::Context) {
//!         // The sweep that makes losing a hint harmless.
//!         ctx.run_interval(Duration::from_secs(10), |_, ctx| ctx.notify(Drive));
//!     }
//! }
//!
//! impl Handler<Drive> for Agent {
//!     type Result = AtomicResponse<Self, ()>;
//!
//!     fn handle(&mut self, _: Drive, _: &mut Self::Context) -> Self::Result {
//!         let load = async { 1 }; // a call through a port
//!         AtomicResponse::new(Box::pin(load.into_actor(self).map(|n, agent, _| agent.driven += n)))
//!     }
//! }
//!
//! fn plant(pool: &Supervisor) -> Result<(), StartError> {
//!     let spec = ActorSpec::new("agent", Policy::permanent()).mailbox(32);
//!     let agent = pool.supervise(spec, |_: Generation| Agent { driven: 0 })?;
//!     agent.cast(Drive);
//!     Ok(())
//! }
//! ```
//!
//! `AtomicResponse` and `ctx.wait` stop the mailbox while they run, so the kernel watches them by itself. Work that
//! runs beside the mailbox (`ResponseActFuture`, `ctx.spawn`) is watched while a guard of [`Progress::enter`]
//! lives; [`Progress::tick`] says that long work is still getting on. `ResponseFuture` is not for us: actix runs it
//! outside the actor, where no supervisor reaches.

mod actor_ref;
mod context;
mod control;
mod group;
mod health;
mod life;
mod outlet;
mod panic;
mod policy;
mod pulse;
mod registry;
mod shutdown;
#[expect(clippy::disallowed_methods, reason = "the one place that starts tasks")]
mod supervisor;

use std::fmt;

pub use actor_ref::{ActorRef, AskError, Cast};
pub use context::Context;
pub use group::{Group, GroupSpec, Key, WeakGroup};
pub use health::{
    ActorEvent, ActorStatus, Dropped, FailureKind, GroupStatus, LastError, MailboxStatus, Observer, State,
    Tally, TreeStatus,
};
pub use life::Failure;
pub use outlet::{Desk, Outlet};
pub use policy::{Backoff, GiveUp, Intensity, Jitter, Policy, Restart};
pub use pulse::{Busy, Progress};
pub use registry::HealthRegistry;
pub use shutdown::{ESCALATED, Ending, Shutdown};
pub use supervisor::{ActorSpec, Place, StartError, Supervisor};

/// Which incarnation of an actor. Counts from 1; every restart adds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(u32);

impl Generation {
    /// The first.
    pub const FIRST: Self = Self(1);

    /// The number.
    pub const fn number(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_number(number: u32) -> Self {
        Self(number)
    }

    pub(crate) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
