//! What the entries say the tables are. Fed from the first entry, it has every row whole; fed from a later one, it has of
//! each row that was touched since then the columns that were written since then.

use super::{
    entry::Entry,
    fold::{Fold, Folded, Key, key_of},
    image::{Field, Image},
    kind::{RowChange, row_of},
};
use std::collections::BTreeMap;

/// What the entries say of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// All its columns.
    Whole(Image),
    /// Some of its columns: it was made before the first entry that was read.
    Part(Image),
    /// It is not there.
    Gone,
}

/// The same, kept small: images as their JSON.
#[derive(Debug)]
enum Kept {
    Whole(Box<str>),
    Part(Box<str>),
    Gone,
}

/// An entry that cannot follow those before it. All but the first tell of a row that was written past the journal: the
/// entries go on, and the row stays under suspicion until one says that it is gone, or that a person took it for right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayFault {
    /// Its body is not an image.
    #[error("the body cannot be read")]
    Unreadable,
    /// A row is made that is there.
    #[error("a row is made that is there already")]
    MadeTwice,
    /// A row is changed that nobody made.
    #[error("a row is changed that is not there")]
    Unmade,
    /// A row that is written down anew is not what the journal said it was.
    #[error("{column} is written down as {found}, and the entries before say {expected}")]
    Reopened {
        /// The column.
        column: String,
        /// What the entries say.
        expected: String,
        /// What is written down.
        found: String,
    },
}

/// A row of which an entry says what cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// The first such entry.
    pub seq: i64,
    /// What it says happened.
    pub change: RowChange,
    /// What is wrong with it.
    pub fault: ReplayFault,
}

/// The rows that entries give, by table and id.
#[derive(Debug)]
pub struct Replay {
    suspects: BTreeMap<(String, String), Suspect>,
    rows: BTreeMap<Box<str>, BTreeMap<Box<str>, Kept>>,
    /// Whether it was fed from the first entry.
    is_whole: bool,
    /// The tables of which only the newest rows are kept.
    folds: BTreeMap<Box<str>, Fold>,
    /// The only rows that it looks at: of one table, behind one key and up to another.
    part: Option<(Box<str>, Option<Key>, Option<Key>)>,
}

impl Replay {
    /// To be fed with the entries behind this number.
    pub const fn from(seq: i64) -> Self {
        Self {
            suspects: BTreeMap::new(),
            rows: BTreeMap::new(),
            is_whole: seq == 0,
            folds: BTreeMap::new(),
            part: None,
        }
    }

