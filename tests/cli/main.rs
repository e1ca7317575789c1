//! The built binary: what it prints, how it exits, and the whole service as separate processes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod blocked;
mod blocks;
mod chain;
mod commands;
mod doctor;
mod online;
#[expect(dead_code, reason = "this test uses a part of it")]
#[path = "../common/process.rs"]
mod process;
mod processes;
mod silence;
mod two_ports;
mod verify;

pub(crate) use process::{Done, Running, finish, leyden, run};
