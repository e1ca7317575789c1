//! Changes of a refund: the row, its history, the transfer that is intended with it, and its order. Whoever changes one
//! comes through here.

use crate::{
    book_part::UNEXPLAINED,
    db::{Conn, all, exec, one, opt},
    journal::{PAYMENTS, REFUNDS},
    order_change,
    row::{Copies, PaymentRow, RefundRow, SentRow},
};
use leyden_domain::{
    Asset, Height, OperationId, PaymentId, RefundId, Span, Sun, Timestamp,
    halt::HaltCause,
    payment::Payment,
    planted::{Fault, planted},
    refund::{GuardTrip, Refund, RefundStateKind, RefundTransition, SpendGuard, Spent},
};
use leyden_ports::store::{RefundCommit, RefundDraft, StoreError};

/// Reads a refund.
pub(crate) async fn find(conn: &mut Conn, id: RefundId) -> Result<Option<Refund>, StoreError> {
    let found: Option<RefundRow> = opt!(conn, "SELECT * FROM refunds WHERE id = $1", id.to_string())?;
    found.map(Refund::try_from).transpose()
}

/// Reads the refund of a payment.
pub(crate) async fn find_of(conn: &mut Conn, payment: PaymentId) -> Result<Option<Refund>, StoreError> {
    let found: Option<RefundRow> =
        opt!(conn, "SELECT * FROM refunds WHERE payment_id = $1", payment.to_string())?;
    found.map(Refund::try_from).transpose()
}

/// The columns of a refund that may change.
struct Columns {
    state_json: String,
    cause_json: String,
    proposal: Option<String>,
    copies: Copies,
}

impl Columns {
    fn of(refund: &Refund) -> Result<Self, StoreError> {
        let broken = |error: serde_json::Error| StoreError::Rule(error.to_string());
        Ok(Self {
            state_json: serde_json::to_string(&refund.state).map_err(broken)?,
            cause_json: serde_json::to_string(&refund.cause).map_err(broken)?,
            proposal: refund.proposal.as_ref().map(serde_json::to_string).transpose().map_err(broken)?,
            copies: Copies::of(&refund.state),
        })
    }
}

/// Who wanted a change, and more about it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    pub(crate) by: Option<String>,
    pub(crate) note: Option<String>,
}

/// The newest solid height.
pub(crate) async fn solid(conn: &mut Conn) -> Result<Height, StoreError> {
    let found: Option<(i64,)> = opt!(conn, "SELECT solid_height FROM chain_cursor WHERE id = 1")?;
    Ok(Height::new(found.map_or(-1, |(height,)| height)))
}

/// Begins a refund.
pub(crate) async fn open(conn: &mut Conn, draft: &RefundDraft, wall: Timestamp) -> Result<(), StoreError> {
    let conflict = || StoreError::Conflict("payment");
    let refund = &draft.refund;
    let row: Option<PaymentRow> =
        opt!(conn, "SELECT * FROM payments WHERE id = $1 AND has_refund = 0", refund.payment.to_string())?;
    let payment = Payment::try_from(row.ok_or_else(conflict)?)?;
    let solid = solid(conn).await?;
    let is_solid =
        payment.block.is_some_and(|at| at.block.height() <= solid) || planted(Fault::RefundBeforeSolid);
    if payment != draft.payment || !is_solid {
        return Err(conflict());
    }
    insert(conn, refund, wall).await
}

