//! What the sweeps of the actors ask for.

use crate::kit::{Kit, block, delivery, head, operation_id, order, order_id, payment, slot};
use leyden_domain::{
    Height, OrderId,
    order::{Confirmation, HoldReason, Order, OrderEvent},
};
use leyden_ports::store::OrderWait;

async fn waiting(kit: &Kit, wait: OrderWait) -> Vec<OrderId> {
    // Paged by one, so that the cursor is tried too.
    let mut seen = Vec::new();
    while let Some(id) = kit.store.waiting(wait, seen.last().copied(), 1).await.unwrap().pop() {
        seen.push(id);
    }
    assert_eq!(kit.store.waiting(wait, None, 100).await.unwrap(), seen);
    seen
}

pub(crate) async fn deadlines(kit: &Kit) {
    for (n, deadline) in [(1, 30), (2, 10), (3, 20), (4, 20)] {
        kit.create(Order { expires_at: slot(deadline), ..order(n) }).await;
    }
    let ids = |numbers: &[u64]| numbers.iter().copied().map(order_id).collect::<Vec<_>>();
    assert_eq!(waiting(kit, OrderWait::DeadlineBefore(slot(9))).await, []);
    assert_eq!(waiting(kit, OrderWait::DeadlineBefore(slot(20))).await, ids(&[2, 3, 4]));
    kit.step(order_id(3), OrderEvent::DeadlinePassed).await.unwrap();
    assert_eq!(waiting(kit, OrderWait::DeadlineBefore(slot(99))).await, ids(&[2, 4, 1]));
    let open = kit.store.open_orders().await.unwrap();
    assert_eq!(open, [(order_id(2), slot(10)), (order_id(4), slot(20)), (order_id(1), slot(30))]);
}

pub(crate) async fn matched_payments(kit: &Kit) {
    let one = kit.create(order(1)).await;
    kit.create(order(2)).await;
    kit.blocks(1..=1).await;
    let paid = payment(1, 3_000_101);
    kit.block(2, 0, vec![paid.clone()]).await;
    assert_eq!(waiting(kit, OrderWait::MatchedPayment).await, []);
    assert!(kit.settle(paid.id, one.id).await);
    assert_eq!(waiting(kit, OrderWait::MatchedPayment).await, [one.id]);
    kit.store.rewind(head(1, 0).block, slot(2)).await.unwrap();
    assert_eq!(waiting(kit, OrderWait::MatchedPayment).await, [one.id]);
    kit.step(one.id, OrderEvent::DeadlinePassed).await.unwrap();
    assert_eq!(waiting(kit, OrderWait::MatchedPayment).await, []);
}

pub(crate) async fn paid_ones(kit: &Kit) {
    kit.blocks(1..=1).await;
    let (one, funding) = kit.paid(1).await;
    assert_eq!(waiting(kit, OrderWait::MatchedPayment).await, []);
    assert_eq!(waiting(kit, OrderWait::PaidToLookAt(Height::new(1))).await, []);
    assert_eq!(waiting(kit, OrderWait::PaidToLookAt(Height::new(2))).await, [one.id]);
    // Undone, and then elsewhere: both want a look however low the height.
    let none = OrderWait::PaidToLookAt(Height::new(0));
    kit.store.rewind(head(1, 0).block, slot(2)).await.unwrap();
    assert_eq!(waiting(kit, none).await, [one.id]);
    let paid = payment(1, funding.paid.get());
    let moved = block(2, 1, vec![paid], Vec::new());
    kit.store.record_blocks(vec![moved], head(0, 0), slot(3)).await.unwrap();
    assert_eq!(waiting(kit, none).await, [one.id]);
    kit.step(one.id, OrderEvent::PaymentMoved(delivery(2, 1))).await.unwrap();
    assert_eq!(waiting(kit, none).await, []);
    let confirmed = Confirmation::ForkBound { block: delivery(2, 1).block };
    kit.step(one.id, OrderEvent::PaymentConfirmed(confirmed)).await.unwrap();
    assert_eq!(waiting(kit, OrderWait::PaidToLookAt(Height::new(9))).await, []);
    assert_eq!(waiting(kit, OrderWait::Capacity).await, [one.id]);
    kit.step(one.id, OrderEvent::Hold(HoldReason::Operator)).await.unwrap();
    assert_eq!(waiting(kit, OrderWait::Capacity).await, []);
}

pub(crate) async fn resting_ones(kit: &Kit) {
    kit.blocks(1..=1).await;
    let one = kit.reserved(1).await;
    assert_eq!(waiting(kit, OrderWait::Capacity).await, []);
    assert_eq!(waiting(kit, OrderWait::Operating).await, [one.id]);
    assert_eq!(waiting(kit, OrderWait::PaymentChanged).await, []);
    kit.store.rewind(head(1, 0).block, slot(2)).await.unwrap();
    assert_eq!(waiting(kit, OrderWait::PaymentChanged).await, [one.id]);
    let paid = payment(1, 3_000_101);
    let back = block(2, 0, vec![paid], Vec::new());
    kit.store.record_blocks(vec![back], head(0, 0), slot(3)).await.unwrap();
    assert_eq!(waiting(kit, OrderWait::PaymentChanged).await, []);

    let attempt =
        leyden_domain::operation::Attempt { reference: head(2, 0).block, ..crate::kit::attempt(1, 1) };
    kit.sign(attempt.clone(), 1).await.unwrap();
    kit.step(one.id, OrderEvent::DelegationSigned).await.unwrap();
    assert_eq!(waiting(kit, OrderWait::Operating).await, [one.id]);
    kit.events(3, vec![crate::kit::delegated(&attempt, &one, 1)], 0).await;
    let include = leyden_ports::store::OperationChange::Include(delivery(3, 0));
    kit.change(operation_id(1), 2, include).await.unwrap();
    kit.step(one.id, OrderEvent::Delivered(slot(3))).await.unwrap();
    // Active ones rest until their end.
    assert_eq!(waiting(kit, OrderWait::Operating).await, []);
    let ends_at = slot(3).plus(one.duration);
    assert_eq!(waiting(kit, OrderWait::EndsBefore(ends_at)).await, [one.id]);
    assert_eq!(waiting(kit, OrderWait::EndsBefore(slot(12))).await, []);
}
