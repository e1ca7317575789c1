//! Whether the books are what the journal says. The chain of hashes is read entry by entry; the rows that entries give are
//! kept, as the books themselves are for the invariants, and compared with the tables page by page. Of blocks and what was
//! found in them, of which there are ever more, a hash is kept, and a second reading says which one differs where one does.
//! All reads see one moment.

use super::{
    images,
    read::entries,
    tables::{self, Key, Table},
};
use crate::{book, db::Conn};
use leyden_domain::journal::{
    Digest, Entry, Folded, Head, Image, Key as FoldKey, Replay, Row, Suspect, fold_in, key_of,
    nothing_folded, row_kind,
};
use leyden_ports::store::{Difference, StoreError, Verified, VerifyError};
use std::collections::BTreeMap;

/// Entries or rows that are read at once.
const PAGE: i64 = 1_000;

/// Looks at everything behind `from`; the connection must be in a transaction.
pub(super) async fn run(conn: &mut Conn, from: Head) -> Result<Verified, VerifyError> {
    let mut replay = if from.seq == 0 { whole() } else { Replay::from(from.seq) };
    let (newest, read) = chain(conn, from, &mut replay).await?;
    known_tables(&replay)?;
    if let Some((table, id, suspect)) = replay.suspects().min_by_key(|(_, _, suspect)| suspect.seq) {
        return Err(suspected(table, id, suspect).into());
    }
    let is_whole = replay.is_whole();
    let rows =
        if is_whole { all_rows(conn, replay, &mut First).await? } else { touched_rows(conn, replay).await? };
    if is_whole && let Some(violation) = book::first_violation(conn).await? {
        return Err(Difference::Invariant(violation).into());
    }
    Ok(Verified { head: newest, entries: read, rows, is_whole })
}

/// Every table that entries name must be one that somebody keeps.
pub(super) fn known_tables(replay: &Replay) -> Result<(), Difference> {
    let unknown = replay.tables().find(|name| tables::ALL.iter().all(|known| known.name != *name));
    unknown.map_or(Ok(()), |table| Err(Difference::UnknownTable(table.to_owned())))
}

/// An entry that cannot be true.
fn suspected(table: &str, id: &str, suspect: &Suspect) -> Difference {
    Difference::Entry {
        seq: suspect.seq,
        kind: row_kind(table, suspect.change),
        subject: id.to_owned(),
        fault: Box::new(suspect.fault.clone()),
    }
}

/// Entries behind a number. One whose hash cannot be read breaks the chain, and is no failure to read it.
pub(super) async fn page(conn: &mut Conn, after: i64) -> Result<Vec<Entry>, VerifyError> {
    entries(conn, after, PAGE).await.map_err(unhashed)
}

fn unhashed(error: StoreError) -> VerifyError {
    match error {
        StoreError::Inconsistent { table: "journal", column: "hash", id } => {
            Difference::Unhashed { seq: id.parse().unwrap_or_default() }.into()
        }
        other => other.into(),
    }
}

/// Follows the entries from a known one to the newest; how many there are.
pub(super) async fn chain(
    conn: &mut Conn,
    from: Head,
    replay: &mut Replay,
) -> Result<(Head, u64), VerifyError> {
    let mut newest = from;
    let mut read = 0_u64;
    if from.seq > 0 {
        let known = entries(conn, from.seq.saturating_sub(1), 1).await.map_err(unhashed)?;
        if known.first().is_none_or(|entry| entry.seq != from.seq || entry.hash != from.hash) {
            return Err(Difference::Head { seq: from.seq, known: from.hash }.into());
        }
    }
    loop {
        let page = page(conn, newest.seq).await?;
        for entry in &page {
            newest.follow(entry).map_err(Difference::Chain)?;
            replay.apply(entry).map_err(|fault| Difference::Entry {
                seq: entry.seq,
                kind: entry.kind.clone(),
                subject: entry.subject.clone(),
                fault: Box::new(fault),
            })?;
            read = read.saturating_add(1);
        }
        if page.is_empty() {
            break;
        }
    }
    Ok((newest, read))
}

