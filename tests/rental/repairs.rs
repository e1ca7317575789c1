//! Repairs that act: what is lent past the books is taken back on the chain, and what is gone from it is let go, once and
//! by the word of two persons, whatever dies in between.

use crate::{
    halts::past_the_service,
    reconcile::{compared, repairs, settled, until_applied, until_repaired},
    world::{World, refund_address},
};
use leyden_actors::StepHook;
use leyden_domain::{
    Sun,
    operation::OperationState,
    order::{CountRule, HoldReason, OrderEvent, OrderState, OrderStateKind as S},
    reconcile::{Class, Decision, Matter, Repair, RepairKind, RepairState, Say, SayRefusal},
};
use leyden_ports::store::RepairRefusal;
use leyden_sim::{build::Options, keys};
use leyden_tron::wire::proto::{FreezeBalanceV2Contract, ResourceCode};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

fn word(world: &World, by: &str) -> Decision {
    Decision { at: world.ports.clock.now(), by: by.to_owned(), reason: "it is not ours".to_owned() }
}

/// Mines until a repair has become this.
async fn mined_until(world: &World, state: RepairState) {
    world
        .mine_while(state.name(), async |world| {
            !repairs(world).await.iter().any(|repair| repair.state == state)
        })
        .await;
}

/// A stranger with our key lends what is left, which is found: how much more than in the books, and what is proposed.
async fn lent_by_a_stranger(world: &World) -> (i64, Repair) {
    world.until_observed().await;
    world.lend_all_but(0, 65_000).await;
    settled(world).await;
    let differences = compared(world).await.differences;
    assert_eq!(differences.len(), 1);
    (differences[0].excess(), until_repaired(world, RepairState::Proposed).await)
}

/// A stranger with our key lends what is left; two persons have it taken back.
async fn a_strangers_loan(hook: Option<StepHook>) -> World {
    let mut world = World::new().await;
    world.start(hook).await;
    let (_, proposed) = lent_by_a_stranger(&world).await;
    let store = &world.ports.store;
    let retake = Say::Approve(Some(RepairKind::Retake));
    let asked = store.decide_repair(proposed.id, retake, word(&world, "key_1")).await.unwrap();
    assert_eq!((asked.state, asked.kind), (RepairState::Proposed, RepairKind::Retake));
    let alone = store.decide_repair(proposed.id, retake, word(&world, "key_1")).await;
    assert_eq!(alone, Err(RepairRefusal::Rule(SayRefusal::SamePerson)));
    settled(&world).await;
    assert_eq!(
        world.delegations_to(keys::test_address(8)).await.undelegations,
        0,
        "one person is not enough"
    );
    let unseen = store.decide_repair(proposed.id, Say::Approve(None), word(&world, "key_2")).await;
    assert_eq!(unseen, Err(RepairRefusal::Rule(SayRefusal::Unnamed(RepairKind::Retake))));
    let agreed = store.decide_repair(proposed.id, retake, word(&world, "key_2")).await.unwrap();
    assert_eq!(agreed.state, RepairState::Approved);
    world.handles().hint_reconciler();
    mined_until(&world, RepairState::Applied).await;
    settled(&world).await;
    let audit = world.delegations_to(keys::test_address(8)).await;
    assert_eq!((audit.delegations, audit.undelegations), (1, 1), "{audit:?}");
    assert_eq!(audit.out, audit.back);
    assert_eq!(compared(&world).await.differences, []);
    assert_eq!(repairs(&world).await.len(), 1);
    world.assert_books().await;
    world
}

#[actix_rt::test]
async fn what_a_stranger_lent_is_taken_back_by_two_persons() {
    let world = a_strangers_loan(None).await;
    // What came back serves customers again.
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(0).await;
}

#[actix_rt::test]
async fn it_is_taken_back_once_whoever_is_killed() {
    for step in ["reconciler.intended", "agent.signed", "agent.recorded", "agent.sent", "agent.committed"] {
        let died = Arc::new(AtomicBool::new(false));
        let once = Arc::clone(&died);
        let hook = move |name: &'static str| {
            assert!(name != step || once.swap(true, Ordering::Relaxed), "killed at {step}");
        };
        a_strangers_loan(Some(StepHook(Arc::new(hook)))).await.stop().await;
        assert!(died.load(Ordering::Relaxed), "{step} was never reached");
    }
}

