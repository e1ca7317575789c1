//! Caches. What they hold can be rebuilt from the books or the chain at any moment.
//!
//! The nearest tier is this process ([`MemoryCache`]); behind it may stand a Redis that all instances share
//! ([`RedisCache`]); [`TieredCache`] puts one before the other. [`Loader`] stands in front of whichever there is and
//! sees to it that what is missing is read at its source once, however many ask for it at the same time.

mod breaker;
mod envelope;
mod link;
mod loader;
mod memory;
mod probe;
mod redis;
mod tally;
mod tiered;

pub use link::{RedisOptions, RedisUrlError};
pub use loader::{Fresh, Loader};
pub use memory::MemoryCache;
pub use probe::RedisFacts;
pub use redis::{Heard, RedisCache};
pub use tiered::TieredCache;
