//! The kernel's promises, one by one, on paused time and one thread unless a test is about threads.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod chaos;
mod group;
mod mailbox;
mod restart;
mod shutdown;
mod stall;
mod support;
mod threads;
