//! Operations and their attempts: what still needs attention, and storing transactions before anybody sees them.

use crate::{
    SqlStore,
    db::{Conn, all, exec, opt},
    delegation_record,
    group_commit::{release, savepoint},
    halts,
    journal::{ATTEMPTS, OPERATIONS},
    operation_change,
    row::{AttemptRow, OperationRow, Place, attempt_columns, convert, operation_columns, row},
};
use async_trait::async_trait;
use leyden_domain::{
    AccountId, OperationId, Timestamp, TxId,
    operation::{Attempt, Operation, OperationState, OperationWork, Refusal, TrackedAttempt},
};
use leyden_ports::store::{AttemptCommit, Durability, OperationCommit, OperationStore, StoreError};
use sqlx::FromRow;

row!(
    /// What an operation's agent must know beside the operation.
    WorkRow {
        payment_block: Option<String>,
        payment_height: Option<i64>,
        payment_time: Option<i64>,
        sibling_live: i64,
        tx_id: Option<String>,
        reference_canonical: i64,
        included_block: Option<String>,
        included_height: Option<i64>,
        included_time: Option<i64>,
        sent_block: Option<String>,
        sent_height: Option<i64>,
        sent_time: Option<i64>,
        sent_succeeded: Option<i64>,
    }
);

/// Live operations of an account with what they rest on. An attempt is included where a recorded block has its
/// event, or the money it has sent: those of undone blocks are gone. A reference below the first block that was ever read counts as on the
/// chain, as do all blocks that were solid before we began.
pub(crate) const WORK: &str = concat!(
    "SELECT ",
    operation_columns!(),
    ", o.payment_block, o.payment_height, o.payment_time, \
     CAST(CASE WHEN EXISTS (SELECT 1 FROM operations other WHERE other.account_id = op.account_id \
         AND other.receiver = op.receiver AND other.kind IN ('undelegate', 'retake') AND other.state = 'signed' \
         AND other.id <> op.id) \
         THEN 1 ELSE 0 END AS BIGINT) AS sibling_live, \
     a.tx_id, a.operation_id, a.number, a.bytes, a.reference_block, a.reference_height, a.expiration, \
     a.signed_at, a.refusal_code, a.refusal_message, a.dead, \
     CAST(CASE WHEN EXISTS (SELECT 1 FROM blocks b WHERE b.height = a.reference_height \
         AND b.block_id = a.reference_block) \
         OR EXISTS (SELECT 1 FROM chain_cursor c WHERE c.first_height > a.reference_height) \
         THEN 1 ELSE 0 END AS BIGINT) AS reference_canonical, \
     e.block_id AS included_block, e.height AS included_height, e.block_time AS included_time, \
     s.block_id AS sent_block, s.height AS sent_height, s.block_time AS sent_time, s.succeeded AS sent_succeeded \
     FROM operations op LEFT JOIN orders o ON o.id = op.order_id \
     LEFT JOIN attempts a ON a.operation_id = op.id AND a.number = op.attempts \
     LEFT JOIN resource_events e ON e.tx_id = a.tx_id AND NOT EXISTS (SELECT 1 FROM resource_events x \
         WHERE x.tx_id = e.tx_id AND (x.height, x.position) < (e.height, e.position)) \
     LEFT JOIN sent_transfers s ON s.tx_id = a.tx_id AND NOT EXISTS (SELECT 1 FROM sent_transfers y \
         WHERE y.tx_id = s.tx_id AND (y.height, y.position) < (s.height, s.position)) \
     WHERE op.account_id = $1 AND op.state IN ('intended', 'signed', 'included') \
     ORDER BY op.created_at, op.id LIMIT $2"
);

/// A row of [`WORK`].
struct Parts(OperationRow, Option<AttemptRow>, WorkRow);

impl<'r, R: sqlx::Row> FromRow<'r, R> for Parts
where
    OperationRow: FromRow<'r, R>,
    AttemptRow: FromRow<'r, R>,
    WorkRow: FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let rest = WorkRow::from_row(row)?;
        let attempt = rest.tx_id.is_some().then(|| AttemptRow::from_row(row)).transpose()?;
        Ok(Self(OperationRow::from_row(row)?, attempt, rest))
    }
}

impl WorkRow {
    fn work(self, operation: OperationRow, attempt: Option<AttemptRow>) -> Result<OperationWork, StoreError> {
        let operation = Operation::try_from(operation)?;
        let id = operation.id.to_string();
        let order = operation.order.map_or_else(|| id.clone(), |order| order.to_string());
        let payment_block = Place::new("orders", &order).delivery(
            "payment_block",
            self.payment_block.as_deref(),
            self.payment_height,
            self.payment_time,
        )?;
        let included = Place::new("resource_events", &id).delivery(
            "block_id",
            self.included_block.as_deref(),
            self.included_height,
            self.included_time,
        )?;
        let sent = Place::new("sent_transfers", &id).delivery(
            "block_id",
            self.sent_block.as_deref(),
            self.sent_height,
            self.sent_time,
        )?;
        let has_failed = self.sent_succeeded == Some(0);
        let newest = attempt.map(Attempt::try_from).transpose()?.map(|attempt| TrackedAttempt {
            attempt,
            included: included.or(sent.filter(|_| !has_failed)),
            failed: sent.filter(|_| has_failed),
            reference_canonical: self.reference_canonical != 0,
        });
        if newest.is_none() && operation.attempts > 0 {
            return Err(Place::new("operations", &id).bad("attempts"));
        }
        Ok(OperationWork { operation, newest, payment_block, sibling_live: self.sibling_live != 0 })
    }
}

