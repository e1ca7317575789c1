//! `leyden verify` on the books of a run, after each of its kills: what was committed follows from itself, every row is
//! what the journal says, every rule holds, and nothing that was there before is missing.

use serde_json::Value;
use std::process::Command;

/// The books of one run, looked at again and again.
#[derive(Debug)]
pub(crate) struct Books {
    arguments: Vec<String>,
    /// Entries of the journal when it was last looked at; none before the first instance has made the tables.
    entries: Option<u64>,
    /// How often they were looked at and right.
    pub(crate) times: u32,
}

impl Books {
    /// Those that these arguments of `leyden` name.
    pub(crate) fn of(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&text| text.to_owned()).collect();
        Self { arguments, entries: None, times: 0 }
    }

    /// Verifies them. Whatever is not right fails the test.
    pub(crate) fn verify(&mut self, what: &str) {
        let done = Command::new(env!("CARGO_BIN_EXE_leyden"))
            .env_clear()
            .args(["verify", "--json"])
            .args(&self.arguments)
            .output()
            .unwrap();
        let said = || {
            let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
            format!("{what}: {}: {out}{err}", done.status)
        };
        match (done.status.code(), self.entries) {
            (Some(0), _) => {}
            // It was killed before there were any.
            (Some(69), None) => return,
            _ => panic!("{}", said()),
        }
        let found: Value = serde_json::from_slice(&done.stdout).unwrap();
        // Those of the journal's whole chain, which only ever grows.
        let entries = found["entries"].as_u64().unwrap();
        assert!(self.entries <= Some(entries), "there were {:?} entries: {}", self.entries, said());
        self.entries = Some(entries);
        self.times += 1;
    }
}
