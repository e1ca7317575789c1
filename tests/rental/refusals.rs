//! Nodes that answer badly: lost requests, lost answers, false duplicates, refusals, receipts that are missing,
//! and a pool that cannot serve.

use crate::world::World;
use leyden_domain::{
    Sun,
    order::{CountRule, OrderState, OrderStateKind as S, RefundReason},
    pool::AccountState,
};
use leyden_ports::store::PoolStore;
use leyden_sim::{BroadcastFault, ReadFault, keys};
use leyden_tron::wire::proto::ResponseCode;

/// Pays for one transfer with these broadcast faults waiting for the service's own transactions.
async fn served_despite(faults: Vec<BroadcastFault>) {
    let what = format!("{faults:?}");
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.node.faults().broadcasts.extend(faults);
    world.mine_until(order.id, S::Completed).await;
    let audit = world.delegations_to(order.recipient).await;
    assert_eq!((audit.delegations, audit.undelegations), (1, 1), "{what}");
    world.assert_books().await;
}

#[actix_rt::test]
async fn a_broadcast_whose_answer_is_lost_is_repeated_with_the_same_bytes() {
    served_despite(vec![BroadcastFault::LostAnswer]).await;
    served_despite(vec![BroadcastFault::LostAnswer; 5]).await;
}

#[actix_rt::test]
async fn a_broadcast_that_never_arrives_is_repeated() {
    served_despite(vec![BroadcastFault::LostRequest; 3]).await;
    served_despite(vec![BroadcastFault::Forgotten; 3]).await;
}

#[actix_rt::test]
async fn duplicate_is_neither_success_nor_failure() {
    served_despite(vec![BroadcastFault::FalseDuplicate]).await;
    served_despite(vec![BroadcastFault::FalseDuplicate; 6]).await;
}

#[actix_rt::test]
async fn a_transaction_that_no_node_takes_dies_and_is_signed_again() {
    // Longer than a transaction lives: the first one dies, the second is taken.
    served_despite(vec![BroadcastFault::LostRequest; 30]).await;
}

#[actix_rt::test]
async fn refusals_of_a_node_that_is_behind_are_not_believed() {
    served_despite(vec![
        BroadcastFault::refuse(ResponseCode::TaposError, "Tapos check error."),
        BroadcastFault::refuse(ResponseCode::TransactionExpirationError, "Transaction expired"),
        BroadcastFault::refuse(ResponseCode::ServerBusy, "Server busy."),
        BroadcastFault::refuse(
            ResponseCode::ContractValidateError,
            "Contract validate error : delegateBalance must be less than or equal to available FreezeEnergyV2 balance",
        ),
    ])
    .await;
}

#[actix_rt::test]
async fn a_node_without_answers_costs_time_only() {
    let world = World::running().await;
    world.block().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.node.faults().reads.extend(vec![ReadFault::Unavailable; 40]);
    world.node.faults().reads.extend(vec![ReadFault::RateLimited { seconds: 1 }; 40]);
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(0).await;
}

#[actix_rt::test]
async fn a_block_whose_receipts_are_missing_is_not_taken_for_complete() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.node.stake_energy(keys::test_address(0), Sun::from_trx(20_000).get()).unwrap();
    world.block().await;
    world.node.faults().without_receipts = true;
    let amount = order.amount_due(1).unwrap();
    world
        .node
        .transfer_by_contract(&keys::test_key(0), crate::world::payment_address(), amount.get())
        .unwrap();
    for _ in 0..5 {
        world.block().await;
    }
    assert_eq!(world.state(order.id).await, S::AwaitingPayment);
    world.node.faults().without_receipts = false;
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(0).await;
}

