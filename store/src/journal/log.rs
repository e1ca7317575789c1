//! What a transaction has written so far and the journal is to have. It is kept beside the connection and goes with it; a
//! part of the transaction that is taken back takes its lines with it.
#![expect(clippy::needless_pass_by_value, reason = "callers have ids in many forms, most of them small")]

use super::tables::{self, Table};
use leyden_domain::journal::{Draft, Image, RowChange, row_kind};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One thing that was done.
#[derive(Debug, Clone)]
enum Line {
    /// A row was made or changed; what it is now is read before the commit, or was said.
    Row { table: &'static Table, id: String, is_new: bool, image: Option<Image> },
    /// A row was removed.
    Gone { table: &'static Table, id: String },
    /// A remark.
    Told(Draft),
}

/// The lines of a transaction.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: Vec<Line>,
    marks: Vec<usize>,
}

impl Log {
    /// A row was made.
    pub(crate) fn made(&mut self, table: &'static Table, id: impl ToString) {
        self.lines.push(Line::Row { table, id: id.to_string(), is_new: true, image: None });
    }

    /// A row was made, and this is all of it.
    pub(crate) fn made_as(&mut self, table: &'static Table, id: impl ToString, image: Image) {
        self.lines.push(Line::Row { table, id: id.to_string(), is_new: true, image: Some(image) });
    }

    /// A row was changed.
    pub(crate) fn changed(&mut self, table: &'static Table, id: impl ToString) {
        self.lines.push(Line::Row { table, id: id.to_string(), is_new: false, image: None });
    }

    /// A row was changed, and these are all of its columns that may change.
    pub(crate) fn changed_to(&mut self, table: &'static Table, id: impl ToString, image: Image) {
        self.lines.push(Line::Row { table, id: id.to_string(), is_new: false, image: Some(image) });
    }

    /// A row was removed.
    pub(crate) fn gone(&mut self, table: &'static Table, id: impl ToString) {
        self.lines.push(Line::Gone { table, id: id.to_string() });
    }

    /// Something happened that is no row: `kind` is two words with a dot between them, the first no table's name.
    pub(crate) fn told(&mut self, kind: &str, subject: impl ToString, body: &impl Serialize) {
        let body = serde_json::to_string(body).unwrap_or_default();
        self.lines.push(Line::Told(Draft { kind: kind.to_owned(), subject: subject.to_string(), body }));
    }

    /// Whether there is nothing to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Begins a part that can be taken back alone.
    pub(crate) fn mark(&mut self) {
        self.marks.push(self.lines.len());
    }

    /// Ends the innermost part.
    pub(crate) fn release(&mut self, keep: bool) {
        if let Some(mark) = self.marks.pop()
            && !keep
        {
            self.lines.truncate(mark);
        }
    }

    /// Takes everything out, each row once.
    pub(crate) fn take(&mut self) -> Changes {
        let mut changes = Changes::default();
        for line in self.lines.drain(..) {
            changes.add(line);
        }
        self.marks.clear();
        changes
    }
}

/// A row that was made or changed.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// Whether it was made in this transaction.
    pub(crate) is_new: bool,
    /// What it is now, as far as it was said.
    pub(crate) image: Image,
    /// Whether it has to be read: somebody did not say what it is now.
    pub(crate) is_read: bool,
}

/// What a transaction has done, each row once: rows by their table's place and their id.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    gone: Vec<(usize, String)>,
    known_gone: BTreeSet<(usize, String)>,
    pub(crate) rows: BTreeMap<(usize, String), Touched>,
    told: Vec<Draft>,
}

impl Changes {
    fn add(&mut self, line: Line) {
        match line {
            Line::Row { table, id, is_new, image } => {
                let row = self.rows.entry((tables::place(table), id)).or_default();
                row.is_new |= is_new;
                match image {
                    Some(image) => row.image.overlay(image),
                    None => row.is_read = true,
                }
            }
            Line::Gone { table, id } => {
                let row = (tables::place(table), id);
                self.rows.remove(&row);
                if self.known_gone.insert(row.clone()) {
                    self.gone.push(row);
                }
            }
            Line::Told(draft) => self.told.push(draft),
        }
    }

    /// As entries: first what is gone, then rows, then remarks. A row that is not there any more was made and removed
    /// by one statement each in the same transaction, and nobody ever saw it.
    pub(crate) fn drafts(self) -> Vec<Draft> {
        let name = |place: usize| tables::ALL.get(place).map_or("", |table| table.name);
        let gone = self.gone.into_iter().map(|(place, subject)| Draft {
            kind: row_kind(name(place), RowChange::Gone),
            subject,
            body: Image::default().encode(),
        });
        let rows = self.rows.into_iter().filter(|(_, row)| !row.is_read).map(|((place, subject), row)| {
            let change = if row.is_new { RowChange::New } else { RowChange::Changed };
            let image = if row.is_new { row.image.dense() } else { row.image };
            Draft { kind: row_kind(name(place), change), subject, body: image.encode() }
        });
        gone.chain(rows).chain(self.told).collect()
    }
}
