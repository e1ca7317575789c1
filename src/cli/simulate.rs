//! `leyden simulate`: one seed or many, and what was found.

use super::{Failure, args::SimulateArgs, aside, line};
use crate::simulate::{Failed, PROFILES, Profile, Simulator, run_many};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// Exit code where something was found.
const FOUND: u8 = 1;
/// Failing seeds after which a long run ends.
const ENOUGH: usize = 100;
/// Failing seeds of which a long run shows how it came to it.
const TRACED: usize = 5;
/// Lines of a failing seed's trace that are shown.
const SHOWN: usize = 60;

pub(super) fn run(arguments: &SimulateArgs) -> Result<u8, Failure> {
    #[cfg(feature = "planted-faults")]
    {
        if arguments.mutants {
            return mutants(arguments);
        }
        leyden_domain::planted::plant(arguments.fault);
    }
    match arguments.seeds {
        Some(seeds) => many(arguments, seeds),
        None => one(arguments),
    }
}

fn one(arguments: &SimulateArgs) -> Result<u8, Failure> {
    let profile = arguments.profile.unwrap_or(&PROFILES[0]);
    let simulator = Simulator::new().map_err(Failure::new)?;
    let outcome = simulator.run(arguments.seed, profile, arguments.hours, arguments.trace.is_some());
    if let Some(path) = &arguments.trace {
        fs::write(path, outcome.lines.join("\n") + "\n")
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    }
    line(format_args!("seed {} of {}: {:?}", arguments.seed, profile.name, outcome.tally))?;
    line(format_args!("trace {}", outcome.hash))?;
    if outcome.broken.is_empty() {
        return Ok(0);
    }
    show(arguments.seed, profile, &outcome)?;
    Ok(FOUND)
}

/// What was found, how to see it again, and how it came to it.
fn show(seed: u64, profile: &Profile, outcome: &crate::simulate::Outcome) -> Result<(), Failure> {
    let skipped = outcome.lines.len().saturating_sub(SHOWN);
    for text in outcome.lines.iter().skip(skipped) {
        line(format_args!("  {text}"))?;
    }
    for broken in &outcome.broken {
        line(format_args!("{}: {}", broken.check, broken.detail))?;
    }
    line(format_args!("leyden simulate --seed {seed} --profile {}", profile.name))
}

#[expect(clippy::disallowed_methods, reason = "how long the simulator itself takes")]
fn many(arguments: &SimulateArgs, seeds: super::args::Seeds) -> Result<u8, Failure> {
    let began = Instant::now();
    let jobs = arguments.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let profile_of = |seed: u64| match arguments.profile {
        Some(profile) => profile,
        None => &PROFILES[usize::try_from(seed).unwrap_or(0) % PROFILES.len()],
    };
    // Whoever does not listen misses nothing: all of it is said again at the end.
    let told = |done: u64, failed: Option<&Failed>| {
        if let Some((seed, profile, outcome)) = failed {
            let broken = outcome.broken.first().map_or("", |broken| broken.check.as_str());
            drop(aside(format_args!("{broken}: leyden simulate --seed {seed} --profile {}", profile.name)));
        }
        if done.is_multiple_of(1_000) {
            drop(aside(format_args!("{done} seeds after {} s", began.elapsed().as_secs())));
        }
    };
    let report = run_many((seeds.from, seeds.to), profile_of, jobs, ENOUGH, told).map_err(Failure::new)?;
    for (seed, profile, outcome) in report.failures.iter().take(TRACED) {
        show(*seed, profile, outcome)?;
    }
    let took = began.elapsed().max(Duration::from_millis(1));
    line(format_args!(
        "{} seeds, {} with something wrong; {} simulated hours in {} s on {jobs} threads; {:?}",
        report.seeds,
        report.failures.len(),
        report.simulated_ms / 3_600_000,
        took.as_secs(),
        report.tally,
    ))?;
    Ok(if report.failures.is_empty() { 0 } else { FOUND })
}

/// Most worlds that a planted fault may stay hidden in.
#[cfg(feature = "planted-faults")]
const MOST_HIDDEN: u64 = 20_000;

/// Plants each fault and runs worlds of all kinds until one finds it.
#[cfg(feature = "planted-faults")]
fn mutants(arguments: &SimulateArgs) -> Result<u8, Failure> {
    use leyden_domain::planted::{Fault, plant};
    let jobs = arguments.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let (from, most) = arguments.seeds.map_or((1, MOST_HIDDEN), |seeds| (seeds.from, seeds.to - seeds.from));
    let profile_of = |seed: u64| &PROFILES[usize::try_from(seed).unwrap_or(0) % PROFILES.len()];
    let mut hidden = 0;
    line(format_args!("| fault | what it does | found by | which check | worlds |"))?;
    line(format_args!("|---|---|---|---|---|"))?;
    for fault in Fault::ALL.iter().filter(|fault| arguments.fault.is_none_or(|one| one == **fault)) {
        plant(Some(*fault));
        let report = run_many((from, from + most), profile_of, jobs, 1, |_, _| {}).map_err(Failure::new)?;
        let found = report.failures.first().map_or_else(
            || "nobody | – | –".to_owned(),
            |(seed, profile, outcome)| {
                let check = outcome.broken.first().map_or("", |broken| broken.check.as_str());
                format!("`--seed {seed} --profile {}` | {check} | {}", profile.name, seed + 1 - from)
            },
        );
        hidden += u32::from(report.failures.is_empty());
        line(format_args!("| {} | {} | {found} |", fault.name(), fault.about()))?;
    }
    plant(None);
    Ok(if hidden == 0 { 0 } else { FOUND })
}
