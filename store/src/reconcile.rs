//! Comparisons of the books with the chain, their repairs, and what the books know of an account and a receiver. What is
//! asked for all receivers of an account is read from the holds and operations that are alive; only where two figures
//! differ is the whole history of one pair looked through.

use crate::{
    SqlStore, blocks,
    db::{Arg, Built, Conn, all, exec, one, opt},
    journal::REPAIRS,
    row::{Place, row},
};
use async_trait::async_trait;
use leyden_domain::{
    AccountId, Address, Height, ReconciliationId, RepairId, Sun, Timestamp,
    reconcile::{Decision, Pair, Reconciliation, Repair, RepairState},
};
use leyden_ports::store::{
    BlockCommit, Page, ReconcileStore, ReconciliationRow, ReconciliationWish, RepairRefusal, StoreError,
};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

row!(
    /// A comparison.
    RunRow {
        id: String,
        asked_by: String,
        started_at: i64,
        finished_at: Option<i64>,
        height: Option<i64>,
        accounts: i64,
        pairs: i64,
        till: Option<i64>,
        till_height: Option<i64>,
        skipped: String,
        differences: String,
    }
);

row!(
    /// A repair.
    RepairRow {
        id: String,
        reconciliation_id: String,
        difference: String,
        kind: String,
        from_height: Option<i64>,
        to_height: Option<i64>,
        effect: String,
        state: String,
        proposed_at: i64,
        decided_at: Option<i64>,
        decided_by: Option<String>,
        decide_reason: Option<String>,
        settled_at: Option<i64>,
        outcome: Option<String>,
    }
);

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Rule(error.to_string()))
}

fn read_json<T: DeserializeOwned>(
    place: Place<'_>,
    column: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).or(Err(place.bad(column)))
}

impl RunRow {
    fn read(self) -> Result<ReconciliationRow, StoreError> {
        let place = Place::new("reconciliations", &self.id);
        let id: ReconciliationId = place.parse("id", &self.id)?;
        let started_at = Timestamp::from_ms(self.started_at);
        let Some(finished_at) = self.finished_at else {
            let wish = ReconciliationWish { id, at: started_at, by: self.asked_by };
            return Ok(ReconciliationRow::Wanted(wish));
        };
        Ok(ReconciliationRow::Done(Reconciliation {
            id,
            started_at,
            finished_at: Timestamp::from_ms(finished_at),
            height: self.height.map(Height::new),
            accounts: place.number("accounts", self.accounts)?,
            pairs: place.number("pairs", self.pairs)?,
            till: self.till_height.map(Height::new).zip(self.till),
            skipped: self.skipped.lines().map(str::to_owned).collect(),
            differences: read_json(place, "differences", &self.differences)?,
            asked_by: self.asked_by,
        }))
    }
}

impl RepairRow {
    fn read(self) -> Result<Repair, StoreError> {
        let place = Place::new("repairs", &self.id);
        let decision = match (self.decided_at, self.decided_by, self.decide_reason) {
            (None, None, None) => None,
            (Some(at), Some(by), Some(reason)) => Some(Decision { at: Timestamp::from_ms(at), by, reason }),
            _ => return Err(place.bad("decided_at")),
        };
        let outcome = match (self.settled_at, self.outcome) {
            (None, None) => None,
            (Some(at), Some(outcome)) => Some((Timestamp::from_ms(at), outcome)),
            _ => return Err(place.bad("settled_at")),
        };
        Ok(Repair {
            id: place.parse("id", &self.id)?,
            reconciliation: place.parse("reconciliation_id", &self.reconciliation_id)?,
            difference: read_json(place, "difference", &self.difference)?,
            kind: place.parse("kind", &self.kind)?,
            blocks: self.from_height.map(Height::new).zip(self.to_height.map(Height::new)),
            effect: self.effect,
            state: place.parse("state", &self.state)?,
            proposed_at: Timestamp::from_ms(self.proposed_at),
            decision,
            outcome,
        })
    }
}

