//! Whatever is wrong with a request has its own code, and nothing that a client sends is our failure.

use crate::common::{TestApp, settings, with};
use leyden_sim::{ReadFault, config::forwarder_address, keys};
use reqwest::Method;
use serde_json::{Value, json};

async fn raw(app: &TestApp, path: &str, kind: &str, body: Vec<u8>) -> (u16, String) {
    let request =
        app.request(Method::POST, path).header("X-API-Key", &app.admin).header("Content-Type", kind);
    let reply = app.send(request.body(body)).await;
    (reply.status.as_u16(), reply.refusal())
}

async fn refused(app: &TestApp, path: &str, body: &Value) -> (u16, String, String) {
    let reply = app.post(path, body).await;
    let pointer = reply.json()["errors"][0]["pointer"].as_str().unwrap_or_default().to_owned();
    (reply.status.as_u16(), reply.refusal(), pointer)
}

const FLASH: &str = "/api/energy-flash/create-order";

#[test]
fn a_recipient_that_cannot_be_served_is_refused_before_anybody_pays() {
    with(settings(), async |app| {
        let good = keys::test_address(1).to_string();
        let swapped: String = good.chars().rev().collect();
        let order = async |recipient: &str| {
            refused(&app, FLASH, &json!({"recipientAddress": recipient, "chatId": 1})).await
        };
        let at = |status, code: &str| (status, code.to_owned(), "#/recipientAddress".to_owned());
        for bad in ["", "T", &swapped, &good.to_lowercase(), &format!("{good}x"), "ТТТТТТТТТТТТТТТТТ", "0x41"]
        {
            assert_eq!(order(bad).await, at(422, "INVALID_ADDRESS"), "{bad}");
        }
        let nobody = keys::test_key(999).address().to_string();
        assert_eq!(order(&nobody).await, at(422, "RECIPIENT_NOT_ACTIVATED"));
        assert_eq!(order(&forwarder_address().to_string()).await, at(422, "RECIPIENT_IS_CONTRACT"));
        assert_eq!(order(&TestApp::payee().to_string()).await, at(422, "RECIPIENT_IS_OURS"));
        assert_eq!(order(&keys::pool_address(0).to_string()).await, at(422, "RECIPIENT_IS_OURS"));
        assert_eq!(app.get("/api/v1/orders").await.data(), json!([]), "nothing was made");
    });
}

#[test]
fn a_body_that_cannot_be_read_says_why() {
    with(settings(), async |app| {
        const JSON: &str = "application/json";
        let code = |status, code: &str| (status, code.to_owned());
        for bad in [&b""[..], b"{", b"nonsense", b"{\"a\":\"\xff\xfe\"}", b"{} {}", b"\0"] {
            let got = raw(&app, FLASH, JSON, bad.to_vec()).await;
            assert!(
                got == code(400, "MALFORMED_JSON") || got == code(422, "INVALID_BODY"),
                "{bad:?}: {got:?}"
            );
        }
        let deep = format!("{{\"recipientAddress\":{}", "[".repeat(30_000));
        assert_eq!(raw(&app, FLASH, JSON, deep.into_bytes()).await.0, 422);
        let unknown = format!("{{\"x\":{}", "[".repeat(30_000));
        assert_eq!(raw(&app, FLASH, JSON, unknown.into_bytes()).await, code(400, "MALFORMED_JSON"));
        let large = format!("{{\"x\":\"{}\"}}", "a".repeat(70_000));
        assert_eq!(raw(&app, FLASH, JSON, large.into_bytes()).await, code(413, "BODY_TOO_LARGE"));
        assert_eq!(raw(&app, FLASH, "text/plain", b"{}".to_vec()).await, code(415, "UNSUPPORTED_MEDIA_TYPE"));
        let address = keys::test_address(1);
        for chat in [json!("1"), json!(1.5), json!(null), json!([]), json!(1e30)] {
            let body = json!({"recipientAddress": address, "chatId": chat});
            let got = refused(&app, FLASH, &body).await;
            assert_eq!(got, (422, "INVALID_BODY".to_owned(), "#/chatId".to_owned()), "{chat}");
        }
        let missing = refused(&app, FLASH, &json!({"recipientAddress": address})).await;
        assert_eq!(missing, (422, "INVALID_BODY".to_owned(), "#/chatId".to_owned()));
        for array in [json!([address, 1]), json!([]), json!("x"), json!(null)] {
            for path in [FLASH, "/api/v1/orders", "/api/v1/quotes", "/api/payment-monitoring/stop"] {
                let got = refused(&app, path, &array).await;
                assert_eq!(got, (422, "INVALID_BODY".to_owned(), "#".to_owned()), "{path} {array}");
            }
        }
        let extra = json!({"recipientAddress": address, "transactionCuont": 2});
        let strict = refused(&app, "/api/v1/orders", &extra).await;
        assert_eq!(strict, (422, "INVALID_BODY".to_owned(), "#/transactionCuont".to_owned()));
    });
}

