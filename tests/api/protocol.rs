//! What holds for every request, whatever it asks for.

use crate::common::{TestApp, settings, with};
use reqwest::Method;
use serde_json::json;
use std::{
    io::{Read, Write},
    net::TcpStream,
};

#[test]
fn a_state_said_ten_thousand_times_is_said_once() {
    with(settings(), async |app| {
        for path in ["/api/v1/orders?status=", "/api/v1/payments?state="] {
            let name = if path.contains("orders") { "paid" } else { "late" };
            let long = format!("{path}{}", vec![name; 12_900].join(","));
            let reply = app.get(&long).await;
            assert_eq!((reply.status.as_u16(), reply.refusal().as_str()), (414, "URI_TOO_LONG"));
            let often = format!("{path}{}", vec![name; 1_000].join(","));
            assert_eq!(app.get(&often).await.data(), json!([]));
        }
    });
}

#[test]
fn every_answer_says_how_it_is_to_be_kept() {
    let mut limited = settings();
    limited.http.ip_rate_per_minute = 4;
    with(limited, async |app| {
        let refused = |status: u16, reply: &crate::common::Reply| {
            assert_eq!(reply.status.as_u16(), status, "{reply:?}");
            assert_eq!(reply.headers["cache-control"], "no-store");
            assert_eq!(reply.headers["x-content-type-options"], "nosniff");
            assert!(reply.headers.contains_key("x-request-id"));
        };
        refused(404, &app.send(app.request(Method::GET, "/health/nothing")).await);
        refused(401, &app.send(app.request(Method::GET, "/status").header("X-API-Key", "x")).await);
        refused(401, &app.send(app.request(Method::GET, "/api/v1/orders")).await);
        refused(405, &app.send(app.request(Method::POST, "/health/live")).await);
        let limited = app.send(app.request(Method::GET, "/health/nothing")).await;
        refused(429, &limited);
        assert_eq!(limited.headers["ratelimit-policy"], "\"ip\";q=4;w=60");
        assert!(limited.headers["ratelimit"].to_str().unwrap().contains("r=0"), "{limited:?}");
        assert_eq!(app.send(app.request(Method::GET, "/health/live")).await.status.as_u16(), 200);
        assert_eq!(app.send(app.request(Method::HEAD, "/health/live")).await.status.as_u16(), 200);
    });
}

#[test]
fn made_up_keys_do_not_reach_the_books_faster_than_the_limit() {
    let mut limited = settings();
    limited.http.ip_rate_per_minute = 3;
    with(limited, async |app| {
        let good = app.key(&[leyden::http::scope::Scope::OrdersRead]).await;
        let guess = async |n: u32| {
            let key = format!("lk_live_{n:032x}_{}", "0".repeat(64));
            app.send(app.request(Method::GET, "/status").header("X-API-Key", key)).await.status.as_u16()
        };
        let mut answers = Vec::new();
        for n in 0..6 {
            answers.push(guess(n).await);
        }
        assert_eq!(answers, [401, 401, 401, 429, 429, 429]);
        let unknown = app.send(app.request(Method::GET, "/api/v1/orders").header("X-API-Key", &good)).await;
        assert_eq!(unknown.refusal(), "RATE_LIMITED", "a key that was never seen is not looked up either");
        for _ in 0..2 {
            app.send(app.request(Method::GET, "/status")).await;
        }
    });
}

#[test]
fn head_is_answered_like_get_without_a_body() {
    with(settings(), async |app| {
        for path in ["/status", "/api/v1/orders", "/openapi.json", "/api/health"] {
            let head = app.send(app.request(Method::HEAD, path).header("X-API-Key", &app.admin)).await;
            assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""), "{path}");
            assert_eq!(head.headers["content-type"], "application/json", "{path}");
        }
        let wrong = app.send(app.request(Method::HEAD, "/api/energy-flash/create-order")).await;
        assert_eq!((wrong.status.as_u16(), &wrong.headers["allow"]), (405, &"POST".parse().unwrap()));
        let right = app.send(app.request(Method::PATCH, "/status")).await;
        assert_eq!(right.headers["allow"], "GET, HEAD");
    });
}

#[test]
fn who_accepts_no_coding_is_answered_plainly() {
    with(settings(), async |app| {
        for accepted in ["identity;q=0", "br, *;q=0", "identity;q=0, br", "gzip;q=0, identity;q=0"] {
            let reply =
                app.send(app.request(Method::GET, "/status").header("Accept-Encoding", accepted)).await;
            assert_eq!(reply.status.as_u16(), 200, "{accepted}: {reply:?}");
            assert_eq!(reply.json()["success"], true);
        }
    });
}

/// Sends bytes as they are; the status line of the answer.
fn send_raw(app: &TestApp, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.base.trim_start_matches("http://")).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = [0; 1024];
    let length = stream.read(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer[..length]).into_owned();
    text.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn a_method_that_a_client_makes_up_is_in_no_label() {
    with(settings(), async |app| {
        let inner = app.clone();
        let send =
            move || send_raw(&inner, b"MADEUP /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let status = actix_web::web::block(send).await.unwrap();
        assert!(status.contains("405"), "{status}");
        let metrics = app.get("/metrics").await.text;
        assert!(!metrics.contains("MADEUP"), "{metrics}");
    });
}
