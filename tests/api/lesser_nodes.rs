//! Nodes that keep or answer less than others: no constant calls, no internal transactions. The service goes on and says so.

use crate::common::{Reply, TestApp, settings, with};
use leyden_domain::Sun;
use leyden_sim::{faults::ReadFault, keys};
use reqwest::Method;
use serde_json::{Value, json};

/// The energy of a transfer to a holder of the token, and of a first one.
const ORDINARY: i64 = 65_000;
const FIRST: i64 = 131_000;

async fn quote(app: &TestApp, customer: u32) -> Reply {
    let body = json!({"recipientAddress": keys::test_address(customer), "transactionCount": 2});
    app.post("/api/v1/quotes", &body).await
}

async fn order(app: &TestApp, customer: u32) -> Reply {
    let body = json!({"recipientAddress": keys::test_address(customer), "transactionCount": 2});
    app.post("/api/v1/orders", &body).await
}

async fn flash_order(app: &TestApp, customer: u32) -> Reply {
    let body = json!({"recipientAddress": keys::test_address(customer), "chatId": 1});
    app.post("/api/energy-flash/create-order", &body).await
}

#[test]
fn where_no_node_does_constant_calls_a_first_transfer_is_sold_and_said() {
    with(settings(), async |app| {
        app.node.faults().without_constant_calls = true;
        let quoted = quote(&app, 1).await.data();
        assert_eq!(
            (&quoted["notice"], &quoted["energyAmount"]),
            (&json!("first_transfer_assumed"), &json!(2 * FIRST))
        );
        for made in [order(&app, 1).await.data(), flash_order(&app, 1).await.data()] {
            assert_eq!(made["notice"], "first_transfer_assumed", "{made}");
            assert_eq!(made["energyPerTransaction"], FIRST);
        }
        let by_quote = json!({"recipientAddress": keys::test_address(1), "quoteId": quoted["quoteId"]});
        let made = app.post("/api/v1/orders", &by_quote).await.data();
        assert_eq!(made["energyPerTransaction"], FIRST, "as it was quoted");
        // A quote for nobody is for a holder, which nobody knows this recipient to be.
        let nobody = app.post("/api/v1/quotes", &json!({"transactionCount": 1})).await.data();
        assert_eq!((&nobody["energyAmount"], nobody.get("notice")), (&json!(ORDINARY), None));
        let wrong = json!({"recipientAddress": keys::test_address(1), "quoteId": nobody["quoteId"]});
        assert_eq!(app.post("/api/v1/orders", &wrong).await.refusal(), "QUOTE_MISMATCH");
        // Nothing of it is remembered: as soon as a node can say it, it is asked.
        app.node.faults().without_constant_calls = false;
        let quoted = quote(&app, 1).await.data();
        assert_eq!((&quoted["energyAmount"], quoted.get("notice")), (&json!(2 * ORDINARY), None));
        for made in [order(&app, 1).await.data(), flash_order(&app, 1).await.data()] {
            assert_eq!((&made["energyPerTransaction"], made.get("notice")), (&json!(ORDINARY), None));
        }
    });
}

/// That no answer comes says nothing of the recipient.
#[test]
fn a_node_that_does_not_answer_sells_nothing() {
    with(settings(), async |app| {
        app.state().handles.pause_reading(true);
        app.node.faults().reads.extend(std::iter::repeat_n(ReadFault::Unavailable, 10_000));
        let refused = quote(&app, 1).await;
        assert_eq!((refused.status.as_u16(), refused.refusal().as_str()), (503, "CHAIN_UNAVAILABLE"));
        app.node.faults().reads.clear();
        app.state().handles.pause_reading(false);
    });
}

async fn look_up(app: &TestApp, tx_hash: &str, language: &str) -> Value {
    let path = format!("/api/v1/payments/lookup?txHash={tx_hash}");
    let request = app.request(Method::GET, &path).header("X-API-Key", &app.admin);
    app.send(request.header("Accept-Language", language)).await.data()
}

/// A contract pays; the transaction.
fn contract_pays(app: &TestApp, to: leyden_domain::Address, amount: Sun) -> String {
    app.node.transfer_by_contract(&keys::test_key(2), to, amount.get()).unwrap().tx_id.to_string()
}

