//! All books at one moment, for checking what must always hold.

use crate::{
    blocks,
    db::{Conn, all},
    pool,
    row::{
        AttemptRow, BlockRow, EventRow, OperationRow, OrderRow, PaymentRow, Place, RefundAccountRow,
        RefundRow, ReservationRow, SentRow, attempt_columns, convert, operation_columns, order_columns,
    },
};
use leyden_domain::{
    book::Book,
    invariants::{self, Violation},
};
use leyden_ports::store::StoreError;

/// Blocks that are checked at once.
const BLOCKS: i64 = 1_000;

/// Reads everything; the connection must be in a transaction.
pub(crate) async fn read(conn: &mut Conn) -> Result<Book, StoreError> {
    let blocks: Vec<BlockRow> =
        all!(conn, "SELECT height, block_id, parent_id, block_time FROM blocks ORDER BY height")?;
    read_with(conn, blocks).await
}

/// The first thing that must not be, of all books. Of the blocks only those are kept that something else speaks of;
/// that they follow from each other is looked at in passing.
pub(crate) async fn first_violation(conn: &mut Conn) -> Result<Option<Violation>, StoreError> {
    let spoken_of: Vec<BlockRow> = all!(
        conn,
        "SELECT height, block_id, parent_id, block_time FROM blocks WHERE height IN (\
         SELECT block_height FROM payments WHERE block_height IS NOT NULL UNION SELECT height FROM resource_events \
         UNION SELECT height FROM sent_transfers UNION SELECT solid_height FROM chain_cursor \
         UNION SELECT MIN(height) FROM blocks UNION SELECT MAX(height) FROM blocks) ORDER BY height"
    )?;
    let book = read_with(conn, spoken_of).await?;
    let others = invariants::CHECKS.iter().filter(|(name, _)| *name != "cursor_is_gapless");
    if let Some(violation) = others.flat_map(|(_, check)| check(&book)).next() {
        return Ok(Some(violation));
    }
    let mut run = Book::default();
    loop {
        let last = run.blocks.last().map_or(i64::MIN, |(head, _)| head.height().get());
        let page: Vec<BlockRow> = all!(
            conn,
            "SELECT height, block_id, parent_id, block_time FROM blocks WHERE height > $1 ORDER BY height LIMIT $2",
            last,
            BLOCKS
        )?;
        if page.is_empty() {
            return Ok(None);
        }
        run.blocks = run.blocks.pop().into_iter().collect();
        for row in &page {
            run.blocks.push((row.head()?, row.parent()?));
        }
        if let Some(violation) = invariants::cursor_is_gapless(&run).into_iter().next() {
            return Ok(Some(violation));
        }
    }
}

/// Reads everything but the blocks.
async fn read_with(conn: &mut Conn, blocks: Vec<BlockRow>) -> Result<Book, StoreError> {
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
    let written_off: Vec<(String,)> = all!(conn, "SELECT tx_id FROM sent_write_offs ORDER BY tx_id")?;
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
        written_off: written_off
            .iter()
            .map(|(tx_id,)| Place::new("sent_write_offs", tx_id).parse("tx_id", tx_id))
            .collect::<Result<_, StoreError>>()?,
        sent: sent.iter().map(SentRow::sent).collect::<Result<_, StoreError>>()?,
        solid: blocks::solid(conn).await?,
    })
}
