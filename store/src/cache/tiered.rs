//! This process first, then Redis.
//!
//! A copy of a document lives here for a short while only, whatever its own time: usually other instances say at once
//! what they forgot, but nobody can promise to be heard. With Redis gone every instance has its own copies and reads
//! the source again when they end, so that the instances still agree soon.

use super::{
    memory::MemoryCache,
    redis::{Heard, RedisCache, There},
};
use crate::cache::RedisOptions;
use async_trait::async_trait;
use leyden_domain::Span;
use leyden_ports::{Cache, CacheError, CacheKey, Entropy, Generation, Look, TierStatus};
use std::{io, sync::Arc};

/// Both tiers.
#[derive(Debug)]
pub struct TieredCache {
    memory: MemoryCache,
    redis: RedisCache,
}

impl TieredCache {
    /// Puts a cache of this process before Redis, which is connected to in the background.
    pub fn start(memory: MemoryCache, options: RedisOptions, entropy: Arc<dyn Entropy>) -> io::Result<Self> {
        let copies = memory.clone();
        let redis = RedisCache::start(options, entropy, move |heard| match heard {
            Heard::Forgotten(tag) => copies.drop_tag(tag),
            Heard::Anything => copies.drop_all(),
        })?;
        Ok(Self { memory, redis })
    }
}

#[async_trait]
impl Cache for TieredCache {
    async fn look(&self, key: &CacheKey) -> Result<Look, CacheError> {
        let here = match self.memory.find(key) {
            Ok(value) => return Ok(Look::Found(value)),
            Err(generation) => generation,
        };
        let shared = match self.redis.find(key).await {
            Ok(There::Found(value, left)) => {
                // As of before it was read there: what is forgotten meanwhile is not kept.
                self.memory.keep(key, Arc::clone(&value), left, here);
                return Ok(Look::Found(value));
            }
            Ok(There::Missing(stamp)) => Some(stamp),
            Err(_) => None,
        };
        Ok(Look::Missing(Generation { here, shared }))
    }

    async fn put(
        &self,
        key: &CacheKey,
        value: Arc<str>,
        ttl: Span,
        as_of: Generation,
    ) -> Result<(), CacheError> {
        self.memory.keep(key, Arc::clone(&value), ttl, as_of.here);
        self.redis.put(key, value, ttl, as_of).await
    }

    async fn forget(&self, tag: &str) -> Result<(), CacheError> {
        self.memory.drop_tag(tag);
        self.redis.forget(tag).await
    }

    fn tiers(&self) -> Vec<TierStatus> {
        vec![self.memory.status(), self.redis.status()]
    }
}
