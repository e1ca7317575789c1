//! SQLite: how a file is opened, and transactions on it. A connection is never thrown away: one to a database in memory
//! is that database.

use crate::{
    db::failed,
    gate::{Gate, in_place},
    lend::{Driver, Guard, Lenders, closed},
    migrate::OpenError,
};
use futures_util::future::BoxFuture;
use leyden_ports::store::{Durability, StoreError};
use sqlx::{
    ConnectOptions as _, Connection as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteOwnedBuf, SqliteSynchronous},
};
use std::{str::FromStr as _, sync::Arc, time::Duration};

/// Distinct statements that a connection keeps prepared; there are fewer.
const STATEMENTS: usize = 512;

/// How connections to a URL are made, and whether the database lives in memory.
pub(crate) fn options(url: &str) -> Result<(SqliteConnectOptions, bool), OpenError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|error| OpenError::Url(error.to_string()))?
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .statement_cache_capacity(STATEMENTS)
        .pragma("temp_store", "memory")
        .pragma("cache_size", "-64000")
        // A commit touches many pages of many indices; a longer log moves each of them less often.
        .pragma("wal_autocheckpoint", "8000");
    let in_memory = url.contains(":memory:") || url.contains("mode=memory");
    Ok((options, in_memory))
}

/// Whether the database of a URL is there.
pub(crate) fn is_there(url: &str) -> Result<bool, OpenError> {
    let (options, in_memory) = options(url)?;
    Ok(in_memory || options.get_filename().exists())
}

/// SQLite.
#[derive(Debug)]
pub(crate) struct Lite {
    /// Set where the books are simulated.
    pub(crate) gate: Option<Arc<dyn Gate>>,
    /// How connections are made.
    options: SqliteConnectOptions,
}

impl Driver for Lite {
    type Connection = SqliteConnection;
    const KEEPS_LEFT: bool = true;

    /// All connections were made at the start.
    fn open(&self) -> BoxFuture<'_, Result<SqliteConnection, StoreError>> {
        Box::pin(async { Err(closed()) })
    }
}

/// Makes this many connections.
pub(crate) async fn connect(
    options: &SqliteConnectOptions,
    count: u32,
    gate: Option<Arc<dyn Gate>>,
) -> Result<Arc<Lenders<Lite>>, OpenError> {
    let mut connections = Vec::new();
    for _ in 0..count {
        let connecting = in_place(gate.is_some(), options.connect());
        connections.push(connecting.await.map_err(OpenError::Connect)?);
    }
    Ok(Lenders::of(Lite { gate, options: options.clone() }, connections))
}

/// Lends no more, and closes what is not lent out.
pub(crate) async fn close(lenders: &Lenders<Lite>) {
    for lent in lenders.close() {
        if let Err(error) = lent.connection.close().await {
            tracing::warn!(%error, "a connection was not closed in order");
        }
    }
}

impl Guard<Lite> {
    /// Whether statements are waited for by blocking the thread.
    pub(crate) fn in_place(&self) -> bool {
        self.driver().gate.is_some()
    }

    /// What statements run on.
    pub(crate) fn get(&mut self) -> &mut SqliteConnection {
        &mut self.lent().expect("a connection of SQLite is not thrown away").connection
    }

    /// Ends a transaction that somebody left.
    pub(crate) async fn tidied(mut self) -> Result<Self, StoreError> {
        if self.lent().is_some_and(|lent| lent.in_transaction) {
            self.rollback().await?;
        }
        Ok(self)
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&mut self, statement: &'static str) -> Result<(), StoreError> {
        // Said first: should this be dropped half-way, nobody knows whether it began.
        self.mark(true);
        self.run(statement).await
    }

    /// Says how durable the commits that follow are. A commit that waits for the disk takes all earlier ones with it:
    /// they are one log.
    pub(crate) async fn make(&mut self, durability: Durability) -> Result<(), StoreError> {
        if self.lent().is_some_and(|lent| lent.durability == durability) {
            return Ok(());
        }
        self.run(match durability {
            Durability::Strict => "PRAGMA synchronous = FULL",
            Durability::Relaxed => "PRAGMA synchronous = NORMAL",
        })
        .await?;
        if let Some(lent) = self.lent() {
            lent.durability = durability;
        }
        Ok(())
    }

    /// Makes a transaction durable. Where that fails, it is taken back by whoever gets the connection next.
    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        self.run("COMMIT").await?;
        self.mark(false);
        Ok(())
    }

    /// Takes a transaction back, if there is one: SQLite may have done so by itself.
    pub(crate) async fn rollback(&mut self) -> Result<(), StoreError> {
        match self.run("ROLLBACK").await {
            Err(StoreError::Unavailable(message)) if !message.contains("no transaction is active") => {
                return Err(StoreError::Unavailable(message));
            }
            _ => self.mark(false),
        }
        Ok(())
    }

    /// All bytes of the database.
    pub(crate) async fn image(&mut self) -> Result<Vec<u8>, StoreError> {
        let here = self.in_place();
        let image = in_place(here, self.get().serialize(None)).await.map_err(failed)?;
        Ok(image.as_ref().to_vec())
    }

    /// Replaces the database.
    pub(crate) async fn put_back(&mut self, image: &[u8]) -> Result<(), StoreError> {
        let here = self.in_place();
        let bytes = SqliteOwnedBuf::try_from(image).map_err(failed)?;
        // Into a connection that has seen no other database: one that has keeps more of it than its statements.
        let mut fresh = in_place(here, self.driver().options.connect()).await.map_err(failed)?;
        in_place(here, fresh.deserialize(None, bytes, false)).await.map_err(failed)?;
        let old = std::mem::replace(self.get(), fresh);
        in_place(here, old.close()).await.map_err(failed)
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), StoreError> {
        let here = self.in_place();
        in_place(here, sqlx::query(statement).execute(self.get())).await.map(drop).map_err(failed)
    }

    fn mark(&mut self, in_transaction: bool) {
        if let Some(lent) = self.lent() {
            lent.in_transaction = in_transaction;
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::{connect, options};
    use leyden_ports::store::StoreError;
    use std::time::Duration;

    #[tokio::test]
    async fn a_reader_does_not_wait_for_ever() {
        let (options, _) = options("sqlite::memory:").unwrap();
        let lenders = connect(&options, 1, None).await.unwrap();
        let patience = Duration::from_millis(20);
        let held = lenders.acquire_within(patience).await.unwrap();
        let refused = lenders.acquire_within(patience).await.unwrap_err();
        assert_eq!(refused, StoreError::Unavailable("the database is busy".to_owned()));
        drop(held);
        assert!(lenders.acquire_within(patience).await.is_ok());
    }
}
