//! The API of an instance that shares a Redis with another. The other instance is its cache and the same books: that is
//! all that one instance sees of another.

use crate::common::{Reply, TestApp, settings, with};
use leyden::{Settings, wiring::open_cache};
use leyden_ports::{Cache, CacheKey, Look, store::ConfigDocument};
use leyden_sim::keys;
use leyden_test_servers::{Proxy, RedisServer, Wire};
use reqwest::Method;
use serde_json::{Value, json};
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// Settings with a Redis there, and copies that would live for an hour if nobody were heard.
fn on_redis(address: SocketAddr) -> Settings {
    let mut settings = settings();
    settings.cache.redis_url = Some(format!("redis://{address}"));
    settings.cache.local_ttl = "1h".parse().unwrap();
    settings.cache.redis_timeout = "500ms".parse().unwrap();
    settings
}

/// Waits until a cache uses its Redis, or does not.
async fn until_redis(cache: &dyn Cache, there: bool) {
    until("Redis changes", async || {
        cache.tiers().iter().any(|tier| tier.name == "redis" && tier.available == there)
    })
    .await;
}

async fn until(what: &str, there: impl AsyncFn() -> bool) {
    let wait = async {
        while !there().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), wait).await.is_ok(), "{what}: never");
}

fn document(price: &str) -> Value {
    json!({"single_price": price, "max_transactions": 10, "expiry_hours": 1})
}

async fn put_price(app: &TestApp, price: &str) -> Reply {
    let request = app.request(Method::PUT, "/api/v1/price-configs/energy_flash");
    app.send(request.header("X-API-Key", &app.admin).json(&json!({"config": document(price)}))).await
}

/// What one transfer costs now, in tenths of a TRX.
async fn quoted(app: &TestApp) -> i64 {
    let quote = app.post("/api/v1/quotes", &json!({"transactionCount": 1})).await.data();
    quote["priceSun"].as_i64().unwrap() / 100_000
}

fn price() -> CacheKey {
    CacheKey::document("price", "energy_flash")
}

async fn kept(cache: &dyn Cache) -> Option<Arc<str>> {
    cache.look(&price()).await.ok().and_then(Look::found)
}

#[test]
fn what_one_instance_changes_the_other_sells_by_at_once() {
    let server = RedisServer::start().unwrap();
    let settings = on_redis(server.address());
    with(settings.clone(), async |app| {
        let ours = Arc::clone(&app.state().cache);
        let theirs = open_cache(&settings).unwrap();
        until_redis(ours.as_ref(), true).await;
        until_redis(theirs.as_ref(), true).await;
        put_price(&app, "2").await.data();
        assert_eq!(quoted(&app).await, 20);
        // The other finds what the first had read.
        let found = kept(theirs.as_ref()).await.unwrap();
        assert!(found.contains("single_price"), "{found}");
        // The first changes it: the other's copy goes.
        put_price(&app, "3").await.data();
        until("the other forgets", async || kept(theirs.as_ref()).await.is_none()).await;
        assert_eq!(quoted(&app).await, 30);
        // The other changes it: the first sells by the new one.
        let changed = ConfigDocument {
            name: "energy_flash".to_owned(),
            config: document("4").to_string(),
            is_active: true,
            updated_at: app.state().clock.now(),
        };
        app.state().store.put_price_config(changed).await.unwrap();
        assert_eq!(quoted(&app).await, 30, "nobody said anything yet");
        theirs.forget("price").await.unwrap();
        until("the first hears of it", async || quoted(&app).await == 40).await;
    });
}

#[test]
fn an_instance_without_its_redis_is_ready_and_takes_orders_and_says_so() {
    let server = RedisServer::start().unwrap();
    let wire = Proxy::to(server.address()).unwrap();
    with(on_redis(wire.address()), async |app| {
        let cache = Arc::clone(&app.state().cache);
        until_redis(cache.as_ref(), true).await;
        assert_eq!(app.get("/status").await.json()["cache"][1]["available"], true);
        for (n, bad) in [
            (1, Wire::Cut),
            (2, Wire::Slow(Duration::from_secs(1))),
            (3, Wire::Garbage(b"$3\r\nfoo\r\n".to_vec())),
        ] {
            wire.set(bad);
            // Some of these meet it while nobody knows yet.
            let body = json!({"recipientAddress": keys::test_address(n), "transactionCount": 1});
            let order = app.post("/api/v1/orders", &body).await.data();
            assert_eq!(order["recipientAddress"], keys::test_address(n).to_string());
            put_price(&app, &format!("{n}.5")).await.data();
            assert_eq!(quoted(&app).await, i64::from(n) * 10 + 5);
            until_redis(cache.as_ref(), false).await;
            assert_eq!(quoted(&app).await, i64::from(n) * 10 + 5);
            assert_eq!(app.get("/health/ready").await.status, 200);
            let status = app.get("/status").await.json();
            assert_eq!(
                status["cache"][0],
                json!({"name": "memory", "available": true, "hits": status["cache"][0]["hits"],
                "misses": status["cache"][0]["misses"], "failures": 0, "skipped": 0})
            );
            assert_eq!(status["cache"][1]["available"], false);
            assert!(status["cache"][1]["problem"].is_string());
            assert!(
                status["problems"].as_array().unwrap().contains(&json!("the cache goes on without redis"))
            );
            wire.set(Wire::Good);
            until_redis(cache.as_ref(), true).await;
            assert_eq!(quoted(&app).await, i64::from(n) * 10 + 5);
        }
    });
}

#[test]
fn every_key_has_its_prefix_its_shape_and_its_end() {
    let server = RedisServer::start().unwrap();
    with(on_redis(server.address()), async |app| {
        until_redis(app.state().cache.as_ref(), true).await;
        let (usable, unknown) = (keys::test_address(1), keys::test_address(8));
        let order = |to: leyden_domain::Address| json!({"recipientAddress": to, "transactionCount": 1});
        app.post("/api/v1/orders", &order(usable)).await.data();
        let nobody = leyden_domain::Address::from_evm([0x42; 20]);
        assert_eq!(app.post("/api/v1/orders", &order(nobody)).await.refusal(), "RECIPIENT_NOT_ACTIVATED");
        app.get("/api/v1/pool").await.data();
        app.get("/api/payment-monitoring/status").await.data();
        let seconds = |name: &str| {
            let key = format!("payment_monitoring:{name}");
            match server.command(&["PTTL", &key]).unwrap() {
                leyden_test_servers::Reply::Number(ms) => ms.div_euclid(1_000),
                other => panic!("{other:?}"),
            }
        };
        for (name, ttl) in [
            ("price:energy_flash", 3_600),
            ("resource:energy", 3_600),
            (&*format!("address:{usable}"), 86_400),
            ("pool:state", 300),
        ] {
            let left = seconds(name);
            assert!(left > ttl / 10 * 8 && left <= ttl, "{name} ends in {left} s");
        }
        assert!(seconds(&format!("address:{nobody}")) < 0, "who activates an address must not wait");
        assert!(seconds(&format!("address:{unknown}")) < 0);
    });
}
