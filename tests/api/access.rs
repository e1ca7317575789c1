//! Who may ask what, and how often.

use crate::common::{settings, with};
use leyden::http::scope::Scope;
use leyden_sim::keys;
use reqwest::Method;
use serde_json::json;

/// Every route that needs a key, and the scope it needs.
const ROUTES: &[(&str, &str, Scope)] = &[
    ("POST", "/api/energy-flash/create-order", Scope::OrdersWrite),
    ("POST", "/api/energy-flash/confirm-payment", Scope::OrdersWrite),
    ("GET", "/api/energy-flash/order-status/FLASH_1_000000000", Scope::OrdersRead),
    ("POST", "/api/energy-flash/cancel-order/FLASH_1_000000000", Scope::OrdersWrite),
    ("DELETE", "/api/energy-flash/cancel-order/FLASH_1_000000000", Scope::OrdersWrite),
    ("POST", "/api/payment-monitoring/start", Scope::MonitorInternal),
    ("POST", "/api/payment-monitoring/stop", Scope::MonitorInternal),
    ("GET", "/api/payment-monitoring/status", Scope::OpsRead),
    ("GET", "/api/metrics", Scope::OpsRead),
    ("GET", "/metrics", Scope::OpsRead),
    ("GET", "/api/v1/orders", Scope::OrdersRead),
    ("POST", "/api/v1/orders", Scope::OrdersWrite),
    ("GET", "/api/v1/orders/FLASH_1_000000000", Scope::OrdersRead),
    ("GET", "/api/v1/orders/FLASH_1_000000000/timeline", Scope::OrdersRead),
    ("POST", "/api/v1/orders/FLASH_1_000000000/cancel", Scope::OrdersWrite),
    ("POST", "/api/v1/orders/FLASH_1_000000000/release", Scope::OpsWrite),
    ("POST", "/api/v1/orders/FLASH_1_000000000/confirm-payment", Scope::OrdersWrite),
    ("GET", "/api/v1/payments", Scope::OpsRead),
    ("GET", "/api/v1/payments/lookup", Scope::OrdersRead),
    ("GET", "/api/v1/reconciliations", Scope::OpsRead),
    ("GET", "/api/v1/reconciliations/rec_00000000000000000000000000000000", Scope::OpsRead),
    ("POST", "/api/v1/reconciliations/run", Scope::OpsWrite),
    ("GET", "/api/v1/repairs", Scope::OpsRead),
    ("POST", "/api/v1/repairs/rpr_00000000000000000000000000000000/approve", Scope::OpsWrite),
    ("POST", "/api/v1/repairs/rpr_00000000000000000000000000000000/reject", Scope::OpsWrite),
    ("GET", "/api/v1/halts", Scope::OpsRead),
    ("POST", "/api/v1/halts", Scope::OpsWrite),
    ("POST", "/api/v1/halts/hlt_00000000000000000000000000000000/lift", Scope::OpsWrite),
    (
        "POST",
        "/api/v1/payments/pay_0000000000000000000000000000000000000000000000000000000000000000_0/refund",
        Scope::OpsWrite,
    ),
    (
        "POST",
        "/api/v1/payments/pay_0000000000000000000000000000000000000000000000000000000000000000_0/hold",
        Scope::OpsWrite,
    ),
    (
        "POST",
        "/api/v1/payments/pay_0000000000000000000000000000000000000000000000000000000000000000_0/assign",
        Scope::OpsWrite,
    ),
    ("GET", "/api/v1/refunds", Scope::OpsRead),
    ("GET", "/api/v1/refunds/rfd_00000000000000000000000000000000", Scope::OpsRead),
    ("POST", "/api/v1/refunds/rfd_00000000000000000000000000000000/release", Scope::OpsWrite),
    ("POST", "/api/v1/refunds/rfd_00000000000000000000000000000000/hold", Scope::OpsWrite),
    ("POST", "/api/v1/refunds/rfd_00000000000000000000000000000000/forfeit", Scope::OpsWrite),
    ("POST", "/api/v1/refunds/rfd_00000000000000000000000000000000/approve", Scope::OpsWrite),
    ("POST", "/api/v1/refunds/rfd_00000000000000000000000000000000/reject", Scope::OpsWrite),
    ("POST", "/api/v1/refunds/rfd_00000000000000000000000000000000/address", Scope::OpsWrite),
    ("POST", "/api/v1/orders/FLASH_1_000000000/refund", Scope::OpsWrite),
    ("GET", "/api/v1/unexplained-transfers", Scope::OpsRead),
    ("POST", "/api/v1/unexplained-transfers/explain", Scope::OpsWrite),
    ("GET", "/api/v1/pool", Scope::DataRead),
    ("GET", "/api/v1/price-configs", Scope::DataRead),
    ("GET", "/api/v1/price-configs/energy_flash", Scope::DataRead),
    ("PUT", "/api/v1/price-configs/energy_flash", Scope::Admin),
    ("GET", "/api/v1/resource-configs", Scope::DataRead),
    ("GET", "/api/v1/resource-configs/energy", Scope::DataRead),
    ("PUT", "/api/v1/resource-configs/energy", Scope::Admin),
];

