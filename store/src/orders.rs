//! Orders: making them, reading them, committing their transitions.

use crate::{
    SqlStore,
    db::{Conn, all, exec, opt},
    new_orders, order_change,
    order_list::{list_query, waiting_ids},
    row::{
        AttemptRow, OperationRow, OrderRow, PaymentRow, Place, attempt_columns, convert, operation_columns,
        order_columns, row,
    },
};
use async_trait::async_trait;
use leyden_domain::{
    OrderId, Timestamp,
    operation::{Attempt, Operation, OperationKind},
    order::{Order, OrderStateKind},
    payment::Payment,
    planted::{Fault, planted},
};
use leyden_ports::store::{
    CreateRefusal, Created, IdempotencyClaim, IdempotencyKey, NewOrder, OrderCommit, OrderDetail,
    OrderFilter, OrderStore, OrderWait, Page, StoreError, TimelineEntry,
};

/// Reads an order.
pub(crate) async fn find(conn: &mut Conn, id: OrderId) -> Result<Option<Order>, StoreError> {
    let found: Option<OrderRow> =
        opt!(conn, concat!("SELECT ", order_columns!(), " FROM orders o WHERE o.id = $1"), id.to_string())?;
    found.map(Order::try_from).transpose()
}

/// What an idempotency key finds.
async fn claim(conn: &mut Conn, key: &IdempotencyKey) -> Result<IdempotencyClaim, StoreError> {
    let found: Option<(String, String)> = opt!(
        conn,
        "SELECT body_hash, order_id FROM idempotency_keys WHERE caller = $1 AND route = $2 AND key = $3",
        key.caller.clone(),
        key.route.clone(),
        key.key.clone()
    )?;
    Ok(match found {
        None => IdempotencyClaim::Unused,
        Some((body_hash, _)) if body_hash != hex::encode(key.body_hash) => IdempotencyClaim::OtherBody,
        Some((_, order)) => {
            IdempotencyClaim::Order(Place::new("idempotency_keys", &key.key).parse("order_id", &order)?)
        }
    })
}

/// Reads an order with all that bears on it; the connection must be in a transaction.
pub(crate) async fn detail(conn: &mut Conn, id: OrderId) -> Result<Option<OrderDetail>, StoreError> {
    let Some(order) = find(conn, id).await? else { return Ok(None) };
    let payment: Option<PaymentRow> = opt!(
        conn,
        "SELECT * FROM payments WHERE order_id = $1 AND state IN ('settled', 'over')",
        id.to_string()
    )?;
    let operations: Vec<OperationRow> = all!(
        conn,
        concat!(
            "SELECT ",
            operation_columns!(),
            " FROM operations op WHERE op.order_id = $1 ORDER BY op.created_at, op.id"
        ),
        id.to_string()
    )?;
    let attempts: Vec<AttemptRow> = if operations.is_empty() {
        Vec::new()
    } else {
        all!(
            conn,
            concat!(
                "SELECT ",
                attempt_columns!(),
                " FROM operations op JOIN attempts a ON a.operation_id = op.id AND a.number = op.attempts \
                 WHERE op.order_id = $1 ORDER BY op.created_at, op.id"
            ),
            id.to_string()
        )?
    };
    // What sends its money back is its refund's.
    let (delegations, reclaims) = convert::<_, Operation>(operations)?
        .into_iter()
        .filter(|operation| !matches!(operation.kind, OperationKind::Refund { .. }))
        .partition(|operation| matches!(operation.kind, OperationKind::Delegate { .. }));
    Ok(Some(OrderDetail {
        order,
        payment: payment.map(Payment::try_from).transpose()?,
        delegations,
        reclaims,
        attempts: convert::<_, Attempt>(attempts)?,
    }))
}

row!(
    /// A line of history.
    LineRow {
        sequence: i64,
        at: i64,
        recorded_at: i64,
        event: String,
        from_state: Option<String>,
        to_state: String,
        note: Option<String>,
    }
);

impl LineRow {
    fn entry(self, order: &str) -> Result<TimelineEntry, StoreError> {
        let place = Place::new("order_events", order);
        Ok(TimelineEntry {
            sequence: self.sequence,
            at: Timestamp::from_ms(self.at),
            recorded_at: Timestamp::from_ms(self.recorded_at),
            from: place.parse_opt("from_state", self.from_state.as_deref())?,
            to: place.parse("to_state", &self.to_state)?,
            event: self.event,
            note: self.note,
        })
    }
}

