//! An order that is paid by two payments of one sender: the second completes what was too little, and whatever comes of
//! the order, each is paid back or used, once.

use crate::world::{PRICE, REFUND_FEE, World};
use leyden_domain::{
    Asset, Sun,
    order::{CountRule, HoldReason, OrderEvent, OrderStateKind as S},
    payment::PaymentState,
    refund::RefundStateKind as K,
};
use leyden_sim::{Keep, keys};

#[actix_rt::test]
async fn the_rest_of_what_was_too_little_completes_it() {
    let world = World::running().await;
    world.until_observed().await;
    let order = world.order(0, CountRule::Fixed { count: 3 }).await;
    let first = order.amount_due(2).unwrap();
    world.pay(0, first);
    world.mine_until_refund(K::Waiting).await;
    // A stranger's payment of the same amount completes nothing.
    let rest = PRICE.plus(Sun::new(600_000)).unwrap();
    world.pay(1, rest);
    world.block().await;
    assert_eq!(world.state(order.id).await, S::AwaitingPayment);
    world.pay(0, rest);
    world.mine_until(order.id, S::Completed).await;
    let payments = world.payments().await;
    let part = payments.iter().find(|payment| payment.amount == first.get()).unwrap();
    assert_eq!(part.state, PaymentState::Part { order: order.id });
    let whole =
        payments.iter().find(|payment| matches!(payment.state, PaymentState::Settles { .. })).unwrap();
    let excess = Sun::new(600_000);
    assert_eq!(whole.state, PaymentState::Settles { order: order.id, count: 3, excess });
    for _ in 0..60 {
        world.block().await;
    }
    // What is over goes back, less the fee, and what a stranger paid; the first payment does not.
    assert_eq!(world.sent_to(keys::test_address(0), Asset::Trx).await, [500_000]);
    let strangers = rest.minus(REFUND_FEE).unwrap().get();
    assert_eq!(world.sent_to(keys::test_address(1), Asset::Trx).await, [strangers]);
    world.assert_served_once(0).await;
}

#[actix_rt::test]
async fn the_rest_in_the_same_block_completes_it_and_pays_for_no_other_order() {
    let world = World::running().await;
    world.until_observed().await;
    let order = world.order(0, CountRule::Fixed { count: 2 }).await;
    // Alone, what comes second would pay for this one.
    let other = world.order(0, CountRule::Fixed { count: 1 }).await;
    let first = order.amount_due(1).unwrap();
    world.pay(0, first);
    world.pay(0, PRICE);
    world.mine_until(order.id, S::Completed).await;
    let payments = world.payments().await;
    let blocks: Vec<_> = payments.iter().map(|payment| payment.block.unwrap().block.height()).collect();
    assert!(matches!(blocks.as_slice(), [one, other] if one == other), "{payments:#?}");
    let part = payments.iter().find(|payment| payment.amount == first.get()).unwrap();
    assert_eq!(part.state, PaymentState::Part { order: order.id });
    assert_eq!(world.detail(other.id).await.payment, None);
    world.assert_served_once(0).await;
}

#[actix_rt::test]
async fn both_halves_go_back_whole_where_the_order_cannot_be_served() {
    let world = World::sold_out(|settings| {
        settings.solid_above = Sun::ZERO;
        // What we did not deliver goes back however little it is.
        settings.refunds.policy.minimum.trx = Sun::from_trx(1_000);
    })
    .await;
    let order = world.order(0, CountRule::Fixed { count: 2 }).await;
    let first = order.amount_due(1).unwrap();
    world.pay(0, first);
    world.mine_until_refund(K::Waiting).await;
    world.pay(0, PRICE);
    world.mine_until(order.id, S::Refunded).await;
    world
        .mine_while("the first half does not go back", async |world| {
            world.sent_to(keys::test_address(0), Asset::Trx).await.len() < 2
        })
        .await;
    for _ in 0..40 {
        world.block().await;
    }
    let mut back = world.sent_to(keys::test_address(0), Asset::Trx).await;
    back.sort_unstable();
    assert_eq!(back, [PRICE.get(), first.get()], "whole, each once");
    world.assert_books().await;
}

#[actix_rt::test]
async fn a_fork_that_takes_the_rest_away_leaves_the_first_to_be_refunded() {
    let world = World::running().await;
    world.until_observed().await;
    let order = world.order(0, CountRule::Fixed { count: 2 }).await;
    let first = order.amount_due(1).unwrap();
    world.pay(0, first);
    world.mine_until_refund(K::Waiting).await;
    world.pay(0, PRICE);
    world.mine_until(order.id, S::Active).await;
    let rest = world.detail(order.id).await.payment.unwrap().block.unwrap();
    let fork = world.fork_off(rest.block.height()).await;
    world.node.fork(&fork.keeping(Keep::Nothing)).unwrap();
    world.caught_up().await;
    world.mine_until_late(order.id, S::Expired).await;
    world.mine_until_refund(K::Refunded).await;
    let back = first.minus(REFUND_FEE).unwrap().get();
    assert_eq!(world.sent_to(keys::test_address(0), Asset::Trx).await, [back]);
    let audit = world.delegations_to(keys::test_address(0)).await;
    assert_eq!((audit.delegations, audit.undelegations), (0, 0));
    world.assert_books().await;
}

#[actix_rt::test]
async fn the_rest_for_a_held_order_is_its_own_too() {
    let world = World::running().await;
    world.until_observed().await;
    let order = world.order(0, CountRule::Fixed { count: 2 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.mine_until_refund(K::Waiting).await;
    world.decide(order.id, &OrderEvent::Hold(HoldReason::Operator)).await;
    world.pay(0, PRICE);
    world
        .mine_while("the rest is not routed", async |world| {
            let payments = world.payments().await;
            payments.len() < 2 || payments.iter().any(|payment| payment.state == PaymentState::Unrouted)
        })
        .await;
    let payments = world.payments().await;
    assert!(payments.iter().all(|payment| payment.state.order() == Some(order.id)), "{payments:#?}");
    world.handles().release_order(order.id, "looked at").await.unwrap();
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(0).await;
}