/// What of an account's delegations is alive, by receiver: holds that became delegations, less what is being taken back.
pub(crate) const LIVE: &str = "SELECT op.receiver, CAST(SUM(r.balance) AS BIGINT) \
     FROM reservations r JOIN operations op ON op.reservation_id = r.id \
     WHERE r.account_id = $1 AND r.state = 'posted' GROUP BY op.receiver";

pub(crate) const RETURNING: &str = "SELECT receiver, CAST(SUM(balance) AS BIGINT) FROM operations \
     WHERE account_id = $1 AND state IN ('intended', 'signed', 'included') AND state = 'included' \
     AND kind = 'undelegate' GROUP BY receiver";

/// What recorded blocks show of our transactions that no operation has noted, and the other way round after a fork.
pub(crate) const IN_FLIGHT: &str = "SELECT op.receiver, CAST(SUM(CASE \
         WHEN (op.kind = 'delegate') = (op.state = 'signed') THEN op.balance ELSE -op.balance END) AS BIGINT) \
     FROM operations op JOIN attempts a ON a.operation_id = op.id AND a.dead = 0 \
     WHERE op.account_id = $1 AND op.state IN ('intended', 'signed', 'included') \
     AND op.state IN ('signed', 'included') AND op.kind IN ('delegate', 'undelegate') \
     AND (op.state = 'signed') = EXISTS (SELECT 1 FROM resource_events e WHERE e.tx_id = a.tx_id) \
     GROUP BY op.receiver";

/// What recorded blocks above one show, whoever did it.
pub(crate) const LATER: &str = "SELECT receiver, \
     CAST(SUM(CASE action WHEN 'delegate' THEN balance ELSE -balance END) AS BIGINT) FROM resource_events \
     WHERE owner = $1 AND height > $2 AND action IN ('delegate', 'undelegate') AND resource = 'ENERGY' \
     GROUP BY receiver";

pub(crate) const WRITTEN_OFF: &str = "SELECT subject, CAST(SUM(excess) AS BIGINT) FROM repairs \
     WHERE state = 'applied' AND kind = 'write_off' AND subject >= $1 AND subject < $2 GROUP BY subject";

pub(crate) const FOREIGN: &str = "SELECT \
     CAST(COALESCE(SUM(CASE e.action WHEN 'delegate' THEN e.balance ELSE -e.balance END), 0) AS BIGINT), COUNT(*) \
     FROM resource_events e WHERE e.owner = $1 AND e.height <= $3 AND e.receiver = $2 AND e.resource = 'ENERGY' \
     AND e.action IN ('delegate', 'undelegate') AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.tx_id = e.tx_id)";

pub(crate) const DOUBLED: &str = "SELECT \
     CAST(COALESCE(SUM(CASE e.action WHEN 'delegate' THEN e.balance ELSE -e.balance END), 0) AS BIGINT) \
     FROM resource_events e JOIN attempts a ON a.tx_id = e.tx_id WHERE e.owner = $1 AND e.height <= $3 \
     AND e.receiver = $2 AND e.resource = 'ENERGY' AND e.action IN ('delegate', 'undelegate') \
     AND EXISTS (SELECT 1 FROM attempts o JOIN resource_events x ON x.tx_id = o.tx_id \
         WHERE o.operation_id = a.operation_id AND o.number < a.number)";

pub(crate) const UNDONE: &str = "SELECT CAST(COALESCE(SUM(r.balance), 0) AS BIGINT) \
     FROM reservations r JOIN operations op ON op.reservation_id = r.id \
     WHERE r.account_id = $1 AND r.state = 'posted' AND op.receiver = $2 AND op.state = 'solid' \
     AND EXISTS (SELECT 1 FROM blocks b WHERE b.height = op.delivery_height AND b.block_id <> op.delivery_block)";

pub(crate) const KNOWN: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM resource_events \
     WHERE owner = $1 AND receiver = $2 LIMIT 1) AS known";

