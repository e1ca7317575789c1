//! Rows that are made once and never changed, of which there are ever more: blocks, and what was found in them. Entries give
//! them in the order of their keys, but for the newest, which a fork may take away again; so all but the newest are folded
//! into one running hash, and whoever has the table in the same order comes to the same. What does not come in that order
//! cannot be folded, and is looked at in parts.

use super::entry::Digest;
use std::collections::BTreeMap;

/// What a row is found by: one number, or two.
pub type Key = (i64, i64);

/// How far behind the newest key a row is kept: further than any fork goes, and than blocks are read again.
const KEEP: i64 = 2_000;

/// The key in a row's id.
pub fn key_of(subject: &str) -> Option<Key> {
    match subject.split_once(':') {
        Some((one, two)) => Some((one.parse().ok()?, two.parse().ok()?)),
        None => Some((subject.parse().ok()?, 0)),
    }
}

/// The running hash behind one more row.
pub fn fold_in(digest: Digest, subject: &str, image: &str) -> Digest {
    let length = u64::try_from(subject.len()).unwrap_or(u64::MAX).to_be_bytes();
    Digest::of(&[digest.bytes().as_slice(), &length, subject.as_bytes(), image.as_bytes()].concat())
}

/// What a running hash begins as.
pub fn nothing_folded() -> Digest {
    Digest::of(b"leyden fold 1")
}

/// What has become of a table's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folded {
    /// All are kept.
    No,
    /// Those up to a key are in a hash.
    UpTo(Key, Digest),
    /// They did not come in order: nothing is kept of them.
    Disordered,
}

/// The rows of one table while they are folded.
#[derive(Debug)]
pub(super) struct Fold {
    kept: BTreeMap<Key, Box<str>>,
    digest: Digest,
    up_to: Option<Key>,
    is_disordered: bool,
}

impl Fold {
    pub(super) fn new() -> Self {
        Self { kept: BTreeMap::new(), digest: nothing_folded(), up_to: None, is_disordered: false }
    }

    pub(super) const fn state(&self) -> Folded {
        match (self.is_disordered, self.up_to) {
            (true, _) => Folded::Disordered,
            (false, None) => Folded::No,
            (false, Some(key)) => Folded::UpTo(key, self.digest),
        }
    }

    /// Whether an entry about this row still comes in order.
    pub(super) fn takes(&mut self, subject: &str) -> bool {
        let is_new = key_of(subject).is_some_and(|key| self.up_to.is_none_or(|up_to| key > up_to));
        if !is_new {
            self.give_up();
        }
        !self.is_disordered
    }

    /// Nothing more is folded.
    pub(super) fn give_up(&mut self) {
        self.is_disordered = true;
        self.kept.clear();
    }

    pub(super) fn is_there(&mut self, subject: &str) {
        if let Some(key) = key_of(subject) {
            self.kept.insert(key, subject.into());
        }
    }

    pub(super) fn is_gone(&mut self, subject: &str) {
        if let Some(key) = key_of(subject) {
            self.kept.remove(&key);
        }
    }

    /// Takes the oldest row out, if it is old enough.
    pub(super) fn ripe(&mut self) -> Option<Box<str>> {
        let (newest, _) = *self.kept.last_key_value()?.0;
        let oldest = self.kept.first_entry()?;
        if newest.saturating_sub(oldest.key().0) <= KEEP {
            return None;
        }
        self.up_to = Some(*oldest.key());
        Some(oldest.remove())
    }

    pub(super) fn fold(&mut self, subject: &str, image: &str) {
        self.digest = fold_in(self.digest, subject, image);
    }
}
