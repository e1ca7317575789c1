//! The service in simulated worlds: the same number makes the same world in two processes, what once found something is
//! tried for ever, and so are many others each time. `make simulate` runs as many as one likes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should say so at once")]

use leyden::simulate::{Outcome, PROFILES, Profile, Simulator, run_many};
use std::{fmt::Write as _, process::Command, thread};

/// Seeds that once found something: seed, profile, what it was.
const FOUND_BEFORE: &str = include_str!("seeds.txt");

/// Worlds that each run of the tests makes.
const SEEDS: u64 = 500;

/// What a failing world says.
fn told(seed: u64, profile: &Profile, outcome: &Outcome) -> String {
    let mut text = String::new();
    let skipped = outcome.lines.len().saturating_sub(40);
    for line in outcome.lines.iter().skip(skipped) {
        writeln!(text, "  {line}").unwrap();
    }
    for broken in &outcome.broken {
        writeln!(text, "{}: {}", broken.check, broken.detail).unwrap();
    }
    writeln!(text, "leyden simulate --seed {seed} --profile {}", profile.name).unwrap();
    text
}

#[test]
fn the_same_seed_is_the_same_world_in_two_processes() {
    for profile in ["storm", "crashes", "load"] {
        let traces = [(); 2].map(|()| {
            let output = Command::new(env!("CARGO_BIN_EXE_leyden"))
                .args(["simulate", "--seed", "7", "--profile", profile])
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            text.lines()
                .find(|line| line.starts_with("trace "))
                .unwrap_or_else(|| panic!("{text}"))
                .to_owned()
        });
        assert_eq!(traces[0], traces[1], "{profile}");
    }
}

#[test]
fn a_world_knows_nothing_of_those_before_it() {
    let one_after_the_other = Simulator::new().unwrap();
    for (seed, profile) in (1..).zip(PROFILES) {
        let after_others = one_after_the_other.run(seed, profile, None, false);
        let alone = Simulator::new().unwrap().run(seed, profile, None, false);
        assert_eq!(after_others.hash, alone.hash, "seed {seed}, {}", profile.name);
    }
}

#[test]
fn what_was_found_before_is_not_found_again() {
    let simulator = Simulator::new().unwrap();
    for line in FOUND_BEFORE.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let seed: u64 = words.next().unwrap().parse().unwrap();
        let profile: &'static Profile = words.next().unwrap().parse().unwrap();
        let outcome = simulator.run(seed, profile, None, false);
        assert!(outcome.broken.is_empty(), "{line}\n{}", told(seed, profile, &outcome));
    }
}

#[test]
fn many_worlds_have_nothing_wrong() {
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let profile_of = |seed: u64| &PROFILES[usize::try_from(seed).unwrap() % PROFILES.len()];
    let report = run_many((1, SEEDS + 1), profile_of, jobs, 3, |_, _| {}).unwrap();
    let failures: String =
        report.failures.iter().map(|(seed, profile, outcome)| told(*seed, profile, outcome)).collect();
    assert!(report.failures.is_empty(), "{failures}");
    assert_eq!(report.seeds, SEEDS);
    // Worlds in which nothing happens find nothing.
    let tally = report.tally;
    assert!(
        tally.completed > SEEDS && tally.forks > 100 && tally.cuts > 100 && tally.panics > 100,
        "{tally:?}"
    );
    assert!(tally.completed_by_rest > 5 && tally.sold_late > 5, "{tally:?}");
}
