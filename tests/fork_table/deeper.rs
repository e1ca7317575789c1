//! Deeper than solid: no rule can say what is true then. Money stands still, reading goes on, and it is said aloud.

use crate::{
    rows::{DEEPEST, Fate, Row},
    stage::Stage,
    world::World,
};
use leyden_sim::{ForkPlan, Keep};

#[actix_rt::test]
async fn a_fork_below_the_solid_block_stops_money_in_every_state() {
    let mut stage = Stage::set(World::new().await, DEEPEST, &[Fate::AtOnce, Fate::Never]).await;
    let before = stage.world.ports.store.book().await.unwrap();
    assert!(stage.world.handles().boards().chain.read().below_solid.is_none());

    let plan = ForkPlan { force: true, ..ForkPlan::of_depth(DEEPEST + 4).keeping(Keep::Nothing) };
    stage.world.node.fork(&plan).unwrap();
    stage
        .world
        .wait_for("it is said", |world| world.handles().boards().chain.read().below_solid.is_some())
        .await;
    // Whatever was being done in that moment is done; from here on nothing is.
    let (signed, sent) = stage.gates.activity();
    let states = stage.states().await;
    for case in &stage.cases {
        match case.row {
            Row::Reserved => stage.gates.speak(case.receiver()),
            Row::Delegating => stage.gates.hand_over(case.receiver()),
            _ => {}
        }
    }
    stage.stake_more();
    for _ in 0..40 {
        stage.world.node.mine().unwrap();
        stage.world.caught_up().await;
    }
    assert_eq!(stage.gates.activity(), (signed, sent), "signed or sent after the alarm");
    assert!(stage.world.handles().boards().chain.read().below_solid.is_some(), "still said");

    // Reading goes on: of what was read before, nothing is taken back.
    assert_eq!(stage.states().await, states);
    let after = stage.world.ports.store.book().await.unwrap();
    assert_eq!(after.blocks, before.blocks);
    assert_eq!(after.payments, before.payments);
    stage.world.assert_books().await;
    stage.world.stop().await;
}
