//! Refunds as operators handle them, and as everybody sees them.

use crate::{
    common::{Reply, TestApp, settings, with},
    first_routes::amount,
};
use leyden::http::scope::Scope;
use leyden_domain::Sun;
use leyden_sim::keys;
use reqwest::Method;
use serde_json::{Value, json};

/// A wish, under a key of its own.
async fn wish(app: &TestApp, key: &str, name: &str, path: &str, body: &Value) -> Reply {
    let request = app.request(Method::POST, path).bearer_auth(key).header("Idempotency-Key", name);
    app.send(request.json(body)).await
}

/// A payment that fits nothing, solid; its id.
async fn stray(app: &TestApp, sun: i64) -> String {
    let tx_hash = app.pay(3, Sun::new(sun));
    app.block().await;
    app.until_payment(&tx_hash).await;
    app.node.mine_until_solid().unwrap();
    app.block().await;
    format!("pay_{tx_hash}_0")
}

fn because(reason: &str) -> Value {
    json!({ "reason": reason })
}

#[test]
fn a_payment_is_held_and_let_go_with_a_name_and_a_reason() {
    with(settings(), async |app| {
        let payment = stray(&app, 12_345_678).await;
        let held =
            wish(&app, &app.admin, "h", &format!("/api/v1/payments/{payment}/hold"), &because("asked")).await;
        let held = held.data();
        assert_eq!(
            (held["outcome"].as_str(), held["refund"]["state"].as_str()),
            (Some("done"), Some("held"))
        );
        assert_eq!(held["refund"]["heldFor"], "operator");
        let id = held["refund"]["refundId"].as_str().unwrap();
        let read = app.get(&format!("/api/v1/refunds/{id}")).await.data();
        assert_eq!(read["paymentId"], payment);
        assert_eq!(read["cause"], "suspense");
        let last = read["history"].as_array().unwrap().last().unwrap();
        assert!(last["note"].as_str().unwrap().contains("asked"), "{last}");
        assert!(last["by"].as_str().unwrap().starts_with("key_"));
        let listed = app.get(&format!("/api/v1/refunds?state=held&payment={payment}")).await.data();
        assert_eq!(listed.as_array().unwrap().len(), 1);
        assert_eq!(app.get("/api/v1/refunds?state=refunded").await.data(), json!([]));
        let shown = app.get("/api/v1/payments?state=suspense").await.data();
        assert_eq!(shown[0]["refund"]["heldFor"], "operator", "{shown}");
        let tx_hash = payment.strip_prefix("pay_").unwrap().strip_suffix("_0").unwrap();
        let looked = app.get(&format!("/api/v1/payments/lookup?txHash={tx_hash}")).await.data();
        assert_eq!(looked["payments"][0]["refund"]["state"], "held");
        let status = app.get("/status").await.json();
        assert!(status["refunds"][0]["state"].as_str().unwrap().starts_with("held"), "{}", status["refunds"]);
        let kept =
            wish(&app, &app.admin, "f", &format!("/api/v1/refunds/{id}/forfeit"), &because("fraud")).await;
        assert!(["done", "proposed"].contains(&kept.data()["outcome"].as_str().unwrap()));
    });
}

#[test]
fn a_wish_is_carried_out_once_and_answered_as_often_as_it_is_sent() {
    with(settings(), async |app| {
        let payment = stray(&app, 12_345_678).await;
        let path = format!("/api/v1/payments/{payment}/hold");
        let unnamed = app.post(&path, &because("asked")).await;
        assert_eq!((unnamed.status.as_u16(), unnamed.refusal().as_str()), (400, "IDEMPOTENCY_KEY_MISSING"));
        let first = wish(&app, &app.admin, "one", &path, &because("asked")).await;
        assert!(!first.headers.contains_key("idempotent-replayed"));
        let again = wish(&app, &app.admin, "one", &path, &because("asked")).await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.data(), first.data());
        let other = wish(&app, &app.admin, "one", &path, &because("asked otherwise")).await;
        assert_eq!(other.refusal(), "IDEMPOTENCY_KEY_REUSED");
        let id = first.data()["refund"]["refundId"].as_str().unwrap().to_owned();
        let history = app.get(&format!("/api/v1/refunds/{id}")).await.data()["history"].clone();
        let holds = history.as_array().unwrap().iter().filter(|entry| entry["to"] == "held").count();
        assert_eq!(holds, 1, "{history}");
        // Another caller's key of the same name is another wish; a refusal does not use a name up.
        let other = app.key(&[Scope::OpsWrite]).await;
        let approve = format!("/api/v1/refunds/{id}/approve");
        let version = first.data()["refund"]["version"].as_i64().unwrap();
        let unseen = json!({"version": version - 1, "reason": "looks good"});
        let refused = wish(&app, &other, "zero", &approve, &unseen).await;
        assert_eq!((refused.status.as_u16(), refused.refusal().as_str()), (409, "REFUND_CHANGED"));
        assert_eq!(wish(&app, &other, "none", &approve, &because("x")).await.refusal(), "INVALID_BODY");
        for _ in 0..2 {
            let refused =
                wish(&app, &other, "one", &approve, &json!({"version": version, "reason": "looks good"}))
                    .await;
            assert_eq!((refused.status.as_u16(), refused.refusal().as_str()), (409, "NOTHING_PROPOSED"));
        }
    });
}

