//! How often one may ask: by key where there is one, else by network address. The limits are in this process; that
//! they are lost with it is what makes them hold when everything else is down.

use super::{code::Code, error::ApiError};
use actix_web::http::header::{HeaderName, HeaderValue};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};
use leyden_domain::ApiKeyId;
use std::{
    fmt,
    hash::Hash,
    iter,
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// After so many questions the table is rid of those who have long been quiet.
const SWEEP_EVERY: u32 = 4096;

/// One table of limits.
struct Table<K: Hash + Eq + Clone> {
    /// What the headers say of the limit itself.
    policy: HeaderValue,
    name: &'static str,
    per_minute: NonZeroU32,
    limiter: RateLimiter<K, DashMapStateStore<K>, DefaultClock, StateInformationMiddleware>,
    asked: AtomicU32,
}

/// What a limit says of one request, for its headers.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    policy: HeaderValue,
    name: &'static str,
    per_minute: u32,
    remaining: u32,
}

impl<K: Hash + Eq + Clone> Table<K> {
    fn new(name: &'static str, per_minute: u32) -> Option<Self> {
        let per_minute = NonZeroU32::new(per_minute)?;
        let limiter = RateLimiter::dashmap_with_clock(Quota::per_minute(per_minute), DefaultClock::default())
            .with_middleware::<StateInformationMiddleware>();
        let policy = HeaderValue::from_str(&format!("\"{name}\";q={per_minute};w=60")).ok()?;
        Some(Self { policy, name, per_minute, limiter, asked: AtomicU32::new(0) })
    }

    fn ask(&self, key: &K) -> Result<Standing, ApiError> {
        if self.asked.fetch_add(1, Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.limiter.retain_recent();
        }
        match self.limiter.check_key(key) {
            Ok(snapshot) => Ok(self.standing(snapshot.remaining_burst_capacity())),
            Err(not_until) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                let seconds = u32::try_from(wait.as_secs()).unwrap_or(60).saturating_add(1);
                let detail = format!("more than {} requests a minute; wait {seconds} s", self.per_minute);
                let mut refusal = ApiError::new(Code::RateLimited, detail).retry_after(seconds);
                refusal.limit = Some(Box::new(self.standing(0)));
                Err(refusal)
            }
        }
    }

    fn standing(&self, remaining: u32) -> Standing {
        Standing {
            policy: self.policy.clone(),
            name: self.name,
            per_minute: self.per_minute.get(),
            remaining,
        }
    }
}

/// The limits of the service.
pub(crate) struct RateLimits {
    keys: Option<Table<ApiKeyId>>,
    addresses: Option<Table<IpAddr>>,
    look_ups: Option<Table<IpAddr>>,
    chain: Option<Table<ApiKeyId>>,
}

impl fmt::Debug for RateLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimits").finish_non_exhaustive()
    }
}

impl RateLimits {
    /// Requests per minute, and questions of one key that only a node can answer; 0 means no limit.
    pub(crate) fn new(per_key: u32, per_address: u32, questions: u32) -> Self {
        Self {
            keys: Table::new("key", per_key),
            addresses: Table::new("ip", per_address),
            look_ups: Table::new("ip", per_address),
            chain: Table::new("lookup", questions),
        }
    }

    /// Counts a key that must be looked up in the books. Counted apart from requests without a key: who shares an
    /// address with a noisy neighbour keeps its key's own limit.
    pub(crate) fn ask_look_up(&self, address: IpAddr) -> Result<(), ApiError> {
        self.look_ups.as_ref().map_or(Ok(()), |table| table.ask(&neighbourhood(address)).map(drop))
    }

    /// Counts a question that a node must be asked for: nodes are limited too, and one caller must not use up what
    /// reading the chain needs.
    pub(crate) fn ask_chain(&self, key: ApiKeyId) -> Result<(), ApiError> {
        self.chain.as_ref().map_or(Ok(()), |table| table.ask(&key).map(drop))
    }

    /// Counts a request with a good key.
    pub(crate) fn ask_key(&self, key: ApiKeyId) -> Result<Option<Standing>, ApiError> {
        self.keys.as_ref().map(|table| table.ask(&key)).transpose()
    }

    /// Counts a request without one.
    pub(crate) fn ask_address(&self, address: IpAddr) -> Result<Option<Standing>, ApiError> {
        self.addresses.as_ref().map(|table| table.ask(&neighbourhood(address))).transpose()
    }
}

/// Who one network address stands for: an IPv6 user has a whole /64 to choose from.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Standing {
    /// The headers that say so (draft-ietf-httpapi-ratelimit-headers).
    pub(crate) fn headers(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let used = self.per_minute.saturating_sub(self.remaining);
        let full_in = u64::from(used).saturating_mul(60).div_ceil(u64::from(self.per_minute.max(1)));
        let limit = format!("\"{}\";r={};t={full_in}", self.name, self.remaining);
        let limit = HeaderValue::from_str(&limit).ok().map(|limit| (LIMIT, limit));
        iter::once((POLICY, self.policy)).chain(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::{RateLimits, neighbourhood};

    #[test]
    fn the_limit_holds_and_says_how_long() {
        let limits = RateLimits::new(0, 3, 0);
        let ask = || limits.ask_address("203.0.113.7".parse().unwrap());
        assert!((0..3).all(|_| ask().is_ok()));
        let refusal = ask().unwrap_err();
        assert!(refusal.retry_after_s.is_some_and(|s| (1..=21).contains(&s)), "{refusal:?}");
        assert!(limits.ask_address("203.0.113.8".parse().unwrap()).is_ok(), "others are not limited by it");
    }

    #[test]
    fn an_ipv6_user_is_one_user() {
        let of = |text: &str| neighbourhood(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:203.0.113.7"), of("203.0.113.7"));
    }
}
