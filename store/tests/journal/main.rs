//! The journal: what it holds, that nobody changes it or the books behind its back, how it begins, and who may write it.
//! On both databases.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../conformance/kit.rs"]
#[expect(dead_code, reason = "shared with the conformance suite, which uses all of it")]
mod kit;
mod long;
mod opening;
#[path = "../conformance/pg.rs"]
mod pg;
mod raw;
mod tamper;
mod writing;
