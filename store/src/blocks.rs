//! The recorded chain: blocks with everything derived from them, and undoing them.

use crate::{
    SqlStore,
    db::{Conn, all, exec, opt},
    halts::Given,
    journal::{BLOCKS, CHAIN_CURSOR, ORDERS, PAYMENTS, RESOURCE_EVENTS, SENT_TRANSFERS},
    row::{BlockRow, Place, row},
    settle::Settling,
};
use async_trait::async_trait;
use leyden_domain::{
    Asset, BlockRef, Height, OrderId, Span, Sun, Timestamp,
    chain::{Head, Resource, ResourceAction, ResourceEvent, SentTransfer},
    journal::Image,
    operation::ChainView,
    payment::Payment,
    planted::{Fault, planted},
};
use leyden_ports::store::{
    BlockCommit, BlockStore, ChainPosition, Durability, RewindReport, Settled, Settlement, StoreError,
};
use std::{collections::BTreeSet, sync::Arc};

row!(
    /// Where reading began and what is solid.
    CursorRow { first_height: i64, solid_block: String, solid_height: i64, solid_time: i64 }
);

impl CursorRow {
    fn solid(&self) -> Result<Head, StoreError> {
        let block =
            Place::new("chain_cursor", "1").block("solid_block", &self.solid_block, self.solid_height)?;
        Ok(Head { block, timestamp: Timestamp::from_ms(self.solid_time) })
    }
}

async fn cursor(conn: &mut Conn) -> Result<Option<CursorRow>, StoreError> {
    opt!(conn, "SELECT first_height, solid_block, solid_height, solid_time FROM chain_cursor WHERE id = 1")
}

/// The newest recorded block.
async fn tip(conn: &mut Conn) -> Result<Option<BlockRow>, StoreError> {
    opt!(conn, "SELECT height, block_id, parent_id, block_time FROM blocks ORDER BY height DESC LIMIT 1")
}

/// The recorded block at a height.
pub(crate) async fn block_at(conn: &mut Conn, height: Height) -> Result<Option<BlockRow>, StoreError> {
    opt!(conn, "SELECT height, block_id, parent_id, block_time FROM blocks WHERE height = $1", height.get())
}

/// The newest solid block, where any is known.
pub(crate) async fn solid(conn: &mut Conn) -> Result<Option<Head>, StoreError> {
    cursor(conn).await?.map(|row| row.solid()).transpose()
}

/// How far the chain was read; the connection must be in a transaction.
async fn position(conn: &mut Conn) -> Result<Option<ChainPosition>, StoreError> {
    let Some(cursor) = cursor(conn).await? else { return Ok(None) };
    let window: Vec<BlockRow> = all!(
        conn,
        "SELECT height, block_id, parent_id, block_time FROM blocks WHERE height >= $1 ORDER BY height",
        cursor.solid_height
    )?;
    let window = window.iter().map(BlockRow::head).collect::<Result<Vec<_>, _>>()?;
    let newest = match window.last() {
        Some(head) => *head,
        None => return Err(Place::new("chain_cursor", "1").bad("solid_height")),
    };
    Ok(Some(ChainPosition {
        view: ChainView { head: newest, solid: cursor.solid()? },
        window: window.into_iter().map(|head| head.block).collect(),
        first: Height::new(cursor.first_height),
    }))
}