type ByReceiver = Vec<(String, i64)>;

/// The subjects of an account's delegations begin with this.
fn prefix(owner: Address) -> (String, String) {
    // `;` is the character behind `:`.
    (format!("delegation:{owner}:"), format!("delegation:{owner};"))
}

fn add(sums: &mut BTreeMap<String, i64>, rows: ByReceiver, sign: i64) {
    for (receiver, sum) in rows {
        let total = sums.entry(receiver).or_default();
        *total = total.saturating_add(sum.saturating_mul(sign));
    }
}

/// What persons have written off, by receiver.
async fn written_off(conn: &mut Conn, owner: Address) -> Result<ByReceiver, StoreError> {
    let (from, to) = prefix(owner);
    let rows: ByReceiver = all!(conn, WRITTEN_OFF, from.clone(), to)?;
    Ok(rows
        .into_iter()
        .filter_map(|(subject, sum)| Some((subject.strip_prefix(&from)?.to_owned(), sum)))
        .collect())
}

async fn lent_by(
    conn: &mut Conn,
    account: AccountId,
    owner: Address,
    at: Height,
) -> Result<BTreeMap<Address, i64>, StoreError> {
    let mut sums = BTreeMap::new();
    let id = || account.to_string();
    add(&mut sums, all!(conn, LIVE, id())?, 1);
    add(&mut sums, all!(conn, RETURNING, id())?, -1);
    add(&mut sums, all!(conn, IN_FLIGHT, id())?, 1);
    add(&mut sums, all!(conn, LATER, owner.to_string(), at.get())?, -1);
    add(&mut sums, written_off(conn, owner).await?, 1);
    sums.into_iter()
        .filter(|(_, sum)| *sum != 0)
        .map(|(receiver, sum)| Ok((Place::new("operations", &receiver).parse("receiver", &receiver)?, sum)))
        .collect()
}

fn of(rows: &ByReceiver, receiver: &str) -> i64 {
    rows.iter().filter(|(one, _)| one == receiver).map(|(_, sum)| *sum).fold(0, i64::saturating_add)
}

async fn pair(
    conn: &mut Conn,
    account: AccountId,
    owner: Address,
    receiver: Address,
    at: Height,
) -> Result<Pair, StoreError> {
    let (id, to, from) = (account.to_string(), receiver.to_string(), owner.to_string());
    let live: ByReceiver = all!(conn, LIVE, id.clone())?;
    let returning: ByReceiver = all!(conn, RETURNING, id.clone())?;
    let in_flight: ByReceiver = all!(conn, IN_FLIGHT, id.clone())?;
    let later: ByReceiver = all!(conn, LATER, from.clone(), at.get())?;
    let off = written_off(conn, owner).await?;
    let (foreign, _): (i64, i64) = one!(conn, FOREIGN, from.clone(), to.clone(), at.get())?;
    let (doubled,): (i64,) = one!(conn, DOUBLED, from.clone(), to.clone(), at.get())?;
    let (undone,): (i64,) = one!(conn, UNDONE, id, to.clone())?;
    let (known,): (i64,) = one!(conn, KNOWN, from, to.clone())?;
    let ours = of(&live, &to).saturating_sub(of(&returning, &to));
    Ok(Pair {
        ours,
        in_flight: of(&in_flight, &to),
        doubled,
        undone,
        foreign,
        later: of(&later, &to),
        written_off: of(&off, &to),
        is_known: known > 0 || ours != 0,
        theirs: 0,
    })
}

