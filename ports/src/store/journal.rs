//! The journal, read: its head, its entries, and the question whether the books are what it says.

use super::StoreError;
use async_trait::async_trait;
use leyden_domain::{
    invariants::Violation,
    journal::{ChainFault, Digest, Entry, Head, ReplayFault},
};

/// What was found to be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The newest entry. Whoever knows its hash can tell whether anything up to it was changed later.
    pub head: Head,
    /// Entries read.
    pub entries: u64,
    /// Rows of the books that were compared with them.
    pub rows: u64,
    /// Whether everything was looked at, the invariants included, or only what was written since some entry.
    pub is_whole: bool,
}

/// The first thing found that must not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// The journal is shorter than somebody knows it to have been, or its entry there is another.
    #[error("journal: entry {seq} is not the one that was known: {known}")]
    Head {
        /// The number of the entry.
        seq: i64,
        /// The hash that was known.
        known: Digest,
    },
    /// The chain of hashes breaks.
    #[error("journal: {0}")]
    Chain(#[from] ChainFault),
    /// An entry has no hash at all, but some other text.
    #[error("journal: entry {seq} has no hash")]
    Unhashed {
        /// Its number.
        seq: i64,
    },
    /// An entry cannot follow those before it.
    #[error("journal: entry {seq} ({kind} {subject}): {fault}")]
    Entry {
        /// Its number.
        seq: i64,
        /// What it says happened.
        kind: String,
        /// To what.
        subject: String,
        /// What is wrong with it.
        fault: Box<ReplayFault>,
    },
    /// Entries speak of a table that nobody keeps.
    #[error("journal: there is no table {0}")]
    UnknownTable(String),
    /// A row is not what the journal says it is.
    #[error("{table} {id}: {column} is {books}, and the journal says {journal}")]
    Row {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
        /// The column.
        column: String,
        /// What the journal says.
        journal: String,
        /// What the books say.
        books: String,
    },
    /// A row is not there.
    #[error("{table} {id}: the journal has this row, and the books do not")]
    Missing {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
    },
    /// A row is there that nobody made.
    #[error("{table} {id}: the books have this row, and the journal does not")]
    Unexplained {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
    },
    /// A row says something impossible.
    #[error("{table} {id}: {column} says something impossible")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
        /// The column.
        column: &'static str,
    },
    /// The books break a rule of their own.
    #[error("{0}")]
    Invariant(Violation),
}

/// Why the books could not be called right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// They are not.
    #[error(transparent)]
    Difference(#[from] Difference),
    /// They could not be read.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for VerifyError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Inconsistent { table, column, id } => {
                Self::Difference(Difference::Unreadable { table, id, column })
            }
            other => Self::Store(other),
        }
    }
}

/// The journal, read.
#[async_trait]
pub trait JournalStore: Send + Sync + 'static {
    /// The newest entry; the genesis where there is none.
    async fn journal_head(&self) -> Result<Head, StoreError>;

    /// Entries behind a number, oldest first.
    async fn journal_entries(&self, after: i64, limit: u32) -> Result<Vec<Entry>, StoreError>;

    /// Whether the journal is whole and the books are what it says, at one moment, while others may write.
    ///
    /// From the genesis everything is looked at: the chain of hashes, every row of every journaled table, and all
    /// invariants. From a later head that was verified before: the chain behind it, and the rows that were written since.
    async fn verify(&self, from: Head) -> Result<Verified, VerifyError>;

    /// Takes the rows that are not what the journal says, or of which it says what cannot be, for right as they are: an
    /// entry with the reason, and one for each of them, which are returned. For what a person, or a version without a
    /// journal, wrote past it. The chain of hashes must hold. They are found while others write, and then read once more and
    /// written down while all writers wait.
    async fn accept_rows(&self, reason: &str) -> Result<Vec<Difference>, VerifyError>;
}
