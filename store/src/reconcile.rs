//! Comparisons of the books with the chain, and what the books know of an account and a receiver. What is
//! asked for all receivers of an account is read from the holds and operations that are alive; only where two figures
//! differ is the whole history of one pair looked through.

use crate::{
    SqlStore, blocks, carried,
    db::{Conn, all, exec, one, opt},
    repairs,
    row::{Place, row},
};
use async_trait::async_trait;
use leyden_domain::{
    AccountId, Address, Asset, Height, OrderId, ReconciliationId, RepairId, Sun, Timestamp,
    operation::Operation,
    reconcile::{Decision, Outgoings, Pair, Reconciliation, Repair, RepairState, Say, StillOpen},
};
use leyden_ports::store::{
    BlockCommit, Page, ReconcileStore, ReconciliationRow, ReconciliationWish, RepairRefusal, StoreError,
    TillFlow,
};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, BTreeSet};

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
        refund_accounts: String,
        pool_accounts: String,
        open_differences: String,
        skipped: String,
        differences: String,
    }
);

pub(crate) fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Rule(error.to_string()))
}

pub(crate) fn read_json<T: DeserializeOwned>(
    place: Place<'_>,
    column: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).or(Err(place.bad(column)))
}

impl RunRow {
    pub(crate) fn read(self) -> Result<ReconciliationRow, StoreError> {
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
            refund_accounts: read_json(place, "refund_accounts", &self.refund_accounts)?,
            pool_accounts: read_json(place, "pool_accounts", &self.pool_accounts)?,
            skipped: self.skipped.lines().map(str::to_owned).collect(),
            differences: read_json(place, "differences", &self.differences)?,
            open: read_json(place, "open_differences", &self.open_differences)?,
            asked_by: self.asked_by,
        }))
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

/// What recorded blocks above one show of our transactions. What strangers do there is in none of our figures, so it is
/// not to be taken off them.
pub(crate) const LATER: &str = "SELECT e.receiver, \
     CAST(SUM(CASE e.action WHEN 'delegate' THEN e.balance ELSE -e.balance END) AS BIGINT) FROM resource_events e \
     WHERE e.owner = $1 AND e.height > $2 AND e.action IN ('delegate', 'undelegate') AND e.resource = 'ENERGY' \
     AND EXISTS (SELECT 1 FROM attempts a WHERE a.tx_id = e.tx_id) GROUP BY e.receiver";

/// How often recorded blocks above one show a stranger between the two.
pub(crate) const STRANGERS_LATER: &str = "SELECT COUNT(*) FROM resource_events e WHERE e.owner = $1 AND e.height > $3 \
     AND e.receiver = $2 AND e.resource = 'ENERGY' AND e.action IN ('delegate', 'undelegate') \
     AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.tx_id = e.tx_id)";

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

/// What transfers from an address have sent, how many of them were of TRX, and how many calls of a contract.
pub(crate) const SENT: &str = "SELECT \
     CAST(COALESCE(SUM(CASE WHEN asset = 'TRX' AND succeeded = 1 THEN amount ELSE 0 END), 0) AS BIGINT), \
     CAST(COALESCE(SUM(CASE WHEN asset = 'TRX' THEN 1 ELSE 0 END), 0) AS BIGINT), \
     CAST(COALESCE(SUM(CASE WHEN asset = 'TRX' THEN 0 ELSE 1 END), 0) AS BIGINT) \
     FROM sent_transfers WHERE from_address = $1 AND height > $2 AND height <= $3";

/// What an address has staked, for whichever resource, and how many transactions of its concerned stake.
pub(crate) const WORKED: &str = "SELECT \
     CAST(COALESCE(SUM(CASE WHEN action = 'stake' THEN balance ELSE 0 END), 0) AS BIGINT), COUNT(*) \
     FROM resource_events WHERE owner = $1 AND height > $2 AND height <= $3";

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
    let (strangers_later,): (i64,) = one!(conn, STRANGERS_LATER, from.clone(), to.clone(), at.get())?;
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
        strangers_later,
        written_off: of(&off, &to),
        is_known: known > 0 || ours != 0,
        theirs: 0,
    })
}

/// What transfers too small to be recorded a block shows beyond those that it showed before.
#[derive(Serialize)]
struct Found {
    sun: i64,
}

/// Records that a block holds more TRX in transfers too small to be recorded than it showed before.
///
/// What is too small may have been more or less when the block was recorded. What is a payment in the books is not counted
/// here besides; and what was too small then and is among the payments `made` just now is counted here no longer.
async fn find_dust(conn: &mut Conn, commit: &BlockCommit, made: &[i64]) -> Result<bool, StoreError> {
    let dust = commit.dust.iter().filter(|dust| dust.asset == Asset::Trx);
    let dust = dust.map(|dust| dust.amount).fold(0, i64::saturating_add);
    let payments = commit.payments.iter().filter(|payment| payment.asset == Asset::Trx);
    let shown = payments.map(|payment| payment.amount).fold(dust, i64::saturating_add);
    let height = commit.head.height().get();
    let (paid,): (i64,) = one!(
        conn,
        "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM payments WHERE block_height = $1 AND asset = 'TRX'",
        height
    )?;
    let (known,): (i64,) =
        one!(conn, "SELECT trx_dust_amount + trx_dust_found FROM blocks WHERE height = $1", height)?;
    // A node may show less than another did before: only what became a payment is taken off.
    let became =
        made.iter().filter(|amount| **amount <= known).fold(0_i64, |sum, one| sum.saturating_add(*one));
    let sun = shown.saturating_sub(paid).max(known.saturating_sub(became)).max(0);
    if sun == known {
        return Ok(false);
    }
    exec!(conn, "UPDATE blocks SET trx_dust_found = $2 - trx_dust_amount WHERE height = $1", height, sun)?;
    conn.journal().told("note.dust_found", height, &Found { sun });
    Ok(sun > known)
}

