//! What handlers work with: the ports, the way to the actors, the configuration.

use super::{auth::KeyCache, health::Pulse, lookup::Reports, pool::PoolPage, rate_limit::RateLimits};
use crate::{gauges::Census, settings::Settings};
use leyden_actors::Handles;
use leyden_ports::{Cache, ChainReader, Clock, Entropy, Store};
use leyden_store::Loader;
use metrics_exporter_prometheus::PrometheusHandle;
use std::{fmt, sync::Arc};
use tokio::sync::Mutex;

/// What the API is built from.
#[derive(Clone)]
pub struct Parts {
    /// The books.
    pub store: Arc<dyn Store>,
    /// Answers that may be given again.
    pub cache: Arc<dyn Cache>,
    /// The chain, for questions that only it can answer.
    pub chain: Arc<dyn ChainReader>,
    /// The way to the actors.
    pub handles: Handles,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The configuration.
    pub settings: Arc<Settings>,
    /// The process's metrics.
    pub metrics: PrometheusHandle,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// What handlers work with. One for all threads that answer requests.
pub struct AppState {
    parts: Parts,
    pub(crate) keys: KeyCache,
    /// Reads through the cache.
    pub(crate) loader: Loader,
    pub(crate) limits: RateLimits,
    /// What nodes said of single transactions a moment ago.
    pub(crate) reports: Reports,
    /// Changes of configurations go one by one, so that what is told of them last is what is in the books.
    pub(crate) configs: Mutex<()>,
    pub(crate) pulse: Pulse,
    pub(super) pool_page: PoolPage,
    pub(crate) census: Census,
}

impl AppState {
    /// From its parts.
    pub fn new(parts: Parts) -> Self {
        let http = &parts.settings.http;
        let limits =
            RateLimits::new(http.key_rate_per_minute, http.ip_rate_per_minute, http.lookup_rate_per_minute);
        let keys = KeyCache::new(parts.settings.cache.api_key_ttl.duration());
        let loader = Loader::new(Arc::clone(&parts.cache), Arc::clone(&parts.entropy));
        Self {
            parts,
            keys,
            loader,
            limits,
            reports: Reports::default(),
            configs: Mutex::new(()),
            pulse: Pulse::default(),
            pool_page: PoolPage::default(),
            census: Census::default(),
        }
    }
}

impl std::ops::Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl fmt::Debug for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppState").finish_non_exhaustive()
    }
}
