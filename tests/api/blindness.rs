//! What is said while nobody sees the chain, and how soon.

use crate::common::{Reply, TestApp, settings, with};
use leyden_sim::{ReadFault, keys};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// Two polls are 40 ms in these tests. Where a question has failed, a second must have passed; where none has, three seconds
/// more than the polls. The rest is for a busy machine.
const SOON: Duration = Duration::from_secs(12);

/// The page that anybody may read, once it is as it should be.
async fn until(app: &TestApp, there: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let page = app.send(app.request(Method::GET, "/status")).await.json();
        if there(&page) {
            return page;
        }
        assert!(began.elapsed() < SOON, "not in time: {page}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn silence(app: &TestApp) {
    app.node.faults().reads.extend(std::iter::repeat_n(ReadFault::Unavailable, 100_000));
}

async fn ready(app: &TestApp) -> (u16, Value) {
    let reply: Reply = app.send(app.request(Method::GET, "/health/ready")).await;
    let chain =
        reply.json()["checks"].as_array().unwrap().iter().find(|check| check["name"] == "chain").cloned();
    (reply.status.as_u16(), chain.unwrap())
}

#[test]
fn while_no_node_answers_everybody_is_told_and_nothing_is_sold() {
    with(settings(), async |app| {
        let well = until(&app, |page| page["status"] == "ok").await;
        assert_eq!((&well["chainLagBlocks"], &well["salesOpen"]), (&json!(0), &json!(true)), "{well}");
        assert_eq!(well["causes"], json!([]));
        assert!(well["salesClosedBy"].is_null(), "{well}");
        assert_eq!(ready(&app).await, (200, json!({"name": "chain", "ok": true})));

        silence(&app);
        let blind = until(&app, |page| page["status"] == "degraded").await;
        assert_eq!(blind["causes"], json!(["chain"]));
        assert!(blind.as_object().unwrap().contains_key("chainLagBlocks"), "{blind}");
        assert!(blind["chainLagBlocks"].is_null(), "unknown, not 0: {blind}");
        assert_eq!((&blind["salesOpen"], &blind["salesClosedBy"]), (&json!(false), &json!("chain")));
        let full = app.get("/status").await.json();
        assert!(full["chain"]["lagBlocks"].is_null(), "{full}");
        assert_eq!((&full["salesOpen"], &full["salesClosedBy"]), (&json!(false), &json!("chain")));
        let problem = full["problems"][0].as_str().unwrap();
        assert!(problem.starts_with("nothing was heard of the chain since "), "{problem}");
        assert!(problem.contains("unavailable"), "the cause is there: {problem}");
        let body = json!({"recipientAddress": keys::test_address(1), "chatId": 1});
        let refused = app.post("/api/energy-flash/create-order", &body).await;
        assert_eq!((refused.status.as_u16(), refused.refusal().as_str()), (503, "CHAIN_UNAVAILABLE"));
        let (code, chain) = ready(&app).await;
        assert_eq!((code, &chain["ok"]), (200, &json!(true)), "orders can still be looked at");
        assert_eq!(chain["detail"], "the chain is not seen; see /status");

        app.node.faults().reads.clear();
        let again = until(&app, |page| page["status"] == "ok").await;
        assert_eq!((&again["chainLagBlocks"], &again["salesOpen"]), (&json!(0), &json!(true)), "{again}");
    });
}

#[test]
fn readiness_fails_with_the_chain_where_it_is_configured_so() {
    let mut settings = settings();
    settings.http.ready_needs_chain = true;
    with(settings, async |app| {
        assert_eq!(ready(&app).await, (200, json!({"name": "chain", "ok": true})));
        silence(&app);
        until(&app, |page| page["status"] == "degraded").await;
        let (code, chain) = ready(&app).await;
        assert_eq!((code, &chain["ok"]), (503, &json!(false)));
        let health = app.send(app.request(Method::GET, "/api/health")).await;
        assert_eq!((health.status.as_u16(), &health.json()["status"]), (503, &json!("unavailable")));
        let live = app.send(app.request(Method::GET, "/health/live")).await;
        assert_eq!(live.status.as_u16(), 200, "nobody restarts us for that");
    });
}

#[test]
fn a_chain_that_is_not_read_on_purpose_is_not_known_either() {
    with(settings(), async |app| {
        app.pause_reading(true);
        let blind = until(&app, |page| page["chainLagBlocks"].is_null()).await;
        assert_eq!((&blind["causes"], &blind["salesClosedBy"]), (&json!(["chain"]), &json!("chain")));
        let full = app.get("/status").await.json();
        assert_eq!(full["problems"], json!(["reading the chain is paused"]));
        app.pause_reading(false);
        until(&app, |page| page["status"] == "ok").await;
    });
}
