//! Payments: found by amount or sender, routed once.

use crate::kit::{Kit, PRICE, address, delivery, funding, head, order, order_id, payment, slot};
use leyden_domain::{
    Asset, OrderId, Sun,
    order::{Channel, Order, OrderEvent, OrderState, OrderStateKind},
    payment::{Payment, PaymentState, SuspenseReason},
};
use leyden_ports::store::{OrderWait, Page, PaymentFilter, Routing};

async fn candidates(kit: &Kit, id: u64) -> Vec<OrderId> {
    let unrouted = kit.store.unrouted_payments(100).await.unwrap();
    let found = unrouted.into_iter().find(|u| u.payment.id == payment(id, 0).id).unwrap();
    found.candidates.into_iter().map(|candidate| candidate.order).collect()
}

fn routing(n: u64, state: PaymentState) -> Routing {
    Routing { payment: payment(n, 0).id, state, new_order: None }
}

pub(crate) async fn candidates_by_tail_and_sender(kit: &Kit) {
    // 1: by tail. 2: by recipient, for a plain multiple. 3: by nothing: that somebody named the payer proves nothing.
    for n in 1..=4 {
        let bound_sender = (n == 3).then(|| address(2_001));
        let recipient = if n == 2 { address(2_001) } else { address(1_000 + n) };
        kit.create(Order { bound_sender, recipient, ..order(n) }).await;
    }
    let twice = Payment { amount: PRICE.get() * 2 + 101, ..payment(1, 1) };
    let plain = Payment { from: address(2_001), ..payment(2, PRICE.get()) };
    let elsewhere = Payment { to: address(9_001), ..payment(3, PRICE.get() + 101) };
    // After the time of all, so that they may end all the same.
    kit.block(41, 0, vec![twice.clone(), plain, elsewhere]).await;
    assert_eq!(candidates(kit, 1).await, [order_id(1)]);
    assert_eq!(candidates(kit, 2).await, [order_id(2)]);
    assert_eq!(candidates(kit, 3).await, []);
    let unrouted = kit.store.unrouted_payments(1).await.unwrap();
    assert_eq!(unrouted.len(), 1);
    assert_eq!(unrouted[0].payment, Payment { block: Some(delivery(41, 0)), ..twice });
    assert_eq!(unrouted[0].candidates[0], order(1).expectation());

    // One that ended is found by its tail still, by its sender no more.
    kit.step(order_id(1), OrderEvent::DeadlinePassed).await.unwrap();
    kit.step(order_id(2), OrderEvent::DeadlinePassed).await.unwrap();
    assert_eq!(candidates(kit, 1).await, [order_id(1)]);
    assert_eq!(candidates(kit, 2).await, []);
}

pub(crate) async fn another_price_does_not_fit(kit: &Kit) {
    let dear = Order { unit_price: Sun::new(5_000_000), ..order(1) };
    kit.create(dear).await;
    kit.create(order(2)).await;
    // 101 over a multiple of 3 TRX, which is no multiple of 5 TRX: the tail of order 1 under the price of order 2.
    kit.block(1, 0, vec![payment(1, 3_000_101), payment(2, 15_000_101), payment(3, 15_000_102)]).await;
    assert_eq!(candidates(kit, 1).await, []);
    assert_eq!(candidates(kit, 2).await, [order_id(1)]);
    assert_eq!(candidates(kit, 3).await, [order_id(2)]);
}

pub(crate) async fn routed_once(kit: &Kit) {
    kit.block(1, 0, vec![payment(1, 5), payment(2, 7)]).await;
    let lost = PaymentState::Suspense { reason: SuspenseReason::NoOrder };
    let both = vec![routing(1, lost), routing(2, lost), routing(3, lost)];
    let routed = kit.store.route_payments(both, slot(1)).await.unwrap();
    assert_eq!(routed, [payment(1, 0).id, payment(2, 0).id]);
    assert_eq!(kit.store.route_payments(vec![routing(1, lost)], slot(1)).await, Ok(Vec::new()));
    assert!(kit.store.unrouted_payments(10).await.unwrap().is_empty());
}

