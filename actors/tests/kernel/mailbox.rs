//! Bounded, counted casts; questions with a deadline; outlets.

use std::time::Duration;

use leyden_actors::kernel::{ActorSpec, AskError, Cast, Desk, Dropped, Outlet, Policy};

use super::support::{Add, Boom, Hold, LateBoom, Log, SOON, Worker, answering, paused_tree, until};

const LONG: Duration = Duration::from_secs(20);

#[actix::test]
async fn a_full_mailbox_refuses_exactly_at_its_capacity_and_counts() {
    let tree = paused_tree();
    let worker = tree
        .supervise(ActorSpec::new("worker", Policy::permanent()).mailbox(4), |g| {
            Worker::new(g, &Log::default())
        })
        .unwrap();
    let other = worker.clone();
    worker.cast(Hold(LONG));
    until("the mailbox is held", || {
        tree.registry().actor("leyden/worker").unwrap().mailbox.queued == 0
            && tree.registry().actor("leyden/worker").unwrap().state == leyden_actors::kernel::State::Running
    })
    .await;
    for _ in 0..2 {
        assert_eq!(worker.cast(Add(1)), Cast::Sent);
        assert_eq!(other.clone().cast(Add(1)), Cast::Sent, "clones share the bound");
    }
    assert_eq!(other.cast(Add(1)), Cast::Full);
    assert_eq!(other.clone().cast(Add(1)), Cast::Full);
    assert_eq!(worker.ask(Add(1), SOON).await, Err(AskError::Busy));
    let status = tree.registry().actor("leyden/worker").unwrap();
    assert_eq!((status.mailbox.capacity, status.mailbox.queued), (4, 4));
    assert_eq!(status.tally.dropped, Dropped { full: 3, down: 0, lost: 0 });

    until("it lets go", || tree.registry().actor("leyden/worker").unwrap().mailbox.queued == 0).await;
    assert_eq!(worker.ask(Add(0), SOON).await, Ok(4), "what was accepted was handled");
}

#[actix::test]
async fn an_unanswered_question_times_out_and_is_not_begun_later() {
    let tree = paused_tree();
    let worker = tree
        .supervise(ActorSpec::new("worker", Policy::permanent()), |g| Worker::new(g, &Log::default()))
        .unwrap();
    worker.cast(Hold(LONG));
    let begun = tokio::time::Instant::now();
    assert_eq!(worker.ask(Add(100), SOON).await, Err(AskError::TimedOut));
    assert!(begun.elapsed() >= SOON && begun.elapsed() < SOON * 2);
    assert_eq!(worker.ask(Add(1), LONG * 2).await, Ok(1), "the abandoned question was skipped");
}

#[actix::test]
async fn what_waits_when_a_generation_dies_is_lost_and_counted() {
    let tree = paused_tree();
    let worker = tree
        .supervise(ActorSpec::new("worker", Policy::permanent()), |g| Worker::new(g, &Log::default()))
        .unwrap();
    worker.cast(LateBoom);
    for _ in 0..3 {
        assert_eq!(worker.cast(Add(1)), Cast::Sent);
    }
    assert_eq!(worker.ask(Add(1), LONG).await, Err(AskError::Down), "not left waiting for its deadline");
    assert_eq!(worker.cast(Add(1)), Cast::Down);
    answering(&worker, 2).await;
    assert_eq!(worker.ask(Add(0), SOON).await, Ok(0));
    let dropped = tree.registry().actor("leyden/worker").unwrap().tally.dropped;
    assert_eq!(dropped, Dropped { full: 0, down: 1, lost: 4 });
}

#[actix::test]
async fn what_is_cast_before_the_first_generation_runs_is_handled() {
    let tree = paused_tree();
    let worker = tree
        .supervise(ActorSpec::new("worker", Policy::permanent()), |g| Worker::new(g, &Log::default()))
        .unwrap();
    assert_eq!(worker.cast(Add(3)), Cast::Sent);
    assert_eq!(worker.ask(Add(0), SOON).await, Ok(3));
}

#[actix::test]
async fn an_outlet_is_an_actor_a_probe_or_nowhere() {
    let tree = paused_tree();
    let worker = tree
        .supervise(ActorSpec::new("worker", Policy::permanent()), |g| Worker::new(g, &Log::default()))
        .unwrap();
    let outlet: Outlet<Add> = worker.clone().into();
    assert_eq!(outlet.cast(Add(2)), Cast::Sent);
    let desk: Desk<Add> = worker.clone().into();
    assert_eq!(desk.ask(Add(2), SOON).await, Ok(4));

    let (probe, mut seen) = Outlet::<Add>::probe();
    assert_eq!(probe.cast(Add(9)), Cast::Sent);
    assert_eq!(seen.recv().await.unwrap().0, 9);
    drop(seen);
    assert_eq!(probe.cast(Add(9)), Cast::Down);
    assert_eq!(Outlet::nowhere().cast(Boom), Cast::Sent);
    let stub = Desk::answering(|add: Add| if add.0 == 0 { Err(AskError::Busy) } else { Ok(add.0 * 2) });
    assert_eq!(stub.ask(Add(4), SOON).await, Ok(8));
    assert_eq!(stub.ask(Add(0), SOON).await, Err(AskError::Busy));
}
