//! The cache: answers that may be given again for a while. It holds nothing that cannot be rebuilt from the books
//! or the chain; losing it at any moment loses time and nothing else.
//!
//! Whoever looks for something gets it, or the moment at which it was not there. What is then read at its source is
//! put as of that moment, so that what was read before its tag was forgotten is never kept after, whichever instance
//! of the service forgot it.

use async_trait::async_trait;
use leyden_domain::Span;
use std::{borrow::Cow, fmt, sync::Arc};

/// The cache could not be asked. The caller goes on without it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cache unavailable: {0}")]
pub struct CacheError(pub String);

/// What something is kept under: `tag:name`. All of a tag is forgotten at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheKey {
    tag: Cow<'static, str>,
    name: String,
    changes: bool,
}

impl CacheKey {
    /// Of something that anybody may replace at its source at any moment, and whose tag is then forgotten.
    pub fn document(tag: impl Into<Cow<'static, str>>, name: impl Into<String>) -> Self {
        Self { tag: tag.into(), name: name.into(), changes: true }
    }

    /// Of something that grows old by itself and that nobody replaces.
    pub fn fact(tag: impl Into<Cow<'static, str>>, name: impl Into<String>) -> Self {
        Self { tag: tag.into(), name: name.into(), changes: false }
    }

    /// What it is forgotten with.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Whether somebody may replace it at its source.
    pub const fn changes(&self) -> bool {
        self.changes
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.tag, self.name)
    }
}

/// How a tag stood when something under it was looked for: as this process counts, and as all instances of the
/// service count together, where they could be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation {
    /// In this process.
    pub here: u64,
    /// Among all instances; `None` where nobody knows.
    pub shared: Option<u128>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// It was put, has not ended and has not been forgotten.
    Found(Arc<str>),
    /// It is not there. What is read at its source from now on can be put as of this generation.
    Missing(Generation),
}

impl Look {
    /// What was found.
    pub fn found(self) -> Option<Arc<str>> {
        match self {
            Self::Found(value) => Some(value),
            Self::Missing(_) => None,
        }
    }
}

/// How a tier of the cache is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierStatus {
    /// `memory` or `redis`.
    pub name: &'static str,
    /// Whether it is asked at all.
    pub available: bool,
    /// How often it had what was looked for.
    pub hits: u64,
    /// How often it had not.
    pub misses: u64,
    /// How often it should have been asked and did not answer.
    pub failures: u64,
    /// How often it was left out because it had failed.
    pub skipped: u64,
    /// What went wrong last, as long as it is not available. Names no secret.
    pub problem: Option<String>,
}

/// Keeps texts under keys for a while.
#[async_trait]
pub trait Cache: Send + Sync + fmt::Debug + 'static {
    /// Looks for what is kept under a key.
    async fn look(&self, key: &CacheKey) -> Result<Look, CacheError>;

    /// Keeps a text under a key until `ttl` is over or its tag is forgotten. It is not kept where the tag has been
    /// forgotten since that generation: what was read then may be what was to be forgotten. Nothing stays under the
    /// key where `ttl` is not above zero.
    async fn put(
        &self,
        key: &CacheKey,
        value: Arc<str>,
        ttl: Span,
        as_of: Generation,
    ) -> Result<(), CacheError>;

    /// Forgets everything that was put with this tag. An error means that other instances could not be told yet;
    /// here it is forgotten all the same.
    async fn forget(&self, tag: &str) -> Result<(), CacheError>;

    /// How each tier is, the nearest first. Waits for nothing.
    fn tiers(&self) -> Vec<TierStatus>;
}
