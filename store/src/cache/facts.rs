//! What a Redis says of itself, for `leyden doctor`: asked once, over a connection of its own.

use super::link::RedisOptions;
use redis::{Client, RedisError};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, timeout};

/// Longest wait for any of it.
const PATIENCE: Duration = Duration::from_secs(3);

/// How a Redis is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisFacts {
    /// Its version.
    pub version: String,
    /// How long a `PING` takes.
    pub round_trip: Duration,
    /// What goes when it is full; empty where it does not say.
    pub eviction: String,
    /// The most it may keep, in bytes; 0 is no limit.
    pub limit_bytes: u64,
    /// Whether it writes anything to a disk; `None` where we may not ask.
    pub persists: Option<bool>,
}

impl RedisOptions {
    /// Asks it. The error names no password.
    pub async fn facts(&self) -> Result<RedisFacts, String> {
        match timeout(PATIENCE, self.ask()).await {
            Ok(Ok(facts)) => Ok(facts),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn ask(&self) -> Result<RedisFacts, RedisError> {
        let client = Client::open(self.place().clone())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let asked = Instant::now();
        let _: String = redis::cmd("PING").query_async(&mut connection).await?;
        let round_trip = asked.elapsed();
        let info: String = redis::cmd("INFO").query_async(&mut connection).await?;
        let info: BTreeMap<&str, &str> =
            info.lines().filter_map(|line| line.trim().split_once(':')).collect();
        let of = |key: &str| info.get(key).copied().unwrap_or_default();
        // A managed Redis may refuse this.
        let saves: Option<BTreeMap<String, String>> =
            redis::cmd("CONFIG").arg("GET").arg("save").query_async(&mut connection).await.ok();
        let snapshots = saves.and_then(|saves| saves.get("save").map(|save| !save.is_empty()));
        let persists = match (of("aof_enabled"), snapshots) {
            ("1", _) | (_, Some(true)) => Some(true),
            ("0", Some(false)) => Some(false),
            _ => None,
        };
        Ok(RedisFacts {
            version: of("redis_version").to_owned(),
            round_trip,
            eviction: of("maxmemory_policy").to_owned(),
            limit_bytes: of("maxmemory").parse().unwrap_or_default(),
            persists,
        })
    }
}
