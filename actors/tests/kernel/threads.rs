//! Actors on threads of their own, in real time.

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use actix::prelude::{Actor, Handler, Message};
use leyden_actors::kernel::{ActorSpec, Cast, Context, Place, Policy, StartError, State};

use super::support::{Add, Boom, Log, PATIENCE, Worker, answering, tree, until};

#[actix::test]
async fn a_panic_on_another_thread_leaves_the_thread_and_its_other_actors_alone() {
    let tree = tree().on(Place::own_thread().unwrap());
    let sick = tree
        .supervise(ActorSpec::new("sick", Policy::permanent()), |g| Worker::new(g, &Log::default()))
        .unwrap();
    let well = tree
        .supervise(ActorSpec::new("well", Policy::permanent()), |g| Worker::new(g, &Log::default()))
        .unwrap();
    assert_eq!(well.ask(Add(1), PATIENCE).await, Ok(1));
    sick.cast(Boom);
    answering(&sick, 2).await;
    assert_eq!(well.ask(Add(1), PATIENCE).await, Ok(2));
    assert!(tree.stop(PATIENCE).await.is_empty());
}

/// Blocks its thread until the test lets go.
struct Blocker {
    gate: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Actor for Blocker {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "()")]
struct Block;

impl Handler<Block> for Blocker {
    type Result = ();

    fn handle(&mut self, _: Block, _: &mut Self::Context) {
        self.gate.lock().unwrap().recv().unwrap();
    }
}

#[actix::test]
async fn a_blocked_thread_is_reported_at_once_and_replaced_when_it_lets_go() {
    let tree = tree();
    let (open, gate) = mpsc::channel();
    let gate = Arc::new(Mutex::new(gate));
    let policy = Policy::permanent().stalled_after(Some(Duration::from_millis(50)));
    let blocker = tree
        .clone()
        .on(Place::own_thread().unwrap())
        .supervise(ActorSpec::new("blocker", policy), move |_| Blocker { gate: Arc::clone(&gate) })
        .unwrap();
    until("it runs", || blocker.state() == State::Running).await;
    blocker.cast(Block);
    until("the watchdog finds it", || tree.registry().abandon_stalled() == 1).await;
    assert_eq!(blocker.state(), State::Stalled);
    assert_eq!(blocker.cast(Block), Cast::Down, "nobody queues for a blocked actor");
    assert_eq!(tree.stop(Duration::from_millis(10)).await, ["leyden/blocker"], "and the truth is told");
    open.send(()).unwrap();
    until("it is gone", || blocker.state() == State::Stopped).await;
}

#[actix::test]
async fn a_thread_that_ends_takes_its_actors_off_the_books() {
    let place = Place::own_thread().unwrap();
    let tree = tree().on(place.clone());
    let log = Log::default();
    let make = log.clone();
    let worker = tree
        .supervise(ActorSpec::new("worker", Policy::permanent()), move |g| Worker::new(g, &make))
        .unwrap();
    assert_eq!(worker.ask(Add(1), PATIENCE).await, Ok(1));
    let Place::On(arbiter) = place else { panic!("it is on an arbiter") };
    arbiter.stop();
    until("the books are closed", || tree.registry().snapshot().actors.is_empty()).await;
    assert_eq!(worker.cast(Add(1)), Cast::Down);
    assert_eq!(log.lines(), ["started 1", "dropped 1"]);
    until("the thread is gone", || !arbiter.alive()).await;
    let late =
        tree.supervise(ActorSpec::new("worker", Policy::permanent()), |g| Worker::new(g, &Log::default()));
    assert_eq!(late.unwrap_err(), StartError::ArbiterGone);
    assert!(tree.registry().snapshot().actors.is_empty());
}
