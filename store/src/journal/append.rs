//! The one place that writes entries: at the end of a transaction, all that it has to say in one statement.

use super::{images, log::Log, opening};
use crate::{
    db::{Conn, exec, failed, opt},
    pg::Args,
    row::{Place, row},
};
use leyden_domain::{
    Timestamp,
    journal::{Draft, Entry, Head},
    planted::{Fault, planted},
};
use leyden_ports::store::StoreError;
use serde::Serialize;

row!(
    /// The newest entry.
    HeadRow { seq: i64, hash: String }
);

/// The newest entry.
pub(crate) async fn head(conn: &mut Conn) -> Result<Head, StoreError> {
    let found: Option<HeadRow> = opt!(conn, "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1")?;
    match found {
        None => Ok(Head::genesis()),
        Some(HeadRow { seq, hash }) => {
            Ok(Head { seq, hash: Place::new("journal", &seq.to_string()).parse("hash", &hash)? })
        }
    }
}

/// Writes what a transaction has to say. `known` is the newest entry as far as this writer knows, to be believed only if
/// nobody has written since; it becomes the newest one, which holds once the transaction is committed.
pub(crate) async fn append(
    conn: &mut Conn,
    known: &mut Option<Head>,
    at: Timestamp,
) -> Result<(), StoreError> {
    if conn.journal().is_empty() {
        return Ok(());
    }
    let mut changes = std::mem::take::<Log>(conn.journal()).take();
    images::complete(conn, &mut changes).await?;
    let mut drafts = changes.drafts();
    if drafts.len() > 1 && planted(Fault::JournalSkips) {
        drafts.pop();
    }
    if drafts.is_empty() {
        return Ok(());
    }
    if let Some(head) = known.as_mut()
        && write(conn, head, at, drafts.clone()).await?
    {
        return Ok(());
    }
    // Nobody knows, or another instance has written, or the database has lost what it had.
    let mut head = head(conn).await?;
    if head.seq == 0 {
        drafts.insert(0, opening::layout());
    }
    if !write(conn, &mut head, at, drafts).await? {
        return Err(StoreError::Unavailable("somebody else writes the journal".to_owned()));
    }
    *known = Some(head);
    Ok(())
}

/// An entry as it is sent to SQLite.
#[derive(Serialize)]
struct Sent<'a> {
    seq: i64,
    at: i64,
    kind: &'a str,
    subject: &'a str,
    body: &'a str,
    hash: String,
}

/// For both: nothing is written where an entry is there already that should come later, nor where the one before is not
/// there as it is known. A server that crashed, or another that took its place, may have lost the newest ones although
/// they were committed.
pub(crate) const INSERT_LITE: &str = "INSERT INTO journal (seq, at, kind, subject, body, hash) \
     SELECT r.value ->> 'seq', r.value ->> 'at', r.value ->> 'kind', r.value ->> 'subject', r.value ->> 'body', \
     r.value ->> 'hash' FROM json_each($1) AS r WHERE NOT EXISTS (SELECT 1 FROM journal j WHERE j.seq >= $2) \
     AND ($2 = 1 OR EXISTS (SELECT 1 FROM journal j WHERE j.seq = $2 - 1 AND j.hash = $3)) ORDER BY r.key";

pub(crate) const INSERT_PG: &str = "INSERT INTO journal (seq, at, kind, subject, body, hash) \
     SELECT * FROM UNNEST(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[]), CAST($3 AS TEXT[]), CAST($4 AS TEXT[]), \
     CAST($5 AS TEXT[]), CAST($6 AS TEXT[])) WHERE NOT EXISTS (SELECT 1 FROM journal j WHERE j.seq >= $7) \
     AND ($7 = 1 OR EXISTS (SELECT 1 FROM journal j WHERE j.seq = $7 - 1 AND j.hash = $8))";

/// Writes entries behind `head`, which becomes the last of them; `false`, and nothing written, where `head` is not the
/// newest entry.
pub(super) async fn write(
    conn: &mut Conn,
    head: &mut Head,
    at: Timestamp,
    drafts: Vec<Draft>,
) -> Result<bool, StoreError> {
    let mut next = *head;
    let entries: Vec<Entry> = drafts.into_iter().map(|draft| next.append(at, draft)).collect();
    let first = head.seq.saturating_add(1);
    let count = entries.len();
    let written = match conn {
        Conn::Lite(_) => {
            let sent: Vec<Sent<'_>> = entries
                .iter()
                .map(|entry| Sent {
                    seq: entry.seq,
                    at: entry.at.ms(),
                    kind: &entry.kind,
                    subject: &entry.subject,
                    body: &entry.body,
                    hash: entry.hash.to_string(),
                })
                .collect();
            exec!(conn, INSERT_LITE, images::list(&sent)?, first, head.hash.to_string())?
        }
        Conn::Pg(pg) => {
            let numbers = |value: fn(&Entry) -> i64| entries.iter().map(value).collect::<Vec<_>>();
            let texts = |value: fn(&Entry) -> &str| entries.iter().map(value).collect::<Vec<_>>();
            let args = Args::default()
                .bind(numbers(|entry| entry.seq))
                .bind(numbers(|entry| entry.at.ms()))
                .bind(texts(|entry| &entry.kind))
                .bind(texts(|entry| &entry.subject))
                .bind(texts(|entry| &entry.body))
                .bind(entries.iter().map(|entry| entry.hash.to_string()).collect::<Vec<_>>())
                .bind(first)
                .bind(head.hash.to_string());
            pg.execute(INSERT_PG, args).await.map_err(failed)?
        }
    };
    if written == 0 {
        return Ok(false);
    }
    if u64::try_from(count) != Ok(written) {
        return Err(StoreError::Rule("the journal was not written whole".to_owned()));
    }
    *head = next;
    Ok(true)
}
