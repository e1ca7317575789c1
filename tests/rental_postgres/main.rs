//! The same rentals as on SQLite, on PostgreSQL; and what only several instances on one database can show.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should say so at once"
)]

#[path = "../common/books.rs"]
mod books;
#[path = "../rental/forks.rs"]
mod forks;
#[path = "../rental/halts.rs"]
mod halts;
#[path = "../rental/halves.rs"]
mod halves;
#[path = "../rental/killed.rs"]
mod killed;
#[path = "../rental/open.rs"]
mod open;
#[path = "../rental/ordinary.rs"]
mod ordinary;
#[path = "../rental/reconcile.rs"]
mod reconcile;
#[path = "../rental/refund_faults.rs"]
mod refund_faults;
#[path = "../rental/refund_people.rs"]
mod refund_people;
#[path = "../rental/refunds.rs"]
mod refunds;
#[path = "../rental/refusals.rs"]
mod refusals;
#[path = "../rental/repairs.rs"]
mod repairs;
mod turns;
#[path = "../rental/world.rs"]
mod world;
#[path = "../rental/wrong_payments.rs"]
mod wrong_payments;

/// Where these tests keep their books.
const ON_POSTGRES: bool = true;
