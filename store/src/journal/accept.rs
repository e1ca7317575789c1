//! What somebody wrote past the journal and a person takes for right: a repair by hand, or what a version without a journal
//! wrote during an upgrade. It is written down that and why; nothing of what the journal said before is changed.

use super::{
    append, opening,
    tables::{self, Table},
    verify::{Findings, all_rows, chain},
};
use crate::db::Conn;
use leyden_domain::{
    Timestamp,
    journal::{ACCEPTED, Draft, Head, Image, Replay, RowChange, row_kind},
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

/// All differences, and the entries that end them.
#[derive(Default)]
struct All {
    differences: Vec<Difference>,
    drafts: Vec<Draft>,
}

impl Findings for All {
    fn found(&mut self, difference: Difference, books: Option<Image>) -> Result<(), Difference> {
        let (Difference::Row { table, id, .. }
        | Difference::Missing { table, id }
        | Difference::Unexplained { table, id }) = &difference
        else {
            return Err(difference);
        };
        let (change, image) = match books {
            Some(image) => (RowChange::Accepted, image),
            None => (RowChange::Gone, Image::default()),
        };
        self.drafts.push(Draft { kind: row_kind(table, change), subject: id.clone(), body: image.encode() });
        self.differences.push(difference);
        Ok(())
    }
}

/// Writes down what is in the books where the journal says otherwise; the connection must be in the writers' transaction.
pub(super) async fn run(
    conn: &mut Conn,
    reason: &str,
    at: Timestamp,
) -> Result<Vec<Difference>, VerifyError> {
    let mut replay = Replay::from(0);
    let (mut head, _) = chain(conn, Head::genesis(), &mut replay).await?;
    let unknown = replay.tables().find(|name| tables::ALL.iter().all(|table: &&Table| table.name != *name));
    if let Some(table) = unknown {
        return Err(Difference::UnknownTable(table.to_owned()).into());
    }
    let mut all = All::default();
    all_rows(conn, replay, &mut all).await?;
    if all.differences.is_empty() {
        return Ok(Vec::new());
    }
    let why = Reason { reason, rows: all.differences.len() };
    let body = serde_json::to_string(&why).map_err(|error| StoreError::Rule(error.to_string()))?;
    let mut drafts = Vec::with_capacity(all.drafts.len().saturating_add(2));
    if head.seq == 0 {
        drafts.push(opening::layout());
    }
    drafts.push(Draft { kind: ACCEPTED.to_owned(), subject: "books".to_owned(), body });
    drafts.append(&mut all.drafts);
    while !drafts.is_empty() {
        let rest = drafts.split_off(drafts.len().min(AT_ONCE));
        let some = std::mem::replace(&mut drafts, rest);
        if !append::write(conn, &mut head, at, some).await? {
            return Err(StoreError::Unavailable("somebody else writes the journal".to_owned()).into());
        }
    }
    Ok(all.differences)
}
