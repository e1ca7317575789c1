//! A look at a Redis from outside, for `leyden doctor`.

use super::link::{RedisOptions, said};
use leyden_ports::CacheError;
use redis::{AsyncConnectionConfig, Client, RedisError};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, timeout};

/// Longest wait, for each step.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a Redis is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisFacts {
    /// Its version; empty where it does not say.
    pub version: String,
    /// The memory it may use, in bytes; 0 means all there is. `None` where it does not say.
    pub max_memory: Option<u64>,
    /// What it does when that is full, such as `allkeys-lru`; empty where it does not say.
    pub policy: String,
    /// Whether it writes what it holds to a disk. `None` where it does not say.
    pub persists: Option<bool>,
    /// How long it took to write a key and read it.
    pub took: Duration,
}

impl RedisOptions {
    /// Connects, writes a key that ends at once, reads it, and asks what is there.
    pub async fn inspect(&self) -> Result<RedisFacts, CacheError> {
        let client = Client::open(self.place().clone()).map_err(|error| CacheError(said(&error)))?;
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let mut connection = bounded(client.get_multiplexed_async_connection_with_config(&config)).await?;
        let key = self.named("@probe");
        let mut pipe = redis::pipe();
        pipe.cmd("SET").arg(&key).arg("leyden").arg("EX").arg(1).ignore().cmd("MGET").arg(&key);
        let since = Instant::now();
        let (read,): (Vec<Option<String>>,) = bounded(pipe.query_async(&mut connection)).await?;
        let took = since.elapsed();
        if !matches!(read.as_slice(), [Some(text)] if text == "leyden") {
            return Err(CacheError("what was written was not read".to_owned()));
        }
        // A role need not be allowed to ask this.
        let info: String = bounded(redis::cmd("INFO").query_async(&mut connection)).await.unwrap_or_default();
        let fact = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_default().trim().to_owned()
        };
        let saves: BTreeMap<String, String> =
            bounded(redis::cmd("CONFIG").arg("GET").arg("save").query_async(&mut connection))
                .await
                .unwrap_or_default();
        let snapshots = saves.get("save").map(|when| !when.is_empty());
        let persists = match (fact("aof_enabled").as_str(), snapshots) {
            ("1", _) | (_, Some(true)) => Some(true),
            ("0", Some(false)) => Some(false),
            _ => None,
        };
        Ok(RedisFacts {
            persists,
            version: fact("redis_version"),
            max_memory: fact("maxmemory").parse().ok(),
            policy: fact("maxmemory_policy"),
            took,
        })
    }
}

async fn bounded<T>(work: impl Future<Output = Result<T, RedisError>>) -> Result<T, CacheError> {
    match timeout(PATIENCE, work).await {
        Ok(result) => result.map_err(|error| CacheError(said(&error))),
        Err(_) => Err(CacheError(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}
