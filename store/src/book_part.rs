//! A part of the books at one moment, for the invariants of a service at work: what changed lately, what is under way,
//! and a page of a round through everything, so that all of it is looked at again and again and no look is long.

use crate::{
    blocks,
    db::{Built, Conn, all},
    order_list::waiting_query,
    pool,
    row::{
        AttemptRow, BlockRow, EventRow, OperationRow, OrderRow, PaymentRow, Place, RefundAccountRow,
        RefundRow, ReservationRow, SentRow, attempt_columns, convert, operation_columns, order_columns,
    },
};
use leyden_domain::{
    AccountId, OrderId, Sun, Timestamp,
    book::Book,
    operation::{Attempt, Operation},
    order::Order,
    payment::Payment,
    refund::Refund,
};
use leyden_ports::store::{BookPart, OrderWait, StoreError};
use std::collections::{BTreeMap, BTreeSet};

/// How many of the newest blocks are looked at.
const BLOCKS: i64 = 64;

/// What accounts hold, as the indexes of holding reservations give it.
pub(crate) const HELD: &str = "SELECT account_id, CAST(SUM(balance) AS BIGINT) AS held FROM (\
     SELECT account_id, balance FROM reservations WHERE state = 'pending' \
     UNION ALL SELECT account_id, balance FROM reservations WHERE state = 'posted') AS r GROUP BY account_id";

/// Rows that belong to some of the books, by what they belong to.
fn belonging(start: &'static str, column: &'static str, to: &[String]) -> Built {
    let mut query = Built::new(start);
    query.among(column, to.iter().cloned());
    query
}

fn orders(ids: &[String]) -> Built {
    belonging(concat!("SELECT ", order_columns!(), " FROM orders o WHERE 1 = 1"), "o.id", ids)
}

fn payments(ids: &[String]) -> Built {
    belonging("SELECT * FROM payments WHERE order_id IS NOT NULL", "order_id", ids)
}

fn reservations(ids: &[String]) -> Built {
    belonging("SELECT * FROM reservations WHERE 1 = 1", "order_id", ids)
}

fn operations(ids: &[String]) -> Built {
    belonging(concat!("SELECT ", operation_columns!(), " FROM operations op WHERE 1 = 1"), "op.order_id", ids)
}

fn attempts(operations: &[String]) -> Built {
    belonging(
        concat!("SELECT ", attempt_columns!(), " FROM attempts a WHERE 1 = 1"),
        "a.operation_id",
        operations,
    )
}

fn refunds(payments: &[String]) -> Built {
    belonging("SELECT * FROM refunds WHERE 1 = 1", "payment_id", payments)
}

fn transfers(refunds: &[String]) -> Built {
    belonging(
        concat!("SELECT ", operation_columns!(), " FROM operations op WHERE op.order_id IS NULL"),
        "op.refund_id",
        refunds,
    )
}

fn unordered(payments: &[String]) -> Built {
    belonging("SELECT * FROM payments WHERE order_id IS NULL", "id", payments)
}

fn sent(transactions: &[String]) -> Built {
    belonging(
        "SELECT height, block_id, block_time, tx_id, asset, from_address, to_address, amount, succeeded \
         FROM sent_transfers WHERE 1 = 1",
        "tx_id",
        transactions,
    )
}

fn events(transactions: &[String]) -> Built {
    belonging(
        "SELECT height, block_id, block_time, tx_id, owner, action, receiver, resource, balance, lock_blocks \
         FROM resource_events WHERE 1 = 1",
        "tx_id",
        transactions,
    )
}

/// Every form of the statements that are put together here.
#[cfg(test)]
pub(crate) fn every_query() -> [Built; 10] {
    let ids = ["x".to_owned(), "y".to_owned()];
    [
        orders(&ids),
        payments(&ids),
        reservations(&ids),
        operations(&ids),
        attempts(&ids),
        events(&ids),
        refunds(&ids),
        transfers(&ids),
        unordered(&ids),
        sent(&ids),
    ]
}

pub(crate) const NEWEST: &str = "SELECT id FROM orders ORDER BY created_at DESC, id DESC LIMIT $1";

pub(crate) const NEWEST_REFUNDED: &str =
    "SELECT payment_id FROM refunds WHERE order_id IS NULL ORDER BY created_at DESC, id DESC LIMIT $1";

/// Most transfers that nothing explains that are looked at: one is enough to stop money.
const UNEXPLAINED_AT_ONCE: i64 = 20;

