//! Any actor may be killed at any instant. One run writes down every step that every actor takes; then the rental
//! is run again for each of those steps, with the actor killed right after it, and once more with the whole process
//! dying there; each time the rental ends as it should, once.

use crate::world::World;
use leyden_actors::StepHook;
use leyden_domain::{
    OrderId,
    order::{CountRule, OrderStateKind as S},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

/// Steps recur with every block; the first few times are where something new happens. What differs from store to store is
/// what a step leaves behind, and the first time shows that; `make soak` asks for more.
pub(crate) fn times() -> u32 {
    #[expect(clippy::disallowed_methods, reason = "the test has no settings")]
    let is_soak = std::env::var_os("LEYDEN_SOAK").is_some();
    if crate::ON_POSTGRES && !is_soak { 1 } else { 3 }
}

/// Counts steps, and strikes after one of them.
#[derive(Default)]
pub(crate) struct Reaper {
    pub(crate) seen: Mutex<BTreeMap<&'static str, u32>>,
    pub(crate) victim: Option<(&'static str, u32)>,
    pub(crate) struck: AtomicBool,
    /// Whether everything after the strike dies too, as in a power cut.
    pub(crate) power_cut: bool,
    /// Whether payments are served step by step only, as they are when they cannot be served in their block's commit.
    pub(crate) step_by_step: bool,
}

impl Reaper {
    pub(crate) fn hook(self: &Arc<Self>) -> StepHook {
        let reaper = Arc::clone(self);
        StepHook(Arc::new(move |step| reaper.after(step)))
    }

    fn after(&self, step: &'static str) {
        let count = {
            let mut seen = self.seen.lock().unwrap();
            let count = seen.entry(step).or_default();
            *count += 1;
            *count
        };
        if self.power_cut && self.struck.load(Ordering::SeqCst) {
            std::panic::panic_any("the power is off");
        }
        if self.victim == Some((step, count)) && !self.struck.swap(true, Ordering::SeqCst) {
            std::panic::panic_any("killed by the test");
        }
    }

    pub(crate) fn struck(&self) -> bool {
        self.struck.load(Ordering::SeqCst)
    }
}

/// One rental from order to reclaim under a reaper; restarts the actors if the power was cut.
async fn rental(reaper: Arc<Reaper>) -> Arc<Reaper> {
    let mut world = World::new().await;
    world.settings.serve_at_once = !reaper.step_by_step;
    world.start(Some(reaper.hook())).await;
    let order = world.order(0, CountRule::Open { max: 5 }).await;
    world.pay(0, order.amount_due(2).unwrap());
    if reaper.power_cut {
        until_struck(&world, order.id, &reaper).await;
        world.stop().await;
        world.start(None).await;
    }
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(0).await;
    world.stop().await;
    // One of very many: its connections are wanted by the others.
    world.store.close().await;
    reaper
}

async fn until_struck(world: &World, order: OrderId, reaper: &Reaper) {
    for _ in 0..300 {
        if reaper.struck() || world.state(order).await == S::Completed {
            return;
        }
        world.block().await;
    }
}

/// Every step that a rental takes, each up to [`times`] times.
async fn all_steps(step_by_step: bool) -> Vec<(&'static str, u32)> {
    let reaper = rental(Arc::new(Reaper { step_by_step, ..Reaper::default() })).await;
    let seen = reaper.seen.lock().unwrap().clone();
    let steps: Vec<_> =
        seen.iter().flat_map(|(step, seen)| (1..=times().min(*seen)).map(move |n| (*step, n))).collect();
    assert!(seen.len() >= 12, "the hook sees every kind of step: {seen:?}");
    steps
}

async fn strike_everywhere(power_cut: bool, step_by_step: bool) {
    let mut struck = 0;
    for victim in all_steps(step_by_step).await {
        let reaper = Reaper { victim: Some(victim), power_cut, step_by_step, ..Reaper::default() };
        struck += u32::from(rental(Arc::new(reaper)).await.struck());
    }
    assert!(struck > 8 * times(), "only {struck} strikes");
}

#[actix_rt::test]
async fn every_actor_killed_after_each_of_its_steps() {
    strike_everywhere(false, false).await;
}

#[actix_rt::test]
async fn every_actor_killed_after_each_of_its_steps_step_by_step() {
    strike_everywhere(false, true).await;
}

#[actix_rt::test]
async fn the_whole_process_dead_after_each_step() {
    strike_everywhere(true, false).await;
}

#[actix_rt::test]
async fn the_whole_process_dead_after_each_step_step_by_step() {
    strike_everywhere(true, true).await;
}
