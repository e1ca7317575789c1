//! From a block that holds payments to all of their delegations accepted by the node, with few and with many open
//! orders on SQLite, beside a bare pipeline that does the same work in one function: look the payments up in a map,
//! sign, commit once, broadcast. It must not grow with the orders that are open.
//!
//! `LEYDEN_BENCH_ORDERS=1000,10000` chooses other numbers of open orders.

mod support;

use leyden_actors::{ActorSettings, Handles, OrderlessTerms, Placement, Ports, kernel::Shutdown, start};
use leyden_domain::{
    AccountId, Address, BlockRef, Energy, OrderId, Span, Sun, Timestamp,
    chain::{ChainAction, Resource, SignedTransaction, TransactionIntent},
    operation::OperationPolicy,
    order::{Channel, CountRule, Order, OrderState},
    payment::MatchPolicy,
    pool::PlanPolicy,
};
use leyden_ports::{
    ChainReader, ChainWriter, Clock, Entropy, Signer, Store,
    store::{Created, NewOrder, NewPoolAccount, OrderStore, PoolStore},
};
use leyden_sim::{ChainConfig, SimNode, keys};
use leyden_store::{OpenOptions, SqlStore};
use leyden_tron::keys::{KeyId, KeyPolicy, KeyRing};
use sqlx::{ConnectOptions, Connection};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use support::{line, millis, now, percentiles, ratio};

const PRICE: Sun = Sun::new(1_500_000);
const ROUNDS: u32 = 60;

type Failure = Box<dyn std::error::Error>;

#[derive(Debug)]
struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        let mut seed = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in bytes {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = seed.to_be_bytes()[0];
        }
    }
}

fn payment_address() -> Address {
    keys::test_address(9)
}

fn ring() -> KeyRing {
    let mut ring = KeyRing::new();
    for n in 0..keys::POOL_ACCOUNTS {
        let id = KeyId { owner: keys::pool_address(n), permission_id: 0 };
        ring.insert(id, keys::pool_key(n), KeyPolicy::Delegation);
    }
    ring
}

