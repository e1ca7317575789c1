//! What a fork does to an order: every depth that the network allows, 1 to 18, and every state that an order can be in
//! with its payment or its effects inside the fork; the payment is in the other branch at once, later, never, or
//! the chain turns back. On the real actors, the real store and the simulated chain, whose true state is the judge.
//!
//! The rules that it must follow are in [`rows`]; what was found is docs/reference/fork-table.md, which
//! `LEYDEN_WRITE_TABLES=1` writes anew.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should say so at once"
)]

#[path = "../common/books.rs"]
mod books;
mod deeper;
mod gates;
mod judge;
mod play;
mod rows;
mod stage;
mod table;
#[expect(dead_code, reason = "this test uses a part of it")]
#[path = "../rental/world.rs"]
mod world;

/// Where these tests keep their books.
const ON_POSTGRES: bool = false;