/// What is to become of a difference.
pub(super) trait Findings: Send {
    /// Takes one, of a row of a table; an error ends the comparison.
    fn found(&mut self, table: &'static Table, id: &str, difference: Difference) -> Result<(), Difference>;
}

/// The first one is enough.
pub(super) struct First;

impl Findings for First {
    fn found(&mut self, _: &'static Table, _: &str, difference: Difference) -> Result<(), Difference> {
        Err(difference)
    }
}

/// Entries that give all rows, without keeping those of which there are ever more.
pub(super) fn whole() -> Replay {
    Replay::folding(tables::ALL.iter().filter(|table| table.is_log()).map(|table| table.name))
}

/// Compares all rows of all tables, both ways. A row of which an entry says what cannot be is one to be found, even
/// where it is what the newest entry says.
pub(super) async fn all_rows(
    conn: &mut Conn,
    mut replay: Replay,
    findings: &mut dyn Findings,
) -> Result<u64, VerifyError> {
    let mut compared = 0_u64;
    for table in tables::ALL {
        let behind = match replay.folded(table.name) {
            Folded::No => Some((0, None)),
            Folded::UpTo(key, digest) => folded_rows(conn, table, key, digest).await?,
            Folded::Disordered => None,
        };
        let rows = match behind {
            Some((count, last)) => {
                let rows = table_rows(conn, table, &mut replay, last, None, findings).await?;
                rows.saturating_add(count)
            }
            // Not what the hash says, or not in order: which row it is, the same entries tell when they are read again.
            None => in_parts(conn, table, findings).await?,
        };
        compared = compared.saturating_add(rows);
    }
    Ok(compared)
}

/// Rows of which one reading of the entries keeps what they say.
const PART: u64 = 100_000;

/// The rows of a table up to a key, as one hash: how many, and the last of them; `None` where it is another hash.
async fn folded_rows(
    conn: &mut Conn,
    table: &'static Table,
    up_to: FoldKey,
    digest: Digest,
) -> Result<Option<(u64, Option<String>)>, VerifyError> {
    let (mut found, mut count, mut last) = (nothing_folded(), 0_u64, None::<String>);
    loop {
        let page = images::page(conn, table, last.as_deref(), PAGE).await?;
        let is_last = page.is_empty();
        for (id, books) in page {
            if key_of(&id).is_none_or(|key| key > up_to) {
                return Ok((found == digest).then_some((count, last)));
            }
            found = fold_in(found, &id, &books.dense().encode());
            count = count.saturating_add(1);
            last = Some(id);
        }
        if is_last {
            return Ok((found == digest).then_some((count, last)));
        }
    }
}

/// Compares the rows of a table with what the entries say, reading them again for each so many rows.
async fn in_parts(
    conn: &mut Conn,
    table: &'static Table,
    findings: &mut dyn Findings,
) -> Result<u64, VerifyError> {
    let (mut compared, mut behind) = (0_u64, None::<String>);
    loop {
        // Up to which row this part goes.
        let (mut count, mut up_to) = (0_u64, behind.clone());
        while count < PART {
            let page = images::page(conn, table, up_to.as_deref(), PAGE).await?;
            let Some((id, _)) = page.last() else {
                up_to = None;
                break;
            };
            up_to = Some(id.clone());
            count = count.saturating_add(u64::try_from(page.len()).unwrap_or(u64::MAX));
        }
        let key = |id: &Option<String>| id.as_deref().and_then(key_of);
        let mut replay = Replay::part(table.name, key(&behind), key(&up_to));
        chain(conn, Head::genesis(), &mut replay).await?;
        let rows = table_rows(conn, table, &mut replay, behind, up_to.as_deref(), findings).await?;
        compared = compared.saturating_add(rows);
        if up_to.is_none() {
            return Ok(compared);
        }
        behind = up_to;
    }
}

/// Compares the rows of a table behind one, up to one, both ways.
async fn table_rows(
    conn: &mut Conn,
    table: &'static Table,
    replay: &mut Replay,
    behind: Option<String>,
    up_to: Option<&str>,
    findings: &mut dyn Findings,
) -> Result<u64, VerifyError> {
    let mut compared = 0_u64;
    let mut suspects: BTreeMap<String, Difference> = replay
        .suspects()
        .filter(|(of, _, _)| *of == table.name)
        .map(|(_, id, suspect)| (id.to_owned(), suspected(table.name, id, suspect)))
        .collect();
    let end = up_to.and_then(key_of);
    let mut last = behind;
    'pages: loop {
        let page = images::page(conn, table, last.as_deref(), PAGE).await?;
        let Some((id, _)) = page.last() else { break };
        last = Some(id.clone());
        for (id, books) in page {
            if end.is_some() && key_of(&id) > end {
                break 'pages;
            }
            let books = books.dense();
            let same = match replay.take(table.name, &id) {
                Some(Row::Whole(journal)) => compare(table, &id, &journal, &books),
                _ => Err(Difference::Unexplained { table: table.name, id: id.clone() }),
            };
            let suspect = suspects.remove(&id);
            if let Some(difference) = same.err().or(suspect) {
                findings.found(table, &id, difference)?;
            }
            compared = compared.saturating_add(1);
        }
    }
    let rest: Vec<String> = replay.subjects(table.name).map(str::to_owned).collect();
    for id in rest {
        findings.found(table, &id, Difference::Missing { table: table.name, id: id.clone() })?;
    }
    Ok(compared)
}

