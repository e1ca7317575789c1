//! The command line of the repository's own checks.

use std::{cmp::Reverse, env, fs, io, path::Path, process::ExitCode, time::Duration};
use xtask::{
    test::{Outcome, Runner, from_messages},
    tidy,
};

const USAGE: &str = "usage: cargo run -p xtask -- tidy [FOLDER] | test MESSAGES [PROGRAM…]";

/// The most that one test program may take.
const TEST_LIMIT: Duration = Duration::from_mins(20);

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => tidy(&root),
        ["tidy", folder] => tidy(Path::new(folder)),
        ["test", messages, names @ ..] => test(&root, Path::new(messages), names),
        _ => usage(),
    }
}

#[expect(clippy::print_stderr, reason = "a command for people and CI logs")]
fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command for people and CI logs")]
fn tidy(folder: &Path) -> ExitCode {
    match tidy::check(folder) {
        Ok(report) if report.findings.is_empty() => {
            println!("tidy: {} files, {} rules, nothing found", report.files, tidy::RULES.len());
            ExitCode::SUCCESS
        }
        Ok(report) => {
            for finding in &report.findings {
                eprintln!("{finding}");
            }
            eprintln!("tidy: {} found in {} files", report.findings.len(), report.files);
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("tidy: {error}");
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command for people and CI logs")]
fn test(root: &Path, messages: &Path, names: &[&str]) -> ExitCode {
    let outcomes = match run(root, messages, names) {
        Ok(outcomes) => outcomes,
        Err(error) => {
            eprintln!("test: {error}");
            return ExitCode::from(2);
        }
    };
    println!("\ntest programs that took longest");
    for one in outcomes.iter().take(20) {
        println!("  {:<24} {:>5} s", one.name, one.took.as_secs());
    }
    let failed: Vec<_> = outcomes.iter().filter(|one| !one.passed).map(|one| one.name.as_str()).collect();
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("\ntest: failed: {}", failed.join(", "));
    ExitCode::FAILURE
}

/// What became of each program that this file of cargo's messages names, the longest first.
fn run(root: &Path, messages: &Path, names: &[&str]) -> io::Result<Vec<Outcome>> {
    let mut programs = from_messages(&fs::read_to_string(messages)?);
    if !names.is_empty() {
        programs.retain(|program| names.contains(&program.name.as_str()));
    }
    if programs.is_empty() {
        return Err(io::Error::other("there is no such test program"));
    }
    let scratch = messages.with_extension("d");
    fs::create_dir_all(&scratch)?;
    let mut outcomes = Runner { root: fs::canonicalize(root)?, scratch, limit: TEST_LIMIT }.run(programs)?;
    outcomes.sort_by_key(|one| Reverse(one.took));
    Ok(outcomes)
}