#[test]
fn what_cannot_be_is_refused_by_its_name() {
    with(settings(), async |app| {
        let nobody = format!("pay_{}_0", "ab".repeat(32));
        let refund = format!("/api/v1/payments/{nobody}/refund");
        assert_eq!(wish(&app, &app.admin, "a", &refund, &because("x")).await.refusal(), "PAYMENT_NOT_FOUND");
        let release = format!("/api/v1/refunds/rfd_{}/release", "0".repeat(32));
        assert_eq!(wish(&app, &app.admin, "a", &release, &because("x")).await.refusal(), "REFUND_NOT_FOUND");
        assert_eq!(app.get("/api/v1/refunds/rfd_1").await.refusal(), "INVALID_ID");
        assert_eq!(app.get("/api/v1/refunds?state=gone").await.refusal(), "INVALID_QUERY");
        assert_eq!(app.get("/api/v1/refunds?proposed=yes").await.refusal(), "INVALID_QUERY");
        for bad in ["", "  ", "a\tb", &"x".repeat(501)] {
            assert_eq!(wish(&app, &app.admin, "b", &refund, &because(bad)).await.refusal(), "INVALID_BODY");
        }
        let fresh = app.pay(3, Sun::new(1_234_567));
        app.block().await;
        app.until_payment(&fresh).await;
        let early =
            wish(&app, &app.admin, "c", &format!("/api/v1/payments/pay_{fresh}_0/refund"), &because("x"))
                .await;
        assert_eq!((early.status.as_u16(), early.refusal().as_str()), (409, "PAYMENT_NOT_SOLID"));
        assert!(early.headers.contains_key("retry-after"));
        let make = json!({"recipientAddress": keys::test_address(1), "chatId": 1});
        let order = app.post("/api/energy-flash/create-order", &make).await.data();
        let path = format!("/api/v1/orders/{}/refund", order["orderId"].as_str().unwrap());
        let unpaid = wish(&app, &app.admin, "d", &path, &because("x")).await;
        assert_eq!((unpaid.status.as_u16(), unpaid.refusal().as_str()), (409, "ORDER_NOT_REFUNDABLE"));
    });
}

#[test]
fn a_person_puts_a_payment_to_an_order_and_it_is_served() {
    with(settings(), async |app| {
        let payment = stray(&app, 3_700_000).await;
        let make = json!({"recipientAddress": keys::test_address(3), "chatId": 1});
        let order = app.post("/api/energy-flash/create-order", &make).await.data();
        assert!(amount(&order, 1).get() < 3_700_000);
        let id = order["orderId"].as_str().unwrap();
        let body = json!({"orderId": id, "reason": "the customer sent the receipt"});
        let assigned =
            wish(&app, &app.admin, "a", &format!("/api/v1/payments/{payment}/assign"), &body).await;
        let assigned = assigned.data();
        assert_eq!(assigned["assignedOrderId"], id, "{assigned}");
        let done = app.mine_until(id, "completed").await;
        assert_eq!(done["transactionCount"], 2);
        let timeline = app.get(&format!("/api/v1/orders/{id}/timeline")).await.data();
        assert!(timeline.as_array().unwrap().len() >= 3, "{timeline}");
        let unfit = json!({"orderId": id, "reason": "again"});
        let other = stray(&app, 9_999_999).await;
        let refused = wish(&app, &app.admin, "b", &format!("/api/v1/payments/{other}/assign"), &unfit).await;
        assert_eq!(refused.refusal(), "PAYMENT_UNFIT");
    });
}
