//! `standby`: what an instance knows while another does the work. It reads from the books what the single actors
//! would have posted, so that requests are answered alike by every instance. Only with several instances.

use crate::{
    boards::{ChainStatus, Patience, PoolStatus},
    kernel::Progress,
    leadership::Election,
    shared::Shared,
    worker::{After, Cause, Worker},
};
use async_trait::async_trait;
use leyden_domain::{
    Energy, Height, Timestamp,
    chain::Head,
    order::{OrderState, undelivered},
};
use leyden_ports::{StoreError, store::OrderWait};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often the books are read.
const INTERVAL: Duration = Duration::from_secs(1);
/// Every so many readings, the terms of sales without an order are read too, by the instance at work as well.
const SALE_EVERY: u32 = 5;
/// Most orders without capacity that are summed up; more than this is more than any pool has.
const QUEUED_AT_ONCE: u32 = 200;

/// Reads boards from the books.
pub(crate) struct Standby {
    pub(crate) shared: Arc<Shared>,
    pub(crate) election: Election,
    /// The newest block seen, and when it was first seen.
    seen: Mutex<Option<(Height, Timestamp)>>,
    rounds: Mutex<u32>,
}

impl Standby {
    pub(crate) fn new(shared: Arc<Shared>, election: Election) -> Self {
        Self { shared, election, seen: Mutex::new(None), rounds: Mutex::new(0) }
    }

    async fn read(&self, cause: Cause) -> Result<(), StoreError> {
        if self.sale_is_due(cause) {
            self.shared.boards.sale.post(self.election.sales.sale_terms().await?);
        }
        // Whoever works reads them too; but a halt that is raised or lifted through another instance is known here within
        // a second.
        self.shared.read_halts().await?;
        if self.shared.lead.is_ours() {
            return Ok(());
        }
        let Shared { ports, boards, .. } = self.shared.as_ref();
        let now = ports.clock.now();
        let position = ports.store.chain_position().await?;
        let pool = PoolStatus {
            accounts: ports.store.pool_accounts().await?,
            queued: self.queued().await?,
            read_at: now,
        };
        // The lease may have come to us meanwhile: what the workers post is newer.
        if self.shared.lead.is_ours() {
            return Ok(());
        }
        boards.pool.post(pool);
        if let Some(position) = position {
            let head = position.view.head;
            let answered_at = Some(self.first_seen(head, now));
            let (processed, solid) = (Some(head), Some(position.view.solid));
            // What stops money stays, whoever works.
            boards.chain.update(|status| {
                let (below_solid, paused) = (status.below_solid, status.paused);
                *status = ChainStatus {
                    processed,
                    solid,
                    answered_at,
                    patience: Patience::BY_THE_BOOKS,
                    below_solid,
                    paused,
                    ..ChainStatus::default()
                };
            });
        }
        Ok(())
    }

    /// When the newest block was first seen here: that somebody recorded it then is a sign that a node answers him. Of the
    /// very first nobody knows when it was recorded, only that it was not before its own time.
    fn first_seen(&self, head: Head, now: Timestamp) -> Timestamp {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match *seen {
            Some((known, at)) if known == head.height() => at,
            before => {
                let at = if before.is_none() { head.timestamp.min(now) } else { now };
                *seen = Some((head.height(), at));
                at
            }
        }
    }

    fn sale_is_due(&self, cause: Cause) -> bool {
        let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        *rounds = rounds.wrapping_add(1);
        cause != Cause::Tick || rounds.is_multiple_of(SALE_EVERY)
    }

    /// Energy of orders that are paid and have no capacity yet, as the allocator counts it.
    async fn queued(&self) -> Result<Energy, StoreError> {
        let store = &self.shared.ports.store;
        let mut queued = Energy::ZERO;
        for id in store.waiting(OrderWait::Capacity, None, QUEUED_AT_ONCE).await? {
            if let Some(detail) = store.order_detail(id).await?
                && matches!(detail.order.state, OrderState::Funded { .. })
            {
                queued = queued.plus(undelivered(&detail.order, &detail.delegations)).unwrap_or(queued);
            }
        }
        Ok(queued)
    }
}

#[async_trait]
impl Worker for Standby {
    fn interval(&self) -> Option<Duration> {
        Some(INTERVAL)
    }

    fn stands_by(&self) -> bool {
        false
    }

    async fn look(self: Arc<Self>, cause: Cause, _: Progress) -> After {
        if let Err(error) = self.read(cause).await {
            tracing::warn!(%error, "the boards could not be read from the books; will try again");
            if !self.shared.lead.is_ours() {
                let text = error.to_string();
                self.shared.boards.chain.update(|status| {
                    status.error = Some(text.clone());
                    status.books_failed = true;
                });
            }
        }
        After::Rest
    }
}