/// Every route that needs none.
const PUBLIC: &[&str] = &[
    "/api/health",
    "/health/live",
    "/health/ready",
    "/health/startup",
    "/status",
    "/status.json",
    "/openapi.json",
];

/// The one public route that is not read.
const QUOTES: &str = "/api/v1/quotes";

#[test]
fn every_route_wants_a_key_of_its_scope() {
    with(settings(), async |app| {
        let mut holders = Vec::new();
        for scope in Scope::ALL {
            holders.push((*scope, app.key(&[*scope]).await));
        }
        for (method, path, needed) in ROUTES {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let request = || app.request(method.clone(), path).json(&json!({}));
            let anonymous = app.send(request()).await;
            assert_eq!(
                (anonymous.status.as_u16(), anonymous.refusal().as_str()),
                (401, "UNAUTHENTICATED"),
                "{path}"
            );
            assert!(anonymous.headers.contains_key("www-authenticate"));
            for (scope, key) in &holders {
                let reply = app.send(request().bearer_auth(key)).await;
                let may = *scope == Scope::Admin || scope == needed || implied(*scope, *needed);
                assert_eq!(reply.status.as_u16() != 403, may, "{scope} at {method} {path}: {reply:?}");
                assert!(reply.status.as_u16() < 500, "{reply:?}");
            }
        }
        for path in PUBLIC {
            assert_eq!(app.send(app.request(Method::GET, path)).await.status.as_u16(), 200, "{path}");
        }
    });
}

/// What follows from a scope beside itself.
fn implied(has: Scope, needed: Scope) -> bool {
    match has {
        Scope::OrdersWrite => needed == Scope::OrdersRead,
        Scope::OpsRead => matches!(needed, Scope::OrdersRead | Scope::DataRead),
        Scope::OpsWrite => {
            matches!(needed, Scope::OrdersRead | Scope::OrdersWrite | Scope::DataRead | Scope::OpsRead)
        }
        _ => false,
    }
}

#[test]
fn no_route_is_missing_from_these_tables_or_from_the_document() {
    with(settings(), async |app| {
        let document = app.get("/openapi.json").await.json();
        let mut documented: Vec<String> = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                documented.push(format!("{} {path}", method.to_uppercase()));
            }
        }
        let template = |path: &str| {
            path.replace("FLASH_1_000000000", "{orderId}")
                .replace("hlt_00000000000000000000000000000000", "{haltId}")
                .replace("rec_00000000000000000000000000000000", "{reconciliationId}")
                .replace("rpr_00000000000000000000000000000000", "{repairId}")
                .replace(
                    "pay_0000000000000000000000000000000000000000000000000000000000000000_0",
                    "{paymentId}",
                )
                .replace("rfd_00000000000000000000000000000000", "{refundId}")
                .replace("price-configs/energy_flash", "price-configs/{modeType}")
                .replace("resource-configs/energy", "resource-configs/{resourceType}")
        };
        let mut tested: Vec<String> =
            ROUTES.iter().map(|(method, path, _)| format!("{method} {}", template(path))).collect();
        tested.extend(PUBLIC.iter().map(|path| format!("GET {path}")));
        tested.push(format!("POST {QUOTES}"));
        documented.sort();
        tested.sort();
        assert_eq!(documented, tested);
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path} says nothing of itself");
                let public = PUBLIC.contains(&path.as_str()) || path == QUOTES;
                assert!(public || operation["responses"]["401"].is_object(), "{method} {path}");
            }
        }
    });
}

