//! Payments: who may be meant by one, and the one commit that says who is.

use crate::{
    SqlStore,
    db::{Arg, Built, Conn, all, exec, opt},
    group_commit::{release, savepoint},
    halts,
    journal::{ORDERS, PAYMENTS},
    monitoring, new_orders, order_payment,
    parts::{self, BEGUN},
    row::{OrderRow, PaymentRow, convert, order_columns},
};
use async_trait::async_trait;
use leyden_domain::{
    PaymentId, Timestamp,
    halt::MoneyAct,
    order::Order,
    payment::{Expectation, Payment, PaymentState, Standing},
    planted::{Fault, planted},
};
use leyden_ports::store::{
    Durability, Page, PaymentFilter, PaymentStore, Routing, StoreError, UnroutedPayment,
};
use std::collections::{BTreeMap, BTreeSet};

/// Orders whose tail is the rest of the amount under their own price. At most one for each price that the address
/// was ever offered at; how many orders are open does not matter.
pub(crate) const BY_TAIL: &str = concat!(
    "SELECT ",
    order_columns!(),
    " FROM offered_prices p JOIN taken_tails t ON t.payment_address = p.payment_address \
     AND t.tail = $2 % p.unit_price AND t.unit_price = p.unit_price JOIN orders o ON o.id = t.order_id \
     WHERE p.payment_address = $1 AND $2 % p.unit_price > 0"
);

/// With the fault: one open order of the address, whatever its tail.
pub(crate) const ANY_OPEN: &str = concat!(
    "SELECT ",
    order_columns!(),
    " FROM orders o WHERE o.payment_address = $1 AND o.state = 'awaiting_payment' ORDER BY o.created_at LIMIT 1"
);

/// Open orders for the payer under whose price the amount is a plain multiple. A payment that is none looks at no order;
/// of many orders for one recipient a few are enough to know that nobody can tell which is meant.
pub(crate) const BY_RECIPIENT: &str = concat!(
    "SELECT ",
    order_columns!(),
    " FROM offered_prices p CROSS JOIN orders o WHERE p.payment_address = $2 AND $3 % p.unit_price = 0 \
     AND o.state = 'awaiting_payment' AND o.recipient_address = $1 AND o.payment_address = p.payment_address \
     AND o.unit_price = p.unit_price LIMIT 32"
);

/// Payments that nobody has looked at, in the order of their blocks.
pub(crate) const UNROUTED: &str = "SELECT * FROM payments WHERE state = 'unrouted' AND block_id IS NOT NULL \
                                   ORDER BY block_height, position LIMIT $1 OFFSET $2";

/// The orders that a payment may be meant for, each once.
async fn candidates(conn: &mut Conn, payment: &Payment) -> Result<Vec<Expectation>, StoreError> {
    let (from, to) = (payment.from.to_string(), payment.to.to_string());
    let by_tail: Vec<OrderRow> = if planted(Fault::TailIgnored) {
        all!(conn, ANY_OPEN, to.clone())?
    } else {
        all!(conn, BY_TAIL, to.clone(), payment.amount)?
    };
    let by_recipient: Vec<OrderRow> = all!(conn, BY_RECIPIENT, from, to, payment.amount)?;
    let begun: Vec<OrderRow> = all!(conn, BEGUN, payment.from.to_string(), payment.to.to_string())?;
    let is_begun: BTreeSet<String> = begun.iter().map(|row| row.id.clone()).collect();
    let orders: Vec<Order> = convert(by_tail.into_iter().chain(by_recipient).chain(begun).collect())?;
    let mut each_once = BTreeMap::new();
    for order in orders {
        let mut expectation = order.expectation();
        // Whatever else comes for it is a second payment, and need not wait until somebody releases the order.
        if order_payment::is_paid_while_held(conn, &order).await? {
            expectation.standing = Standing::Paid;
        }
        if is_begun.contains(&order.id.to_string()) {
            expectation.begun = parts::begun(conn, order.id, payment.from).await?;
        }
        each_once.insert(order.id, expectation);
    }
    Ok(each_once.into_values().collect())
}

