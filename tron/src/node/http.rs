//! The HTTP client: bundled roots, one TLS provider, bounded answers, no redirects.

use super::{NodeSettings, answer};
use leyden_ports::ChainError;
use reqwest::{
    Client, Response, StatusCode,
    header::{HeaderMap, HeaderValue, RETRY_AFTER},
    redirect,
};
use secrecy::ExposeSecret;
use serde::Serialize;
use std::{sync::Arc, time::Duration};

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

/// Sends requests to one node.
#[derive(Debug)]
pub(super) struct Transport {
    client: Client,
    base_url: String,
    headers: HeaderMap,
    max_body: usize,
}

impl Transport {
    pub(super) fn new(settings: &NodeSettings) -> Result<Self, HttpError> {
        let base_url = settings.base_url.trim_end_matches('/').to_owned();
        let url = reqwest::Url::parse(&base_url).or(Err(HttpError::Address(base_url.clone())))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(HttpError::Address(base_url));
        }
        let mut headers = HeaderMap::new();
        if let Some(key) = &settings.api_key {
            let mut value = HeaderValue::from_str(key.expose_secret()).or(Err(HttpError::ApiKey))?;
            value.set_sensitive(true);
            headers.insert("TRON-PRO-API-KEY", value);
        }
        let client = http_client(
            Duration::from_millis(settings.connect_timeout_ms),
            Duration::from_millis(settings.timeout_ms),
        )?;
        Ok(Self { client, base_url, headers, max_body: settings.max_body_bytes })
    }

    /// Posts a request once and returns the body of an answer that is one.
    pub(super) async fn post<B: Serialize + Sync>(
        &self,
        path: &str,
        request: &B,
    ) -> Result<Vec<u8>, ChainError> {
        let response = self
            .client
            .post(format!("{}{path}", self.base_url))
            .headers(self.headers.clone())
            .json(request)
            .send()
            .await
            .map_err(|error| unavailable(path, &error.without_url()))?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let body = self.body(path, response).await?;
        match answer::refusal(status.as_u16(), retry_after, &body) {
            None => Ok(body),
            Some(error) => Err(error),
        }
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
