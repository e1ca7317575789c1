//! What waits for a person: what the guard, a rule or an operator holds, who may let it go, where to, and who must agree.

use crate::{
    refunds::{APPROVE, operator},
    world::{World, payment_address},
};
use leyden_domain::{
    Address, Asset, Span, Sun, UsdtMicro,
    operation::RefusalMeaning,
    order::{CountRule, OrderEvent, OrderState, OrderStateKind as S, RefundReason},
    payment::PaymentState,
    refund::{
        Amounts, OperatorAction, OperatorRefusal, RefundHold, RefundState, RefundStateKind as K, SpendGuard,
    },
};
use leyden_ports::store::{RefundTarget, WishError};
use leyden_sim::keys;

#[actix_rt::test]
async fn the_guard_holds_what_is_too_much_until_an_operator_lets_it_go() {
    let world = World::refunding(|refunds| {
        let most = Amounts { trx: Sun::from_trx(10), usdt: UsdtMicro::ZERO };
        refunds.policy.guard = SpendGuard { per_hour: most, ..SpendGuard::default() };
    })
    .await;
    world.pay(1, Sun::new(7_777_777));
    world.mine_until_refund(K::Refunded).await;
    world.pay(2, Sun::new(6_666_666));
    world
        .mine_while("the guard does not trip", async |world| {
            !world.refunds().await.iter().any(|r| r.state.kind() == K::Held)
        })
        .await;
    let held = world.refunds().await.into_iter().find(|r| r.state.kind() == K::Held).unwrap();
    assert!(matches!(held.state, RefundState::Held { why: RefundHold::Guard { .. }, retry_at: None }));
    for _ in 0..10 {
        world.block().await;
    }
    assert!(world.sent_to(keys::test_address(2), Asset::Trx).await.is_empty());
    let target = RefundTarget::Refund(held.id);
    let asked = world.handles().refund_wish(target, OperatorAction::Release, operator(1)).await.unwrap();
    assert!(!asked.refund.guard_waived && asked.is_proposed, "one person alone waives no guard");
    let approve = OperatorAction::Approve { version: asked.refund.version };
    let released = world.handles().refund_wish(target, approve, operator(2)).await.unwrap();
    assert!(released.refund.guard_waived && !released.is_proposed);
    world
        .mine_while("it is not sent", async |world| {
            world.sent_to(keys::test_address(2), Asset::Trx).await.is_empty()
        })
        .await;
    assert_eq!(world.sent_to(keys::test_address(2), Asset::Trx).await, [6_566_666]);
    world.assert_books().await;
}

#[actix_rt::test]
async fn a_denied_payer_waits_for_an_operator_who_sets_an_address() {
    let mut world = World::new().await;
    world.settings.refunds.policy.denied.insert(keys::test_address(1));
    world.settings.matching.denied_senders.insert(keys::test_address(1));
    world.start(None).await;
    world.pay(1, Sun::new(7_777_777));
    let held = world.mine_until_refund(K::Held).await;
    assert!(matches!(held.state, RefundState::Held { why: RefundHold::DeniedAddress, .. }));
    let ours = OperatorAction::SetAddress { to: payment_address() };
    assert_eq!(world.wish(ours, 1).await, Err(WishError::Refused(OperatorRefusal::Address)));
    let to = keys::test_address(2);
    let asked = world.wish(OperatorAction::SetAddress { to }, 1).await.unwrap();
    assert_eq!((asked.to, asked.proposal.is_some()), (keys::test_address(1), true), "however little it is");
    for _ in 0..10 {
        world.block().await;
    }
    assert!(world.sent_to(to, Asset::Trx).await.is_empty());
    let set = world.wish(APPROVE, 2).await.unwrap();
    assert_eq!((set.to, set.state), (to, RefundState::Due));
    world.mine_until_refund(K::Refunded).await;
    assert_eq!(world.sent_to(to, Asset::Trx).await, [7_677_777]);
    assert!(world.sent_to(keys::test_address(1), Asset::Trx).await.is_empty());
    world.assert_books().await;
}

