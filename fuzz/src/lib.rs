//! Feeds what nobody would send to everything that reads what comes from outside: blocks, transactions, receipts, the
//! words of the API, whole requests. A target is a function of bytes that must return; what it asserts beyond that is
//! said at each. libFuzzer calls them (`fuzz/run`), and so do the tests, with the corpus.

#![expect(clippy::missing_panics_doc, reason = "a target that panics has found something")]

mod chain;
mod http;
mod words;

pub use chain::{abi_log, block_json, block_protobuf, transaction};
pub use http::{cursor, http};
pub use words::{address, amount};

/// What is fed.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("block_json", block_json),
    ("block_protobuf", block_protobuf),
    ("transaction", transaction),
    ("abi_log", abi_log),
    ("address", address),
    ("amount", amount),
    ("cursor", cursor),
    ("http", http),
];
