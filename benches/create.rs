//! Making orders, durable, at 1, 16, 64 and 256 callers at once on PostgreSQL, beside pgbench running the same INSERTs in
//! a transaction at as many connections. Both in turn on one server, three times each; the medians are compared.

use crate::{
    books::{make_order, payment_address, recipient},
    measure::{line, median, now},
};
use leyden::{SystemClock, SystemEntropy};
use leyden_ports::{Clock, Entropy};
use leyden_store::{OpenOptions, SqlStore};
use leyden_test_servers::{Postgres, PostgresOptions};
use std::{
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

const CALLERS: [u32; 4] = [1, 16, 64, 256];
const ROUNDS: u32 = 3;
const SECONDS: u64 = 4;

/// What one new order writes, as pgbench runs it. No counters, and no chain of hashes: the reference is spared their
/// contention. Each connection numbers its entries of the journal for itself; an entry is as long as one of ours.
fn script() -> String {
    let (payee, recipient) = (payment_address(), recipient(1));
    format!(
        "\\set n :n + 1\n\\set entry :first + :n * 1000 + :client_id\n\
         \\set ms random(1763690000000, 1763699999999)\n\\set a random(0, 999999999)\n\
         \\set tail random(1, 4611686018427387904)\n\
         BEGIN;\n\
         INSERT INTO orders (id, order_type, recipient_address, payment_address, price_config, status, created_at, \
         updated_at, expires_at, chat_id, state, state_json, version, unit_price, tail, count_rule, count_limit, \
         energy_per_transfer, duration_ms, closes_at) VALUES ('FLASH_' || :ms || '_' || lpad(:a::text, 9, '0'), \
         'energy_flash', '{recipient}', '{payee}', '{{\"single_price\": 1.5, \"max_transactions\": 10, \"expiry_hours\": 1}}', \
         'pending', :ms, :ms, :ms, :a, 'awaiting_payment', '\"AwaitingPayment\"', 1, 1500000, :a, 'open', 10, 65000, \
         3600000, :ms);\n\
         INSERT INTO taken_tails (payment_address, tail, order_id, unit_price, closes_at) VALUES ('{payee}', :tail, \
         'FLASH_' || :ms || '_' || lpad(:a::text, 9, '0'), 1500000, :ms);\n\
         INSERT INTO order_events (order_id, sequence, at, recorded_at, event, to_state) VALUES \
         ('FLASH_' || :ms || '_' || lpad(:a::text, 9, '0'), 1, :ms, :ms, 'created', 'awaiting_payment');\n\
         INSERT INTO payment_monitoring_logs (order_id, payment_address, monitoring_started_at, status, created_at, \
         updated_at) VALUES ('FLASH_' || :ms || '_' || lpad(:a::text, 9, '0'), '{payee}', :ms, 'monitoring', :ms, :ms);\n\
         INSERT INTO idempotency_keys (caller, route, key, body_hash, order_id, created_at) VALUES ('bench', 'orders', \
         :ms || '-' || :a || '-' || :tail, '{hash}', 'FLASH_' || :ms || '_' || lpad(:a::text, 9, '0'), :ms);\n\
         INSERT INTO journal (seq, at, kind, subject, body, hash) VALUES (:entry, :ms, 'orders.new', \
         'FLASH_' || :ms || '_' || lpad(:a::text, 9, '0'), repeat('7', 671), '{hash}');\n\
         COMMIT;\n",
        hash = "07".repeat(32),
    )
}

/// pgbench stands beside the server's other programs.
fn pgbench() -> PathBuf {
    let beside = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin/pgbench"))
        .filter(|path| path.exists())
        .max();
    beside.unwrap_or_else(|| PathBuf::from("pgbench"))
}

/// Transactions a second of the reference in its run of this number.
fn reference(url: &str, script: &std::path::Path, callers: u32, run: u64) -> Result<f64, crate::Failure> {
    let output = Command::new(pgbench())
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
        .args(["--define", "n=0", "--define", &format!("first={}", run * 1_000_000_000)])
        .args(["--client", &callers.to_string(), "--time", &SECONDS.to_string(), "--file"])
        .arg(script)
        .arg(url)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let tps =
        text.lines().find_map(|line| line.strip_prefix("tps = ")?.split_whitespace().next()?.parse().ok());
    tps.ok_or_else(|| format!("pgbench: {text}{}", String::from_utf8_lossy(&output.stderr)).into())
}

/// Orders a second of ours.
async fn ours(store: &Arc<SqlStore>, next: &Arc<AtomicI64>, callers: u32) -> Result<f64, crate::Failure> {
    let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) =
        (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let begin = now();
    let end = Duration::from_secs(SECONDS);
    let callers = (0..callers).map(|_| async {
        let mut made = 0_u32;
        while begin.elapsed() < end {
            make_order(store, clock.as_ref(), entropy.as_ref(), next.fetch_add(1, Ordering::Relaxed)).await?;
            made += 1;
        }
        Ok::<u32, crate::Failure>(made)
    });
    let made: u32 = futures_util::future::try_join_all(callers).await?.into_iter().sum();
    Ok(f64::from(made) / begin.elapsed().as_secs_f64())
}

async fn measure() -> Result<(), crate::Failure> {
    let server = Postgres::start(&PostgresOptions { connections: 400, ..PostgresOptions::default() })?;
    let (our_url, bare_url) = (server.create("ours", None)?, server.create("bare", None)?);
    let open = |url: String| async move {
        SqlStore::open(&url, Arc::new(SystemClock), OpenOptions::default()).await
    };
    // The reference runs on the same schema with the same indexes.
    open(bare_url.clone()).await?.close().await;
    let store = Arc::new(open(our_url).await?);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("create.sql");
    std::fs::write(&file, script())?;
    let next = Arc::new(AtomicI64::new(1));
    let mut run = 0;
    for callers in CALLERS {
        let (mut our_rates, mut bare_rates) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            run += 1;
            bare_rates.push(reference(&bare_url, &file, callers, run)?);
            our_rates.push(ours(&store, &next, callers).await?);
        }
        let (ours, bare) = (median(our_rates), median(bare_rates));
        line(&format!(
            "{callers:>4} callers: {ours:>8.0} orders/s   pgbench {bare:>8.0} /s   ratio {:.2}x",
            ours / bare
        ));
    }
    store.close().await;
    Ok(())
}

pub(crate) fn run() -> Result<(), crate::Failure> {
    line("orders made, durable, PostgreSQL; median of three");
    actix_rt::System::new().block_on(measure())
}
