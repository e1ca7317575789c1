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
}

impl RowChange {
    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::Opened => "opened",
        }
    }
}

/// The kind of an entry about a row.
pub fn row_kind(table: &str, change: RowChange) -> String {
    format!("{table}.{}", change.name())
}

/// The table and what happened, where an entry is about a row.
pub fn row_of(kind: &str) -> Option<(&str, RowChange)> {
    let (table, word) = kind.split_once('.')?;
    [RowChange::New, RowChange::Changed, RowChange::Gone, RowChange::Opened]
        .into_iter()
        .find(|change| change.name() == word)
        .map(|change| (table, change))
}