/// Compares the rows that entries speak of, in the columns that they speak of.
async fn touched_rows(conn: &mut Conn, mut replay: Replay) -> Result<u64, VerifyError> {
    let mut compared = 0_u64;
    for table in tables::ALL {
        let ids: Vec<String> = replay.subjects(table.name).map(str::to_owned).collect();
        for some in ids.chunks(usize::try_from(PAGE).unwrap_or(1)) {
            let mut books = rows_of(conn, table, some).await?;
            for id in some {
                let found = books.remove(id);
                let Some(said) = replay.take(table.name, id) else { continue };
                match (said, found) {
                    (Row::Gone, None) => {}
                    (Row::Gone, Some(_)) => {
                        return Err(Difference::Unexplained { table: table.name, id: id.clone() }.into());
                    }
                    (Row::Whole(_) | Row::Part(_), None) => {
                        return Err(Difference::Missing { table: table.name, id: id.clone() }.into());
                    }
                    (Row::Whole(journal), Some(books)) => compare(table, id, &journal, &books.dense())?,
                    (Row::Part(journal), Some(mut books)) => {
                        books.retain(|column, _| journal.get(column).is_some());
                        compare(table, id, &journal, &books)?;
                    }
                }
                compared = compared.saturating_add(1);
            }
        }
    }
    Ok(compared)
}

/// These rows of a table, by id.
pub(super) async fn rows_of(
    conn: &mut Conn,
    table: &'static Table,
    ids: &[String],
) -> Result<BTreeMap<String, Image>, VerifyError> {
    if matches!(table.key, Key::Pair(..)) {
        let mut found = BTreeMap::new();
        for id in ids {
            if let Some(image) = images::read_pair(conn, table, id).await? {
                found.insert(id.clone(), image);
            }
        }
        return Ok(found);
    }
    let wanted = BTreeMap::from([(tables::place(table), ids.to_vec())]);
    let found = images::read(conn, wanted).await?;
    Ok(found.into_iter().map(|(_, id, image)| (id, image)).collect())
}

fn compare(table: &Table, id: &str, journal: &Image, books: &Image) -> Result<(), Difference> {
    match journal.first_difference(books) {
        None => Ok(()),
        Some((column, journal, books)) => Err(Difference::Row {
            table: table.name,
            id: id.to_owned(),
            column,
            journal: journal.to_string(),
            books: books.to_string(),
        }),
    }
}
