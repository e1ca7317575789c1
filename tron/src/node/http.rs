//! The HTTP client: bundled roots, one TLS provider, bounded answers, no redirects.

use super::{NodeSettings, answer, limiter::Limiter, traffic::Traffic};
use async_trait::async_trait;
use leyden_domain::Span;
use leyden_ports::ChainError;
use reqwest::{
    Client, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER},
    redirect,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::Instant;

/// The paths that answer as of the solid block.
const SOLIDITY: &str = "/walletsolidity/";

/// Carries a request to a node and brings its answer back: HTTP, or a node in this process.
#[async_trait]
pub trait Wire: Send + Sync + fmt::Debug + 'static {
    /// Posts a body of JSON to a path such as `/wallet/getnowblock`. An error is one of the wire, as `Unavailable`.
    async fn post(&self, path: &str, body: Vec<u8>) -> Result<WireAnswer, ChainError>;
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireAnswer {
    /// The status of HTTP.
    pub status: u16,
    /// Seconds that it asks to wait.
    pub retry_after: Option<i64>,
    /// The body, unpacked.
    pub body: Vec<u8>,
}

/// The header that carries an API key.
const KEY_HEADER: &str = "TRON-PRO-API-KEY";

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The TLS library refuses its own defaults.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP library refuses.
    #[error("HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The address of a node is none.
    #[error("not an http or https address: {0}")]
    Address(String),
    /// The API key cannot be a header.
    #[error("API key holds characters that no header may hold")]
    ApiKey,
}

/// Makes an HTTP client. The roots are compiled in, so it works in an image without certificates, where the
/// library's own default fails even for plain HTTP. Redirects are not followed: they would carry the API key
/// to another host.
pub fn http_client(connect_timeout: Duration, timeout: Duration) -> Result<Client, HttpError> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(connect_timeout)
        .timeout(timeout)
        .redirect(redirect::Policy::none())
        .user_agent(concat!("leyden/", env!("CARGO_PKG_VERSION")))
        .build()?)
}

/// How requests get to a node.
#[derive(Debug)]
enum Carrier {
    Http(Client),
    Wire(Arc<dyn Wire>),
}

/// Sends requests to one node.
#[derive(Debug)]
pub(super) struct Transport {
    carrier: Carrier,
    base_url: String,
    solidity_url: Option<String>,
    keys: Vec<HeaderValue>,
    /// For how long at most what the node says about waiting holds for the next request too.
    longest_suspension: Duration,
    limiter: Limiter,
    pub(super) traffic: Traffic,
    max_body: usize,
}

impl Transport {
    pub(super) fn new(settings: &NodeSettings) -> Result<Self, HttpError> {
        let base_url = checked(&settings.base_url)?;
        let solidity_url = settings.solidity_url.as_deref().map(checked).transpose()?;
        let header = |key: &SecretString| {
            let mut value = HeaderValue::from_str(key.expose_secret()).or(Err(HttpError::ApiKey))?;
            value.set_sensitive(true);
            Ok::<_, HttpError>(value)
        };
        let keys = settings
            .api_key
            .iter()
            .chain(&settings.more_api_keys)
            .map(header)
            .collect::<Result<Vec<_>, _>>()?;
        let carrier = match &settings.wire {
            Some(wire) => Carrier::Wire(Arc::clone(wire)),
            None => Carrier::Http(http_client(
                Duration::from_millis(settings.connect_timeout_ms),
                Duration::from_millis(settings.timeout_ms),
            )?),
        };
        Ok(Self {
            carrier,
            base_url,
            solidity_url,
            longest_suspension: Duration::from_millis(settings.longest_suspension_ms),
            limiter: Limiter::new(keys.len(), settings.requests_per_second),
            keys,
            traffic: Traffic::new(settings.shown_name()),
            max_body: settings.max_body_bytes,
        })
    }

