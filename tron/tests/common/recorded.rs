//! The folder of recorded chain data.

use std::{env, fs, path::PathBuf};

/// A file of it; `None`, said aloud, where there is no such folder.
#[expect(clippy::print_stderr, reason = "a test that tests nothing must say so")]
#[expect(clippy::disallowed_methods, reason = "tests read where their data is")]
pub(crate) fn file(name: &str) -> Option<Vec<u8>> {
    let Some(folder) = env::var_os("LEYDEN_CHAIN_DATA").map(PathBuf::from) else {
        eprintln!("NOT TESTED: LEYDEN_CHAIN_DATA names no folder of recorded chain data, so no {name}");
        return None;
    };
    Some(fs::read(folder.join(name)).expect("recorded file"))
}
