//! A thousand failures, and the same thousand again.

use std::time::Duration;

use leyden_actors::kernel::{ActorSpec, Cast, Policy, State};
use tokio::time::Instant;

use super::support::{Add, Boom, Finish, Hold, LateBoom, Log, SOON, Worker, paused_tree, until};

/// Casts `steps` messages, most of them harmful, to twenty actors. Returns what happened, line by line.
async fn rampage(mut state: u64, steps: u32) -> (Vec<String>, u64) {
    let tree = paused_tree();
    tree.watch(Duration::from_secs(1)).unwrap();
    let begun = Instant::now();
    let log = Log::default();
    let policy = || {
        Policy::permanent()
            .granting(u32::MAX, Duration::from_mins(1))
            .stalled_after(Some(Duration::from_secs(5)))
    };
    let workers: Vec<_> = (0..20)
        .map(|n| {
            let make = log.clone();
            let spec = ActorSpec::new(format!("w{n:02}"), policy()).mailbox(4);
            tree.supervise(spec, move |g| Worker::new(g, &make)).unwrap()
        })
        .collect();
    let mut draw = |below: u64| {
        // A linear congruential generator: the point is that the sequence is the same every time.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..steps {
        let n = usize::try_from(draw(20)).unwrap();
        let worker = &workers[n];
        let cast = match draw(10) {
            0..4 => worker.cast(Boom),
            4..7 => worker.cast(LateBoom),
            7 => worker.cast(Finish),
            8 => worker.cast(Hold(Duration::from_mins(1))),
            _ => worker.cast(Add(1)),
        };
        log.note(format!("{} w{n:02} {cast:?}", begun.elapsed().as_millis()));
        tokio::time::sleep(Duration::from_millis(draw(1_500))).await;
    }
    until("everyone has recovered", || workers.iter().all(|worker| worker.state() == State::Running)).await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    for worker in &workers {
        assert!(worker.ask(Add(0), SOON).await.is_ok());
        assert_eq!(worker.cast(Add(1)), Cast::Sent);
    }
    let panics = tree.registry().snapshot().actors.iter().map(|actor| actor.tally.panics).sum();
    assert!(tree.stop(SOON).await.is_empty());
    (log.lines(), panics)
}

#[test]
fn a_thousand_panics_are_recovered_from_in_the_same_way_every_time() {
    let run = || actix::System::new().block_on(rampage(7, 4_000));
    let (first, panics) = run();
    assert!(panics >= 1_000, "only {panics}");
    let (second, again) = run();
    assert_eq!(panics, again);
    let parting = first.iter().zip(&second).find(|(one, two)| one != two);
    assert_eq!(parting, None);
    assert_eq!(first.len(), second.len());
}
