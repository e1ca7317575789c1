//! Changes of an operation, with the reservation and the attempts that must change in the same commit.

use crate::{
    db::{Conn, all, exec, opt},
    delegation_record,
    journal::{ATTEMPTS, OPERATIONS, RESERVATIONS},
    operations, order_change,
    row::{Place, row},
};
use leyden_domain::{
    Height, Sun, Timestamp,
    chain::Delivery,
    operation::{Operation, OperationKind, OperationState, RefusalMeaning},
    planted::{Fault, planted},
    pool::ReservationState,
};
use leyden_ports::store::{OperationChange, OperationCommit, StoreError};

/// Commits a change, and what becomes of the order with it.
pub(crate) async fn apply(
    conn: &mut Conn,
    commit: &OperationCommit,
    now: Timestamp,
    wall: Timestamp,
) -> Result<(), StoreError> {
    let conflict = || StoreError::Conflict("operation");
    let operation = operations::find(conn, commit.operation).await?.ok_or_else(conflict)?;
    if operation.version != commit.version {
        return Err(conflict());
    }
    let next = Next::of(operation.state, commit.change).ok_or_else(conflict)?;
    if next.buries {
        let buried: Vec<(String,)> = all!(
            conn,
            "UPDATE attempts SET dead = 1 WHERE operation_id = $1 AND dead = 0 RETURNING tx_id",
            operation.id.to_string()
        )?;
        for (attempt,) in buried {
            conn.journal().changed(&ATTEMPTS, attempt);
        }
    }
    write(conn, &operation, &next, now).await?;
    move_reservation(conn, &operation, &next).await?;
    let delegation = match operation.kind {
        OperationKind::Delegate { .. } => Some(operation.id),
        OperationKind::Undelegate { delegation } => Some(delegation),
        OperationKind::Retake { .. } | OperationKind::Refund { .. } => None,
    };
    if let Some(delegation) = delegation {
        delegation_record::reflect(conn, &delegation.to_string(), wall).await?;
    }
    match &commit.order {
        Some(order) => order_change::apply(conn, order, wall).await,
        None => Ok(()),
    }
}

/// What an operation becomes.
struct Next {
    state: OperationState,
    delivery: Option<Delivery>,
    failure: Option<RefusalMeaning>,
    /// Whether its newest transaction is dead.
    buries: bool,
}

impl Next {
    /// `None` where the change cannot happen to an operation in this state.
    fn of(from: OperationState, change: OperationChange) -> Option<Self> {
        use OperationState as S;
        let to = |state| Some(Self { state, delivery: None, failure: None, buries: false });
        match (from, change) {
            (S::Signed, OperationChange::Include(delivery)) => {
                Some(Self { state: S::Included, delivery: Some(delivery), failure: None, buries: false })
            }
            (S::Signed | S::Included, OperationChange::Solidify(delivery)) => {
                Some(Self { state: S::Solid, delivery: Some(delivery), failure: None, buries: false })
            }
            (S::Included, OperationChange::Exclude) => to(S::Signed),
            (S::Signed, OperationChange::Bury) => to(S::Intended).map(|next| Self { buries: true, ..next }),
            (S::Intended | S::Signed, OperationChange::Fail(meaning)) => {
                Some(Self { state: S::Failed, delivery: None, failure: Some(meaning), buries: true })
            }
            (S::Intended | S::Signed, OperationChange::Cancel) => {
                to(S::Cancelled).map(|next| Self { buries: true, ..next })
            }
            _ => None,
        }
    }
}

async fn write(
    conn: &mut Conn,
    operation: &Operation,
    next: &Next,
    now: Timestamp,
) -> Result<(), StoreError> {
    let changed = exec!(
        conn,
        "UPDATE operations SET state = $3, delivery_block = $4, delivery_height = $5, delivery_time = $6, \
         failure = $7, version = version + 1, updated_at = $8 WHERE id = $1 AND version = $2",
        operation.id.to_string(),
        operation.version,
        next.state.name(),
        next.delivery.map(|delivery| delivery.block.id().to_string()),
        next.delivery.map(|delivery| delivery.block.height().get()),
        next.delivery.map(|delivery| delivery.timestamp.ms()),
        next.failure.map(RefusalMeaning::name),
        now.ms(),
    )?;
    conn.journal().changed(&OPERATIONS, operation.id);
    if changed == 1 { Ok(()) } else { Err(StoreError::Conflict("operation")) }
}

row!(
    /// A hold on capacity.
    HoldRow { id: String, account_id: String, balance: i64, state: String, posted_height: Option<i64> }
);

/// Moves the reservation that the change concerns: the delegation's own, or the one of the delegation that an
/// undelegation has ended.
async fn move_reservation(conn: &mut Conn, operation: &Operation, next: &Next) -> Result<(), StoreError> {
    let delegation = match operation.kind {
        OperationKind::Delegate { .. } => operation.id,
        OperationKind::Undelegate { .. } if planted(Fault::ReservationKept) => return Ok(()),
        OperationKind::Undelegate { delegation } => delegation,
        OperationKind::Retake { .. } | OperationKind::Refund { .. } => return Ok(()),
    };
    let hold: Option<HoldRow> = opt!(
        conn,
        "SELECT r.id, r.account_id, r.balance, r.state, r.posted_height FROM operations op \
         JOIN reservations r ON r.id = op.reservation_id WHERE op.id = $1",
        delegation.to_string(),
    )?;
    let operation_id = operation.id.to_string();
    let hold = Place::new("operations", &operation_id).some("reservation_id", hold)?;
    let place = Place::new("reservations", &hold.id);
    let from: ReservationState = place.parse("state", &hold.state)?;
    let target = match (operation.kind, next.state) {
        (OperationKind::Delegate { .. }, OperationState::Included | OperationState::Solid) => {
            ReservationState::Posted
        }
        (OperationKind::Delegate { .. }, OperationState::Signed) => ReservationState::Pending,
        (OperationKind::Delegate { .. }, OperationState::Failed | OperationState::Cancelled) => {
            ReservationState::Voided
        }
        (OperationKind::Undelegate { .. }, OperationState::Solid) => ReservationState::Returned,
        _ => return Ok(()),
    };
    let posted = match target {
        ReservationState::Posted => next.delivery.map(|delivery| delivery.block.height()),
        ReservationState::Returned => hold.posted_height.map(Height::new),
        ReservationState::Pending | ReservationState::Voided => None,
    };
    // A delegation that is already posted only learns that its block is solid.
    if from != target {
        from.become_state(target).or(Err(StoreError::Conflict("reservation")))?;
    }
    exec!(
        conn,
        "UPDATE reservations SET state = $2, posted_height = $3 WHERE id = $1",
        hold.id.clone(),
        target.name(),
        posted.map(Height::get),
    )?;
    conn.journal().changed(&RESERVATIONS, &hold.id);
    if from.holds_capacity() && !target.holds_capacity() {
        order_change::unhold(conn, &hold.account_id, Sun::new(hold.balance)).await?;
    }
    Ok(())
}