pub(crate) async fn an_undone_payment_waits(kit: &Kit) {
    kit.blocks(1..=1).await;
    kit.block(2, 0, vec![payment(1, 5)]).await;
    kit.store.rewind(head(1, 0).block, slot(2)).await.unwrap();
    let lost = PaymentState::Suspense { reason: SuspenseReason::NoOrder };
    assert_eq!(kit.store.route_payments(vec![routing(1, lost)], slot(2)).await, Ok(Vec::new()));
    assert!(kit.store.unrouted_payments(10).await.unwrap().is_empty());
    assert_eq!(kit.payment(payment(1, 0).id).await.block, None);
}

pub(crate) async fn one_payment_settles(kit: &Kit) {
    let made = kit.create(order(1)).await;
    kit.block(1, 0, vec![payment(1, 3_000_101), payment(2, 3_000_101)]).await;
    let settles = |n| routing(n, PaymentState::Settles { order: made.id, count: 1, excess: Sun::ZERO });
    let routed = kit.store.route_payments(vec![settles(1), settles(2)], slot(1)).await.unwrap();
    assert_eq!(routed, [payment(1, 0).id]);
    assert_eq!(kit.payment(payment(2, 0).id).await.state, PaymentState::Unrouted);
    let detail = kit.store.order_detail(made.id).await.unwrap().unwrap();
    assert_eq!(detail.payment.unwrap().id, payment(1, 0).id);
    // Nor does it settle one that no longer waits.
    kit.create(order(2)).await;
    kit.step(order_id(2), OrderEvent::DeadlinePassed).await.unwrap();
    let late = routing(2, PaymentState::Settles { order: order_id(2), count: 1, excess: Sun::ZERO });
    assert_eq!(kit.store.route_payments(vec![late], slot(1)).await, Ok(Vec::new()));
}

pub(crate) async fn a_sale_without_an_order(kit: &Kit) {
    let plain = payment(1, PRICE.get());
    kit.block(1, 0, vec![plain.clone()]).await;
    let sold = Order {
        channel: Channel::Orderless,
        recipient: plain.from,
        tail: Sun::ZERO,
        state: OrderState::Paid { funding: funding(&plain, 1) },
        ..order(1)
    };
    let settles = PaymentState::Settles { order: sold.id, count: 1, excess: Sun::ZERO };
    let with = Routing { new_order: Some(Box::new(sold.clone())), ..routing(1, settles) };
    let wrong = Routing { state: PaymentState::Under { order: order_id(9) }, ..with.clone() };
    assert_eq!(kit.store.route_payments(vec![wrong], slot(1)).await, Ok(Vec::new()));
    assert_eq!(kit.store.order(sold.id).await, Ok(None));
    assert_eq!(kit.store.route_payments(vec![with.clone()], slot(1)).await, Ok(vec![plain.id]));
    assert_eq!(kit.order(sold.id).await, sold);
    assert_eq!(kit.store.count_orders().await, Ok(vec![(OrderStateKind::Paid, 1)]));
    // Said again, it neither makes another order nor fails.
    assert_eq!(kit.store.route_payments(vec![with], slot(1)).await, Ok(Vec::new()));
    // A second one beside it: no tails, so none collide.
    let other = payment(2, PRICE.get());
    kit.block(2, 0, vec![other.clone()]).await;
    let sold = Order { id: order_id(2), state: OrderState::Paid { funding: funding(&other, 2) }, ..sold };
    let settles = PaymentState::Settles { order: sold.id, count: 1, excess: Sun::ZERO };
    let with = Routing { new_order: Some(Box::new(sold)), ..routing(2, settles) };
    assert_eq!(kit.store.route_payments(vec![with], slot(1)).await, Ok(vec![other.id]));
    let rows = kit.store.monitoring_status(None, slot(1), 10).await.unwrap();
    assert!(rows.iter().all(|row| row.monitoring_status == "completed"), "{rows:?}");
}

