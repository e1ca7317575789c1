//! Escalation and the end of the service.

use std::time::Duration;

use leyden_actors::kernel::{ActorSpec, Cast, ESCALATED, GroupSpec, Policy, StartError, State};

use super::support::{Add, Boom, Hold, Log, SOON, Worker, answering, paused_tree, until};

#[actix::test]
async fn what_the_service_cannot_do_without_takes_it_down_in_order() {
    let tree = paused_tree();
    let log = Log::default();
    let make = log.clone();
    let sibling = tree
        .branch("edge")
        .supervise(ActorSpec::new("sibling", Policy::permanent()), move |g| Worker::new(g, &make))
        .unwrap();
    let group = tree
        .group(GroupSpec::new("child", Policy::transient(), 10), |_: &u32, g| Worker::new(g, &Log::default()))
        .unwrap();
    for key in 0..10 {
        group.start(key).unwrap();
    }
    let policy = Policy::permanent().granting(1, Duration::from_mins(1));
    let vital = tree.supervise(ActorSpec::new("vital", policy), |g| Worker::new(g, &Log::default())).unwrap();
    sibling.ask(Add(1), SOON).await.unwrap();
    vital.cast(Boom);
    answering(&vital, 2).await;
    assert!(!tree.shutdown().is_requested());
    vital.cast(Boom);

    let ending = tree.run(SOON).await;
    assert_eq!(ending.code, ESCALATED);
    assert!(ending.why.starts_with("leyden/vital failed too often: boom in generation 2"), "{}", ending.why);
    assert_eq!(log.lines(), ["started 1", "stopping 1", "stopped 1", "dropped 1"]);
    assert_eq!((sibling.state(), vital.state()), (State::Stopped, State::Stopped));
    assert!(group.is_empty());
    let status = tree.registry().snapshot();
    assert!(status.actors.is_empty() && status.groups.is_empty());
    assert_eq!(group.start(1).unwrap_err(), StartError::ShuttingDown);
    let late =
        tree.supervise(ActorSpec::new("late", Policy::permanent()), |g| Worker::new(g, &Log::default()));
    assert_eq!(late.unwrap_err(), StartError::ShuttingDown);
    assert!(!tree.shutdown().request(0, "too late"), "the first to ask decides");
    assert_eq!(tree.shutdown().requested().unwrap().code, ESCALATED);
}

#[actix::test]
async fn one_branch_can_end_and_begin_again() {
    let tree = paused_tree();
    let service = tree.branch("pool");
    let plant = || {
        let worker = service
            .supervise(ActorSpec::new("worker", Policy::permanent()), |g| Worker::new(g, &Log::default()));
        let group = service.group(GroupSpec::new("agent", Policy::permanent(), 4), |_: &u32, g| {
            Worker::new(g, &Log::default())
        });
        (worker.unwrap(), group.unwrap())
    };
    let outside = tree
        .supervise(ActorSpec::new("poolside", Policy::permanent()), |g| Worker::new(g, &Log::default()))
        .unwrap();
    for _ in 0..3 {
        let (worker, group) = plant();
        group.start(1).unwrap();
        assert_eq!(worker.ask(Add(1), SOON).await, Ok(1));
        assert!(service.stop(SOON).await.is_empty());
        assert_eq!(worker.cast(Add(1)), Cast::Down);
        assert_eq!(group.start(2).unwrap_err(), StartError::ShuttingDown, "an ended group stays ended");
    }
    assert_eq!(outside.ask(Add(1), SOON).await, Ok(1));
    assert_eq!(outside.generation().number(), 1);
}

#[actix::test]
async fn stopping_does_not_queue_behind_work_and_does_not_wait_for_ever() {
    let tree = paused_tree();
    let log = Log::default();
    let make = log.clone();
    let stubborn = tree
        .supervise(ActorSpec::new("stubborn", Policy::permanent()).mailbox(1), move |g| {
            let mut worker = Worker::new(g, &make);
            worker.refuse_to_stop = true;
            worker
        })
        .unwrap();
    let busy = tree
        .supervise(ActorSpec::new("busy", Policy::permanent()).mailbox(1), |g| {
            Worker::new(g, &Log::default())
        })
        .unwrap();
    answering(&busy, 1).await;
    answering(&stubborn, 1).await;
    busy.cast(Hold(Duration::from_secs(1_000)));
    tokio::time::sleep(SOON).await;
    busy.cast(Add(1));
    assert_eq!(busy.cast(Add(1)), Cast::Full);

    let begun = tokio::time::Instant::now();
    assert!(tree.stop(Duration::from_secs(5)).await.is_empty());
    assert!(begun.elapsed() < Duration::from_secs(6));
    until("both are gone", || busy.state() == State::Stopped && stubborn.state() == State::Stopped).await;
    assert_eq!(log.lines(), ["started 1", "stopping 1", "dropped 1"]);
}

#[actix::test]
async fn the_whole_tree_can_be_shown_as_json() {
    let tree = paused_tree();
    let worker = tree
        .supervise(ActorSpec::new("worker", Policy::permanent()), |g| Worker::new(g, &Log::default()))
        .unwrap();
    tree.group(GroupSpec::new("child", Policy::transient(), 10), |_: &u32, g| {
        Worker::new(g, &Log::default())
    })
    .unwrap();
    worker.cast(Boom);
    answering(&worker, 2).await;
    let json = serde_json::to_value(tree.registry().snapshot()).unwrap();
    assert_eq!(json["actors"][0]["path"], "leyden/worker");
    assert_eq!(json["actors"][0]["state"], "running");
    assert_eq!(json["actors"][0]["panics"], 1);
    assert_eq!(json["actors"][0]["mailbox"]["capacity"], 64);
    assert_eq!(json["groups"][0]["limit"], 10);
    assert_eq!(json["groups"][0]["last_error"], serde_json::Value::Null);
}
