//! One entry, and the chain that entries are. Changing, leaving out, adding or moving any of them changes every hash
//! after it; so a hash that was published once holds everything before it fast.

use crate::{error::ParseError, time::Timestamp};
use sha2::{Digest as _, Sha256};
use std::{fmt, str::FromStr};

/// What the first entry names as its predecessor; it also says which form of the hash this is.
const GENESIS: &[u8] = b"leyden journal 1";

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Its bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = ParseError;

    /// Exactly 64 lower-case hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut bytes = [0_u8; 32];
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if is_plain => Ok(Self(bytes)),
            _ => Err(ParseError::Id("Digest")),
        }
    }
}

/// What is to become an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What happened; see [`super::row_kind`].
    pub kind: String,
    /// To what: an id.
    pub subject: String,
    /// What is true now, as canonical JSON.
    pub body: String,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number: 1, 2, 3, and so on without a gap.
    pub seq: i64,
    /// When it was written, by the clock of whoever wrote it. Nothing rests on it.
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// To what: an id.
    pub subject: String,
    /// What is true now, as canonical JSON.
    pub body: String,
    /// Over all of this and the hash of the entry before.
    pub hash: Digest,
}

/// The newest entry that somebody knows: everything up to it is held by its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number; zero before the first.
    pub seq: i64,
    /// Its hash.
    pub hash: Digest,
}

impl Head {
    /// Before the first entry.
    pub fn genesis() -> Self {
        Self { seq: 0, hash: Digest::of(GENESIS) }
    }

    /// Makes the next entry; `self` becomes it.
    pub fn append(&mut self, at: Timestamp, draft: Draft) -> Entry {
        let seq = self.seq.saturating_add(1);
        let hash = digest(seq, &self.hash, at, [&draft.kind, &draft.subject, &draft.body]);
        *self = Self { seq, hash };
        Entry { seq, at, kind: draft.kind, subject: draft.subject, body: draft.body, hash }
    }

    /// Checks that an entry is the next one; `self` becomes it.
    pub fn follow(&mut self, entry: &Entry) -> Result<(), ChainFault> {
        let expected = self.seq.saturating_add(1);
        if entry.seq != expected {
            return Err(ChainFault::Number { expected, found: entry.seq });
        }
        let hash = digest(entry.seq, &self.hash, entry.at, [&entry.kind, &entry.subject, &entry.body]);
        if hash != entry.hash {
            return Err(ChainFault::Hash { seq: entry.seq, expected: hash, found: entry.hash });
        }
        *self = Self { seq: entry.seq, hash };
        Ok(())
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.seq, self.hash)
    }
}

/// Where the chain of hashes breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// An entry is missing, or one is there that must not be.
    #[error("entry {expected} should follow, and {found} does")]
    Number {
        /// The number that should follow.
        expected: i64,
        /// The number that does.
        found: i64,
    },
    /// The entry or one before it is not what it was.
    #[error("entry {seq} has the hash {found} and should have {expected}")]
    Hash {
        /// Its number.
        seq: i64,
        /// What its hash should be.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
}

/// The hash of an entry. Every part is preceded by its length in bytes (eight, the highest first), so no two different
/// entries are the same bytes.
fn digest(seq: i64, previous: &Digest, at: Timestamp, texts: [&str; 3]) -> Digest {
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(bytes);
    };
    part(&seq.to_be_bytes());
    part(&previous.0);
    part(&at.ms().to_be_bytes());
    for text in texts {
        part(text.as_bytes());
    }
    Digest(hasher.finalize().into())
}
