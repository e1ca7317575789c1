//! Work without progress.

use std::time::Duration;

use leyden_actors::kernel::{ActorSpec, AskError, Cast, FailureKind, GiveUp, Policy, State};

use super::support::{Add, Beside, Hold, Log, SOON, Worker, answering, paused_tree, until};

const LIMIT: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_secs(1);

#[actix::test]
async fn a_frozen_generation_is_replaced_and_can_do_nothing_any_more() {
    let tree = paused_tree();
    tree.watch(EVERY).unwrap();
    let log = Log::default();
    let make = log.clone();
    let policy = Policy::permanent().stalled_after(Some(LIMIT));
    let worker = tree.supervise(ActorSpec::new("worker", policy), move |g| Worker::new(g, &make)).unwrap();
    let begun = tokio::time::Instant::now();
    worker.cast(Hold(Duration::from_mins(1)));
    worker.cast(Add(1));
    assert_eq!(worker.ask(Add(1), LIMIT * 3).await, Err(AskError::Down), "those who wait are told");
    assert!(begun.elapsed() > LIMIT && begun.elapsed() <= LIMIT + EVERY * 2, "{:?}", begun.elapsed());
    answering(&worker, 2).await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(log.lines(), ["started 1", "dropped 1", "started 2"], "the frozen future never went on");
    let status = tree.registry().actor("leyden/worker").unwrap();
    assert_eq!((status.tally.stalls, status.tally.panics, status.tally.restarts), (1, 0, 1));
    assert_eq!(status.tally.dropped.lost, 2);
    assert_eq!(status.tally.last_error.unwrap().text, "no progress for more than 10000 ms");
}

#[actix::test]
async fn declared_work_is_watched_and_a_tick_keeps_it_alive() {
    let tree = paused_tree();
    tree.watch(EVERY).unwrap();
    let log = Log::default();
    let make = log.clone();
    let policy = Policy::permanent().stalled_after(Some(LIMIT));
    let worker = tree.supervise(ActorSpec::new("worker", policy), move |g| Worker::new(g, &make)).unwrap();
    let long = |tell| Beside { steps: 5, step: LIMIT * 3 / 4, tell };
    assert_eq!(worker.ask(long(true), LIMIT * 10).await, Ok(()));
    assert_eq!(worker.generation().number(), 1);
    assert_eq!(worker.ask(long(false), LIMIT * 10).await, Err(AskError::Down));
    answering(&worker, 2).await;
    assert_eq!(log.lines(), ["started 1", "worked beside", "dropped 1", "started 2"]);
}

#[actix::test]
async fn idleness_is_no_stall() {
    let tree = paused_tree();
    tree.watch(EVERY).unwrap();
    let policy = Policy::permanent().stalled_after(Some(LIMIT));
    let worker =
        tree.supervise(ActorSpec::new("worker", policy), |g| Worker::new(g, &Log::default())).unwrap();
    for _ in 0..5 {
        tokio::time::sleep(LIMIT * 10).await;
        assert_eq!(worker.ask(Add(1), SOON).await.map(|_| ()), Ok(()));
        worker.cast(Hold(LIMIT / 2));
    }
    assert_eq!(worker.generation().number(), 1);
}

#[actix::test]
async fn an_actor_that_freezes_again_and_again_is_quarantined() {
    let tree = paused_tree();
    tree.watch(EVERY).unwrap();
    let told = Log::default();
    let note = told.clone();
    let policy = Policy::permanent()
        .stalled_after(Some(LIMIT))
        .granting(2, Duration::from_mins(10))
        .giving_up_by(GiveUp::Quarantine);
    let spec = ActorSpec::new("worker", policy).on_quarantine(move |failure| {
        assert_eq!(failure.kind, FailureKind::Stalled);
        note.note(failure.text.clone());
    });
    let worker = tree.supervise(spec, |g| Worker::new(g, &Log::default())).unwrap();
    for generation in 1..=3 {
        answering(&worker, generation).await;
        worker.cast(Hold(LIMIT * 100));
        until("it is found", || worker.state() != State::Running).await;
    }
    until("quarantine", || worker.state() == State::Quarantined).await;
    assert_eq!(worker.cast(Add(1)), Cast::Down);
    assert_eq!(told.lines().len(), 1);
}
