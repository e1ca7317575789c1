//! Files stay small enough to hold one idea.

use super::{Found, Tree};

const SOURCE_LINES: usize = 600;
const TEST_LINES: usize = 800;

/// No Rust file is longer than its cap.
pub(super) fn check(tree: &Tree) -> Vec<Found> {
    tree.rust()
        .filter_map(|file| {
            let folders: Vec<_> = file.path.split('/').collect();
            let is_test = folders.contains(&"tests") || folders.contains(&"benches");
            let cap = if is_test { TEST_LINES } else { SOURCE_LINES };
            let lines = file.text().lines().count();
            (lines > cap).then(|| {
                (file.path.clone(), None, format!("{lines} lines, {cap} are allowed: split it by idea"))
            })
        })
        .collect()
}
