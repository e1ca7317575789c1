//! The command line of the repository's own checks.

use std::{env, path::PathBuf, process::ExitCode};
use xtask::tidy;

const USAGE: &str = "usage: cargo run -p xtask -- tidy [FOLDER]";

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command for people and CI logs")]
fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let folder = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".."),
        ["tidy", folder] => PathBuf::from(folder),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match tidy::check(&folder) {
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