async fn record(
    conn: &mut Conn,
    done: &Reconciliation,
    proposed: &[Repair],
) -> Result<Vec<Repair>, StoreError> {
    exec!(
        conn,
        "INSERT INTO reconciliations (id, asked_by, started_at, finished_at, height, accounts, pairs, till, till_height, skipped, \
         differences) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (id) DO UPDATE SET finished_at = excluded.finished_at, height = excluded.height, \
         accounts = excluded.accounts, pairs = excluded.pairs, till = excluded.till, till_height = excluded.till_height, skipped = excluded.skipped, \
         differences = excluded.differences WHERE reconciliations.finished_at IS NULL",
        done.id.to_string(),
        done.asked_by.clone(),
        done.started_at.ms(),
        done.finished_at.ms(),
        done.height.map(Height::get),
        i64::from(done.accounts),
        i64::from(done.pairs),
        done.till.map(|(_, sum)| sum),
        done.till.map(|(height, _)| height.get()),
        done.skipped.join("\n"),
        json(&done.differences)?,
    )?;
    let mut kept = Vec::new();
    for repair in proposed {
        let made = exec!(
            conn,
            "INSERT INTO repairs (id, reconciliation_id, subject, difference, excess, kind, from_height, to_height, \
             effect, state, proposed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
            repair.id.to_string(),
            repair.reconciliation.to_string(),
            repair.difference.subject(),
            json(&repair.difference)?,
            repair.difference.excess(),
            repair.kind.name(),
            repair.blocks.map(|(from, _)| from.get()),
            repair.blocks.map(|(_, to)| to.get()),
            repair.effect.clone(),
            repair.state.name(),
            repair.proposed_at.ms(),
        )?;
        if made == 1 {
            conn.journal().made(&REPAIRS, repair.id);
            kept.push(repair.clone());
        }
    }
    Ok(kept)
}

async fn find(conn: &mut Conn, id: RepairId) -> Result<Option<Repair>, StoreError> {
    let row: Option<RepairRow> = opt!(conn, "SELECT * FROM repairs WHERE id = $1", id.to_string())?;
    row.map(RepairRow::read).transpose()
}

async fn decide(
    conn: &mut Conn,
    id: RepairId,
    approve: bool,
    decision: &Decision,
) -> Result<Repair, RepairRefusal> {
    let state = if approve { RepairState::Approved } else { RepairState::Rejected };
    let changed = exec!(
        conn,
        "UPDATE repairs SET state = $2, decided_at = $3, decided_by = $4, decide_reason = $5 \
         WHERE id = $1 AND state = 'proposed'",
        id.to_string(),
        state.name(),
        decision.at.ms(),
        decision.by.clone(),
        decision.reason.clone(),
    )?;
    let repair = find(conn, id).await?.ok_or(RepairRefusal::NoRepair)?;
    if changed == 0 {
        return Err(RepairRefusal::NotProposed(Box::new(repair)));
    }
    conn.journal().changed(&REPAIRS, id);
    Ok(repair)
}

async fn settle(
    conn: &mut Conn,
    id: RepairId,
    applied: bool,
    at: Timestamp,
    outcome: &str,
) -> Result<(), StoreError> {
    let state = if applied { RepairState::Applied } else { RepairState::Failed };
    let changed = exec!(
        conn,
        "UPDATE repairs SET state = $2, settled_at = $3, outcome = $4 WHERE id = $1 AND state = 'approved'",
        id.to_string(),
        state.name(),
        at.ms(),
        outcome.to_owned(),
    )?;
    if changed == 0 {
        return Err(StoreError::Conflict("repair"));
    }
    conn.journal().changed(&REPAIRS, id);
    Ok(())
}

