//! Connections, lent out one by one. Not sqlx's pool: that gives a connection back through a task on the caller's
//! runtime and pings it on the way, without a bound. Here giving back is a push onto a list, so a caller's runtime may
//! end without a connection being lost. The one writer waits for its connection as long as it takes; readers, of whom
//! there may be any number, are told after a while that the database is busy.

use crate::journal::Log;
use futures_util::future::BoxFuture;
use leyden_ports::store::{Durability, StoreError};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// How connections of one kind are made, and what becomes of one that somebody left in the middle of something.
pub(crate) trait Driver: fmt::Debug + Send + Sync + 'static {
    /// A connection.
    type Connection: Send;

    /// Whether a connection that was left inside a transaction goes on to be used. Where not, it is thrown away and
    /// another is made when it is needed.
    const KEEPS_LEFT: bool;

    /// Makes a connection.
    fn open(&self) -> BoxFuture<'_, Result<Self::Connection, StoreError>>;
}

/// A connection, and what is known of it.
pub(crate) struct Lent<C> {
    pub(crate) connection: C,
    /// Whether it may still be inside a transaction.
    pub(crate) in_transaction: bool,
    /// Whether it is in the middle of a statement, or nobody knows what it is in the middle of.
    pub(crate) is_spoiled: bool,
    /// Whether it was made for whoever has it now: what it cannot do, no other can.
    pub(crate) is_fresh: bool,
    /// How durable its commits are, where that is a matter of the connection.
    pub(crate) durability: Durability,
}

impl<C> Lent<C> {
    pub(crate) fn new(connection: C) -> Self {
        Self {
            connection,
            in_transaction: false,
            is_spoiled: false,
            is_fresh: true,
            durability: Durability::Strict,
        }
    }
}

/// Connections to one database.
pub(crate) struct Lenders<D: Driver> {
    driver: D,
    idle: Mutex<Vec<Lent<D::Connection>>>,
    permits: Arc<Semaphore>,
}

impl<D: Driver> fmt::Debug for Lenders<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lenders").field("free", &self.permits.available_permits()).finish_non_exhaustive()
    }
}

impl<D: Driver> Lenders<D> {
    /// Lends at most this many connections; none is made before it is needed.
    pub(crate) fn new(driver: D, count: u32) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(usize::try_from(count.max(1)).unwrap_or(usize::MAX)));
        Arc::new(Self { driver, idle: Mutex::new(Vec::new()), permits })
    }

    /// Lends these connections, and no others.
    pub(crate) fn of(driver: D, connections: Vec<D::Connection>) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(connections.len()));
        let idle = connections.into_iter().map(Lent::new).collect();
        Arc::new(Self { driver, idle: Mutex::new(idle), permits })
    }

    /// How its connections are made.
    pub(crate) const fn driver(&self) -> &D {
        &self.driver
    }

    /// Lends a connection out; waits until one is free.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Result<Guard<D>, StoreError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.or(Err(closed()))?;
        self.lend(permit).await
    }

    /// Lends a connection out; waits for one no longer than this. Nothing is gained by a longer queue: whoever stands
    /// in it is not answered either.
    pub(crate) async fn acquire_within(self: &Arc<Self>, patience: Duration) -> Result<Guard<D>, StoreError> {
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

    async fn lend(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Result<Guard<D>, StoreError> {
        let lent = match self.take() {
            Some(lent) => lent,
            None if self.permits.is_closed() => return Err(closed()),
            None => Lent::new(self.driver.open().await?),
        };
        let lender = Arc::clone(self);
        Ok(Guard { lent: Some(lent), lender, _permit: permit, patience: None, journal: Log::default() })
    }

    /// The next connection: first those that somebody left inside a transaction, for an open one keeps a log from
    /// being cut.
    fn take(&self) -> Option<Lent<D::Connection>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        match idle.iter().position(|lent| lent.in_transaction) {
            Some(index) => Some(idle.swap_remove(index)),
            None => idle.pop(),
        }
    }

    /// Forgets the connections that are not lent out: one was found dead, and the others were made before it died.
    pub(crate) fn forget_idle(&self) {
        drop(self.take_idle());
    }

    /// Lends no more; what is not lent out, to be closed.
    pub(crate) fn close(&self) -> Vec<Lent<D::Connection>> {
        self.permits.close();
        self.take_idle()
    }

    fn take_idle(&self) -> Vec<Lent<D::Connection>> {
        std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The answer of a store that was closed.
pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

/// A connection that goes back when it is dropped, in whatever state it is; whoever gets it next cleans up. Where that
/// cannot be done it is thrown away.
pub(crate) struct Guard<D: Driver> {
    /// `None` after it was thrown away.
    lent: Option<Lent<D::Connection>>,
    lender: Arc<Lenders<D>>,
    /// Given back after the connection: fields are dropped after `drop` has run.
    _permit: OwnedSemaphorePermit,
    /// How long a statement may take, where that is not the usual time.
    pub(crate) patience: Option<Duration>,
    /// What the journal is to have of the transaction.
    pub(crate) journal: Log,
}

impl<D: Driver> fmt::Debug for Guard<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

impl<D: Driver> Guard<D> {
    /// How the connection was made.
    pub(crate) fn driver(&self) -> &D {
        &self.lender.driver
    }

    /// The connection, unless it was thrown away.
    pub(crate) fn lent(&mut self) -> Option<&mut Lent<D::Connection>> {
        self.lent.as_mut()
    }

    /// Throws the connection away; `lent` finds none.
    pub(crate) fn discard(&mut self) {
        drop(self.lent.take());
    }

    /// Throws the connection away and makes another in its place.
    pub(crate) async fn renew(&mut self) -> Result<(), StoreError> {
        self.discard();
        self.lender.forget_idle();
        self.lent = Some(Lent::new(self.lender.driver.open().await?));
        Ok(())
    }
}

impl<D: Driver> Drop for Guard<D> {
    fn drop(&mut self) {
        let Some(mut lent) = self.lent.take() else { return };
        let is_whole = D::KEEPS_LEFT || !(lent.in_transaction || lent.is_spoiled);
        if is_whole && !self.lender.permits.is_closed() {
            lent.is_fresh = false;
            self.lender.idle.lock().unwrap_or_else(PoisonError::into_inner).push(lent);
        }
    }
}
