//! How the journal begins, and how it learns of columns that it did not know. What is there already is written down as it
//! is, row by row, so that from then on the entries alone give the tables.

use super::{
    append::{self, head},
    images,
    tables::{self, Table},
};
use crate::{
    db::{Conn, opt},
    row::Place,
};
use leyden_domain::{
    Timestamp,
    journal::{Draft, Head, LAYOUT, RowChange, row_kind},
};
use leyden_ports::store::StoreError;
use std::collections::BTreeMap;

/// Rows that one statement reads and one writes.
const AT_ONCE: i64 = 500;

/// The columns of the tables, by table.
type Layout = BTreeMap<String, Vec<String>>;

fn current() -> Layout {
    let columns = |table: &Table| {
        let mut columns: Vec<String> = table.columns().map(str::to_owned).collect();
        columns.sort();
        columns
    };
    tables::ALL.iter().map(|table| (table.name.to_owned(), columns(table))).collect()
}

/// The entry that says which columns those after it carry.
pub(super) fn layout() -> Draft {
    let body = serde_json::to_string(&current()).unwrap_or_default();
    Draft { kind: LAYOUT.to_owned(), subject: "tables".to_owned(), body }
}

/// What the journal was last told; nothing where it has not begun.
async fn recorded(conn: &mut Conn) -> Result<Layout, StoreError> {
    let found: Option<(String,)> =
        opt!(conn, "SELECT body FROM journal WHERE kind = 'journal.layout' ORDER BY seq DESC LIMIT 1")?;
    let Some((body,)) = found else { return Ok(Layout::new()) };
    serde_json::from_str(&body).or(Err(Place::new("journal", LAYOUT).bad("body")))
}

/// Whether the journal knows all columns of a table.
fn is_known(recorded: &Layout, table: &str, current: &Layout) -> bool {
    match (recorded.get(table), current.get(table)) {
        (Some(recorded), Some(current)) => current.iter().all(|column| recorded.contains(column)),
        _ => false,
    }
}

/// Writes down the rows of the tables of which the journal does not know a column; how many. Empty books need nothing, and
/// neither does a version that has fewer columns than the journal knows: it is an older one, for a while.
pub(crate) async fn open(conn: &mut Conn, at: Timestamp) -> Result<u64, StoreError> {
    let recorded = recorded(conn).await?;
    let current = current();
    let new: Vec<&'static Table> =
        tables::ALL.iter().copied().filter(|table| !is_known(&recorded, table.name, &current)).collect();
    if new.is_empty() {
        return Ok(0);
    }
    let mut head = head(conn).await?;
    if head.seq == 0 {
        let mut is_empty = true;
        for table in &new {
            is_empty = is_empty && images::page(conn, table, None, 1).await?.is_empty();
        }
        if is_empty {
            return Ok(0);
        }
    }
    write(conn, &mut head, at, vec![layout()]).await?;
    let mut rows = 0_u64;
    for table in new {
        let mut last: Option<String> = None;
        loop {
            let page = images::page(conn, table, last.as_deref(), AT_ONCE).await?;
            let Some((id, _)) = page.last() else { break };
            last = Some(id.clone());
            let drafts: Vec<Draft> = page
                .into_iter()
                .map(|(subject, image)| Draft {
                    kind: row_kind(table.name, RowChange::Opened),
                    subject,
                    body: image.dense().encode(),
                })
                .collect();
            rows = rows.saturating_add(u64::try_from(drafts.len()).unwrap_or(u64::MAX));
            write(conn, &mut head, at, drafts).await?;
        }
    }
    Ok(rows)
}

async fn write(
    conn: &mut Conn,
    head: &mut Head,
    at: Timestamp,
    drafts: Vec<Draft>,
) -> Result<(), StoreError> {
    if append::write(conn, head, at, drafts).await? {
        return Ok(());
    }
    Err(StoreError::Unavailable("somebody else writes the journal".to_owned()))
}
