//! Moving the books from SQLite to PostgreSQL: every table, in one transaction, compared before it is committed. The
//! source is locked meanwhile, so that nothing is written behind the copy's back.

use crate::{
    SqlStore, book,
    db::{Conn, exec, failed, one},
    lend::Guard,
    lite::Lite,
    migrate, partitions,
    pg::{Args, Pg},
};
use futures_util::TryStreamExt as _;
use leyden_domain::{Span, Timestamp, invariants};
use leyden_ports::store::{Durability, StoreError};
use sqlx::{AssertSqlSafe, Row as _, sqlite::SqliteRow};
use std::{collections::BTreeSet, time::Duration};

/// Tables, each behind those that it refers to. Rows of the seeded ones are replaced.
const TABLES: [Table; 34] = [
    Table::new("orders"),
    Table::seeded("order_counts"),
    Table::new("offered_prices"),
    Table::new("taken_tails"),
    Table::new("order_events"),
    Table::new("idempotency_keys"),
    Table::new("kept_answers"),
    Table::new("blocks"),
    Table::new("chain_cursor"),
    Table::new("payments"),
    Table::new("resource_events"),
    Table::new("energy_pools"),
    Table::new("reservations"),
    Table::new("refund_accounts"),
    Table::new("refunds"),
    Table::new("refund_events"),
    Table::new("sent_transfers"),
    Table::new("reconciliations"),
    Table::new("repairs"),
    Table::new("sent_write_offs"),
    // Undelegations refer to delegations.
    Table { order: "ORDER BY kind, id", ..Table::new("operations") },
    Table::new("attempts"),
    Table::new("energy_delegations"),
    Table::seeded("price_configs"),
    Table::seeded("resource_consumption_configs"),
    Table::new("api_keys"),
    Table::new("sealed_keys"),
    Table::new("quotes"),
    Table::new("payment_monitoring_logs"),
    Table::seeded("pings"),
    Table::new("leases"),
    Table { order: "ORDER BY seq", ..Table::new("journal") },
    Table::new("halts"),
    Table::new("balance_falls"),
];

/// Rows that one statement writes.
const AT_ONCE: usize = 1_000;

/// How long a statement may take.
const PATIENCE: Duration = Duration::from_hours(1);

/// Orders older than this lie together: a partition for each of their months would be of no use to anybody.
const OLDEST_PARTITION: Span = Span::from_ms(36 * 31 * 86_400_000);

/// A table to be copied.
#[derive(Debug, Clone, Copy)]
struct Table {
    name: &'static str,
    /// Whether migrations put rows into it.
    is_seeded: bool,
    /// In which order its rows go, where that matters.
    order: &'static str,
}

impl Table {
    const fn new(name: &'static str) -> Self {
        Self { name, is_seeded: false, order: "" }
    }

