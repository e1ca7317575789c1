//! Halts, and what is counted against the limits that raise them. [`refuse`] is what every write calls that begins to
//! move money; it reads in that write's own transaction, behind the one lock that all writers share, so a halt that was
//! answered is a halt that holds.

use crate::{
    SqlStore, book_part,
    db::{Conn, all, exec, one, opt},
    journal::HALTS,
    row::{Place, convert, row},
};
use async_trait::async_trait;
use leyden_domain::{
    Asset, HaltId, OrderId, Timestamp,
    halt::{Halt, HaltCause, Lift, Meter, MoneyAct, stopped_by},
};
use leyden_ports::store::{BookPart, HaltStore, LiftRefusal, NewHalt, Page, Raised, StoreError};

row!(
    /// A halt.
    HaltRow {
        id: String,
        cause: String,
        detail: String,
        evidence: String,
        since: i64,
        raised_by: String,
        lifted_at: Option<i64>,
        lifted_by: Option<String>,
        lift_reason: Option<String>,
    }
);

impl TryFrom<HaltRow> for Halt {
    type Error = StoreError;

    fn try_from(row: HaltRow) -> Result<Self, StoreError> {
        let place = Place::new("halts", &row.id);
        let lifted = match (row.lifted_at, row.lifted_by, row.lift_reason) {
            (None, None, None) => None,
            (Some(at), Some(by), Some(reason)) => Some(Lift { at: Timestamp::from_ms(at), by, reason }),
            _ => return Err(place.bad("lifted_at")),
        };
        Ok(Self {
            id: place.parse("id", &row.id)?,
            cause: place.parse("cause", &row.cause)?,
            detail: row.detail,
            evidence: row.evidence.lines().map(str::to_owned).collect(),
            since: Timestamp::from_ms(row.since),
            raised_by: row.raised_by,
            lifted,
        })
    }
}

/// The open halt that stops an act, if one does.
pub(crate) async fn stop(conn: &mut Conn, act: MoneyAct) -> Result<Option<HaltCause>, StoreError> {
    let open: Vec<(String,)> = all!(conn, "SELECT cause FROM halts WHERE lifted_at IS NULL")?;
    let causes = open
        .iter()
        .map(|(cause,)| Place::new("halts", cause).parse("cause", cause))
        .collect::<Result<Vec<HaltCause>, _>>()?;
    Ok(stopped_by(causes, act))
}

/// Refuses an act that a halt stops. To be called by every write that would begin one.
pub(crate) async fn refuse(conn: &mut Conn, act: MoneyAct) -> Result<(), StoreError> {
    match stop(conn, act).await? {
        Some(cause) => Err(StoreError::Halted(cause)),
        None => Ok(()),
    }
}

async fn find(conn: &mut Conn, id: HaltId) -> Result<Option<Halt>, StoreError> {
    let row: Option<HaltRow> = opt!(conn, "SELECT * FROM halts WHERE id = $1", id.to_string())?;
    row.map(Halt::try_from).transpose()
}

async fn raise(conn: &mut Conn, new: &NewHalt) -> Result<Raised, StoreError> {
    let evidence: Vec<String> = new.evidence.iter().map(|line| line.replace(['\n', '\r'], " ")).collect();
    let made = exec!(
        conn,
        "INSERT INTO halts (id, cause, detail, evidence, since, raised_by) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT DO NOTHING",
        new.id.to_string(),
        new.cause.name(),
        new.detail.clone(),
        evidence.join("\n"),
        new.at.ms(),
        new.by.clone(),
    )?;
    if made == 1 {
        conn.journal().made(&HALTS, new.id);
    }
    let row: Option<HaltRow> =
        opt!(conn, "SELECT * FROM halts WHERE cause = $1 AND lifted_at IS NULL", new.cause.name())?;
    let halt = Halt::try_from(Place::new("halts", new.cause.name()).some("cause", row)?)?;
    Ok(if halt.id == new.id { Raised::Fresh(halt) } else { Raised::Open(halt) })
}

