//! What people want done with refunds, carried out in one transaction with who wanted it and why.

use crate::{
    db::{Conn, exec, opt},
    journal::{ORDERS, PAYMENTS},
    order_change, orders,
    refund_change::{self, Said},
    refunds,
    row::PaymentRow,
};
use leyden_domain::{
    OrderId, PaymentId, Timestamp,
    order::{OrderEvent, step},
    payment::{AssignRefusal, Payment, PaymentState, assign},
    refund::{OperatorAction, Refund, RefundCause, RefundState, open, operate, terms_of},
};
use leyden_ports::store::{
    Durability, OrderCommit, RefundAnswer, RefundTarget, RefundWish, StoreError, WishError,
};

/// Does what a person wants.
pub(crate) async fn carry_out(
    conn: &mut Conn,
    wish: &RefundWish,
    wall: Timestamp,
) -> Result<RefundAnswer, WishError> {
    let refund = match wish.target {
        RefundTarget::Refund(id) => refund_change::find(conn, id).await?.ok_or(WishError::Nothing)?,
        RefundTarget::Payment(id) => match refund_change::find_of(conn, id).await? {
            Some(refund) => refund,
            None => begin(conn, wish, id, wall).await?,
        },
    };
    // One that has just begun may be due already. Then letting it go is no change, unless nobody has answered for it yet.
    let goes = refund.state == RefundState::Due && refund.is_answered_for();
    let has_reason = !wish.operator.reason.trim().is_empty();
    if wish.action == OperatorAction::Release && goes && has_reason {
        return Ok(RefundAnswer { refund, is_proposed: false, assigned: None });
    }
    let operated = operate(&refund, wish.action, &wish.operator, &wish.policy, wish.now)?;
    let said = Said {
        by: Some(wish.operator.key.to_string()),
        note: Some(format!("{}: {}", wish.action.name(), wish.operator.reason)),
    };
    refund_change::write(conn, &operated.transition, &said, wall).await?;
    if let RefundState::Kept { .. } = operated.transition.refund.state {
        end_order(conn, &operated.transition.refund, wish.now, wall).await?;
    }
    if let Some(order) = operated.assign {
        assign_to(conn, refund.payment, order, wish.now).await?;
    }
    Ok(RefundAnswer {
        refund: operated.transition.refund,
        is_proposed: operated.is_proposed,
        assigned: operated.assign,
    })
}

/// An order whose money is kept ends with that.
async fn end_order(
    conn: &mut Conn,
    refund: &Refund,
    now: Timestamp,
    wall: Timestamp,
) -> Result<(), StoreError> {
    let Some(id) = refund.order.filter(|_| matches!(refund.cause, RefundCause::Unservable { .. })) else {
        return Ok(());
    };
    let Some(detail) = orders::detail(conn, id).await? else { return Ok(()) };
    let Ok(transition) = step(&detail.order, &OrderEvent::RefundKept, now) else {
        return Err(StoreError::Conflict("order"));
    };
    let commit = OrderCommit {
        transitions: vec![transition],
        reclaims: Vec::new(),
        note: None,
        durability: Durability::Strict,
    };
    order_change::apply(conn, &commit, wall).await
}

async fn payment(conn: &mut Conn, id: PaymentId) -> Result<Option<Payment>, StoreError> {
    let row: Option<PaymentRow> = opt!(conn, "SELECT * FROM payments WHERE id = $1", id.to_string())?;
    row.map(Payment::try_from).transpose()
}

/// Begins the refund of a payment that has none.
async fn begin(
    conn: &mut Conn,
    wish: &RefundWish,
    id: PaymentId,
    wall: Timestamp,
) -> Result<Refund, WishError> {
    let payment = payment(conn, id).await?.ok_or(WishError::Nothing)?;
    let solid = refund_change::solid(conn).await?;
    if payment.block.is_none_or(|at| at.block.height() > solid) {
        return Err(WishError::NotSolid);
    }
    let subject = refunds::subject(conn, payment).await?;
    let payer = subject.payment.from;
    let owed = terms_of(&subject, payer, solid, wish.now, &wish.policy).ok_or(WishError::NotOwed)?;
    let refund = open(wish.id, &subject.payment, &owed, wish.now);
    refund_change::insert(conn, &refund, wall).await?;
    Ok(refund)
}

/// Lets a payment pay for an order.
async fn assign_to(conn: &mut Conn, id: PaymentId, order: OrderId, now: Timestamp) -> Result<(), WishError> {
    let payment = payment(conn, id).await?.ok_or(WishError::Nothing)?;
    let detail = orders::detail(conn, order).await?.ok_or(WishError::NoOrder)?;
    let solid = refund_change::solid(conn).await?;
    let state = assign(&payment, &detail.order, solid)?;
    let PaymentState::Settles { count, excess, .. } = state else {
        return Err(AssignRefusal::NotWaiting.into());
    };
    let Some(block) = payment.block else { return Err(WishError::NotSolid) };
    let assigned = exec!(
        conn,
        "UPDATE orders SET assigned_payment = $2, payment_block = $3, payment_height = $4, payment_time = $5 \
         WHERE id = $1 AND assigned_payment IS NULL AND state = 'awaiting_payment'",
        order.to_string(),
        id.to_string(),
        block.block.id().to_string(),
        block.block.height().get(),
        block.timestamp.ms(),
    )?;
    if assigned != 1 {
        return Err(AssignRefusal::OrderNotOpen.into());
    }
    exec!(
        conn,
        "UPDATE payments SET state = $2, order_id = $3, bought = $4, excess = $5, reason = NULL, updated_at = $6 \
         WHERE id = $1",
        id.to_string(),
        state.name(),
        order.to_string(),
        i64::from(count),
        excess.get(),
        now.ms(),
    )?;
    conn.journal().changed(&ORDERS, order);
    conn.journal().changed(&PAYMENTS, id);
    Ok(())
}
