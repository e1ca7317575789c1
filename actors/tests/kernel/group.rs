//! Children by key.

use std::time::Duration;

use leyden_actors::kernel::{Cast, GroupSpec, Policy, StartError, State};

use super::support::{Add, Boom, Finish, Log, SOON, Worker, answering, paused_tree, until};

#[actix::test]
async fn children_are_found_by_key_bounded_and_counted_together() {
    let tree = paused_tree();
    let spec = GroupSpec::new("watcher", Policy::transient(), 3).mailbox(8);
    let group = tree.branch("intake").group(spec, |_: &u32, g| Worker::new(g, &Log::default())).unwrap();
    let first = group.start(1).unwrap();
    assert_eq!(first.cast(Add(1)), Cast::Sent);
    assert_eq!(group.start(1).unwrap().ask(Add(1), SOON).await, Ok(2), "starting twice finds the first");
    group.start(2).unwrap();
    let third = group.start(3).unwrap();
    assert_eq!(group.start(4).unwrap_err(), StartError::Full { limit: 3 });
    assert_eq!(group.keys(), [1, 2, 3]);
    assert_eq!(third.ask(Add(0), SOON).await, Ok(0));
    let status = tree.registry().group("leyden/intake/watcher").unwrap();
    assert_eq!((status.children, status.running, status.limit), (3, 3, 3));

    first.cast(Finish);
    until("the finished child is gone", || group.len() == 2).await;
    assert!(group.get(&1).is_none());
    assert!(group.start(4).is_ok(), "there is room again");
    assert!(group.stop(&4) && !group.stop(&5));
    until("the stopped child is gone", || group.len() == 2).await;
}

#[actix::test]
async fn a_poisoned_child_hurts_itself_only_and_the_parent_is_told_which() {
    let tree = paused_tree();
    let told = Log::default();
    let note = told.clone();
    let spec = GroupSpec::new("watcher", Policy::transient(), 10)
        .on_quarantine(move |key: &u32, failure| note.note(format!("{key}: {}", failure.text)));
    let group = tree.group(spec, |_: &u32, g| Worker::new(g, &Log::default())).unwrap();
    let (sick, well) = (group.start(13).unwrap(), group.start(14).unwrap());
    assert_eq!(well.ask(Add(6), SOON).await, Ok(6));
    for generation in 1..=3 {
        answering(&sick, generation).await;
        sick.cast(Boom);
        until("it fails", || sick.state() != State::Running).await;
    }
    until("quarantine", || sick.state() == State::Quarantined).await;
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(told.lines().len(), 1);
    assert!(told.lines().concat().starts_with("13: boom in generation 3"));
    assert_eq!(well.ask(Add(0), SOON).await, Ok(6));
    let status = tree.registry().group("leyden/watcher").unwrap();
    assert_eq!((status.children, status.running, status.quarantined), (2, 1, 1));
    assert_eq!((status.tally.panics, status.tally.restarts), (3, 2));

    group.stop(&13);
    until("the parent lets it go", || group.len() == 1).await;
    assert_eq!(tree.registry().group("leyden/watcher").unwrap().quarantined, 0);
}
