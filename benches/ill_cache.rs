//! Making orders over HTTP, durable, by an instance whose Redis is well, slow, cut off or answers garbage, beside the same
//! service without a Redis. Redis may cost nobody an order, and no time that matters.

use crate::measure::{line, millis, now, percentiles, ratio};
use leyden::{
    Application, Settings, SystemClock, SystemEntropy, World, http::scope::Scope, settings::Environment,
    wiring::open_cache,
};
use leyden_ports::Clock;
use leyden_sim::{ChainConfig, SimNode, keys};
use leyden_store::{OpenOptions, SqlStore};
use leyden_test_servers::{Proxy, RedisServer, Wire};
use leyden_tron::{keys::KeyRing, node::http_client};
use reqwest::Client;
use secrecy::ExposeSecret;
use serde_json::json;
use std::{path::Path, sync::Arc, time::Duration};

const ROUNDS: u32 = 20;
const ORDERS_A_ROUND: u32 = 100;
const PATIENCE: Duration = Duration::from_secs(30);

/// A running service, as its callers see it.
struct Shop {
    application: Application,
    orders: String,
    key: String,
}

impl Shop {
    async fn open(folder: &Path, name: &str, redis: &str) -> Result<Self, crate::Failure> {
        // Copies of what another instance may change live shorter than usual, so that Redis is asked more often.
        let text = format!(
            "[http]\nlisten = '127.0.0.1:0'\nworkers = 1\nkey_rate_per_minute = 0\n\
             [cache]\nredis_url = '{redis}'\nlocal_ttl = '100ms'\n\
             [payments]\naddresses = ['{}']\n[pool]\naccounts = [{{ address = '{}' }}]\nobserve_interval = '100ms'\n",
            keys::test_address(9),
            keys::pool_address(0),
        );
        let settings =
            Settings::from_layers(&[&text], &Environment::default()).map_err(|error| error.to_string())?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let node = SimNode::new(ChainConfig::starting_at(clock.now().ms() - 93_000, 3_000));
        node.mine_many(30)?;
        let books = format!("sqlite:{}", folder.join(name).display());
        let store = SqlStore::open(&books, Arc::clone(&clock), OpenOptions::default()).await?;
        let world = World {
            store: Arc::new(store),
            cache: open_cache(&settings)?,
            chain: Arc::new(node.clone()),
            writer: Arc::new(node),
            signer: Arc::new(KeyRing::new()),
            clock,
            entropy: Arc::new(SystemEntropy),
            turns: None,
        };
        let application = Application::in_world(settings, world).await?;
        let key = application.make_api_key("bench", &[Scope::OrdersWrite].into()).await?;
        let orders = format!("http://{}/api/v1/orders", application.address());
        Ok(Self { application, orders, key: key.expose_secret().to_owned() })
    }
}

/// Where one orders.
struct Counter {
    client: Client,
    orders: String,
    key: String,
}

impl Counter {
    /// One order after the other; how long each took.
    async fn buy(&self, count: u32) -> Result<Vec<Duration>, crate::Failure> {
        let mut times = Vec::new();
        for n in 0..count {
            let body = json!({"recipientAddress": keys::test_address(n % 8), "transactionCount": 1});
            let request = self.client.post(&self.orders).header("X-API-Key", &self.key).json(&body);
            let start = now();
            let answer = request.send().await?;
            let status = answer.status();
            let text = answer.text().await?;
            times.push(start.elapsed());
            if !status.is_success() {
                return Err(text.into());
            }
        }
        Ok(times)
    }

    /// Waits until the service sells.
    async fn until_open(&self) -> Result<(), crate::Failure> {
        let wait = async {
            while self.buy(1).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        Ok(tokio::time::timeout(PATIENCE, wait).await?)
    }
}

async fn measure() -> Result<(), crate::Failure> {
    let folder = tempfile::tempdir()?;
    let server = RedisServer::start()?;
    let wire = Proxy::to(server.address())?;
    let with = Shop::open(folder.path(), "with.sqlite", &format!("redis://{}", wire.address())).await?;
    let without = Shop::open(folder.path(), "without.sqlite", "").await?;
    let counter = |shop: &Shop| {
        Ok::<Counter, crate::Failure>(Counter {
            client: http_client(PATIENCE, PATIENCE)?,
            orders: shop.orders.clone(),
            key: shop.key.clone(),
        })
    };
    let (ours, bare) = (counter(&with)?, counter(&without)?);
    let ends = [&with, &without].map(|shop| shop.application.handles().shutdown().clone());
    let measured = async {
        ours.until_open().await?;
        bare.until_open().await?;
        for (name, state) in [
            ("well", Wire::Good),
            ("1 s slow", Wire::Slow(Duration::from_secs(1))),
            ("cut off", Wire::Cut),
            ("garbage", Wire::Garbage(b"$3\r\nfoo\r\n".to_vec())),
        ] {
            // From the first order on: what nobody has noticed yet counts.
            wire.set(state);
            let (mut our_times, mut bare_times) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                our_times.extend(ours.buy(ORDERS_A_ROUND).await?);
                bare_times.extend(bare.buy(ORDERS_A_ROUND).await?);
            }
            let whole = |times: &[Duration]| times.iter().sum::<Duration>().as_secs_f64();
            let all = whole(&our_times) / whole(&bare_times);
            let ((our_p50, our_p99), (bare_p50, bare_p99)) =
                (percentiles(our_times), percentiles(bare_times));
            line(&format!(
                "Redis {name:<9} {:>10} {:>10}   without {:>10} {:>10}   ratio p50 {}, of all {all:.2}x",
                millis(our_p50),
                millis(our_p99),
                millis(bare_p50),
                millis(bare_p99),
                ratio(our_p50, bare_p50),
            ));
        }
        Ok::<(), crate::Failure>(())
    };
    let measured = async {
        let outcome = measured.await;
        for end in &ends {
            end.request(0, "measured");
        }
        outcome
    };
    futures_util::future::join3(with.application.run(), without.application.run(), measured).await.2
}

pub(crate) fn run() -> Result<(), crate::Failure> {
    line("making an order over HTTP, SQLite, with a Redis and without; p50, p99");
    actix_rt::System::new().block_on(measure())
}
