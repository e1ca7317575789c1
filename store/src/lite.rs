//! SQLite connections, lent out one by one. Not sqlx's pool: that gives a connection back through a task on the
//! caller's runtime and pings it on the way. Here giving back is a push onto a list, so a caller's runtime may end
//! without a connection being lost. The one writer waits for its connection as long as it takes; readers, of whom there
//! may be any number, are told after a while that the database is busy.

use crate::{db::failed, migrate::OpenError};
use leyden_ports::store::StoreError;
use sqlx::{
    ConnectOptions as _, Connection as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use std::{
    fmt,
    str::FromStr as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

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

/// Connections to one database.
pub(crate) struct Lenders {
    idle: Mutex<Vec<Lent>>,
    permits: Arc<Semaphore>,
}

/// A connection, and whether it may still be inside a transaction that somebody left.
struct Lent {
    connection: SqliteConnection,
    in_transaction: bool,
}

impl fmt::Debug for Lenders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lenders").field("free", &self.permits.available_permits()).finish_non_exhaustive()
    }
}

impl Lenders {
    /// Makes this many connections.
    pub(crate) async fn connect(options: &SqliteConnectOptions, count: u32) -> Result<Arc<Self>, OpenError> {
        let mut idle = Vec::new();
        for _ in 0..count {
            let connection = options.connect().await.map_err(OpenError::Connect)?;
            idle.push(Lent { connection, in_transaction: false });
        }
        let permits = Arc::new(Semaphore::new(idle.len()));
        Ok(Arc::new(Self { idle: Mutex::new(idle), permits }))
    }

    /// Lends a connection out; waits until one is free.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Result<Guard, StoreError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.or(Err(closed()))?;
        self.lend(permit).await
    }

    /// Lends a connection out; waits for one no longer than this. Nothing is gained by a longer queue: whoever stands
    /// in it is not answered either.
    pub(crate) async fn acquire_within(self: &Arc<Self>, patience: Duration) -> Result<Guard, StoreError> {
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::Closed) => return Err(closed()),
            Err(TryAcquireError::NoPermits) => {
                match tokio::time::timeout(patience, Arc::clone(&self.permits).acquire_owned()).await {
                    Ok(permit) => permit.or(Err(closed()))?,
                    Err(_) => return Err(StoreError::Unavailable("the database is busy".to_owned())),
                }
            }
        };
        self.lend(permit).await
    }

    async fn lend(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Result<Guard, StoreError> {
        let lent = self.take().ok_or_else(closed)?;
        let left_open = lent.in_transaction;
        let mut guard = Guard { lent: Some(lent), lender: Arc::clone(self), _permit: permit };
        if left_open {
            guard.rollback().await?;
        }
        Ok(guard)
    }

    /// The next connection: first those that somebody left inside a transaction, for an open one keeps the log from
    /// being moved into the database.
    fn take(&self) -> Option<Lent> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        match idle.iter().position(|lent| lent.in_transaction) {
            Some(index) => Some(idle.swap_remove(index)),
            None => idle.pop(),
        }
    }

    /// Lends no more, and closes what is not lent out.
    pub(crate) async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for lent in idle {
            if let Err(error) = lent.connection.close().await {
                tracing::warn!(%error, "a connection was not closed in order");
            }
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

/// A connection that goes back when it is dropped, in whatever state it is; whoever gets it next cleans up.
pub(crate) struct Guard {
    lent: Option<Lent>,
    lender: Arc<Lenders>,
    /// Given back after the connection: fields are dropped after `drop` has run.
    _permit: OwnedSemaphorePermit,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

impl Guard {
    /// What statements run on.
    pub(crate) fn get(&mut self) -> &mut SqliteConnection {
        &mut self.lent.as_mut().expect("it is taken by the drop alone").connection
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&mut self, statement: &'static str) -> Result<(), StoreError> {
        // Said first: should this be dropped half-way, nobody knows whether it began.
        self.mark(true);
        self.run(statement).await
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

    async fn run(&mut self, statement: &'static str) -> Result<(), StoreError> {
        sqlx::query(statement).execute(self.get()).await.map(drop).map_err(failed)
    }

    fn mark(&mut self, in_transaction: bool) {
        if let Some(lent) = &mut self.lent {
            lent.in_transaction = in_transaction;
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(lent) = self.lent.take() else { return };
        if !self.lender.permits.is_closed() {
            self.lender.idle.lock().unwrap_or_else(PoisonError::into_inner).push(lent);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::{Lenders, options};
    use leyden_ports::store::StoreError;
    use std::time::Duration;

    #[tokio::test]
    async fn a_reader_does_not_wait_for_ever() {
        let (options, _) = options("sqlite::memory:").unwrap();
        let lenders = Lenders::connect(&options, 1).await.unwrap();
        let patience = Duration::from_millis(20);
        let held = lenders.acquire_within(patience).await.unwrap();
        let refused = lenders.acquire_within(patience).await.unwrap_err();
        assert_eq!(refused, StoreError::Unavailable("the database is busy".to_owned()));
        drop(held);
        assert!(lenders.acquire_within(patience).await.is_ok());
    }
}
