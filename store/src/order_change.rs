//! Changes of an order: the row, its history, and everything else that a transition must write in the same commit.
//! Whoever changes an order, for whatever reason, comes through [`apply`].

use crate::{
    db::{Conn, all, exec, opt},
    delegation_record, halts,
    journal::{OPERATIONS, ORDERS, RESERVATIONS},
    monitoring, order_payment, parts,
    row::{OperationRow, Place, operation_columns},
};
use leyden_domain::{
    Sun, Timestamp,
    operation::{Operation, OperationKind, OperationState},
    order::{Effect, Order, OrderState, OrderStateKind, Transition},
    planted::{Fault, planted},
};
use leyden_ports::store::{OrderCommit, ReclaimDraft, StoreError};
use serde::Serialize;

/// Writes consecutive transitions with their effects. `now` stamps the history.
pub(crate) async fn apply(conn: &mut Conn, commit: &OrderCommit, now: Timestamp) -> Result<(), StoreError> {
    if commit.transitions.is_empty() {
        return Err(StoreError::Rule("a commit without a transition".to_owned()));
    }
    let follow = |pair: &[Transition]| matches!(pair, [a, b] if b.from_version == a.order.version);
    if !commit.transitions.windows(2).all(follow) {
        return Err(StoreError::Conflict("order"));
    }
    // Effects see the row as their own transition leaves it. What has none is written as one step, from the first to the
    // last; the history keeps every line.
    let mut rest = commit.transitions.as_slice();
    while !rest.is_empty() {
        let plain = rest.iter().position(|transition| !transition.effects.is_empty());
        let (steps, others) = rest.split_at(plain.map_or(rest.len(), |first| first.max(1)));
        rest = others;
        let note = commit.note.as_deref().filter(|_| rest.is_empty());
        apply_steps(conn, steps, &commit.reclaims, note, now).await?;
    }
    Ok(())
}

/// Writes consecutive transitions of which at most the only one has effects. Guarded by the version that the first was
/// made from.
async fn apply_steps(
    conn: &mut Conn,
    steps: &[Transition],
    reclaims: &[ReclaimDraft],
    note: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let ([first, ..], [.., last]) = (steps, steps) else { return Ok(()) };
    let order = &last.order;
    write_state(conn, order, first.from_version).await?;
    for effect in &last.effects {
        match effect {
            Effect::RequireUnpaid => order_payment::require_none(conn, order, now).await?,
            Effect::ReleaseCapacity => release_capacity(conn, order, now).await?,
            Effect::IntendReclaims => intend_reclaims(conn, order, reclaims, now).await?,
        }
    }
    let (from, to) = (first.from, order.state.kind());
    if from != to {
        recount(conn, from, to).await?;
        if matches!(to, OrderStateKind::RefundDue | OrderStateKind::Reverted) {
            parts::give_back(conn, &order.id.to_string(), now).await?;
        }
        if from == OrderStateKind::AwaitingPayment && planted(Fault::TailReused) {
            exec!(conn, "DELETE FROM taken_tails WHERE order_id = $1", order.id.to_string())?;
        }
        if to == OrderStateKind::AwaitingPayment {
            order_payment::reopen_seconds(conn, order, now).await?;
        }
    }
    for step in steps {
        delegation_record::update_result(conn, &step.order, step.from).await?;
        monitoring::follow(conn, &step.order, step.from, now).await?;
        let note = note.filter(|_| std::ptr::eq(step, last));
        if let Some(note) = note {
            let said = Said { event: step.event, note };
            conn.journal().told("note.order", step.order.id, &said);
        }
        let line = Line { at: step.order.updated_at, event: step.event, from: Some(step.from), note };
        write_line(conn, &step.order, &line, now).await?;
    }
    Ok(())
}

/// One order less in a state, one more in another.
async fn recount(conn: &mut Conn, from: OrderStateKind, to: OrderStateKind) -> Result<(), StoreError> {
    exec!(
        conn,
        "UPDATE order_counts SET count = count + CASE WHEN state = $1 THEN -1 ELSE 1 END WHERE state IN ($1, $2)",
        from.name(),
        to.name(),
    )
    .map(drop)
}