/// Writes a new refund, and that its payment has one.
pub(crate) async fn insert(conn: &mut Conn, refund: &Refund, wall: Timestamp) -> Result<(), StoreError> {
    let columns = Columns::of(refund)?;
    exec!(
        conn,
        "INSERT INTO refunds (id, payment_id, order_id, cause, cause_json, asset, owed, fee, to_address, \
         address_set_by, decided_by, approved_by, guard_waived, proposal, state, state_json, hold, operation_id, \
         due_at, spent_at, created_at, updated_at, version, address_approved_by, checks_waived) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
         $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)",
        refund.id.to_string(),
        refund.payment.to_string(),
        refund.order.map(|order| order.to_string()),
        refund.cause.name(),
        columns.cause_json,
        refund.asset.name(),
        refund.owed,
        refund.fee,
        refund.to.to_string(),
        refund.address_set_by.map(|key| key.to_string()),
        refund.decided_by.key().map(|key| key.to_string()),
        refund.approved_by.map(|key| key.to_string()),
        i64::from(refund.guard_waived),
        columns.proposal,
        refund.state.kind().name(),
        columns.state_json,
        columns.copies.hold,
        columns.copies.operation,
        columns.copies.due_at,
        columns.copies.spent_at,
        refund.created_at.ms(),
        refund.updated_at.ms(),
        refund.version,
        refund.address_approved_by.map(|key| key.to_string()),
        refund.checks_waived.then_some(1_i64),
    )?;
    exec!(conn, "UPDATE payments SET has_refund = 1 WHERE id = $1", refund.payment.to_string())?;
    conn.journal().made(&REFUNDS, refund.id);
    conn.journal().changed(&PAYMENTS, refund.payment);
    write_line(conn, refund, "opened", None, &Said::default(), wall).await
}

/// Commits a change. `Ok(Err(trip))`: the spend guard has tripped, and nothing was written.
pub(crate) async fn apply(
    conn: &mut Conn,
    commit: &RefundCommit,
    wall: Timestamp,
) -> Result<Result<(), GuardTrip>, StoreError> {
    let refund = &commit.transition.refund;
    if let Some(transfer) = &commit.transfer {
        refuse_strange(conn).await?;
        let window = Window { now: refund.updated_at, until: None, but: None };
        if let Err(trip) = guard(conn, refund, transfer.guard, window).await? {
            return Ok(Err(trip));
        }
    }
    let said = Said { by: None, note: commit.note.clone() };
    write(conn, &commit.transition, &said, wall).await?;
    if let Some(transfer) = &commit.transfer {
        order_change::insert_operation(conn, &transfer.operation, wall).await?;
    }
    if let Some(order) = &commit.order {
        order_change::apply(conn, order, wall).await?;
    }
    Ok(Ok(()))
}

/// Writes a transition with its line of history.
pub(crate) async fn write(
    conn: &mut Conn,
    transition: &RefundTransition,
    said: &Said,
    wall: Timestamp,
) -> Result<(), StoreError> {
    let refund = &transition.refund;
    let columns = Columns::of(refund)?;
    let changed = exec!(
        conn,
        "UPDATE refunds SET order_id = $3, cause = $4, cause_json = $5, owed = $6, fee = $7, to_address = $8, \
         address_set_by = $9, decided_by = $10, approved_by = $11, guard_waived = $12, proposal = $13, state = $14, \
         state_json = $15, hold = $16, operation_id = $17, due_at = $18, spent_at = $19, updated_at = $20, \
         version = $21, address_approved_by = $22, checks_waived = $23 WHERE id = $1 AND version = $2",
        refund.id.to_string(),
        transition.from_version,
        refund.order.map(|order| order.to_string()),
        refund.cause.name(),
        columns.cause_json,
        refund.owed,
        refund.fee,
        refund.to.to_string(),
        refund.address_set_by.map(|key| key.to_string()),
        refund.decided_by.key().map(|key| key.to_string()),
        refund.approved_by.map(|key| key.to_string()),
        i64::from(refund.guard_waived),
        columns.proposal,
        refund.state.kind().name(),
        columns.state_json,
        columns.copies.hold,
        columns.copies.operation,
        columns.copies.due_at,
        columns.copies.spent_at,
        refund.updated_at.ms(),
        refund.version,
        refund.address_approved_by.map(|key| key.to_string()),
        refund.checks_waived.then_some(1_i64),
    )?;
    if changed != 1 {
        return Err(StoreError::Conflict("refund"));
    }
    conn.journal().changed(&REFUNDS, refund.id);
    if let Some(by) = &said.by {
        conn.journal().told("refund.wish", refund.id, &(by, &said.note));
    }
    write_line(conn, refund, transition.event, Some(transition.from), said, wall).await
}