#[actix_rt::test]
async fn it_is_taken_back_once_although_the_power_fails_at_every_turn() {
    let mut world = World::running().await;
    let (_, proposed) = lent_by_a_stranger(&world).await;
    let retake = Say::Approve(Some(RepairKind::Retake));
    for by in ["key_1", "key_2"] {
        world.ports.store.decide_repair(proposed.id, retake, word(&world, by)).await.unwrap();
    }
    world.handles().hint_reconciler();
    // As soon as each state of it is reached, everything dies.
    for reached in [OperationState::Intended, OperationState::Signed, OperationState::Included] {
        world
            .mine_while(reached.name(), async |world| {
                let operation = world.ports.store.retake(proposed.id).await.unwrap();
                operation.is_none_or(|operation| operation.state < reached)
            })
            .await;
        world.stop().await;
        world.start(None).await;
    }
    mined_until(&world, RepairState::Applied).await;
    settled(&world).await;
    let audit = world.delegations_to(keys::test_address(8)).await;
    assert_eq!((audit.delegations, audit.undelegations, audit.out), (1, 1, audit.back), "{audit:?}");
    assert_eq!(compared(&world).await.differences, []);
    world.assert_books().await;
}

#[actix_rt::test]
async fn what_has_changed_since_it_was_approved_is_left_alone() {
    let world = World::running().await;
    let (excess, proposed) = lent_by_a_stranger(&world).await;
    let retake = Say::Approve(Some(RepairKind::Retake));
    world.ports.store.decide_repair(proposed.id, retake, word(&world, "key_1")).await.unwrap();
    // Its owner has taken it back meanwhile.
    world.take_back(0, keys::test_address(8), Sun::new(excess));
    settled(&world).await;
    world.ports.store.decide_repair(proposed.id, retake, word(&world, "key_2")).await.unwrap();
    world.handles().hint_reconciler();
    until_repaired(&world, RepairState::Failed).await;
    settled(&world).await;
    assert_eq!(world.delegations_to(keys::test_address(8)).await.undelegations, 1, "by its owner alone");
    assert_eq!(compared(&world).await.differences, []);
}

#[actix_rt::test]
async fn what_a_stranger_is_just_changing_is_waited_for() {
    let world = World::running().await;
    let (excess, proposed) = lent_by_a_stranger(&world).await;
    let retake = Say::Approve(Some(RepairKind::Retake));
    // Its owner is taking it back, in a block that is not solid: at the solid one all is as it was approved.
    world.take_back(0, keys::test_address(8), Sun::new(excess));
    world.block().await;
    for by in ["key_1", "key_2"] {
        world.ports.store.decide_repair(proposed.id, retake, word(&world, by)).await.unwrap();
    }
    for _ in 0..3 {
        world.handles().hint_reconciler();
        world.block().await;
    }
    assert_eq!(world.ports.store.retake(proposed.id).await.unwrap(), None, "nothing is intended yet");
    settled(&world).await;
    world.handles().hint_reconciler();
    until_repaired(&world, RepairState::Failed).await;
    assert_eq!(world.delegations_to(keys::test_address(8)).await.undelegations, 1, "by its owner alone");
    assert_eq!(compared(&world).await.differences, []);
}

