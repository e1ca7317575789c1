//! Operations and attempts.

use super::{Place, row};
use leyden_domain::{
    Asset, Energy, Sun, Timestamp,
    chain::Lock,
    operation::{Attempt, Operation, OperationKind, OperationState, Refusal, RefusalMeaning},
};
use leyden_ports::store::StoreError;

/// The columns of an operation, of a table that is called `op`.
macro_rules! operation_columns {
    () => {
        "op.id, op.order_id, op.account_id, op.owner, op.receiver, op.balance, op.energy, op.kind, \
         op.reservation_id, op.lock_blocks, op.delegation_id, op.state, op.attempts, op.delivery_block, \
         op.delivery_height, op.delivery_time, op.failure, op.version, op.created_at, op.refund_id, op.repair_id"
    };
}
pub(crate) use operation_columns;

row!(
    /// An operation.
    OperationRow {
        id: String,
        order_id: Option<String>,
        account_id: String,
        owner: String,
        receiver: String,
        balance: i64,
        energy: i64,
        kind: String,
        reservation_id: Option<String>,
        lock_blocks: Option<i64>,
        delegation_id: Option<String>,
        state: String,
        attempts: i64,
        delivery_block: Option<String>,
        delivery_height: Option<i64>,
        delivery_time: Option<i64>,
        failure: Option<String>,
        version: i64,
        created_at: i64,
        refund_id: Option<String>,
        repair_id: Option<String>,
    }
);

impl TryFrom<OperationRow> for Operation {
    type Error = StoreError;

    fn try_from(row: OperationRow) -> Result<Self, StoreError> {
        let place = Place::new("operations", &row.id);
        let refund = |asset| {
            let refund = place.some("refund_id", row.refund_id.as_deref())?;
            Ok::<_, StoreError>(OperationKind::Refund { refund: place.parse("refund_id", refund)?, asset })
        };
        let kind = match (row.kind.as_str(), &row.reservation_id, &row.delegation_id) {
            ("refund_trx", None, None) => refund(Asset::Trx)?,
            ("refund_usdt", None, None) => refund(Asset::Usdt)?,
            ("delegate", Some(reservation), None) => OperationKind::Delegate {
                reservation: place.parse("reservation_id", reservation)?,
                lock: row.lock_blocks.map(|period_blocks| Lock { period_blocks }),
            },
            ("undelegate", None, Some(delegation)) => {
                OperationKind::Undelegate { delegation: place.parse("delegation_id", delegation)? }
            }
            ("retake", None, None) => {
                let repair = place.some("repair_id", row.repair_id.as_deref())?;
                OperationKind::Retake { repair: place.parse("repair_id", repair)? }
            }
            _ => return Err(place.bad("kind")),
        };
        Ok(Self {
            id: place.parse("id", &row.id)?,
            order: place.parse_opt("order_id", row.order_id.as_deref())?,
            account: place.parse("account_id", &row.account_id)?,
            owner: place.parse("owner", &row.owner)?,
            receiver: place.parse("receiver", &row.receiver)?,
            balance: Sun::new(row.balance),
            energy: Energy::new(row.energy),
            kind,
            state: place.parse::<OperationState>("state", &row.state)?,
            attempts: place.number("attempts", row.attempts)?,
            delivery: place.delivery(
                "delivery_block",
                row.delivery_block.as_deref(),
                row.delivery_height,
                row.delivery_time,
            )?,
            failure: place.parse_opt::<RefusalMeaning>("failure", row.failure.as_deref())?,
            version: row.version,
            created_at: Timestamp::from_ms(row.created_at),
        })
    }
}

/// The columns of an attempt, of a table that is called `a`.
macro_rules! attempt_columns {
    () => {
        "a.tx_id, a.operation_id, a.number, a.bytes, a.reference_block, a.reference_height, a.expiration, \
         a.signed_at, a.refusal_code, a.refusal_message, a.dead"
    };
}
pub(crate) use attempt_columns;

row!(
    /// An attempt.
    AttemptRow {
        tx_id: String,
        operation_id: String,
        number: i64,
        bytes: Vec<u8>,
        reference_block: String,
        reference_height: i64,
        expiration: i64,
        signed_at: i64,
        refusal_code: Option<String>,
        refusal_message: Option<String>,
        dead: i64,
    }
);

impl TryFrom<AttemptRow> for Attempt {
    type Error = StoreError;

    fn try_from(row: AttemptRow) -> Result<Self, StoreError> {
        let place = Place::new("attempts", &row.tx_id);
        let refusal = match (&row.refusal_code, &row.refusal_message) {
            (Some(code), Some(message)) => Some(Refusal {
                code: serde_json::from_str(code).or(Err(place.bad("refusal_code")))?,
                message: message.clone(),
            }),
            (None, None) => None,
            _ => return Err(place.bad("refusal_code")),
        };
        Ok(Self {
            tx_id: place.parse("tx_id", &row.tx_id)?,
            operation: place.parse("operation_id", &row.operation_id)?,
            number: place.number("number", row.number)?,
            reference: place.block("reference_block", &row.reference_block, row.reference_height)?,
            expiration: Timestamp::from_ms(row.expiration),
            signed_at: Timestamp::from_ms(row.signed_at),
            refusal,
            dead: row.dead != 0,
            bytes: row.bytes,
        })
    }
}
