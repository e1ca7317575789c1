//! The API from outside: requests over a socket, nothing else.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "../common/books.rs"]
mod books;
#[path = "../common/mod.rs"]
mod common;

mod access;
mod blindness;
mod first_routes;
mod halts;
mod lesser_nodes;
mod lookup;
mod operating;
mod protocol;
mod refunds;
mod refusals;
mod shared_cache;
mod v1_orders;

/// Where these tests keep their books.
const ON_POSTGRES: bool = false;