/// A payment with its candidates; `None` where one of their rows cannot be read. That is for a person to mend, and
/// no other payment waits for it.
async fn with_candidates(conn: &mut Conn, row: PaymentRow) -> Result<Option<UnroutedPayment>, StoreError> {
    let id = row.id.clone();
    let read = async {
        let payment = Payment::try_from(row)?;
        let candidates = candidates(conn, &payment).await?;
        Ok(UnroutedPayment { payment, candidates })
    };
    match read.await {
        Ok(unrouted) => Ok(Some(unrouted)),
        Err(error @ StoreError::Inconsistent { .. }) => {
            tracing::error!(payment = id, %error, "payment passed over: it cannot be routed as the books are");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The name of a payment that is a part, which the column does not have.
const PART: &str = "part";
/// The one that the column has instead.
const UNDER: &str = "under";

fn count<T>(rows: &[T]) -> i64 {
    i64::try_from(rows.len()).unwrap_or(i64::MAX)
}

/// The columns of a bucket.
struct Bucket {
    order: Option<String>,
    bought: Option<i64>,
    excess: Option<i64>,
    reason: Option<&'static str>,
}

impl Bucket {
    fn of(state: &PaymentState) -> Self {
        let order = state.order().map(|order| order.to_string());
        match state {
            PaymentState::Settles { count, excess, .. } => {
                Self { order, bought: Some(i64::from(*count)), excess: Some(excess.get()), reason: None }
            }
            PaymentState::Suspense { reason } => {
                Self { order, bought: None, excess: None, reason: Some(reason.name()) }
            }
            PaymentState::Unrouted
            | PaymentState::Part { .. }
            | PaymentState::Under { .. }
            | PaymentState::Late { .. }
            | PaymentState::Second { .. } => Self { order, bought: None, excess: None, reason: None },
        }
    }
}

/// Puts a payment into its bucket; `false` where the decision does not hold any more.
pub(crate) async fn route(
    conn: &mut Conn,
    routing: &Routing,
    now: Timestamp,
    wall: Timestamp,
) -> Result<bool, StoreError> {
    let id = routing.payment.to_string();
    let block: Option<(String, i64, i64)> = opt!(
        conn,
        "SELECT block_id, block_height, block_time FROM payments \
         WHERE id = $1 AND state = 'unrouted' AND block_id IS NOT NULL",
        id.clone()
    )?;
    let Some((block, height, time)) = block else { return Ok(false) };
    if matches!(routing.state, PaymentState::Unrouted | PaymentState::Part { .. }) {
        return Ok(false);
    }
    if let Some(order) = routing.new_order.as_deref() {
        halts::refuse(conn, MoneyAct::Sell).await?;
        if routing.state.order() != Some(order.id) {
            return Err(StoreError::Rule("a payment that makes an order must settle it".to_owned()));
        }
        new_orders::insert(conn, order, wall).await?;
        monitoring::complete(conn, order, wall).await?;
    }
    if let PaymentState::Settles { order, .. } = routing.state {
        let order = order.to_string();
        order_payment::give_up_undone(conn, &order, now).await?;
        // An order that is held and has no payment was held while it awaited one: the payment is its own, and it
        // goes on with it when it is released.
        let assigned = exec!(
            conn,
            "UPDATE orders SET assigned_payment = $2, payment_block = $3, payment_height = $4, payment_time = $5 \
             WHERE id = $1 AND assigned_payment IS NULL AND (state IN ('awaiting_payment', 'held') OR $6 = 1)",
            order,
            id.clone(),
            block,
            height,
            time,
            i64::from(routing.new_order.is_some()),
        )?;
        if assigned == 0 {
            return Ok(false);
        }
        if let Some(order) = routing.state.order() {
            conn.journal().changed(&ORDERS, order);
        }
    }
    if routing.new_order.is_none() && !parts::take(conn, routing, now, wall).await? {
        return Ok(false);
    }
    let bucket = Bucket::of(&routing.state);
    let routed = exec!(
        conn,
        "UPDATE payments SET state = $2, order_id = $3, bought = $4, excess = $5, reason = $6, updated_at = $7 \
         WHERE id = $1 AND state = 'unrouted'",
        id,
        routing.state.name(),
        bucket.order,
        bucket.bought,
        bucket.excess,
        bucket.reason,
        now.ms(),
    )?;
    conn.journal().changed(&PAYMENTS, routing.payment);
    Ok(routed == 1)
}

/// Payments that nobody has looked at, with their candidates; the connection must be in a transaction.
pub(crate) async fn unrouted(conn: &mut Conn, limit: u32) -> Result<Vec<UnroutedPayment>, StoreError> {
    let mut unrouted = Vec::new();
    let mut read = 0_i64;
    // Those that cannot be read take nobody's place in the page.
    loop {
        let wanted = i64::from(limit).saturating_sub(count(&unrouted));
        let rows: Vec<PaymentRow> = all!(conn, UNROUTED, wanted, read)?;
        let found = count(&rows);
        read = read.saturating_add(found);
        for row in rows {
            unrouted.extend(with_candidates(conn, row).await?);
        }
        if found < wanted || count(&unrouted) >= i64::from(limit) {
            break;
        }
    }
    Ok(unrouted)
}

/// The query for a page of payments, newest block first; those without a block come last.
pub(crate) fn list_query(filter: &PaymentFilter, page: &Page) -> Built {
    let mut query = Built::new("SELECT * FROM payments WHERE 1 = 1");
    // A part is one of those that were too little, which are not shown as such any more.
    let (parts, mut columns): (Vec<&String>, Vec<&String>) =
        filter.states.iter().partition(|state| *state == PART);
    let has_under = columns.iter().any(|state| *state == UNDER);
    let under = UNDER.to_owned();
    if !parts.is_empty() && !has_under {
        columns.push(&under);
    }
    query.among("state", columns.into_iter().cloned());
    match (parts.is_empty(), has_under) {
        (false, false) => query.push(" AND (state <> 'under' OR part = 1)"),
        (true, true) => query.push(" AND (state <> 'under' OR part IS NULL)"),
        (true, false) | (false, true) => &mut query,
    };
    if let Some(order) = filter.order {
        query.push(" AND order_id = ").bind(Arg::Text(order.to_string()));
    }
    if let Some(tx_id) = filter.tx_id {
        query.push(" AND tx_id = ").bind(Arg::Text(tx_id.to_string()));
    }
    if let Some((at, id)) = &page.after {
        query.push(" AND (COALESCE(block_time, 0), id) < (").bind(Arg::Int(at.ms())).push(", ");
        query.bind(Arg::Text(id.clone())).push(")");
    }
    query
        .push(" ORDER BY COALESCE(block_time, 0) DESC, id DESC LIMIT ")
        .bind(Arg::Int(i64::from(page.limit)));
    query
}

#[async_trait]
impl PaymentStore for SqlStore {
    async fn unrouted_payments(&self, limit: u32) -> Result<Vec<UnroutedPayment>, StoreError> {
        let mut conn = self.db.snapshot().await?;
        let unrouted = unrouted(&mut conn, limit).await?;
        conn.rollback().await?;
        Ok(unrouted)
    }

    async fn route_payments(
        &self,
        routings: Vec<Routing>,
        now: Timestamp,
    ) -> Result<Vec<PaymentId>, StoreError> {
        let wall = self.now();
        self.write_as(Durability::Relaxed, move |conn| {
            Box::pin(async move {
                let mut routed = Vec::with_capacity(routings.len());
                for routing in &routings {
                    savepoint(conn).await?;
                    let answer = route(conn, routing, now, wall).await;
                    release(conn, answer == Ok(true)).await?;
                    match answer {
                        Ok(true) => routed.push(routing.payment),
                        Ok(false) => {}
                        Err(error @ StoreError::Unavailable(_)) => return Err(error),
                        Err(error) => {
                            tracing::error!(payment = %routing.payment, %error, "payment left unrouted");
                        }
                    }
                }
                Ok(routed)
            })
        })
        .await
    }

    async fn payment(&self, id: PaymentId) -> Result<Option<Payment>, StoreError> {
        let mut conn = self.db.read().await?;
        let found: Option<PaymentRow> = opt!(conn, "SELECT * FROM payments WHERE id = $1", id.to_string())?;
        found.map(Payment::try_from).transpose()
    }

    async fn list_payments(&self, filter: &PaymentFilter, page: &Page) -> Result<Vec<Payment>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows: Vec<PaymentRow> = list_query(filter, page).all(&mut conn).await?;
        convert(rows)
    }
}
