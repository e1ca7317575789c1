//! Runs all test programs of the workspace: two at a time, one that waits beside one that computes.
//!
//! `cargo test` runs one program after the other. Half of them wait most of their time: for servers that start, for time-outs
//! that are to pass, for programs that were killed. Run beside those that compute, they cost no time of their own.

mod lanes;
mod programs;
mod run;

pub use lanes::{Lanes, WAITING};
pub use programs::{Kind, Program, from_messages};
pub use run::{Outcome, Runner};
