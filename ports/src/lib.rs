//! The ways out of the core into the world, as traits. An adapter that implements one promises what its
//! documentation says, and nothing else may be assumed of it; everything the actors do to the outside goes
//! through here, so a test or a simulation can stand in for any of it.

pub mod cache;
pub mod chain;
pub mod clock;
pub mod entropy;
pub mod signer;
pub mod store;

pub use cache::{Cache, CacheError, CacheKey, Generation, Look, TierStatus};
pub use chain::{
    AccountInfo, ChainError, ChainReader, ChainWriter, Holdings, NodeStatus, PoolChainState, Sighting,
};
pub use clock::Clock;
pub use entropy::Entropy;
pub use signer::{SignError, Signer, Warrants};
pub use store::{Store, StoreError};
