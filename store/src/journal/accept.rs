//! What somebody wrote past the journal and a person takes for right: a repair by hand, or what a version without a journal
//! wrote during an upgrade. It is written down that and why; nothing of what the journal said before is changed.
//!
//! Looking for it reads everything and may take long, so it is done at one moment while others write. Whoever writes it
//! down then has the writers' lock, reads what was written since, and the rows that were found as they are by then.

use super::{
    append, opening,
    tables::{self, Table},
    verify::{Findings, all_rows, chain, known_tables, page, rows_of, whole},
};
use crate::db::Conn;
use leyden_domain::{
    Timestamp,
    journal::{ACCEPTED, Draft, Head, Image, RowChange, row_kind},
};
use leyden_ports::store::{Difference, StoreError, VerifyError};
use serde::Serialize;

/// Entries that one statement writes.
const AT_ONCE: usize = 500;

/// Why.
#[derive(Serialize)]
struct Reason<'a> {
    reason: &'a str,
    rows: usize,
}

/// What was found at one moment.
pub(super) struct Found {
    /// The newest entry then.
    head: Head,
    rows: Vec<FoundRow>,
}

/// A row that is not what the journal says, or of which it says what cannot be.
struct FoundRow {
    table: &'static Table,
    id: String,
    difference: Difference,
}

impl Found {
    /// Whether there is nothing to be taken for right.
    pub(super) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Findings for Vec<FoundRow> {
    fn found(&mut self, table: &'static Table, id: &str, difference: Difference) -> Result<(), Difference> {
        self.push(FoundRow { table, id: id.to_owned(), difference });
        Ok(())
    }
}

/// Looks for all of it; the connection must be in a transaction that sees one moment.
pub(super) async fn look(conn: &mut Conn) -> Result<Found, VerifyError> {
    let mut replay = whole();
    let (head, _) = chain(conn, Head::genesis(), &mut replay).await?;
    known_tables(&replay)?;
    let mut rows = Vec::new();
    all_rows(conn, replay, &mut rows).await?;
    Ok(Found { head, rows })
}

/// Writes down what those rows are now; the connection must be in the writers' transaction. What an entry says that was
/// written since is nobody's to judge here: where a row is what it says, it is said once more.
pub(super) async fn write(
    conn: &mut Conn,
    found: Found,
    reason: &str,
    at: Timestamp,
) -> Result<Vec<Difference>, VerifyError> {
    let mut head = found.head;
    follow(conn, &mut head).await?;
    let why = Reason { reason, rows: found.rows.len() };
    let body = serde_json::to_string(&why).map_err(|error| StoreError::Rule(error.to_string()))?;
    let mut drafts = Vec::with_capacity(found.rows.len().saturating_add(2));
    if head.seq == 0 {
        drafts.push(opening::layout());
    }
    drafts.push(Draft { kind: ACCEPTED.to_owned(), subject: "books".to_owned(), body });
    for table in tables::ALL {
        let ids: Vec<String> =
            found.rows.iter().filter(|row| row.table.name == table.name).map(|row| row.id.clone()).collect();
        for some in ids.chunks(AT_ONCE) {
            let mut books = rows_of(conn, table, some).await?;
            drafts.extend(some.iter().map(|id| draft(table, id, books.remove(id))));
        }
    }
    while !drafts.is_empty() {
        let rest = drafts.split_off(drafts.len().min(AT_ONCE));
        let some = std::mem::replace(&mut drafts, rest);
        if !append::write(conn, &mut head, at, some).await? {
            return Err(StoreError::Unavailable("somebody else writes the journal".to_owned()).into());
        }
    }
    Ok(found.rows.into_iter().map(|row| row.difference).collect())
}

/// Follows the chain from where it was known to hold to the newest entry.
async fn follow(conn: &mut Conn, head: &mut Head) -> Result<(), VerifyError> {
    loop {
        let entries = page(conn, head.seq).await?;
        for entry in &entries {
            head.follow(entry).map_err(Difference::Chain)?;
        }
        if entries.is_empty() {
            return Ok(());
        }
    }
}

/// The entry that says what a row is.
fn draft(table: &Table, id: &str, books: Option<Image>) -> Draft {
    let (change, image) = match books {
        Some(image) => (RowChange::Accepted, image.dense()),
        None => (RowChange::Gone, Image::default()),
    };
    Draft { kind: row_kind(table.name, change), subject: id.to_owned(), body: image.encode() }
}