async fn write_line(
    conn: &mut Conn,
    refund: &Refund,
    event: &'static str,
    from: Option<RefundStateKind>,
    said: &Said,
    wall: Timestamp,
) -> Result<(), StoreError> {
    exec!(
        conn,
        "INSERT INTO refund_events (refund_id, sequence, at, recorded_at, event, from_state, to_state, by_key, note) \
         VALUES ($1, (SELECT COALESCE(MAX(sequence), 0) + 1 FROM refund_events WHERE refund_id = $1), \
         $2, $3, $4, $5, $6, $7, $8)",
        refund.id.to_string(),
        refund.updated_at.ms(),
        wall.ms(),
        event,
        from.map(RefundStateKind::name),
        refund.state.kind().name(),
        said.by.clone(),
        said.note.clone(),
    )
    .map(drop)
}

/// Refuses to move money while some has left a refund account by no transaction of ours: these books may be a copy of some
/// that went on without them, and what they owe may be paid.
pub(crate) async fn refuse_strange(conn: &mut Conn) -> Result<(), StoreError> {
    let strange: Vec<SentRow> = all!(conn, UNEXPLAINED, 1_i64)?;
    if strange.is_empty() { Ok(()) } else { Err(StoreError::Halted(HaltCause::BrokenInvariant)) }
}

/// Which transfers count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// An hour and a day before this they begin.
    pub(crate) now: Timestamp,
    /// They end here; `None`: nowhere, for chain time may have been later already than it is now.
    pub(crate) until: Option<Timestamp>,
    /// Without the transfer that is asked about.
    pub(crate) but: Option<(RefundId, OperationId)>,
}

/// Whether the spend guard lets a refund go.
pub(crate) async fn guard(
    conn: &mut Conn,
    refund: &Refund,
    guard: SpendGuard,
    window: Window,
) -> Result<Result<(), GuardTrip>, StoreError> {
    if refund.guard_waived || planted(Fault::RefundGuardIgnored) {
        return Ok(Ok(()));
    }
    let left = spent(conn, refund.asset, window, guard.token_fee).await?;
    if let Err(trip) = guard.check(refund.asset, refund.amount(), left) {
        return Ok(Err(trip));
    }
    let coins = spent(conn, Asset::Trx, window, guard.token_fee).await?;
    Ok(guard.check_fee(refund.asset, coins))
}

/// How much has left. Of a token transfer the fee counts as TRX as soon as it is intended, and whatever becomes of it once
/// it was signed: one that fails on the chain has burnt it.
pub(crate) async fn spent(
    conn: &mut Conn,
    asset: Asset,
    window: Window,
    token_fee: Sun,
) -> Result<Spent, StoreError> {
    let (hour, day) =
        (window.now.minus(Span::from_hours(1)).ms(), window.now.minus(Span::from_hours(24)).ms());
    let until = window.until.map_or(i64::MAX, Timestamp::ms);
    let (in_hour, in_day): (i64, i64) = one!(
        conn,
        "SELECT CAST(COALESCE(SUM(CASE WHEN spent_at > $2 THEN owed - fee ELSE 0 END), 0) AS BIGINT), \
         CAST(COALESCE(SUM(owed - fee), 0) AS BIGINT) FROM refunds \
         WHERE asset = $1 AND spent_at > $3 AND spent_at <= $4 AND id <> $5",
        asset.name(),
        hour,
        day,
        until,
        window.but.map_or_else(String::new, |(refund, _)| refund.to_string()),
    )?;
    let spent = Spent { hour: in_hour, day: in_day };
    if asset == Asset::Usdt {
        return Ok(spent);
    }
    let (in_hour, in_day): (i64, i64) = one!(
        conn,
        "SELECT CAST(COALESCE(SUM(CASE WHEN created_at > $1 THEN 1 ELSE 0 END), 0) AS BIGINT), COUNT(*) \
         FROM operations WHERE kind = 'refund_usdt' AND created_at > $2 AND created_at <= $3 AND id <> $4 \
         AND (attempts > 0 OR state NOT IN ('failed', 'cancelled'))",
        hour,
        day,
        until,
        window.but.map_or_else(String::new, |(_, operation)| operation.to_string()),
    )?;
    let fees = |count: i64| count.saturating_mul(token_fee.get());
    Ok(Spent { hour: spent.hour.saturating_add(fees(in_hour)), day: spent.day.saturating_add(fees(in_day)) })
}
