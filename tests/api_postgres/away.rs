//! PostgreSQL away: what is said, to whom, and how soon. The books are behind a wire that is cut or falls silent.

use crate::{
    ON_POSTGRES, books,
    common::{TestApp, settings, with},
};
use leyden::{Settings, system_clock::SystemClock};
use leyden_ports::Clock;
use leyden_test_servers::{Proxy, Wire};
use reqwest::Method;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// A page may wait two seconds for the books before it says that they are silent; and again before it believes a key that
/// it knows. The rest is for a busy machine.
const SOON: Duration = Duration::from_secs(15);

/// Settings whose books are behind a wire of their own.
fn wired() -> (Proxy, Settings) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let url = actix_rt::System::new().block_on(books::fresh_url(ON_POSTGRES, &clock));
    let (before, rest) = url.split_once('@').unwrap();
    let (address, database) = rest.split_once('/').unwrap();
    let proxy = Proxy::to(address.parse().unwrap()).unwrap();
    let mut settings = settings();
    settings.database.url = format!("{before}@{}/{database}", proxy.address());
    // No key is fresh for longer than these tests take to ask twice.
    settings.cache.api_key_ttl = "1ms".parse().unwrap();
    (proxy, settings)
}

async fn page(app: &TestApp, key: Option<&str>) -> Value {
    let request = app.request(Method::GET, "/status");
    let request = if let Some(key) = key { request.header("X-API-Key", key) } else { request };
    let reply = app.send(request).await;
    assert_eq!(reply.status.as_u16(), 200, "{reply:?}");
    reply.json()
}

fn says_the_database_is_away(page: &Value) {
    assert_eq!(page["status"], "degraded", "{page}");
    assert!(page["causes"].as_array().unwrap().contains(&json!("database")), "{page}");
    assert_eq!((&page["salesOpen"], &page["salesClosedBy"]), (&json!(false), &json!("database")), "{page}");
}

/// What is said while the books are away like this.
fn told(wire: Wire) {
    let (proxy, settings) = wired();
    with(settings, async |app| {
        let known = app.admin.clone();
        assert_eq!(page(&app, Some(&known)).await["status"], "ok");
        assert_eq!(app.get("/api/metrics").await.status.as_u16(), 200);
        let unknown = app.key(&[leyden::http::scope::Scope::OpsRead]).await;
        proxy.set(wire);
        let began = Instant::now();
        let short = loop {
            let short = page(&app, None).await;
            if short["status"] != "ok" || began.elapsed() > SOON {
                break short;
            }
        };
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        says_the_database_is_away(&short);

        // To an operator whose key was seen before: all that can be told.
        let began = Instant::now();
        let full = page(&app, Some(&known)).await;
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        says_the_database_is_away(&full);
        let cause = full["problems"][0].as_str().unwrap();
        assert!(cause.starts_with("the database "), "{full}");
        assert_eq!(full["booksError"], cause);
        assert!(full["actors"]["actors"].is_array() && full["nodes"].is_array(), "{full}");
        // To one whose key nobody can check: what anybody is told, and that.
        let short = page(&app, Some(&unknown)).await;
        says_the_database_is_away(&short);
        assert_eq!((&short["keyUnchecked"], &short["actors"]), (&json!(true), &Value::Null));
        // Figures are for those who may read them.
        let began = Instant::now();
        assert_eq!(app.get("/api/metrics").await.status.as_u16(), 200);
        assert!(began.elapsed() < SOON, "a scrape does not wait for ever: {:?}", began.elapsed());
        let refused = app.send(app.request(Method::GET, "/api/metrics").header("X-API-Key", &unknown)).await;
        assert_eq!((refused.status.as_u16(), refused.refusal().as_str()), (503, "STORE_UNAVAILABLE"));
        // What was last known of a key opens nothing else, and no wrong secret.
        assert_eq!(app.get("/api/v1/orders").await.refusal(), "STORE_UNAVAILABLE");
        let mut wrong = known.clone();
        let last = if wrong.pop() == Some('A') { 'B' } else { 'A' };
        wrong.push(last);
        let refused = app.send(app.request(Method::GET, "/status").header("X-API-Key", &wrong)).await;
        assert_eq!(refused.status.as_u16(), 401, "{refused:?}");

        // A little later nobody knows any more how far the chain is.
        let began = Instant::now();
        loop {
            let short = page(&app, None).await;
            says_the_database_is_away(&short);
            if short["chainLagBlocks"].is_null() {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(40), "{short}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        proxy.set(Wire::Good);
        let began = Instant::now();
        while page(&app, Some(&known)).await["status"] != "ok" {
            assert!(began.elapsed() < Duration::from_secs(30), "{}", page(&app, None).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn books_that_refuse_are_named_at_once_to_everybody() {
    told(Wire::Cut);
}

#[test]
fn books_that_fall_silent_are_named_within_seconds() {
    told(Wire::Silent);
}
