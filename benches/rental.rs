//! From a block that holds payments to all of their delegations accepted by the node, with few and with many open
//! orders on SQLite, beside a bare pipeline that does the same work in one function: look the payments up in a map,
//! sign, commit once, broadcast. It must not grow with the orders that are open.
//!
//! `LEYDEN_BENCH_ORDERS=1000,10000` chooses other numbers of open orders.

use crate::books::{PRICE, fill, make_order, payment_address, recipient, settings};
use crate::measure::{line, millis, now, percentiles, ratio};
use leyden::{SystemClock, SystemEntropy};
use leyden_actors::{Handles, Leadership, Placement, Ports, SaleTerms, kernel::Shutdown, start};
use leyden_domain::{
    AccountId, Address, BlockRef, Span, Sun, Timestamp,
    chain::{ChainAction, Resource, SignedTransaction, TransactionIntent},
};
use leyden_ports::{
    ChainReader, ChainWriter, Clock, Entropy, Signer, Store,
    store::{NewPoolAccount, PoolStore},
};
use leyden_sim::{ChainConfig, SimNode, keys};
use leyden_store::{OpenOptions, SqlStore};
use leyden_tron::keys::{KeyId, KeyPolicy, KeyRing};
use sqlx::{ConnectOptions, Connection};
use std::{collections::BTreeMap, path::Path, str::FromStr, sync::Arc, time::Duration};

const ROUNDS: u32 = 60;

fn ring() -> KeyRing {
    let mut ring = KeyRing::new();
    for n in 0..keys::POOL_ACCOUNTS {
        let id = KeyId { owner: keys::pool_address(n), permission_id: 0 };
        ring.insert(id, keys::pool_key(n), KeyPolicy::Delegation);
    }
    ring
}

struct World {
    node: SimNode,
    store: Arc<SqlStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    handles: Handles,
    next_tail: i64,
}

