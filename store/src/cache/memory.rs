//! A cache in this process: bounded, each entry with its own life, forgotten by tag.

use super::tally::Tally;
use async_trait::async_trait;
use leyden_domain::Span;
use leyden_ports::{Cache, CacheError, CacheKey, Generation, Look, TierStatus};
use moka::{
    Expiry,
    ops::compute::Op,
    sync::{self},
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

/// How long a tag's generation is remembered after it was last touched, at least. Longer than any entry lives.
const LONGEST: Duration = Duration::from_hours(24);

/// A kept text.
#[derive(Clone)]
struct Entry {
    value: Arc<str>,
    generation: u64,
    ttl: Duration,
}

/// Each entry says itself how long it lives.
struct PerEntry;

impl Expiry<CacheKey, Entry> for PerEntry {
    fn expire_after_create(&self, _: &CacheKey, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.ttl)
    }

    fn expire_after_update(
        &self,
        _: &CacheKey,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }
}

/// Moments of forgetting, counted over all tags: a tag's generation is the last moment at which it, or everything,
/// was forgotten. An entry is good while its tag has the generation it was read in. So forgetting costs the same
/// however much was put under a tag, and an entry that is put while its tag is being forgotten is gone too.
struct Inner {
    entries: sync::Cache<CacheKey, Entry>,
    generations: sync::Cache<String, u64>,
    moments: AtomicU64,
    everything: AtomicU64,
    longest_document: Duration,
    tally: Tally,
}

/// The in-process cache. Clones share what they hold.
#[derive(Clone)]
pub struct MemoryCache(Arc<Inner>);

impl fmt::Debug for MemoryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCache").field("entries", &self.0.entries.entry_count()).finish_non_exhaustive()
    }
}

impl MemoryCache {
    /// An empty cache for at most `entries` texts.
    pub fn new(entries: u64) -> Self {
        Self::with_longest_document(entries, Span::from_ms(i64::MAX))
    }

    /// An empty cache that keeps no copy of a [document](CacheKey::document) for longer than this, because another
    /// instance may replace it without being heard.
    pub fn with_longest_document(entries: u64, longest: Span) -> Self {
        Self(Arc::new(Inner {
            entries: sync::Cache::builder().max_capacity(entries).expire_after(PerEntry).build(),
            // Not bounded by count: dropping one early would bring its forgotten entries back.
            generations: sync::Cache::builder().time_to_idle(LONGEST.saturating_mul(2)).build(),
            moments: AtomicU64::new(0),
            everything: AtomicU64::new(0),
            longest_document: duration(longest).unwrap_or_default(),
            tally: Tally::default(),
        }))
    }

    fn now(&self, tag: &str) -> u64 {
        let tagged = self.0.generations.get(tag).unwrap_or(0);
        tagged.max(self.0.everything.load(SeqCst))
    }

    /// What is kept under a key, or its tag's generation.
    pub(super) fn find(&self, key: &CacheKey) -> Result<Arc<str>, u64> {
        let now = self.now(key.tag());
        let found = self.0.entries.get(key).filter(|entry| entry.generation == now);
        self.0.tally.looked(found.is_some());
        found.map(|entry| entry.value).ok_or(now)
    }

    /// Keeps a text that was read in this generation.
    pub(super) fn keep(&self, key: &CacheKey, value: Arc<str>, ttl: Span, generation: u64) {
        let longest = if key.changes() { self.0.longest_document.min(LONGEST) } else { LONGEST };
        match duration(ttl).map(|ttl| ttl.min(longest)).filter(|ttl| !ttl.is_zero()) {
            // A generation that is over stays over: such an entry is never given out.
            Some(ttl) => self.0.entries.insert(key.clone(), Entry { value, generation, ttl }),
            None => self.0.entries.invalidate(key),
        }
    }

    /// Forgets a tag.
    pub(super) fn drop_tag(&self, tag: &str) {
        let moment = self.0.moments.fetch_add(1, SeqCst) + 1;
        self.0.generations.entry_by_ref(tag).and_compute_with(|last| match last {
            Some(last) if last.value() >= &moment => Op::Nop,
            _ => Op::Put(moment),
        });
    }

    /// Forgets everything.
    pub(super) fn drop_all(&self) {
        let moment = self.0.moments.fetch_add(1, SeqCst) + 1;
        self.0.everything.fetch_max(moment, SeqCst);
        self.0.entries.invalidate_all();
    }

    /// How this tier is.
    pub(super) fn status(&self) -> TierStatus {
        self.0.tally.status("memory", true, None)
    }
}

/// A span as the standard library has it; `None` where it is not above zero.
pub(super) fn duration(span: Span) -> Option<Duration> {
    u64::try_from(span.ms()).ok().filter(|ms| *ms > 0).map(Duration::from_millis)
}

#[async_trait]
impl Cache for MemoryCache {
    async fn look(&self, key: &CacheKey) -> Result<Look, CacheError> {
        Ok(match self.find(key) {
            Ok(value) => Look::Found(value),
            Err(here) => Look::Missing(Generation { here, shared: None }),
        })
    }

    async fn put(
        &self,
        key: &CacheKey,
        value: Arc<str>,
        ttl: Span,
        as_of: Generation,
    ) -> Result<(), CacheError> {
        self.keep(key, value, ttl, as_of.here);
        Ok(())
    }

    async fn forget(&self, tag: &str) -> Result<(), CacheError> {
        self.drop_tag(tag);
        Ok(())
    }

    fn tiers(&self) -> Vec<TierStatus> {
        vec![self.status()]
    }
}
