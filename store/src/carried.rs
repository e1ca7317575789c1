//! What a comparison leaves behind: its row, which is where the next one begins, and the differences that it carries on.

use crate::{
    db::{Conn, exec, one, opt},
    reconcile::{RunRow, SENT, WORKED, json},
    repairs,
};
use leyden_domain::{
    Address, Height, Sun,
    reconcile::{Holding, Matter, OpenDifference, Outgoings, Reconciliation, Repair, StillOpen},
};
use leyden_ports::store::{ReconciliationRow, StoreError, TillFlow};
use serde::Serialize;
use std::collections::BTreeSet;

/// What was on our accounts when it was compared, for the journal.
#[derive(Serialize)]
struct Held<'a> {
    till: Option<(Height, i64)>,
    refund_accounts: &'a [Holding],
    pool_accounts: &'a [Holding],
    open_differences: &'a [OpenDifference],
}

pub(crate) async fn record(
    conn: &mut Conn,
    done: &Reconciliation,
    proposed: &[Repair],
) -> Result<Vec<Repair>, StoreError> {
    let carried = last(conn).await?.map_or_else(Vec::new, |last| last.open);
    exec!(
        conn,
        "INSERT INTO reconciliations (id, asked_by, started_at, finished_at, height, accounts, pairs, till, till_height, skipped, \
         differences, refund_accounts, pool_accounts, open_differences) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
         ON CONFLICT (id) DO UPDATE SET finished_at = excluded.finished_at, height = excluded.height, \
         accounts = excluded.accounts, pairs = excluded.pairs, till = excluded.till, till_height = excluded.till_height, skipped = excluded.skipped, \
         differences = excluded.differences, refund_accounts = excluded.refund_accounts, \
         pool_accounts = excluded.pool_accounts, open_differences = excluded.open_differences WHERE reconciliations.finished_at IS NULL",
        done.id.to_string(),
        done.asked_by.clone(),
        done.started_at.ms(),
        done.finished_at.ms(),
        done.height.map(Height::get),
        i64::from(done.accounts),
        i64::from(done.pairs),
        done.till.map(|(_, sum)| sum),
        done.till.map(|(height, _)| height.get()),
        done.skipped.join("\n"),
        json(&done.differences)?,
        json(&done.refund_accounts)?,
        json(&done.pool_accounts)?,
        json(&done.open)?,
    )?;
    let held_something =
        done.till.is_some() || !done.refund_accounts.is_empty() || !done.pool_accounts.is_empty();
    if held_something || !done.open.is_empty() {
        // What the next comparison begins from.
        let held = Held {
            till: done.till,
            refund_accounts: &done.refund_accounts,
            pool_accounts: &done.pool_accounts,
            open_differences: &done.open,
        };
        conn.journal().told("note.reconciliation", done.id, &held);
    }
    let open = |subject: &String| done.open.iter().any(|one| one.difference.subject() == *subject);
    for subject in carried.iter().map(|one| one.difference.subject()).filter(|subject| !open(subject)) {
        repairs::explain(conn, &subject, done.finished_at).await?;
    }
    let mut kept = Vec::new();
    for repair in proposed {
        if repairs::propose(conn, repair).await? {
            kept.push(repair.clone());
        }
    }
    Ok(kept)
}

/// The newest comparison that is done.
pub(crate) async fn last(conn: &mut Conn) -> Result<Option<Reconciliation>, StoreError> {
    let row: Option<RunRow> = opt!(
        conn,
        "SELECT * FROM reconciliations WHERE finished_at IS NOT NULL ORDER BY finished_at DESC, id DESC LIMIT 1"
    )?;
    Ok(match row.map(RunRow::read).transpose()? {
        Some(ReconciliationRow::Done(done)) => Some(done),
        Some(ReconciliationRow::Wanted(_)) | None => None,
    })
}

/// What our own accounts sent to an address.
pub(crate) const BROUGHT: &str = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM sent_transfers \
     WHERE to_address = $1 AND asset = 'TRX' AND succeeded = 1 AND height > $2 AND height <= $3";

/// What came to the payment addresses and left them.
pub(crate) async fn till_between(
    conn: &mut Conn,
    payees: &BTreeSet<Address>,
    above: Height,
    to: Height,
) -> Result<TillFlow, StoreError> {
    let (paid,): (i64,) = one!(
        conn,
        "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM payments \
         WHERE block_height > $1 AND block_height <= $2 AND asset = 'TRX'",
        above.get(),
        to.get(),
    )?;
    let (dust,): (i64,) = one!(
        conn,
        "SELECT CAST(COALESCE(SUM(trx_dust_amount + trx_dust_found), 0) AS BIGINT) FROM blocks \
         WHERE height > $1 AND height <= $2",
        above.get(),
        to.get(),
    )?;
    let (mut came, mut left) = (paid.saturating_add(dust), 0_i64);
    for payee in payees {
        let (brought,): (i64,) = one!(conn, BROUGHT, payee.to_string(), above.get(), to.get())?;
        let (sent, _, _): (i64, i64, i64) = one!(conn, SENT, payee.to_string(), above.get(), to.get())?;
        came = came.saturating_add(brought);
        left = left.saturating_add(sent);
    }
    Ok(TillFlow { came: Sun::new(came), left: Sun::new(left) })
}

/// What the books know of the blocks of a difference: what came to its accounts less what left them.
async fn recorded(conn: &mut Conn, open: &OpenDifference) -> Result<i64, StoreError> {
    let (above, to) = (open.since, open.difference.height);
    if open.difference.matter == Matter::Payments {
        let payees = open.accounts.iter().copied().collect();
        let flow = till_between(conn, &payees, above, to).await?;
        return Ok(flow.came.get().saturating_sub(flow.left.get()));
    }
    let mut left = 0_i64;
    for account in &open.accounts {
        left = left.saturating_add(left_between(conn, *account, above, to).await?.gone);
    }
    Ok(left.saturating_neg())
}

/// Those that persons have closed.
pub(crate) const CLOSED: &str =
    "SELECT id FROM repairs WHERE subject = $1 AND state = 'applied' AND kind = 'write_off' LIMIT 1";

/// What nothing has explained and nobody has closed.
pub(crate) async fn still_open(conn: &mut Conn) -> Result<Vec<StillOpen>, StoreError> {
    let mut open = Vec::new();
    for found in last(conn).await?.map_or_else(Vec::new, |last| last.open) {
        let closed: Option<(String,)> = opt!(conn, CLOSED, found.difference.subject())?;
        if closed.is_some() {
            continue;
        }
        let recorded = recorded(conn, &found).await?;
        open.extend(found.left(recorded).map(|left| StillOpen { found, left }));
    }
    Ok(open)
}

/// What left an account of ours.
pub(crate) async fn left_between(
    conn: &mut Conn,
    from: Address,
    above: Height,
    to: Height,
) -> Result<Outgoings, StoreError> {
    let (sent, coins, calls): (i64, i64, i64) = one!(conn, SENT, from.to_string(), above.get(), to.get())?;
    let (staked, works): (i64, i64) = one!(conn, WORKED, from.to_string(), above.get(), to.get())?;
    let count = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    Ok(Outgoings {
        gone: sent.saturating_add(staked),
        coins: count(coins),
        works: count(works),
        calls: count(calls),
    })
}