    const fn seeded(name: &'static str) -> Self {
        Self { is_seeded: true, ..Self::new(name) }
    }
}

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transferred {
    /// How many rows of each table.
    pub tables: Vec<(&'static str, u64)>,
    /// Broken invariants that the source had and the copy has as well.
    pub violations: Vec<String>,
}

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// Only from SQLite to PostgreSQL.
    #[error("books are moved from sqlite: to postgres: and in no other way")]
    Direction,
    /// The target has rows already.
    #[error("the target is not empty: {0} has rows")]
    NotEmpty(&'static str),
    /// The source has a table that this version does not know how to copy.
    #[error("the source has tables that nobody knows how to copy: {0:?}")]
    Unknown(Vec<String>),
    /// The copy is not what the source is.
    #[error("the copy differs from the source in {0}; nothing was kept")]
    Differs(&'static str),
    /// One of the databases.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Copies all of `from`, a SQLite database that nobody else writes, into `to`, a migrated and empty PostgreSQL
/// database. All or nothing. Afterwards `from` opens for another copying only: two services on two copies of the same
/// books would both sign.
///
/// # Errors
///
/// The databases are others, the target is not empty, one of them fails, or the copy is not equal.
pub async fn transfer(from: &SqlStore, to: &SqlStore) -> Result<Transferred, TransferError> {
    let (mut source, _) = from.db.begin_write(Durability::Strict, false).await?;
    let (mut target, _) = to.db.begin_write(Durability::Strict, false).await?;
    let (Conn::Lite(_), Conn::Pg(session)) = (&source, &mut target) else {
        return Err(TransferError::Direction);
    };
    session.patience = Some(PATIENCE);
    for setting in ["statement_timeout", "idle_in_transaction_session_timeout"] {
        exec!(target, AssertSqlSafe(format!("SET LOCAL {setting} = 0")))?;
    }
    refuse_unknown(&mut source).await?;
    refuse_rows(&mut target).await?;
    make_partitions(&mut source, &mut target, to.now()).await?;
    let mut tables = Vec::new();
    for table in TABLES {
        let rows = match (&mut source, &mut target) {
            (Conn::Lite(source), Conn::Pg(target)) => copy(table, source, target).await?,
            _ => return Err(TransferError::Direction),
        };
        if count(&mut target, table.name).await? != rows {
            return Err(TransferError::Differs(table.name));
        }
        tables.push((table.name, rows));
    }
    continue_numbers(&mut target).await?;
    let (before, after) = (book::read(&mut source).await?, book::read(&mut target).await?);
    let violations = |book| -> Vec<String> {
        invariants::check_all(book).iter().map(|violation| format!("{violation:?}")).collect()
    };
    let (found, copied) = (violations(&before), violations(&after));
    if found != copied {
        return Err(TransferError::Differs("its invariants"));
    }
    if before != after {
        return Err(TransferError::Differs("its books"));
    }
    // First here: should anything die in between, neither of the two can be started by mistake.
    mark(&mut source, migrate::MOVED).await?;
    source.commit().await?;
    if let Err(error) = target.commit().await {
        let (mut source, _) = from.db.begin_write(Durability::Strict, false).await?;
        mark(&mut source, 0).await?;
        source.commit().await?;
        return Err(error.into());
    }
    Ok(Transferred { tables, violations: found })
}

/// Says in the source whether its books are elsewhere now.
async fn mark(source: &mut Conn, mark: i64) -> Result<(), TransferError> {
    let Conn::Lite(lite) = source else { return Err(TransferError::Direction) };
    let statement = AssertSqlSafe(format!("PRAGMA user_version = {mark}"));
    sqlx::query(statement).execute(lite.get()).await.map(drop).map_err(failed)?;
    Ok(())
}

/// Every table of the source must be one that is copied.
async fn refuse_unknown(source: &mut Conn) -> Result<(), TransferError> {
    let Conn::Lite(lite) = source else { return Err(TransferError::Direction) };
    let there: Vec<(String,)> = sqlx::query_as(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
         AND name NOT LIKE 'sqlite_%' AND name <> '_sqlx_migrations' ORDER BY name",
    )
    .fetch_all(lite.get())
    .await
    .map_err(failed)?;
    let known: BTreeSet<&str> = TABLES.iter().map(|table| table.name).collect();
    let unknown: Vec<String> =
        there.into_iter().map(|(name,)| name).filter(|name| !known.contains(name.as_str())).collect();
    if unknown.is_empty() { Ok(()) } else { Err(TransferError::Unknown(unknown)) }
}

/// The target must have nothing but what migrations put there.
async fn refuse_rows(target: &mut Conn) -> Result<(), TransferError> {
    for table in TABLES {
        if table.is_seeded {
            exec!(target, AssertSqlSafe(format!("DELETE FROM {}", table.name)))?;
        } else if count(target, table.name).await? > 0 {
            return Err(TransferError::NotEmpty(table.name));
        }
    }
    Ok(())
}

/// Makes a partition for each month that orders of the source are of.
async fn make_partitions(source: &mut Conn, target: &mut Conn, now: Timestamp) -> Result<(), StoreError> {
    let (oldest,): (Option<i64>,) = one!(source, "SELECT MIN(created_at) FROM orders")?;
    let earliest = now.ms().saturating_sub(OLDEST_PARTITION.ms());
    let from = Timestamp::from_ms(oldest.unwrap_or(now.ms()).clamp(earliest, now.ms()));
    partitions::make_between(target, from, now).await.map(drop)
}

async fn count(conn: &mut Conn, table: &str) -> Result<u64, StoreError> {
    let (count,): (i64,) = one!(conn, AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The values of one column of some rows.
enum Values {
    Numbers(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Values {
    /// For a column of this type of SQLite's.
    fn new(kind: &str) -> Self {
        match kind {
            "INTEGER" => Self::Numbers(Vec::new()),
            "BLOB" => Self::Bytes(Vec::new()),
            _ => Self::Texts(Vec::new()),
        }
    }

    /// The type of an array of them.
    const fn array(&self) -> &'static str {
        match self {
            Self::Numbers(_) => "bigint[]",
            Self::Texts(_) => "text[]",
            Self::Bytes(_) => "bytea[]",
        }
    }

    fn push(&mut self, row: &SqliteRow, column: usize) -> Result<(), sqlx::Error> {
        match self {
            Self::Numbers(values) => values.push(row.try_get(column)?),
            Self::Texts(values) => values.push(row.try_get(column)?),
            Self::Bytes(values) => values.push(row.try_get(column)?),
        }
        Ok(())
    }

    /// Takes the values out.
    fn bind(&mut self, args: Args) -> Args {
        match self {
            Self::Numbers(values) => args.bind(std::mem::take(values)),
            Self::Texts(values) => args.bind(std::mem::take(values)),
            Self::Bytes(values) => args.bind(std::mem::take(values)),
        }
    }
}

/// Copies a table; how many rows it has.
async fn copy(table: Table, source: &mut Guard<Lite>, target: &mut Guard<Pg>) -> Result<u64, StoreError> {
    let columns: Vec<(String, String)> =
        sqlx::query_as("SELECT name, type FROM pragma_table_info($1) ORDER BY cid")
            .bind(table.name)
            .fetch_all(source.get())
            .await
            .map_err(failed)?;
    let names = columns.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let mut values: Vec<Values> = columns.iter().map(|(_, kind)| Values::new(kind)).collect();
    let arrays = (1..).zip(&values).map(|(n, values)| format!("${n}::{}", values.array()));
    let arrays = arrays.collect::<Vec<_>>().join(", ");
    let insert = format!("INSERT INTO {} ({names}) SELECT * FROM UNNEST({arrays})", table.name);
    let select = format!("SELECT {names} FROM {} {}", table.name, table.order);
    let mut rows = sqlx::query(AssertSqlSafe(select)).fetch(source.get());
    let (mut copied, mut waiting) = (0_u64, 0_usize);
    loop {
        let row = rows.try_next().await.map_err(failed)?;
        if let Some(row) = &row {
            for (column, values) in values.iter_mut().enumerate() {
                values.push(row, column).map_err(failed)?;
            }
            waiting = waiting.saturating_add(1);
        }
        if waiting >= AT_ONCE || (row.is_none() && waiting > 0) {
            let args = values.iter_mut().fold(Args::default(), |args, values| values.bind(args));
            let written = target.execute(AssertSqlSafe(insert.clone()), args).await.map_err(failed)?;
            copied = copied.saturating_add(written);
            waiting = 0;
        }
        if row.is_none() {
            return Ok(copied);
        }
    }
}

/// Columns that the database numbers go on behind what was copied.
async fn continue_numbers(target: &mut Conn) -> Result<(), StoreError> {
    let numbered: Vec<(String,)> = crate::db::all!(
        target,
        "SELECT CAST(table_name AS TEXT) FROM information_schema.columns \
         WHERE table_schema = current_schema() AND is_identity = 'YES' AND column_name = 'id'"
    )?;
    for (table,) in numbered {
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', 'id'), \
             (SELECT COALESCE(MAX(id), 0) + 1 FROM {table}), false)"
        );
        let _: (i64,) = one!(target, AssertSqlSafe(sql))?;
    }
    Ok(())
}
