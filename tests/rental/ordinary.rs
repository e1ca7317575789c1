//! The three ways to buy, each from the order to the energy back in the pool.

use crate::world::{ENERGY, PRICE, World};
use leyden_domain::{
    Energy, Sun,
    order::{Confirmation, CountRule, OrderState, OrderStateKind as S},
};
use leyden_ports::store::{OrderFilter, Page};
use leyden_sim::keys;

#[actix_rt::test]
async fn an_order_with_a_fixed_count_is_paid_delegated_and_reclaimed() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 2 }).await;
    world.pay(0, order.amount_due(2).unwrap());
    world.mine_until(order.id, S::Active).await;

    let detail = world.detail(order.id).await;
    let [delegation] = detail.delegations.as_slice() else { panic!("{detail:?}") };
    assert_eq!(delegation.energy, ENERGY.times(2).unwrap());
    let observed = world.ports.chain.pool_account(delegation.owner).await.unwrap();
    assert!(observed.ratio.energy_of(delegation.balance) >= delegation.energy, "less than was sold");
    let delegated = world.ports.chain.delegated(delegation.owner, order.recipient).await.unwrap();
    assert_eq!(delegated, delegation.balance, "the chain has what the books say");

    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(0).await;
    let delegated = world.ports.chain.delegated(delegation.owner, order.recipient).await.unwrap();
    assert_eq!(delegated, Sun::ZERO, "all of it is back in the pool");
}

#[actix_rt::test]
async fn the_energy_is_there_in_the_block_after_the_payment() {
    let world = World::running().await;
    world.block().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.node.mine().unwrap();
    world.wait_for("a delegation at the node", |world| world.node.chain().pending().next().is_some()).await;
    world.mine_until(order.id, S::Active).await;
    let detail = world.detail(order.id).await;
    let paid_in = detail.payment.unwrap().block.unwrap().block.height();
    let delivered_in = detail.delegations[0].delivery.unwrap().block.height();
    assert_eq!(delivered_in, paid_in.next());
}

#[actix_rt::test]
async fn the_payer_chooses_the_count_by_how_much_is_paid() {
    let world = World::running().await;
    let order = world.order(1, CountRule::Open { max: 10 }).await;
    world.pay(1, order.amount_due(7).unwrap());
    world.mine_until(order.id, S::Active).await;
    let detail = world.detail(order.id).await;
    let sold: i64 = detail.delegations.iter().map(|delegation| delegation.energy.get()).sum();
    assert_eq!(Energy::new(sold), ENERGY.times(7).unwrap());
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(1).await;
}

#[actix_rt::test]
async fn a_plain_multiple_of_the_price_buys_energy_for_its_sender() {
    let world = World::running().await;
    world.block().await;
    world.pay(2, PRICE.times(3).unwrap());
    let filter = OrderFilter { recipient: Some(keys::test_address(2)), ..OrderFilter::default() };
    let page = Page { after: None, limit: 10 };
    world
        .mine_while("no order for the sender", async |world| {
            world.ports.store.list_orders(&filter, &page).await.unwrap().is_empty()
        })
        .await;
    let orders = world.ports.store.list_orders(&filter, &page).await.unwrap();
    let [order] = orders.as_slice() else { panic!("{orders:?}") };
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(2).await;
}

#[actix_rt::test]
async fn a_small_payment_is_acted_on_in_its_block_and_a_large_one_when_it_is_solid() {
    let mut world = World::new().await;
    world.settings.solid_above = Sun::from_trx(2);
    world.start(None).await;
    let small = world.order(0, CountRule::Fixed { count: 1 }).await;
    let large = world.order(1, CountRule::Fixed { count: 2 }).await;
    world.pay(0, small.amount_due(1).unwrap());
    world.pay(1, large.amount_due(2).unwrap());
    world.mine_until(small.id, S::Active).await;
    assert_eq!(world.state(large.id).await, S::Paid, "not solid yet");
    world
        .mine_while("the large order is only paid", async |world| {
            matches!(world.state(large.id).await, S::AwaitingPayment | S::Paid)
        })
        .await;
    let detail = world.detail(large.id).await;
    if let OrderState::Funded { confirmation, .. } | OrderState::Reserved { confirmation, .. } =
        detail.order.state
    {
        assert!(matches!(confirmation, Confirmation::Solid { .. }));
    }
    world.mine_until(large.id, S::Completed).await;
    world.mine_until(small.id, S::Completed).await;
    world.assert_served_once(0).await;
    world.assert_served_once(1).await;
}

#[actix_rt::test]
async fn many_orders_share_a_block_and_each_is_served_once() {
    let world = World::running().await;
    let mut orders = Vec::new();
    // The ninth account is the one that refunds are paid from.
    for customer in 0..8 {
        orders.push(world.order(customer, CountRule::Open { max: 10 }).await);
    }
    for (customer, order) in orders.iter().enumerate() {
        let customer = u32::try_from(customer).unwrap();
        world.pay(customer, order.amount_due(customer % 3 + 1).unwrap());
    }
    for order in &orders {
        world.mine_until(order.id, S::Completed).await;
    }
    for customer in 0..8 {
        world.assert_served_once(customer).await;
    }
}

#[actix_rt::test]
async fn one_order_larger_than_any_account_is_shared_and_comes_back_whole() {
    let world = World::new().await;
    // Leaves each pool account about two transfers' worth.
    for n in 0..keys::POOL_ACCOUNTS {
        let state = world.ports.chain.pool_account(keys::pool_address(n)).await.unwrap();
        let limit = state.ratio.energy_of(state.delegatable).get();
        world.node.use_energy(keys::pool_address(n), limit - 150_000).unwrap();
    }
    world.node.mine().unwrap();
    let mut world = world;
    world.start(None).await;
    let order = world.order(3, CountRule::Fixed { count: 5 }).await;
    world.pay(3, order.amount_due(5).unwrap());
    world.mine_until(order.id, S::Active).await;
    let detail = world.detail(order.id).await;
    assert!(detail.delegations.len() >= 2, "{detail:?}");
    let delivered: i64 = detail.delegations.iter().map(|delegation| delegation.energy.get()).sum();
    assert_eq!(delivered, 5 * ENERGY.get());
    world.mine_until(order.id, S::Completed).await;
    let audit = world.delegations_to(order.recipient).await;
    assert_eq!(audit.delegations, audit.undelegations);
    assert_eq!(audit.out, audit.back);
    world.assert_books().await;
}

#[actix_rt::test]
async fn two_orders_for_one_receiver_are_kept_apart_although_the_chain_merges_them() {
    let world = World::running().await;
    let first = world.order(4, CountRule::Fixed { count: 1 }).await;
    world.pay(4, first.amount_due(1).unwrap());
    world.mine_until(first.id, S::Active).await;
    for _ in 0..30 {
        world.block().await;
    }
    let second = world.order(4, CountRule::Fixed { count: 2 }).await;
    world.pay(5, second.amount_due(2).unwrap());
    world.mine_until(second.id, S::Active).await;
    world.mine_until(first.id, S::Completed).await;
    let left = world.delegations_to(first.recipient).await;
    let second_balance = world.detail(second.id).await.delegations[0].balance;
    assert_eq!(
        left.out.minus(left.back).unwrap(),
        second_balance,
        "only the first order's part was taken back"
    );
    world.mine_until(second.id, S::Completed).await;
    let audit = world.delegations_to(first.recipient).await;
    assert_eq!((audit.delegations, audit.undelegations, audit.out), (2, 2, audit.back));
    world.assert_books().await;
}
