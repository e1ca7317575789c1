//! `leyden simulate`: the whole service in a world that is made of one number. The real actors and the real SQLite books
//! run on one thread in virtual time; the chain, its nodes, the clock, chance, the customers and everything that goes wrong
//! come from the seed. So what went wrong once goes wrong again, in the same place, for whoever names the seed.
//!
//! An oracle that calls none of the code that decides about orders, payments and refunds keeps its own account of what
//! customers did and of what the chain holds, and compares; the invariants of the books are checked beside it. How time and the database are kept from
//! making two runs differ is told in [decision 0018](../../docs/adr/0018-deterministic-simulation.md).

mod books;
mod calls;
mod cast;
mod clock;
mod desk;
mod dice;
mod fleet;
mod kit;
mod looks;
mod many;
mod network;
mod nodes;
mod oracle;
mod outcome;
mod profile;
mod trace;
mod world;

pub use many::{Failed, Report, run_many};
pub use outcome::{Broken, Outcome, Tally};
pub use profile::{PROFILES, Profile};

use kit::Kit;
use std::{
    panic::{set_hook, take_hook},
    sync::Once,
};

/// What a planted panic says.
const PLANTED: &str = "a planted panic";

/// Runs worlds, one after the other, on the thread that made it.
pub struct Simulator(Kit);

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Simulator")
    }
}

impl Simulator {
    /// Makes what its worlds share.
    ///
    /// # Errors
    ///
    /// In words: the books could not be made.
    pub fn new() -> Result<Self, String> {
        quiet_planted_panics();
        Kit::new().map(Self)
    }

    /// Runs one seed: as long as its customers take, or for so many hours. Keeps all lines of the trace, or the last.
    pub fn run(&self, seed: u64, profile: &Profile, hours: Option<f64>, all_lines: bool) -> Outcome {
        world::run(&self.0, seed, profile, hours, all_lines)
    }
}

/// Planted panics are no news; all others are.
fn quiet_planted_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info| {
            if info.payload_as_str() != Some(PLANTED) {
                previous(info);
            }
        }));
    });
}
