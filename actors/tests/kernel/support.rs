//! The actors and helpers the tests share.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::prelude::{
    Actor, ActorContext, ActorFutureExt, AtomicResponse, Handler, Message, MessageResult, ResponseActFuture,
    Running, WrapFuture,
};
use leyden_actors::kernel::{ActorRef, Context, Generation, HealthRegistry, Shutdown, Supervisor};
use leyden_domain::Timestamp;
use leyden_ports::Clock;
use tokio::time::Instant;

/// Longest simulated time any test waits for something.
pub(crate) const PATIENCE: Duration = Duration::from_hours(1);

/// Enough for any answer.
pub(crate) const SOON: Duration = Duration::from_secs(1);

/// Wall clock that moves with tokio's.
#[derive(Debug)]
struct TestClock {
    epoch: Instant,
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(i64::try_from(self.epoch.elapsed().as_millis()).unwrap())
    }
}

pub(crate) fn tree() -> Supervisor {
    let clock = TestClock { epoch: Instant::now() };
    Supervisor::root("leyden", HealthRegistry::new(Arc::new(clock)), Shutdown::new())
}

/// A tree on paused time.
pub(crate) fn paused_tree() -> Supervisor {
    tokio::time::pause();
    tree()
}

/// Waits for the thing; on paused time this takes none of ours.
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Lines written by actors, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Counts what it is given and fails in every way on demand.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) generation: Generation,
    pub(crate) total: u32,
    pub(crate) log: Log,
    pub(crate) refuse_to_stop: bool,
    pub(crate) throw_when_dropped: bool,
}

impl Worker {
    pub(crate) fn new(generation: Generation, log: &Log) -> Self {
        Self { generation, total: 0, log: log.clone(), refuse_to_stop: false, throw_when_dropped: false }
    }
}

impl Actor for Worker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        assert_eq!(ctx.generation(), self.generation);
        self.log.note(format!("started {}", self.generation));
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        self.log.note(format!("stopping {}", self.generation));
        if self.refuse_to_stop { Running::Continue } else { Running::Stop }
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.log.note(format!("stopped {}", self.generation));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.log.note(format!("dropped {}", self.generation));
        assert!(!self.throw_when_dropped, "thrown from drop");
    }
}

#[derive(Debug, Message)]
#[rtype(result = "u32")]
pub(crate) struct Add(pub(crate) u32);

impl Handler<Add> for Worker {
    type Result = MessageResult<Add>;

    fn handle(&mut self, add: Add, _: &mut Self::Context) -> Self::Result {
        self.total += add.0;
        MessageResult(self.total)
    }
}

/// Panics in the handler.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Boom;

impl Handler<Boom> for Worker {
    type Result = ();

    fn handle(&mut self, _: Boom, _: &mut Self::Context) {
        panic!("boom in generation {}", self.generation);
    }
}

/// Panics in a future, after an await.
#[derive(Debug, Message)]
#[rtype(result = "u32")]
pub(crate) struct LateBoom;

impl Handler<LateBoom> for Worker {
    type Result = AtomicResponse<Self, u32>;

    fn handle(&mut self, _: LateBoom, _: &mut Self::Context) -> Self::Result {
        let future = async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            panic!("late boom");
        };
        AtomicResponse::new(Box::pin(future.into_actor(self)))
    }
}

/// Holds the mailbox for this long, then writes to the log.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Hold(pub(crate) Duration);

impl Handler<Hold> for Worker {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, hold: Hold, _: &mut Self::Context) -> Self::Result {
        let future = tokio::time::sleep(hold.0).into_actor(self);
        AtomicResponse::new(Box::pin(future.map(|(), worker, _| {
            worker.log.note(format!("held {}", worker.generation));
        })))
    }
}

/// Works beside the mailbox for this many steps of this length; says so after each if `tell`.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Beside {
    pub(crate) steps: u32,
    pub(crate) step: Duration,
    pub(crate) tell: bool,
}

impl Handler<Beside> for Worker {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, work: Beside, ctx: &mut Self::Context) -> Self::Result {
        let progress = ctx.progress();
        let busy = progress.enter();
        let future = async move {
            for _ in 0..work.steps {
                tokio::time::sleep(work.step).await;
                if work.tell {
                    progress.tick();
                }
            }
            drop(busy);
        };
        Box::pin(future.into_actor(self).map(|(), worker, _| worker.log.note("worked beside")))
    }
}

/// Stops in order.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Finish;

impl Handler<Finish> for Worker {
    type Result = ();

    fn handle(&mut self, _: Finish, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// Waits until generation `number` answers.
pub(crate) async fn answering(worker: &ActorRef<Worker>, number: u32) {
    until("the generation runs", || worker.generation().number() >= number).await;
    worker.ask(Add(0), SOON).await.unwrap();
    assert_eq!(worker.generation().number(), number);
}
