//! A rental on the real actors, the real store and the simulated chain, without HTTP: the ordinary ways through,
//! every wrong payment, forks of every depth, and actors killed after each of their steps.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should say so at once"
)]

#[path = "../common/books.rs"]
mod books;
mod forks;
mod halts;
mod halves;
mod killed;
mod open;
mod ordinary;
mod reconcile;
mod refund_faults;
mod refund_people;
mod refunds;
mod refusals;
mod repairs;
mod world;
mod wrong_payments;

/// Where these tests keep their books.
const ON_POSTGRES: bool = false;