    /// To be fed from the first entry. Of these tables, whose rows are made in the order of their keys and never changed,
    /// only the newest are kept, so that it does not grow with them.
    pub fn folding<'a>(tables: impl IntoIterator<Item = &'a str>) -> Self {
        let folds = tables.into_iter().map(|table| (table.into(), Fold::new())).collect();
        Self { folds, ..Self::from(0) }
    }

    /// To be fed from the first entry. Of all that they tell it keeps the rows of one table behind a key and up to one.
    pub fn part(table: &str, behind: Option<Key>, up_to: Option<Key>) -> Self {
        Self { part: Some((table.into(), behind, up_to)), ..Self::from(0) }
    }

    /// What has become of a table's rows.
    pub fn folded(&self, table: &str) -> Folded {
        self.folds.get(table).map_or(Folded::No, Fold::state)
    }

    /// Whether a row is one of those that are looked at.
    fn is_wanted(&self, table: &str, subject: &str) -> bool {
        let Some((wanted, behind, up_to)) = &self.part else { return true };
        let is_within =
            |key: Key| behind.is_none_or(|behind| key > behind) && up_to.is_none_or(|up_to| key <= up_to);
        **wanted == *table && key_of(subject).is_some_and(is_within)
    }

    /// Takes what is old enough out of the rows of a table into its hash.
    fn fold(&mut self, table: &str, entry: &Entry, is_there: bool) {
        let Some(fold) = self.folds.get_mut(table) else { return };
        if is_there {
            fold.is_there(&entry.subject);
        } else {
            fold.is_gone(&entry.subject);
        }
        while let Some(subject) = fold.ripe() {
            let row = self.rows.get_mut(table).and_then(|rows| rows.remove(&subject));
            match row {
                Some(Kept::Whole(image))
                    if self.suspects.is_empty()
                        || !self.suspects.contains_key(&(table.to_owned(), subject.to_string())) =>
                {
                    fold.fold(&subject, &image);
                }
                _ => fold.give_up(),
            }
        }
        if fold.state() == Folded::Disordered {
            self.forget(table);
        }
    }

    /// Keeps nothing more of a table.
    fn forget(&mut self, table: &str) {
        if let Some(rows) = self.rows.get_mut(table) {
            rows.clear();
        }
        self.suspects.retain(|(of, _), _| of != table);
    }

    /// Whether it has all rows.
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Takes the next entry. An error means that it cannot be read; one that cannot be true makes its row a suspect.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), ReplayFault> {
        let Some((table, change)) = row_of(&entry.kind) else { return Ok(()) };
        if !self.is_wanted(table, &entry.subject) {
            return Ok(());
        }
        if let Some(fold) = self.folds.get_mut(table)
            && !fold.takes(&entry.subject)
        {
            self.forget(table);
            return Ok(());
        }
        self.apply_row(table, change, entry)?;
        self.fold(table, entry, change != RowChange::Gone);
        Ok(())
    }

    fn apply_row(&mut self, table: &str, change: RowChange, entry: &Entry) -> Result<(), ReplayFault> {
        let is_whole = self.is_whole;
        let rows = match self.rows.get_mut(table) {
            Some(rows) => rows,
            None => self.rows.entry(table.into()).or_default(),
        };
        if matches!(change, RowChange::Gone | RowChange::Accepted) && !self.suspects.is_empty() {
            self.suspects.remove(&(table.to_owned(), entry.subject.clone()));
        }
        if change == RowChange::Gone {
            // What a commit made and took away again was never there for anybody.
            if is_whole {
                rows.remove(entry.subject.as_str());
            } else {
                rows.insert(entry.subject.as_str().into(), Kept::Gone);
            }
            return Ok(());
        }
        let later = Image::decode(&entry.body).ok_or(ReplayFault::Unreadable)?;
        let known = rows.get(entry.subject.as_str());
        let fault = match (change, known) {
            (RowChange::New, Some(Kept::Whole(_) | Kept::Part(_))) => Some(ReplayFault::MadeTwice),
            (RowChange::Changed, Some(Kept::Gone)) => Some(ReplayFault::Unmade),
            (RowChange::Changed, None) if is_whole => Some(ReplayFault::Unmade),
            (RowChange::Opened, Some(Kept::Whole(known) | Kept::Part(known))) => {
                reopened(&decoded(known)?, &later)
            }
            _ => None,
        };
        if let Some(fault) = fault {
            let suspect = Suspect { seq: entry.seq, change, fault };
            self.suspects.entry((table.to_owned(), entry.subject.clone())).or_insert(suspect);
        }
        let next = match (change, known) {
            (RowChange::New | RowChange::Opened | RowChange::Accepted, _) => {
                Kept::Whole(kept(&later.dense()))
            }
            (RowChange::Changed, Some(Kept::Whole(known))) => {
                let mut image = decoded(known)?;
                image.overlay(later);
                Kept::Whole(kept(&image.dense()))
            }
            (RowChange::Changed, Some(Kept::Part(known))) => {
                let mut image = decoded(known)?;
                image.overlay(later);
                Kept::Part(kept(&image))
            }
            (RowChange::Changed, _) => Kept::Part(kept(&later)),
            (RowChange::Gone, _) => return Ok(()),
        };
        rows.insert(entry.subject.as_str().into(), next);
        Ok(())
    }

    /// The rows of which an entry says what cannot be, by table and id.
    pub fn suspects(&self) -> impl Iterator<Item = (&str, &str, &Suspect)> {
        self.suspects.iter().map(|((table, subject), suspect)| (table.as_str(), subject.as_str(), suspect))
    }

    /// Takes a row out.
    pub fn take(&mut self, table: &str, subject: &str) -> Option<Row> {
        self.rows.get_mut(table)?.remove(subject).map(Kept::row)
    }

    /// The ids of the rows of a table that were not taken out yet, in order.
    pub fn subjects(&self, table: &str) -> impl Iterator<Item = &str> {
        self.rows.get(table).into_iter().flat_map(|rows| rows.keys().map(|subject| &**subject))
    }

    /// The tables that entries name.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(|table| &**table)
    }

    /// How many rows there are that are not gone.
    pub fn len(&self) -> usize {
        self.rows.values().flat_map(BTreeMap::values).filter(|row| !matches!(row, Kept::Gone)).count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Kept {
    fn row(self) -> Row {
        match self {
            Self::Whole(image) => Row::Whole(Image::decode(&image).unwrap_or_default()),
            Self::Part(image) => Row::Part(Image::decode(&image).unwrap_or_default()),
            Self::Gone => Row::Gone,
        }
    }
}

fn kept(image: &Image) -> Box<str> {
    image.encode().into_boxed_str()
}

fn decoded(kept: &str) -> Result<Image, ReplayFault> {
    Image::decode(kept).ok_or(ReplayFault::Unreadable)
}

/// A row is written down anew with columns that nobody knew before; those that were known are what they were.
fn reopened(known: &Image, found: &Image) -> Option<ReplayFault> {
    known.columns().find_map(|(column, expected)| {
        let found = found.get(column).unwrap_or(&Field::Null);
        (found != expected).then(|| ReplayFault::Reopened {
            column: column.to_owned(),
            expected: expected.to_string(),
            found: found.to_string(),
        })
    })
}