/// Records what is missing of a recorded block.
async fn amend(conn: &mut Conn, commit: &BlockCommit, now: Timestamp) -> Result<u32, StoreError> {
    let head = commit.head;
    let recorded = blocks::block_at(conn, head.height()).await?.map(|row| row.head()).transpose()?;
    if recorded != Some(head) {
        return Err(StoreError::Conflict("chain"));
    }
    let (mut missing, mut made) = (0_u32, Vec::new());
    for (position, payment) in (0_i64..).zip(&commit.payments) {
        let known: Option<(i64,)> = opt!(
            conn,
            "SELECT block_height FROM payments WHERE id = $1 AND block_height IS NOT NULL",
            payment.id.to_string()
        )?;
        if known.is_none() {
            blocks::record_payment(conn, head, position, payment, commit.behind, now).await?;
            missing = missing.saturating_add(1);
            if payment.asset == Asset::Trx {
                made.push(payment.amount);
            }
        }
    }
    if find_dust(conn, commit, &made).await? {
        missing = missing.saturating_add(1);
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
        self.write(move |conn| Box::pin(async move { carried::record(conn, &done, &proposed).await })).await
    }

    async fn last_reconciliation(&self) -> Result<Option<Reconciliation>, StoreError> {
        let mut conn = self.db.read().await?;
        carried::last(&mut conn).await
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

    async fn till_between(
        &self,
        payees: &BTreeSet<Address>,
        above: Height,
        to: Height,
    ) -> Result<TillFlow, StoreError> {
        let mut conn = self.db.snapshot().await?;
        let flow = carried::till_between(&mut conn, payees, above, to).await?;
        conn.rollback().await?;
        Ok(flow)
    }

    async fn open_differences(&self) -> Result<Vec<StillOpen>, StoreError> {
        let mut conn = self.db.snapshot().await?;
        let open = carried::still_open(&mut conn).await?;
        conn.rollback().await?;
        Ok(open)
    }

    async fn amend_block(&self, block: BlockCommit, now: Timestamp) -> Result<u32, StoreError> {
        self.write(move |conn| Box::pin(async move { amend(conn, &block, now).await })).await
    }

    async fn list_repairs(&self, states: &[RepairState], page: &Page) -> Result<Vec<Repair>, StoreError> {
        let mut conn = self.db.read().await?;
        repairs::list(&mut conn, states, page).await
    }

    async fn repair(&self, id: RepairId) -> Result<Option<Repair>, StoreError> {
        let mut conn = self.db.read().await?;
        repairs::find(&mut conn, id).await
    }

    async fn last_repair(&self, subject: &str) -> Result<Option<Repair>, StoreError> {
        let mut conn = self.db.read().await?;
        repairs::last(&mut conn, subject).await
    }

    async fn decide_repair(
        &self,
        id: RepairId,
        say: Say,
        decision: Decision,
    ) -> Result<Repair, RepairRefusal> {
        self.write(move |conn| Box::pin(async move { repairs::decide(conn, id, say, decision).await })).await
    }

    async fn retake(&self, id: RepairId) -> Result<Option<Operation>, StoreError> {
        let mut conn = self.db.read().await?;
        repairs::retake(&mut conn, id).await
    }

    async fn intend_retake(&self, operation: Operation) -> Result<(), StoreError> {
        let now = self.now();
        self.write(move |conn| Box::pin(async move { repairs::intend_retake(conn, &operation, now).await }))
            .await
    }

    async fn release_lost(&self, repair: RepairId, missing: Sun) -> Result<Vec<OrderId>, StoreError> {
        let now = self.now();
        self.write(move |conn| {
            Box::pin(async move { repairs::release_lost(conn, repair, missing, now).await })
        })
        .await
    }

    async fn settle_repair(
        &self,
        id: RepairId,
        applied: bool,
        at: Timestamp,
        outcome: String,
    ) -> Result<(), StoreError> {
        self.write(move |conn| {
            Box::pin(async move { repairs::settle(conn, id, applied, at, &outcome).await })
        })
        .await
    }

    async fn left_between(&self, from: Address, above: Height, to: Height) -> Result<Outgoings, StoreError> {
        let mut conn = self.db.snapshot().await?;
        let left = carried::left_between(&mut conn, from, above, to).await?;
        conn.rollback().await?;
        Ok(left)
    }
}
