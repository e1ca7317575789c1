//! What binds an order to its payment: whether one is there or on its way, and giving up one whose block is undone.

use crate::{
    db::{Conn, all, exec, opt},
    journal::{ORDERS, PAYMENTS},
    parts,
};
use leyden_domain::{
    Timestamp,
    order::{Order, OrderState},
};
use leyden_ports::store::StoreError;

/// A payment in a block that came in time (and not before the order, but for what a fork may replace), that nobody has
/// looked at, and that may be meant for the order: by its tail, paid by the recipient, or by somebody who has paid too
/// little for it before.
pub(crate) const COMING: &str = "SELECT p.id FROM orders o JOIN payments p ON p.to_address = o.payment_address \
     WHERE o.id = $1 AND p.state = 'unrouted' AND p.block_id IS NOT NULL AND p.block_time <= o.expires_at \
     AND p.block_time >= o.created_at - 60000 \
     AND p.asset = 'TRX' AND ((o.tail > 0 AND p.amount % o.unit_price = o.tail) \
     OR (p.from_address = o.recipient_address AND p.amount % o.unit_price = 0) \
     OR EXISTS (SELECT 1 FROM payments u WHERE u.order_id = o.id AND u.state = 'under' AND u.part IS NULL \
         AND u.from_address = p.from_address)) LIMIT 1";

/// The payment that an order has, in a block.
pub(crate) const HAD: &str = "SELECT p.id FROM orders o JOIN payments p ON p.id = o.assigned_payment \
     WHERE o.id = $1 AND p.block_id IS NOT NULL";

/// Whether an order that does not stand on a payment has one all the same: it came while somebody held the order.
pub(crate) async fn is_paid_while_held(conn: &mut Conn, order: &Order) -> Result<bool, StoreError> {
    if !matches!(order.state, OrderState::Held { .. }) {
        return Ok(false);
    }
    let had: Option<(String,)> = opt!(conn, HAD, order.id.to_string())?;
    Ok(had.is_some())
}

/// No payment may settle the order, nor be about to. One whose block is undone goes back to be routed anew.
pub(crate) async fn require_none(conn: &mut Conn, order: &Order, now: Timestamp) -> Result<(), StoreError> {
    let id = order.id.to_string();
    let settling: Option<(String, Option<String>)> = opt!(
        conn,
        "SELECT id, block_id FROM payments WHERE order_id = $1 AND state IN ('settled', 'over')",
        id.clone()
    )?;
    if matches!(settling, Some((_, Some(_)))) {
        return Err(StoreError::Conflict("order"));
    }
    let coming: Option<(String,)> = opt!(conn, COMING, id.clone())?;
    if coming.is_some() {
        return Err(StoreError::Conflict("order"));
    }
    match settling {
        Some((payment, _)) => unassign(conn, &id, payment, now).await,
        None => Ok(()),
    }
}

/// Makes room for another payment of an order that has one whose block is undone, as long as the order does not
/// stand on it: it awaits its payment, or is held and did before.
pub(crate) async fn give_up_undone(conn: &mut Conn, order: &str, now: Timestamp) -> Result<(), StoreError> {
    let undone: Option<(String,)> = opt!(
        conn,
        "SELECT p.id FROM orders o JOIN payments p ON p.id = o.assigned_payment WHERE o.id = $1 \
         AND o.state IN ('awaiting_payment', 'held') AND o.funding_block IS NULL AND p.block_id IS NULL",
        order.to_owned()
    )?;
    match undone {
        Some((payment,)) => unassign(conn, order, payment, now).await,
        None => Ok(()),
    }
}

/// Sends a payment back to be routed anew.
async fn unassign(conn: &mut Conn, order: &str, payment: String, now: Timestamp) -> Result<(), StoreError> {
    conn.journal().changed(&PAYMENTS, &payment);
    conn.journal().changed(&ORDERS, order);
    parts::give_back(conn, order, now).await?;
    exec!(
        conn,
        "UPDATE payments SET state = 'unrouted', order_id = NULL, bought = NULL, excess = NULL, \
         updated_at = $2 WHERE id = $1",
        payment,
        now.ms(),
    )?;
    exec!(
        conn,
        "UPDATE orders SET assigned_payment = NULL, payment_block = NULL, payment_height = NULL, \
         payment_time = NULL WHERE id = $1",
        order.to_owned(),
    )
    .map(drop)
}

/// The order awaits its payment again: what came beside the first may pay for it now, unless it is being refunded.
pub(crate) async fn reopen_seconds(conn: &mut Conn, order: &Order, now: Timestamp) -> Result<(), StoreError> {
    let reopened: Vec<(String,)> = all!(
        conn,
        "UPDATE payments SET state = 'unrouted', order_id = NULL, updated_at = $2 \
         WHERE order_id = $1 AND state = 'second' AND has_refund = 0 RETURNING id",
        order.id.to_string(),
        now.ms(),
    )?;
    for (payment,) in reopened {
        conn.journal().changed(&PAYMENTS, payment);
    }
    Ok(())
}