/// Records a block behind the newest one.
async fn record(conn: &mut Conn, commit: &BlockCommit, now: Timestamp) -> Result<(), StoreError> {
    let head = commit.head;
    let dust = |asset: Asset| {
        commit.dust.iter().filter(|dust| dust.asset == asset).fold((0_i64, 0_i64), |(count, amount), dust| {
            (count.saturating_add(i64::from(dust.count)), amount.saturating_add(dust.amount))
        })
    };
    let (trx, usdt) = (dust(Asset::Trx), dust(Asset::Usdt));
    exec!(
        conn,
        "INSERT INTO blocks (height, block_id, parent_id, block_time, transactions, trx_dust_count, \
         trx_dust_amount, usdt_dust_count, usdt_dust_amount, recorded_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        head.height().get(),
        head.block.id().to_string(),
        commit.parent.to_string(),
        head.timestamp.ms(),
        i64::from(commit.transactions),
        trx.0,
        trx.1,
        usdt.0,
        usdt.1,
        now.ms(),
    )?;
    let image = Image::default()
        .with("height", head.height().get())
        .with("block_id", head.block.id().to_string())
        .with("parent_id", commit.parent.to_string())
        .with("block_time", head.timestamp.ms())
        .with("transactions", i64::from(commit.transactions))
        .with("trx_dust_count", trx.0)
        .with("trx_dust_amount", trx.1)
        .with("usdt_dust_count", usdt.0)
        .with("usdt_dust_amount", usdt.1)
        .with("recorded_at", now.ms());
    conn.journal().made_as(&BLOCKS, head.height().get(), image);
    for (position, payment) in (0_i64..).zip(&commit.payments) {
        record_payment(conn, head, position, payment, commit.behind, now).await?;
    }
    for (position, event) in (0_i64..).zip(&commit.resource_events) {
        record_event(conn, head, position, event).await?;
    }
    for (position, sent) in (0_i64..).zip(&commit.sent) {
        record_sent(conn, head, position, sent).await?;
    }
    Ok(())
}

/// Records a payment, or that one we know has its place in this block now.
pub(crate) async fn record_payment(
    conn: &mut Conn,
    head: Head,
    position: i64,
    payment: &Payment,
    behind: Span,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (height, time, block) = (head.height().get(), head.timestamp.ms(), head.block.id().to_string());
    let made = exec!(
        conn,
        "INSERT INTO payments (id, tx_id, transfer_index, asset, from_address, to_address, amount, block_id, \
         block_height, block_time, position, state, created_at, updated_at, read_behind, evidence) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'unrouted', $12, $12, $13, $14) ON CONFLICT (id) DO NOTHING",
        payment.id.to_string(),
        payment.id.tx_id.to_string(),
        i64::from(payment.id.index),
        payment.asset.name(),
        payment.from.to_string(),
        payment.to.to_string(),
        payment.amount,
        block.clone(),
        height,
        time,
        position,
        now.ms(),
        Some(behind.ms()).filter(|behind| *behind > 0),
        payment.evidence.name(),
    )?;
    if made == 1 {
        conn.journal().made(&PAYMENTS, payment.id);
        return Ok(());
    }
    let order: Option<(Option<String>,)> = opt!(
        conn,
        "UPDATE payments SET block_id = $2, block_height = $3, block_time = $4, position = $5, updated_at = $6, \
         evidence = $7 WHERE id = $1 RETURNING order_id",
        payment.id.to_string(),
        block.clone(),
        height,
        time,
        position,
        now.ms(),
        payment.evidence.name(),
    )?;
    conn.journal().changed(&PAYMENTS, payment.id);
    if let Some((Some(order),)) = order {
        let changed = exec!(
            conn,
            "UPDATE orders SET payment_block = $3, payment_height = $4, payment_time = $5 \
             WHERE id = $1 AND assigned_payment = $2",
            order.clone(),
            payment.id.to_string(),
            block,
            height,
            time,
        )?;
        if changed == 1 {
            conn.journal().changed(&ORDERS, order);
        }
    }
    Ok(())
}

