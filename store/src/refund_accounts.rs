//! The accounts that refunds are paid from: one at a time, the others only finish what they began.

use crate::{
    db::{Conn, all, exec, opt},
    journal::REFUND_ACCOUNTS,
    row::{Place, RefundAccountRow, convert},
};
use leyden_domain::{
    AccountId, Timestamp,
    refund::{RefundAccount, RefundObserved},
};
use leyden_ports::store::{NewRefundAccount, StoreError};

/// Makes an account the one that refunds are paid from.
pub(crate) async fn upsert(
    conn: &mut Conn,
    new: &NewRefundAccount,
    now: Timestamp,
) -> Result<RefundAccount, StoreError> {
    let address = new.address.to_string();
    let replaced: Vec<(String,)> = all!(
        conn,
        "UPDATE refund_accounts SET is_active = 0 WHERE address <> $1 AND is_active = 1 \
         RETURNING account_id",
        address.clone()
    )?;
    for (account,) in replaced {
        conn.journal().changed(&REFUND_ACCOUNTS, account);
    }
    let permission = new.permission_id.map(i64::from);
    let known: Option<(String, i64)> = opt!(
        conn,
        "SELECT account_id, CAST(CASE WHEN is_active = 1 AND unfit IS NULL \
         AND COALESCE(permission_id, -1) = COALESCE(CAST($2 AS BIGINT), -1) THEN 1 ELSE 0 END AS BIGINT) \
         FROM refund_accounts WHERE address = $1",
        address.clone(),
        permission,
    )?;
    let row: Option<RefundAccountRow> = opt!(
        conn,
        "INSERT INTO refund_accounts (account_id, address, permission_id, is_active, created_at) \
         VALUES ($1, $2, $3, 1, $4) ON CONFLICT (address) DO UPDATE SET \
         permission_id = excluded.permission_id, is_active = 1, unfit = NULL RETURNING *",
        new.id.to_string(),
        address,
        permission,
        now.ms(),
    )?;
    let id = new.id.to_string();
    match known {
        // As it was already.
        Some((_, 1)) => {}
        Some((known, _)) => conn.journal().changed(&REFUND_ACCOUNTS, known),
        None => conn.journal().made(&REFUND_ACCOUNTS, &id),
    }
    RefundAccount::try_from(Place::new("refund_accounts", &id).some("account_id", row)?)
}

/// All of them, oldest first.
pub(crate) async fn list(conn: &mut Conn) -> Result<Vec<RefundAccount>, StoreError> {
    let rows: Vec<RefundAccountRow> =
        all!(conn, "SELECT * FROM refund_accounts ORDER BY created_at, account_id")?;
    convert(rows)
}

/// Notes what the chain says is on one.
pub(crate) async fn observe(
    conn: &mut Conn,
    id: AccountId,
    observed: RefundObserved,
) -> Result<(), StoreError> {
    exec!(
        conn,
        "UPDATE refund_accounts SET observed_height = $2, asked_at = $3, balance = $4, usdt = $5, \
         bandwidth = $6 WHERE account_id = $1 AND (observed_height IS NULL OR observed_height <= $2)",
        id.to_string(),
        observed.at.get(),
        observed.asked_at.ms(),
        observed.balance.get(),
        observed.usdt.get(),
        observed.bandwidth.get(),
    )
    .map(drop)
}

/// Notes why one cannot send, or that it can.
pub(crate) async fn set_unfit(conn: &mut Conn, id: AccountId, why: Option<String>) -> Result<(), StoreError> {
    let changed = exec!(
        conn,
        "UPDATE refund_accounts SET unfit = $2 \
         WHERE account_id = $1 AND COALESCE(unfit, '') <> COALESCE($2, '')",
        id.to_string(),
        why
    )?;
    if changed > 0 {
        conn.journal().changed(&REFUND_ACCOUNTS, id);
    }
    Ok(())
}