/// Reads an operation.
pub(crate) async fn find(conn: &mut Conn, id: OperationId) -> Result<Option<Operation>, StoreError> {
    let found: Option<OperationRow> = opt!(
        conn,
        concat!("SELECT ", operation_columns!(), " FROM operations op WHERE op.id = $1"),
        id.to_string()
    )?;
    found.map(Operation::try_from).transpose()
}

/// Stores one signed transaction.
pub(crate) async fn record(
    conn: &mut Conn,
    commit: &AttemptCommit,
    now: Timestamp,
) -> Result<(), StoreError> {
    let attempt = &commit.attempt;
    let conflict = || StoreError::Conflict("operation");
    let operation = find(conn, attempt.operation).await?.ok_or_else(conflict)?;
    let fits = operation.version == commit.operation_version
        && operation.state == OperationState::Intended
        && attempt.number == operation.attempts.saturating_add(1)
        && !attempt.dead;
    if !fits {
        return Err(conflict());
    }
    halts::refuse(conn, operation.kind.act()).await?;
    let id = attempt.operation.to_string();
    let live: Option<(i64,)> =
        opt!(conn, "SELECT number FROM attempts WHERE operation_id = $1 AND dead = 0", id.clone())?;
    if live.is_some() {
        return Err(conflict());
    }
    // The same effect for the same receiver, bound to the same block and with the same expiration, is the same
    // transaction: it belongs to whoever stored it first, and the other signs anew.
    let stored = exec!(
        conn,
        "INSERT INTO attempts (tx_id, operation_id, number, bytes, reference_block, reference_height, \
         expiration, signed_at, dead) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0) ON CONFLICT (tx_id) DO NOTHING",
        attempt.tx_id.to_string(),
        id.clone(),
        i64::from(attempt.number),
        attempt.bytes.clone(),
        attempt.reference.id().to_string(),
        attempt.reference.height().get(),
        attempt.expiration.ms(),
        attempt.signed_at.ms(),
    )?;
    if stored == 0 {
        return Err(StoreError::Conflict("attempt"));
    }
    exec!(
        conn,
        "UPDATE operations SET state = 'signed', attempts = attempts + 1, version = version + 1, \
         updated_at = $2 WHERE id = $1",
        id.clone(),
        now.ms(),
    )?;
    conn.journal().made(&ATTEMPTS, attempt.tx_id);
    conn.journal().changed(&OPERATIONS, &id);
    delegation_record::reflect(conn, &id, now).await
}

#[async_trait]
impl OperationStore for SqlStore {
    async fn account_work(&self, account: AccountId, limit: u32) -> Result<Vec<OperationWork>, StoreError> {
        let mut conn = self.db.read().await?;
        // One statement is one moment. Its rows are read in three parts.
        let rows: Vec<Parts> = all!(conn, WORK, account.to_string(), i64::from(limit))?;
        rows.into_iter().map(|Parts(operation, attempt, rest)| rest.work(operation, attempt)).collect()
    }

    async fn record_attempts(
        &self,
        commits: Vec<AttemptCommit>,
    ) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let now = self.now();
        self.write(move |conn| {
            Box::pin(async move {
                let mut answers = Vec::with_capacity(commits.len());
                for commit in &commits {
                    savepoint(conn).await?;
                    let answer = record(conn, commit, now).await;
                    release(conn, answer.is_ok()).await?;
                    answers.push(answer);
                }
                Ok(answers)
            })
        })
        .await
    }

    async fn record_refusal(&self, tx_id: TxId, refusal: &Refusal) -> Result<(), StoreError> {
        let code =
            serde_json::to_string(&refusal.code).map_err(|error| StoreError::Rule(error.to_string()))?;
        let message = refusal.message.clone();
        self.write(move |conn| {
            Box::pin(async move {
                let changed = exec!(
                    conn,
                    "UPDATE attempts SET refusal_code = $2, refusal_message = $3 WHERE tx_id = $1",
                    tx_id.to_string(),
                    code,
                    message,
                )?;
                conn.journal().changed(&ATTEMPTS, tx_id);
                if changed == 1 { Ok(()) } else { Err(StoreError::Conflict("attempt")) }
            })
        })
        .await
    }

    async fn commit_operations(
        &self,
        commits: Vec<OperationCommit>,
        now: Timestamp,
    ) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let wall = self.now();
        self.write_as(Durability::Relaxed, move |conn| {
            Box::pin(async move {
                let mut answers = Vec::with_capacity(commits.len());
                for commit in &commits {
                    savepoint(conn).await?;
                    let answer = operation_change::apply(conn, commit, now, wall).await;
                    release(conn, answer.is_ok()).await?;
                    answers.push(answer);
                }
                Ok(answers)
            })
        })
        .await
    }

    async fn attempts(&self, operation: OperationId) -> Result<Vec<Attempt>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows: Vec<AttemptRow> = all!(
            conn,
            concat!(
                "SELECT ",
                attempt_columns!(),
                " FROM attempts a WHERE a.operation_id = $1 ORDER BY a.number"
            ),
            operation.to_string()
        )?;
        convert(rows)
    }
}
