//! Reads through the cache. What is missing is read at its source once, however many ask for it at that moment, and
//! is kept for a little less than its time, by chance, so that what was read together does not end together.

use leyden_domain::Span;
use leyden_ports::{Cache, CacheKey, Entropy, Generation, Look};
use moka::future;
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt, sync::Arc, time::Duration};

/// Most reads that are shared at the same time; beyond that some are made twice.
const FLIGHTS: u64 = 10_000;
/// A shared read that nobody cleared away, because everybody who asked for it left.
const STALE: Duration = Duration::from_secs(1);

/// What was read at its source, and how long it may be given again. Not kept where that is not above zero.
#[derive(Debug)]
pub struct Fresh<T> {
    /// What was read.
    pub value: T,
    /// For how long.
    pub keep: Span,
}

/// Reads through a cache.
pub struct Loader {
    cache: Arc<dyn Cache>,
    entropy: Arc<dyn Entropy>,
    /// Reads under way. The generation belongs to the key: who comes after a forgetting must not get what was being
    /// read before it.
    flights: future::Cache<(CacheKey, Generation), Arc<str>>,
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").field("cache", &self.cache).finish_non_exhaustive()
    }
}

impl Loader {
    /// In front of this cache.
    pub fn new(cache: Arc<dyn Cache>, entropy: Arc<dyn Entropy>) -> Self {
        let flights = future::Cache::builder().max_capacity(FLIGHTS).time_to_live(STALE).build();
        Self { cache, entropy, flights }
    }

    /// What is kept under a key, or else what `load` reads. An error of `load` is everybody's who waited for it; the
    /// cache's own errors are nobody's.
    pub async fn read<T, E>(
        &self,
        key: &CacheKey,
        load: impl AsyncFn() -> Result<Fresh<T>, E>,
    ) -> Result<T, E>
    where
        T: Serialize + DeserializeOwned,
        E: Clone + Send + Sync + 'static,
    {
        let as_of = match self.cache.look(key).await {
            Ok(Look::Found(text)) => match serde_json::from_str(&text) {
                Ok(value) => return Ok(value),
                Err(error) => {
                    // Kept by another version of the service. Whoever comes next finds nothing and reads it anew.
                    tracing::debug!(%key, %error, "what was kept cannot be read");
                    let gone = Generation { here: 0, shared: None };
                    drop(self.cache.put(key, text, Span::ZERO, gone).await);
                    return load().await.map(|fresh| fresh.value);
                }
            },
            Ok(Look::Missing(as_of)) => as_of,
            Err(error) => {
                tracing::debug!(%error, "going on without the cache");
                return load().await.map(|fresh| fresh.value);
            }
        };
        let mut mine = None;
        let flight = (key.clone(), as_of);
        let read = self.flights.try_get_with(flight.clone(), async {
            let fresh = load().await?;
            let text: Arc<str> = serde_json::to_string(&fresh.value).unwrap_or_default().into();
            if fresh.keep > Span::ZERO && !text.is_empty() {
                let kept = self.cache.put(key, Arc::clone(&text), self.shortened(fresh.keep), as_of).await;
                if let Err(error) = kept {
                    tracing::debug!(%error, "going on without the cache");
                }
            }
            mine = Some(fresh.value);
            Ok(text)
        });
        let read: Result<Arc<str>, Arc<E>> = Box::pin(read).await;
        let text = read.map_err(|error| E::clone(&error))?;
        self.flights.invalidate(&flight).await;
        match mine {
            Some(value) => Ok(value),
            None => match serde_json::from_str(&text) {
                Ok(value) => Ok(value),
                Err(_) => load().await.map(|fresh| fresh.value),
            },
        }
    }

    /// Up to a tenth less.
    fn shortened(&self, keep: Span) -> Span {
        let thousandths = i64::try_from(self.entropy.u64() % 101).unwrap_or(0);
        Span::from_ms(keep.ms().saturating_sub(keep.ms().saturating_mul(thousandths) / 1_000).max(1))
    }
}
