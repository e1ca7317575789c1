//! What happened, line by line. The hash of all lines says whether two runs were the same; the last lines say how it
//! came to what was found.

use sha2::{Digest, Sha256};
use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Mutex, PoisonError},
};

/// Lines that are kept for people.
const KEPT: usize = 400;

/// The lines of one run.
#[derive(Debug)]
pub(super) struct Trace(Mutex<Lines>);

#[derive(Debug)]
struct Lines {
    hash: Sha256,
    kept: VecDeque<String>,
    most: usize,
    text: String,
}

impl Trace {
    /// Keeps the last lines, or all.
    pub(super) fn new(all: bool) -> Self {
        let most = if all { usize::MAX } else { KEPT };
        Self(Mutex::new(Lines { hash: Sha256::new(), kept: VecDeque::new(), most, text: String::new() }))
    }

    /// Adds a line; `at` is in milliseconds.
    pub(super) fn note(&self, at: i64, what: std::fmt::Arguments<'_>) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = std::mem::take(&mut lines.text);
        text.clear();
        // Writing to a text cannot fail.
        let written = write!(text, "{at} {what}");
        debug_assert!(written.is_ok());
        lines.hash.update(text.as_bytes());
        lines.hash.update(b"\n");
        if lines.kept.len() < lines.most {
            lines.kept.push_back(text);
        } else {
            // The oldest line's memory takes the next one.
            lines.text = lines.kept.pop_front().unwrap_or_default();
            lines.kept.push_back(text);
        }
    }

    /// The hash of all lines so far, in hexadecimal.
    pub(super) fn hash(&self) -> String {
        hex::encode(self.0.lock().unwrap_or_else(PoisonError::into_inner).hash.clone().finalize())
    }

    /// The lines that were kept, oldest first.
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).kept.iter().cloned().collect()
    }
}
