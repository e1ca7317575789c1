//! The `energy-flash` and `payment-monitoring` routes, from an order to its energy, with requirement 001's fields.

use crate::common::{TestApp, settings, with};
use leyden_domain::Sun;
use leyden_sim::keys;
use serde_json::{Value, json};

/// The names of an object's members.
fn members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

pub(crate) fn amount(order: &Value, count: usize) -> Sun {
    let amount = &order["amounts"][count - 1];
    assert_eq!(amount["count"], count);
    Sun::new(amount["amountSun"].as_i64().unwrap())
}

async fn order(app: &TestApp, customer: u32) -> Value {
    let body = json!({"recipientAddress": keys::test_address(customer), "chatId": 42, "unknown": "ignored"});
    app.post("/api/energy-flash/create-order", &body).await.data()
}

#[test]
fn an_order_is_paid_served_and_shown_with_the_fields_of_the_requirement() {
    with(settings(), async |app| {
        let order = order(&app, 1).await;
        for name in ["orderId", "paymentAddress", "priceConfig", "expiresAt"] {
            assert!(members(&order).contains(&name), "{order}");
        }
        assert_eq!(order["paymentAddress"], TestApp::payee().to_string());
        assert_eq!(
            order["priceConfig"],
            json!({"single_price": 1.5, "max_transactions": 10, "expiry_hours": 1})
        );
        let id = order["orderId"].as_str().unwrap();
        assert!(id.starts_with("FLASH_") && id.len() == "FLASH_1704067200000_abc123def".len(), "{id}");
        let pending = app.get(&format!("/api/energy-flash/order-status/{id}")).await.data();
        assert_eq!(pending["status"], "pending");
        assert_eq!(pending["paidAmount"], 0);
        assert_eq!(pending["transactionCount"], 0);
        assert_eq!(pending["delegationResult"], json!([]));

        let due = amount(&order, 3);
        let tx_hash = app.pay(1, due);
        let claim = json!({"orderId": id, "txHash": tx_hash});
        let early = app.post("/api/energy-flash/confirm-payment", &claim).await;
        assert_eq!(early.json()["message"], "支付确认处理中");
        assert_eq!(early.data()["outcome"], "not_seen");
        let done = app.mine_until(id, "completed").await;
        assert_eq!(done["transactionCount"], 3);
        assert_eq!(done["paidAmountSun"], due.get());
        assert_eq!(done["paidAmount"].to_string(), due.to_decimal().normalize().to_string());
        let results = done["delegationResult"].as_array().unwrap();
        assert_eq!(results.len(), 3);
        for (index, result) in results.iter().enumerate() {
            assert_eq!(result["transactionIndex"], index + 1);
            assert_eq!(result["poolAccount"], keys::pool_address(0).to_string());
            assert_eq!(result["energyAmount"], 65_000);
            assert_eq!(result["success"], true);
            assert_eq!(result["txHash"].as_str().unwrap().len(), 64);
            assert!(result.get("error").is_none());
        }
        let claimed = app.post("/api/energy-flash/confirm-payment", &claim).await.data();
        assert_eq!(claimed["outcome"], "matched");
        let late = app.post(&format!("/api/energy-flash/cancel-order/{id}"), &json!({})).await;
        assert_eq!((late.status.as_u16(), late.refusal().as_str()), (409, "ORDER_NOT_CANCELLABLE"));
    });
}

#[test]
fn an_unpaid_order_is_cancelled_by_either_method_and_asking_again_changes_nothing() {
    with(settings(), async |app| {
        for method in [reqwest::Method::POST, reqwest::Method::DELETE] {
            let order = order(&app, 1).await;
            let path = format!("/api/energy-flash/cancel-order/{}", order["orderId"].as_str().unwrap());
            let cancel = || app.send(app.request(method.clone(), &path).header("X-API-Key", &app.admin));
            let cancelled = cancel().await;
            assert_eq!(cancelled.json()["success"], true);
            assert!(cancelled.json()["message"].is_string());
            assert_eq!(cancelled.data()["status"], "cancelled");
            assert_eq!(cancel().await.data(), cancelled.data(), "who did not hear the answer asks again");
            let timeline = format!("/api/v1/orders/{}/timeline", order["orderId"].as_str().unwrap());
            assert_eq!(app.get(&timeline).await.data().as_array().unwrap().len(), 2);
        }
    });
}

#[test]
fn who_never_held_the_token_gets_the_energy_that_a_first_transfer_needs() {
    with(settings(), async |app| {
        let stranger = keys::test_key(200).address();
        app.node.fund(stranger, 5_000_000).unwrap();
        app.block().await;
        let body = json!({"recipientAddress": stranger, "chatId": 1});
        let order = app.post("/api/energy-flash/create-order", &body).await.data();
        assert_eq!(order["energyPerTransaction"], 131_000);
    });
}