/// Gives tails back. An order that waits for its payment, or may have to wait again because its payment is undone,
/// keeps its tail whatever the clock says; so does one that a payment names which nobody has looked at yet. Other
/// payments keep nothing: one that can never be routed must not use up all tails.
pub(crate) const RELEASE_TAILS: &str = "DELETE FROM taken_tails WHERE order_id IN (SELECT t.order_id \
     FROM taken_tails t JOIN orders o ON o.id = t.order_id WHERE t.closes_at < $1 \
     AND o.state NOT IN ('awaiting_payment', 'paid', 'funded', 'reserved', 'delegating', 'held') \
     AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.state = 'unrouted' AND p.block_id IS NOT NULL \
     AND p.block_time <= $1 AND p.block_time >= o.created_at - 60000 AND p.asset = 'TRX' \
     AND p.to_address = t.payment_address AND p.amount % t.unit_price = t.tail) \
     ORDER BY t.closes_at LIMIT $2)";

/// Forgets prices at which no tail is taken any more.
pub(crate) const DROP_PRICES: &str = "DELETE FROM offered_prices WHERE last_closes_at < $1 AND NOT EXISTS \
                                      (SELECT 1 FROM taken_tails t WHERE t.closes_at < $1 \
                                      AND t.payment_address = offered_prices.payment_address \
                                      AND t.unit_price = offered_prices.unit_price)";

#[async_trait]
impl OrderStore for SqlStore {
    async fn create_order(&self, mut new: NewOrder) -> Result<Created, CreateRefusal> {
        new.idempotency = new.idempotency.filter(|_| !planted(Fault::KeyIgnored));
        let now = self.now();
        if self.fence.is_none() {
            return self.creates.submit(&self.writer, new, now).await;
        }
        self.write(move |conn| Box::pin(async move { new_orders::create(conn, new, now).await })).await
    }

    async fn claim_idempotency(&self, key: &IdempotencyKey) -> Result<IdempotencyClaim, StoreError> {
        let mut conn = self.db.read().await?;
        if planted(Fault::KeyIgnored) {
            return Ok(IdempotencyClaim::Unused);
        }
        claim(&mut conn, key).await
    }

    async fn order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        let mut conn = self.db.read().await?;
        find(&mut conn, id).await
    }

    async fn order_detail(&self, id: OrderId) -> Result<Option<OrderDetail>, StoreError> {
        let mut conn = self.db.snapshot().await?;
        let detail = detail(&mut conn, id).await?;
        conn.rollback().await?;
        Ok(detail)
    }

    async fn commit_order(&self, commit: OrderCommit) -> Result<(), StoreError> {
        let now = self.now();
        self.write_as(commit.durability, move |conn| {
            Box::pin(async move { order_change::apply(conn, &commit, now).await })
        })
        .await
    }

    async fn list_orders(&self, filter: &OrderFilter, page: &Page) -> Result<Vec<Order>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows: Vec<OrderRow> = list_query(filter, page).all(&mut conn).await?;
        convert(rows)
    }

    async fn timeline(&self, id: OrderId) -> Result<Vec<TimelineEntry>, StoreError> {
        let mut conn = self.db.read().await?;
        let id = id.to_string();
        let rows: Vec<LineRow> = all!(
            conn,
            "SELECT sequence, at, recorded_at, event, from_state, to_state, note FROM order_events \
             WHERE order_id = $1 ORDER BY sequence",
            id.clone()
        )?;
        rows.into_iter().map(|row| row.entry(&id)).collect()
    }

    async fn waiting(
        &self,
        wait: OrderWait,
        after: Option<OrderId>,
        limit: u32,
    ) -> Result<Vec<OrderId>, StoreError> {
        let mut conn = self.db.read().await?;
        waiting_ids(&mut conn, wait, after, limit).await
    }

    async fn open_orders(&self) -> Result<Vec<(OrderId, Timestamp)>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows: Vec<(String, i64)> = all!(
            conn,
            "SELECT id, expires_at FROM orders WHERE state = 'awaiting_payment' ORDER BY expires_at, id"
        )?;
        rows.into_iter()
            .map(|(id, expires_at)| {
                Ok((Place::new("orders", &id).parse("id", &id)?, Timestamp::from_ms(expires_at)))
            })
            .collect()
    }

    async fn count_orders(&self) -> Result<Vec<(OrderStateKind, u64)>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows: Vec<(String, i64)> = all!(conn, "SELECT state, count FROM order_counts WHERE count > 0")?;
        let mut counts = rows
            .into_iter()
            .map(|(state, count)| {
                let place = Place::new("order_counts", &state);
                Ok((place.parse("state", &state)?, place.number("count", count)?))
            })
            .collect::<Result<Vec<(OrderStateKind, u64)>, StoreError>>()?;
        counts.sort_unstable();
        Ok(counts)
    }

    async fn release_tails(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let released = exec!(conn, RELEASE_TAILS, before.ms(), i64::from(limit))?;
                exec!(conn, DROP_PRICES, before.ms())?;
                Ok(released)
            })
        })
        .await
    }
}
