//! `janitor`: gives back what time has freed (tails whose late window is over, idempotency keys, old monitoring
//! rows). Nothing waits for it.

use crate::{
    kernel::Progress,
    shared::Shared,
    worker::{After, Cause, Worker},
};
use async_trait::async_trait;
use leyden_ports::StoreError;
use std::{sync::Arc, time::Duration};

/// Most tails given back in one transaction.
const TAILS_AT_ONCE: u32 = 1_000;

/// Tidies up.
#[derive(Debug)]
pub(crate) struct Janitor {
    pub(crate) shared: Arc<Shared>,
}

impl Janitor {
    async fn tidy(&self) -> Result<bool, StoreError> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let now = ports.clock.now();
        ports.store.sweep(now.minus(settings.keep_keys), now.minus(settings.keep_logs)).await?;
        settings.did("janitor.swept");
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
