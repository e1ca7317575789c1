//! Refunds: what may be owed, what is due, and what people and signers ask.

use crate::{
    SqlStore,
    book_part::UNEXPLAINED,
    db::{Arg, Built, Conn, all, exec, one, opt},
    group_commit::{release, savepoint},
    journal::SENT_WRITE_OFFS,
    operations, orders, refund_accounts,
    refund_change::{self, Window},
    refund_wish,
    row::{OperationRow, PaymentRow, Place, RefundRow, SentRow, convert, operation_columns, row},
    warrants,
};
use async_trait::async_trait;
use leyden_domain::{
    AccountId, Asset, Energy, Height, PaymentId, RefundId, Span, Sun, Timestamp,
    operation::{Operation, OperationState},
    order::{OrderStateKind, undelivered},
    payment::Payment,
    refund::{GuardTrip, Refund, RefundAccount, RefundObserved, SpendGuard, Spent, Subject},
};
use leyden_ports::store::{
    NewRefundAccount, OnItsWay, Page, RefundAnswer, RefundCommit, RefundCount, RefundDetail, RefundDraft,
    RefundEntry, RefundFilter, RefundStore, RefundWish, RefundWork, StoreError, StrangeTransfer, Transfer,
    Warrant, WarrantError, WishError, WriteOff,
};
use std::collections::BTreeSet;

/// Payments in solid blocks of which something may be owed and that have no refund.
pub(crate) const UNREFUNDED: &str = "SELECT * FROM payments WHERE has_refund = 0 \
     AND state IN ('over', 'under', 'late', 'second', 'suspense') AND block_height <= $1 \
     AND (block_height, id) > (COALESCE((SELECT block_height FROM payments WHERE id = $2), -1), $2) \
     ORDER BY block_height, id LIMIT $3";

/// The same of orders that cannot be served.
pub(crate) const UNSERVED: &str = "SELECT p.* FROM orders o JOIN payments p ON p.id = o.assigned_payment \
     WHERE o.state = 'refund_due' AND p.has_refund = 0 AND p.block_height <= $1 \
     ORDER BY o.created_at, o.id LIMIT $2";

/// The same of orders whose payment was undone, and came back when it was too late.
pub(crate) const REVERTED: &str = "SELECT p.* FROM orders o JOIN payments p ON p.id = o.assigned_payment \
     WHERE o.state = 'reverted' AND p.has_refund = 0 AND p.block_height <= $1 \
     ORDER BY o.created_at, o.id LIMIT $2";

/// Refunds that somebody must look at.
pub(crate) const WORK: &str = "SELECT r.* FROM refunds r JOIN payments p ON p.id = r.payment_id \
     LEFT JOIN orders o ON o.id = p.order_id LEFT JOIN operations t ON t.id = r.operation_id \
     WHERE r.id IN (SELECT id FROM refunds WHERE due_at <= $1 UNION ALL \
         SELECT id FROM refunds WHERE state IN ('due', 'sending', 'withdrawn')) AND r.id > $2 \
     AND (r.state NOT IN ('sending', 'withdrawn') \
         OR (r.state = 'sending' AND t.state IN ('solid', 'failed', 'cancelled')) \
         OR (r.state = 'withdrawn' AND p.part IS NULL \
             AND (p.state NOT IN ('settled', 'unrouted') OR o.state IN ('refund_due', 'reverted')))) \
     ORDER BY r.id LIMIT $3";

row!(
    /// A line of a refund's history.
    EntryRow {
        sequence: i64,
        at: i64,
        recorded_at: i64,
        event: String,
        from_state: Option<String>,
        to_state: String,
        by_key: Option<String>,
        note: Option<String>,
    }
);

/// A payment with what decides about it.
pub(crate) async fn subject(conn: &mut Conn, payment: Payment) -> Result<Subject, StoreError> {
    let detail = match payment.state.order() {
        Some(order) => orders::detail(conn, order).await?,
        None => None,
    };
    let delivered_for_good = detail.as_ref().is_some_and(|detail| {
        let is_final = |state| {
            matches!(state, OperationState::Solid | OperationState::Failed | OperationState::Cancelled)
        };
        detail.order.state.kind() == OrderStateKind::Active
            && undelivered(&detail.order, &detail.delegations) == Energy::ZERO
            && detail.delegations.iter().all(|delegation| is_final(delegation.state))
    });
    let (behind,): (Option<i64>,) =
        one!(conn, "SELECT read_behind FROM payments WHERE id = $1", payment.id.to_string())?;
    let read_behind = Span::from_ms(behind.unwrap_or(0));
    Ok(Subject { payment, order: detail.map(|detail| detail.order), delivered_for_good, read_behind })
}

