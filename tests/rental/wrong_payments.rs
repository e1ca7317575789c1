//! Payments that are not what was asked for: each is recorded, visible, and waits in a state with a name.

use crate::world::{PATIENCE, PRICE, World, payment_address};
use leyden_domain::{
    Asset, Span, Sun,
    order::{CountRule, OrderStateKind as S},
    payment::{PaymentState, SuspenseReason},
};
use leyden_sim::keys;

/// Mines until there are `count` payments and none of them is unrouted.
async fn routed(world: &World, count: usize) {
    world
        .mine_while("a payment is not routed", async |world| {
            let payments = world.payments().await;
            payments.len() < count || payments.iter().any(|p| p.state == PaymentState::Unrouted)
        })
        .await;
}

#[actix_rt::test]
async fn too_little_waits_with_its_order_and_the_order_expires_unserved() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 3 }).await;
    world.pay(0, order.amount_due(2).unwrap());
    routed(&world, 1).await;
    assert_eq!(world.payments().await[0].state, PaymentState::Under { order: order.id });
    assert_eq!(world.state(order.id).await, S::AwaitingPayment);
    world.node.skip(PATIENCE.ms()).unwrap();
    world.mine_until(order.id, S::Expired).await;
    assert_eq!(world.delegations_to(order.recipient).await.delegations, 0);
    world.assert_books().await;
}

#[actix_rt::test]
async fn too_much_is_served_up_to_the_most_and_the_rest_waits() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Open { max: 4 }).await;
    world.pay(0, order.amount_due(6).unwrap());
    world.mine_until(order.id, S::Active).await;
    let payment = &world.payments().await[0];
    let excess = PRICE.times(2).unwrap();
    assert_eq!(payment.state, PaymentState::Settles { order: order.id, count: 4, excess });
    assert_eq!(payment.state.name(), "over");
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(0).await;
}

#[actix_rt::test]
async fn a_second_payment_is_not_served_again() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Open { max: 4 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.mine_until(order.id, S::Active).await;
    world.pay(0, order.amount_due(2).unwrap());
    routed(&world, 2).await;
    let second = world.payments().await.into_iter().find(|p| p.amount == order.amount_due(2).unwrap().get());
    assert_eq!(second.unwrap().state, PaymentState::Second { order: order.id });
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(0).await;
}

#[actix_rt::test]
async fn two_payments_for_one_order_in_one_block_serve_it_once() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Open { max: 4 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.pay(1, order.amount_due(3).unwrap());
    routed(&world, 2).await;
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(0).await;
    let states: Vec<_> = world.payments().await.iter().map(|p| p.state.name()).collect();
    assert!(states.contains(&"settled") && states.contains(&"second"), "{states:?}");
}

#[actix_rt::test]
async fn a_late_payment_is_known_as_late() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.block().await;
    world.node.skip(PATIENCE.ms() + 3_000).unwrap();
    world.mine_until(order.id, S::Expired).await;
    world.pay(0, order.amount_due(1).unwrap());
    routed(&world, 1).await;
    assert_eq!(world.payments().await[0].state, PaymentState::Late { order: order.id });
    assert_eq!(world.delegations_to(order.recipient).await.delegations, 0);
    world.assert_books().await;
}

#[actix_rt::test]
async fn a_payment_beyond_the_late_window_and_an_odd_amount_wait_in_suspense() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.block().await;
    world.node.skip(PATIENCE.ms() + Span::from_hours(25).ms()).unwrap();
    world.mine_until(order.id, S::Expired).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.pay(1, Sun::new(777_777));
    routed(&world, 2).await;
    for payment in world.payments().await {
        assert_eq!(payment.state, PaymentState::Suspense { reason: SuspenseReason::NoOrder });
    }
    world.assert_books().await;
}

#[actix_rt::test]
async fn dust_is_counted_and_not_recorded() {
    let world = World::running().await;
    world.pay(0, Sun::new(4));
    for _ in 0..4 {
        world.block().await;
    }
    assert!(world.payments().await.is_empty());
}

#[actix_rt::test]
async fn usdt_to_the_payment_address_is_recorded_from_its_log_and_buys_nothing() {
    let world = World::running().await;
    world.node.stake_energy(keys::test_address(3), Sun::from_trx(20_000).get()).unwrap();
    world.node.transfer_usdt(&keys::test_key(3), payment_address(), 5_000_000).unwrap();
    routed(&world, 1).await;
    let payment = &world.payments().await[0];
    assert_eq!(
        (payment.asset, payment.amount, payment.from),
        (Asset::Usdt, 5_000_000, keys::test_address(3))
    );
    assert_eq!(payment.state, PaymentState::Suspense { reason: SuspenseReason::WrongAsset });
}

#[actix_rt::test]
async fn trx_sent_by_a_contract_pays_for_an_order() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.node.stake_energy(keys::test_address(0), Sun::from_trx(20_000).get()).unwrap();
    let amount = order.amount_due(1).unwrap();
    world.node.transfer_by_contract(&keys::test_key(0), payment_address(), amount.get()).unwrap();
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(0).await;
}

#[actix_rt::test]
async fn a_cancelled_order_takes_no_payment_and_a_paid_one_cannot_be_cancelled() {
    use leyden_actors::CancelError;
    use leyden_domain::order::Party;
    let world = World::running().await;
    let cancelled = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.handles().cancel_order(cancelled.id, Party::Customer).await.unwrap();
    world.pay(0, cancelled.amount_due(1).unwrap());
    routed(&world, 1).await;
    assert_eq!(world.payments().await[0].state, PaymentState::Late { order: cancelled.id });

    let paid = world.order(1, CountRule::Fixed { count: 1 }).await;
    world.pay(1, paid.amount_due(1).unwrap());
    world.mine_until(paid.id, S::Active).await;
    let refused = world.handles().cancel_order(paid.id, Party::Customer).await;
    assert!(matches!(refused, Err(CancelError::TooLate(_))), "{refused:?}");
    world.mine_until(paid.id, S::Completed).await;
    world.assert_served_once(1).await;
}

#[actix_rt::test]
async fn a_payment_for_a_held_order_is_its_own_and_is_served_when_the_order_is_released() {
    use leyden_domain::order::{HoldReason, OrderEvent};
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.decide(order.id, &OrderEvent::Hold(HoldReason::Operator)).await;
    world.pay(0, order.amount_due(1).unwrap());
    routed(&world, 1).await;
    assert_eq!(world.state(order.id).await, S::Held);
    assert_eq!(world.payments().await[0].state.order(), Some(order.id));
    world.assert_books().await;
    world.handles().release_order(order.id, "looked at").await.unwrap();
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(0).await;
}