async fn lift(conn: &mut Conn, id: HaltId, lift: &Lift) -> Result<Halt, LiftRefusal> {
    let lifted = exec!(
        conn,
        "UPDATE halts SET lifted_at = $2, lifted_by = $3, lift_reason = $4 \
         WHERE id = $1 AND lifted_at IS NULL",
        id.to_string(),
        lift.at.ms(),
        lift.by.clone(),
        lift.reason.clone(),
    )?;
    if lifted == 1 {
        conn.journal().changed(&HALTS, id);
    }
    let halt = find(conn, id).await?.ok_or(LiftRefusal::NoHalt)?;
    if lifted == 1 { Ok(halt) } else { Err(LiftRefusal::NotOpen(Box::new(halt))) }
}

#[async_trait]
impl HaltStore for SqlStore {
    async fn open_halts(&self) -> Result<Vec<Halt>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows: Vec<HaltRow> =
            all!(conn, "SELECT * FROM halts WHERE lifted_at IS NULL ORDER BY since, id")?;
        convert(rows)
    }

    async fn list_halts(&self, page: &Page) -> Result<Vec<Halt>, StoreError> {
        let mut conn = self.db.read().await?;
        let (at, id) =
            page.after.as_ref().map_or((i64::MAX, String::new()), |(at, id)| (at.ms(), id.clone()));
        let rows: Vec<HaltRow> = all!(
            conn,
            "SELECT * FROM halts WHERE (since, id) < ($1, $2) ORDER BY since DESC, id DESC LIMIT $3",
            at,
            id,
            i64::from(page.limit),
        )?;
        convert(rows)
    }

    async fn halt(&self, id: HaltId) -> Result<Option<Halt>, StoreError> {
        let mut conn = self.db.read().await?;
        find(&mut conn, id).await
    }

    async fn raise_halt(&self, new: NewHalt) -> Result<Raised, StoreError> {
        self.write(move |conn| Box::pin(async move { raise(conn, &new).await })).await
    }

    async fn lift_halt(&self, id: HaltId, how: Lift) -> Result<Halt, LiftRefusal> {
        self.write(move |conn| Box::pin(async move { lift(conn, id, &how).await })).await
    }

    async fn last_lift(&self, cause: HaltCause) -> Result<Option<Timestamp>, StoreError> {
        let mut conn = self.db.read().await?;
        let (last,): (Option<i64>,) =
            one!(conn, "SELECT MAX(lifted_at) FROM halts WHERE cause = $1", cause.name())?;
        Ok(last.map(Timestamp::from_ms))
    }

    async fn lifted_evidence(&self, cause: HaltCause, limit: u32) -> Result<Vec<String>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows: Vec<(String,)> = all!(
            conn,
            "SELECT evidence FROM halts WHERE cause = $1 AND lifted_at IS NOT NULL \
             ORDER BY lifted_at DESC LIMIT $2",
            cause.name(),
            i64::from(limit),
        )?;
        Ok(rows.iter().flat_map(|(evidence,)| evidence.lines().map(str::to_owned)).collect())
    }

    async fn metered(&self, meter: Meter, since: Timestamp) -> Result<i64, StoreError> {
        let mut conn = self.db.read().await?;
        let (sum,): (i64,) = match meter {
            Meter::Energy => one!(
                conn,
                "SELECT CAST(COALESCE(SUM(energy), 0) AS BIGINT) FROM operations WHERE created_at >= $1 \
                 AND kind = 'delegate' AND state NOT IN ('failed', 'cancelled')",
                since.ms()
            )?,
            Meter::Burnt => one!(
                conn,
                "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM balance_falls WHERE at >= $1",
                since.ms()
            )?,
            Meter::RefundsTrx | Meter::RefundsUsdt => one!(
                conn,
                "SELECT CAST(COALESCE(SUM(owed - fee), 0) AS BIGINT) FROM refunds \
                 WHERE asset = $2 AND spent_at >= $1",
                since.ms(),
                if meter == Meter::RefundsTrx { Asset::Trx.name() } else { Asset::Usdt.name() },
            )?,
        };
        Ok(sum)
    }

    async fn book_part(
        &self,
        after: Option<(Timestamp, OrderId)>,
        limit: u32,
    ) -> Result<BookPart, StoreError> {
        let mut conn = self.db.snapshot().await?;
        let part = book_part::read(&mut conn, after, limit).await?;
        conn.rollback().await?;
        Ok(part)
    }

    async fn forget_falls(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(move |conn| {
            Box::pin(async move { exec!(conn, "DELETE FROM balance_falls WHERE at < $1", before.ms()) })
        })
        .await
    }
}
