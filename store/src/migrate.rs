//! Embedded migrations. They are part of the binary, run once, in order, and are checked by checksum against what
//! the database says has run. Both databases have the same ones, by name.

use crate::{
    db::{Conn, Db, exec},
    pg,
};
use leyden_domain::Timestamp;
use leyden_ports::store::StoreError;
use sqlx::{
    Connection as _, PgConnection, SqlSafeStr as _,
    migrate::{AppliedMigration, Migrate, MigrateError, Migration, MigrationType, Migrator},
};

/// What to do about migrations that have not run yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationMode {
    /// Run them.
    Apply,
    /// Refuse to open: somebody runs migrations on purpose and first.
    Refuse,
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not a URL of a database that we know.
    #[error("bad database url: {0}")]
    Url(String),
    /// No connection.
    #[error("cannot connect to the database: {0}")]
    Connect(#[source] sqlx::Error),
    /// A migration failed, or the schema is not one that this version knows.
    #[error("cannot migrate the database: {0}")]
    Migrate(#[from] MigrateError),
    /// Migrations are pending and may not be applied.
    #[error("{} migrations are pending, the first is {}", .0.len(), .0.first().map_or("", String::as_str))]
    Pending(Vec<String>),
    /// The schema was made, but could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The books were moved to another database: whoever went on here would do everything twice.
    #[error(
        "these books were moved to another database (leyden migrate --from); what is here is a copy of that moment"
    )]
    Moved,
    /// The writer's thread could not be started.
    #[error("cannot start the writer: {0}")]
    Writer(#[source] std::io::Error),
}

/// SQLite's `user_version` in a file whose books are elsewhere now.
pub(crate) const MOVED: i64 = 0x6d6f_7665;

/// Whether these books may be worked on.
pub(crate) async fn refuse_moved(db: &Db) -> Result<(), OpenError> {
    let Db::Lite { wr, .. } = db else { return Ok(()) };
    let mut guard = wr.acquire().await?;
    let (mark,): (i64,) =
        sqlx::query_as("PRAGMA user_version").fetch_one(guard.get()).await.map_err(OpenError::Connect)?;
    if mark == MOVED { Err(OpenError::Moved) } else { Ok(()) }
}

/// The migrations of one database, in order.
macro_rules! migrations {
    ($folder:literal: $($number:literal $name:literal),*; $($later:literal $later_name:literal),* $(,)?) => {
        &[
            $((
                $number,
                $name,
                include_str!(concat!("../../migrations/", $folder, "/000", $number, "_", $name, ".sql")),
            ),)*
            $((
                $later,
                $later_name,
                include_str!(concat!("../../migrations/", $folder, "/00", $later, "_", $later_name, ".sql")),
            ),)*
        ]
    };
}

type Migrations = &'static [(i64, &'static str, &'static str)];

const LITE: Migrations = migrations!(
    "sqlite": 1 "orders", 2 "chain", 3 "pool", 4 "service", 5 "views", 6 "tails", 7 "leases", 8 "roles",
    9 "refunds"; 10 "journal", 11 "guard", 12 "kept_answers", 13 "repairs",
    14 "explained", 15 "pool_balances", 16 "payment_evidence", 17 "open_differences"
);

const PG: Migrations = migrations!(
    "postgres": 1 "orders", 2 "chain", 3 "pool", 4 "service", 5 "views", 6 "tails", 7 "leases", 8 "roles",
    9 "refunds"; 10 "journal", 11 "guard", 12 "kept_answers", 13 "repairs",
    14 "explained", 15 "pool_balances", 16 "payment_evidence", 17 "open_differences"
);

/// The table in which sqlx keeps what has run.
const TABLE: &str = "_sqlx_migrations";

/// Names the lock that migrators take: "leymig" in ASCII. A second one waits for the first; the statements of a
/// migration wait for other locks no longer than their session's `lock_timeout` says.
const LOCK: &str = "SET lock_timeout = '120s'; SELECT pg_advisory_lock(119183083825511); RESET lock_timeout";

