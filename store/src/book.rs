//! All books at one moment, for checking what must always hold.

use crate::{
    blocks,
    db::{Conn, all},
    pool,
    row::{
        AttemptRow, BlockRow, EventRow, OperationRow, OrderRow, PaymentRow, RefundAccountRow, RefundRow,
        ReservationRow, SentRow, attempt_columns, convert, operation_columns, order_columns,
    },
};
use leyden_domain::book::Book;
use leyden_ports::store::StoreError;

/// Reads everything; the connection must be in a transaction.
pub(crate) async fn read(conn: &mut Conn) -> Result<Book, StoreError> {
    let orders: Vec<OrderRow> =
        all!(conn, concat!("SELECT ", order_columns!(), " FROM orders o ORDER BY o.created_at, o.id"))?;
    let payments: Vec<PaymentRow> = all!(conn, "SELECT * FROM payments ORDER BY created_at, id")?;
    let reservations: Vec<ReservationRow> = all!(conn, "SELECT * FROM reservations ORDER BY created_at, id")?;
    let operations: Vec<OperationRow> = all!(
        conn,
        concat!("SELECT ", operation_columns!(), " FROM operations op ORDER BY op.created_at, op.id")
    )?;
    let attempts: Vec<AttemptRow> = all!(
        conn,
        concat!("SELECT ", attempt_columns!(), " FROM attempts a ORDER BY a.operation_id, a.number")
    )?;
    let blocks: Vec<BlockRow> =
        all!(conn, "SELECT height, block_id, parent_id, block_time FROM blocks ORDER BY height")?;
    let events: Vec<EventRow> = all!(
        conn,
        "SELECT height, block_id, block_time, tx_id, owner, action, receiver, resource, balance, lock_blocks \
         FROM resource_events ORDER BY height, position"
    )?;
    let refunds: Vec<RefundRow> = all!(conn, "SELECT * FROM refunds ORDER BY created_at, id")?;
    let refund_accounts: Vec<RefundAccountRow> =
        all!(conn, "SELECT * FROM refund_accounts ORDER BY created_at, account_id")?;
    let sent: Vec<SentRow> = all!(
        conn,
        "SELECT height, block_id, block_time, tx_id, asset, from_address, to_address, amount, succeeded \
         FROM sent_transfers ORDER BY height, position"
    )?;
    Ok(Book {
        orders: convert(orders)?,
        payments: convert(payments)?,
        accounts: pool::accounts(conn).await?,
        reservations: convert(reservations)?,
        operations: convert(operations)?,
        attempts: convert(attempts)?,
        blocks: blocks
            .iter()
            .map(|row| Ok((row.head()?, row.parent()?)))
            .collect::<Result<_, StoreError>>()?,
        events: events.iter().map(EventRow::event).collect::<Result<_, StoreError>>()?,
        refunds: convert(refunds)?,
        refund_accounts: convert(refund_accounts)?,
        sent: sent.iter().map(SentRow::sent).collect::<Result<_, StoreError>>()?,
        solid: blocks::solid(conn).await?,
    })
}