#[test]
fn what_a_contract_may_have_paid_is_not_called_nothing() {
    with(settings(), async |app| {
        app.node.faults().without_internals = true;
        let hidden = contract_pays(&app, TestApp::payee(), Sun::from_trx(3));
        let token = app.node.transfer_usdt(&keys::test_key(1), keys::test_address(4), 7_000_000).unwrap();
        app.block().await;
        let said = look_up(&app, &hidden, "en").await;
        assert_eq!(said["outcome"], "maybe_by_contract", "{said}");
        assert_eq!(said["transaction"]["kind"], "TriggerSmartContract");
        for member in ["message", "advice"] {
            let text = said[member].as_str().unwrap();
            assert!(!text.contains("pays nothing") && !text.contains("cannot bring back"), "{text}");
        }
        assert!(said["message"].as_str().unwrap().contains("not every node"), "{said}");
        let chinese = look_up(&app, &hidden, "zh-CN").await;
        assert!(chinese["message"].as_str().unwrap().contains("并非所有节点"), "{chinese}");
        // Whoever claims it for an order is told no more than is known.
        let made = order(&app, 1).await.data();
        let claim = json!({"orderId": made["orderId"], "txHash": hidden});
        let claimed = app.post("/api/energy-flash/confirm-payment", &claim).await.data();
        assert_eq!(
            (&claimed["outcome"], &claimed["lookup"]["outcome"]),
            (&json!("unknown"), &said["outcome"])
        );
        // The token sends no TRX, so a transfer of it to somebody else pays us nothing on any node.
        assert_eq!(look_up(&app, &token.tx_id.to_string(), "en").await["outcome"], "pays_others");
        // Nor does what a node shows to go elsewhere, where it shows what contracts send.
        app.node.faults().without_internals = false;
        let elsewhere = contract_pays(&app, keys::test_address(4), Sun::from_trx(3));
        let shown = contract_pays(&app, TestApp::payee(), Sun::from_trx(4));
        app.block().await;
        assert_eq!(look_up(&app, &elsewhere, "en").await["outcome"], "pays_others");
        app.until_payment(&shown).await;
        let shown = look_up(&app, &shown, "en").await;
        assert_eq!(shown["payments"][0]["evidence"], "internal", "{shown}");
    });
}

#[test]
fn what_a_recorded_payment_was_read_from_is_said() {
    with(settings(), async |app| {
        let usdt = app.node.transfer_usdt(&keys::test_key(1), TestApp::payee(), 7_000_000).unwrap();
        let plain = app.pay(2, Sun::from_trx(2));
        app.block().await;
        for (tx_hash, evidence) in [(usdt.tx_id.to_string(), "log"), (plain, "contract")] {
            app.until_payment(&tx_hash).await;
            assert_eq!(look_up(&app, &tx_hash, "en").await["payments"][0]["evidence"], evidence);
        }
    });
}

/// Compares books and chain; what differs.
async fn compared(app: &TestApp) -> Value {
    let id = app.post("/api/v1/reconciliations/run", &json!({})).await.data()["reconciliationId"].clone();
    let path = format!("/api/v1/reconciliations/{}", id.as_str().unwrap());
    for _ in 0..600 {
        let shown = app.get(&path).await.data();
        if shown["state"] == "done" {
            assert_eq!(shown["skipped"], json!([]));
            return shown["differences"].clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("never compared");
}

/// The repair of this kind and state, as soon as there is one.
async fn repair(app: &TestApp, kind: &str, state: &str) -> Value {
    for _ in 0..600 {
        let shown = app.get(&format!("/api/v1/repairs?state={state}")).await.data();
        if let Some(found) = shown.as_array().unwrap().iter().find(|one| one["kind"] == kind) {
            return found.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("no {kind} was ever {state}");
}

#[test]
fn money_that_no_node_explains_is_in_the_status_until_a_person_closes_it() {
    with(settings(), async |app| {
        app.node.mine_until_solid().unwrap();
        app.block().await;
        assert_eq!(compared(&app).await, json!([]));
        assert_eq!(app.get("/status").await.json()["openDifferences"], json!([]));
        app.node.faults().without_internals = true;
        contract_pays(&app, TestApp::payee(), Sun::from_trx(3));
        app.node.mine_until_solid().unwrap();
        app.block().await;
        compared(&app).await;
        repair(&app, "reread_blocks", "failed").await;
        for _ in 0..2 {
            let found = compared(&app).await;
            assert_eq!((&found[0]["matter"], &found[1]), (&json!("payments"), &Value::Null), "{found}");
        }
        let status = app.get("/status").await.json();
        let open = &status["openDifferences"][0];
        assert_eq!((&open["matter"], &open["excessSun"]), (&json!("payments"), &json!(3_000_000)), "{open}");
        assert_eq!(open["accounts"], json!([TestApp::payee().to_string()]));
        assert_eq!(status["status"], "degraded");
        let problem = status["problems"][0].as_str().unwrap();
        assert!(problem.contains("3000000 sun more than the books explain"), "{problem}");
        assert_eq!((&status["salesOpen"], &status["halts"]), (&json!(true), &json!([])));
        // Anybody can send so much: it makes nobody unready.
        assert_eq!(app.send(app.request(Method::GET, "/status")).await.json()["status"], "ok");
        let metrics = app.get("/api/metrics").await.text;
        assert!(metrics.contains("leyden_open_differences{matter=\"payments\"} 1"), "{metrics}");
        assert!(metrics.contains("leyden_open_differences_sun{matter=\"payments\"} 3000000"), "{metrics}");
        let proposed = repair(&app, "write_off", "proposed").await;
        assert_eq!(proposed["choices"], json!(["reread_blocks"]));
        let approve = format!("/api/v1/repairs/{}/approve", proposed["repairId"].as_str().unwrap());
        let approved = app.post(&approve, &json!({"reason": "a gift"})).await.data();
        assert_eq!((&approved["state"], &approved["reason"]), (&json!("approved"), &json!("a gift")));
        repair(&app, "write_off", "applied").await;
        let status = app.get("/status").await.json();
        assert_eq!((&status["openDifferences"], &status["status"]), (&json!([]), &json!("ok")), "{status}");
        assert_eq!(compared(&app).await, json!([]));
    });
}