/// Records what is missing of a recorded block.
async fn amend(conn: &mut Conn, commit: &BlockCommit, now: Timestamp) -> Result<u32, StoreError> {
    let head = commit.head;
    let recorded = blocks::block_at(conn, head.height()).await?.map(|row| row.head()).transpose()?;
    if recorded != Some(head) {
        return Err(StoreError::Conflict("chain"));
    }
    let mut missing = 0_u32;
    for (position, payment) in (0_i64..).zip(&commit.payments) {
        let known: Option<(i64,)> = opt!(
            conn,
            "SELECT block_height FROM payments WHERE id = $1 AND block_height IS NOT NULL",
            payment.id.to_string()
        )?;
        if known.is_none() {
            blocks::record_payment(conn, head, position, payment, now).await?;
            missing = missing.saturating_add(1);
        }
    }
    let (last,): (Option<i64>,) =
        one!(conn, "SELECT MAX(position) FROM resource_events WHERE height = $1", head.height().get())?;
    let mut position = last.unwrap_or(-1);
    for event in &commit.resource_events {
        let known: Option<(i64,)> = opt!(
            conn,
            "SELECT height FROM resource_events WHERE tx_id = $1 LIMIT 1",
            event.tx_id.to_string()
        )?;
        if known.is_none() {
            position = position.saturating_add(1);
            blocks::record_event(conn, head, position, event).await?;
            missing = missing.saturating_add(1);
        }
    }
    Ok(missing)
}

/// The query for a page of repairs.
pub(crate) fn repairs_query(states: &[RepairState], page: &Page) -> Built {
    let mut query = Built::new("SELECT * FROM repairs WHERE 1 = 1");
    query.among("state", states.iter().map(|state| state.name().to_owned()));
    if let Some((at, id)) = &page.after {
        query.push(" AND (proposed_at, id) < (").bind(Arg::Int(at.ms())).push(", ");
        query.bind(Arg::Text(id.clone())).push(")");
    }
    query.push(" ORDER BY proposed_at DESC, id DESC LIMIT ").bind(Arg::Int(i64::from(page.limit)));
    query
}

