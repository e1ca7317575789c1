//! "Where is my payment?": every answer that a customer can get.

use crate::{
    common::{TestApp, settings, with},
    first_routes::amount,
};
use leyden::http::scope::Scope;
use leyden_domain::Sun;
use leyden_sim::{faults::ReadFault, keys};
use reqwest::Method;
use serde_json::{Value, json};

/// What is known of a transaction, asked with a key.
async fn ask(app: &TestApp, key: &str, tx_hash: &str) -> Value {
    let path = format!("/api/v1/payments/lookup?txHash={tx_hash}");
    app.send(app.request(Method::GET, &path).bearer_auth(key)).await.data()
}

/// What this process remembers of nodes' answers is forgotten by asking for a hash in another way; a test that asks twice
/// waits until the answer is another one.
async fn ask_until(app: &TestApp, tx_hash: &str, outcome: &str) -> Value {
    for _ in 0..600 {
        let found = ask(app, &app.admin, tx_hash).await;
        if found["outcome"] == outcome {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{tx_hash} never was {outcome}");
}

async fn order(app: &TestApp, key: &str, customer: u32) -> Value {
    let body = json!({"recipientAddress": keys::test_address(customer), "chatId": 1});
    let create = app.request(Method::POST, "/api/energy-flash/create-order").bearer_auth(key).json(&body);
    app.send(create).await.data()
}

#[test]
fn a_payment_is_followed_from_the_pool_of_a_node_to_its_solid_block() {
    with(settings(), async |app| {
        let shop = app.key(&[Scope::OrdersWrite]).await;
        let stranger = app.key(&[Scope::OrdersRead]).await;
        let order = order(&app, &shop, 1).await;
        let tx_hash = app.pay(1, amount(&order, 2));
        let waiting = ask(&app, &shop, &tx_hash).await;
        assert_eq!(waiting["outcome"], "waiting", "{waiting}");
        assert_eq!(waiting["payments"], json!([]));
        let transfer = &waiting["transaction"]["transfers"][0];
        assert_eq!((transfer["asset"].as_str(), transfer["toUs"].as_bool()), (Some("TRX"), Some(true)));
        assert_eq!(transfer["amountMicro"], amount(&order, 2).get());
        assert!(waiting["transaction"]["expiresAt"].is_string(), "{waiting}");

        app.state().handles.pause_reading(true);
        let mined = app.node.mine().unwrap().number();
        let ahead = ask_until(&app, &tx_hash, "ahead").await;
        assert_eq!(ahead["transaction"]["blockHeight"], mined);
        assert!(ahead["looked"]["height"].as_i64().unwrap() < mined);
        app.state().handles.pause_reading(false);

        app.until_payment(&tx_hash).await;
        let seen = ask(&app, &shop, &tx_hash).await;
        assert_eq!(seen["outcome"], "recorded");
        let payment = &seen["payments"][0];
        assert_eq!((payment["rule"].as_str(), payment["finality"].as_str()), (Some("settled"), Some("seen")));
        assert_eq!(payment["block"]["height"], mined);
        assert_eq!(payment["order"]["relation"], "yours");
        assert_eq!(payment["order"]["orderId"], order["orderId"]);
        assert!(payment["confirmations"].as_i64().unwrap() >= 1);
        assert!(payment["solidExpectedAt"].is_string());
        let elsewhere = ask(&app, &stranger, &tx_hash).await;
        assert_eq!(elsewhere["payments"][0]["order"], json!({"relation": "another"}));
        assert!(!elsewhere.to_string().contains(order["orderId"].as_str().unwrap()));

        app.node.mine_until_solid().unwrap();
        app.block().await;
        let solid = ask(&app, &shop, &tx_hash).await;
        assert_eq!(solid["payments"][0]["finality"], "solid", "{solid}");
        assert!(solid["payments"][0].get("solidExpectedAt").is_none());
        assert!(solid["looked"]["solidHeight"].as_i64().unwrap() >= mined);
        let only = app.get(&format!("/api/v1/payments/lookup?txHash=0x{tx_hash}&index=0")).await.data();
        assert_eq!(only["payments"].as_array().unwrap().len(), 1);
        let other = app.get(&format!("/api/v1/payments/lookup?txHash={tx_hash}&index=7")).await.data();
        assert_eq!((other["outcome"].as_str(), other["payments"].clone()), (Some("pays_others"), json!([])));
    });
}

#[test]
fn what_is_in_no_books_is_explained() {
    with(settings(), async |app| {
        let unknown = ask(&app, &app.admin, &"ab".repeat(32)).await;
        assert_eq!(unknown["outcome"], "not_seen");
        assert!(unknown["looked"]["height"].as_i64().unwrap() >= 1);
        assert_eq!(unknown["looked"]["hash"].as_str().unwrap().len(), 64);
        assert_eq!(unknown["looked"]["lagBlocks"], 0);

        let poor = keys::test_key(200);
        app.node.fund(poor.address(), 50_000_000).unwrap();
        let dust = app.pay(2, Sun::new(1));
        let others = app.node.transfer(&keys::test_key(3), keys::test_address(4), 5_000_000).unwrap().tx_id;
        let failed = app.node.transfer_usdt(&poor, TestApp::payee(), 7_000_000).unwrap().tx_id;
        app.block().await;
        for (tx_hash, outcome) in
            [(dust, "dust"), (others.to_string(), "pays_others"), (failed.to_string(), "failed")]
        {
            let found = ask(&app, &app.admin, &tx_hash).await;
            assert_eq!(found["outcome"], outcome, "{found}");
            assert!(found["transaction"]["blockHeight"].is_i64(), "{found}");
            assert!(!found["message"].as_str().unwrap().is_empty());
            assert!(!found["advice"].as_str().unwrap().is_empty());
        }
    });
}

#[test]
fn each_rule_that_refuses_a_payment_says_so_and_what_can_be_done() {
    with(settings(), async |app| {
        let shop = app.key(&[Scope::OrdersWrite]).await;
        let fixed = json!({"recipientAddress": keys::test_address(1), "transactionCount": 3});
        let make = app.request(Method::POST, "/api/v1/orders").bearer_auth(&shop).json(&fixed);
        let fixed = app.send(make).await.data();
        let tail = fixed["tailSun"].as_i64().unwrap();
        let under = app.pay(1, Sun::new(1_500_000 + tail));
        let paid = order(&app, &shop, 2).await;
        app.pay(2, amount(&paid, 1));
        app.block().await;
        let second = app.pay(2, amount(&paid, 1));
        let stray = app.pay(3, Sun::new(1_234_567));
        let usdt = app.node.transfer_usdt(&keys::test_key(1), TestApp::payee(), 7_000_000).unwrap();
        app.block().await;
        for (tx_hash, state, rule) in [
            (under, "under", "under"),
            (second, "second", "second"),
            (stray, "suspense", "no_order"),
            (usdt.tx_id.to_string(), "suspense", "wrong_asset"),
        ] {
            app.until_payment(&tx_hash).await;
            let found = ask(&app, &shop, &tx_hash).await;
            let payment = &found["payments"][0];
            assert_eq!((payment["state"].as_str(), payment["rule"].as_str()), (Some(state), Some(rule)));
            assert!(payment["advice"].as_str().is_some_and(|advice| !advice.is_empty()), "{payment}");
            let meant = if state == "suspense" { Value::Null } else { json!("yours") };
            assert_eq!(payment["order"]["relation"], meant);
            if state == "under" {
                assert_eq!(payment["order"]["dueSun"], 4_500_000 + tail);
            }
        }
    });
}

#[test]
fn an_order_that_was_completed_by_a_second_payment_shows_both() {
    with(settings(), async |app| {
        let shop = app.key(&[Scope::OrdersWrite]).await;
        let fixed = json!({"recipientAddress": keys::test_address(1), "transactionCount": 3});
        let make = app.request(Method::POST, "/api/v1/orders").bearer_auth(&shop).json(&fixed);
        let order = app.send(make).await.data();
        let tail = order["tailSun"].as_i64().unwrap();
        let first = app.pay(1, Sun::new(1_500_000 + tail));
        app.block().await;
        app.until_payment(&first).await;
        let listed = async |state: &str| {
            let path = format!("/api/v1/payments?state={state}&order={}", order["orderId"].as_str().unwrap());
            let found = app.get(&path).await.data();
            let hashes =
                found.as_array().unwrap().iter().map(|one| one["txHash"].as_str().unwrap().to_owned());
            hashes.collect::<Vec<_>>()
        };
        assert_eq!((listed("under").await, listed("part").await), (vec![first.clone()], vec![]));
        // It is a part as soon as it is solid and its refund waits.
        app.node.mine_until_solid().unwrap();
        app.block().await;
        let rest = app.pay(1, Sun::new(3_000_000));
        app.block().await;
        app.mine_until(order["orderId"].as_str().unwrap(), "completed").await;
        let part = ask(&app, &shop, &first).await["payments"][0].clone();
        assert_eq!((part["state"].as_str(), part["rule"].as_str()), (Some("part"), Some("part")), "{part}");
        assert_eq!(part["refund"]["state"], "withdrawn", "{part}");
        let whole = ask(&app, &shop, &rest).await["payments"][0].clone();
        assert_eq!((whole["state"].as_str(), whole["rule"].as_str()), (Some("settled"), Some("settled")));
        for payment in [&part, &whole] {
            assert_eq!(payment["order"]["relation"], "yours");
            assert_eq!(payment["order"]["orderId"], order["orderId"]);
        }
        assert_eq!(
            part["amountMicro"].as_i64().unwrap() + whole["amountMicro"].as_i64().unwrap(),
            4_500_000 + tail
        );
        // It waits for nobody any more, so it is not among those that are too little.
        assert_eq!((listed("part").await, listed("under").await), (vec![first.clone()], vec![]));
        assert_eq!(listed("unmatched").await, Vec::<String>::new());
        assert_eq!(listed("settled").await, std::slice::from_ref(&rest));
        let mut both = listed("settled,part").await;
        both.sort_unstable();
        let mut known = vec![first.clone(), rest.clone()];
        known.sort_unstable();
        assert_eq!(both, known);
        assert_eq!(listed("under,part").await, std::slice::from_ref(&first));
        // Who claims either is told the same order.
        for tx_hash in [&first, &rest] {
            let path = format!("/api/v1/orders/{}/confirm-payment", order["orderId"].as_str().unwrap());
            let said = app.post(&path, &json!({"txHash": tx_hash})).await.data();
            assert_eq!(said["outcome"], "matched", "{said}");
        }
    });
}

#[test]
fn a_silent_node_leaves_what_the_books_say() {
    with(settings(), async |app| {
        app.state().handles.pause_reading(true);
        let order = order(&app, &app.admin, 1).await;
        let many = std::iter::repeat_n(ReadFault::Unavailable, 10_000);
        app.node.faults().reads.extend(many);
        let found = ask(&app, &app.admin, &"cd".repeat(32)).await;
        assert_eq!(found["outcome"], "unknown", "{found}");
        assert!(found["looked"]["height"].is_i64());
        let claim = json!({"orderId": order["orderId"], "txHash": "cd".repeat(32)});
        let reply = app.post("/api/energy-flash/confirm-payment", &claim).await;
        assert_eq!(reply.json()["message"], "支付确认处理中");
        let said = reply.data();
        assert_eq!(
            (said["outcome"].as_str(), said["lookup"]["outcome"].as_str()),
            (Some("unknown"), Some("unknown"))
        );
        app.node.faults().reads.clear();
        app.state().handles.pause_reading(false);
    });
}

#[test]
fn the_claim_of_an_order_and_the_lookup_are_one_answer() {
    with(settings(), async |app| {
        let shop = app.key(&[Scope::OrdersWrite]).await;
        let (mine, other) = (order(&app, &shop, 1).await, order(&app, &app.admin, 2).await);
        let tx_hash = app.pay(1, amount(&mine, 1));
        app.block().await;
        app.until_payment(&tx_hash).await;
        let claim = async |order: &Value| {
            let path = format!("/api/v1/orders/{}/confirm-payment", order["orderId"].as_str().unwrap());
            app.post(&path, &json!({"txHash": tx_hash})).await.data()
        };
        let matched = claim(&mine).await;
        assert_eq!(matched["outcome"], "matched");
        assert_eq!(matched["payment"]["orderId"], mine["orderId"]);
        assert_eq!(matched["lookup"]["payments"][0]["rule"], "settled");
        assert_eq!(claim(&other).await["outcome"], "matched_elsewhere");
    });
}

#[test]
fn nonsense_is_refused_and_nodes_are_not_asked_without_end() {
    let mut limited = settings();
    limited.http.lookup_rate_per_minute = 2;
    with(limited, async |app| {
        for bad in ["", "?txHash=", "?txHash=zz", "?txHash=00&index=0", "?hash=00"] {
            let reply = app.get(&format!("/api/v1/payments/lookup{bad}")).await;
            assert_eq!((reply.status.as_u16(), reply.refusal().as_str()), (400, "INVALID_QUERY"), "{bad}");
        }
        let hash = "ee".repeat(32);
        for bad in ["-1", "+1", "x", "", "99999999999"] {
            let reply = app.get(&format!("/api/v1/payments/lookup?txHash={hash}&index={bad}")).await;
            assert_eq!(reply.refusal(), "INVALID_QUERY", "{bad}");
        }
        // A question that was just answered is not asked again.
        for _ in 0..10 {
            ask(&app, &app.admin, &hash).await;
        }
        ask(&app, &app.admin, &"ef".repeat(32)).await;
        let more = app.get(&format!("/api/v1/payments/lookup?txHash={}", "f0".repeat(32))).await;
        assert_eq!((more.status.as_u16(), more.refusal().as_str()), (429, "RATE_LIMITED"));
        assert!(more.headers.contains_key("retry-after"));
        let recorded = app.pay(3, Sun::new(1_234_567));
        app.block().await;
        app.until_payment(&recorded).await;
        assert_eq!(ask(&app, &app.admin, &recorded).await["outcome"], "recorded", "the books have no limit");
        let other = app.key(&[Scope::OrdersRead]).await;
        assert_eq!(ask(&app, &other, &"f1".repeat(32)).await["outcome"], "not_seen", "nor has another key");
    });
}

#[test]
fn people_are_told_in_their_language() {
    with(settings(), async |app| {
        let path = format!("/api/v1/payments/lookup?txHash={}", "ab".repeat(32));
        let request = app.request(Method::GET, &path).header("X-API-Key", &app.admin);
        let found = app.send(request.header("Accept-Language", "zh-CN")).await.data();
        assert_eq!(found["message"], "节点尚未发现该交易。");
    });
}
