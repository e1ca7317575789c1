//! From a block that holds payments to all of their delegations accepted by the node, with few and with many open
//! orders, on SQLite and on PostgreSQL, beside a bare pipeline that does the same work in one function: look the payments up in a map,
//! sign, commit once, broadcast. It must not grow with the orders that are open.
//!
//! `LEYDEN_BENCH_ORDERS=1000,10000` chooses other numbers of open orders.

use crate::books::{PRICE, fill, make_order, payment_address, recipient, settings};
use crate::measure::{line, millis, now, percentiles, ratio};
use async_trait::async_trait;
use leyden::{SystemClock, SystemEntropy};
use leyden_actors::{Handles, Leadership, Placement, Ports, SaleTerms, kernel::Shutdown, start};
use leyden_domain::{
    AccountId, Address, BlockRef, Span, Sun, Timestamp,
    chain::{BroadcastAnswer, ChainAction, Resource, SignedTransaction, TransactionIntent},
};
use leyden_ports::{
    ChainError, ChainReader, ChainWriter, Clock, Entropy, Signer, Store,
    store::{NewPoolAccount, PoolStore},
};
use leyden_sim::{ChainConfig, SimNode, keys};
use leyden_store::{OpenOptions, SqlStore};
use leyden_test_servers::{Postgres, PostgresOptions};
use leyden_tron::keys::{KeyId, KeyPolicy, KeyRing};
use sqlx::{ConnectOptions, Connection};
use std::{collections::BTreeMap, str::FromStr, sync::Arc, time::Duration};
use tokio::sync::watch;

const ROUNDS: u32 = 60;
/// A round that takes longer has gone wrong.
const PATIENCE: Duration = Duration::from_mins(1);

fn ring() -> KeyRing {
    let mut ring = KeyRing::new();
    for n in 0..keys::POOL_ACCOUNTS {
        let id = KeyId { owner: keys::pool_address(n), permission_id: 0 };
        ring.insert(id, keys::pool_key(n), KeyPolicy::Delegation);
    }
    ring
}

/// The node, and how many transactions it has accepted: looking for them every so often would be measured too.
struct Counting {
    node: SimNode,
    accepted: watch::Sender<usize>,
}

#[async_trait]
impl ChainWriter for Counting {
    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<BroadcastAnswer, ChainError> {
        let answer = self.node.broadcast(transaction).await;
        if matches!(answer, Ok(BroadcastAnswer::Accepted)) {
            self.accepted.send_modify(|count| *count += 1);
        }
        answer
    }
}

struct World {
    node: SimNode,
    accepted: watch::Receiver<usize>,
    store: Arc<SqlStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    handles: Handles,
    next_tail: i64,
}

impl World {
    async fn new(url: &str, open_orders: i64) -> Result<Self, crate::Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let store = Arc::new(SqlStore::open(url, Arc::clone(&clock), OpenOptions::default()).await?);
        for n in 0..keys::POOL_ACCOUNTS {
            let id = AccountId::new(clock.now(), entropy.for_id());
            let new = NewPoolAccount { id, address: keys::pool_address(n), permission_id: None };
            store.upsert_pool_account(new, clock.now()).await?;
        }
        fill(&store, clock.as_ref(), entropy.as_ref(), open_orders).await?;
        settle(url).await?;
        // Not before the books are full: a payment in a block that is older than its order is not that order's.
        let node = SimNode::new(ChainConfig::starting_at(clock.now().ms() - 93_000, 3_000));
        node.mine_many(30)?;
        let (counted, accepted) = watch::channel(0);
        let ports = Ports {
            store: Arc::clone(&store) as Arc<dyn Store>,
            chain: Arc::new(node.clone()),
            writer: Arc::new(Counting { node: node.clone(), accepted: counted }),
            signer: Arc::new(ring()),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
        };
        let handles = start(
            ports,
            settings(1_100_000),
            SaleTerms::default(),
            Leadership::Alone,
            Placement::Threads,
            Shutdown::new(),
        )
        .await?;
        let world = Self { node, accepted, store, clock, entropy, handles, next_tail: open_orders + 1 };
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

    /// One round: so many payments in one block; the time until the node has accepted as many delegations.
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
        let wanted = *self.accepted.borrow() + usize::try_from(payments)?;
        self.node.mine()?;
        let start = now();
        // As a node does that says when there is a new block.
        self.handles.hurry_payments();
        tokio::time::timeout(PATIENCE, self.accepted.wait_for(|count| *count >= wanted)).await??;
        let taken = start.elapsed();
        self.node.mine()?;
        self.node.mine()?;
        self.read().await?;
        Ok(taken)
    }
}

