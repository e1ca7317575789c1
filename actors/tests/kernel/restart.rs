//! Failures, generations, backoff and giving up.

use std::{
    panic::panic_any,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use actix::prelude::{Actor, AsyncContext};
use leyden_actors::kernel::{
    ActorSpec, AskError, Backoff, Cast, Context, FailureKind, GiveUp, Policy, Restart, StartError, State,
};
use tokio::time::Instant;

use super::support::{Add, Boom, Finish, LateBoom, Log, SOON, Worker, answering, paused_tree, until};

#[actix::test]
async fn a_panic_costs_one_generation_and_its_state_only() {
    let tree = paused_tree();
    let log = Log::default();
    let make = log.clone();
    let sick =
        tree.supervise(ActorSpec::new("sick", Policy::permanent()), move |g| Worker::new(g, &make)).unwrap();
    let sibling = tree
        .supervise(ActorSpec::new("sibling", Policy::permanent()), |g| Worker::new(g, &Log::default()))
        .unwrap();
    assert_eq!(sick.ask(Add(5), SOON).await, Ok(5));
    assert_eq!(sibling.ask(Add(7), SOON).await, Ok(7));

    assert_eq!(sick.ask(Boom, SOON).await, Err(AskError::Down));
    assert_eq!(sick.cast(Add(1)), Cast::Down);
    answering(&sick, 2).await;
    assert_eq!(sick.ask(Add(1), SOON).await, Ok(1), "fresh state, same address");
    assert_eq!(sibling.ask(Add(1), SOON).await, Ok(8), "the sibling kept its state");
    assert_eq!(sibling.generation().number(), 1);
    // The broken generation was thrown away without calling back into it.
    assert_eq!(log.lines(), ["started 1", "dropped 1", "started 2"]);

    let status = tree.registry().actor("leyden/sick").unwrap();
    assert_eq!((status.state, status.generation), (State::Running, 2));
    assert_eq!((status.tally.panics, status.tally.restarts), (1, 1));
    assert_eq!(status.tally.dropped.down, 1);
    let text = status.tally.last_error.unwrap().text;
    assert!(text.starts_with("boom in generation 1 ("), "{text}");
    assert!(text.contains("support.rs:"), "{text}");
}

#[actix::test]
async fn a_panic_in_a_future_is_a_panic_of_its_actor() {
    let tree = paused_tree();
    let worker = tree
        .supervise(ActorSpec::new("worker", Policy::permanent()), |g| Worker::new(g, &Log::default()))
        .unwrap();
    assert_eq!(worker.ask(LateBoom, SOON).await, Err(AskError::Down));
    answering(&worker, 2).await;
    let status = tree.registry().actor("leyden/worker").unwrap();
    assert!(status.tally.last_error.unwrap().text.starts_with("late boom"));
}

/// Fails the moment it starts, in a way chosen by its factory.
#[derive(Debug)]
struct Stillborn {
    fail: fn(),
}

impl Actor for Stillborn {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        (self.fail)();
    }
}

#[actix::test]
async fn backoff_doubles_to_its_ceiling_and_then_the_parent_is_told_once() {
    let tree = paused_tree();
    let begun = Instant::now();
    let births = Log::default();
    let told = Arc::new(AtomicU32::new(0));
    let policy = Policy::permanent()
        .backing_off(Backoff::doubling(Duration::from_millis(200), Duration::from_secs(1)))
        .granting(5, Duration::from_mins(1))
        .giving_up_by(GiveUp::Quarantine);
    let calls = Arc::clone(&told);
    let spec = ActorSpec::new("stillborn", policy).on_quarantine(move |failure| {
        assert_eq!(failure.kind, FailureKind::Panicked);
        assert_eq!(failure.generation.number() % 6, 0);
        calls.fetch_add(1, SeqCst);
    });
    let log = births.clone();
    let actor = tree
        .supervise(spec, move |_| {
            log.note(begun.elapsed().as_millis().to_string());
            Stillborn { fail: || panic!("stillborn") }
        })
        .unwrap();
    until("quarantine", || actor.state() == State::Quarantined).await;
    // Each wait as promised, and one more: tokio's timers fire on the millisecond after their time.
    let at: Vec<u64> = births.lines().iter().map(|ms| ms.parse().unwrap()).collect();
    let waits: Vec<u64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits, [201, 401, 801, 1_001, 1_001]);
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(told.load(SeqCst), 1);
    assert_eq!(births.lines().len(), 6, "quarantined is quarantined");
    assert!(!tree.shutdown().is_requested());

    actor.restart();
    until("it fails again", || told.load(SeqCst) == 2).await;
    assert_eq!(births.lines().len(), 12, "an operator's restart starts with a clean record");
}