/// Transfers out of refund accounts that took effect and that nothing explains.
pub(crate) const UNEXPLAINED: &str = "SELECT height, block_id, block_time, tx_id, asset, from_address, to_address, amount, succeeded \
     FROM sent_transfers WHERE unexplained = 1 ORDER BY height, position LIMIT $1";

pub(crate) const ROUND: &str = "SELECT id, created_at FROM orders WHERE (created_at, id) > ($1, $2) \
                                ORDER BY created_at, id LIMIT $3";

/// Which rows are looked at now, and where the round goes on.
struct Chosen {
    orders: BTreeSet<String>,
    /// Payments that bought nothing and have a refund.
    payments: Vec<String>,
    next: Option<(Timestamp, OrderId)>,
}

async fn choose(
    conn: &mut Conn,
    after: Option<(Timestamp, OrderId)>,
    limit: u32,
) -> Result<Chosen, StoreError> {
    let mut chosen = BTreeSet::new();
    let newest: Vec<(String,)> = all!(conn, NEWEST, i64::from(limit))?;
    chosen.extend(newest.into_iter().map(|(id,)| id));
    for wait in [OrderWait::Operating, OrderWait::Capacity] {
        let waiting: Vec<(String,)> = waiting_query(wait, None, limit).all(conn).await?;
        chosen.extend(waiting.into_iter().map(|(id,)| id));
    }
    let (at, id) = after.map_or((i64::MIN, String::new()), |(at, id)| (at.ms(), id.to_string()));
    let page: Vec<(String, i64)> = all!(conn, ROUND, at, id, i64::from(limit))?;
    let is_full = page.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    // An id that is none cannot be gone on from; the one before it can.
    let go_on = |(id, at): &(String, i64)| Some((Timestamp::from_ms(*at), id.parse().ok()?));
    let next = if is_full { page.iter().rev().find_map(go_on) } else { None };
    chosen.extend(page.into_iter().map(|(id, _)| id));
    let newest: Vec<(String,)> = all!(conn, NEWEST_REFUNDED, i64::from(limit))?;
    let payments = newest.into_iter().map(|(payment,)| payment).collect();
    Ok(Chosen { orders: chosen, payments, next })
}

/// Converts what can be; what cannot is named.
fn readable<R, T: TryFrom<R, Error = StoreError>>(rows: Vec<R>, unreadable: &mut Vec<String>) -> Vec<T> {
    let mut read = Vec::with_capacity(rows.len());
    for row in rows {
        match T::try_from(row) {
            Ok(value) => read.push(value),
            Err(error) => unreadable.push(error.to_string()),
        }
    }
    read
}

/// The newest blocks, oldest first.
async fn newest_blocks(conn: &mut Conn) -> Result<Vec<BlockRow>, StoreError> {
    let mut blocks: Vec<BlockRow> = all!(
        conn,
        "SELECT height, block_id, parent_id, block_time FROM blocks ORDER BY height DESC LIMIT $1",
        BLOCKS
    )?;
    blocks.reverse();
    Ok(blocks)
}

/// The chain as it was read last.
async fn chain(conn: &mut Conn, book: &mut Book) -> Result<(), StoreError> {
    book.blocks = newest_blocks(conn)
        .await?
        .iter()
        .map(|row| Ok((row.head()?, row.parent()?)))
        .collect::<Result<_, StoreError>>()?;
    book.solid = blocks::solid(conn).await?;
    // What nothing explains belongs to nothing else that is looked at.
    let unexplained: Vec<SentRow> = all!(conn, UNEXPLAINED, UNEXPLAINED_AT_ONCE)?;
    book.sent = unexplained.iter().map(SentRow::sent).collect::<Result<_, _>>()?;
    Ok(())
}

