//! Many seeds, on all processors: each thread has a simulator of its own and takes the next seed that nobody has.

use super::{Outcome, Profile, Simulator, Tally};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

/// A seed that found something.
pub type Failed = (u64, &'static Profile, Outcome);

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Report {
    /// How many were run.
    pub seeds: u64,
    /// Those that found something, in the order they were found.
    pub failures: Vec<Failed>,
    /// How much time passed in all worlds together, in milliseconds.
    pub simulated_ms: i64,
    /// What happened in them.
    pub tally: Tally,
}

/// Runs seeds `from..to`, each in the profile that `profile_of` gives it, on so many threads; stops early after
/// `most_failures`. `told` is called after each seed with the number of seeds done, and with what was found if something
/// was.
///
/// # Errors
///
/// In words: a simulator could not be made.
pub fn run_many(
    (from, to): (u64, u64),
    profile_of: impl Fn(u64) -> &'static Profile + Sync,
    jobs: usize,
    most_failures: usize,
    told: impl Fn(u64, Option<&Failed>) + Sync,
) -> Result<Report, String> {
    let next = AtomicU64::new(from);
    let enough = AtomicBool::new(false);
    let report = Mutex::new(Report::default());
    let work = || -> Result<(), String> {
        let simulator = Simulator::new()?;
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= to || enough.load(Ordering::Relaxed) {
                return Ok(());
            }
            let profile = profile_of(seed);
            let outcome = simulator.run(seed, profile, None, false);
            let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
            report.seeds += 1;
            report.simulated_ms += outcome.simulated_ms;
            report.tally.add(&outcome.tally);
            let failed = (!outcome.broken.is_empty()).then_some((seed, profile, outcome));
            told(report.seeds, failed.as_ref());
            report.failures.extend(failed);
            enough.fetch_or(report.failures.len() >= most_failures, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| Err("a worker panicked".to_owned())))
    })?;
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.failures.sort_by_key(|(seed, _, _)| *seed);
    Ok(report)
}