#[actix::test]
async fn a_long_life_clears_the_backoff_and_the_count() {
    let tree = paused_tree();
    let policy = Policy::permanent().granting(2, Duration::from_secs(10)).giving_up_by(GiveUp::Quarantine);
    let worker =
        tree.supervise(ActorSpec::new("worker", policy), |g| Worker::new(g, &Log::default())).unwrap();
    for generation in 2..12 {
        worker.cast(Boom);
        answering(&worker, generation).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    assert_eq!(worker.state(), State::Running);
}

#[actix::test]
async fn every_kind_of_panic_is_recovered_from() {
    let tree = paused_tree();
    let policy = || Policy::permanent().giving_up_by(GiveUp::Quarantine);
    // In the factory, twice.
    let worker = tree
        .supervise(ActorSpec::new("factory", policy()), |g| {
            assert!(g.number() > 2, "no parts");
            Worker::new(g, &Log::default())
        })
        .unwrap();
    answering(&worker, 3).await;
    // In `started`, with a value that is no text.
    let odd = tree
        .supervise(ActorSpec::new("odd", policy()), |g| Stillborn {
            fail: if g.number() == 1 { || panic_any(42_u64) } else { || () },
        })
        .unwrap();
    until("the odd one runs", || odd.generation().number() == 2 && odd.state() == State::Running).await;
    let status = tree.registry().actor("leyden/odd").unwrap();
    assert!(status.tally.last_error.unwrap().text.starts_with("panicked with a value that is not text"));
    // With a text without end.
    let long = tree
        .supervise(ActorSpec::new("long", policy()), |g| Stillborn {
            fail: if g.number() == 1 { || panic!("{}", "é".repeat(100_000)) } else { || () },
        })
        .unwrap();
    until("the long one runs", || long.generation().number() == 2 && long.state() == State::Running).await;
    let status = tree.registry().actor("leyden/long").unwrap();
    assert!(status.tally.last_error.unwrap().text.chars().count() < 600);
    // While it is dropped, after another panic.
    let log = Log::default();
    let make = log.clone();
    let thrower = tree
        .supervise(ActorSpec::new("thrower", policy()), move |g| {
            let mut worker = Worker::new(g, &make);
            worker.throw_when_dropped = g.number() == 1;
            worker
        })
        .unwrap();
    thrower.cast(Boom);
    answering(&thrower, 2).await;
    // In a timer.
    let timed =
        tree.supervise(ActorSpec::new("timed", policy()), |g| Timed { fail: g.number() == 1 }).unwrap();
    until("the timed one runs", || timed.generation().number() == 2 && timed.state() == State::Running).await;
}

struct Timed {
    fail: bool,
}

impl Actor for Timed {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_later(Duration::from_secs(1), |timed, _| assert!(!timed.fail, "timer"));
    }
}

#[actix::test]
async fn an_orderly_end_restarts_the_permanent_and_removes_the_transient() {
    let tree = paused_tree();
    let permanent = tree
        .supervise(ActorSpec::new("permanent", Policy::permanent()), |g| Worker::new(g, &Log::default()))
        .unwrap();
    permanent.cast(Finish);
    answering(&permanent, 2).await;
    let status = tree.registry().actor("leyden/permanent").unwrap();
    assert_eq!(status.tally.panics, 0);
    assert_eq!(status.tally.last_error.unwrap().text, "stopped by itself");

    let log = Log::default();
    let make = log.clone();
    let transient = tree
        .supervise(ActorSpec::new("transient", Policy::transient()), move |g| Worker::new(g, &make))
        .unwrap();
    transient.cast(Finish);
    until("it is gone", || tree.registry().actor("leyden/transient").is_none()).await;
    assert_eq!(transient.state(), State::Stopped);
    assert_eq!(transient.cast(Add(1)), Cast::Down);
    assert_eq!(log.lines(), ["started 1", "stopping 1", "stopped 1", "dropped 1"]);
    // Its name is free again.
    tree.supervise(ActorSpec::new("transient", Policy::transient()), |g| Worker::new(g, &Log::default()))
        .unwrap();
    let taken =
        tree.supervise(ActorSpec::new("permanent", Policy::permanent()), |g| Worker::new(g, &Log::default()));
    assert_eq!(taken.unwrap_err(), StartError::NameTaken { path: "leyden/permanent".to_owned() });
    // A transient that fails is restarted like any other.
    assert_eq!(Policy::transient().restart, Restart::Transient);
    let failing = tree
        .supervise(ActorSpec::new("failing", Policy::transient()), |g| Worker::new(g, &Log::default()))
        .unwrap();
    failing.cast(Boom);
    answering(&failing, 2).await;
}

#[actix::test]
async fn an_ordered_restart_is_immediate_and_clears_the_record() {
    let tree = paused_tree();
    let policy = Policy::permanent().granting(1, Duration::from_hours(1)).giving_up_by(GiveUp::Quarantine);
    let worker =
        tree.supervise(ActorSpec::new("worker", policy), |g| Worker::new(g, &Log::default())).unwrap();
    worker.cast(Boom);
    answering(&worker, 2).await;
    let begun = Instant::now();
    assert!(tree.registry().restart("leyden/worker"));
    answering(&worker, 3).await;
    assert!(begun.elapsed() < Duration::from_millis(10), "no backoff: nothing failed");
    worker.cast(Boom);
    answering(&worker, 4).await;
    worker.cast(Boom);
    until("the second failure since then is one too many", || worker.state() == State::Quarantined).await;
    assert!(!tree.registry().restart("leyden/nobody"));
}
