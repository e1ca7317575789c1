//! Orders: made once, changed only by transitions.

use crate::kit::{
    Kit, address, block, commit, head, key_id, new, next, order, order_id, payment, slot, till,
};
use leyden_domain::{
    Asset, Sun,
    order::{Channel, CountRule, Order, OrderEvent, OrderState, OrderStateKind, Party},
    payment::{Payment, PaymentState, SuspenseReason},
};
use leyden_ports::store::{
    CreateRefusal, Created, IdempotencyClaim, IdempotencyKey, NewOrder, OrderCommit, OrderFilter, Page,
    StoreError,
};

fn wishing(n: u64, tails: &[i64]) -> NewOrder {
    NewOrder { tails: tails.iter().copied().map(Sun::new).collect(), ..new(order(n)) }
}

async fn tail(kit: &Kit, wish: NewOrder) -> Result<i64, CreateRefusal> {
    match kit.store.create_order(wish).await? {
        Created::Fresh(order) => Ok(order.tail.get()),
        Created::Replayed(order) => panic!("{} was made before", order.id),
    }
}

pub(crate) async fn the_first_free_tail_is_taken(kit: &Kit) {
    assert_eq!(tail(kit, wishing(1, &[5, 6])).await, Ok(5));
    assert_eq!(tail(kit, wishing(2, &[5, 6])).await, Ok(6));
    assert_eq!(kit.order(order_id(2)).await.tail, Sun::new(6));
    // Over all prices: an amount must name one order.
    let mut dearer = wishing(3, &[5, 7]);
    dearer.order.unit_price = Sun::new(4_000_000);
    assert_eq!(tail(kit, dearer).await, Ok(7));
    let mut elsewhere = wishing(4, &[5, 7]);
    elsewhere.order.payment_address = address(9_001);
    assert_eq!(tail(kit, elsewhere).await, Ok(5));
}

pub(crate) async fn the_smallest_free_tail_is_the_last_resort(kit: &Kit) {
    assert_eq!(tail(kit, wishing(1, &[2])).await, Ok(2));
    assert_eq!(tail(kit, wishing(2, &[2])).await, Ok(1));
    assert_eq!(tail(kit, wishing(3, &[2])).await, Ok(3));
    assert_eq!(tail(kit, wishing(4, &[9])).await, Ok(9));
    assert_eq!(tail(kit, wishing(5, &[9])).await, Ok(4));
    // A wish beyond the largest tail is none.
    assert_eq!(tail(kit, wishing(6, &[10_000, 0])).await, Ok(5));
}

pub(crate) async fn tails_run_out(kit: &Kit) {
    for n in 1..=3 {
        let wish = NewOrder { largest_tail: Sun::new(3), ..wishing(n, &[3]) };
        tail(kit, wish).await.unwrap();
    }
    let wish = NewOrder { largest_tail: Sun::new(3), ..wishing(4, &[1, 2, 3]) };
    assert_eq!(tail(kit, wish).await, Err(CreateRefusal::TailsExhausted));
    assert_eq!(kit.store.order(order_id(4)).await, Ok(None));
}

pub(crate) async fn an_order_without_wishes_keeps_its_tail(kit: &Kit) {
    assert_eq!(tail(kit, new(order(1))).await, Ok(101));
    let same = Order { tail: Sun::new(101), ..order(2) };
    assert_eq!(tail(kit, new(same)).await, Err(CreateRefusal::TailsExhausted));
    // The same id again is a defect, and says so.
    let again = Order { tail: Sun::new(55), ..order(1) };
    assert!(matches!(tail(kit, new(again)).await, Err(CreateRefusal::Store(StoreError::Rule(_)))));
}

pub(crate) async fn too_many_are_refused(kit: &Kit) {
    kit.create(order(1)).await;
    kit.create(order(2)).await;
    let full = NewOrder { max_open: 2, ..new(order(3)) };
    assert_eq!(tail(kit, full.clone()).await, Err(CreateRefusal::TooManyOpen));
    kit.step(order_id(1), OrderEvent::Cancelled(Party::Customer)).await.unwrap();
    assert!(tail(kit, full).await.is_ok());
    let counts = kit.store.count_orders().await.unwrap();
    assert_eq!(counts, [(OrderStateKind::AwaitingPayment, 2), (OrderStateKind::Cancelled, 1)]);
}