impl World {
    async fn new(folder: &Path, open_orders: i64) -> Result<Self, crate::Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let node = SimNode::new(ChainConfig::starting_at(clock.now().ms() - 93_000, 3_000));
        node.mine_many(30)?;
        let url = format!("sqlite:{}", folder.join("books.sqlite").display());
        let store = Arc::new(SqlStore::open(&url, Arc::clone(&clock), OpenOptions::default()).await?);
        for n in 0..keys::POOL_ACCOUNTS {
            let id = AccountId::new(clock.now(), entropy.for_id());
            let new = NewPoolAccount { id, address: keys::pool_address(n), permission_id: None };
            store.upsert_pool_account(new, clock.now()).await?;
        }
        fill(&store, clock.as_ref(), entropy.as_ref(), open_orders).await?;
        let ports = Ports {
            store: Arc::clone(&store) as Arc<dyn Store>,
            chain: Arc::new(node.clone()),
            writer: Arc::new(node.clone()),
            signer: Arc::new(ring()),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
        };
        let handles = start(
            ports,
            settings(200_000),
            SaleTerms::default(),
            Leadership::Alone,
            Placement::Threads,
            Shutdown::new(),
        )
        .await?;
        let world = Self { node, store, clock, entropy, handles, next_tail: open_orders + 1 };
        world.read().await?;
        Ok(world)
    }

    /// Waits until the actors have read the head and the pool.
    async fn read(&self) -> Result<(), crate::Failure> {
        loop {
            let head = ChainReader::head(&self.node).await?.block;
            let boards = self.handles.boards();
            let read = boards.chain.read().processed.is_some_and(|processed| processed.block == head);
            if read && boards.pool.read().accounts.iter().all(|a| a.observed.is_some()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// How many transactions wait in the node.
    fn pending(&self) -> usize {
        self.node.chain().pending().count()
    }

    /// One round: so many payments in one block; the time until so many delegations wait in the node.
    async fn round(&mut self, payments: i64) -> Result<Duration, crate::Failure> {
        for _ in 0..payments {
            let order =
                make_order(&self.store, self.clock.as_ref(), self.entropy.as_ref(), self.next_tail).await?;
            self.next_tail += 1;
            self.handles.watch_order(order.id);
            let payer = keys::test_key(u32::try_from(self.next_tail % 8)?);
            self.node.transfer(&payer, payment_address(), order.amount_due(1)?.get())?;
        }
        self.read().await?;
        self.node.mine()?;
        let start = now();
        while self.pending() < usize::try_from(payments)? {
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
        let taken = start.elapsed();
        self.node.mine()?;
        self.node.mine()?;
        self.read().await?;
        Ok(taken)
    }
}

/// The bare reference: no actors, no rules, one map, one commit.
struct Bare {
    node: SimNode,
    ring: KeyRing,
    connection: sqlx::SqliteConnection,
    watched: BTreeMap<i64, Address>,
    next_tail: i64,
}

impl Bare {
    async fn new(folder: &Path, open_orders: i64) -> Result<Self, crate::Failure> {
        let node = SimNode::new(ChainConfig::starting_at(SystemClock.now().ms() - 93_000, 3_000));
        node.mine_many(30)?;
        let url = format!("sqlite:{}", folder.join("bare.sqlite").display());
        let mut connection = sqlx::sqlite::SqliteConnectOptions::from_str(&url)?
            .create_if_missing(true)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
            .synchronous(sqlx::sqlite::SqliteSynchronous::Full)
            .connect()
            .await?;
        for sql in [
            "CREATE TABLE orders (tail INTEGER PRIMARY KEY, state TEXT NOT NULL) STRICT",
            "CREATE TABLE signed (tx_id TEXT PRIMARY KEY, tail INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT",
            "CREATE TABLE cursor (id INTEGER PRIMARY KEY, height INTEGER NOT NULL) STRICT",
        ] {
            sqlx::query(sql).execute(&mut connection).await?;
        }
        let mut bare = Self { node, ring: ring(), connection, watched: BTreeMap::new(), next_tail: 1 };
        for _ in 0..open_orders {
            bare.watch();
        }
        Ok(bare)
    }

    fn watch(&mut self) -> i64 {
        let tail = self.next_tail;
        self.next_tail += 1;
        self.watched.insert(PRICE.get() + tail, recipient(tail));
        tail
    }

    async fn round(&mut self, payments: i64) -> Result<Duration, crate::Failure> {
        for _ in 0..payments {
            let tail = self.watch();
            sqlx::query("INSERT INTO orders VALUES ($1, 'open')")
                .bind(tail)
                .execute(&mut self.connection)
                .await?;
            let payer = keys::test_key(u32::try_from(tail % 8)?);
            self.node.transfer(&payer, payment_address(), PRICE.get() + tail)?;
        }
        let height = self.node.mine()?.number();
        let start = now();
        let block =
            ChainReader::block(&self.node, leyden_domain::Height::new(height)).await?.ok_or("no block")?;
        let mut signed = Vec::new();
        for transfer in block.transfers.iter().filter(|transfer| transfer.to == payment_address()) {
            if let Some(receiver) = self.watched.remove(&transfer.amount) {
                signed.push((
                    transfer.amount - PRICE.get(),
                    self.sign(receiver, block.reference(), block.timestamp, transfer.amount).await?,
                ));
            }
        }
        let mut commit = self.connection.begin().await?;
        for (tail, transaction) in &signed {
            sqlx::query("UPDATE orders SET state = 'delegating' WHERE tail = $1")
                .bind(tail)
                .execute(&mut *commit)
                .await?;
            sqlx::query("INSERT INTO signed VALUES ($1, $2, $3)")
                .bind(transaction.tx_id.to_string())
                .bind(tail)
                .bind(&transaction.bytes)
                .execute(&mut *commit)
                .await?;
        }
        sqlx::query(
            "INSERT INTO cursor VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET height = excluded.height",
        )
        .bind(height)
        .execute(&mut *commit)
        .await?;
        commit.commit().await?;
        for (_, transaction) in &signed {
            self.node.broadcast(transaction).await?;
        }
        let taken = start.elapsed();
        self.node.mine_many(2)?;
        Ok(taken)
    }

    async fn sign(
        &self,
        receiver: Address,
        reference: BlockRef,
        at: Timestamp,
        nonce: i64,
    ) -> Result<SignedTransaction, crate::Failure> {
        let intent = TransactionIntent {
            action: ChainAction::Delegate {
                owner: keys::pool_address(0),
                receiver,
                resource: Resource::Energy,
                balance: Sun::from_trx(7_000),
                lock: None,
            },
            permission_id: None,
            reference,
            // A millisecond of its own for each, within the transaction's life.
            timestamp: at.plus(Span::from_ms(nonce % 50_000)),
            expiration: at.plus(Span::from_secs(60)),
        };
        Ok(self.ring.sign(&intent).await?)
    }
}

async fn measure(open_orders: i64) -> Result<(), crate::Failure> {
    let folder = tempfile::tempdir()?;
    let mut ours = World::new(folder.path(), open_orders).await?;
    let mut bare = Bare::new(folder.path(), open_orders).await?;
    for payments in [1, 10] {
        let (mut our_times, mut bare_times) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            our_times.push(ours.round(payments).await?);
            bare_times.push(bare.round(payments).await?);
        }
        let ((our_p50, our_p99), (bare_p50, bare_p99)) = (percentiles(our_times), percentiles(bare_times));
        line(&format!(
            "{open_orders:>8} open, {payments:>2} payments: {:>10} {:>10}   bare {:>10} {:>10}   ratio p50 {}, p99 {}",
            millis(our_p50),
            millis(our_p99),
            millis(bare_p50),
            millis(bare_p99),
            ratio(our_p50, bare_p50),
            ratio(our_p99, bare_p99),
        ));
    }
    ours.handles.shutdown().request(0, "measured");
    ours.handles.run(Duration::from_secs(5)).await;
    Ok(())
}

pub(crate) fn run() -> Result<(), crate::Failure> {
    let sizes =
        crate::measure::variable("LEYDEN_BENCH_ORDERS").unwrap_or_else(|| "1000,10000,100000".to_owned());
    line("block with payments -> all delegations accepted by the node; p50, p99");
    for size in sizes.split(',') {
        actix_rt::System::new().block_on(measure(size.trim().parse()?))?;
    }
    Ok(())
}
