//! What an open order costs while nobody pays it: memory with its watcher, and how long a start takes until all of
//! them are watched, beside the bare references of reading the rows and of spawning as many idle tasks.
//!
//! `LEYDEN_BENCH_ORDERS=10000` chooses another number.

use crate::books::{fill, settings};
use crate::measure::{line, millis, now, ratio};
use leyden::{SystemClock, SystemEntropy};
use leyden_actors::{Leadership, Placement, Ports, SaleTerms, kernel::Shutdown, start};
use leyden_domain::OrderId;
use leyden_ports::{Clock, Entropy, Store, store::OrderStore};
use leyden_sim::{ChainConfig, SimNode};
use leyden_store::{OpenOptions, SqlStore};
use leyden_test_servers::{Postgres, PostgresOptions};
use leyden_tron::keys::KeyRing;
use std::{sync::Arc, time::Duration};

/// Resident memory in bytes, as the kernel counts it.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or_default();
    pages * 4_096
}

/// A task that holds an order's id and waits for ever: the least that anything per order can be.
#[expect(clippy::disallowed_methods, reason = "the reference stands outside the kernel")]
fn idle(order: OrderId) -> actix_rt::task::JoinHandle<OrderId> {
    actix_rt::spawn(async move {
        std::future::pending::<()>().await;
        order
    })
}

async fn measure(url: &str, orders: usize) -> Result<(), crate::Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    {
        let store = SqlStore::open(url, Arc::clone(&clock), OpenOptions::default()).await?;
        fill(&store, clock.as_ref(), entropy.as_ref(), i64::try_from(orders)?).await?;
        store.close().await;
    }

    // The bare references: read the rows; hold as many sleeping tasks.
    let store = Arc::new(SqlStore::open(url, Arc::clone(&clock), OpenOptions::default()).await?);
    let begin = now();
    let rows = store.open_orders().await?;
    let read = begin.elapsed();
    let before = resident();
    let tasks: Vec<_> = rows.iter().map(|(order, _)| idle(*order)).collect();
    tokio::task::yield_now().await;
    let bare_task = (resident().saturating_sub(before)) / u64::try_from(orders)?;
    for task in tasks {
        task.abort();
    }
    drop(rows);
    store.close().await;

    let node = SimNode::new(ChainConfig::starting_at(clock.now().ms() - 93_000, 3_000));
    node.mine_many(30)?;
    let before = resident();
    let begin = now();
    let store = Arc::new(SqlStore::open(url, Arc::clone(&clock), OpenOptions::default()).await?);
    let ports = Ports {
        store: Arc::clone(&store) as Arc<dyn Store>,
        chain: Arc::new(node.clone()),
        writer: Arc::new(node.clone()),
        signer: Arc::new(KeyRing::new()),
        clock: Arc::clone(&clock),
        entropy,
    };
    let handles = start(
        ports,
        settings(orders + 1_000),
        SaleTerms::default(),
        Leadership::Alone,
        Placement::Threads,
        Shutdown::new(),
    )
    .await?;
    while handles.watchers().0 < orders || handles.boards().chain.read().processed.is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let ready = begin.elapsed();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let each = (resident().saturating_sub(before)) / u64::try_from(orders)?;
    let books = if url.starts_with("sqlite") { "SQLite" } else { "PostgreSQL" };
    line(&format!("{orders} open orders, {books}"));
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

pub(crate) fn run(on_postgres: bool) -> Result<(), crate::Failure> {
    let orders = crate::measure::variable("LEYDEN_BENCH_ORDERS").map_or(Ok(100_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let server = on_postgres.then(|| Postgres::start(&PostgresOptions::default())).transpose()?;
    let url = match &server {
        None => format!("sqlite:{}", folder.path().join("books.sqlite").display()),
        Some(server) => server.create("books", None)?,
    };
    actix_rt::System::new().block_on(measure(&url, orders))
}
