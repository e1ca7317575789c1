//! Repairs: what would mend a difference between the books and the chain, who wanted it, and what came of it. A repair is
//! a row that ends once. What one does to the books it does in the commit that ends it; what it does on the chain is an
//! operation like all others, intended once.

use crate::{
    db::{Arg, Built, Conn, all, exec, opt},
    delegation_record,
    journal::{OPERATIONS, REPAIRS, RESERVATIONS},
    order_change,
    reconcile::{json, read_json},
    row::{OperationRow, Place, operation_columns, row},
};
use leyden_domain::{
    Height, OrderId, RepairId, Sun, Timestamp,
    operation::{Operation, OperationKind},
    reconcile::{Decision, Repair, RepairKind, RepairState, Say, SayRefusal},
};
use leyden_ports::store::{Page, RepairRefusal, StoreError};

/// What became of a repair whose difference is none any more.
const EXPLAINED: &str = "not needed any more: the books explain the difference";

row!(
    /// A repair.
    RepairRow {
        id: String,
        reconciliation_id: String,
        difference: String,
        kind: String,
        from_height: Option<i64>,
        to_height: Option<i64>,
        effect: String,
        state: String,
        proposed_at: i64,
        asked_at: Option<i64>,
        asked_by: Option<String>,
        ask_reason: Option<String>,
        decided_at: Option<i64>,
        decided_by: Option<String>,
        decide_reason: Option<String>,
        settled_at: Option<i64>,
        outcome: Option<String>,
    }
);

impl RepairRow {
    fn read(self) -> Result<Repair, StoreError> {
        let place = Place::new("repairs", &self.id);
        let decision = match (self.decided_at, self.decided_by, self.decide_reason) {
            (None, None, None) => None,
            (Some(at), Some(by), Some(reason)) => Some(Decision { at: Timestamp::from_ms(at), by, reason }),
            _ => return Err(place.bad("decided_at")),
        };
        let asked = match (self.asked_at, self.asked_by, self.ask_reason) {
            (None, None, None) => None,
            (Some(at), Some(by), Some(reason)) => Some(Decision { at: Timestamp::from_ms(at), by, reason }),
            _ => return Err(place.bad("asked_at")),
        };
        let outcome = match (self.settled_at, self.outcome) {
            (None, None) => None,
            (Some(at), Some(outcome)) => Some((Timestamp::from_ms(at), outcome)),
            _ => return Err(place.bad("settled_at")),
        };
        Ok(Repair {
            id: place.parse("id", &self.id)?,
            reconciliation: place.parse("reconciliation_id", &self.reconciliation_id)?,
            difference: read_json(place, "difference", &self.difference)?,
            kind: place.parse("kind", &self.kind)?,
            blocks: self.from_height.map(Height::new).zip(self.to_height.map(Height::new)),
            effect: self.effect,
            state: place.parse("state", &self.state)?,
            proposed_at: Timestamp::from_ms(self.proposed_at),
            asked,
            decision,
            outcome,
        })
    }
}

/// Writes a repair down; `false` where one is open for the same subject.
pub(crate) async fn propose(conn: &mut Conn, repair: &Repair) -> Result<bool, StoreError> {
    let made = exec!(
        conn,
        "INSERT INTO repairs (id, reconciliation_id, subject, difference, excess, kind, from_height, to_height, \
         effect, state, proposed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
        repair.id.to_string(),
        repair.reconciliation.to_string(),
        repair.difference.subject(),
        json(&repair.difference)?,
        repair.difference.excess(),
        repair.kind.name(),
        repair.blocks.map(|(from, _)| from.get()),
        repair.blocks.map(|(_, to)| to.get()),
        repair.effect.clone(),
        repair.state.name(),
        repair.proposed_at.ms(),
    )?;
    if made == 1 {
        conn.journal().made(&REPAIRS, repair.id);
    }
    Ok(made == 1)
}

/// A page of them.
pub(crate) async fn list(
    conn: &mut Conn,
    states: &[RepairState],
    page: &Page,
) -> Result<Vec<Repair>, StoreError> {
    let rows: Vec<RepairRow> = repairs_query(states, page).all(conn).await?;
    rows.into_iter().map(RepairRow::read).collect()
}

