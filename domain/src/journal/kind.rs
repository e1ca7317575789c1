//! What an entry says happened. Most say that a row is new, changed or gone; their kind is the table's name and that word.
//! Every other kind is a remark: a decision of a person, or how the journal itself is written.

/// The kind of the entry that says which columns of which tables the entries after it carry.
pub const LAYOUT: &str = "journal.layout";

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowChange {
    /// It was made; the body has all its columns that are not NULL.
    New,
    /// It was changed; the body has every column that may change, NULL or not.
    Changed,
    /// It is not there any more.
    Gone,
    /// It was there before the journal, or before the journal knew all its columns. The body is as of a new one.
    Opened,
    /// It was changed behind the journal's back, and a person has said that it is right as it is. The body is as of a new
    /// one; why is in the entry before.
    Accepted,
}

impl RowChange {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::New, Self::Changed, Self::Gone, Self::Opened, Self::Accepted];

    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::Opened => "opened",
            Self::Accepted => "accepted",
        }
    }
}

/// The kind of the entry by which a person takes what is in the books for right, with the reason.
pub const ACCEPTED: &str = "journal.override";

/// The kind of an entry about a row.
pub fn row_kind(table: &str, change: RowChange) -> String {
    format!("{table}.{}", change.name())
}

/// The table and what happened, where an entry is about a row.
pub fn row_of(kind: &str) -> Option<(&str, RowChange)> {
    let (table, word) = kind.split_once('.')?;
    RowChange::ALL.into_iter().find(|change| change.name() == word).map(|change| (table, change))
}
