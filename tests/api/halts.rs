//! Stopping money and letting it move again, over the API; and asking for comparisons.

use crate::common::{settings, with};
use leyden::http::scope::Scope;
use leyden_sim::keys;
use reqwest::Method;
use serde_json::json;

const ORDER: &str = "/api/energy-flash/create-order";

#[test]
fn an_operator_stops_money_and_lifts_it_again() {
    with(settings(), async |app| {
        let body = json!({"recipientAddress": keys::test_address(1), "chatId": 1});
        assert_eq!(app.post(ORDER, &body).await.status.as_u16(), 200);
        let raised = app.post("/api/v1/halts", &json!({"reason": "a look at the keys"})).await;
        assert_eq!(raised.status.as_u16(), 201, "{raised:?}");
        let halt = raised.data();
        assert_eq!((halt["cause"].as_str(), halt["open"].as_bool()), (Some("operator"), Some(true)));
        assert_eq!(halt["stopsReclaims"], false);
        let again = app.post("/api/v1/halts", &json!({"reason": "me too"})).await;
        assert_eq!((again.status.as_u16(), &again.data()["haltId"]), (200, &halt["haltId"]));

        let refused = app.post(ORDER, &body).await;
        assert_eq!((refused.status.as_u16(), refused.refusal().as_str()), (503, "HALTED"));
        assert!(refused.headers.contains_key("retry-after"));
        let status = app.get("/status.json").await.json();
        assert_eq!(
            (status["salesOpen"].as_bool(), status["halts"][0]["cause"].as_str()),
            (Some(false), Some("operator"))
        );
        let short = app.send(app.request(Method::GET, "/status")).await.json();
        assert_eq!((short["halted"].as_bool(), short["status"].as_str()), (Some(true), Some("degraded")));
        let ready = app.send(app.request(Method::GET, "/health/ready")).await;
        assert_eq!(ready.status.as_u16(), 200, "it is reachable, which people need now");
        assert!(ready.text.contains("money stands still"), "{}", ready.text);

        let lift = format!("/api/v1/halts/{}/lift", halt["haltId"].as_str().unwrap());
        let lifted = app.post(&lift, &json!({"reason": "the keys are where they belong"})).await;
        assert_eq!((lifted.status.as_u16(), &lifted.data()["open"]), (200, &json!(false)), "{lifted:?}");
        assert_eq!(lifted.data()["liftReason"], "the keys are where they belong");
        assert_eq!(app.post(&lift, &json!({"reason": "again"})).await.refusal(), "HALT_NOT_OPEN");
        assert_eq!(app.post(ORDER, &body).await.status.as_u16(), 200);
        let all = app.get("/api/v1/halts").await.data();
        assert_eq!(all.as_array().map(Vec::len), Some(1));
    });
}

#[test]
fn what_is_no_reason_and_no_halt_is_refused() {
    with(settings(), async |app| {
        for body in [
            json!({}),
            json!({"reason": ""}),
            json!({"reason": "  "}),
            json!({"reason": "a\u{202e}b"}),
            json!({"reason": "x", "more": 1}),
            json!({"reason": "x".repeat(501)}),
        ] {
            let refused = app.post("/api/v1/halts", &body).await;
            assert_eq!(
                (refused.status.as_u16(), refused.refusal().as_str()),
                (422, "INVALID_BODY"),
                "{body}"
            );
        }
        let body = json!({"reason": "because"});
        let unknown = format!("/api/v1/halts/hlt_{}/lift", "0".repeat(32));
        assert_eq!(app.post(&unknown, &body).await.refusal(), "HALT_NOT_FOUND");
        assert_eq!(app.post("/api/v1/halts/hlt_x/lift", &body).await.refusal(), "INVALID_ID");
        let reader = app.key(&[Scope::OpsRead]).await;
        let refused =
            app.send(app.request(Method::POST, "/api/v1/halts").bearer_auth(&reader).json(&body)).await;
        assert_eq!(refused.refusal(), "SCOPE_MISSING");
    });
}

#[test]
fn a_comparison_is_wanted_made_and_shown() {
    with(settings(), async |app| {
        app.block().await;
        let wanted = app.post("/api/v1/reconciliations/run", &json!({})).await;
        assert_eq!(wanted.status.as_u16(), 202, "{wanted:?}");
        let id = wanted.data()["reconciliationId"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/reconciliations/{id}");
        let mut shown = app.get(&path).await.data();
        for _ in 0..600 {
            if shown["state"] == "done" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            shown = app.get(&path).await.data();
        }
        assert_eq!((shown["state"].as_str(), shown["accounts"].as_u64()), (Some("done"), Some(1)), "{shown}");
        assert_eq!(shown["differences"], json!([]));
        assert!(!app.get("/api/v1/reconciliations").await.data().as_array().unwrap().is_empty());
        assert_eq!(app.get("/api/v1/repairs?state=proposed,approved").await.data(), json!([]));
        assert_eq!(app.get("/api/v1/repairs?state=mended").await.refusal(), "INVALID_QUERY");
        let unknown = format!("rpr_{}", "0".repeat(32));
        for act in ["approve", "reject"] {
            let body = json!({"reason": "because"});
            let refused = app.post(&format!("/api/v1/repairs/{unknown}/{act}"), &body).await;
            assert_eq!(refused.refusal(), "REPAIR_NOT_FOUND");
        }
        let gone = app.get(&format!("/api/v1/reconciliations/rec_{}", "0".repeat(32))).await;
        assert_eq!(gone.refusal(), "RECONCILIATION_NOT_FOUND");
    });
}
