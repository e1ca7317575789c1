//! The journal, read.

use super::{accept, append::head, verify};
use crate::{
    SqlStore,
    db::{Conn, all},
    row::{Place, row},
};
use async_trait::async_trait;
use leyden_domain::{
    Timestamp,
    journal::{Entry, Head},
};
use leyden_ports::store::{Difference, JournalStore, StoreError, Verified, VerifyError};

row!(
    /// An entry.
    EntryRow { seq: i64, at: i64, kind: String, subject: String, body: String, hash: String }
);

impl TryFrom<EntryRow> for Entry {
    type Error = StoreError;

    fn try_from(row: EntryRow) -> Result<Self, StoreError> {
        let hash = Place::new("journal", &row.seq.to_string()).parse("hash", &row.hash)?;
        let at = Timestamp::from_ms(row.at);
        Ok(Self { seq: row.seq, at, kind: row.kind, subject: row.subject, body: row.body, hash })
    }
}

/// Entries behind a number, oldest first.
pub(super) async fn entries(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<Entry>, StoreError> {
    let rows: Vec<EntryRow> = all!(
        conn,
        "SELECT seq, at, kind, subject, body, hash FROM journal WHERE seq > $1 ORDER BY seq LIMIT $2",
        after,
        limit
    )?;
    rows.into_iter().map(Entry::try_from).collect()
}

#[async_trait]
impl JournalStore for SqlStore {
    async fn journal_head(&self) -> Result<Head, StoreError> {
        let mut conn = self.db.read().await?;
        head(&mut conn).await
    }

    async fn journal_entries(&self, after: i64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        let mut conn = self.db.read().await?;
        entries(&mut conn, after, i64::from(limit)).await
    }

    async fn verify(&self, from: Head) -> Result<Verified, VerifyError> {
        let mut conn = self.db.long_snapshot().await?;
        let verified = verify::run(&mut conn, from).await;
        conn.rollback().await?;
        verified
    }

    async fn accept_rows(&self, reason: &str) -> Result<Vec<Difference>, VerifyError> {
        let (now, reason) = (self.now(), reason.to_owned());
        let mut conn = self.db.long_snapshot().await?;
        let found = accept::look(&mut conn).await;
        conn.rollback().await?;
        let found = found?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        self.write(move |conn| Box::pin(async move { accept::write(conn, found, &reason, now).await })).await
    }
}
