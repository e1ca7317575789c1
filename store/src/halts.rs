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
    halt::{Halt, HaltCause, Lift, Limit, Meter, MoneyAct, stopped_by},
    planted::{Fault, planted},
};
use leyden_ports::store::{
    BookPart, HaltStore, LiftRefusal, NewHalt, Page, Raised, ReserveCommit, StoreError,
};

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
    Ok(stopped_by(causes, act).filter(|_| !planted(Fault::HaltIgnored)))
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

/// Raises a halt, or tells the one that is open.
pub(crate) async fn raise(conn: &mut Conn, new: &NewHalt) -> Result<Raised, StoreError> {
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
    let mut halt = Halt::try_from(Place::new("halts", new.cause.name()).some("cause", row)?)?;
    if made == 1 {
        return Ok(Raised::Fresh(halt));
    }
    if halt.tell(&new.detail, &evidence, &new.by) {
        exec!(
            conn,
            "UPDATE halts SET detail = $2, evidence = $3, raised_by = $4 WHERE id = $1",
            halt.id.to_string(),
            halt.detail.clone(),
            halt.evidence.join("\n"),
            halt.raised_by.clone(),
        )?;
        conn.journal().changed(&HALTS, halt.id);
    }
    Ok(Raised::Open(halt))
}

/// Behind everything that a limit of this cause counts now.
async fn counted_up_to(conn: &mut Conn, cause: HaltCause) -> Result<Option<i64>, StoreError> {
    let (newest,): (Option<i64>,) = match cause {
        HaltCause::EnergyPerHour => one!(
            conn,
            "SELECT MAX(created_at) FROM operations WHERE kind = 'delegate' \
             AND state NOT IN ('failed', 'cancelled')"
        )?,
        HaltCause::RefundsPerHour | HaltCause::RefundsPerDay => {
            one!(conn, "SELECT MAX(spent_at) FROM refunds WHERE spent_at IS NOT NULL")?
        }
        HaltCause::BurntPerDay => one!(conn, "SELECT MAX(at) FROM balance_falls")?,
        HaltCause::Operator | HaltCause::BrokenInvariant | HaltCause::ForkBelowSolid => return Ok(None),
    };
    Ok(Some(newest.unwrap_or(-1).saturating_add(1)))
}

async fn lift(conn: &mut Conn, id: HaltId, lift: &Lift) -> Result<Halt, LiftRefusal> {
    let halt = find(conn, id).await?.ok_or(LiftRefusal::NoHalt)?;
    if halt.lifted.is_some() {
        return Err(LiftRefusal::NotOpen(Box::new(halt)));
    }
    // Whose clock is right is nobody's to say: what is counted already is what the lift has seen.
    let counts_from = counted_up_to(conn, halt.cause).await?;
    exec!(
        conn,
        "UPDATE halts SET lifted_at = $2, lifted_by = $3, lift_reason = $4, counts_from = $5 \
         WHERE id = $1 AND lifted_at IS NULL",
        id.to_string(),
        lift.at.ms(),
        lift.by.clone(),
        lift.reason.clone(),
        counts_from,
    )?;
    conn.journal().changed(&HALTS, id);
    Ok(Halt { lifted: Some(lift.clone()), ..halt })
}

async fn last_lift(conn: &mut Conn, cause: HaltCause) -> Result<Option<Timestamp>, StoreError> {
    let (last,): (Option<i64>,) =
        one!(conn, "SELECT MAX(COALESCE(counts_from, lifted_at)) FROM halts WHERE cause = $1", cause.name())?;
    Ok(last.map(Timestamp::from_ms))
}

async fn metered(conn: &mut Conn, meter: Meter, since: Timestamp) -> Result<i64, StoreError> {
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

/// Who says of a halt that it was the books themselves that refused.
const BOOKS: &str = "books";

/// What was given so far, counted once for a transaction and kept up while it goes on.
#[derive(Debug, Default)]
pub(crate) struct Given {
    counted: Vec<(Limit, i64)>,
}

impl Given {
    /// Counts what a commit would give. `Some`: it would be beyond a limit, and is to be left out while that halt is
    /// raised in the same transaction.
    pub(crate) async fn more(
        &mut self,
        conn: &mut Conn,
        commit: &ReserveCommit,
    ) -> Result<Option<NewHalt>, StoreError> {
        let Some(now) = commit.operations.iter().map(|operation| operation.created_at).min() else {
            return Ok(None);
        };
        let energy = commit.operations.iter().map(|o| o.energy.get()).fold(0, i64::saturating_add);
        for (limit, id) in &commit.limits {
            if self.counted.iter().all(|(known, _)| known != limit) {
                let from = limit.counts_from(now, last_lift(conn, limit.cause).await?);
                self.counted.push((*limit, metered(conn, limit.meter, from).await?));
            }
            let Some((_, counted)) = self.counted.iter_mut().find(|(known, _)| known == limit) else {
                continue;
            };
            let next = counted.saturating_add(energy);
            if let Some(detail) = limit.crossed(next) {
                return Ok(Some(NewHalt {
                    id: *id,
                    cause: limit.cause,
                    detail,
                    evidence: vec![limit.name()],
                    at: now,
                    by: BOOKS.to_owned(),
                }));
            }
            *counted = next;
        }
        Ok(None)
    }

    /// Forgets what was counted: some of it was taken back.
    pub(crate) fn forget(&mut self) {
        self.counted.clear();
    }
}

/// Takes names out of the evidence of lifted halts.
async fn gone(conn: &mut Conn, cause: HaltCause, names: &[String]) -> Result<(), StoreError> {
    let rows: Vec<(String, String, String)> = all!(
        conn,
        "SELECT id, evidence, gone FROM halts WHERE cause = $1 AND lifted_at IS NOT NULL ORDER BY id",
        cause.name(),
    )?;
    for (id, evidence, gone) in rows {
        let known: Vec<&str> = gone.lines().collect();
        let new = |line: &&str| names.iter().any(|name| name == line) && !known.contains(line);
        let new: Vec<&str> = evidence.lines().filter(new).collect();
        if !new.is_empty() {
            let gone: Vec<&str> = known.iter().copied().chain(new).collect();
            exec!(conn, "UPDATE halts SET gone = $2 WHERE id = $1", id.clone(), gone.join("\n"))?;
            conn.journal().changed(&HALTS, id);
        }
    }
    Ok(())
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
        last_lift(&mut conn, cause).await
    }

    async fn lifted_evidence(&self, cause: HaltCause, limit: u32) -> Result<Vec<String>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows: Vec<(String, String)> = all!(
            conn,
            "SELECT evidence, gone FROM halts WHERE cause = $1 AND lifted_at IS NOT NULL \
             ORDER BY lifted_at DESC LIMIT $2",
            cause.name(),
            i64::from(limit),
        )?;
        let seen = |(evidence, gone): &(String, String)| {
            let is_there = |line: &&str| gone.lines().all(|gone| gone != *line);
            evidence.lines().filter(is_there).map(str::to_owned).collect::<Vec<_>>()
        };
        Ok(rows.iter().flat_map(seen).collect())
    }

    async fn evidence_gone(&self, cause: HaltCause, names: Vec<String>) -> Result<(), StoreError> {
        self.write(move |conn| Box::pin(async move { gone(conn, cause, &names).await })).await
    }

    async fn metered(&self, meter: Meter, since: Timestamp) -> Result<i64, StoreError> {
        let mut conn = self.db.read().await?;
        metered(&mut conn, meter, since).await
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
