//! A TRON chain that is built in: the same rules as the network, but deterministic, without a virtual machine, and
//! at any speed. Tests and demonstrations run against it, in process or over java-tron's HTTP API; forks, failures
//! and lies of a node can be had on demand.
//!
//! What it does not simulate (votes, TRC-10, deploying contracts) it refuses. Rules are cited as the
//! names of java-tron's source files.

pub mod abi;
pub mod account;
mod adapter;
pub mod block;
pub mod build;
pub mod chain;
pub mod config;
mod delegation;
pub mod dev;
pub mod error;
mod exec;
pub mod faults;
mod fees;
pub mod fork;
#[cfg(feature = "http")]
pub mod http;
mod journal;
pub mod keys;
mod lens;
mod mempool;
pub mod node;
pub mod permission;
pub mod producer;
pub mod read;
pub mod resource;
mod stake;
mod table;
mod token;
mod transfer;
pub mod tx;
pub mod validate;
pub mod view;
pub mod world;

pub use chain::Chain;
pub use config::{ChainConfig, GenesisAccount};
pub use dev::DevAction;
pub use error::SimError;
pub use exec::Refusal;
pub use faults::{BroadcastFault, Faults, Lie, ReadFault, WireFault};
pub use fork::{ForkPlan, ForkReport, Keep};
pub use node::{Offer, OfferError, SimNode};
pub use producer::{BlockTime, run_producer};
pub use world::View;
