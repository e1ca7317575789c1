//! `/api/v1`: orders for programs, quotes, configurations.

use crate::{
    common::{TestApp, settings, with},
    first_routes::amount,
};
use leyden_sim::keys;
use reqwest::Method;
use serde_json::{Value, json};

async fn create(app: &TestApp, key: Option<&str>, body: &Value) -> crate::common::Reply {
    let mut request = app.request(Method::POST, "/api/v1/orders").header("X-API-Key", &app.admin);
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    app.send(request.json(body)).await
}

#[test]
fn the_same_key_makes_one_order_however_often_it_is_sent() {
    with(settings(), async |app| {
        let body = json!({"recipientAddress": keys::test_address(1), "transactionCount": 2});
        let first = create(&app, Some("\"a-1\""), &body).await;
        assert_eq!(first.status.as_u16(), 201);
        assert!(!first.headers.contains_key("idempotent-replayed"));
        let order = first.data();
        assert_eq!(
            first.headers["location"],
            format!("/api/v1/orders/{}", order["orderId"].as_str().unwrap())
        );
        // Both forms of writing a key are one key.
        for key in ["\"a-1\"", "a-1"] {
            let again = create(&app, Some(key), &body).await;
            assert_eq!(again.headers["idempotent-replayed"], "true");
            assert_eq!(again.data()["orderId"], order["orderId"]);
        }
        let other_body = json!({"recipientAddress": keys::test_address(1), "transactionCount": 3});
        let reused = create(&app, Some("a-1"), &other_body).await;
        assert_eq!((reused.status.as_u16(), reused.refusal().as_str()), (422, "IDEMPOTENCY_KEY_REUSED"));
        for bad in ["", "\"", "a b", "\"\""] {
            assert_eq!(create(&app, Some(bad), &body).await.refusal(), "IDEMPOTENCY_KEY_INVALID", "{bad}");
        }
        let fresh = create(&app, Some("a-2"), &body).await.data();
        assert_ne!(fresh["orderId"], order["orderId"]);
        assert_ne!(fresh["tailSun"], order["tailSun"], "no two open orders have one amount");
        assert_eq!(app.get("/api/v1/orders").await.data().as_array().unwrap().len(), 2);
    });
}