#[async_trait]
impl ReconcileStore for SqlStore {
    async fn want_reconciliation(&self, wish: ReconciliationWish) -> Result<(), StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                exec!(
                    conn,
                    "INSERT INTO reconciliations (id, asked_by, started_at, accounts, pairs, skipped, differences) \
                     VALUES ($1, $2, $3, 0, 0, '', '[]')",
                    wish.id.to_string(),
                    wish.by.clone(),
                    wish.at.ms(),
                )
                .map(drop)
            })
        })
        .await
    }

    async fn wanted_reconciliation(&self) -> Result<Option<ReconciliationWish>, StoreError> {
        let mut conn = self.db.read().await?;
        let row: Option<RunRow> = opt!(
            conn,
            "SELECT * FROM reconciliations WHERE finished_at IS NULL ORDER BY started_at, id LIMIT 1"
        )?;
        Ok(match row.map(RunRow::read).transpose()? {
            Some(ReconciliationRow::Wanted(wish)) => Some(wish),
            Some(ReconciliationRow::Done(_)) | None => None,
        })
    }

    async fn record_reconciliation(
        &self,
        done: Reconciliation,
        proposed: Vec<Repair>,
    ) -> Result<Vec<Repair>, StoreError> {
        self.write(move |conn| Box::pin(async move { record(conn, &done, &proposed).await })).await
    }

    async fn last_reconciliation(&self) -> Result<Option<Reconciliation>, StoreError> {
        let mut conn = self.db.read().await?;
        let row: Option<RunRow> = opt!(
            conn,
            "SELECT * FROM reconciliations WHERE finished_at IS NOT NULL ORDER BY finished_at DESC, id DESC LIMIT 1"
        )?;
        Ok(match row.map(RunRow::read).transpose()? {
            Some(ReconciliationRow::Done(done)) => Some(done),
            Some(ReconciliationRow::Wanted(_)) | None => None,
        })
    }

    async fn last_till(&self) -> Result<Option<(Height, i64)>, StoreError> {
        let mut conn = self.db.read().await?;
        let row: Option<(i64, i64)> = opt!(
            conn,
            "SELECT till_height, till FROM reconciliations WHERE till IS NOT NULL AND till_height IS NOT NULL \
             ORDER BY finished_at DESC, id DESC LIMIT 1"
        )?;
        Ok(row.map(|(height, sum)| (Height::new(height), sum)))
    }

    async fn reconciliation(&self, id: ReconciliationId) -> Result<Option<ReconciliationRow>, StoreError> {
        let mut conn = self.db.read().await?;
        let row: Option<RunRow> = opt!(conn, "SELECT * FROM reconciliations WHERE id = $1", id.to_string())?;
        row.map(RunRow::read).transpose()
    }

    async fn list_reconciliations(&self, page: &Page) -> Result<Vec<ReconciliationRow>, StoreError> {
        let mut conn = self.db.read().await?;
        let (at, id) =
            page.after.as_ref().map_or((i64::MAX, String::new()), |(at, id)| (at.ms(), id.clone()));
        let rows: Vec<RunRow> = all!(
            conn,
            "SELECT * FROM reconciliations WHERE (started_at, id) < ($1, $2) \
             ORDER BY started_at DESC, id DESC LIMIT $3",
            at,
            id,
            i64::from(page.limit),
        )?;
        rows.into_iter().map(RunRow::read).collect()
    }

    async fn lent_by(
        &self,
        account: AccountId,
        owner: Address,
        at: Height,
    ) -> Result<BTreeMap<Address, i64>, StoreError> {
        let mut conn = self.db.snapshot().await?;
        let sums = lent_by(&mut conn, account, owner, at).await?;
        conn.rollback().await?;
        Ok(sums)
    }

    async fn pair(
        &self,
        account: AccountId,
        owner: Address,
        receiver: Address,
        at: Height,
    ) -> Result<Pair, StoreError> {
        let mut conn = self.db.snapshot().await?;
        let pair = pair(&mut conn, account, owner, receiver, at).await?;
        conn.rollback().await?;
        Ok(pair)
    }

    async fn till_between(&self, above: Height, to: Height) -> Result<Sun, StoreError> {
        let mut conn = self.db.snapshot().await?;
        let (paid,): (i64,) = one!(
            conn,
            "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM payments \
             WHERE block_height > $1 AND block_height <= $2 AND asset = 'TRX'",
            above.get(),
            to.get(),
        )?;
        let (dust,): (i64,) = one!(
            conn,
            "SELECT CAST(COALESCE(SUM(trx_dust_amount), 0) AS BIGINT) FROM blocks \
             WHERE height > $1 AND height <= $2",
            above.get(),
            to.get(),
        )?;
        conn.rollback().await?;
        Ok(Sun::new(paid.saturating_add(dust)))
    }

    async fn amend_block(&self, block: BlockCommit, now: Timestamp) -> Result<u32, StoreError> {
        self.write(move |conn| Box::pin(async move { amend(conn, &block, now).await })).await
    }

    async fn list_repairs(&self, states: &[RepairState], page: &Page) -> Result<Vec<Repair>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows: Vec<RepairRow> = repairs_query(states, page).all(&mut conn).await?;
        rows.into_iter().map(RepairRow::read).collect()
    }

    async fn repair(&self, id: RepairId) -> Result<Option<Repair>, StoreError> {
        let mut conn = self.db.read().await?;
        find(&mut conn, id).await
    }

    async fn last_repair(&self, subject: &str) -> Result<Option<Repair>, StoreError> {
        let mut conn = self.db.read().await?;
        let row: Option<RepairRow> = opt!(
            conn,
            "SELECT * FROM repairs WHERE subject = $1 ORDER BY proposed_at DESC, id DESC LIMIT 1",
            subject.to_owned()
        )?;
        row.map(RepairRow::read).transpose()
    }

    async fn decide_repair(
        &self,
        id: RepairId,
        approve: bool,
        decision: Decision,
    ) -> Result<Repair, RepairRefusal> {
        self.write(move |conn| Box::pin(async move { decide(conn, id, approve, &decision).await })).await
    }

    async fn settle_repair(
        &self,
        id: RepairId,
        applied: bool,
        at: Timestamp,
        outcome: String,
    ) -> Result<(), StoreError> {
        self.write(move |conn| Box::pin(async move { settle(conn, id, applied, at, &outcome).await })).await
    }
}
