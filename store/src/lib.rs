//! The books on SQL, and the cache. The database is the truth of the service: every method of
//! [`leyden_ports::Store`] is one transaction here, guarded by the versions of what it changes.
//!
//! One SQL text serves every database: `$1` placeholders, money and times as 64-bit integers, ids and hashes as
//! text, sums cast. `db` holds the enum of drivers and the macros that expand one body for each. Writes go
//! through `group_commit`: what waits at the same time shares one commit. On PostgreSQL the writers of all instances
//! take turns by a lock, so that what holds with the single writer of SQLite holds there by construction.

mod blocks;
mod book;
mod book_part;
pub mod cache;
mod carried;
mod configs;
mod db;
mod delegation_record;
mod gate;
mod group_commit;
mod halts;
mod inspect;
mod journal;
mod kept_answers;
mod keys;
mod leases;
mod lend;
mod lite;
mod migrate;
mod monitoring;
mod new_orders;
mod operation_change;
mod operations;
mod order_change;
mod order_list;
mod order_payment;
mod orders;
mod partitions;
mod parts;
mod payments;
mod pg;
#[cfg(test)]
mod plans;
mod pool;
mod reconcile;
mod refund_accounts;
mod refund_change;
mod refund_wish;
mod refunds;
mod repairs;
mod row;
mod service;
mod settle;
#[cfg(test)]
mod statements;
mod transfer;
mod warrants;

pub use cache::{
    Fresh, Loader, MemoryCache, RedisCache, RedisFacts, RedisOptions, RedisUrlError, TieredCache,
};
pub use gate::Gate;
pub use inspect::{DatabaseFacts, RoleFacts, ServerFacts};
pub use migrate::{MigrationMode, OpenError};
pub use transfer::{TransferError, Transferred, transfer};

use async_trait::async_trait;
use db::{Conn, Db};
use futures_util::future::BoxFuture;
use group_commit::{Term, Terms, Writer};
use leyden_domain::{Timestamp, book::Book};
use leyden_ports::{
    Clock, Store,
    store::{Durability, Fence, StoreError},
};
use new_orders::Creates;
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

/// The books on a SQL database. Views of one database share its connections and its writer.
pub struct SqlStore {
    db: Db,
    writer: Arc<Writer>,
    /// Orders to be made that wait for the writer.
    creates: Arc<Creates>,
    clock: Arc<dyn Clock>,
    /// Set where every write needs a lease.
    fence: Option<Arc<Fence>>,
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore").field("db", &self.db).field("fence", &self.fence).finish_non_exhaustive()
    }
}

impl SqlStore {
    /// Opens the database at `url` (`sqlite:<path>`, made where it is not there, `sqlite::memory:`, or `postgres://…`),
    /// brings its schema up to date or refuses, and starts the writer. `clock` stamps what is recorded; no decision
    /// rests on it.
    ///
    /// # Errors
    ///
    /// The database cannot be opened, its schema is not the one this version knows, or migrations are pending and
    /// may not be applied.
    pub async fn open(url: &str, clock: Arc<dyn Clock>, options: OpenOptions) -> Result<Self, OpenError> {
        let db = Db::connect(url, options.readers).await?;
        migrate::refuse_moved(&db).await?;
        Self::of(db, clock, options).await
    }

    /// The same, for books that are to be copied elsewhere, also where they were before.
    ///
    /// # Errors
    ///
    /// As of [`Self::open`].
    pub async fn open_to_move(
        url: &str,
        clock: Arc<dyn Clock>,
        options: OpenOptions,
    ) -> Result<Self, OpenError> {
        Self::of(Db::connect(url, options.readers).await?, clock, options).await
    }

    /// The same books to be looked at: nothing is written, and what is pending is refused. Books that were moved open too.
    ///
    /// # Errors
    ///
    /// As of [`Self::open`]; a file that is not there is not made.
    pub async fn open_to_read(url: &str, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        if url.starts_with("sqlite:") && !lite::is_there(url)? {
            return Err(OpenError::Url("there is no such database".to_owned()));
        }
        let db = Db::connect(url, OpenOptions::default().readers).await?;
        Self::prepared(db, clock, MigrationMode::Refuse).await
    }

