//! What an operator sees.

use crate::common::{settings, with};
use leyden_sim::keys;
use reqwest::Method;
use serde_json::json;

#[test]
fn the_status_is_short_for_strangers_and_full_for_operators() {
    with(settings(), async |app| {
        let body = json!({"recipientAddress": keys::test_address(1), "chatId": 1});
        app.post("/api/energy-flash/create-order", &body).await.data();
        let short = app.send(app.request(Method::GET, "/status")).await.json();
        let members: Vec<&str> = short.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = "at causes chainLagBlocks halted salesOpen status success version";
        assert_eq!(members, expected.split(' ').collect::<Vec<_>>());
        let full = app.get("/status.json").await.json();
        assert_eq!(full["orders"]["awaiting_payment"], 1);
        assert_eq!(full["chain"]["lagBlocks"], 0);
        assert!(full["chain"]["processed"]["height"].as_i64().unwrap() >= 1);
        assert_eq!(full["pool"]["accounts"][0]["address"], keys::pool_address(0).to_string());
        let actors = full["actors"]["actors"].as_array().unwrap();
        for name in ["block_listener", "payment_router", "pool_allocator", "janitor"] {
            let actor = actors.iter().find(|actor| actor["path"].as_str().unwrap().ends_with(name));
            let actor = actor.unwrap_or_else(|| panic!("{name} is not shown"));
            assert_eq!(actor["state"], "running");
            assert_eq!(actor["restarts"], 0);
            assert!(actor["mailbox"]["capacity"].as_u64().unwrap() > 0);
            assert!(actor["last_error"].is_null());
        }
    });
}

#[test]
fn metrics_name_routes_and_never_an_order_or_an_address() {
    with(settings(), async |app| {
        let recipient = keys::test_address(1).to_string();
        let body = json!({"recipientAddress": recipient, "chatId": 1});
        let order = app.post("/api/energy-flash/create-order", &body).await.data();
        let id = order["orderId"].as_str().unwrap();
        app.get(&format!("/api/energy-flash/order-status/{id}")).await.data();
        app.get("/made/up/path").await;
        let metrics = app.get("/api/metrics").await;
        assert!(metrics.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
        assert!(metrics.text.contains("/api/energy-flash/order-status/{orderId}"), "{}", metrics.text);
        for secret in [id, &recipient, "made/up", &app.admin] {
            assert!(!metrics.text.contains(secret), "{secret}");
        }
    });
}

#[test]
fn refusals_are_told_in_chinese_to_those_who_ask_for_it() {
    with(settings(), async |app| {
        let request = app.request(Method::GET, "/api/v1/orders/ord_00000000000000000000000000000000");
        let reply = app
            .send(request.header("X-API-Key", &app.admin).header("Accept-Language", "zh-CN,en;q=0.5"))
            .await;
        assert_eq!(reply.refusal(), "ORDER_NOT_FOUND");
        assert_eq!(reply.json()["message"], "订单不存在");
    });
}

#[test]
fn a_trailing_slash_is_forgiven() {
    with(settings(), async |app| {
        assert_eq!(app.get("/api/v1/pool/").await.data()["readyAccounts"], 1);
    });
}