/// Ends the writing that filling has left to do later: orders come over hours, and what is measured is not the disk's
/// work for those of the last minute.
async fn settle(url: &str) -> Result<(), crate::Failure> {
    if url.starts_with("postgres") {
        let mut connection = sqlx::PgConnection::connect(url).await?;
        for sql in ["VACUUM ANALYZE", "CHECKPOINT"] {
            sqlx::raw_sql(sql).execute(&mut connection).await?;
        }
        return Ok(connection.close().await?);
    }
    let mut connection = sqlx::SqliteConnection::connect(url).await?;
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// The books of the reference: one connection, and one commit for each block.
enum BareBooks {
    Lite(sqlx::SqliteConnection),
    Pg(sqlx::PgConnection),
}

impl BareBooks {
    async fn open(url: &str) -> Result<Self, crate::Failure> {
        let tables = |blob: &str| {
            [
                "CREATE TABLE orders (tail BIGINT PRIMARY KEY, state TEXT NOT NULL)".to_owned(),
                format!(
                    "CREATE TABLE signed (tx_id TEXT PRIMARY KEY, tail BIGINT NOT NULL, bytes {blob} NOT NULL)"
                ),
                "CREATE TABLE cursor (id BIGINT PRIMARY KEY, height BIGINT NOT NULL)".to_owned(),
            ]
        };
        if url.starts_with("postgres") {
            let mut connection = sqlx::PgConnection::connect(url).await?;
            for sql in tables("BYTEA") {
                sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await?;
            }
            return Ok(Self::Pg(connection));
        }
        let mut connection = sqlx::sqlite::SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
            .synchronous(sqlx::sqlite::SqliteSynchronous::Full)
            .connect()
            .await?;
        for sql in tables("BLOB") {
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await?;
        }
        Ok(Self::Lite(connection))
    }

    async fn order(&mut self, tail: i64) -> Result<(), sqlx::Error> {
        let sql = "INSERT INTO orders VALUES ($1, 'open')";
        match self {
            Self::Lite(connection) => sqlx::query(sql).bind(tail).execute(connection).await.map(drop),
            Self::Pg(connection) => sqlx::query(sql).bind(tail).execute(connection).await.map(drop),
        }
    }

    async fn commit(&mut self, height: i64, signed: &[(i64, SignedTransaction)]) -> Result<(), sqlx::Error> {
        match self {
            Self::Lite(connection) => {
                let mut commit = connection.begin().await?;
                for (tail, transaction) in signed {
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
                commit.commit().await
            }
            // One statement, one round trip.
            Self::Pg(connection) => sqlx::query(
                "WITH s AS (SELECT * FROM unnest($2::text[], $3::bigint[], $4::bytea[]) AS s(tx_id, tail, bytes)), \
                 o AS (UPDATE orders SET state = 'delegating' WHERE tail IN (SELECT tail FROM s)), \
                 i AS (INSERT INTO signed SELECT * FROM s) \
                 INSERT INTO cursor VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET height = excluded.height",
            )
            .bind(height)
            .bind(signed.iter().map(|(_, transaction)| transaction.tx_id.to_string()).collect::<Vec<_>>())
            .bind(signed.iter().map(|(tail, _)| *tail).collect::<Vec<_>>())
            .bind(signed.iter().map(|(_, transaction)| transaction.bytes.clone()).collect::<Vec<_>>())
            .execute(connection)
            .await
            .map(drop),
        }
    }
}

/// The bare reference: no actors, no rules, one map, one commit.
struct Bare {
    node: SimNode,
    ring: KeyRing,
    books: BareBooks,
    watched: BTreeMap<i64, Address>,
    next_tail: i64,
}

impl Bare {
    async fn new(url: &str, open_orders: i64) -> Result<Self, crate::Failure> {
        let node = SimNode::new(ChainConfig::starting_at(SystemClock.now().ms() - 93_000, 3_000));
        node.mine_many(30)?;
        let books = BareBooks::open(url).await?;
        let mut bare = Self { node, ring: ring(), books, watched: BTreeMap::new(), next_tail: 1 };
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
            self.books.order(tail).await?;
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
        self.books.commit(height, &signed).await?;
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

async fn measure(server: Option<&Postgres>, open_orders: i64) -> Result<(), crate::Failure> {
    let folder = tempfile::tempdir()?;
    let lite = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let (our_url, bare_url) = match server {
        None => (lite("books.sqlite"), lite("bare.sqlite")),
        Some(server) => (
            server.create(&format!("ours_{open_orders}"), None)?,
            server.create(&format!("bare_{open_orders}"), None)?,
        ),
    };
    let mut ours = World::new(&our_url, open_orders).await?;
    let mut bare = Bare::new(&bare_url, open_orders).await?;
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

pub(crate) fn run(on_postgres: bool) -> Result<(), crate::Failure> {
    let sizes =
        crate::measure::variable("LEYDEN_BENCH_ORDERS").unwrap_or_else(|| "1000,10000,100000".to_owned());
    let server = on_postgres.then(|| Postgres::start(&PostgresOptions::default())).transpose()?;
    let books = if on_postgres { "PostgreSQL" } else { "SQLite" };
    line(&format!("block with payments -> all delegations accepted by the node, {books}; p50, p99"));
    for size in sizes.split(',') {
        actix_rt::System::new().block_on(measure(server.as_ref(), size.trim().parse()?))?;
    }
    Ok(())
}
