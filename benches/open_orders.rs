//! What an open order costs while nobody pays it: memory with its watcher, and how long a start takes until all of
//! them are watched, beside the bare references of reading the rows and of spawning as many idle tasks.
//!
//! `LEYDEN_BENCH_ORDERS=10000` chooses another number.

mod support;

use leyden_actors::{ActorSettings, OrderlessTerms, Placement, Ports, kernel::Shutdown, start};
use leyden_domain::{
    Address, Energy, OrderId, Span, Sun,
    operation::OperationPolicy,
    order::{Channel, CountRule, Order, OrderState},
    payment::MatchPolicy,
    pool::PlanPolicy,
};
use leyden_ports::{
    Clock, Entropy, Store,
    store::{NewOrder, OrderStore},
};
use leyden_sim::{ChainConfig, SimNode, keys};
use leyden_store::{OpenOptions, SqlStore};
use leyden_tron::keys::KeyRing;
use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use support::{line, millis, now, ratio};

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

/// Resident memory in bytes, as the kernel counts it.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or_default();
    pages * 4_096
}

fn payment_address() -> Address {
    keys::test_address(9)
}

fn settings(orders: usize) -> ActorSettings {
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
        poll_interval: Duration::from_millis(20),
        sweep_interval: Duration::from_secs(5),
        observe_interval: Duration::from_secs(10),
        catch_up_batch: 20,
        start_behind: 5,
        resend_after_blocks: 2,
        max_watchers: orders + 1_000,
        keep_logs: Span::from_hours(720),
        keep_keys: Span::from_hours(24),
        step_hook: None,
    }
}

async fn fill(
    url: &str,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
    orders: usize,
) -> Result<(), Failure> {
    let store = SqlStore::open(url, Arc::clone(clock), OpenOptions::default()).await?;
    let mut made = 0;
    while made < orders {
        let batch = (orders - made).min(500);
        let wishes = (0..batch).map(|n| {
            let now = clock.now();
            let tail = i64::try_from(made + n + 1).unwrap_or(1);
            let expires_at = now.plus(Span::from_hours(2));
            store.create_order(NewOrder {
                order: Order {
                    id: OrderId::flash(now, entropy.for_id()),
                    channel: Channel::EnergyFlash,
                    owner: None,
                    chat_id: Some(tail),
                    user_id: None,
                    recipient: keys::test_address(u32::try_from(tail % 8).unwrap_or_default()),
                    payment_address: payment_address(),
                    unit_price: Sun::new(1_500_000),
                    tail: Sun::ZERO,
                    count: CountRule::Open { max: 10 },
                    energy_per_transfer: Energy::new(65_000),
                    duration: Span::from_hours(1),
                    bound_sender: None,
                    created_at: now,
                    expires_at,
                    closes_at: expires_at.plus(Span::from_hours(24)),
                    state: OrderState::AwaitingPayment,
                    version: 0,
                    updated_at: now,
                },
                tails: vec![Sun::new(tail)],
                largest_tail: Sun::new(1_499_999),
                max_open: 10_000_000,
                idempotency: None,
            })
        });
        futures_util::future::try_join_all(wishes).await?;
        made += batch;
    }
    store.close().await;
    Ok(())
}

async fn measure(folder: &Path, orders: usize) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(leyden::SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(Counter(AtomicU64::new(1)));
    let url = format!("sqlite:{}", folder.join("books.sqlite").display());
    fill(&url, &clock, &entropy, orders).await?;

    // The bare references: read the rows; hold as many sleeping tasks.
    let store = Arc::new(SqlStore::open(&url, Arc::clone(&clock), OpenOptions::default()).await?);
    let begin = now();
    let rows = store.open_orders().await?;
    let read = begin.elapsed();
    let before = resident();
    let tasks: Vec<_> = rows
        .iter()
        .map(|(order, _)| {
            let order = *order;
            actix_rt::spawn(async move {
                std::future::pending::<()>().await;
                drop(order);
            })
        })
        .collect();
    tokio::task::yield_now().await;
    let bare_task = (resident().saturating_sub(before)) / u64::try_from(orders)?;
    for task in tasks {
        task.abort();
    }
    drop(rows);
    store.close().await;

    let node = SimNode::new(ChainConfig::starting_at(clock.now().ms() - 400_000, 3_000));
    node.mine_many(30)?;
    let before = resident();
    let begin = now();
    let store = Arc::new(SqlStore::open(&url, Arc::clone(&clock), OpenOptions::default()).await?);
    let ports = Ports {
        store: Arc::clone(&store) as Arc<dyn Store>,
        chain: Arc::new(node.clone()),
        writer: Arc::new(node.clone()),
        signer: Arc::new(KeyRing::new()),
        clock: Arc::clone(&clock),
        entropy,
    };
    let handles = start(ports, settings(orders), Placement::Threads, Shutdown::new()).await?;
    while handles.watchers().0 < orders || handles.boards().chain.read().processed.is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let ready = begin.elapsed();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let each = (resident().saturating_sub(before)) / u64::try_from(orders)?;
    line(&format!("{orders} open orders"));
    line(&format!(
        "memory per order with its watcher: {each} B (goal 1331 B; a bare idle task with the id: {bare_task} B)"
    ));
    line(&format!(
        "start to ready (all watched, chain read): {} (bare read of the rows: {}, ratio {})",
        millis(ready),
        millis(read),
        ratio(ready, read)
    ));
    handles.shutdown().request(0, "measured");
    handles.run(Duration::from_secs(10)).await;
    Ok(())
}

fn main() -> Result<(), Failure> {
    let orders = support::variable("LEYDEN_BENCH_ORDERS").map_or(Ok(100_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    actix_rt::System::new().block_on(measure(folder.path(), orders))
}
