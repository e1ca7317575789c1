//! All tests of this crate's `tests/` in one program. Not run by `cargo test`, which runs each on its own; it is there
//! for `make domain-mutants`, which builds them a thousand times and cannot wait for one per file to be linked.
#![expect(clippy::unwrap_used, clippy::duplicate_mod, reason = "tests; each has its own kit")]

#[path = "completing.rs"]
mod completing;
#[path = "due.rs"]
mod due;
#[path = "dying.rs"]
mod dying;
#[path = "edges.rs"]
mod edges;
#[path = "follow_props.rs"]
mod follow_props;
#[path = "halts.rs"]
mod halts;
#[path = "invariants.rs"]
mod invariants;
#[path = "invariants_edges.rs"]
mod invariants_edges;
#[path = "journal_folds.rs"]
mod journal_folds;
#[path = "journal_props.rs"]
mod journal_props;
#[path = "matching_props.rs"]
mod matching_props;
#[path = "operation_props.rs"]
mod operation_props;
#[path = "order_model.rs"]
mod order_model;
#[path = "order_table.rs"]
mod order_table;
#[path = "payment_search.rs"]
mod payment_search;
#[path = "pool_props.rs"]
mod pool_props;
#[path = "reconciling.rs"]
mod reconciling;
#[path = "refunds.rs"]
mod refunds;
#[path = "value_props.rs"]
mod value_props;
#[path = "wishes.rs"]
mod wishes;
#[path = "words.rs"]
mod words;

use std::collections::BTreeSet;

#[test]
fn none_is_forgotten() {
    let here = include_str!("together.rs");
    let named: BTreeSet<_> =
        here.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')).collect();
    let entries = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests")).unwrap();
    let files: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let there: BTreeSet<_> =
        files.iter().filter_map(|name| name.strip_suffix(".rs")).filter(|name| *name != "together").collect();
    assert_eq!(named, there);
}
