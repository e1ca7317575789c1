//! Every module says first what it is for.

use super::{Found, Tree};

/// Rust sources, and the roots of tests and benches, open with `//!`.
pub(super) fn check(tree: &Tree) -> Vec<Found> {
    tree.rust()
        .filter(|file| !file.text().starts_with("//!"))
        .map(|file| (file.path.clone(), Some(1), "must open with //! and say what it is for".to_owned()))
        .collect()
}