pub(crate) async fn record_event(
    conn: &mut Conn,
    head: Head,
    position: i64,
    event: &ResourceEvent,
) -> Result<(), StoreError> {
    let (receiver, resource, balance, lock) = match event.action {
        ResourceAction::Stake { resource, balance } | ResourceAction::Unstake { resource, balance } => {
            (None, Some(resource), Some(balance), None)
        }
        ResourceAction::Withdraw | ResourceAction::CancelUnstake => (None, None, None, None),
        ResourceAction::Delegate { receiver, resource, balance, lock } => {
            (Some(receiver), Some(resource), Some(balance), lock)
        }
        ResourceAction::Undelegate { receiver, resource, balance } => {
            (Some(receiver), Some(resource), Some(balance), None)
        }
    };
    exec!(
        conn,
        "INSERT INTO resource_events (height, position, block_id, block_time, tx_id, owner, action, receiver, \
         resource, balance, lock_blocks) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        head.height().get(),
        position,
        head.block.id().to_string(),
        head.timestamp.ms(),
        event.tx_id.to_string(),
        event.owner.to_string(),
        event.action.name(),
        receiver.map(|receiver| receiver.to_string()),
        resource.map(Resource::name),
        balance.map(Sun::get),
        lock.map(|lock| lock.period_blocks),
    )?;
    let image = Image::default()
        .with("height", head.height().get())
        .with("position", position)
        .with("block_id", head.block.id().to_string())
        .with("block_time", head.timestamp.ms())
        .with("tx_id", event.tx_id.to_string())
        .with("owner", event.owner.to_string())
        .with("action", event.action.name())
        .with("receiver", receiver.map(|receiver| receiver.to_string()))
        .with("resource", resource.map(Resource::name))
        .with("balance", balance.map(Sun::get))
        .with("lock_blocks", lock.map(|lock| lock.period_blocks));
    conn.journal().made_as(&RESOURCE_EVENTS, format_args!("{}:{position}", head.height().get()), image);
    Ok(())
}

async fn record_sent(
    conn: &mut Conn,
    head: Head,
    position: i64,
    sent: &SentTransfer,
) -> Result<(), StoreError> {
    exec!(
        conn,
        "INSERT INTO sent_transfers (height, position, block_id, block_time, tx_id, asset, from_address, to_address, \
         amount, succeeded, unexplained) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
         CASE WHEN CAST($10 AS BIGINT) = 1 AND EXISTS (SELECT 1 FROM refund_accounts WHERE address = $7) \
         AND NOT EXISTS (SELECT 1 FROM attempts WHERE tx_id = $5) \
         AND NOT EXISTS (SELECT 1 FROM sent_write_offs WHERE tx_id = $5) THEN 1 END)",
        head.height().get(),
        position,
        head.block.id().to_string(),
        head.timestamp.ms(),
        sent.tx_id.to_string(),
        sent.asset.name(),
        sent.from.to_string(),
        sent.to.to_string(),
        sent.amount,
        i64::from(sent.succeeded),
    )?;
    let image = Image::default()
        .with("height", head.height().get())
        .with("position", position)
        .with("block_id", head.block.id().to_string())
        .with("block_time", head.timestamp.ms())
        .with("tx_id", sent.tx_id.to_string())
        .with("asset", sent.asset.name())
        .with("from_address", sent.from.to_string())
        .with("to_address", sent.to.to_string())
        .with("amount", sent.amount)
        .with("succeeded", i64::from(sent.succeeded));
    conn.journal().made_as(&SENT_TRANSFERS, format_args!("{}:{position}", head.height().get()), image);
    Ok(())
}

/// Writes the new solid block: never above the newest recorded one, never back, and never one that our own chain
/// contradicts.
async fn write_solid(conn: &mut Conn, solid: Head, newest: Head, now: Timestamp) -> Result<(), StoreError> {
    let mut solid = if solid.height() > newest.height() { newest } else { solid };
    if let Some(ours) = block_at(conn, solid.height()).await? {
        let ours = ours.head()?;
        if ours.block != solid.block {
            return Ok(());
        }
        solid = ours;
    }
    let changed = exec!(
        conn,
        "UPDATE chain_cursor SET solid_block = $1, solid_height = $2, solid_time = $3, updated_at = $4 \
         WHERE id = 1 AND solid_height < $2",
        solid.block.id().to_string(),
        solid.height().get(),
        solid.timestamp.ms(),
        now.ms(),
    )?;
    if changed == 1 {
        conn.journal().changed_to(&CHAIN_CURSOR, 1, solid_image(solid, now));
    }
    Ok(())
}