pub(crate) async fn a_key_makes_one_order(kit: &Kit) {
    let key = IdempotencyKey {
        caller: "key_1".to_owned(),
        route: "POST /orders".to_owned(),
        key: "abc".to_owned(),
        body_hash: [1; 32],
        at: slot(1),
    };
    let with = |n, key: &IdempotencyKey| NewOrder { idempotency: Some(key.clone()), ..new(order(n)) };
    assert_eq!(kit.store.claim_idempotency(&key).await, Ok(IdempotencyClaim::Unused));
    let Created::Fresh(first) = kit.store.create_order(with(1, &key)).await.unwrap() else {
        panic!("not made");
    };
    assert_eq!(kit.store.claim_idempotency(&key).await, Ok(IdempotencyClaim::Order(first.id)));
    assert_eq!(kit.store.create_order(with(2, &key)).await, Ok(Created::Replayed(first.clone())));
    assert_eq!(kit.store.order(order_id(2)).await, Ok(None));

    let other = IdempotencyKey { body_hash: [2; 32], ..key.clone() };
    assert_eq!(kit.store.claim_idempotency(&other).await, Ok(IdempotencyClaim::OtherBody));
    assert_eq!(kit.store.create_order(with(3, &other)).await, Err(CreateRefusal::KeyReused));
    let elsewhere = IdempotencyKey { caller: "key_2".to_owned(), ..key.clone() };
    assert!(matches!(kit.store.create_order(with(4, &elsewhere)).await, Ok(Created::Fresh(_))));
    // An order that was refused leaves its key unused.
    let fresh = IdempotencyKey { key: "def".to_owned(), ..key };
    let refused = NewOrder { max_open: 0, ..with(5, &fresh) };
    assert_eq!(kit.store.create_order(refused).await, Err(CreateRefusal::TooManyOpen));
    assert_eq!(kit.store.claim_idempotency(&fresh).await, Ok(IdempotencyClaim::Unused));
}

pub(crate) async fn a_transition_is_committed_once(kit: &Kit) {
    let order = kit.create(order(1)).await;
    let cancel = next(&order, &OrderEvent::Cancelled(Party::Operator));
    let cancel = OrderCommit { note: Some("asked for".to_owned()), ..commit(vec![cancel]) };
    kit.store.commit_order(cancel.clone()).await.unwrap();
    assert_eq!(kit.store.commit_order(cancel).await, Err(StoreError::Conflict("order")));
    let late = next(&order, &OrderEvent::DeadlinePassed);
    assert_eq!(kit.store.commit_order(commit(vec![late])).await, Err(StoreError::Conflict("order")));

    let now = kit.order(order.id).await;
    assert_eq!(now.state, OrderState::Cancelled { at: slot(2), by: Party::Operator });
    assert_eq!((now.version, now.updated_at), (2, slot(2)));
    let lines = kit.store.timeline(order.id).await.unwrap();
    let told: Vec<_> =
        lines.iter().map(|l| (l.sequence, l.event.as_str(), l.from, l.to, l.note.as_deref())).collect();
    let (open, ended) = (OrderStateKind::AwaitingPayment, OrderStateKind::Cancelled);
    assert_eq!(
        told,
        [(1, "created", None, open, None), (2, "cancelled", Some(open), ended, Some("asked for")),]
    );
    assert_eq!((lines[1].at, lines[1].recorded_at), (slot(2), slot(1)));
}

pub(crate) async fn transitions_commit_as_one(kit: &Kit) {
    let order = kit.create(order(1)).await;
    let hold = next(&order, &OrderEvent::Hold(leyden_domain::order::HoldReason::Operator));
    let release = next(&hold.order, &OrderEvent::Release);
    let cancel = next(&release.order, &OrderEvent::Cancelled(Party::Operator));
    kit.store.commit_order(commit(vec![hold.clone(), release.clone(), cancel])).await.unwrap();
    assert_eq!(kit.order(order.id).await.version, 4);
    assert_eq!(kit.store.timeline(order.id).await.unwrap().len(), 4);
    assert_eq!(kit.store.count_orders().await.unwrap(), [(OrderStateKind::Cancelled, 1)]);

    // A chain with a hole in it is not written in part.
    let other = kit.create(super::kit::order(2)).await;
    let hold = next(&other, &OrderEvent::Hold(leyden_domain::order::HoldReason::Operator));
    let broken = commit(vec![hold.clone(), hold]);
    assert_eq!(kit.store.commit_order(broken).await, Err(StoreError::Conflict("order")));
    assert_eq!(kit.order(other.id).await, other);
    assert_eq!(kit.store.timeline(other.id).await.unwrap().len(), 1);
}

pub(crate) async fn an_empty_commit_is_refused(kit: &Kit) {
    assert!(matches!(kit.store.commit_order(commit(Vec::new())).await, Err(StoreError::Rule(_))));
}

pub(crate) async fn an_unpaid_order_may_expire(kit: &Kit) {
    kit.create(order(1)).await;
    kit.step(order_id(1), OrderEvent::DeadlinePassed).await.unwrap();
    assert_eq!(kit.order(order_id(1)).await.state, OrderState::Expired { at: slot(2) });
    assert_eq!(kit.store.open_orders().await, Ok(Vec::new()));
}