/// Writes the columns that a transition may change.
async fn write_state(conn: &mut Conn, order: &Order, from_version: i64) -> Result<(), StoreError> {
    let columns = StateColumns::of(order)?;
    let changed = exec!(
        conn,
        "UPDATE orders SET state = $3, state_json = $4, status = $5, version = $6, updated_at = $7, \
         paid_amount = $8, transaction_count = $9, from_address = $10, ends_at = $11, funding_block = $12 \
         WHERE id = $1 AND version = $2",
        order.id.to_string(),
        from_version,
        columns.state,
        columns.json,
        columns.status,
        order.version,
        order.updated_at.ms(),
        columns.paid,
        columns.count,
        columns.payer,
        columns.ends_at,
        columns.funding_block,
    )?;
    conn.journal().changed(&ORDERS, order.id);
    if changed == 1 { Ok(()) } else { Err(StoreError::Conflict("order")) }
}

/// The columns that follow from an order's state.
pub(crate) struct StateColumns {
    pub(crate) state: &'static str,
    pub(crate) json: String,
    pub(crate) status: &'static str,
    pub(crate) paid: Option<i64>,
    pub(crate) count: Option<i64>,
    pub(crate) payer: Option<String>,
    pub(crate) ends_at: Option<i64>,
    pub(crate) funding_block: Option<String>,
}

impl StateColumns {
    pub(crate) fn of(order: &Order) -> Result<Self, StoreError> {
        let kind = order.state.kind();
        let funding = order.state.funding();
        Ok(Self {
            state: kind.name(),
            json: state_json(&order.state)?,
            status: kind.status(),
            paid: funding.map(|funding| funding.paid.get()),
            count: funding.map(|funding| i64::from(funding.count)),
            payer: funding.map(|funding| funding.payer.to_string()),
            ends_at: order.state.ends_at().map(Timestamp::ms),
            funding_block: funding.map(|funding| funding.block.block.id().to_string()),
        })
    }
}

fn state_json(state: &OrderState) -> Result<String, StoreError> {
    serde_json::to_string(state).map_err(|error| StoreError::Rule(error.to_string()))
}

/// The terms in the words of requirement 001's `price_config`; amounts are decimal TRX there.
pub(crate) fn price_config(order: &Order) -> String {
    let hours = order.duration.ms().checked_div(3_600_000).unwrap_or(0);
    format!(
        r#"{{"single_price": {}, "max_transactions": {}, "expiry_hours": {hours}}}"#,
        order.unit_price.to_decimal().normalize(),
        order.count.most(),
    )
}

/// What a person or the service said of a step, for the journal.
#[derive(Serialize)]
struct Said<'a> {
    event: &'a str,
    note: &'a str,
}

/// A line of history to be written.
struct Line<'a> {
    at: Timestamp,
    event: &'a str,
    from: Option<OrderStateKind>,
    note: Option<&'a str>,
}

async fn write_line(
    conn: &mut Conn,
    order: &Order,
    line: &Line<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    exec!(
        conn,
        "INSERT INTO order_events (order_id, sequence, at, recorded_at, event, from_state, to_state, note) \
         VALUES ($1, (SELECT COALESCE(MAX(sequence), 0) + 1 FROM order_events WHERE order_id = $1), \
         $2, $3, $4, $5, $6, $7)",
        order.id.to_string(),
        line.at.ms(),
        now.ms(),
        line.event.to_owned(),
        line.from.map(OrderStateKind::name),
        order.state.kind().name(),
        line.note.map(str::to_owned),
    )
    .map(drop)
}

/// Voids what is held and was never signed for, or whose every transaction is dead. Where an agent has signed in
/// between, the decision does not hold any more: what is signed may still land and keeps its hold.
async fn release_capacity(conn: &mut Conn, order: &Order, now: Timestamp) -> Result<(), StoreError> {
    let under_way: Option<(String,)> = opt!(
        conn,
        "SELECT id FROM operations WHERE order_id = $1 AND kind = 'delegate' \
         AND state IN ('signed', 'included', 'solid') LIMIT 1",
        order.id.to_string()
    )?;
    if under_way.is_some() {
        return Err(StoreError::Conflict("delegations of the order"));
    }
    let idle: Vec<OperationRow> = all!(
        conn,
        concat!(
            "SELECT ",
            operation_columns!(),
            " FROM operations op JOIN reservations r ON r.id = op.reservation_id \
             WHERE op.order_id = $1 AND op.state = 'intended' AND r.state = 'pending' \
             AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.operation_id = op.id AND a.dead = 0)"
        ),
        order.id.to_string()
    )?;
    for row in idle {
        let Some(reservation) = row.reservation_id else {
            return Err(Place::new("operations", &row.id).bad("reservation_id"));
        };
        exec!(
            conn,
            "UPDATE operations SET state = 'cancelled', version = version + 1, updated_at = $2 WHERE id = $1",
            row.id.clone(),
            now.ms(),
        )?;
        conn.journal().changed(&RESERVATIONS, &reservation);
        exec!(conn, "UPDATE reservations SET state = 'voided' WHERE id = $1", reservation)?;
        conn.journal().changed(&OPERATIONS, &row.id);
        unhold(conn, &row.account_id, Sun::new(row.balance)).await?;
        delegation_record::reflect(conn, &row.id, now).await?;
    }
    Ok(())
}