    /// Opens books in memory for a simulation: every statement is waited for on the spot, and `gate` is asked before
    /// and after. They have one connection, and nobody but the caller writes.
    pub async fn simulated(clock: Arc<dyn Clock>, gate: Arc<dyn Gate>) -> Result<Self, OpenError> {
        let db = Db::connect_by("sqlite::memory:", 1, Some(gate)).await?;
        Self::of(db, clock, OpenOptions::default()).await
    }

    async fn prepared(db: Db, clock: Arc<dyn Clock>, migrations: MigrationMode) -> Result<Self, OpenError> {
        migrate::prepare(&db, migrations).await?;
        let writer = Arc::new(Writer::start(db.clone(), Arc::clone(&clock))?);
        Ok(Self { db, writer, creates: Arc::default(), clock, fence: None })
    }

    async fn of(db: Db, clock: Arc<dyn Clock>, options: OpenOptions) -> Result<Self, OpenError> {
        let store = Self::prepared(db, clock, options.migrations).await?;
        let now = store.now();
        store.write(move |conn| Box::pin(migrate::stamp(conn, now))).await?;
        store.open_journal(now).await?;
        store.make_partitions(now).await;
        Ok(store)
    }

    /// Writes down what the journal does not know yet: books that are older than it.
    async fn open_journal(&self, now: Timestamp) -> Result<(), StoreError> {
        let rows = self.write(move |conn| Box::pin(journal::open(conn, now))).await?;
        if rows > 0 {
            tracing::info!(rows, "the journal begins with what is there");
        }
        Ok(())
    }

    /// The same books, written only while `fence` has an epoch that still is its lease's: what was decided in an
    /// earlier one is answered [`StoreError::Fenced`] and leaves no trace.
    #[must_use]
    pub fn fenced(&self, fence: Arc<Fence>) -> Self {
        Self {
            db: self.db.clone(),
            writer: Arc::clone(&self.writer),
            creates: Arc::clone(&self.creates),
            clock: Arc::clone(&self.clock),
            fence: Some(fence),
        }
    }

    /// All bytes of simulated books; see [`SqlStore::put_back`].
    pub async fn image(&self) -> Result<Vec<u8>, StoreError> {
        self.db.image().await
    }

    /// Forgets what this process remembers of simulated books, as its end does.
    pub fn forget(&self) {
        self.writer.forget();
    }

    /// Makes simulated books what they were, as the loss of power does to what was not on the disk yet.
    pub async fn put_back(&self, image: &[u8]) -> Result<(), StoreError> {
        self.forget();
        self.db.put_back(image).await
    }

    /// Ends the writer after what it has been given, and closes all connections, of all views. Calls after this are
    /// answered `Unavailable`. A store that is dropped without it loses nothing that was answered.
    pub async fn close(&self) {
        self.writer.stop().await;
        self.db.close().await;
    }

    /// Runs one write job: a transaction of its own as far as it can tell. When it is answered it survives a power cut.
    async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.write_as(Durability::Strict, work).await
    }

    /// The same, as durable as is asked.
    async fn write_as<T, E, F>(&self, durability: Durability, work: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let term = match &self.fence {
            None => None,
            Some(fence) => {
                let epoch = fence.epoch().ok_or_else(|| E::from(StoreError::Fenced))?;
                Some(Term { lease: fence.name().to_owned(), epoch })
            }
        };
        self.writer.run(Terms { durability, term }, work).await
    }

    /// One that no lease is needed for, whatever view this is: what is written are the leases.
    async fn write_unfenced<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.writer.run(Terms::default(), work).await
    }

    /// The clock itself.
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
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
        let mut conn = self.db.long_snapshot().await?;
        let book = book::read(&mut conn).await?;
        conn.rollback().await?;
        Ok(book)
    }
}
