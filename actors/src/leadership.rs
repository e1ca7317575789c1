//! Which of several instances works. Any number may serve requests; one at a time reads the chain, routes, allocates
//! and signs, by a lease in the books. Two that both believe to have it do no harm: every write of the work carries
//! the lease's epoch and is refused under an older one, and underneath all commits are guarded by versions.

use crate::boards::SaleTerms;
use async_trait::async_trait;
use leyden_ports::{
    Store, StoreError,
    store::{Fence, LeaseStore},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// The lease for the work of the service's single actors.
pub const WORK: &str = "work";

/// Where the terms of sales without an order are read anew, since another instance may have been told of new ones.
#[async_trait]
pub trait SaleSource: Send + Sync + 'static {
    /// The terms in force.
    async fn sale_terms(&self) -> Result<SaleTerms, StoreError>;
}

/// How an instance takes its turn.
#[derive(Clone)]
pub struct Election {
    /// Where leases are.
    pub leases: Arc<dyn LeaseStore>,
    /// Raised while the lease is ours.
    pub fence: Arc<Fence>,
    /// The books behind that fence: what the single actors write to.
    pub fenced: Arc<dyn Store>,
    /// Names this run of this instance.
    pub holder: String,
    /// How long the lease lasts without being renewed. A lost leader is replaced after this and a sixth of it.
    pub ttl: Duration,
    /// Where sales without an order are read anew.
    pub sales: Arc<dyn SaleSource>,
}

impl std::fmt::Debug for Election {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Election")
            .field("holder", &self.holder)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

/// Whether this instance is the only one.
#[derive(Debug, Clone)]
pub enum Leadership {
    /// It is: there is nobody to take turns with.
    Alone,
    /// It takes turns with others.
    Elected(Election),
}

/// Whether the work is ours now. Read before every look of the single actors.
#[derive(Debug)]
pub(crate) struct Lead {
    alone: bool,
    until: Mutex<Option<Instant>>,
}

impl Lead {
    pub(crate) fn new(leadership: &Leadership) -> Self {
        Self { alone: matches!(leadership, Leadership::Alone), until: Mutex::new(None) }
    }

    /// Whether the work is ours. A process that was stopped finds out by its own clock, before it asks anybody.
    pub(crate) fn is_ours(&self) -> bool {
        self.alone || self.until().is_some_and(|until| Instant::now() < until)
    }

    /// Ours until then; `None`: not ours.
    pub(crate) fn set(&self, until: Option<Instant>) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    fn until(&self) -> Option<Instant> {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