fn settings() -> ActorSettings {
    ActorSettings {
        payment_addresses: BTreeSet::from([payment_address()]),
        matching: MatchPolicy {
            dust_sun: Sun::new(1_000),
            dust_usdt_micro: 1_000,
            orderless: None,
            denied_senders: BTreeSet::new(),
        },
        planning: PlanPolicy::default(),
        operations: OperationPolicy::default(),
        solid_above: Sun::from_trx(1_000),
        orderless: OrderlessTerms { energy_per_transfer: Energy::new(65_000), duration: Span::from_hours(1) },
        capacity_patience: Span::from_secs(600),
        reclaim_grace: Span::ZERO,
        poll_interval: Duration::from_millis(1),
        sweep_interval: Duration::from_secs(5),
        observe_interval: Duration::from_secs(10),
        catch_up_batch: 20,
        start_behind: 5,
        resend_after_blocks: 2,
        max_watchers: 200_000,
        keep_logs: Span::from_hours(720),
        keep_keys: Span::from_hours(24),
        step_hook: None,
    }
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
    async fn new(folder: &Path, open_orders: i64) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(leyden::SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(Counter(AtomicU64::new(1)));
        let node = SimNode::new(ChainConfig::starting_at(clock.now().ms() - 400_000, 3_000));
        node.mine_many(30)?;
        let url = format!("sqlite:{}", folder.join("books.sqlite").display());
        let store = Arc::new(SqlStore::open(&url, Arc::clone(&clock), OpenOptions::default()).await?);
        for n in 0..keys::POOL_ACCOUNTS {
            let id = AccountId::new(clock.now(), entropy.for_id());
            let new = NewPoolAccount { id, address: keys::pool_address(n), permission_id: None };
            store.upsert_pool_account(new, clock.now()).await?;
        }
        let mut next_tail = 1;
        while next_tail <= open_orders {
            let batch = (open_orders - next_tail + 1).min(500);
            let orders = (0..batch).map(|n| make(store.as_ref(), &clock, &entropy, next_tail + n));
            futures_util::future::try_join_all(orders).await?;
            next_tail += batch;
        }
        let ports = Ports {
            store: Arc::clone(&store) as Arc<dyn Store>,
            chain: Arc::new(node.clone()),
            writer: Arc::new(node.clone()),
            signer: Arc::new(ring()),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
        };
        let handles = start(ports, settings(), Placement::Threads, Shutdown::new()).await?;
        let world = Self { node, store, clock, entropy, handles, next_tail };
        world.read().await?;
        Ok(world)
    }

    /// Waits until the actors have read the head and the pool.
    async fn read(&self) -> Result<(), Failure> {
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
    async fn round(&mut self, payments: i64) -> Result<Duration, Failure> {
        for _ in 0..payments {
            let order = make(self.store.as_ref(), &self.clock, &self.entropy, self.next_tail).await?;
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

async fn make(
    store: &SqlStore,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
    tail: i64,
) -> Result<Order, Failure> {
    let now = clock.now();
    let expires_at = now.plus(Span::from_hours(2));
    let order = Order {
        id: OrderId::standard(now, entropy.for_id()),
        channel: Channel::Standard,
        owner: None,
        chat_id: None,
        user_id: None,
        recipient: keys::test_address(u32::try_from(tail % 8)?),
        payment_address: payment_address(),
        unit_price: PRICE,
        tail: Sun::ZERO,
        count: CountRule::Fixed { count: 1 },
        energy_per_transfer: Energy::new(65_000),
        duration: Span::from_hours(1),
        bound_sender: None,
        created_at: now,
        expires_at,
        closes_at: expires_at.plus(Span::from_hours(24)),
        state: OrderState::AwaitingPayment,
        version: 0,
        updated_at: now,
    };
    let new = NewOrder {
        order,
        tails: vec![Sun::new(tail)],
        largest_tail: Sun::new(PRICE.get() - 1),
        max_open: 10_000_000,
        idempotency: None,
    };
    let (Created::Fresh(order) | Created::Replayed(order)) = store.create_order(new).await?;
    Ok(order)
}

/// The bare reference: no actors, no rules, one map, one commit.
struct Bare {
    node: SimNode,
    ring: KeyRing,
    connection: sqlx::SqliteConnection,
    watched: BTreeMap<i64, Address>,
    next_tail: i64,
    clock: leyden::SystemClock,
}

impl Bare {
    async fn new(folder: &Path, open_orders: i64) -> Result<Self, Failure> {
        let clock = leyden::SystemClock;
        let node = SimNode::new(ChainConfig::starting_at(clock.now().ms() - 400_000, 3_000));
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
        let mut bare = Self { node, ring: ring(), connection, watched: BTreeMap::new(), next_tail: 1, clock };
        for _ in 0..open_orders {
            bare.watch();
        }
        Ok(bare)
    }

    fn watch(&mut self) -> i64 {
        let tail = self.next_tail;
        self.next_tail += 1;
        self.watched
            .insert(PRICE.get() + tail, keys::test_address(u32::try_from(tail % 8).unwrap_or_default()));
        tail
    }

    async fn round(&mut self, payments: i64) -> Result<Duration, Failure> {
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
                    self.sign(receiver, block.reference(), block.timestamp).await?,
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
    ) -> Result<SignedTransaction, Failure> {
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
            timestamp: Timestamp::from_ms(
                self.clock.now().ms() + self.next_tail * 7 + i64::from(receiver.evm()[0]),
            ),
            expiration: at.plus(Span::from_secs(60)),
        };
        Ok(self.ring.sign(&intent).await?)
    }
}

async fn measure(open_orders: i64) -> Result<(), Failure> {
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

fn main() -> Result<(), Failure> {
    let sizes = support::variable("LEYDEN_BENCH_ORDERS").unwrap_or_else(|| "1000,10000,100000".to_owned());
    line("block with payments -> all delegations accepted by the node; p50, p99");
    for size in sizes.split(',') {
        actix_rt::System::new().block_on(measure(size.trim().parse()?))?;
    }
    Ok(())
}
