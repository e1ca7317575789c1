//! Payments that were less than their order costs, and the one of the same sender that brings the rest: together they pay
//! for the order, in the commit that routes the last one.

use crate::{
    db::{Conn, all, exec, one},
    journal::PAYMENTS,
    orders,
    refund_change::{self, Said},
    row::{Place, order_columns},
};
use leyden_domain::{
    Address, OrderId, PaymentId, Sun, Timestamp,
    payment::{Begun, PaymentState},
    refund::{RefundEvent, RefundState, step},
};
use leyden_ports::store::{Routing, StoreError};

/// Orders of which a payer has paid too little so far: open ones, and those that a person holds.
pub(crate) const BEGUN: &str = concat!(
    "SELECT ",
    order_columns!(),
    " FROM payments u CROSS JOIN orders o WHERE u.from_address = $1 AND u.to_address = $2 AND u.state = 'under' \
     AND u.part IS NULL AND o.id = u.order_id AND o.state IN ('awaiting_payment', 'held') LIMIT 32"
);

/// What a payer has paid for an order that was too little, and what has become of it.
pub(crate) const UNDER: &str = "SELECT u.id, u.amount, u.block_height, r.state, r.proposal FROM payments u \
     LEFT JOIN refunds r ON r.payment_id = u.id WHERE u.order_id = $1 AND u.from_address = $2 \
     AND u.state = 'under' AND u.part IS NULL AND u.asset = 'TRX' AND u.block_height IS NOT NULL ORDER BY u.id";

/// One of those.
type Row = (String, i64, i64, Option<String>, Option<String>);

/// Whether one can be a part, and whether it can be now. Its refund has to wait: what is on its way back, or held for a
/// person, pays for nothing.
fn standing(row: &Row, solid: i64) -> Option<bool> {
    let (_, _, height, refund, proposal) = row;
    match refund.as_deref() {
        Some("waiting") if proposal.is_none() => Some(*height <= solid),
        // Its refund is about to begin, or to begin again.
        None | Some("withdrawn") => Some(false),
        Some(_) => None,
    }
}

async fn rows(
    conn: &mut Conn,
    order: OrderId,
    payer: Address,
) -> Result<(Vec<(Row, bool)>, i64), StoreError> {
    let solid = refund_change::solid(conn).await?.get();
    let rows: Vec<Row> = all!(conn, UNDER, order.to_string(), payer.to_string())?;
    let possible = rows.into_iter().filter_map(|row| standing(&row, solid).map(|ready| (row, ready)));
    let possible: Vec<_> = possible.collect();
    let paid = possible.iter().fold(0_i64, |sum, ((_, amount, ..), _)| sum.saturating_add(*amount));
    Ok((possible, paid))
}

/// What a payer has begun of an order.
pub(crate) async fn begun(
    conn: &mut Conn,
    order: OrderId,
    payer: Address,
) -> Result<Option<Begun>, StoreError> {
    let (rows, paid) = rows(conn, order, payer).await?;
    let is_ready = rows.iter().all(|(_, ready)| *ready);
    Ok((!rows.is_empty()).then_some(Begun { paid: Sun::new(paid), is_ready }))
}

/// Where a payment that is to settle an order does not come to what it buys, takes in what its sender had paid before;
/// their refunds are withdrawn. `false`: together they do not come to it, or one of them cannot be a part now.
pub(crate) async fn take(
    conn: &mut Conn,
    routing: &Routing,
    now: Timestamp,
    wall: Timestamp,
) -> Result<bool, StoreError> {
    let PaymentState::Settles { order: id, count, excess } = routing.state else { return Ok(true) };
    let Some(order) = orders::find(conn, id).await? else { return Ok(false) };
    let (amount, payer): (i64, String) =
        one!(conn, "SELECT amount, from_address FROM payments WHERE id = $1", routing.payment.to_string())?;
    let bought = order.unit_price.times(i64::from(count)).and_then(|price| price.plus(excess));
    let Ok(bought) = bought else { return Ok(false) };
    if amount >= bought.get() {
        return Ok(true);
    }
    let place = routing.payment.to_string();
    let payer: Address = Place::new("payments", &place).parse("from_address", &payer)?;
    let (rows, before) = rows(conn, id, payer).await?;
    let total = before.saturating_add(amount);
    let adds_up = total == bought.get() || Ok(Sun::new(total)) == bought.plus(order.tail);
    if !adds_up || !rows.iter().all(|(_, ready)| *ready) {
        return Ok(false);
    }
    for ((part, ..), _) in rows {
        let payment: PaymentId = Place::new("payments", &part).parse("id", &part)?;
        let Some(refund) = refund_change::find_of(conn, payment).await? else { return Ok(false) };
        if !matches!(refund.state, RefundState::Waiting { .. }) {
            return Ok(false);
        }
        let Ok(withdrawn) = step(&refund, &RefundEvent::Withdraw, now) else { return Ok(false) };
        let said = Said { by: None, note: Some(format!("{} brought the rest", routing.payment)) };
        refund_change::write(conn, &withdrawn, &said, wall).await?;
        exec!(conn, "UPDATE payments SET part = 1, updated_at = $2 WHERE id = $1", part, now.ms())?;
        conn.journal().changed(&PAYMENTS, payment);
    }
    Ok(true)
}

/// The order is not paid by them any more, or will not be served: each is what it was before, and goes back.
pub(crate) async fn give_back(conn: &mut Conn, order: &str, now: Timestamp) -> Result<(), StoreError> {
    let parts: Vec<(String,)> = all!(
        conn,
        "UPDATE payments SET part = NULL, updated_at = $2 WHERE order_id = $1 AND part = 1 RETURNING id",
        order.to_owned(),
        now.ms(),
    )?;
    for (part,) in parts {
        conn.journal().changed(&PAYMENTS, part);
    }
    Ok(())
}
