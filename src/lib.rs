//! leyden: sells the energy of staked TRX. This crate puts the parts together: configuration, command line, HTTP,
//! and the wiring that chooses which adapter stands behind each port. It decides nothing about orders or money;
//! that is `leyden_domain`'s.
#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test that cannot go on has failed"))]

mod claim;
pub mod cli;
mod demo;
mod doctor;
mod gauges;
pub mod http;
mod lifecycle;
pub mod settings;
pub mod simulate;
pub mod system_clock;
pub mod system_entropy;
pub mod telemetry;
mod verify;
pub mod wiring;

pub use settings::Settings;
pub use system_clock::SystemClock;
pub use system_entropy::SystemEntropy;
pub use wiring::{Application, StartError, World};