pub(crate) async fn every_bucket_reads_back(kit: &Kit) {
    let made = kit.create(order(1)).await.id;
    let buckets = [
        PaymentState::Settles { order: made, count: 2, excess: PRICE },
        PaymentState::Under { order: made },
        PaymentState::Late { order: made },
        PaymentState::Second { order: made },
        PaymentState::Suspense { reason: SuspenseReason::WrongAsset },
    ];
    let amount = PRICE.get() * 3 + 101;
    let mut payments: Vec<_> = (1..=5).map(|n| payment(n, amount)).collect();
    payments[4].asset = Asset::Usdt;
    kit.block(1, 0, payments).await;
    let routings = (1..).zip(buckets).map(|(n, state)| routing(n, state)).collect();
    assert_eq!(kit.store.route_payments(routings, slot(1)).await.unwrap().len(), 5);
    for (n, state) in (1..).zip(buckets) {
        assert_eq!(kit.payment(payment(n, 0).id).await.state, state);
        let filter = PaymentFilter { states: vec![state.name().to_owned()], ..PaymentFilter::default() };
        let page = Page { after: None, limit: 10 };
        let listed = kit.store.list_payments(&filter, &page).await.unwrap();
        assert_eq!(listed.iter().map(|p| p.id).collect::<Vec<_>>(), [payment(n, 0).id]);
    }
    let matched = kit.store.waiting(OrderWait::MatchedPayment, None, 10).await.unwrap();
    assert_eq!(matched, [made]);
}

pub(crate) async fn payments_are_listed(kit: &Kit) {
    for height in 1..=3_u64 {
        let at = i64::try_from(height).unwrap();
        kit.block(at, 0, vec![payment(height * 2, 5), payment(height * 2 + 1, 5)]).await;
    }
    let page = |after| Page { after, limit: 4 };
    let first = kit.store.list_payments(&PaymentFilter::default(), &page(None)).await.unwrap();
    assert_eq!(
        first.iter().map(|p| p.block.unwrap().timestamp).collect::<Vec<_>>(),
        [slot(3), slot(3), slot(2), slot(2)]
    );
    let last = first.last().unwrap();
    let cursor = (last.block.unwrap().timestamp, last.id.to_string());
    let rest = kit.store.list_payments(&PaymentFilter::default(), &page(Some(cursor))).await.unwrap();
    assert_eq!(rest.len(), 2);
    let by_tx = PaymentFilter { tx_id: Some(payment(4, 0).id.tx_id), ..PaymentFilter::default() };
    assert_eq!(kit.store.list_payments(&by_tx, &page(None)).await.unwrap().len(), 1);
    let by_order = PaymentFilter { order: Some(order_id(1)), ..PaymentFilter::default() };
    assert!(kit.store.list_payments(&by_order, &page(None)).await.unwrap().is_empty());
    // One whose block is undone comes last.
    kit.store.rewind(head(2, 0).block, slot(4)).await.unwrap();
    let listed = kit.store.list_payments(&PaymentFilter::default(), &Page { after: None, limit: 9 }).await;
    let blocks: Vec<_> = listed.unwrap().iter().map(|p| p.block.is_some()).collect();
    assert_eq!(blocks, [true, true, true, true, false, false]);
}

pub(crate) async fn one_bad_routing_leaves_the_others(kit: &Kit) {
    let made = kit.create(order(1)).await;
    kit.block(1, 0, (1..=4).map(|n| payment(n, PRICE.get() + 101)).collect()).await;
    let lost = PaymentState::Suspense { reason: SuspenseReason::NoOrder };
    // 2: for an order that is not there. 3: makes one that is there already.
    let nobodys = routing(2, PaymentState::Under { order: order_id(9) });
    let settles = PaymentState::Settles { order: made.id, count: 1, excess: Sun::ZERO };
    let again = Routing { new_order: Some(Box::new(made.clone())), ..routing(3, settles) };
    let routings = vec![routing(1, lost), nobodys, again, routing(4, lost)];
    let routed = kit.store.route_payments(routings, slot(1)).await;
    assert_eq!(routed, Ok(vec![payment(1, 0).id, payment(4, 0).id]));
    let unrouted = kit.store.unrouted_payments(10).await.unwrap();
    let left: Vec<_> = unrouted.iter().map(|u| u.payment.id).collect();
    assert_eq!(left, [payment(2, 0).id, payment(3, 0).id]);
    assert_eq!(kit.order(made.id).await, made);
}
