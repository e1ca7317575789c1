//! Embedded migrations. They are part of the binary, run once, in order, and are checked by checksum against what
//! the database says has run.

use crate::db::{Conn, Db, exec};
use leyden_domain::Timestamp;
use leyden_ports::store::StoreError;
use sqlx::{
    SqlSafeStr as _, SqliteConnection,
    migrate::{Migrate as _, MigrateError, Migration, MigrationType, Migrator},
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
    /// The writer's thread could not be started.
    #[error("cannot start the writer: {0}")]
    Writer(#[source] std::io::Error),
}

/// The migrations of SQLite, in order.
const LITE: [(i64, &str, &str); 5] = [
    (1, "orders", include_str!("../../migrations/sqlite/0001_orders.sql")),
    (2, "chain", include_str!("../../migrations/sqlite/0002_chain.sql")),
    (3, "pool", include_str!("../../migrations/sqlite/0003_pool.sql")),
    (4, "service", include_str!("../../migrations/sqlite/0004_service.sql")),
    (5, "views", include_str!("../../migrations/sqlite/0005_views.sql")),
];

/// The table in which sqlx keeps what has run.
const TABLE: &str = "_sqlx_migrations";

fn migrator(migrations: &[(i64, &'static str, &'static str)]) -> Migrator {
    Migrator::with_migrations(
        migrations
            .iter()
            .map(|(version, name, sql)| {
                Migration::new(*version, (*name).into(), MigrationType::Simple, (*sql).into_sql_str(), false)
            })
            .collect(),
    )
}

/// Brings the schema up to date, or refuses; then stamps rows that a migration seeded.
pub(crate) async fn prepare(db: &Db, mode: MigrationMode, now: Timestamp) -> Result<(), OpenError> {
    match db {
        Db::Lite { wr, .. } => {
            let migrator = migrator(&LITE);
            let mut guard = wr.acquire().await?;
            if mode == MigrationMode::Refuse {
                let pending = pending(guard.get(), &migrator).await?;
                if !pending.is_empty() {
                    return Err(OpenError::Pending(pending));
                }
            }
            // With nothing pending this only compares checksums.
            migrator.run(guard.get()).await?;
        }
    }
    let mut conn = db.begin_write().await?;
    stamp(&mut conn, now).await?;
    conn.commit().await?;
    Ok(())
}

/// The names of the migrations that have not run.
async fn pending(connection: &mut SqliteConnection, migrator: &Migrator) -> Result<Vec<String>, OpenError> {
    connection.ensure_migrations_table(TABLE).await?;
    let applied = connection.list_applied_migrations(TABLE).await?;
    Ok(migrator
        .iter()
        .filter(|migration| applied.iter().all(|done| done.version != migration.version))
        .map(|migration| format!("{:04}_{}", migration.version, migration.description))
        .collect())
}

/// A migration has no clock: rows that it seeded carry 0.
async fn stamp(conn: &mut Conn, now: Timestamp) -> Result<(), StoreError> {
    let now = now.ms();
    exec!(conn, "UPDATE price_configs SET created_at = $1, updated_at = $1 WHERE created_at = 0", now)?;
    exec!(
        conn,
        "UPDATE resource_consumption_configs SET created_at = $1, updated_at = $1 WHERE created_at = 0",
        now
    )?;
    Ok(())
}
