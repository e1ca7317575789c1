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
        assert_eq!(again.data()["detail"], "a look at the keys\nme too", "whoever lifts it sees both");

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

#[test]
fn what_acts_on_the_chain_waits_for_a_second_person() {
    with(settings(), async |app| {
        use leyden_domain::{
            Address, Height, ReconciliationId, RepairId,
            reconcile::{Class, Difference, Matter, Reconciliation, Repair, RepairKind, RepairState},
        };
        // As a comparison has left it: somebody lent what the books do not know of.
        let state = app.state();
        let at = state.clock.now();
        let id = ReconciliationId::new(at, [1; 10]);
        let stranger: Address = keys::test_address(5);
        let difference = Difference {
            matter: Matter::Delegation,
            class: Class::ExternalMovement,
            account: Some(stranger),
            receiver: Some(keys::test_address(6)),
            ours: 0,
            theirs: 9,
            height: Height::new(1),
            evidence: String::new(),
        };
        let repair = Repair {
            id: RepairId::new(at, [1; 10]),
            reconciliation: id,
            difference: difference.clone(),
            kind: RepairKind::WriteOff,
            blocks: None,
            effect: "something".to_owned(),
            state: RepairState::Proposed,
            proposed_at: at,
            asked: None,
            decision: None,
            outcome: None,
        };
        let done = Reconciliation {
            id,
            started_at: at,
            finished_at: at,
            asked_by: "test".to_owned(),
            height: None,
            accounts: 0,
            pairs: 0,
            till: None,
            refund_accounts: Vec::new(),
            pool_accounts: Vec::new(),
            open: Vec::new(),
            skipped: Vec::new(),
            differences: vec![difference],
        };
        state.store.record_reconciliation(done, vec![repair]).await.unwrap();
        let shown = app.get("/api/v1/repairs?state=proposed").await.data();
        assert_eq!((&shown[0]["kind"], &shown[0]["choices"]), (&json!("write_off"), &json!(["retake"])));
        let approve = format!("/api/v1/repairs/{}/approve", shown[0]["repairId"].as_str().unwrap());
        for kind in ["mended", "release"] {
            let refused = app.post(&approve, &json!({"reason": "not ours", "kind": kind})).await;
            assert_eq!(
                (refused.status.as_u16(), refused.refusal().as_str()),
                (422, "INVALID_BODY"),
                "{kind}"
            );
        }
        let asked = app.post(&approve, &json!({"reason": "not ours", "kind": "retake"})).await.data();
        assert_eq!((&asked["state"], &asked["needsTwo"]), (&json!("proposed"), &json!(true)), "{asked}");
        assert_eq!(asked["askReason"], "not ours");
        let alone = app.post(&approve, &json!({"reason": "still not ours"})).await;
        assert_eq!((alone.status.as_u16(), alone.refusal().as_str()), (403, "FOUR_EYES"));
        let second = app.key(&[Scope::OpsWrite, Scope::OpsRead]).await;
        // Who has looked before somebody chose agrees to something else.
        let unseen = json!({"reason": "I see it too"});
        let unseen = app.send(app.request(Method::POST, &approve).bearer_auth(&second).json(&unseen)).await;
        assert_eq!((unseen.status.as_u16(), unseen.refusal().as_str()), (422, "INVALID_BODY"));
        assert!(unseen.text.contains("retake"), "{unseen:?}");
        let body = json!({"reason": "I see it too", "kind": "retake"});
        let agreed = app.send(app.request(Method::POST, &approve).bearer_auth(&second).json(&body)).await;
        assert_eq!(
            (agreed.status.as_u16(), &agreed.data()["state"]),
            (200, &json!("approved")),
            "{agreed:?}"
        );
        let again = app.post(&approve, &body).await;
        assert_eq!(again.refusal(), "REPAIR_NOT_PROPOSED");
    });
}
