//! The service's wall clock is wrong, jumps, and runs backwards, while orders are in every state: nothing about money
//! is different, because money goes by the time of blocks. (That somebody hears of it is the alert `ClockOrHeadOff`.)

use crate::{judge::judge, play::go_on, rows::Fate, stage::Stage, world::World};
use leyden_domain::{Span, Timestamp};
use leyden_ports::Clock;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// Milliseconds in an hour.
const HOUR: i64 = 3_600_000;
/// How many blocks are between the top and the payments, so that every state has time to be there.
const DEPTH: u32 = 3;

/// A clock that goes on a millisecond whenever somebody looks, and jumps when it is told to.
#[derive(Debug)]
struct JumpingClock(AtomicI64);

impl JumpingClock {
    fn jump(&self, by_ms: i64) {
        self.0.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// Orders in every state by a clock that is so wrong at the start, then jumps once, and then before every block.
async fn orders_in_every_state(wrong_by: i64, jump: i64, each: impl Fn(i64) -> i64) {
    let clock = Arc::new(JumpingClock(AtomicI64::new(0)));
    let shared = Arc::clone(&clock);
    let make = |head: Timestamp| {
        shared.jump(head.plus(Span::from_ms(wrong_by)).ms());
        shared as Arc<dyn Clock>
    };
    let (world, _) = World::by_clock(make).await;
    let mut stage = Stage::set(world, DEPTH, &[Fate::AtOnce]).await;
    clock.jump(jump);
    let blocks = AtomicI64::new(0);
    go_on(&stage, || clock.jump(each(blocks.fetch_add(1, Ordering::Relaxed)))).await;
    judge(&stage, DEPTH).await;
    stage.world.stop().await;
    stage.world.store.close().await;
}

#[actix_rt::test]
async fn a_clock_that_is_an_hour_wrong_changes_nothing() {
    orders_in_every_state(HOUR, 0, |_| 0).await;
    orders_in_every_state(-HOUR, 0, |_| 0).await;
}

#[actix_rt::test]
async fn a_clock_that_is_set_right_by_an_hour_in_the_middle_changes_nothing() {
    orders_in_every_state(0, HOUR, |_| 0).await;
    orders_in_every_state(0, -HOUR, |_| 0).await;
}

#[actix_rt::test]
async fn a_clock_that_jumps_to_and_fro_at_every_block_changes_nothing() {
    orders_in_every_state(0, 0, |n| if n % 2 == 0 { HOUR } else { -HOUR }).await;
    // Backwards for good, a little at a time; and a leap second twice.
    orders_in_every_state(0, 0, |n| if n % 7 == 0 { -4_000 } else { 3_000 - n % 3 * 1_000 }).await;
}

#[actix_rt::test]
async fn a_clock_that_stands_still_or_runs_backwards_changes_nothing() {
    orders_in_every_state(0, 0, |_| -500).await;
}
