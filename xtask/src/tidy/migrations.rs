//! Migrations are numbered without gaps, and where there are several databases each has the same ones.

use super::{Found, Tree};
use std::collections::BTreeSet;

const FOLDERS: [&str; 2] = ["migrations/sqlite/", "migrations/postgres/"];

/// Names are `NNNN_name.sql`, counted from 1, the same for every database that has any.
pub(super) fn check(tree: &Tree) -> Vec<Found> {
    let mut found = Vec::new();
    let mut sets: Vec<(&str, BTreeSet<String>)> = Vec::new();
    for folder in FOLDERS {
        let names: BTreeSet<String> = tree
            .files()
            .iter()
            .filter_map(|file| file.path.strip_prefix(folder))
            .map(str::to_owned)
            .collect();
        if names.is_empty() {
            continue;
        }
        for (name, expected) in names.iter().zip(1_u32..) {
            if number(name) != Some(expected) {
                let message = format!("must be named {expected:04}_what_it_does.sql");
                found.push((format!("{folder}{name}"), None, message));
            }
        }
        sets.push((folder, names));
    }
    for (folder, names) in &sets {
        for (other, theirs) in &sets {
            for name in names.difference(theirs) {
                found.push((format!("{folder}{name}"), None, format!("has no counterpart in {other}")));
            }
        }
    }
    found
}

fn number(name: &str) -> Option<u32> {
    let (number, rest) = name.split_once('_')?;
    let what = rest.strip_suffix(".sql")?;
    let plain =
        !what.is_empty() && what.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    (number.len() == 4 && plain).then(|| number.parse().ok()).flatten()
}