pub(crate) async fn an_order_with_a_payment_may_not(kit: &Kit) {
    let made = kit.create(order(1)).await;
    kit.block(1, 0, vec![payment(1, 3_000_101)]).await;
    assert!(kit.settle(payment(1, 0).id, made.id).await);
    for event in [OrderEvent::DeadlinePassed, OrderEvent::Cancelled(Party::Customer)] {
        assert_eq!(kit.step(made.id, event).await, Err(StoreError::Conflict("order")));
    }
    // Nothing of the refused transition was written.
    assert_eq!(kit.order(made.id).await, made);
    assert_eq!(kit.store.timeline(made.id).await.unwrap().len(), 1);
    assert_eq!(kit.store.count_orders().await.unwrap(), [(OrderStateKind::AwaitingPayment, 1)]);
}

pub(crate) async fn an_undone_payment_is_unassigned(kit: &Kit) {
    let made = kit.create(order(1)).await;
    kit.blocks(1..=1).await;
    let paid = payment(1, 3_000_101);
    kit.block(2, 0, vec![paid.clone()]).await;
    assert!(kit.settle(paid.id, made.id).await);
    kit.store.rewind(head(1, 0).block, slot(3)).await.unwrap();
    kit.step(made.id, OrderEvent::DeadlinePassed).await.unwrap();
    assert_eq!(kit.payment(paid.id).await.state, PaymentState::Unrouted);
    assert_eq!(kit.store.order_detail(made.id).await.unwrap().unwrap().payment, None);
    // Should it come back, it is matched anew.
    let back = block(2, 1, vec![paid.clone()], Vec::new());
    kit.store.record_blocks(vec![back], head(0, 0), slot(4)).await.unwrap();
    let unrouted = kit.store.unrouted_payments(10).await.unwrap();
    assert_eq!(unrouted.iter().map(|u| u.payment.id).collect::<Vec<_>>(), [paid.id]);
}

pub(crate) async fn lists_are_filtered_and_paged(kit: &Kit) {
    for n in 1..=6_u64 {
        let owner = (n % 2 == 0).then(|| key_id(1));
        let user_id = (n > 3).then(|| "ada".to_owned());
        kit.create(Order { owner, user_id, ..order(n) }).await;
    }
    kit.step(order_id(2), OrderEvent::Cancelled(Party::Customer)).await.unwrap();
    let listed = async |filter: OrderFilter, page: Page| {
        let orders = kit.store.list_orders(&filter, &page).await.unwrap();
        orders.into_iter().map(|order| order.id).collect::<Vec<_>>()
    };
    let ids = |numbers: &[u64]| numbers.iter().copied().map(order_id).collect::<Vec<_>>();
    let all = Page { after: None, limit: 100 };
    assert_eq!(listed(OrderFilter::default(), all.clone()).await, ids(&[6, 5, 4, 3, 2, 1]));
    let own = OrderFilter { owner: Some(key_id(1)), ..OrderFilter::default() };
    assert_eq!(listed(own.clone(), all.clone()).await, ids(&[6, 4, 2]));
    let states = vec![OrderStateKind::Cancelled, OrderStateKind::Held];
    assert_eq!(listed(OrderFilter { states: states.clone(), ..own }, all.clone()).await, ids(&[2]));
    let recipient = OrderFilter { recipient: Some(address(1_003)), ..OrderFilter::default() };
    assert_eq!(listed(recipient, all.clone()).await, ids(&[3]));
    let user = OrderFilter { user_id: Some("ada".to_owned()), ..OrderFilter::default() };
    assert_eq!(listed(user, all.clone()).await, ids(&[6, 5, 4]));
    let span = OrderFilter {
        from: Some(order(2).created_at),
        to: Some(order(5).created_at),
        ..OrderFilter::default()
    };
    assert_eq!(listed(span, all).await, ids(&[4, 3, 2]));

    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = Page { after: after.clone(), limit: 4 };
        let orders = kit.store.list_orders(&OrderFilter::default(), &page).await.unwrap();
        let Some(oldest) = orders.last() else { break };
        after = Some((oldest.created_at, oldest.id.to_string()));
        seen.extend(orders.into_iter().map(|order| order.id));
    }
    assert_eq!(seen, ids(&[6, 5, 4, 3, 2, 1]));
}

