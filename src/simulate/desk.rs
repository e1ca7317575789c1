//! The operators' desk: people who stop all money and let it move again, who let refunds go, hold and keep them, and say
//! whose a payment is. They call what the HTTP handlers call.

use super::world::{FAULTS_FROM, World};
use leyden_domain::{
    OperationId, OrderId,
    book::Book,
    halt::HaltCause,
    operation::OperationKind,
    order::OrderState,
    payment::PaymentState,
    refund::{Operator, OperatorAction},
};
use leyden_ports::store::RefundTarget;
use std::collections::BTreeSet;

/// Slots within which shifts begin.
const WITHIN: u64 = 80;

/// A few things, one after the other.
pub(super) async fn work(world: &World<'_>) {
    let dice = &world.operators;
    let mut at = FAULTS_FROM + dice.below(30);
    for _ in 0..dice.between(1, 4) {
        world.until_slot(at).await;
        match dice.below(4) {
            0 => stop_for_a_while(world).await,
            1 => assign(world).await,
            _ => decide(world).await,
        }
        at = world.slot() + dice.between(3, 25);
        if at > FAULTS_FROM + WITHIN {
            return;
        }
    }
}

fn operator(world: &World<'_>) -> Operator {
    let caller = if world.operators.happens(5_000) { &world.kit.operator } else { &world.kit.shop };
    Operator { key: caller.key, reason: "looked at".to_owned() }
}

/// What began to move money: it is in the books for good.
fn begun(book: &Book) -> BTreeSet<OperationId> {
    let moves_money = |kind: &OperationKind| match kind {
        OperationKind::Delegate { .. } | OperationKind::Refund { .. } => true,
        OperationKind::Undelegate { .. } | OperationKind::Retake { .. } => false,
    };
    book.operations.iter().filter(|operation| moves_money(&operation.kind)).map(|o| o.id).collect()
}

/// Stops all money. From the answer on nothing begins to move, whatever else goes wrong, until somebody lets it.
async fn stop_for_a_while(world: &World<'_>) {
    let stopped = world.door.call(async |state| state.handles.stop_money("a drill".to_owned(), "desk").await);
    let is_stopped = matches!(stopped.await, Some(Ok(_)));
    world.note(format_args!("an operator stops all money: {is_stopped}"));
    let before = world.book().await;
    world.until_slot(world.slot() + world.operators.between(3, 20)).await;
    if is_stopped && let (Ok(before), Ok(after)) = (before, world.book().await) {
        let before = begun(&before);
        if let Some(new) = begun(&after).difference(&before).next() {
            world.broken("stands_still", format!("{new} began although all money was stopped"));
        }
    }
    // What was not answered may have been done: whatever is open is lifted.
    for _ in 0..60 {
        let lifted = world.door.call(async |state| {
            let open = state.store.open_halts().await?;
            for halt in open.iter().filter(|halt| halt.cause == HaltCause::Operator) {
                if let Err(refusal) = state.handles.lift_halt(halt.id, "desk", "the drill is over").await {
                    return Err(leyden_ports::StoreError::Unavailable(refusal.to_string()));
                }
            }
            Ok(())
        });
        if matches!(lifted.await, Some(Ok(()))) {
            world.note(format_args!("an operator lets money move again"));
            return;
        }
        world.until_slot(world.slot() + 2).await;
    }
}

/// Says what is to become of a refund.
async fn decide(world: &World<'_>) {
    let Ok(book) = world.book().await else { return };
    if book.refunds.is_empty() {
        return;
    }
    let refund = world.operators.pick(&book.refunds);
    let action = *world.operators.pick(&[
        OperatorAction::Release,
        OperatorAction::Release,
        OperatorAction::Hold,
        OperatorAction::Approve { version: refund.version },
        OperatorAction::Reject { version: refund.version },
        OperatorAction::Forfeit,
    ]);
    world.oracle.borrow_mut().released(refund.payment);
    wish(world, RefundTarget::Refund(refund.id), action).await;
}

/// Says whose a payment is that waits.
async fn assign(world: &World<'_>) {
    let Ok(book) = world.book().await else { return };
    let waits: Vec<_> = book
        .payments
        .iter()
        .filter(|payment| {
            matches!(
                payment.state,
                PaymentState::Suspense { .. } | PaymentState::Late { .. } | PaymentState::Second { .. }
            )
        })
        .map(|payment| payment.id)
        .collect();
    let open: Vec<OrderId> = book
        .orders
        .iter()
        .filter(|order| order.state == OrderState::AwaitingPayment)
        .map(|order| order.id)
        .collect();
    if waits.is_empty() || open.is_empty() {
        return;
    }
    let (payment, order) = (*world.operators.pick(&waits), *world.operators.pick(&open));
    // Said before it is asked for: the answer may be lost.
    world.oracle.borrow_mut().assigned(order, payment);
    wish(world, RefundTarget::Payment(payment), OperatorAction::Assign { order }).await;
}

async fn wish(world: &World<'_>, target: RefundTarget, action: OperatorAction) {
    let who = operator(world);
    let answer = world.door.call(async |state| state.handles.refund_wish(target, action, who).await).await;
    world.note(format_args!(
        "an operator wants {action:?} of {target:?}: {:?}",
        answer.map(|answer| answer.map(|done| done.is_proposed).map_err(|error| error.to_string()))
    ));
}