#[actix_rt::test]
async fn a_large_one_needs_two_people_and_nobody_is_both() {
    let world = World::refunding(|refunds| {
        refunds.policy.four_eyes_above = Amounts { trx: Sun::from_trx(5), usdt: UsdtMicro::ZERO };
    })
    .await;
    world.pay(1, Sun::new(7_777_777));
    let held = world.mine_until_refund(K::Held).await;
    assert!(matches!(held.state, RefundState::Held { why: RefundHold::NeedsApproval, .. }));
    let to = keys::test_address(2);
    let proposed = world.wish(OperatorAction::SetAddress { to }, 1).await.unwrap();
    assert!(proposed.proposal.is_some() && proposed.to == keys::test_address(1));
    assert_eq!(world.wish(APPROVE, 1).await, Err(WishError::Refused(OperatorRefusal::Own)));
    let release = world.wish(OperatorAction::Release, 2).await;
    assert_eq!(release, Err(WishError::Refused(OperatorRefusal::AlreadyProposed)));
    world.wish(APPROVE, 2).await.unwrap();
    // They have seen where it goes and how much it is.
    world.mine_until_refund(K::Refunded).await;
    assert_eq!(world.sent_to(to, Asset::Trx).await, [7_677_777]);
    world.assert_books().await;
}

#[actix_rt::test]
async fn an_operator_assigns_what_matched_nothing_to_an_order_that_waits() {
    let world = World::refunding(|refunds| refunds.policy.suspense_delay = Span::from_secs(600)).await;
    let order = world.order(0, CountRule::Open { max: 3 }).await;
    world.pay(1, Sun::new(3_777_777));
    world.mine_until_refund(K::Waiting).await;
    world.wish(OperatorAction::Assign { order: order.id }, 1).await.unwrap();
    world.mine_until(order.id, S::Completed).await;
    let payment = &world.payments().await[0];
    assert_eq!(payment.state, PaymentState::Settles { order: order.id, count: 2, excess: Sun::new(777_777) });
    // What is less than one more transfer goes back after all.
    world.mine_until_refund(K::Refunded).await;
    assert_eq!(world.sent_to(keys::test_address(1), Asset::Trx).await, [677_777]);
    world.assert_served_once(0).await;
}