#[actix_rt::test]
async fn a_rental_that_its_owner_took_back_is_let_go_by_two_persons() {
    let world = World::running().await;
    world.until_observed().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.mine_until(order.id, S::Active).await;
    let given = world.detail(order.id).await.delegations[0].clone();
    let n = (0..keys::POOL_ACCOUNTS).find(|n| keys::pool_address(*n) == given.owner).unwrap();
    world.take_back(n, order.recipient, given.balance);
    world.mine_until(order.id, S::Held).await;
    let held = world.detail(order.id).await.order.state;
    assert!(matches!(held, OrderState::Held { why: HoldReason::ReclaimImpossible, .. }), "{held:?}");
    settled(&world).await;
    let found: Vec<_> =
        compared(&world).await.differences.iter().map(|one| (one.matter, one.class, one.excess())).collect();
    assert_eq!(found, [(Matter::Delegation, Class::ExternalMovement, -given.balance.get())]);
    let proposed = until_repaired(&world, RepairState::Proposed).await;
    assert_eq!(proposed.kind, RepairKind::Release);
    for by in ["key_1", "key_2"] {
        world.ports.store.decide_repair(proposed.id, Say::Approve(None), word(&world, by)).await.unwrap();
    }
    world.handles().hint_reconciler();
    until_repaired(&world, RepairState::Applied).await;
    world.decide(order.id, &OrderEvent::Release).await;
    world.mine_until(order.id, S::Completed).await;
    let held = world.ports.store.pool_accounts().await.unwrap();
    assert!(held.iter().all(|account| account.held == Sun::ZERO), "the hold is let go");
    settled(&world).await;
    assert_eq!(compared(&world).await.differences, []);
    world.assert_books().await;
}

#[actix_rt::test]
async fn what_was_lent_twice_is_taken_back_once_by_two_persons() {
    let dir = tempfile::tempdir().unwrap();
    let (mut world, url) = World::in_file(&dir).await;
    world.start(None).await;
    world.until_observed().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.mine_until(order.id, S::Active).await;
    let given = world.detail(order.id).await.delegations[0].clone();
    let n = (0..keys::POOL_ACCOUNTS).find(|n| keys::pool_address(*n) == given.owner).unwrap();
    // The chain has executed a second transaction of the same delegation, one that the books had given up as dead.
    let twice = world.lend(n, order.recipient, given.balance);
    let sql = format!(
        "INSERT INTO attempts (tx_id, operation_id, number, bytes, reference_block, reference_height, expiration, \
         signed_at, dead) SELECT '{twice}', operation_id, number + 1, bytes, reference_block, reference_height, \
         expiration, signed_at, 1 FROM attempts WHERE operation_id = '{}'",
        given.id
    );
    past_the_service(&url, sql).await;
    settled(&world).await;
    let found: Vec<_> =
        compared(&world).await.differences.iter().map(|one| (one.matter, one.class, one.excess())).collect();
    assert_eq!(found, [(Matter::Delegation, Class::Duplicate, given.balance.get())]);
    let proposed = until_repaired(&world, RepairState::Proposed).await;
    assert_eq!(proposed.kind, RepairKind::Retake, "nothing else mends it");
    let write_off = Say::Approve(Some(RepairKind::WriteOff));
    let refused = world.ports.store.decide_repair(proposed.id, write_off, word(&world, "key_1")).await;
    assert_eq!(refused, Err(RepairRefusal::Rule(SayRefusal::NotAChoice(RepairKind::WriteOff))));
    for by in ["key_1", "key_2"] {
        world.ports.store.decide_repair(proposed.id, Say::Approve(None), word(&world, by)).await.unwrap();
    }
    world.handles().hint_reconciler();
    // Books that were given the lie may have stopped everything, this too: a person has seen what it is.
    world
        .mine_while("it is taken back", async |world| {
            for halt in world.ports.store.open_halts().await.unwrap() {
                world.handles().lift_halt(halt.id, "key_1", "lent twice, being taken back").await.unwrap();
            }
            !repairs(world).await.iter().any(|repair| repair.state == RepairState::Applied)
        })
        .await;
    world.mine_until(order.id, S::Completed).await;
    settled(&world).await;
    let audit = world.delegations_to(order.recipient).await;
    assert_eq!((audit.delegations, audit.undelegations, audit.out), (2, 2, audit.back), "{audit:?}");
    assert_eq!(compared(&world).await.differences, []);
    assert_eq!(repairs(&world).await.len(), 1);
}

