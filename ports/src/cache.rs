//! The cache: answers that may be given again for a while. It holds nothing that cannot be rebuilt from the books
//! or the chain; losing it at any moment loses time and nothing else.

use async_trait::async_trait;
use leyden_domain::Span;

/// The cache could not be asked. The caller goes on without it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cache unavailable: {0}")]
pub struct CacheError(pub String);

/// Keeps texts under keys for a while.
#[async_trait]
pub trait Cache: Send + Sync + std::fmt::Debug + 'static {
    /// What was put under a key and has neither ended nor been forgotten.
    async fn get(&self, key: &str) -> Result<Option<String>, CacheError>;

    /// Puts a text under a key, to be forgotten after `ttl` or with its tag.
    async fn put(&self, key: &str, value: String, ttl: Span, tag: &str) -> Result<(), CacheError>;

    /// How often a tag has been forgotten. To be asked for before what is to be put is read at its source, so that
    /// [`Cache::put_as_of`] can tell whether it has been forgotten since.
    async fn generation(&self, tag: &str) -> Result<u64, CacheError>;

    /// Puts a text that was read when its tag had this generation. It is not kept where the tag has been forgotten
    /// since: what was read then may be what was to be forgotten.
    async fn put_as_of(
        &self,
        key: &str,
        value: String,
        ttl: Span,
        tag: &str,
        generation: u64,
    ) -> Result<(), CacheError>;

    /// Forgets everything that was put with this tag.
    async fn forget(&self, tag: &str) -> Result<(), CacheError>;
}
