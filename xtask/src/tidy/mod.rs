//! The house rules that a machine can check. Each rule is a function over the files of the repository; a rule that
//! does not apply (no such folder, say) finds nothing.

mod clippy_bans;
mod layering;
mod links;
mod migrations;
mod openings;
mod order_state;
mod routes;
mod sizes;
mod tree;
mod words;

pub use tree::{File, Tree};

use std::{fmt, io, path::Path};

/// Something that a rule forbids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Which file, from the root of the repository.
    pub path: String,
    /// Which line, where there is one to point at.
    pub line: Option<usize>,
    /// Which rule.
    pub rule: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: [{}] {}", self.path, self.rule, self.message),
            None => write!(f, "{}: [{}] {}", self.path, self.rule, self.message),
        }
    }
}

/// What a run found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many files were read.
    pub files: usize,
    /// What was found, in the order of the files.
    pub findings: Vec<Finding>,
}

/// One rule.
pub type Rule = fn(&Tree) -> Vec<Found>;

/// What a rule says of a file: path, line, message.
pub type Found = (String, Option<usize>, String);

/// All rules by name.
pub const RULES: &[(&str, Rule)] = &[
    ("layering", layering::check),
    ("sizes", sizes::check),
    ("clippy-bans", clippy_bans::check),
    ("order-state", order_state::check),
    ("migrations", migrations::check),
    ("words", words::check),
    ("openings", openings::check),
    ("links", links::check),
    ("routes", routes::check),
];

/// Runs every rule over the repository at `root`.
pub fn check(root: &Path) -> io::Result<Report> {
    let tree = Tree::read(root)?;
    let mut findings: Vec<Finding> = RULES
        .iter()
        .flat_map(|(rule, run)| {
            run(&tree).into_iter().map(|(path, line, message)| Finding { path, line, rule, message })
        })
        .collect();
    findings.sort();
    Ok(Report { files: tree.files().len(), findings })
}