#[actix_rt::test]
async fn money_that_leaves_a_pool_account_by_another_hand_is_a_difference() {
    let mut world = World::new().await;
    // What its owner stakes is found by the comparison, however slow the books are.
    world.settings.observe_interval = std::time::Duration::from_hours(10);
    world.start(None).await;
    world.until_observed().await;
    settled(&world).await;
    assert_eq!(compared(&world).await.differences, []);
    // It lends and takes back, and its owner stakes more of what he has: the blocks tell both.
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.mine_until(order.id, S::Completed).await;
    let owner = keys::pool_key(0);
    let stake = FreezeBalanceV2Contract {
        owner_address: owner.address().to_bytes().to_vec(),
        frozen_balance: 9_000_000,
        resource: ResourceCode::Energy.into(),
    };
    world.node.send(&owner, &stake, Options::default()).unwrap();
    settled(&world).await;
    // The account may have been read again since, for the rental's sake. Then there is nothing left to be found.
    let found = compared(&world).await.differences;
    assert!(!found.iter().any(|one| one.matter == Matter::PoolBalance), "{found:?}");
    if !found.is_empty() {
        until_repaired(&world, RepairState::Applied).await;
    }
    world.node.transfer(&owner, keys::test_address(5), 7_000_000).unwrap();
    settled(&world).await;
    let done = compared(&world).await;
    let found: Vec<_> = done.differences.iter().map(|one| (one.matter, one.class, one.account)).collect();
    assert_eq!(found, [(Matter::PoolBalance, Class::ExternalMovement, Some(owner.address()))]);
    assert_eq!(until_repaired(&world, RepairState::Proposed).await.kind, RepairKind::WriteOff);
    // It stays a difference. What goes then is one more, however much it is. Sales go on: the limit on what is burnt stops
    // them.
    assert_eq!(compared(&world).await.differences, done.differences);
    world.node.transfer(&owner, keys::test_address(5), 7_000_000).unwrap();
    settled(&world).await;
    let both = compared(&world).await.differences;
    assert_eq!((both.len(), &both[0]), (2, &done.differences[0]));
    let proposed: Vec<_> =
        repairs(&world).await.into_iter().filter(|one| one.state == RepairState::Proposed).collect();
    assert_eq!(proposed.len(), 2);
    // Whoever closes one closes that one.
    let first = proposed.iter().find(|one| one.difference == both[0]).unwrap();
    let store = &world.ports.store;
    store.decide_repair(first.id, Say::Approve(None), word(&world, "key_1")).await.unwrap();
    until_applied(&world, first.id).await;
    assert_eq!(compared(&world).await.differences, both[1..]);
    assert!(world.ports.store.open_halts().await.unwrap().is_empty());
}

#[actix_rt::test]
async fn money_that_leaves_the_refund_account_by_another_hand_is_a_difference() {
    let world = World::running().await;
    world.until_observed().await;
    settled(&world).await;
    assert_eq!(compared(&world).await.differences, []);
    // Its owner fills it up: that is expected.
    world.node.transfer(&keys::test_key(0), refund_address(), 9_000_000).unwrap();
    settled(&world).await;
    assert_eq!(compared(&world).await.differences, []);
    let key = keys::test_key(keys::TEST_ACCOUNTS - 2);
    assert_eq!(key.address(), refund_address());
    // A contract call moves it, which is no transfer that the blocks say is ours.
    world.node.transfer_by_contract(&key, keys::test_address(5), 7_000_000).unwrap();
    settled(&world).await;
    let found: Vec<_> =
        compared(&world).await.differences.iter().map(|one| (one.matter, one.class)).collect();
    assert_eq!(found, [(Matter::RefundAccount, Class::ExternalMovement)]);
    // Who says no has not closed it: it stays, and somebody is asked again.
    let proposed = until_repaired(&world, RepairState::Proposed).await;
    world.ports.store.decide_repair(proposed.id, Say::Reject, word(&world, "key_1")).await.unwrap();
    assert_eq!(compared(&world).await.differences.len(), 1);
    let proposed = until_repaired(&world, RepairState::Proposed).await;
    world.ports.store.decide_repair(proposed.id, Say::Approve(None), word(&world, "key_1")).await.unwrap();
    until_applied(&world, proposed.id).await;
    assert_eq!(compared(&world).await.differences, []);
}