#[test]
fn what_is_not_there_is_told_apart_from_what_cannot_be() {
    with(settings(), async |app| {
        let status = async |id: &str| {
            let reply = app.get(&format!("/api/energy-flash/order-status/{id}")).await;
            (reply.status.as_u16(), reply.refusal())
        };
        let code = |status, code: &str| (status, code.to_owned());
        assert_eq!(status("FLASH_1704067200000_abc123def").await, code(404, "ORDER_NOT_FOUND"));
        for bad in [
            "x",
            "FLASH_1_ABC",
            "ord_1",
            "%FF%FE",
            "%00",
            "'%20OR%201=1",
            "FLASH_99999999999999999999_abc123def",
        ] {
            assert_eq!(status(bad).await, code(400, "INVALID_ID"), "{bad}");
        }
        for (method, path, expected) in [
            (Method::GET, "/nothing", code(404, "NO_SUCH_ROUTE")),
            (Method::GET, "/api/energy-flash", code(404, "NO_SUCH_ROUTE")),
            (Method::GET, FLASH, code(405, "METHOD_NOT_ALLOWED")),
            (Method::PATCH, "/api/v1/orders", code(405, "METHOD_NOT_ALLOWED")),
            (Method::POST, "/status", code(405, "METHOD_NOT_ALLOWED")),
            (Method::GET, "/api/v1/reconciliations/run", code(405, "METHOD_NOT_ALLOWED")),
        ] {
            let reply = app.send(app.request(method, path).header("X-API-Key", &app.admin)).await;
            assert_eq!((reply.status.as_u16(), reply.refusal()), expected, "{path}");
        }
        let claim = json!({"orderId": "FLASH_1704067200000_abc123def", "txHash": "0x12"});
        let bad_hash = refused(&app, "/api/energy-flash/confirm-payment", &claim).await;
        assert_eq!(bad_hash, (422, "INVALID_TRANSACTION_HASH".to_owned(), "#/txHash".to_owned()));
        for query in [
            "limit=0",
            "limit=101",
            "limit=x",
            "cursor=zz",
            "status=lost",
            "unknown=1",
            "from=yesterday",
            "address=T",
            "status=paid&status=paid",
        ] {
            let reply = app.get(&format!("/api/v1/orders?{query}")).await;
            assert_eq!(reply.status.as_u16(), 400, "{query}: {reply:?}");
            let code = reply.refusal();
            assert!(code == "INVALID_QUERY" || code == "INVALID_CURSOR", "{query}: {code}");
            assert_eq!(reply.json()["errors"][0]["pointer"], query.split('=').next().unwrap(), "{query}");
        }
        for (path, name) in [
            ("/api/payment-monitoring/status?orderId=x", "orderId"),
            ("/api/payment-monitoring/status?order_id=FLASH_1_000000000", "order_id"),
            ("/api/v1/payments?order=x", "order"),
            ("/api/v1/payments?state=lost", "state"),
        ] {
            let reply = app.get(path).await;
            assert_eq!((reply.status.as_u16(), reply.refusal().as_str()), (400, "INVALID_QUERY"), "{path}");
            assert_eq!(reply.json()["errors"][0]["pointer"], name, "{path}");
            assert!(!reply.text.contains("OrderId"), "{}", reply.text);
        }
    });
}

#[test]
fn while_the_node_is_down_orders_are_refused_and_nothing_is_lost() {
    with(settings(), async |app| {
        app.node.faults().reads.extend(std::iter::repeat_n(ReadFault::Unavailable, 10_000));
        let body = json!({"recipientAddress": keys::test_address(1), "chatId": 1});
        let reply = app.post(FLASH, &body).await;
        assert_eq!((reply.status.as_u16(), reply.refusal().as_str()), (503, "CHAIN_UNAVAILABLE"));
        assert!(reply.headers.contains_key("retry-after"));
        assert_eq!(app.get("/health/live").await.status.as_u16(), 200);
        app.node.faults().reads.clear();
        assert!(app.post(FLASH, &body).await.status.is_success());
    });
}

#[test]
fn a_closed_sale_and_an_empty_pool_say_so() {
    let mut closed = settings();
    closed.sales.enabled = false;
    let body = json!({"recipientAddress": keys::test_address(1), "chatId": 1});
    with(closed, async |app| {
        assert_eq!(app.post(FLASH, &body).await.refusal(), "SALES_CLOSED");
    });
    with(settings(), async |app| {
        // More than the one account has: 10,000,000 TRX give about 94 million.
        let put = async |path: &str, config: Value| {
            let request = app.request(Method::PUT, path).header("X-API-Key", &app.admin);
            app.send(request.json(&json!({"config": config}))).await.data();
        };
        let price = json!({"single_price": 1.5, "max_transactions": 1000, "expiry_hours": 1});
        put("/api/v1/price-configs/energy_flash", price).await;
        put("/api/v1/resource-configs/energy", json!({"usdt_standard_energy": 200_000})).await;
        let order = json!({"recipientAddress": keys::test_address(1), "transactionCount": 900});
        let reply = app.post("/api/v1/orders", &order).await;
        assert_eq!((reply.status.as_u16(), reply.refusal().as_str()), (503, "POOL_EXHAUSTED"));
        assert!(reply.headers.contains_key("retry-after"));
        let open = app.post(FLASH, &body).await.data();
        let most = open["priceConfig"]["max_transactions"].as_u64().unwrap();
        assert!((300..600).contains(&most), "an open order is cut to what can be served: {most}");
    });
}
