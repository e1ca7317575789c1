//! The requirement's record of delegations (`energy_delegations`) and the column `delegation_result` of orders: both
//! say again what the operations say, in the words of requirement 001, and are written in the same commits.

use crate::{
    db::{Conn, all, exec},
    journal::ORDERS,
    row::{Place, row},
};
use leyden_domain::{
    Timestamp,
    operation::Operation,
    order::{Order, OrderStateKind},
};
use leyden_ports::store::StoreError;
use serde::Serialize;

/// Begins the record of a delegation.
pub(crate) async fn begin(conn: &mut Conn, operation: &Operation, now: Timestamp) -> Result<(), StoreError> {
    exec!(
        conn,
        "INSERT INTO energy_delegations (order_id, pool_account_id, recipient_address, energy_amount, \
         duration_hours, status, created_at, updated_at, operation_id) \
         SELECT o.id, p.id, CAST($3 AS TEXT), CAST($4 AS BIGINT), (o.duration_ms + 3599999) / 3600000, 'pending', \
         CAST($5 AS BIGINT), CAST($5 AS BIGINT), CAST($6 AS TEXT) \
         FROM orders o, energy_pools p WHERE o.id = $1 AND p.account_id = $2",
        operation.order.map(|order| order.to_string()),
        operation.account.to_string(),
        operation.receiver.to_string(),
        operation.energy.get(),
        now.ms(),
        operation.id.to_string(),
    )
    .map(drop)
}

/// Brings the record of a delegation in step with its operation. `expired` is one that was taken back.
pub(crate) async fn reflect(conn: &mut Conn, delegation: &str, now: Timestamp) -> Result<(), StoreError> {
    exec!(
        conn,
        "UPDATE energy_delegations SET \
         status = (SELECT CASE \
             WHEN op.state IN ('failed', 'cancelled') THEN 'failed' \
             WHEN op.state IN ('intended', 'signed') THEN 'pending' \
             WHEN EXISTS (SELECT 1 FROM operations u WHERE u.delegation_id = op.id AND u.state = 'solid') \
                 THEN 'expired' \
             ELSE 'success' END FROM operations op WHERE op.id = $1), \
         tx_hash = (SELECT a.tx_id FROM attempts a WHERE a.operation_id = $1 ORDER BY a.number DESC LIMIT 1), \
         delegated_at = (SELECT op.delivery_time FROM operations op WHERE op.id = $1), \
         expires_at = (SELECT op.delivery_time + o.duration_ms FROM operations op \
             JOIN orders o ON o.id = op.order_id WHERE op.id = $1), \
         updated_at = $2 \
         WHERE operation_id = $1",
        delegation.to_owned(),
        now.ms(),
    )
    .map(drop)
}

row!(
    /// A delegation that took effect.
    LegRow { owner: String, energy: i64, tx_id: Option<String> }
);

/// One paid transfer, as `delegationResult` of the `energy-flash` routes has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Share<'a> {
    transaction_index: u32,
    pool_account: &'a str,
    energy_amount: i64,
    tx_hash: Option<&'a str>,
    success: bool,
}

/// Writes what was delivered when it was, and takes it back when that was undone.
pub(crate) async fn update_result(
    conn: &mut Conn,
    order: &Order,
    from: OrderStateKind,
) -> Result<(), StoreError> {
    let result = match (from, order.state.kind()) {
        (OrderStateKind::Delegating, OrderStateKind::Active) => Some(shares(conn, order).await?),
        (OrderStateKind::Active, OrderStateKind::Delegating) => None,
        _ => return Ok(()),
    };
    conn.journal().changed(&ORDERS, order.id);
    exec!(conn, "UPDATE orders SET delegation_result = $2 WHERE id = $1", order.id.to_string(), result)
        .map(drop)
}

/// One entry for each paid transfer. Transfers that one delegation carries share its transaction; where accounts
/// share a transfer, the one that gives its first energy is named.
async fn shares(conn: &mut Conn, order: &Order) -> Result<String, StoreError> {
    let legs: Vec<LegRow> = all!(
        conn,
        "SELECT op.owner, op.energy, a.tx_id FROM operations op \
         LEFT JOIN attempts a ON a.operation_id = op.id AND a.number = op.attempts \
         WHERE op.order_id = $1 AND op.kind = 'delegate' AND op.state IN ('included', 'solid') \
         ORDER BY op.created_at, op.id",
        order.id.to_string()
    )?;
    let each = order.energy_per_transfer.get();
    let count = order.state.funding().map_or(0, |funding| funding.count);
    let mut shares = Vec::new();
    let mut legs = legs.iter();
    let mut leg = legs.next();
    let mut given = leg.map_or(0, |leg| leg.energy);
    let mut begins = 0_i64;
    for transaction_index in 1..=count {
        while begins >= given {
            let Some(next) = legs.next() else { break };
            leg = Some(next);
            given = given.saturating_add(next.energy);
        }
        let Some(by) = leg else {
            return Err(Place::new("orders", &order.id.to_string()).bad("delegation_result"));
        };
        shares.push(Share {
            transaction_index,
            pool_account: &by.owner,
            energy_amount: each,
            tx_hash: by.tx_id.as_deref(),
            success: true,
        });
        begins = begins.saturating_add(each);
    }
    serde_json::to_string(&shares).map_err(|error| StoreError::Rule(error.to_string()))
}