#[actix_rt::test]
async fn without_capacity_the_money_is_due_back_and_nothing_is_delegated() {
    let mut world = World::new().await;
    for n in 0..keys::POOL_ACCOUNTS {
        let state = world.ports.chain.pool_account(keys::pool_address(n)).await.unwrap();
        world.node.use_energy(keys::pool_address(n), state.ratio.energy_of(state.delegatable).get()).unwrap();
    }
    world.node.mine().unwrap();
    world.start(None).await;
    let order = world.order(0, CountRule::Fixed { count: 10 }).await;
    world.pay(0, order.amount_due(10).unwrap());
    world.mine_until_owed_back(order.id).await;
    let detail = world.detail(order.id).await;
    let (OrderState::RefundDue { why, .. }
    | OrderState::Refunding { why, .. }
    | OrderState::Refunded { why, .. }) = detail.order.state
    else {
        panic!("{:?}", detail.order.state)
    };
    assert_eq!(why, RefundReason::NoCapacity);
    assert_eq!(world.delegations_to(order.recipient).await.delegations, 0);
    world.assert_books().await;
}

#[actix_rt::test]
async fn an_account_that_cannot_pay_for_bandwidth_is_taken_out_and_another_serves() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    let broke = BroadcastFault::refuse(ResponseCode::BandwithError, "Account resource insufficient error.");
    world.node.faults().broadcasts.extend(vec![broke; 60]);
    world
        .mine_while("no account is taken out", async |world| {
            let accounts = world.store.pool_accounts().await.unwrap();
            accounts.iter().all(|account| account.state == AccountState::Ready)
        })
        .await;
    world.node.faults().broadcasts.clear();
    world.mine_until(order.id, S::Completed).await;
    let audit = world.delegations_to(order.recipient).await;
    assert_eq!((audit.delegations, audit.undelegations), (1, 1));
    world.assert_books().await;
}

#[actix_rt::test]
async fn what_the_chain_itself_refuses_is_planned_again_on_another_account() {
    let mut world = World::new().await;
    world.settings.observe_interval = std::time::Duration::from_hours(1);
    world.start(None).await;
    world.until_observed().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    // Behind the service's back the account that it would choose is used up.
    let chosen = world.best_account().await;
    let state = world.ports.chain.pool_account(chosen).await.unwrap();
    world.node.use_energy(chosen, state.ratio.energy_of(state.delegatable).get()).unwrap();
    world.pay(0, order.amount_due(1).unwrap());
    world.mine_until(order.id, S::Completed).await;
    let detail = world.detail(order.id).await;
    assert!(detail.delegations.len() >= 2, "the first was refused: {detail:#?}");
    world.assert_served_once(0).await;
}

#[actix_rt::test]
async fn a_part_that_was_delivered_is_taken_back_when_the_rest_cannot_be() {
    let mut world = World::new().await;
    world.settings.observe_interval = std::time::Duration::from_hours(1);
    for (n, left) in [(0, 150_000), (1, 150_000), (2, 10_000)] {
        world.lend_all_but(n, left).await;
    }
    world.node.mine().unwrap();
    world.start(None).await;
    world.until_observed().await;
    let order = world.order(0, CountRule::Fixed { count: 4 }).await;
    // One of the two that must share it lends its stake elsewhere, behind the service's back.
    world.lend_all_but(1, 10_000).await;
    world.pay(0, order.amount_due(4).unwrap());
    world.mine_until_owed_back(order.id).await;
    let audit = world.delegations_to(order.recipient).await;
    assert!(audit.delegations >= 1, "{audit:?}");
    assert_eq!((audit.delegations, audit.out), (audit.undelegations, audit.back));
    world.assert_books().await;
}

#[actix_rt::test]
async fn a_wall_clock_hours_ahead_or_behind_changes_nothing() {
    for hours in [-2, 2] {
        let mut world = World::at_hours_from_the_chain(hours).await;
        world.start(None).await;
        let order = world.order(0, CountRule::Fixed { count: 1 }).await;
        world.pay(0, order.amount_due(1).unwrap());
        world.mine_until(order.id, S::Completed).await;
        world.assert_served_once(0).await;
        let accounts = world.store.pool_accounts().await.unwrap();
        assert!(accounts.iter().all(|account| account.state == AccountState::Ready), "{accounts:#?}");
    }
}