/// The part of the cursor that moves.
fn solid_image(solid: Head, now: Timestamp) -> Image {
    Image::default()
        .with("solid_block", solid.block.id().to_string())
        .with("solid_height", solid.height().get())
        .with("solid_time", solid.timestamp.ms())
        .with("updated_at", now.ms())
}

/// Begins to record the chain with this block.
async fn begin(conn: &mut Conn, first: Head, solid: Head, now: Timestamp) -> Result<(), StoreError> {
    // What is solid below the first block is known by name only.
    let solid = if solid.height() > first.height() { first } else { solid };
    let image = solid_image(solid, now).with("id", 1).with("first_height", first.height().get());
    conn.journal().made_as(&CHAIN_CURSOR, 1, image);
    exec!(
        conn,
        "INSERT INTO chain_cursor (id, first_height, solid_block, solid_height, solid_time, updated_at) \
         VALUES (1, $1, $2, $3, $4, $5)",
        first.height().get(),
        solid.block.id().to_string(),
        solid.height().get(),
        solid.timestamp.ms(),
        now.ms(),
    )
    .map(drop)
}

pub(crate) async fn record_all(
    conn: &mut Conn,
    blocks: &[BlockCommit],
    solid: Head,
    now: Timestamp,
) -> Result<ChainPosition, StoreError> {
    let mut newest = tip(conn).await?.map(|row| row.head()).transpose()?;
    for commit in blocks {
        if let Some(newest) = newest {
            let follows =
                commit.parent == *newest.block.id() && commit.head.height() == newest.height().next();
            if !follows {
                return Err(StoreError::Conflict("chain"));
            }
        } else {
            begin(conn, commit.head, solid, now).await?;
        }
        record(conn, commit, now).await?;
        newest = Some(commit.head);
    }
    let Some(newest) = newest else { return Err(StoreError::Conflict("chain")) };
    write_solid(conn, solid, newest, now).await?;
    position(conn).await?.ok_or_else(|| Place::new("chain_cursor", "1").bad("id"))
}

/// What is signed while payments are served must outlast whatever happens, before anybody sees it. And what became of a
/// transaction of ours must not be forgotten by the books while an actor remembers how late it is: not having seen it in
/// any block proves it dead.
fn durability_of(blocks: &[BlockCommit]) -> Durability {
    let concerns_us = |block: &BlockCommit| {
        !block.payments.is_empty() || !block.resource_events.is_empty() || !block.sent.is_empty()
    };
    if blocks.iter().any(concerns_us) { Durability::Strict } else { Durability::Relaxed }
}

