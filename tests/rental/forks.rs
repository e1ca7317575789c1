//! Reorganisations: of every depth, at every stage, with payments that come back and payments that do not.

use crate::world::World;
use leyden_domain::order::{CountRule, OrderStateKind as S};
use leyden_sim::{ForkPlan, Keep, keys};

/// What a fork does to the payment of the order.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Payment {
    ComesBack,
    IsForgotten,
}

/// The deepest fork that leaves solid blocks alone.
const DEEPEST: u32 = 18;
/// A fork of this depth and more is to undo the payment.
const REACHING: u32 = 9;

/// Brings an order to `stage`, lets some blocks pass, forks `depth` blocks away, and sees how it ends. Says whether the
/// payment was gone.
async fn forked(stage: S, more_blocks: u32, depth: u32, payment: Payment) -> bool {
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.mine_until(order.id, stage).await;
    for _ in 0..more_blocks {
        world.block().await;
    }
    let paid = world.detail(order.id).await.payment.unwrap();
    let paid_by = paid.id.tx_id;
    // How many blocks came since the payment is the machine's affair: what is to undo it reaches it.
    let age = u32::try_from(world.height().await - paid.block.unwrap().block.height().get() + 1).unwrap();
    let reaches = payment == Payment::IsForgotten && depth >= REACHING && age <= DEEPEST;
    let depth = if reaches { depth.max(age) } else { depth };
    let keep = match payment {
        Payment::ComesBack => Keep::All,
        Payment::IsForgotten => Keep::Nothing,
    };
    let undone = world.node.fork(&ForkPlan::of_depth(depth).keeping(keep));
    let report = undone.unwrap_or_else(|error| panic!("{stage:?} {depth}: {error}"));
    world.caught_up().await;
    // A fork below the block that the payment itself refers to makes it invalid for good, whoever keeps it.
    let gone = world.ports.chain.sighting(paid_by).await.unwrap().is_none();
    let ends = if gone { S::Expired } else { S::Completed };
    world.mine_until_late(order.id, ends).await;
    let audit = world.delegations_to(keys::test_address(0)).await;
    let expected = u32::from(!gone);
    assert_eq!(
        (audit.delegations, audit.undelegations),
        (expected, expected),
        "{stage:?}, {more_blocks} later, depth {depth}, {payment:?}: {report:?}"
    );
    assert_eq!(audit.out, audit.back);
    world.assert_books().await;
    gone
}

#[actix_rt::test]
async fn a_payment_that_comes_back_in_another_block_is_served_once_whatever_the_depth() {
    for depth in [1_u32, 2, 3, 5, 9, 14, 17] {
        forked(S::Active, depth.saturating_sub(6), depth, Payment::ComesBack).await;
    }
}

#[actix_rt::test]
async fn a_payment_that_is_forgotten_takes_its_delegation_with_it_whatever_the_depth() {
    let mut gone = 0;
    for depth in [1_u32, 2, 3, 5, 9, 14, 17] {
        gone += u32::from(forked(S::Active, depth.saturating_sub(6), depth, Payment::IsForgotten).await);
    }
    assert!(gone >= 3, "only {gone} of the forks undid the payment");
}

#[actix_rt::test]
async fn a_fork_while_the_energy_is_being_taken_back_takes_it_back_once() {
    for depth in [1, 4, 12] {
        forked(S::Reclaiming, 3, depth, Payment::ComesBack).await;
    }
}

#[actix_rt::test]
async fn a_chain_that_turns_back_again_changes_nothing() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.mine_until(order.id, S::Active).await;
    world.node.fork(&ForkPlan::of_depth(4).keeping(Keep::Nothing)).unwrap();
    world.caught_up().await;
    world.node.flip_back(&Keep::All).unwrap();
    for _ in 0..3 {
        world.block().await;
    }
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(0).await;
}

#[actix_rt::test]
async fn a_fork_below_a_solid_block_stops_all_money_and_says_so() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    for _ in 0..5 {
        world.block().await;
    }
    world.node.fork(&ForkPlan { force: true, ..ForkPlan::of_depth(22) }).unwrap();
    world.pay(0, order.amount_due(1).unwrap());
    for _ in 0..10 {
        world.block().await;
    }
    assert!(world.handles().boards().chain.read().below_solid.is_some());
    assert_eq!(world.state(order.id).await, S::AwaitingPayment);
    assert_eq!(world.delegations_to(order.recipient).await.delegations, 0);
}
