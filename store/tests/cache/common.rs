//! Caches on a private Redis, and waiting for what they become.

use leyden_domain::Span;
use leyden_ports::{Cache, CacheKey, Entropy, Generation, Look, TierStatus};
use leyden_store::{MemoryCache, RedisCache, RedisOptions, TieredCache};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

pub(crate) const HOUR: Span = Span::from_hours(1);
pub(crate) const PREFIX: &str = "payment_monitoring:";
/// How long a test waits for something before it has failed. Waiting ends as soon as it is there.
const PATIENCE: Duration = Duration::from_mins(1);

/// Numbers that differ from each other and between processes and caches.
#[derive(Debug)]
pub(crate) struct Numbers(AtomicU64);

impl Numbers {
    pub(crate) fn new() -> Arc<Self> {
        static CACHES: AtomicU64 = AtomicU64::new(1);
        Arc::new(Self(AtomicU64::new(CACHES.fetch_add(1, Relaxed) << 32)))
    }
}

impl Entropy for Numbers {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self.0.fetch_add(1, Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
            chunk.iter_mut().zip(number).for_each(|(byte, from)| *byte = from);
        }
    }
}

/// How a Redis at this address is used. It is given time, so that a busy machine is not taken for an ill Redis.
pub(crate) fn options(address: SocketAddr) -> RedisOptions {
    RedisOptions::new(&format!("redis://{address}"), PREFIX, Duration::from_millis(500)).unwrap()
}

/// One instance's cache.
pub(crate) fn tiered(address: SocketAddr) -> Arc<TieredCache> {
    Arc::new(TieredCache::start(MemoryCache::new(1_000), options(address), Numbers::new()).unwrap())
}

/// A cache in Redis alone.
pub(crate) fn redis(address: SocketAddr) -> Arc<RedisCache> {
    Arc::new(RedisCache::start(options(address), Numbers::new(), |_| {}).unwrap())
}

/// How its Redis is.
pub(crate) fn tier(cache: &dyn Cache) -> TierStatus {
    cache.tiers().into_iter().find(|tier| tier.name == "redis").unwrap()
}

/// Waits until Redis is in use, or is not.
pub(crate) async fn until_redis(cache: &dyn Cache, there: bool) {
    until("Redis changes", async || tier(cache).available == there).await;
}

/// Waits for something.
pub(crate) async fn until(what: &str, there: impl AsyncFn() -> bool) {
    let wait = async {
        while !there().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{what}: never");
}

pub(crate) fn price() -> CacheKey {
    CacheKey::document("price", "energy_flash")
}

/// What is there.
pub(crate) async fn get(cache: &dyn Cache, key: &CacheKey) -> Option<String> {
    cache.look(key).await.ok().and_then(Look::found).map(|text| text.to_string())
}

/// The generation that something missing was missing in.
pub(crate) async fn missing(cache: &dyn Cache, key: &CacheKey) -> Generation {
    match cache.look(key).await.unwrap() {
        Look::Missing(generation) => generation,
        Look::Found(text) => panic!("{key} is {text}"),
    }
}

/// Puts something in place of whatever is there.
pub(crate) async fn set(cache: &dyn Cache, key: &CacheKey, text: &str) {
    let nothing = Generation { here: 0, shared: None };
    cache.put(key, "".into(), Span::ZERO, nothing).await.unwrap();
    let generation = missing(cache, key).await;
    cache.put(key, text.into(), HOUR, generation).await.unwrap();
}