#[test]
fn a_bad_key_is_refused_whatever_it_asks_for() {
    with(settings(), async |app| {
        let other = app.key(&[Scope::OrdersRead]).await;
        let mut wrong = app.admin.clone();
        let last = wrong.pop().unwrap();
        wrong.push(if last == '0' { '1' } else { '0' });
        let unknown = format!("lk_live_{}_{}", "0".repeat(32), "0".repeat(64));
        let (id, secret) = (other.rsplit_once('_').unwrap().0, app.admin.rsplit('_').next().unwrap());
        let crossed = format!("{id}_{secret}");
        for bad in ["", "x", "lk_live_", &wrong, &unknown, &crossed] {
            for path in ["/status", "/api/health", "/api/v1/orders"] {
                let reply = app.send(app.request(Method::GET, path).header("X-API-Key", bad)).await;
                assert_eq!(
                    (reply.status.as_u16(), reply.refusal().as_str()),
                    (401, "INVALID_API_KEY"),
                    "{bad} {path}"
                );
                assert!(!reply.text.contains(secret));
            }
        }
    });
}

#[test]
fn an_order_is_nobody_elses() {
    with(settings(), async |app| {
        let mine = app.key(&[Scope::OrdersWrite]).await;
        let theirs = app.key(&[Scope::OrdersWrite]).await;
        let body = json!({"recipientAddress": keys::test_address(1), "chatId": 1});
        let create =
            app.request(Method::POST, "/api/energy-flash/create-order").bearer_auth(&mine).json(&body);
        let order = app.send(create).await.data();
        let id = order["orderId"].as_str().unwrap().to_owned();
        let paths = [
            ("GET", format!("/api/energy-flash/order-status/{id}")),
            ("POST", format!("/api/energy-flash/cancel-order/{id}")),
            ("GET", format!("/api/v1/orders/{id}")),
            ("GET", format!("/api/v1/orders/{id}/timeline")),
            ("POST", format!("/api/v1/orders/{id}/cancel")),
        ];
        for (method, path) in &paths {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let reply = app.send(app.request(method, path).bearer_auth(&theirs)).await;
            assert_eq!((reply.status.as_u16(), reply.refusal().as_str()), (404, "ORDER_NOT_FOUND"), "{path}");
        }
        let claim = json!({"orderId": id, "txHash": "00".repeat(32)});
        let claimed =
            app.request(Method::POST, "/api/energy-flash/confirm-payment").bearer_auth(&theirs).json(&claim);
        assert_eq!(app.send(claimed).await.refusal(), "ORDER_NOT_FOUND");
        let listed = app.send(app.request(Method::GET, "/api/v1/orders").bearer_auth(&theirs)).await.data();
        assert_eq!(listed, json!([]));
        assert_eq!(
            app.get("/api/v1/orders").await.data().as_array().unwrap().len(),
            1,
            "the operator sees it"
        );
    });
}

#[test]
fn too_many_requests_are_refused_with_the_time_to_wait() {
    let mut limited = settings();
    limited.http.ip_rate_per_minute = 3;
    limited.http.key_rate_per_minute = 5;
    with(limited, async |app| {
        let anonymous = || app.send(app.request(Method::GET, "/status"));
        for left in ["r=2", "r=1", "r=0"] {
            let reply = anonymous().await;
            assert_eq!(reply.status.as_u16(), 200);
            assert!(reply.headers["ratelimit"].to_str().unwrap().contains(left), "{reply:?}");
            assert_eq!(reply.headers["ratelimit-policy"], "\"ip\";q=3;w=60");
        }
        let refused = anonymous().await;
        assert_eq!((refused.status.as_u16(), refused.refusal().as_str()), (429, "RATE_LIMITED"));
        assert!(refused.headers.contains_key("retry-after"));
        assert_eq!(app.send(app.request(Method::GET, "/api/health")).await.status.as_u16(), 200);
        let guessed = app.request(Method::GET, "/status").header("X-API-Key", "lk_live_guess");
        assert_eq!(app.send(guessed).await.status.as_u16(), 429, "guessing keys counts too");
        for _ in 0..5 {
            assert_eq!(app.get("/status").await.status.as_u16(), 200, "a key has a limit of its own");
        }
        assert_eq!(app.get("/status").await.refusal(), "RATE_LIMITED");
    });
}
