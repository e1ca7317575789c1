//! Caches. What they hold can be rebuilt from the books or the chain at any moment.

mod memory;

pub use memory::MemoryCache;