async fn history(conn: &mut Conn, id: RefundId) -> Result<Vec<RefundEntry>, StoreError> {
    let rows: Vec<EntryRow> = all!(
        conn,
        "SELECT sequence, at, recorded_at, event, from_state, to_state, by_key, note FROM refund_events \
         WHERE refund_id = $1 ORDER BY sequence",
        id.to_string()
    )?;
    let id = id.to_string();
    let place = Place::new("refund_events", &id);
    rows.into_iter()
        .map(|row| {
            Ok(RefundEntry {
                sequence: row.sequence,
                at: Timestamp::from_ms(row.at),
                recorded_at: Timestamp::from_ms(row.recorded_at),
                from: place.parse_opt("from_state", row.from_state.as_deref())?,
                to: place.parse("to_state", &row.to_state)?,
                event: row.event,
                by: row.by_key,
                note: row.note,
            })
        })
        .collect()
}

/// The transfers of a refund, oldest first.
async fn transfers(conn: &mut Conn, id: RefundId) -> Result<Vec<Operation>, StoreError> {
    let rows: Vec<OperationRow> = all!(
        conn,
        concat!(
            "SELECT ",
            operation_columns!(),
            " FROM operations op WHERE op.refund_id = $1 ORDER BY op.created_at, op.id"
        ),
        id.to_string()
    )?;
    convert(rows)
}

/// The query for a page of refunds, newest first.
pub(crate) fn list_query(filter: &RefundFilter, page: &Page) -> Built {
    let mut query = Built::new("SELECT * FROM refunds WHERE 1 = 1");
    query.among("state", filter.states.iter().map(|state| state.name().to_owned()));
    if let Some(order) = filter.order {
        query.push(" AND order_id = ").bind(Arg::Text(order.to_string()));
    }
    if let Some(payment) = filter.payment {
        query.push(" AND payment_id = ").bind(Arg::Text(payment.to_string()));
    }
    if filter.proposed {
        query.push(" AND (proposal IS NOT NULL OR hold = 'needs_approval')");
    }
    if let Some((at, id)) = &page.after {
        query.push(" AND (created_at, id) < (").bind(Arg::Int(at.ms())).push(", ");
        query.bind(Arg::Text(id.clone())).push(")");
    }
    query.push(" ORDER BY created_at DESC, id DESC LIMIT ").bind(Arg::Int(i64::from(page.limit)));
    query
}

#[async_trait]
impl RefundStore for SqlStore {
    async fn refund(&self, id: RefundId) -> Result<Option<Refund>, StoreError> {
        let mut conn = self.db.read().await?;
        refund_change::find(&mut conn, id).await
    }

    async fn refund_of(&self, payment: PaymentId) -> Result<Option<Refund>, StoreError> {
        let mut conn = self.db.read().await?;
        refund_change::find_of(&mut conn, payment).await
    }

    async fn refund_detail(&self, id: RefundId) -> Result<Option<RefundDetail>, StoreError> {
        let mut conn = self.db.snapshot().await?;
        let Some(refund) = refund_change::find(&mut conn, id).await? else {
            conn.rollback().await?;
            return Ok(None);
        };
        let payment: Option<PaymentRow> =
            opt!(conn, "SELECT * FROM payments WHERE id = $1", refund.payment.to_string())?;
        let name = id.to_string();
        let payment = Payment::try_from(Place::new("refunds", &name).some("payment_id", payment)?)?;
        let mut sent = Vec::new();
        for operation in transfers(&mut conn, id).await? {
            let newest: Option<(String,)> = opt!(
                conn,
                "SELECT tx_id FROM attempts WHERE operation_id = $1 ORDER BY number DESC LIMIT 1",
                operation.id.to_string()
            )?;
            let tx_id =
                newest.map(|(tx_id,)| Place::new("attempts", &tx_id).parse("tx_id", &tx_id)).transpose()?;
            sent.push((operation, tx_id));
        }
        let history = history(&mut conn, id).await?;
        conn.rollback().await?;
        Ok(Some(RefundDetail { refund, payment, transfers: sent, history }))
    }