#[actix_rt::test]
async fn an_operator_orders_the_refund_of_an_order_that_is_not_served() {
    let world = World::sold_out(|settings| settings.capacity_patience = Span::from_hours(10)).await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    let refused = world.handles().refund_order(order.id, &operator(1)).await;
    assert!(matches!(refused, Err(leyden_actors::RefundOrderError::NotPaid(_))), "{refused:?}");
    world.pay(0, order.amount_due(1).unwrap());
    world.mine_until(order.id, S::Funded).await;
    world.handles().refund_order(order.id, &operator(1)).await.unwrap();
    world.handles().refund_order(order.id, &operator(1)).await.unwrap();
    world.mine_until(order.id, S::Refunded).await;
    let why = match world.detail(order.id).await.order.state {
        OrderState::Refunded { why, .. } => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(why, RefundReason::OperatorKey { key: operator(1).key });
    assert_eq!(world.sent_to(keys::test_address(0), Asset::Trx).await.len(), 1);
    world.assert_books().await;
}

#[actix_rt::test]
async fn an_order_held_while_its_money_is_due_waits_for_its_release() {
    let mut world = World::sold_out(|settings| settings.refunds.policy.enabled = false).await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.mine_until(order.id, S::RefundDue).await;
    let held = world.mine_until_refund(K::Held).await;
    assert!(matches!(held.state, RefundState::Held { why: RefundHold::NoKey, retry_at: Some(_) }));
    world.decide(order.id, &OrderEvent::Hold(leyden_domain::order::HoldReason::Operator)).await;
    world.stop().await;
    world.settings.refunds.policy.enabled = true;
    world.start(None).await;
    for _ in 0..40 {
        world.block().await;
    }
    assert!(world.sent_to(keys::test_address(0), Asset::Trx).await.is_empty());
    world.handles().release_order(order.id, "looked at").await.unwrap();
    world.mine_until(order.id, S::Refunded).await;
    world.assert_books().await;
}

#[actix_rt::test]
async fn what_is_read_while_nothing_may_be_signed_waits_for_a_person() {
    let mut world = World::new().await;
    world.settings.observe_only = true;
    world.start(None).await;
    world.pay(1, Sun::new(7_777_777));
    let held = world.mine_until_refund(K::Held).await;
    assert!(
        matches!(held.state, RefundState::Held { why: RefundHold::ReadLate, retry_at: None }),
        "{held:?}"
    );
    world.stop().await;
    world.settings.observe_only = false;
    world.start(None).await;
    for _ in 0..60 {
        world.block().await;
    }
    assert!(world.sent_to(keys::test_address(1), Asset::Trx).await.is_empty());
    world.wish(OperatorAction::Release, 1).await.unwrap();
    world.mine_until_refund(K::Refunded).await;
    assert_eq!(world.sent_to(keys::test_address(1), Asset::Trx).await, [7_677_777]);
    world.assert_books().await;
}

#[actix_rt::test]
async fn an_address_that_is_set_is_looked_at_as_the_payers_is() {
    let mut world = World::new().await;
    world.settings.refunds.policy.denied.insert(keys::test_address(1));
    world.settings.matching.denied_senders.insert(keys::test_address(1));
    world.start(None).await;
    world.pay(1, Sun::new(7_777_777));
    world.mine_until_refund(K::Held).await;
    // Nobody has ever sent anything there.
    let to = Address::from_evm([0x77; 20]);
    world.wish(OperatorAction::SetAddress { to }, 1).await.unwrap();
    world.wish(APPROVE, 2).await.unwrap();
    let held = world.mine_until_refund(K::Held).await;
    assert!(matches!(held.state, RefundState::Held { why: RefundHold::InactiveAddress, .. }), "{held:?}");
    // A pool account that only the books know, and the token's own contract, are ours as well.
    for to in [keys::pool_address(0), world.settings.refunds.usdt_contract] {
        let refused = world.wish(OperatorAction::SetAddress { to }, 1).await;
        assert_eq!(refused, Err(WishError::Refused(OperatorRefusal::Address)));
    }
    world.wish(OperatorAction::Release, 1).await.unwrap();
    world.mine_until_refund(K::Refunded).await;
    assert_eq!(world.sent_to(to, Asset::Trx).await, [7_677_777]);
    world.assert_books().await;
}

#[actix_rt::test]
async fn a_contract_that_takes_no_transfer_is_offered_one_transaction_and_then_waits() {
    let world = World::refunding(|_| {}).await;
    assert!(world.settings.refunds.max_attempts > 1);
    world.node.stake_energy(keys::test_address(0), Sun::from_trx(20_000).get()).unwrap();
    world.block().await;
    world.node.transfer_by_contract(&keys::test_key(0), payment_address(), 7_777_777).unwrap();
    let held = world.mine_until_refund(K::Held).await;
    assert!(matches!(held.state, RefundState::Held { why: RefundHold::ContractAddress, .. }), "{held:?}");
    // A person lets it go all the same, and the chain refuses it.
    world.wish(OperatorAction::Release, 1).await.unwrap();
    let held = world.mine_until_refund(K::Held).await;
    let meaning = RefusalMeaning::ReceiverUnusable;
    assert_eq!(held.state, RefundState::Held { why: RefundHold::Refused { meaning }, retry_at: None });
    let detail = world.ports.store.refund_detail(held.id).await.unwrap().unwrap();
    let attempts: Vec<_> = detail.transfers.iter().map(|(operation, _)| operation.attempts).collect();
    assert_eq!(attempts, [1], "what is proven to be refused is not signed again");
    for _ in 0..10 {
        world.block().await;
    }
    assert_eq!(world.refund().await.state, held.state);
    // To another address it goes.
    let to = keys::test_address(2);
    world.wish(OperatorAction::SetAddress { to }, 1).await.unwrap();
    world.wish(APPROVE, 2).await.unwrap();
    world.mine_until_refund(K::Refunded).await;
    assert_eq!(world.sent_to(to, Asset::Trx).await, [7_677_777]);
    world.assert_books().await;
}