/// The query for a page of repairs.
pub(crate) fn repairs_query(states: &[RepairState], page: &Page) -> Built {
    let mut query = Built::new("SELECT * FROM repairs WHERE 1 = 1");
    query.among("state", states.iter().map(|state| state.name().to_owned()));
    if let Some((at, id)) = &page.after {
        query.push(" AND (proposed_at, id) < (").bind(Arg::Int(at.ms())).push(", ");
        query.bind(Arg::Text(id.clone())).push(")");
    }
    query.push(" ORDER BY proposed_at DESC, id DESC LIMIT ").bind(Arg::Int(i64::from(page.limit)));
    query
}

/// One of them.
pub(crate) async fn find(conn: &mut Conn, id: RepairId) -> Result<Option<Repair>, StoreError> {
    let row: Option<RepairRow> = opt!(conn, "SELECT * FROM repairs WHERE id = $1", id.to_string())?;
    row.map(RepairRow::read).transpose()
}

/// The newest for a subject.
pub(crate) async fn last(conn: &mut Conn, subject: &str) -> Result<Option<Repair>, StoreError> {
    let row: Option<RepairRow> = opt!(
        conn,
        "SELECT * FROM repairs WHERE subject = $1 ORDER BY proposed_at DESC, id DESC LIMIT 1",
        subject.to_owned()
    )?;
    row.map(RepairRow::read).transpose()
}

/// A person has spoken.
pub(crate) async fn decide(
    conn: &mut Conn,
    id: RepairId,
    say: Say,
    decision: Decision,
) -> Result<Repair, RepairRefusal> {
    let repair = find(conn, id).await?.ok_or(RepairRefusal::NoRepair)?;
    let next = match repair.decide(say, decision) {
        Ok(next) => next,
        Err(SayRefusal::NotProposed) => return Err(RepairRefusal::NotProposed(Box::new(repair))),
        Err(refusal) => return Err(RepairRefusal::Rule(refusal)),
    };
    let (asked, decided) = (next.asked.clone(), next.decision.clone());
    exec!(
        conn,
        "UPDATE repairs SET state = $2, kind = $3, effect = $4, asked_at = $5, asked_by = $6, ask_reason = $7, \
         decided_at = $8, decided_by = $9, decide_reason = $10 WHERE id = $1 AND state = 'proposed'",
        id.to_string(),
        next.state.name(),
        next.kind.name(),
        next.effect.clone(),
        asked.as_ref().map(|who| who.at.ms()),
        asked.as_ref().map(|who| who.by.clone()),
        asked.map(|who| who.reason),
        decided.as_ref().map(|who| who.at.ms()),
        decided.as_ref().map(|who| who.by.clone()),
        decided.map(|who| who.reason),
    )?;
    conn.journal().changed(&REPAIRS, id);
    Ok(next)
}

/// Says what came of one.
pub(crate) async fn settle(
    conn: &mut Conn,
    id: RepairId,
    applied: bool,
    at: Timestamp,
    outcome: &str,
) -> Result<(), StoreError> {
    let state = if applied { RepairState::Applied } else { RepairState::Failed };
    let changed = exec!(
        conn,
        "UPDATE repairs SET state = $2, settled_at = $3, outcome = $4 WHERE id = $1 AND state = 'approved'",
        id.to_string(),
        state.name(),
        at.ms(),
        outcome.to_owned(),
    )?;
    if changed == 0 {
        return Err(StoreError::Conflict("repair"));
    }
    conn.journal().changed(&REPAIRS, id);
    Ok(())
}

/// Ends what waits for a person where the books explain the difference by now.
pub(crate) async fn explain(conn: &mut Conn, subject: &str, at: Timestamp) -> Result<(), StoreError> {
    let ended: Vec<(String,)> = all!(
        conn,
        "UPDATE repairs SET state = 'failed', settled_at = $2, outcome = $3 \
         WHERE subject = $1 AND state = 'proposed' RETURNING id",
        subject.to_owned(),
        at.ms(),
        EXPLAINED.to_owned(),
    )?;
    for (id,) in ended {
        conn.journal().changed(&REPAIRS, id);
    }
    Ok(())
}

/// The operation that takes back what a repair says.
pub(crate) async fn retake(conn: &mut Conn, id: RepairId) -> Result<Option<Operation>, StoreError> {
    let row: Option<OperationRow> = opt!(
        conn,
        concat!(
            "SELECT ",
            operation_columns!(),
            " FROM operations op WHERE op.repair_id = $1 AND op.kind = 'retake'"
        ),
        id.to_string()
    )?;
    row.map(Operation::try_from).transpose()
}

