//! The same API as on SQLite, on PostgreSQL and Redis, by an instance that takes turns.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "../api/access.rs"]
mod access;
mod away;
#[path = "../api/blindness.rs"]
mod blindness;
#[path = "../common/books.rs"]
mod books;
#[path = "../common/mod.rs"]
mod common;
#[path = "../api/first_routes.rs"]
mod first_routes;
#[path = "../api/halts.rs"]
mod halts;
#[path = "../api/lesser_nodes.rs"]
mod lesser_nodes;
#[path = "../api/lookup.rs"]
mod lookup;
#[path = "../api/operating.rs"]
mod operating;
#[path = "../api/protocol.rs"]
mod protocol;
#[path = "../api/refunds.rs"]
mod refunds;
#[path = "../api/refusals.rs"]
mod refusals;
#[path = "../api/shared_cache.rs"]
mod shared_cache;
#[path = "../api/v1_orders.rs"]
mod v1_orders;

/// Where these tests keep their books.
const ON_POSTGRES: bool = true;