/// Undoes the blocks above `to`.
async fn undo(conn: &mut Conn, to: BlockRef, now: Timestamp) -> Result<RewindReport, StoreError> {
    let recorded = block_at(conn, to.height()).await?.map(|row| row.head()).transpose()?;
    let solid = solid(conn).await?;
    let (Some(recorded), Some(solid)) = (recorded, solid) else { return Err(StoreError::Conflict("chain")) };
    if recorded.block != to || to.height() < solid.height() {
        return Err(StoreError::Conflict("chain"));
    }
    let height = to.height().get();
    // Above every height: none.
    let above = if planted(Fault::RowsNotRewound) { i64::MAX } else { height };
    let undone: Vec<(String, Option<String>)> = all!(
        conn,
        "UPDATE payments SET block_id = NULL, block_height = NULL, block_time = NULL, updated_at = $2 \
         WHERE block_height > $1 RETURNING id, order_id",
        above,
        now.ms(),
    )?;
    let mut orders = BTreeSet::new();
    for (payment, order) in undone {
        conn.journal().changed(&PAYMENTS, payment);
        let Some(order) = order else { continue };
        let changed = exec!(
            conn,
            "UPDATE orders SET payment_block = NULL, payment_height = NULL, payment_time = NULL \
             WHERE id = $1 AND payment_height > $2",
            order.clone(),
            height,
        )?;
        if changed == 1 {
            conn.journal().changed(&ORDERS, &order);
        }
        orders.insert(Place::new("payments", &order).parse::<OrderId>("order_id", &order)?);
    }
    // What an account showed above may be undone with it: what was seen there counts as unseen again, and the new
    // branch is believed although it is lower.
    exec!(
        conn,
        "UPDATE energy_pools SET observed_height = $1, version = version + 1 WHERE observed_height > $1",
        height,
    )?;
    // What fell above may fall again on the new branch, or be found fallen: it is counted when it is seen there.
    exec!(
        conn,
        "UPDATE energy_pools SET balance = balance + (SELECT CAST(SUM(f.amount) AS BIGINT) FROM balance_falls f \
         WHERE f.account_id = energy_pools.account_id AND f.height > $1) \
         WHERE account_id IN (SELECT f.account_id FROM balance_falls f WHERE f.height > $1)",
        height,
    )?;
    exec!(conn, "DELETE FROM balance_falls WHERE height > $1", height)?;
    let events: Vec<(i64, i64)> =
        all!(conn, "DELETE FROM resource_events WHERE height > $1 RETURNING height, position", height)?;
    for (height, position) in events {
        conn.journal().gone(&RESOURCE_EVENTS, format_args!("{height}:{position}"));
    }
    let sent: Vec<(i64, i64)> =
        all!(conn, "DELETE FROM sent_transfers WHERE height > $1 RETURNING height, position", height)?;
    for (height, position) in sent {
        conn.journal().gone(&SENT_TRANSFERS, format_args!("{height}:{position}"));
    }
    let blocks: Vec<(i64,)> = all!(conn, "DELETE FROM blocks WHERE height > $1 RETURNING height", height)?;
    for (height,) in &blocks {
        conn.journal().gone(&BLOCKS, height);
    }
    Ok(RewindReport {
        blocks: u32::try_from(blocks.len()).unwrap_or(u32::MAX),
        orders: orders.into_iter().collect(),
    })
}

#[async_trait]
impl BlockStore for SqlStore {
    async fn chain_position(&self) -> Result<Option<ChainPosition>, StoreError> {
        let mut conn = self.db.snapshot().await?;
        let position = position(&mut conn).await?;
        conn.rollback().await?;
        Ok(position)
    }

    async fn record_blocks(
        &self,
        blocks: Vec<BlockCommit>,
        solid: Head,
        now: Timestamp,
    ) -> Result<ChainPosition, StoreError> {
        self.write_as(durability_of(&blocks), move |conn| {
            Box::pin(async move { record_all(conn, &blocks, solid, now).await })
        })
        .await
    }

    async fn settle_blocks(
        &self,
        blocks: Vec<BlockCommit>,
        solid: Head,
        now: Timestamp,
        rules: Arc<dyn Settlement>,
    ) -> Result<Settled, StoreError> {
        let wall = self.now();
        let durability = durability_of(&blocks);
        self.write_as(durability, move |conn| {
            Box::pin(async move {
                let settling = Settling {
                    conn,
                    rules: rules.as_ref(),
                    now,
                    wall,
                    given: Given::default(),
                    crossed: None,
                };
                settling.run(&blocks, solid).await
            })
        })
        .await
    }

    async fn rewind(&self, to: BlockRef, now: Timestamp) -> Result<RewindReport, StoreError> {
        self.write_as(Durability::Relaxed, move |conn| Box::pin(undo(conn, to, now))).await
    }

    async fn is_canonical(&self, block: BlockRef) -> Result<bool, StoreError> {
        let mut conn = self.db.read().await?;
        let recorded = block_at(&mut conn, block.height()).await?;
        Ok(recorded.is_some_and(|row| row.block_id == block.id().to_string()))
    }
}
