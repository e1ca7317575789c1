//! Nodes over HTTP: java-tron itself or a gateway in front of it. Reads are repeated when they fail; writes are
//! not, because whoever writes must decide that. Answers are bounded, parsed into typed shapes and checked.

mod answer;
mod calls;
mod client;
mod http;
mod limiter;
pub mod pool;
mod reader;
mod retry;
mod settings;
mod traffic;
mod writer;

pub use calls::{CallOutcome, CallsShown, NodeState};
pub use client::NodeClient;
pub use http::{HttpError, Wire, WireAnswer, http_client};
pub use pool::{NodePool, PoolSettings};
pub use settings::NodeSettings;