#[test]
fn the_same_key_sent_at_once_makes_one_order() {
    with(settings(), async |app| {
        let body = json!({"recipientAddress": keys::test_address(1), "transactionCount": 1});
        let all = futures_util::future::join_all((0..20).map(|_| create(&app, Some("race"), &body))).await;
        let ids: std::collections::BTreeSet<String> =
            all.iter().map(|reply| reply.data()["orderId"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
    });
}

#[test]
fn an_order_for_a_fixed_count_tells_its_whole_story() {
    with(settings(), async |app| {
        let body = json!({
            "recipientAddress": keys::test_address(1), "energyAmount": 65_001, "userId": "alice", "durationHours": 1
        });
        let order = create(&app, None, &body).await.data();
        assert_eq!(order["count"], json!({"rule": "fixed", "min": 2, "max": 2}));
        assert_eq!(order["state"], "awaiting_payment");
        let id = order["orderId"].as_str().unwrap();
        assert!(id.starts_with("ord_"), "{id}");
        let amounts = &order["amounts"];
        assert_eq!(amounts.as_array().unwrap().len(), 1);
        let due = leyden_domain::Sun::new(amounts[0]["amountSun"].as_i64().unwrap());
        assert_eq!(amounts[0]["amountTrx"], due.to_string());
        app.pay(4, due);
        app.mine_until(id, "completed").await;
        let read = app.get(&format!("/api/v1/orders/{id}")).await.data();
        assert_eq!(read["state"], "active");
        assert_eq!(read["paid"]["fromAddress"], keys::test_address(4).to_string());
        assert_eq!(read["operations"][0]["kind"], "delegate");
        let timeline = app.get(&format!("/api/v1/orders/{id}/timeline")).await.data();
        let states: Vec<&str> =
            timeline.as_array().unwrap().iter().map(|entry| entry["to"].as_str().unwrap()).collect();
        assert_eq!(states, ["awaiting_payment", "paid", "funded", "reserved", "delegating", "active"]);
    });
}

#[test]
fn lists_are_paged_by_cursor_and_filtered() {
    with(settings(), async |app| {
        let mut made = Vec::new();
        for customer in [1, 2, 1, 2, 1] {
            let body = json!({"recipientAddress": keys::test_address(customer), "userId": format!("user-{customer}")});
            made.push(create(&app, None, &body).await.data()["orderId"].clone());
        }
        made.reverse();
        let mut seen = Vec::new();
        let mut path = "/api/v1/orders?limit=2".to_owned();
        loop {
            let page = app.get(&path).await.json();
            seen.extend(page["data"].as_array().unwrap().iter().map(|order| order["orderId"].clone()));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/api/v1/orders?limit=2&cursor={cursor}");
        }
        assert_eq!(seen, made, "newest first, each once");
        let count = async |query: &str| {
            app.get(&format!("/api/v1/orders?{query}")).await.data().as_array().unwrap().len()
        };
        assert_eq!(count("user=user-2").await, 2);
        assert_eq!(count(&format!("address={}", keys::test_address(1))).await, 3);
        assert_eq!(count("status=awaiting_payment,paid").await, 5);
        assert_eq!(count("status=cancelled").await, 0);
    });
}

#[test]
fn a_quote_holds_and_is_held_to() {
    with(settings(), async |app| {
        let recipient = keys::test_address(1);
        let ask = json!({"recipientAddress": recipient, "transactionCount": 3});
        let quoted = app.send(app.request(Method::POST, "/api/v1/quotes").json(&ask)).await;
        assert_eq!(quoted.status.as_u16(), 201, "without a key: {quoted:?}");
        let quote = quoted.data();
        assert_eq!(quote["priceSun"], 4_500_000);
        assert_eq!(quote["priceTrx"], "4.500000");
        assert_eq!(quote["energyAmount"], 195_000);
        assert_eq!(quote["available"], true);
        // The price changes; the quote does not.
        let config = json!({"config": {"single_price": 9, "max_transactions": 10, "expiry_hours": 2}});
        let put =
            app.request(Method::PUT, "/api/v1/price-configs/energy_flash").header("X-API-Key", &app.admin);
        app.send(put.json(&config)).await.data();
        let order = json!({"recipientAddress": recipient, "quoteId": quote["quoteId"]});
        let by_quote = create(&app, None, &order).await.data();
        assert_eq!(by_quote["unitPriceSun"], 1_500_000);
        assert_eq!(by_quote["count"]["max"], 3);
        let plain = create(&app, None, &json!({"recipientAddress": recipient})).await.data();
        assert_eq!(plain["unitPriceSun"], 9_000_000);
        assert_eq!(plain["durationMs"], 7_200_000);
        let other = json!({"recipientAddress": keys::test_address(2), "quoteId": quote["quoteId"]});
        assert_eq!(create(&app, None, &other).await.refusal(), "QUOTE_MISMATCH");
        let more = json!({"recipientAddress": recipient, "quoteId": quote["quoteId"], "transactionCount": 4});
        assert_eq!(create(&app, None, &more).await.refusal(), "QUOTE_MISMATCH");
        let less =
            json!({"recipientAddress": recipient, "quoteId": quote["quoteId"], "energyAmount": 130_000});
        assert_eq!(create(&app, None, &less).await.refusal(), "QUOTE_MISMATCH");
        let unknown = json!({"recipientAddress": recipient, "quoteId": "quo_0"});
        assert_eq!(create(&app, None, &unknown).await.refusal(), "QUOTE_NOT_FOUND");
    });
}

#[test]
fn a_quote_for_nobody_is_not_honoured_for_whom_it_would_not_be_enough() {
    with(settings(), async |app| {
        let ask = json!({"transactionCount": 2});
        let quote = app.post("/api/v1/quotes", &ask).await.data();
        assert_eq!(quote["energyAmount"], 130_000);
        let stranger = keys::test_key(200).address();
        app.node.fund(stranger, 5_000_000).unwrap();
        app.block().await;
        let order = |recipient: String| json!({"recipientAddress": recipient, "quoteId": quote["quoteId"]});
        let refused = create(&app, None, &order(stranger.to_string())).await;
        assert_eq!(refused.refusal(), "QUOTE_MISMATCH");
        assert_eq!(refused.json()["errors"][0]["pointer"], "#/recipientAddress");
        let holder = create(&app, None, &order(keys::test_address(1).to_string())).await.data();
        assert_eq!(holder["energyPerTransaction"], 65_000);
    });
}

#[test]
fn what_cannot_be_shown_is_no_name_of_a_customer() {
    with(settings(), async |app| {
        for bad in ["", "a\u{202e}b", "a\u{200b}", "a\nb", &"x".repeat(129)] {
            let body = json!({"recipientAddress": keys::test_address(1), "userId": bad});
            let refused = create(&app, None, &body).await;
            assert_eq!(refused.refusal(), "INVALID_BODY", "{bad:?}");
            assert_eq!(refused.json()["errors"][0]["pointer"], "#/userId");
        }
        let body = json!({"recipientAddress": keys::test_address(1), "userId": "用户 é 😀"});
        assert_eq!(create(&app, None, &body).await.data()["userId"], "用户 é 😀");
    });
}

#[test]
fn a_price_changes_what_the_first_routes_sell_and_a_bad_one_changes_nothing() {
    with(settings(), async |app| {
        let put = async |body: Value| {
            let request = app.request(Method::PUT, "/api/v1/price-configs/energy_flash");
            app.send(request.header("X-API-Key", &app.admin).json(&body)).await
        };
        for bad in [
            json!({"single_price": 0, "max_transactions": 10, "expiry_hours": 1}),
            json!({"single_price": 1.5, "max_transactions": 0, "expiry_hours": 1}),
            json!({"single_price": 1.5, "max_transactions": 10, "expiry_hours": 0}),
            json!({"max_transactions": 10}),
            json!([]),
        ] {
            assert_eq!(put(json!({"config": bad})).await.refusal(), "INVALID_CONFIG");
        }
        for (member, value) in [
            ("single_price", json!(0.09)),
            ("single_price", json!(1_000_001)),
            ("single_price", json!("1_5")),
            ("min_amount", json!(1.6)),
            ("min_amount", json!(-1)),
            ("max_transactions", json!(1001)),
            ("max_transactions", json!(-1)),
            ("expiry_hours", json!(0)),
            ("expiry_hours", json!(720.001)),
        ] {
            let mut config = json!({"single_price": 1.5, "max_transactions": 10, "expiry_hours": 1});
            config[member] = value.clone();
            let refused = put(json!({"config": config})).await;
            assert_eq!((refused.status.as_u16(), refused.refusal().as_str()), (422, "INVALID_CONFIG"));
            assert_eq!(refused.json()["errors"][0]["pointer"], format!("#/config/{member}"), "{value}");
        }
        let array = put(json!({"config": [1.5, 10, 1, null]})).await;
        assert_eq!(array.json()["errors"][0]["pointer"], "#/config");
        let order = async || {
            let body = json!({"recipientAddress": keys::test_address(1), "chatId": 1});
            app.post("/api/energy-flash/create-order", &body).await.data()
        };
        assert_eq!(order().await["priceConfig"]["single_price"], 1.5);
        put(json!({"config": {"single_price": 2.25, "max_transactions": 4, "expiry_hours": 1}})).await.data();
        let dearer = order().await;
        assert_eq!(dearer["priceConfig"]["single_price"], 2.25);
        assert_eq!(dearer["amounts"].as_array().unwrap().len(), 4);
        assert!(amount(&dearer, 4).get() > 9_000_000);
        let closed = put(
            json!({"config": {"single_price": 2.25, "max_transactions": 4, "expiry_hours": 1}, "is_active": false}),
        );
        closed.await.data();
        let body = json!({"recipientAddress": keys::test_address(1), "chatId": 1});
        assert_eq!(app.post("/api/energy-flash/create-order", &body).await.refusal(), "SALES_CLOSED");
    });
}
