//! The gate of simulated books. A simulation runs the whole service on one thread in virtual time, which goes on by itself
//! whenever that thread waits. A database does not know of it: so here a statement is waited for by blocking the thread,
//! and no other task runs meanwhile. What a slow or failing database does to its callers comes from the gate instead,
//! before and after the real work, in virtual time and as the seed says.

use async_trait::async_trait;
use leyden_ports::store::{Durability, StoreError};
use std::fmt;

/// Stands between callers and simulated books.
#[async_trait]
pub trait Gate: Send + Sync + fmt::Debug + 'static {
    /// Before something is read. An error is the answer.
    async fn before_read(&self) -> Result<(), StoreError>;

    /// Before a transaction is written. An error is the answer, and nothing is written.
    async fn before_write(&self, durability: Durability) -> Result<(), StoreError>;

    /// After a transaction was committed. An error is the answer although all is written.
    fn after_write(&self, durability: Durability) -> Result<(), StoreError>;
}

/// Waits for a database's answer: by blocking the thread where `here`, else as usual.
pub(crate) async fn in_place<T>(here: bool, work: impl Future<Output = T>) -> T {
    if here { futures_executor::block_on(work) } else { work.await }
}
