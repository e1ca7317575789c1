//! The caches: one suite of promises that every one of them keeps, and what becomes of them when Redis is ill.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;
mod faults;
mod instances;
mod loader;
mod promises;