/// Intends it.
pub(crate) async fn intend_retake(
    conn: &mut Conn,
    operation: &Operation,
    now: Timestamp,
) -> Result<(), StoreError> {
    let OperationKind::Retake { repair: id } = operation.kind else {
        return Err(StoreError::Rule("only what a repair takes back is intended here".to_owned()));
    };
    let repair = find(conn, id).await?.ok_or(StoreError::Conflict("repair"))?;
    if repair.state != RepairState::Approved || repair.kind != RepairKind::Retake {
        return Err(StoreError::Conflict("repair"));
    }
    let is_its_own = repair.difference.account == Some(operation.owner)
        && repair.difference.receiver == Some(operation.receiver)
        && repair.difference.excess() == operation.balance.get();
    if !is_its_own {
        return Err(StoreError::Rule("a repair takes back what its difference says".to_owned()));
    }
    if retake(conn, id).await?.is_some() {
        return Err(StoreError::Conflict("repair"));
    }
    order_change::insert_operation(conn, operation, now).await
}

row!(
    /// A rental that is over and that nothing was taken back of.
    LostRow { id: String, delegation_id: String, order_id: String, reservation_id: String, account_id: String, balance: i64 }
);

/// Which of them come to exactly this: one alone, or the oldest so many.
fn coming_to(missing: i64, lost: Vec<LostRow>) -> Vec<LostRow> {
    let mut lost = lost;
    if let Some(alone) = lost.iter().position(|row| row.balance == missing) {
        return vec![lost.swap_remove(alone)];
    }
    let mut sum = 0_i64;
    let count = lost.iter().position(|row| {
        sum = sum.saturating_add(row.balance);
        sum == missing
    });
    lost.truncate(count.map_or(0, |last| last.saturating_add(1)));
    lost
}

/// Ends rentals of which nothing is left, with their holds, and with them the repair.
pub(crate) async fn release_lost(
    conn: &mut Conn,
    id: RepairId,
    missing: Sun,
    now: Timestamp,
) -> Result<Vec<OrderId>, StoreError> {
    let repair = find(conn, id).await?.ok_or(StoreError::Conflict("repair"))?;
    let (Some(account), Some(receiver)) = (repair.difference.account, repair.difference.receiver) else {
        return Err(StoreError::Rule("it is not said of whom and for whom".to_owned()));
    };
    if repair.state != RepairState::Approved || repair.kind != RepairKind::Release {
        return Err(StoreError::Conflict("repair"));
    }
    // What is signed may still take something back.
    let lost: Vec<LostRow> = all!(
        conn,
        "SELECT u.id, u.delegation_id, u.order_id, r.id AS reservation_id, r.account_id, r.balance FROM operations u \
         JOIN operations d ON d.id = u.delegation_id JOIN reservations r ON r.id = d.reservation_id \
         WHERE u.owner = $1 AND u.receiver = $2 AND u.kind = 'undelegate' AND u.state IN ('intended', 'failed') \
         AND r.state = 'posted' ORDER BY u.created_at, u.id",
        account.to_string(),
        receiver.to_string(),
    )?;
    let mut orders = Vec::new();
    for row in coming_to(missing.get(), lost) {
        exec!(
            conn,
            "UPDATE operations SET state = 'failed', failure = 'written_off', repair_id = $2, \
             version = version + 1, updated_at = $3 WHERE id = $1",
            row.id.clone(),
            id.to_string(),
            now.ms(),
        )?;
        conn.journal().changed(&OPERATIONS, &row.id);
        exec!(conn, "UPDATE reservations SET state = 'returned' WHERE id = $1", row.reservation_id.clone())?;
        conn.journal().changed(&RESERVATIONS, &row.reservation_id);
        order_change::unhold(conn, &row.account_id, Sun::new(row.balance)).await?;
        delegation_record::reflect(conn, &row.delegation_id, now).await?;
        orders.push(Place::new("operations", &row.id).parse("order_id", &row.order_id)?);
    }
    if !orders.is_empty() {
        settle(conn, id, true, now, &format!("{} rentals were ended", orders.len())).await?;
    }
    Ok(orders)
}