#[test]
fn monitoring_is_recorded_stopped_and_shown() {
    with(settings(), async |app| {
        let order = order(&app, 1).await;
        let id = order["orderId"].as_str().unwrap();
        let start = json!({"orderId": id, "paymentAddress": order["paymentAddress"], "expectedAmount": 1.5, "timeout": 1000});
        let started = app.post("/api/payment-monitoring/start", &start).await.data();
        assert_eq!(started["orderId"], id);
        assert_eq!(started["monitoring"], true, "it has been watched since it was made");
        let elsewhere = json!({"orderId": id, "paymentAddress": keys::test_address(3)});
        let refused = app.post("/api/payment-monitoring/start", &elsewhere).await;
        assert_eq!(refused.refusal(), "PAYMENT_ADDRESS_MISMATCH");
        let rows = app.get(&format!("/api/payment-monitoring/status?orderId={id}")).await.data();
        let row = &rows[0];
        assert_eq!(
            members(row),
            [
                "detected_amount",
                "detected_from_address",
                "expires_at",
                "is_expired",
                "monitoring_started_at",
                "monitoring_status",
                "monitoring_stopped_at",
                "order_id",
                "order_status",
                "paid_amount",
                "payment_address",
                "transaction_count",
            ]
        );
        assert_eq!(row["monitoring_status"], "monitoring");
        assert_eq!(row["is_expired"], false);
        let stop = |id: &str| json!({"orderId": id});
        assert_eq!(app.post("/api/payment-monitoring/stop", &stop(id)).await.data()["stopped"], true);
        assert_eq!(app.post("/api/payment-monitoring/stop", &stop(id)).await.data()["stopped"], false);
        let unknown = app.post("/api/payment-monitoring/stop", &stop("FLASH_1_000000000")).await;
        assert_eq!(unknown.refusal(), "ORDER_NOT_FOUND");
    });
}

#[test]
fn watching_for_an_order_that_has_ended_does_not_hide_how_it_ended() {
    with(settings(), async |app| {
        let order = order(&app, 1).await;
        let id = order["orderId"].as_str().unwrap();
        app.pay(1, amount(&order, 1));
        app.mine_until(id, "completed").await;
        let start = json!({"orderId": id, "paymentAddress": order["paymentAddress"]});
        assert_eq!(app.post("/api/payment-monitoring/start", &start).await.data()["monitoring"], false);
        let rows = app.get(&format!("/api/payment-monitoring/status?orderId={id}")).await.data();
        assert_eq!(rows.as_array().unwrap().len(), 1);
        assert_eq!(rows[0]["monitoring_status"], "completed");
    });
}

#[test]
fn an_order_is_made_in_the_time_of_the_chain() {
    with(settings(), async |app| {
        let order = order(&app, 1).await;
        let id = order["orderId"].as_str().unwrap();
        let head = app.get("/status").await.json()["chain"]["head"]["time"].clone();
        let read = app.get(&format!("/api/v1/orders/{id}")).await.data();
        assert_eq!(read["createdAt"], head, "no payment of that block or before can be meant for it");
    });
}

#[test]
fn a_new_price_is_the_price_of_the_sale_without_orders_at_once() {
    with(settings(), async |app| {
        let path = "/api/v1/price-configs/energy_flash";
        let put = async |price: f64, active: bool| {
            let config = json!({"single_price": price, "max_transactions": 10, "expiry_hours": 1});
            let body = json!({"config": config, "is_active": active});
            let request = app.request(reqwest::Method::PUT, path).header("X-API-Key", &app.admin);
            app.send(request.json(&body)).await.data();
        };
        let orders = async || app.get("/api/v1/orders").await.data();
        let waiting = async |tx: &str| {
            let reply = app.get(&format!("/api/v1/payments?txHash={tx}")).await.data();
            (reply[0]["state"].clone(), reply[0]["reason"].clone())
        };
        put(2.0, true).await;
        let at_the_old_price = app.pay(2, Sun::new(1_500_000));
        app.block().await;
        app.until_payment(&at_the_old_price).await;
        assert_eq!(waiting(&at_the_old_price).await, (json!("suspense"), json!("no_order")));
        let at_the_new_price = app.pay(3, Sun::new(4_000_000));
        app.block().await;
        app.until_payment(&at_the_new_price).await;
        assert_eq!(orders().await[0]["paid"]["transactionCount"], 2);
        put(2.0, false).await;
        let while_closed = app.pay(4, Sun::new(2_000_000));
        app.block().await;
        app.until_payment(&while_closed).await;
        assert_eq!(waiting(&while_closed).await.0, "suspense");
        assert_eq!(orders().await.as_array().unwrap().len(), 1);
    });
}

#[test]
fn a_plain_multiple_of_the_price_buys_energy_without_an_order_and_strangers_are_kept() {
    with(settings(), async |app| {
        app.pay(2, Sun::new(3_000_000));
        let odd = app.pay(3, Sun::new(1_234_567));
        app.block().await;
        let mut sold = Value::Null;
        for _ in 0..100 {
            sold = app.get("/api/v1/orders?limit=10").await.data();
            if sold[0]["status"] == "completed" {
                break;
            }
            app.block().await;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(sold[0]["orderType"], "orderless");
        assert_eq!(sold[0]["status"], "completed", "{sold}");
        assert_eq!(sold[0]["recipientAddress"], keys::test_address(2).to_string());
        assert_eq!(sold[0]["paid"]["transactionCount"], 2);
        let unmatched = app.get("/api/v1/payments?state=unmatched").await.data();
        assert_eq!(unmatched[0]["txHash"], odd);
        assert_eq!(unmatched[0]["state"], "suspense");
        assert_eq!(unmatched[0]["reason"], "no_order");
        assert_eq!(unmatched.as_array().unwrap().len(), 1);
    });
}
