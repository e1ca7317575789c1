//! The chain's rules, state and faults, in process.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;
mod conservation;
mod forks;
mod intake;
mod journal;
mod producer;
mod resources;
mod rules;
