//! Whether a transfer may be signed now: the rows themselves say for what.

use crate::{
    db::{Conn, all, opt},
    halts,
    refund_change::{self, Window},
    row::{Place, row},
};
use leyden_domain::{Asset, OperationId, RefundId, Timestamp, halt::MoneyAct, refund::SpendGuard};
use leyden_ports::store::{StoreError, Transfer, Warrant, WarrantError};

row!(
    /// An operation that may be what is to be signed.
    WarrantRow {
        refund: String,
        id: String,
        state: String,
        attempts: i64,
        permission_id: Option<i64>,
    }
);

/// Whether a transfer may be signed now: the rows themselves say for what.
pub(crate) async fn warrant(
    conn: &mut Conn,
    transfer: Transfer,
    limits: SpendGuard,
) -> Result<Warrant, WarrantError> {
    let kind = match transfer.asset {
        Asset::Trx => "refund_trx",
        Asset::Usdt => "refund_usdt",
    };
    let halted = halts::stop(conn, MoneyAct::Refund).await?;
    if let Some(cause) = halted {
        return Err(WarrantError::Halted(cause));
    }
    refund_change::refuse_strange(conn).await.map_err(|error| match error {
        StoreError::Halted(cause) => WarrantError::Halted(cause),
        error => error.into(),
    })?;
    let found: Vec<WarrantRow> = all!(
        conn,
        "SELECT r.id AS refund, op.id, op.state, op.attempts, a.permission_id FROM operations op \
         JOIN refunds r ON r.id = op.refund_id JOIN payments p ON p.id = r.payment_id \
         JOIN refund_accounts a ON a.account_id = op.account_id AND a.address = op.owner \
         WHERE op.owner = $1 AND op.receiver = $2 AND op.balance = $3 AND op.kind = $4 \
         AND op.state IN ('intended', 'signed', 'included') AND r.state = 'sending' AND r.operation_id = op.id \
         AND r.to_address = op.receiver AND r.owed - r.fee = op.balance \
         AND (r.to_address = p.from_address OR r.address_set_by <> r.address_approved_by) \
         ORDER BY op.created_at, op.id",
        transfer.from.to_string(),
        transfer.to.to_string(),
        transfer.amount,
        kind,
    )?;
    let Some(row) = found.iter().find(|row| row.state == "intended") else {
        return Err(if found.is_empty() { WarrantError::None } else { WarrantError::Signed });
    };
    let place = Place::new("operations", &row.id);
    let id: RefundId = place.parse("refund_id", &row.refund)?;
    let operation: OperationId = place.parse("id", &row.id)?;
    let refund = refund_change::find(conn, id).await?.ok_or(WarrantError::None)?;
    let at = refund.state.spent_at().unwrap_or(refund.updated_at);
    let window = Window { now: at, until: Some(at), but: Some((id, operation)) };
    refund_change::guard(conn, &refund, limits, window).await?.map_err(WarrantError::Guard)?;
    let newest: Option<(i64,)> = opt!(conn, "SELECT block_time FROM blocks ORDER BY height DESC LIMIT 1")?;
    Ok(Warrant {
        operation,
        attempts: place.number("attempts", row.attempts)?,
        permission_id: row.permission_id.map(|id| place.number("permission_id", id)).transpose()?,
        now: Timestamp::from_ms(newest.map_or(0, |(time,)| time)),
    })
}
