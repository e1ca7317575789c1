//! Which program runs next, in which of the two lanes.

use super::programs::Program;
use std::collections::VecDeque;

/// Programs that wait most of their time, the longest first. Whatever is not among them computes.
pub const WAITING: &[&str] =
    &["chaos", "hardship", "cli", "alerts", "deploy", "api_postgres", "fault_matrix", "cache"];

/// Programs that compute for long, the longest first, so that none of them is left alone at the end.
const LONG: &[&str] =
    &["rental_postgres", "rental", "simulation", "honest_nodes", "fork_table", "conformance", "api"];

/// What is left to be run.
#[derive(Debug)]
pub struct Lanes {
    waiting: VecDeque<Program>,
    computing: VecDeque<Program>,
}

impl Lanes {
    /// Sorts programs into the lanes.
    pub fn new(programs: Vec<Program>) -> Self {
        let (mut waiting, mut computing): (Vec<_>, Vec<_>) =
            programs.into_iter().partition(|one| place(WAITING, one).is_some());
        waiting.sort_by_key(|one| place(WAITING, one));
        computing.sort_by_key(|one| place(LONG, one).unwrap_or(LONG.len()));
        Self { waiting: waiting.into(), computing: computing.into() }
    }

    /// The next program: one that waits, or one that computes, as is asked for, as long as there is one.
    pub fn next(&mut self, waiting: bool) -> Option<Program> {
        let (first, second) = if waiting {
            (&mut self.waiting, &mut self.computing)
        } else {
            (&mut self.computing, &mut self.waiting)
        };
        first.pop_front().or_else(|| second.pop_front())
    }
}

fn place(names: &[&str], program: &Program) -> Option<usize> {
    names.iter().position(|name| *name == program.name)
}

#[cfg(test)]
mod tests {
    use super::{super::Kind, *};

    fn program(name: &str) -> Program {
        Program {
            name: name.into(),
            kind: Kind::Integration,
            folder: "/".into(),
            source: "/".into(),
            executable: "/".into(),
        }
    }

    #[test]
    fn the_long_ones_come_first_and_an_empty_lane_takes_from_the_other() {
        let names = ["words", "cli", "rental", "chaos", "rental_postgres"];
        let mut lanes = Lanes::new(names.map(program).into());
        let mut next = |waiting| lanes.next(waiting).map(|one| one.name).unwrap_or_default();
        assert_eq!([next(true), next(false), next(true)], ["chaos", "rental_postgres", "cli"]);
        assert_eq!([next(true), next(false), next(true), next(false)], ["rental", "words", "", ""]);
    }
}