    async fn list_refunds(&self, filter: &RefundFilter, page: &Page) -> Result<Vec<Refund>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows: Vec<RefundRow> = list_query(filter, page).all(&mut conn).await?;
        convert(rows)
    }

    async fn count_refunds(&self) -> Result<Vec<RefundCount>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows: Vec<(String, Option<String>, String, i64, i64)> = all!(
            conn,
            "SELECT state, hold, asset, COUNT(*), CAST(COALESCE(SUM(owed - fee), 0) AS BIGINT) FROM refunds \
             GROUP BY state, hold, asset ORDER BY state, hold, asset"
        )?;
        rows.into_iter()
            .map(|(state, hold, asset, count, amount)| {
                let asset: Asset = Place::new("refunds", &state).parse("asset", &asset)?;
                let state = match hold {
                    Some(hold) => format!("{state}.{hold}"),
                    None => state,
                };
                Ok(RefundCount { state, asset, count: u64::try_from(count).unwrap_or(0), amount })
            })
            .collect()
    }

    async fn unrefunded(
        &self,
        solid: Height,
        after: Option<PaymentId>,
        limit: u32,
    ) -> Result<Vec<Subject>, StoreError> {
        let mut conn = self.db.snapshot().await?;
        let mut rows: Vec<PaymentRow> = Vec::new();
        if after.is_none() {
            rows = all!(conn, UNSERVED, solid.get(), i64::from(limit))?;
            let reverted: Vec<PaymentRow> = all!(conn, REVERTED, solid.get(), i64::from(limit))?;
            rows.extend(reverted);
        }
        let known: BTreeSet<String> = rows.iter().map(|row| row.id.clone()).collect();
        let after = after.map_or_else(String::new, |payment| payment.to_string());
        let more: Vec<PaymentRow> = all!(conn, UNREFUNDED, solid.get(), after, i64::from(limit))?;
        rows.extend(more.into_iter().filter(|row| !known.contains(&row.id)));
        let mut subjects = Vec::with_capacity(rows.len());
        for row in rows {
            subjects.push(subject(&mut conn, Payment::try_from(row)?).await?);
        }
        conn.rollback().await?;
        Ok(subjects)
    }

    async fn refund_work(
        &self,
        now: Timestamp,
        after: Option<RefundId>,
        limit: u32,
    ) -> Result<Vec<RefundWork>, StoreError> {
        let mut conn = self.db.snapshot().await?;
        let after = after.map_or_else(String::new, |refund| refund.to_string());
        let rows: Vec<RefundRow> = all!(conn, WORK, now.ms(), after, i64::from(limit))?;
        let mut work = Vec::with_capacity(rows.len());
        for refund in convert::<_, Refund>(rows)? {
            let payment: Option<PaymentRow> =
                opt!(conn, "SELECT * FROM payments WHERE id = $1", refund.payment.to_string())?;
            let name = refund.id.to_string();
            let payment = Place::new("refunds", &name).some("payment_id", payment)?;
            let subject = subject(&mut conn, Payment::try_from(payment)?).await?;
            let transfer = match refund.state.operation() {
                Some(operation) => operations::find(&mut conn, operation).await?,
                None => None,
            };
            work.push(RefundWork { refund, subject, transfer });
        }
        conn.rollback().await?;
        Ok(work)
    }

    async fn open_refunds(
        &self,
        drafts: Vec<RefundDraft>,
    ) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let wall = self.now();
        self.write(move |conn| {
            Box::pin(async move {
                let mut answers = Vec::with_capacity(drafts.len());
                for draft in &drafts {
                    savepoint(conn).await?;
                    let answer = refund_change::open(conn, draft, wall).await;
                    release(conn, answer.is_ok()).await?;
                    answers.push(answer);
                }
                Ok(answers)
            })
        })
        .await
    }

    async fn commit_refund(&self, commit: RefundCommit) -> Result<Result<(), GuardTrip>, StoreError> {
        let wall = self.now();
        self.write(move |conn| Box::pin(async move { refund_change::apply(conn, &commit, wall).await })).await
    }

    async fn wish(&self, wish: RefundWish) -> Result<RefundAnswer, WishError> {
        let wall = self.now();
        self.write(move |conn| Box::pin(async move { refund_wish::carry_out(conn, &wish, wall).await })).await
    }

    async fn spent(&self, asset: Asset, now: Timestamp, token_fee: Sun) -> Result<Spent, StoreError> {
        let mut conn = self.db.snapshot().await?;
        let window = Window { now, until: None, but: None };
        let spent = refund_change::spent(&mut conn, asset, window, token_fee).await;
        conn.rollback().await?;
        spent
    }

    async fn on_its_way(&self) -> Result<OnItsWay, StoreError> {
        let mut conn = self.db.read().await?;
        let (trx, usdt, usdt_transfers): (i64, i64, i64) = one!(
            conn,
            "SELECT CAST(COALESCE(SUM(CASE WHEN asset = 'TRX' THEN owed - fee ELSE 0 END), 0) AS BIGINT), \
             CAST(COALESCE(SUM(CASE WHEN asset = 'USDT' THEN owed - fee ELSE 0 END), 0) AS BIGINT), \
             CAST(COALESCE(SUM(CASE WHEN asset = 'USDT' THEN 1 ELSE 0 END), 0) AS BIGINT) \
             FROM refunds WHERE state = 'sending'"
        )?;
        Ok(OnItsWay { trx, usdt, usdt_transfers })
    }

    async fn strange_transfers(&self, limit: u32) -> Result<Vec<StrangeTransfer>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows: Vec<SentRow> = all!(conn, UNEXPLAINED, i64::from(limit))?;
        rows.iter().map(|row| row.sent().map(|(head, sent)| StrangeTransfer { head, sent })).collect()
    }

    async fn write_off(&self, write_off: WriteOff) -> Result<bool, StoreError> {
        let now = self.now();
        self.write(move |conn| {
            Box::pin(async move {
                let tx_id = write_off.tx_id.to_string();
                let known: Option<(String,)> =
                    opt!(conn, "SELECT tx_id FROM sent_transfers WHERE tx_id = $1 LIMIT 1", tx_id.clone())?;
                if known.is_none() {
                    return Ok(false);
                }
                let made = exec!(
                    conn,
                    "INSERT INTO sent_write_offs (tx_id, by_key, reason, at) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (tx_id) DO NOTHING",
                    tx_id.clone(),
                    write_off.operator.key.to_string(),
                    write_off.operator.reason.clone(),
                    now.ms(),
                )?;
                if made == 1 {
                    conn.journal().made(&SENT_WRITE_OFFS, &tx_id);
                }
                exec!(conn, "UPDATE sent_transfers SET unexplained = NULL WHERE tx_id = $1", tx_id)?;
                Ok(true)
            })
        })
        .await
    }

    async fn warrant(&self, transfer: Transfer, guard: SpendGuard) -> Result<Warrant, WarrantError> {
        let mut conn = self.db.snapshot().await?;
        let answer = warrants::warrant(&mut conn, transfer, guard).await;
        conn.rollback().await?;
        answer
    }

    async fn upsert_refund_account(
        &self,
        new: NewRefundAccount,
        now: Timestamp,
    ) -> Result<RefundAccount, StoreError> {
        self.write(move |conn| Box::pin(async move { refund_accounts::upsert(conn, &new, now).await })).await
    }

    async fn refund_accounts(&self) -> Result<Vec<RefundAccount>, StoreError> {
        let mut conn = self.db.read().await?;
        refund_accounts::list(&mut conn).await
    }

    async fn observe_refund_account(
        &self,
        id: AccountId,
        observed: RefundObserved,
    ) -> Result<(), StoreError> {
        self.write_as(leyden_ports::store::Durability::Relaxed, move |conn| {
            Box::pin(async move { refund_accounts::observe(conn, id, observed).await })
        })
        .await
    }

    async fn set_refund_account_unfit(&self, id: AccountId, why: Option<String>) -> Result<(), StoreError> {
        self.write(move |conn| Box::pin(async move { refund_accounts::set_unfit(conn, id, why).await })).await
    }
}
