//! `janitor`: gives back what time has freed (tails whose late window is over, idempotency keys, old monitoring
//! rows). Nothing waits for it.

use crate::{
    kernel::Progress,
    shared::Shared,
    worker::{After, Cause, Worker},
};
use async_trait::async_trait;
use leyden_ports::StoreError;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// Most tails given back in one transaction.
const TAILS_AT_ONCE: u32 = 1_000;

/// A day.
const DAY_MS: i64 = 86_400_000;

/// Tidies up.
#[derive(Debug)]
pub(crate) struct Janitor {
    shared: Arc<Shared>,
    /// The day on which the journal's newest entry was said last.
    said: AtomicI64,
}

impl Janitor {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared, said: AtomicI64::new(i64::MIN) }
    }

    /// Says once a day which entry of the journal is the newest. Whoever keeps the log elsewhere can tell by it whether
    /// anything before was changed since.
    async fn say_head(&self) -> Result<(), StoreError> {
        let today = self.shared.ports.clock.now().ms().div_euclid(DAY_MS);
        if self.said.load(Ordering::Relaxed) == today {
            return Ok(());
        }
        let head = self.shared.ports.store.journal_head().await?;
        tracing::info!(seq = head.seq, hash = %head.hash, "the journal's newest entry");
        self.said.store(today, Ordering::Relaxed);
        Ok(())
    }

    async fn tidy(&self) -> Result<bool, StoreError> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let now = ports.clock.now();
        ports.store.sweep(now.minus(settings.keep_keys), now.minus(settings.keep_logs)).await?;
        settings.did("janitor.swept");
        self.say_head().await?;
        let Some(view) = self.shared.view() else { return Ok(false) };
        // By solid time: a payment in a block that may still be undone could yet be late rather than unmatched.
        let released = ports.store.release_tails(view.solid.timestamp, TAILS_AT_ONCE).await?;
        settings.did("janitor.released");
        Ok(released >= u64::from(TAILS_AT_ONCE))
    }
}

#[async_trait]
impl Worker for Janitor {
    fn interval(&self) -> Option<Duration> {
        Some(self.shared.settings.sweep_interval.saturating_mul(12))
    }

    fn stands_by(&self) -> bool {
        !self.shared.lead.is_ours()
    }

    async fn look(self: Arc<Self>, _: Cause, _: Progress) -> After {
        match self.tidy().await {
            Ok(true) => After::Again,
            Ok(false) => After::Rest,
            Err(error) => {
                tracing::warn!(%error, "could not tidy up; the next round will");
                After::Rest
            }
        }
    }
}