pub(crate) async fn tails_are_released_late(kit: &Kit) {
    for n in 1..=3 {
        kit.create(Order { closes_at: slot(50 + i64::try_from(n).unwrap()), ..order(n) }).await;
    }
    kit.step(order_id(1), OrderEvent::DeadlinePassed).await.unwrap();
    kit.step(order_id(2), OrderEvent::DeadlinePassed).await.unwrap();
    assert_eq!(kit.store.release_tails(slot(51), 10).await, Ok(0));
    assert_eq!(kit.store.release_tails(slot(52), 10).await, Ok(1));
    assert_eq!(kit.store.release_tails(slot(52), 10).await, Ok(0));
    // Order 3 is still open: its tail stays taken whatever the clock says.
    assert_eq!(kit.store.release_tails(slot(1_000), 10).await, Ok(1));
    let reuse = |n, tail| Order { tail: Sun::new(tail), ..order(n) };
    kit.create(reuse(4, 101)).await;
    let taken = kit.store.create_order(new(reuse(5, 103))).await;
    assert_eq!(taken, Err(CreateRefusal::TailsExhausted));
    // A released tail names nobody any more; the one that took it is found.
    kit.block(60, 0, vec![payment(1, 3_000_101)]).await;
    let unrouted = kit.store.unrouted_payments(10).await.unwrap();
    assert_eq!(unrouted[0].candidates.iter().map(|c| c.order).collect::<Vec<_>>(), [order_id(4)]);
}

pub(crate) async fn terms_survive(kit: &Kit) {
    let full = Order {
        channel: Channel::EnergyFlash,
        id: leyden_domain::OrderId::flash(slot(0), [9; 10]),
        owner: Some(key_id(7)),
        chat_id: Some(-100_123),
        user_id: Some("用户".to_owned()),
        bound_sender: Some(address(77)),
        count: CountRule::Fixed { count: 3 },
        ..order(1)
    };
    assert_eq!(kit.create(full.clone()).await, full);
    assert_eq!(kit.order(full.id).await, full);
    assert_eq!(kit.store.open_orders().await, Ok(vec![(full.id, full.expires_at)]));
    assert_eq!(full.payment_address, till());
}

pub(crate) async fn a_tail_stays_while_its_payment_is_not_routed(kit: &Kit) {
    for n in 1..=3 {
        kit.create(Order { closes_at: slot(50), ..order(n) }).await;
        kit.step(order_id(n), OrderEvent::DeadlinePassed).await.unwrap();
    }
    kit.block(50, 0, vec![payment(1, 6_000_101)]).await;
    // In a block after the given time: none of these orders can be meant.
    kit.blocks(51..=55).await;
    kit.block(56, 0, vec![payment(2, 6_000_102)]).await;
    assert_eq!(kit.store.release_tails(slot(55), 10).await, Ok(2));
    let unrouted = kit.store.unrouted_payments(10).await.unwrap();
    assert_eq!(unrouted[0].candidates.iter().map(|c| c.order).collect::<Vec<_>>(), [order_id(1)]);
    let late = PaymentState::Late { order: order_id(1) };
    assert!(kit.route(payment(1, 0).id, late).await);
    assert_eq!(kit.store.release_tails(slot(55), 10).await, Ok(1));
}

pub(crate) async fn nor_one_whose_payment_is_not_routed(kit: &Kit) {
    let recipient = payment(2, 0).from;
    let (by_tail, by_payer) = (kit.create(order(1)).await, kit.create(Order { recipient, ..order(2) }).await);
    kit.block(40, 0, vec![payment(1, 6_000_101), payment(2, 3_000_000)]).await;
    for (n, made) in [(1, by_tail), (2, by_payer)] {
        for event in [OrderEvent::DeadlinePassed, OrderEvent::Cancelled(Party::Customer)] {
            assert_eq!(kit.step(made.id, event).await, Err(StoreError::Conflict("order")), "{n}");
        }
        assert_eq!(kit.order(made.id).await, made);
        // Somebody has looked, and it is not for this order after all.
        let lost = PaymentState::Suspense { reason: SuspenseReason::Ambiguous };
        assert!(kit.route(payment(n, 0).id, lost).await);
        kit.step(made.id, OrderEvent::DeadlinePassed).await.unwrap();
    }
}

pub(crate) async fn what_others_pay_does_not_matter(kit: &Kit) {
    kit.create(order(1)).await;
    let tether = Payment { asset: Asset::Usdt, ..payment(1, 3_000_101) };
    let elsewhere = Payment { to: address(9_001), ..payment(2, 3_000_101) };
    kit.block(39, 0, vec![tether, elsewhere, payment(3, 3_000_102), payment(4, 3_000_000)]).await;
    kit.block(40, 0, vec![payment(5, 3_000_101)]).await;
    kit.store.rewind(head(39, 0).block, slot(41)).await.unwrap();
    kit.blocks(40..=40).await;
    // One is undone, one came too late.
    kit.block(41, 0, vec![payment(6, 3_000_101)]).await;
    kit.step(order_id(1), OrderEvent::DeadlinePassed).await.unwrap();
}
