//! Leases: which of several instances does the work that only one should do at a time. A lease saves work and keeps
//! two from signing side by side; what makes the books safe are versions and the fence, a number that every write of
//! the one at work is checked against in its own transaction. Whoever was stopped for a while and goes on as if
//! nothing had happened is refused by it.

use super::StoreError;
use async_trait::async_trait;
use leyden_domain::{Span, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};

/// A lease that was given to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What for.
    pub name: String,
    /// To whom: names one run of one instance.
    pub holder: String,
    /// Grows with every change of holder, and is never 0.
    pub epoch: i64,
}

/// A lease as the books have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    /// Who had it last.
    pub lease: Lease,
    /// When it ends unless it is renewed, by the clock of the database.
    pub expires_at: Timestamp,
    /// Whether that is over.
    pub is_over: bool,
}

/// Leases. Time is the database's own, so that instances need not agree on theirs.
#[async_trait]
pub trait LeaseStore: Send + Sync + std::fmt::Debug + 'static {
    /// Takes a lease that nobody holds, or whose time is over, or that this very holder has. `None`: another has it.
    /// From the moment this answers, no write under an older epoch can be committed any more.
    async fn take_lease(&self, name: &str, holder: &str, ttl: Span) -> Result<Option<Lease>, StoreError>;

    /// Makes a lease last `ttl` from now. `false`: it was taken by another.
    async fn renew_lease(&self, lease: &Lease, ttl: Span) -> Result<bool, StoreError>;

    /// Gives a lease back before its time. Nothing happens where another has taken it.
    async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Who has a lease.
    async fn lease(&self, name: &str) -> Result<Option<LeaseRow>, StoreError>;
}

/// The epoch that writes are made under: raised when a lease is taken, lowered when it is lost, and looked at by a
/// store that was opened behind it each time it writes.
#[derive(Debug)]
pub struct Fence {
    name: String,
    epoch: AtomicI64,
}

impl Fence {
    /// A fence around the work that the lease of this name is for; nobody has it yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), epoch: AtomicI64::new(0) }
    }

    /// The lease's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The epoch to write under; `None` while the lease is not ours.
    pub fn epoch(&self) -> Option<i64> {
        Some(self.epoch.load(Ordering::Acquire)).filter(|epoch| *epoch > 0)
    }

    /// Writes are made under this epoch from now on.
    pub fn raise(&self, epoch: i64) {
        self.epoch.store(epoch, Ordering::Release);
    }

    /// Nothing is written from now on.
    pub fn lower(&self) {
        self.epoch.store(0, Ordering::Release);
    }
}
