//! The requirement's record of who was watched for a payment (`payment_monitoring_logs`), kept by the same commits
//! that change the order.

use crate::{
    SqlStore,
    db::{Arg, Built, Conn, exec, opt},
    row::{Place, row},
};
use leyden_domain::{
    OrderId, Sun, Timestamp,
    order::{Funding, Order, OrderStateKind},
};
use leyden_ports::store::{MonitoringRow, StoreError};

/// The state of an order that a payment is watched for.
const AWAITING: &str = OrderStateKind::AwaitingPayment.name();

/// Begins to watch, unless somebody does already.
pub(crate) async fn begin(conn: &mut Conn, order: &str, now: Timestamp) -> Result<bool, StoreError> {
    let begun = exec!(
        conn,
        "INSERT INTO payment_monitoring_logs (order_id, payment_address, monitoring_started_at, status, \
         created_at, updated_at) \
         SELECT o.id, o.payment_address, CAST($2 AS BIGINT), 'monitoring', CAST($2 AS BIGINT), CAST($2 AS BIGINT) FROM orders o WHERE o.id = $1 \
         AND NOT EXISTS (SELECT 1 FROM payment_monitoring_logs l WHERE l.order_id = $1 AND l.status = 'monitoring')",
        order.to_owned(),
        now.ms(),
    )?;
    Ok(begun == 1)
}

/// Ends watching, if anybody does.
async fn end(
    conn: &mut Conn,
    order: &str,
    status: &'static str,
    message: Option<&'static str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let ended = exec!(
        conn,
        "UPDATE payment_monitoring_logs SET status = $2, error_message = $3, monitoring_stopped_at = $4, \
         updated_at = $4 WHERE order_id = $1 AND status = 'monitoring'",
        order.to_owned(),
        status,
        message,
        now.ms(),
    )?;
    Ok(ended > 0)
}

/// Follows an order's change.
pub(crate) async fn follow(
    conn: &mut Conn,
    order: &Order,
    from: OrderStateKind,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = order.id.to_string();
    match (from, order.state.kind()) {
        (OrderStateKind::AwaitingPayment, OrderStateKind::Paid) => complete(conn, order, now).await,
        (_, OrderStateKind::Expired) => end(conn, &id, "timeout", None, now).await.map(drop),
        (_, OrderStateKind::Cancelled) => end(conn, &id, "error", Some("cancelled"), now).await.map(drop),
        (from, OrderStateKind::AwaitingPayment) if from != OrderStateKind::AwaitingPayment => {
            begin(conn, &id, now).await.map(drop)
        }
        _ => Ok(()),
    }
}

/// The payment came: says which.
pub(crate) async fn complete(conn: &mut Conn, order: &Order, now: Timestamp) -> Result<(), StoreError> {
    let id = order.id.to_string();
    let Some(funding) = order.state.funding() else {
        return Err(Place::new("orders", &id).bad("state"));
    };
    // Where watching was stopped, or the order was made by its payment, the record says at least that it came.
    if !detect(conn, &id, funding, now).await? {
        begin(conn, &id, now).await?;
        detect(conn, &id, funding, now).await?;
    }
    Ok(())
}

/// Ends watching because a payment came; `false` where nobody watches.
async fn detect(conn: &mut Conn, order: &str, funding: &Funding, now: Timestamp) -> Result<bool, StoreError> {
    let detected = exec!(
        conn,
        "UPDATE payment_monitoring_logs SET status = 'completed', monitoring_stopped_at = $2, \
         detected_tx_hash = $3, detected_amount = $4, detected_from_address = $5, updated_at = $2 \
         WHERE order_id = $1 AND status = 'monitoring'",
        order.to_owned(),
        now.ms(),
        funding.payment.tx_id.to_string(),
        funding.paid.get(),
        funding.payer.to_string(),
    )?;
    Ok(detected > 0)
}

row!(
    /// What the view `payment_monitoring_status` has. The view itself is for people: its units are theirs.
    StatusRow {
        order_id: String,
        payment_address: String,
        monitoring_status: String,
        monitoring_started_at: i64,
        monitoring_stopped_at: Option<i64>,
        detected_amount: Option<i64>,
        detected_from_address: Option<String>,
        order_status: String,
        paid_amount: Option<i64>,
        transaction_count: Option<i64>,
        expires_at: i64,
    }
);

impl StatusRow {
    fn at(self, chain_time: Timestamp) -> Result<MonitoringRow, StoreError> {
        let place = Place::new("payment_monitoring_logs", &self.order_id);
        let expires_at = Timestamp::from_ms(self.expires_at);
        Ok(MonitoringRow {
            order_id: place.parse("order_id", &self.order_id)?,
            payment_address: place.parse("payment_address", &self.payment_address)?,
            monitoring_started_at: Timestamp::from_ms(self.monitoring_started_at),
            monitoring_stopped_at: self.monitoring_stopped_at.map(Timestamp::from_ms),
            detected_amount: self.detected_amount.map(Sun::new),
            detected_from_address: place
                .parse_opt("detected_from_address", self.detected_from_address.as_deref())?,
            paid_amount: self.paid_amount.map(Sun::new),
            transaction_count: self
                .transaction_count
                .map(|count| place.number("transaction_count", count))
                .transpose()?,
            expires_at,
            is_expired: expires_at < chain_time,
            monitoring_status: self.monitoring_status,
            order_status: self.order_status,
        })
    }
}

/// The query for the view's rows.
pub(crate) fn status_query(order: Option<OrderId>, limit: u32) -> Built {
    let mut query = Built::new(
        "SELECT l.order_id, l.payment_address, l.status AS monitoring_status, l.monitoring_started_at, \
         l.monitoring_stopped_at, l.detected_amount, l.detected_from_address, o.status AS order_status, \
         o.paid_amount, o.transaction_count, o.expires_at \
         FROM payment_monitoring_logs l JOIN orders o ON o.id = l.order_id \
         WHERE NOT EXISTS (SELECT 1 FROM payment_monitoring_logs newer \
         WHERE newer.order_id = l.order_id AND newer.id > l.id)",
    );
    if let Some(order) = order {
        query.push(" AND l.order_id = ").bind(Arg::Text(order.to_string()));
    }
    query.push(" ORDER BY l.monitoring_started_at DESC LIMIT ").bind(Arg::Int(i64::from(limit)));
    query
}

impl SqlStore {
    pub(crate) async fn begin_monitoring(&self, order: OrderId, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let order = order.to_string();
                // A record that says how watching ended is not to be covered by one that watches for nothing.
                let waits: Option<(i64,)> = opt!(
                    conn,
                    "SELECT version FROM orders WHERE id = $1 AND state = $2",
                    order.clone(),
                    AWAITING
                )?;
                if waits.is_none() {
                    return Ok(false);
                }
                begin(conn, &order, now).await
            })
        })
        .await
    }

    pub(crate) async fn end_monitoring(&self, order: OrderId, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move { end(conn, &order.to_string(), "error", Some("stopped"), now).await })
        })
        .await
    }

    pub(crate) async fn monitoring_rows(
        &self,
        order: Option<OrderId>,
        chain_time: Timestamp,
        limit: u32,
    ) -> Result<Vec<MonitoringRow>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows: Vec<StatusRow> = status_query(order, limit).all(&mut conn).await?;
        rows.into_iter().map(|row| row.at(chain_time)).collect()
    }
}