fn migrator(migrations: Migrations) -> Migrator {
    let mut migrator = Migrator::with_migrations(
        migrations
            .iter()
            .map(|(version, name, sql)| {
                Migration::new(*version, (*name).into(), MigrationType::Simple, (*sql).into_sql_str(), false)
            })
            .collect(),
    );
    migrator.set_locking(false);
    // `compare` has looked at them, and knows which may be there.
    migrator.set_ignore_missing(true);
    migrator
}

/// Brings the schema up to date, or refuses.
pub(crate) async fn prepare(db: &Db, mode: MigrationMode) -> Result<(), OpenError> {
    match db {
        Db::Lite { wr, .. } => {
            let mut guard = wr.acquire().await?;
            // Begun once, the table is there: it is made where the file is.
            guard.get().ensure_migrations_table(TABLE).await?;
            bring(guard.get(), &migrator(LITE), mode, true).await
        }
        Db::Pg { url, .. } => {
            let mut session = pg::migrating(url).await?;
            let migrator = migrator(PG);
            let begun = has_begun(&mut session).await?;
            if mode == MigrationMode::Refuse
                || (begun && pending(&mut session, &migrator, begun).await?.is_empty())
            {
                // Without a lock and without changing anything: the role may not be allowed to.
                bring(&mut session, &migrator, mode, begun).await?;
            } else {
                sqlx::raw_sql(LOCK).execute(&mut session).await.map_err(MigrateError::Execute)?;
                migrator.run(&mut session).await?;
            }
            // The lock goes with the session.
            session.close().await.map_err(OpenError::Connect)
        }
    }
}

/// Whether any migration ever ran.
async fn has_begun(session: &mut PgConnection) -> Result<bool, OpenError> {
    let found: Result<(bool,), _> =
        sqlx::query_as("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(session).await;
    found.map(|(found,)| found).map_err(OpenError::Connect)
}

/// Runs what has not run, or refuses; what has run must be what we know.
async fn bring<C: Migrate>(
    connection: &mut C,
    migrator: &Migrator,
    mode: MigrationMode,
    begun: bool,
) -> Result<(), OpenError> {
    let pending = pending(connection, migrator, begun).await?;
    if pending.is_empty() {
        return Ok(());
    }
    match mode {
        MigrationMode::Refuse => Err(OpenError::Pending(pending)),
        // Not `run`: that wants more of the connection's type than it needs.
        MigrationMode::Apply => Ok(migrator.run_direct(None, connection, false).await?),
    }
}

/// The names of the migrations that have not run.
async fn pending<C: Migrate>(
    connection: &mut C,
    migrator: &Migrator,
    begun: bool,
) -> Result<Vec<String>, OpenError> {
    let applied = if begun {
        if let Some(version) = connection.dirty_version(TABLE).await? {
            return Err(MigrateError::Dirty(version).into());
        }
        connection.list_applied_migrations(TABLE).await?
    } else {
        Vec::new()
    };
    compare(&applied, migrator)?;
    Ok(migrator
        .iter()
        .filter(|migration| applied.iter().all(|done| done.version != migration.version))
        .map(|migration| format!("{:04}_{}", migration.version, migration.description))
        .collect())
}

/// What has run must be known, and the same. What is newer than all we know is the next version's: it only expands the
/// schema, so that one can go back to us.
fn compare(applied: &[AppliedMigration], migrator: &Migrator) -> Result<(), MigrateError> {
    let newest = migrator.iter().map(|migration| migration.version).max().unwrap_or_default();
    for done in applied {
        match migrator.iter().find(|migration| migration.version == done.version) {
            None if done.version > newest => {
                tracing::warn!(migration = done.version, "the schema is a later version's");
            }
            None => return Err(MigrateError::VersionMissing(done.version)),
            Some(known) if known.checksum != done.checksum => {
                return Err(MigrateError::VersionMismatch(done.version));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// A migration has no clock: rows that it seeded carry 0.
pub(crate) async fn stamp(conn: &mut Conn, now: Timestamp) -> Result<(), StoreError> {
    let now = now.ms();
    exec!(conn, "UPDATE price_configs SET created_at = $1, updated_at = $1 WHERE created_at = 0", now)?;
    exec!(
        conn,
        "UPDATE resource_consumption_configs SET created_at = $1, updated_at = $1 WHERE created_at = 0",
        now
    )?;
    Ok(())
}