/// Gives stake back to what an account may promise.
pub(crate) async fn unhold(conn: &mut Conn, account: &str, balance: Sun) -> Result<(), StoreError> {
    exec!(
        conn,
        "UPDATE energy_pools SET held = held - $2, version = version + 1 WHERE account_id = $1",
        account.to_owned(),
        balance.get(),
    )
    .map(drop)
}

/// One undelegation for each delegation that took effect. Each must have its draft, and no other.
async fn intend_reclaims(
    conn: &mut Conn,
    order: &Order,
    drafts: &[ReclaimDraft],
    now: Timestamp,
) -> Result<(), StoreError> {
    let rows: Vec<OperationRow> = all!(
        conn,
        concat!(
            "SELECT ",
            operation_columns!(),
            " FROM operations op WHERE op.order_id = $1 AND op.kind = 'delegate' \
             AND op.state IN ('included', 'solid') ORDER BY op.created_at, op.id"
        ),
        order.id.to_string()
    )?;
    if rows.len() != drafts.len() {
        return Err(StoreError::Conflict("delegations of the order"));
    }
    for row in rows {
        let delegation = Operation::try_from(row)?;
        let Some(draft) = drafts.iter().find(|draft| draft.delegation == delegation.id) else {
            return Err(StoreError::Conflict("delegations of the order"));
        };
        let reclaim = Operation {
            id: draft.id,
            kind: OperationKind::Undelegate { delegation: delegation.id },
            state: OperationState::Intended,
            attempts: 0,
            delivery: None,
            failure: None,
            version: 1,
            created_at: order.updated_at,
            ..delegation
        };
        insert_operation(conn, &reclaim, now).await?;
    }
    Ok(())
}

/// Writes a new operation, unless a halt is open that stops it; a delegation gets its row in the requirement's record too.
pub(crate) async fn insert_operation(
    conn: &mut Conn,
    operation: &Operation,
    now: Timestamp,
) -> Result<(), StoreError> {
    halts::refuse(conn, operation.kind.act()).await?;
    let (reservation, lock, delegation, refund, repair) = match operation.kind {
        OperationKind::Delegate { reservation, lock } => {
            (Some(reservation.to_string()), lock.map(|lock| lock.period_blocks), None, None, None)
        }
        OperationKind::Undelegate { delegation } => (None, None, Some(delegation.to_string()), None, None),
        OperationKind::Retake { repair } => (None, None, None, None, Some(repair.to_string())),
        OperationKind::Refund { refund, .. } => (None, None, None, Some(refund.to_string()), None),
    };
    exec!(
        conn,
        "INSERT INTO operations (id, order_id, account_id, owner, receiver, balance, energy, kind, \
         reservation_id, lock_blocks, delegation_id, state, attempts, version, created_at, updated_at, refund_id, \
         repair_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        operation.id.to_string(),
        operation.order.map(|order| order.to_string()),
        operation.account.to_string(),
        operation.owner.to_string(),
        operation.receiver.to_string(),
        operation.balance.get(),
        operation.energy.get(),
        operation.kind.name(),
        reservation,
        lock,
        delegation,
        operation.state.name(),
        i64::from(operation.attempts),
        operation.version,
        operation.created_at.ms(),
        now.ms(),
        refund,
        repair,
    )?;
    conn.journal().made(&OPERATIONS, operation.id);
    if matches!(operation.kind, OperationKind::Delegate { .. }) {
        delegation_record::begin(conn, operation, now).await?;
    }
    Ok(())
}
