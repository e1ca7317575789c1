//! Payments whose block left the chain: the order they were for takes another in their place, if it still may.

use crate::kit::{Kit, block, block_id, delivery, funding, head, order, payment, slot};
use leyden_domain::{
    Height, Sun,
    order::{Funding, HoldReason, Order, OrderEvent, OrderStateKind},
    payment::{Payment, PaymentState, Standing},
};
use leyden_ports::store::{BlockCommit, OrderWait};

/// An order whose payment 1 is undone, and payment 2 of the same amount in the block that came instead.
async fn replaced(kit: &Kit, event: Option<OrderEvent>) -> Order {
    let made = kit.create(order(1)).await;
    kit.blocks(1..=1).await;
    kit.block(2, 0, vec![payment(1, 3_000_101)]).await;
    assert!(kit.settle(payment(1, 0).id, made.id).await);
    if let Some(event) = event {
        kit.step(made.id, event).await.unwrap();
    }
    kit.store.rewind(head(1, 0).block, slot(3)).await.unwrap();
    let instead = block(2, 1, vec![payment(2, 3_000_101)], Vec::new());
    kit.store.record_blocks(vec![instead], head(0, 0), slot(3)).await.unwrap();
    kit.order(made.id).await
}

async fn assigned(kit: &Kit, order: &Order) -> Payment {
    kit.store.order_detail(order.id).await.unwrap().unwrap().payment.unwrap()
}

fn second() -> Funding {
    Funding { block: delivery(2, 1), ..funding(&payment(2, 3_000_101), 2) }
}

/// Block 3 brings payment 1 back.
async fn comes_back(kit: &Kit) {
    let back = BlockCommit { parent: block_id(2, 1), ..block(3, 1, vec![payment(1, 3_000_101)], Vec::new()) };
    kit.store.record_blocks(vec![back], head(0, 0), slot(4)).await.unwrap();
}

pub(crate) async fn another_takes_its_place(kit: &Kit) {
    let made = replaced(kit, None).await;
    assert!(kit.settle(payment(2, 0).id, made.id).await);
    kit.check().await;
    assert_eq!(kit.payment(payment(1, 0).id).await.state, PaymentState::Unrouted);
    assert_eq!(assigned(kit, &made).await.id, payment(2, 0).id);
    assert_eq!(kit.store.waiting(OrderWait::MatchedPayment, None, 10).await, Ok(vec![made.id]));
    kit.step(made.id, OrderEvent::PaymentMatched(second())).await.unwrap();
    kit.check().await;
    // The first one is back: too late, the order has its payment, in its own block.
    comes_back(kit).await;
    assert!(!kit.settle(payment(1, 0).id, made.id).await);
    assert!(kit.route(payment(1, 0).id, PaymentState::Second { order: made.id }).await);
    assert_eq!(assigned(kit, &made).await.block, Some(delivery(2, 1)));
    assert_eq!(kit.store.waiting(OrderWait::PaidToLookAt(Height::new(1)), None, 10).await, Ok(Vec::new()));
}

pub(crate) async fn a_held_order_takes_another(kit: &Kit) {
    let made = replaced(kit, Some(OrderEvent::Hold(HoldReason::Operator))).await;
    assert!(kit.settle(payment(2, 0).id, made.id).await);
    assert_eq!(kit.payment(payment(1, 0).id).await.state, PaymentState::Unrouted);
    kit.step(made.id, OrderEvent::Release).await.unwrap();
    kit.step(made.id, OrderEvent::PaymentMatched(second())).await.unwrap();
}

pub(crate) async fn what_stands_on_a_payment_keeps_it(kit: &Kit) {
    let matched = OrderEvent::PaymentMatched(funding(&payment(1, 3_000_101), 2));
    let made = replaced(kit, Some(matched)).await;
    assert!(!kit.settle(payment(2, 0).id, made.id).await);
    kit.step(made.id, OrderEvent::Hold(HoldReason::Operator)).await.unwrap();
    assert!(!kit.settle(payment(2, 0).id, made.id).await);
    assert_eq!(assigned(kit, &made).await.id, payment(1, 0).id);
    assert_eq!(kit.payment(payment(2, 0).id).await.state, PaymentState::Unrouted);
    // While the first is in a block, nothing takes its place either.
    comes_back(kit).await;
    assert!(!kit.settle(payment(2, 0).id, made.id).await);
}

pub(crate) async fn a_second_payment_may_pay(kit: &Kit) {
    kit.block(1, 0, vec![payment(2, 3_000_101), payment(3, 3_000_101), payment(4, 101)]).await;
    let (made, _) = kit.paid(1).await;
    assert!(kit.route(payment(2, 0).id, PaymentState::Second { order: made.id }).await);
    assert!(kit.route(payment(3, 0).id, PaymentState::Second { order: made.id }).await);
    assert!(kit.route(payment(4, 0).id, PaymentState::Under { order: made.id }).await);
    kit.store.rewind(head(1, 0).block, slot(3)).await.unwrap();
    // Until the order is known to wait again, they are second.
    assert!(!kit.settle(payment(2, 0).id, made.id).await);
    kit.step(made.id, OrderEvent::PaymentUndone).await.unwrap();
    kit.check().await;
    let unrouted = kit.store.unrouted_payments(10).await.unwrap();
    let again: Vec<_> = unrouted.iter().map(|u| (u.payment.id, u.candidates[0].order)).collect();
    assert_eq!(again, [(payment(2, 0).id, made.id), (payment(3, 0).id, made.id)]);
    assert!(kit.settle(payment(2, 0).id, made.id).await);
    assert!(!kit.settle(payment(3, 0).id, made.id).await);
    let funding = funding(&payment(2, 3_000_101), 1);
    kit.step(made.id, OrderEvent::PaymentMatched(funding)).await.unwrap();
    assert_eq!(kit.order(made.id).await.state.kind(), OrderStateKind::Paid);
    assert_eq!(
        assigned(kit, &made).await.state,
        PaymentState::Settles { order: made.id, count: 1, excess: Sun::ZERO }
    );
}

pub(crate) async fn a_held_order_has_one_payment(kit: &Kit) {
    let made = kit.create(order(1)).await;
    kit.step(made.id, OrderEvent::Hold(HoldReason::Operator)).await.unwrap();
    kit.block(1, 0, vec![payment(1, 3_000_101), payment(2, 3_000_101)]).await;
    let standing = async || {
        let unrouted = kit.store.unrouted_payments(10).await.unwrap();
        let last = unrouted.last().unwrap();
        assert_eq!(last.payment.id, payment(2, 0).id);
        last.candidates.iter().map(|candidate| (candidate.order, candidate.standing)).collect::<Vec<_>>()
    };
    assert_eq!(standing().await, [(made.id, Standing::Open)]);
    assert!(kit.settle(payment(1, 0).id, made.id).await);
    assert_eq!(standing().await, [(made.id, Standing::Paid)]);
    assert!(kit.route(payment(2, 0).id, PaymentState::Second { order: made.id }).await);
    kit.check().await;
    kit.step(made.id, OrderEvent::Release).await.unwrap();
    kit.step(made.id, OrderEvent::PaymentMatched(funding(&payment(1, 3_000_101), 1))).await.unwrap();
}
