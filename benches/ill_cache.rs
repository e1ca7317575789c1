//! Making orders over HTTP, durable, by an instance whose Redis is well, slow, cut off or answers garbage, beside the same
//! service without a Redis. Redis may cost nobody an order, and no time that matters.

use crate::{
    measure::{line, millis, now, percentiles, ratio},
    service,
};
use leyden::{Application, http::scope::Scope};
use leyden_sim::keys;
use leyden_test_servers::{Proxy, RedisServer, Wire};
use leyden_tron::node::http_client;
use reqwest::Client;
use serde_json::json;
use std::{path::Path, time::Duration};

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
        let configuration = format!(
            "[http]\nkey_rate_per_minute = 0\n[database]\nurl = 'sqlite:{}'\n\
             [cache]\nredis_url = '{redis}'\nlocal_ttl = '100ms'\n\
             [payments]\naddresses = ['{}']\n[pool]\naccounts = [{{ address = '{}' }}]\nobserve_interval = '100ms'\n",
            folder.join(name).display(),
            keys::test_address(9),
            keys::pool_address(0),
        );
        let (application, key) = service::open(&configuration, Scope::OrdersWrite).await?;
        let orders = format!("http://{}/api/v1/orders", application.address());
        Ok(Self { application, orders, key })
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
