//! Who is asking. A request that presents a key is let in only if the key is good, whatever it asks for; a handler
//! that needs a scope says so in its signature, so that none can forget to.

use super::{
    api_key::PresentedKey,
    code::Code,
    error::ApiError,
    scope::{Scope, Scopes},
    state::AppState,
};
use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::{Payload, ServiceRequest},
    http::header,
};
use leyden_domain::{ApiKeyId, order::Order};
use leyden_ports::store::ApiKeyRecord;
use moka::future::Cache;
use std::{
    future::{Ready, ready},
    marker::PhantomData,
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

/// Who is asking: the holder of a good key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    /// The key.
    pub(crate) key: ApiKeyId,
    /// What it may do.
    pub(crate) scopes: Scopes,
}

impl Caller {
    /// Whether the caller may see an order: its own, or any if it looks for the operator.
    pub(crate) fn may_see(&self, order: &Order) -> bool {
        order.owner == Some(self.key) || self.scopes.allow(Scope::OpsRead)
    }

    /// Whether the caller may act on an order.
    pub(crate) fn may_change(&self, order: &Order) -> bool {
        order.owner == Some(self.key) || self.scopes.allow(Scope::OpsWrite)
    }
}

/// How long a key is remembered for the case that the database goes away, at most: through a long night without it.
const REMEMBERED: Duration = Duration::from_hours(24);
/// How long one that is not presented. A key may have been taken back since it was last looked up; whoever watches over
/// us asks more often, before and while the database is away.
const UNUSED: Duration = Duration::from_mins(10);
/// Longest wait for the database of whoever watches over us.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keys that were looked up lately. A key that is taken back works on for at most the configured while.
#[derive(Debug, Clone)]
pub(crate) struct KeyCache {
    fresh: Cache<ApiKeyId, Arc<KnownKey>>,
    /// What was last known of them. Believed only of whoever watches over us, and only while the database does not answer:
    /// figures and the page that says why must be readable just then. A key that was taken back in the minutes between its
    /// last look-up and the database's end is let in too; one that was taken back earlier is not.
    remembered: Cache<ApiKeyId, Arc<KnownKey>>,
}

/// A key as the books have it, and what follows from that for every request that presents it.
#[derive(Debug)]
struct KnownKey {
    record: ApiKeyRecord,
    scopes: Scopes,
}

impl KeyCache {
    pub(crate) fn new(keep: Duration) -> Self {
        let cache = |keep| Cache::builder().max_capacity(10_000).time_to_live(keep);
        // A look-up is due whenever what is fresh has ended, so that long it is not due.
        let unused = keep.saturating_add(UNUSED);
        Self { fresh: cache(keep).build(), remembered: cache(REMEMBERED).time_to_idle(unused).build() }
    }

    async fn find(
        &self,
        id: ApiKeyId,
        state: &AppState,
        address: Option<IpAddr>,
    ) -> Result<Option<Arc<KnownKey>>, ApiError> {
        if let Some(known) = self.fresh.get(&id).await {
            return Ok(Some(known));
        }
        // Made-up keys must not reach the books as fast as somebody can make them up.
        if let Some(address) = address {
            state.limits.ask_look_up(address)?;
        }
        let Some(record) = state.store.api_key(id).await? else {
            self.remembered.invalidate(&id).await;
            return Ok(None);
        };
        let known = Arc::new(KnownKey { scopes: Scopes::from_names(&record.scopes), record });
        self.fresh.insert(id, Arc::clone(&known)).await;
        self.remembered.insert(id, Arc::clone(&known)).await;
        Ok(Some(known))
    }

    /// The same for whoever watches over us.
    async fn find_or_remember(
        &self,
        id: ApiKeyId,
        state: &AppState,
        address: Option<IpAddr>,
    ) -> Result<Option<Arc<KnownKey>>, ApiError> {
        let found = match tokio::time::timeout(PATIENCE, self.find(id, state, address)).await {
            Ok(found) => found,
            Err(_) => Err(ApiError::plain(Code::StoreUnavailable).retry_after(5)),
        };
        match found {
            Err(refusal) if refusal.code == Code::StoreUnavailable => match self.remembered.get(&id).await {
                Some(known) => Ok(Some(known)),
                None => Err(refusal),
            },
            found => found,
        }
    }
}

/// The key that a request presents, if it presents one.
pub(crate) fn presented(request: &ServiceRequest) -> Option<Result<PresentedKey, ApiError>> {
    let headers = request.headers();
    let text = match headers.get("X-API-Key") {
        Some(value) => value.to_str().ok(),
        None => headers.get(header::AUTHORIZATION)?.to_str().ok().and_then(|value| {
            let (scheme, rest) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
        }),
    };
    Some(text.and_then(PresentedKey::parse).ok_or_else(|| ApiError::plain(Code::InvalidApiKey)))
}

/// Checks a presented key. Unknown, wrong, expired and revoked are one answer: nothing is learnt by guessing.
///
/// For a page that `watches` over the service, what was last known of the key will do while the database does not answer.
pub(crate) async fn check(
    key: &PresentedKey,
    state: &AppState,
    address: Option<IpAddr>,
    watches: bool,
) -> Result<Caller, ApiError> {
    let refusal = || ApiError::plain(Code::InvalidApiKey);
    let known = if watches {
        state.keys.find_or_remember(key.id, state, address).await?
    } else {
        state.keys.find(key.id, state, address).await?
    };
    let known = known.ok_or_else(refusal)?;
    let record = &known.record;
    let now = state.clock.now();
    let over = record.revoked_at.is_some() || record.expires_at.is_some_and(|at| at <= now);
    if !key.fits(&record.secret_hash) || over {
        return Err(refusal());
    }
    Ok(Caller { key: record.id, scopes: known.scopes })
}

/// A scope that a handler can ask for in its signature.
pub(crate) trait Needs: 'static {
    const SCOPE: Scope;
}

macro_rules! needs {
    ($($name:ident),* $(,)?) => {
        $(
            #[derive(Debug)]
            pub(crate) struct $name;

            impl Needs for $name {
                const SCOPE: Scope = Scope::$name;
            }
        )*
    };
}

needs!(OrdersRead, OrdersWrite, DataRead, MonitorInternal, OpsRead, OpsWrite, Admin);

/// The caller, proven to have a scope. The first argument of every handler that is not public.
#[derive(Debug)]
pub(crate) struct Permit<N: Needs>(pub(crate) Caller, pub(crate) PhantomData<N>);

impl<N: Needs> FromRequest for Permit<N> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match request.extensions().get::<Caller>() {
            None => Err(ApiError::plain(Code::Unauthenticated)),
            Some(caller) if caller.scopes.allow(N::SCOPE) => Ok(Self(*caller, PhantomData)),
            Some(_) => {
                Err(ApiError::new(Code::ScopeMissing, format!("the API key lacks the scope {}", N::SCOPE)))
            }
        })
    }
}

/// The caller, where there is one.
#[derive(Debug)]
pub(crate) struct Visitor(pub(crate) Option<Caller>);

impl FromRequest for Visitor {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.extensions().get::<Caller>().copied())))
    }
}

/// Whether a key was presented that could not be checked, because the database does not answer. Only pages that tell
/// something to anybody are asked for like that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unchecked(pub(crate) bool);

impl FromRequest for Unchecked {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(request.extensions().get::<Self>().copied().unwrap_or(Self(false))))
    }
}