/// Orders, and payments that have none, with all that belongs to them.
async fn belongings(conn: &mut Conn, ids: &[String], unpaid: &[String]) -> Result<Book, StoreError> {
    let mut book = Book::default();
    if !ids.is_empty() {
        book.orders = convert::<OrderRow, Order>(orders(ids).all(conn).await?)?;
        book.payments = convert::<PaymentRow, _>(payments(ids).all(conn).await?)?;
        book.reservations = convert::<ReservationRow, _>(reservations(ids).all(conn).await?)?;
        book.operations = convert::<OperationRow, Operation>(operations(ids).all(conn).await?)?;
    }
    if !unpaid.is_empty() {
        book.payments.extend(convert::<PaymentRow, Payment>(unordered(unpaid).all(conn).await?)?);
    }
    let paid: Vec<String> = book.payments.iter().map(|payment| payment.id.to_string()).collect();
    if !paid.is_empty() {
        book.refunds = convert::<RefundRow, Refund>(refunds(&paid).all(conn).await?)?;
    }
    let owed: Vec<String> = book.refunds.iter().map(|refund| refund.id.to_string()).collect();
    if !owed.is_empty() {
        book.operations.extend(convert::<OperationRow, Operation>(transfers(&owed).all(conn).await?)?);
    }
    let acts: Vec<String> = book.operations.iter().map(|operation| operation.id.to_string()).collect();
    if !acts.is_empty() {
        book.attempts = convert::<AttemptRow, Attempt>(attempts(&acts).all(conn).await?)?;
    }
    let transactions: Vec<String> = book.attempts.iter().map(|attempt| attempt.tx_id.to_string()).collect();
    if !transactions.is_empty() {
        let rows: Vec<EventRow> = events(&transactions).all(conn).await?;
        book.events = rows.iter().map(EventRow::event).collect::<Result<_, _>>()?;
        let rows: Vec<SentRow> = sent(&transactions).all(conn).await?;
        book.sent = rows.iter().map(SentRow::sent).collect::<Result<_, _>>()?;
    }
    Ok(book)
}

/// Adds what belongs to others.
fn add(book: &mut Book, more: Book) {
    book.orders.extend(more.orders);
    book.payments.extend(more.payments);
    book.reservations.extend(more.reservations);
    book.operations.extend(more.operations);
    book.refunds.extend(more.refunds);
    book.attempts.extend(more.attempts);
    book.events.extend(more.events);
    book.sent.extend(more.sent);
}

/// The same, each alone, for books in which a row cannot be read: that one hides nothing but what it belongs to.
async fn each_alone(
    conn: &mut Conn,
    chosen: &Chosen,
    book: &mut Book,
    unreadable: &mut Vec<String>,
) -> Result<(), StoreError> {
    let orders = chosen.orders.iter().map(|order| (Some(order), None));
    let payments = chosen.payments.iter().map(|payment| (None, Some(payment)));
    for (order, payment) in orders.chain(payments) {
        let one = |id: Option<&String>| id.cloned().into_iter().collect::<Vec<String>>();
        match belongings(conn, &one(order), &one(payment)).await {
            Ok(more) => add(book, more),
            Err(error @ StoreError::Inconsistent { .. }) => unreadable.push(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads a part; the connection must be in a transaction.
pub(crate) async fn read(
    conn: &mut Conn,
    after: Option<(Timestamp, OrderId)>,
    limit: u32,
) -> Result<BookPart, StoreError> {
    let chosen = choose(conn, after, limit).await?;
    let mut unreadable = Vec::new();
    let mut book = Book {
        accounts: readable(pool::account_rows(conn).await?, &mut unreadable),
        refund_accounts: readable::<RefundAccountRow, _>(
            all!(conn, "SELECT * FROM refund_accounts ORDER BY created_at, account_id")?,
            &mut unreadable,
        ),
        ..Book::default()
    };
    match chain(conn, &mut book).await {
        Err(error @ StoreError::Inconsistent { .. }) => unreadable.push(error.to_string()),
        other => other?,
    }
    if unreadable.is_empty() {
        let ids: Vec<String> = chosen.orders.iter().cloned().collect();
        match belongings(conn, &ids, &chosen.payments).await {
            Ok(more) => add(&mut book, more),
            Err(StoreError::Inconsistent { .. }) => {
                each_alone(conn, &chosen, &mut book, &mut unreadable).await?;
            }
            Err(error) => return Err(error),
        }
    } else {
        // Nothing can be said of rows whose accounts or blocks are not all there.
        book = Book { accounts: book.accounts, ..Book::default() };
    }
    let held = match held(conn).await {
        Ok(held) => held,
        Err(error @ StoreError::Inconsistent { .. }) => {
            unreadable.push(error.to_string());
            let known = book.accounts.iter().map(|account| (account.id, account.held));
            known.collect()
        }
        Err(error) => return Err(error),
    };
    Ok(BookPart { book, held, next: chosen.next, unreadable })
}

/// What the holding reservations of each account come to.
async fn held(conn: &mut Conn) -> Result<BTreeMap<AccountId, Sun>, StoreError> {
    let rows: Vec<(String, i64)> = all!(conn, HELD)?;
    rows.into_iter()
        .map(|(id, sum)| Ok((Place::new("reservations", &id).parse("account_id", &id)?, Sun::new(sum))))
        .collect()
}
