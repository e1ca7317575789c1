//! The books on SQL, and the cache. The database is the truth of the service: every method of
//! [`leyden_ports::Store`] is one transaction here, guarded by the versions of what it changes.
//!
//! One SQL text serves every database: `$1` placeholders, money and times as 64-bit integers, ids and hashes as
//! text, sums cast. `db` holds the enum of drivers and the macros that expand one body for each. Writes go
//! through `group_commit`: what waits at the same time shares one commit.

mod blocks;
mod book;
pub mod cache;
mod configs;
mod db;
mod delegation_record;
mod group_commit;
mod keys;
mod lite;
mod migrate;
mod monitoring;
mod operation_change;
mod operations;
mod order_change;
mod order_list;
mod order_payment;
mod orders;
mod payments;
#[cfg(test)]
mod plans;
mod pool;
mod row;
mod service;

pub use cache::{Fresh, Loader, MemoryCache, RedisCache, RedisOptions, RedisUrlError, TieredCache};
pub use migrate::{MigrationMode, OpenError};

use async_trait::async_trait;
use db::{Conn, Db};
use futures_util::future::BoxFuture;
use group_commit::Writer;
use leyden_domain::{Timestamp, book::Book};
use leyden_ports::{Clock, Store, store::StoreError};
use std::{fmt, sync::Arc};

/// How a database is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// What to do about migrations that have not run yet.
    pub migrations: MigrationMode,
    /// Connections for reading. Writing has one of its own.
    pub readers: u32,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { migrations: MigrationMode::Apply, readers: 4 }
    }
}

/// The books on a SQL database.
pub struct SqlStore {
    db: Db,
    writer: Writer,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore").field("db", &self.db).finish_non_exhaustive()
    }
}

impl SqlStore {
    /// Opens the database at `url` (`sqlite:<path>`, made where it is not there, or `sqlite::memory:`), brings its
    /// schema up to date or refuses, and starts the writer. `clock` stamps what is recorded; no decision rests on it.
    ///
    /// # Errors
    ///
    /// The database cannot be opened, its schema is not the one this version knows, or migrations are pending and
    /// may not be applied.
    pub async fn open(url: &str, clock: Arc<dyn Clock>, options: OpenOptions) -> Result<Self, OpenError> {
        let db = Db::connect(url, options.readers).await?;
        migrate::prepare(&db, options.migrations, clock.now()).await?;
        let writer = Writer::start(db.clone())?;
        Ok(Self { db, writer, clock })
    }

    /// Ends the writer after what it has been given, and closes all connections. Calls after this are answered
    /// `Unavailable`. A store that is dropped without it loses nothing that was answered.
    pub async fn close(&self) {
        self.writer.stop().await;
        self.db.close().await;
    }

    /// Runs one write job: a transaction of its own as far as it can tell.
    async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.writer.run(work).await
    }

    /// The wall clock, for stamps.
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn ping(&self) -> Result<(), StoreError> {
        let mut conn = self.db.read().await?;
        let _: (i64,) = db::one!(conn, "SELECT pinged_at FROM pings WHERE id = 1")?;
        drop(conn);
        let now = self.now();
        self.write(move |conn| {
            Box::pin(async move {
                db::exec!(conn, "UPDATE pings SET pinged_at = $1 WHERE id = 1", now.ms())?;
                Ok(())
            })
        })
        .await
    }

    async fn book(&self) -> Result<Book, StoreError> {
        let mut conn = self.db.snapshot().await?;
        let book = book::read(&mut conn).await?;
        conn.rollback().await?;
        Ok(book)
    }
}
