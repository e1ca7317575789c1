//! A cache in this process: bounded, each entry with its own life, forgotten by tag.

use async_trait::async_trait;
use leyden_domain::Span;
use leyden_ports::{Cache, CacheError};
use moka::{Expiry, future};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a tag's generation is remembered after it was last touched. Longer than any entry lives; see `put`.
const LONGEST: Duration = Duration::from_hours(24);

/// A kept text.
#[derive(Clone)]
struct Entry {
    value: Arc<str>,
    tag: Arc<str>,
    generation: u64,
    ttl: Duration,
}

/// Each entry says itself how long it lives.
struct PerEntry;

impl Expiry<String, Entry> for PerEntry {
    fn expire_after_create(&self, _: &String, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.ttl)
    }

    fn expire_after_update(
        &self,
        _: &String,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }
}

/// The in-process cache. A tag is forgotten by counting up its generation, so that forgetting costs the same
/// however much was put under it, and an entry that is put while its tag is being forgotten is gone too.
#[derive(Clone)]
pub struct MemoryCache {
    entries: future::Cache<String, Entry>,
    generations: future::Cache<String, u64>,
}

impl fmt::Debug for MemoryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCache").field("entries", &self.entries.entry_count()).finish_non_exhaustive()
    }
}

impl MemoryCache {
    /// An empty cache for at most `entries` texts.
    pub fn new(entries: u64) -> Self {
        Self {
            entries: future::Cache::builder().max_capacity(entries).expire_after(PerEntry).build(),
            // Not bounded by count: dropping one early would bring its forgotten entries back.
            generations: future::Cache::builder().time_to_idle(LONGEST.saturating_mul(2)).build(),
        }
    }

    async fn now(&self, tag: &str) -> u64 {
        self.generations.get(tag).await.unwrap_or(0)
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn get(&self, key: &str) -> Result<Option<String>, CacheError> {
        let Some(entry) = self.entries.get(key).await else { return Ok(None) };
        let valid = entry.generation == self.now(&entry.tag).await;
        Ok(valid.then(|| entry.value.as_ref().to_owned()))
    }

    async fn put(&self, key: &str, value: String, ttl: Span, tag: &str) -> Result<(), CacheError> {
        let generation = self.now(tag).await;
        self.put_as_of(key, value, ttl, tag, generation).await
    }

    async fn generation(&self, tag: &str) -> Result<u64, CacheError> {
        Ok(self.now(tag).await)
    }

    async fn put_as_of(
        &self,
        key: &str,
        value: String,
        ttl: Span,
        tag: &str,
        generation: u64,
    ) -> Result<(), CacheError> {
        let Some(ttl) = u64::try_from(ttl.ms()).ok().filter(|ms| *ms > 0).map(Duration::from_millis) else {
            self.entries.invalidate(key).await;
            return Ok(());
        };
        // A generation that is over stays over: such an entry is never given out.
        let entry = Entry { value: value.into(), tag: tag.into(), generation, ttl: ttl.min(LONGEST) };
        self.entries.insert(key.to_owned(), entry).await;
        Ok(())
    }

    async fn forget(&self, tag: &str) -> Result<(), CacheError> {
        self.generations
            .entry_by_ref(tag)
            .and_upsert_with(|now| {
                std::future::ready(now.map_or(1, |entry| entry.into_value().wrapping_add(1)))
            })
            .await;
        Ok(())
    }
}