    /// Posts a request and returns the body of an answer that is one. Sent once, and once more with each other key
    /// where the first has used up what it may ask.
    pub(super) async fn post<B: Serialize + Sync>(
        &self,
        path: &str,
        request: &B,
    ) -> Result<Vec<u8>, ChainError> {
        let mut last = None;
        for _ in 0..self.keys.len().max(1) {
            let key = match self.limiter.admit(path) {
                Ok(key) => key,
                Err(wait) => {
                    let asked = Span::from_ms(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX).max(1));
                    return Err(last.unwrap_or(ChainError::RateLimited { retry_after: Some(asked) }));
                }
            };
            match self.post_with(key, path, request).await {
                Ok(body) => {
                    self.limiter.answered(key, path);
                    return Ok(body);
                }
                Err(error) => {
                    self.traffic.failed(path, &error);
                    if self.longest_suspension.is_zero() || !self.heed(key, path, &error) {
                        return Err(error);
                    }
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or(ChainError::RateLimited { retry_after: None }))
    }

    /// Remembers what an error says about a key. Whether another key may do better.
    fn heed(&self, key: usize, path: &str, error: &ChainError) -> bool {
        match error {
            ChainError::RateLimited { retry_after } => {
                let asked =
                    retry_after.map(|span| Duration::from_millis(u64::try_from(span.ms()).unwrap_or(0)));
                let asked = asked.map(|asked| asked.min(self.longest_suspension));
                self.limiter.refused(key, path, asked);
                true
            }
            ChainError::Refused(why) if !self.keys.is_empty() && answer::is_key_error(why) => {
                tracing::error!(node = self.traffic.name(), key, "the gateway does not take this API key");
                self.limiter.unknown(key);
                true
            }
            _ => false,
        }
    }

    async fn post_with<B: Serialize + Sync>(
        &self,
        key: usize,
        path: &str,
        request: &B,
    ) -> Result<Vec<u8>, ChainError> {
        self.traffic.asked(path);
        let began = Instant::now();
        let body = serde_json::to_vec(request).map_err(|error| ChainError::Malformed(error.to_string()))?;
        let WireAnswer { status, retry_after, body } = match &self.carrier {
            Carrier::Wire(wire) => wire.post(path, body).await?,
            Carrier::Http(client) => self.over_http(client, key, path, body).await?,
        };
        self.traffic.answered(began.elapsed());
        match answer::refusal(status, retry_after, &body) {
            None => Ok(body),
            Some(error) => Err(error),
        }
    }

    async fn over_http(
        &self,
        client: &Client,
        key: usize,
        path: &str,
        body: Vec<u8>,
    ) -> Result<WireAnswer, ChainError> {
        let base = self.solidity_url.as_deref().filter(|_| path.starts_with(SOLIDITY));
        let mut post = client
            .post(format!("{}{path}", base.unwrap_or(&self.base_url)))
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        if let Some(key) = self.keys.get(key) {
            post = post.header(KEY_HEADER, key.clone());
        }
        let response = post.send().await.map_err(|error| unavailable(path, &error.without_url()))?;
        let status = response.status().as_u16();
        let retry_after = retry_after(&response);
        let body = self.body(path, response).await?;
        Ok(WireAnswer { status, retry_after, body })
    }

    async fn body(&self, path: &str, mut response: Response) -> Result<Vec<u8>, ChainError> {
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| unavailable(path, &error.without_url()))?
        {
            if body.len().saturating_add(chunk.len()) > self.max_body {
                return Err(ChainError::Malformed(format!("{path}: more than {} bytes", self.max_body)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// The address of a node, without a slash at its end.
fn checked(url: &str) -> Result<String, HttpError> {
    let url = url.trim_end_matches('/');
    let parsed = reqwest::Url::parse(url).or(Err(HttpError::Address(url.to_owned())))?;
    if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
        return Err(HttpError::Address(url.to_owned()));
    }
    Ok(url.to_owned())
}

/// A failure of the transport. The address is left out: some gateways carry their key in it.
fn unavailable(path: &str, error: &reqwest::Error) -> ChainError {
    let what = match (error.is_timeout(), error.is_connect()) {
        (true, _) => "no answer in time",
        (_, true) => "no connection",
        _ => "connection broke",
    };
    ChainError::Unavailable(format!("{path}: {what}"))
}

/// Seconds that the answer asks to wait.
fn retry_after(response: &Response) -> Option<i64> {
    if response.status() == StatusCode::OK {
        return None;
    }
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}
