//! The folder of recorded chain data.

use std::{env, fs, path::PathBuf};

/// The folder; `None`, said aloud, where none is named.
#[expect(clippy::print_stderr, reason = "a test that tests nothing must say so")]
#[expect(clippy::disallowed_methods, reason = "tests read where their data is")]
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = env::var_os("LEYDEN_CHAIN_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("NOT TESTED: LEYDEN_CHAIN_DATA names no folder of recorded chain data");
    }
    folder
}

/// A file of it; `None`, said aloud, where there is no such folder.
pub(crate) fn file(name: &str) -> Option<Vec<u8>> {
    Some(fs::read(folder()?.join(name)).expect("recorded file"))
}
