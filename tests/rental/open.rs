//! What comparisons find on our accounts stays a difference until the books explain it or a person has closed it, whatever
//! a node shows and however often it is compared.

use crate::{
    reconcile::{compared, hiding, repairs, settled, until_repaired},
    world::{World, payment_address},
};
use leyden_domain::{
    Sun,
    order::{CountRule, OrderStateKind as S},
    reconcile::{Class, Decision, Difference, Matter, Repair, RepairKind, RepairState, Say},
};
use leyden_sim::keys;
use std::sync::atomic::Ordering;

const NOTHING: [i64; 0] = [];

/// A contract pays this much into the payment address, and it becomes solid.
async fn contract_pays(world: &World, trx: Sun) {
    world.node.transfer_by_contract(&keys::test_key(0), payment_address(), trx.get()).unwrap();
    settled(world).await;
}

/// What a comparison finds too much on the payment addresses.
async fn too_much(world: &World) -> Vec<i64> {
    let found = compared(world).await.differences;
    assert!(found.iter().all(|one| (one.matter, one.class) == (Matter::Payments, Class::MissedEvent)));
    found.iter().map(Difference::excess).collect()
}

/// Compares until a repair of this kind has become this for a difference of so much.
async fn until(world: &World, kind: RepairKind, state: RepairState, excess: i64) -> Repair {
    for _ in 0..10 {
        let wanted = |one: &Repair| (one.kind, one.state, one.difference.excess()) == (kind, state, excess);
        if let Some(repair) = repairs(world).await.into_iter().find(wanted) {
            return repair;
        }
        compared(world).await;
        world.block().await;
    }
    panic!("{} of {excess} was never {}: {:#?}", kind.name(), state.name(), repairs(world).await);
}

async fn say(world: &World, repair: &Repair, say: Say) {
    let decision = Decision { at: world.ports.clock.now(), by: "key_1".into(), reason: "found out".into() };
    world.ports.store.decide_repair(repair.id, say, decision).await.unwrap();
    world.handles().hint_reconciler();
}

#[actix_rt::test]
async fn a_payment_that_no_node_shows_stays_a_difference_until_a_person_closes_it() {
    let (mut world, hides) = hiding(None).await;
    hides.internal.store(true, Ordering::Relaxed);
    hides.everywhere.store(true, Ordering::Relaxed);
    settled(&world).await;
    assert_eq!(too_much(&world).await, NOTHING);
    contract_pays(&world, Sun::from_trx(5)).await;
    assert_eq!(too_much(&world).await, [5_000_000]);
    until_repaired(&world, RepairState::Failed).await;
    // Found by each comparison, and one difference all the same.
    for _ in 0..3 {
        assert_eq!(too_much(&world).await, [5_000_000]);
    }
    until(&world, RepairKind::WriteOff, RepairState::Proposed, 5_000_000).await;
    assert_eq!(repairs(&world).await.len(), 2);
    world.stop().await;
    world.start(None).await;
    world.until_observed().await;
    settled(&world).await;
    assert_eq!(too_much(&world).await, [5_000_000]);
    // What comes later is another, and is not closed with it.
    contract_pays(&world, Sun::from_trx(3)).await;
    assert_eq!(too_much(&world).await, [5_000_000, 3_000_000]);
    let proposed = until(&world, RepairKind::WriteOff, RepairState::Proposed, 5_000_000).await;
    say(&world, &proposed, Say::Approve(None)).await;
    until(&world, RepairKind::WriteOff, RepairState::Applied, 5_000_000).await;
    assert_eq!(too_much(&world).await, [3_000_000]);
    let open = world.ports.store.open_differences().await.unwrap();
    assert_eq!(open.iter().map(|open| open.left.excess()).collect::<Vec<_>>(), [3_000_000]);
    // A payment that is seen explains nothing of it.
    let order = world.order(1, CountRule::Fixed { count: 2 }).await;
    world.pay(1, order.amount_due(2).unwrap());
    world.mine_until(order.id, S::Completed).await;
    settled(&world).await;
    assert_eq!(too_much(&world).await, [3_000_000]);
    // Somebody adds a node that shows it, and has it looked for.
    hides.everywhere.store(false, Ordering::Relaxed);
    let proposed = until(&world, RepairKind::WriteOff, RepairState::Proposed, 3_000_000).await;
    say(&world, &proposed, Say::Approve(Some(RepairKind::RereadBlocks))).await;
    until(&world, RepairKind::RereadBlocks, RepairState::Applied, 3_000_000).await;
    assert_eq!(too_much(&world).await, NOTHING);
    let paid: Vec<_> = world.payments().await.iter().map(|payment| payment.amount).collect();
    assert!(paid.contains(&3_000_000), "{paid:?}");
    assert!(world.ports.store.open_halts().await.unwrap().is_empty(), "sales go on");
    world.assert_books().await;
}

#[actix_rt::test]
async fn what_one_of_several_nodes_shows_is_found_and_served() {
    let (world, hides) = hiding(None).await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    settled(&world).await;
    assert_eq!(too_much(&world).await, NOTHING);
    hides.internal.store(true, Ordering::Relaxed);
    contract_pays(&world, order.amount_due(1).unwrap()).await;
    assert_eq!(world.state(order.id).await, S::AwaitingPayment, "nobody saw it");
    assert_eq!(too_much(&world).await, [order.amount_due(1).unwrap().get()]);
    assert_eq!(until_repaired(&world, RepairState::Applied).await.kind, RepairKind::RereadBlocks);
    assert_eq!(world.ports.store.open_differences().await, Ok(Vec::new()), "the books explain it");
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(0).await;
    assert_eq!(too_much(&world).await, NOTHING);
}

/// One sun is no payment, and explains what is on the address all the same where a node shows it.
#[actix_rt::test]
async fn a_single_sun_stays_until_a_node_shows_it() {
    let (world, hides) = hiding(None).await;
    hides.internal.store(true, Ordering::Relaxed);
    hides.everywhere.store(true, Ordering::Relaxed);
    settled(&world).await;
    assert_eq!(too_much(&world).await, NOTHING);
    contract_pays(&world, Sun::new(1)).await;
    let proposed = until(&world, RepairKind::WriteOff, RepairState::Proposed, 1).await;
    // Who says no has not closed it: its blocks are read again.
    hides.everywhere.store(false, Ordering::Relaxed);
    say(&world, &proposed, Say::Reject).await;
    until(&world, RepairKind::RereadBlocks, RepairState::Applied, 1).await;
    assert_eq!(too_much(&world).await, NOTHING);
    assert_eq!(world.payments().await, []);
    world.assert_books().await;
}

/// What is missing is found although its owner took more than that at the same time.
#[actix_rt::test]
async fn what_its_owner_takes_hides_nothing() {
    let (world, hides) = hiding(None).await;
    hides.internal.store(true, Ordering::Relaxed);
    settled(&world).await;
    assert_eq!(too_much(&world).await, NOTHING);
    let owner = keys::test_key(keys::TEST_ACCOUNTS - 1);
    world.node.transfer(&owner, keys::test_address(5), 7_000_000).unwrap();
    contract_pays(&world, Sun::from_trx(5)).await;
    let [found] = too_much(&world).await[..] else { panic!("{:?}", repairs(&world).await) };
    assert!((3_600_000..=5_000_000).contains(&found), "all but a fee: {found}");
    until_repaired(&world, RepairState::Applied).await;
    assert_eq!(world.payments().await.len(), 1);
    assert_eq!(too_much(&world).await, NOTHING);
}
