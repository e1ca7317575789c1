//! The service and a chain as two processes that talk over HTTP, killed and started again.

use crate::{
    Running, finish, leyden,
    process::{Client, WAIT, install, lend, pay},
    run,
};
use leyden_sim::keys;
use leyden_tron::node::http_client;
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn an_order_survives_the_death_of_the_service_and_is_served_once() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let arguments = ["chain", "--gateway", "--listen", "127.0.0.1:0", "--block-time", "100ms"];
    let chain = Running::start(leyden(here, &arguments));
    let key = install(here, &chain.url);
    let doctor = run(here, &["-c", "l.toml", "doctor"], "");
    assert_eq!(doctor.code, 0, "{}", doctor.out);
    let serve = || Running::start(leyden(here, &["-c", "l.toml", "serve"]));
    actix_rt::System::new().block_on(async {
        let client = Client { http: http_client(WAIT, WAIT).unwrap(), key };
        let first = serve();
        let ready = |status: &Value| {
            status["pool"]["availableEnergy"].as_i64().is_some_and(|energy| energy > 0)
                && status["chain"]["processed"].is_object()
        };
        client.until(&format!("{}/status", first.url), ready).await;
        let body = json!({"recipientAddress": keys::test_address(1), "chatId": 1});
        let order = client.post(&format!("{}/api/energy-flash/create-order", first.url), &body).await;
        let id = order["data"]["orderId"].as_str().unwrap_or_else(|| panic!("{order}")).to_owned();
        let due = order["data"]["amounts"][1]["amountSun"].as_i64().unwrap();
        let beside = finish(leyden(here, &["-c", "l.toml", "serve"]), "");
        assert_ne!(beside.code, 0, "one at a time");
        assert!(beside.err.contains("another process serves the books"), "{}", beside.err);
        first.kill();
        // The customer pays while nobody is there.
        pay(&client, &chain.url, 1, due).await;
        let second = serve();
        let url = format!("{}/api/energy-flash/order-status/{id}", second.url);
        let served = client.until(&url, |body| body["data"]["status"] == "completed").await;
        assert_eq!(served["data"]["transactionCount"], 2);
        let operations = client.get(&format!("{}/api/v1/orders/{id}", second.url)).await;
        assert_eq!(operations["data"]["operations"].as_array().unwrap().len(), 1, "{operations}");
        let address = second.url.strip_prefix("http://").unwrap().to_owned();
        let mut check = leyden(here, &["-c", "l.toml", "healthcheck"]);
        check.env("LEYDEN__HTTP__LISTEN", address);
        assert_eq!(finish(check, "").code, 0);
        assert_eq!(second.terminate(), 0, "SIGTERM is an orderly end");
    });
    drop(chain);
}

/// What happens to books that were restored from before a delegation was signed, step by step as the operator's page has
/// it: nothing is signed, the doctor finds the delegation and the order that it served, and that order is held.
#[test]
fn restored_books_sign_nothing_until_what_was_signed_since_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let arguments = ["chain", "--gateway", "--listen", "127.0.0.1:0", "--block-time", "100ms"];
    let chain = Running::start(leyden(here, &arguments));
    let key = install(here, &chain.url);
    let serve = |observe_only: &str| {
        let mut command = leyden(here, &["-c", "l.toml", "serve"]);
        command.env("LEYDEN__POOL__OBSERVE_ONLY", observe_only);
        Running::start(command)
    };
    actix_rt::System::new().block_on(async {
        let client = Client { http: http_client(WAIT, WAIT).unwrap(), key };
        let observing = serve("true");
        let ready = |status: &Value| {
            status["pool"]["availableEnergy"].as_i64().is_some_and(|energy| energy > 0)
                && status["chain"]["processed"].is_object()
        };
        client.until(&format!("{}/status", observing.url), ready).await;
        let body = json!({"recipientAddress": keys::test_address(1), "chatId": 1});
        let order = client.post(&format!("{}/api/energy-flash/create-order", observing.url), &body).await;
        let id = order["data"]["orderId"].as_str().unwrap_or_else(|| panic!("{order}")).to_owned();
        pay(&client, &chain.url, 1, order["data"]["amounts"][0]["amountSun"].as_i64().unwrap()).await;
        let url = format!("{}/api/v1/orders/{id}", observing.url);
        client.until(&url, |body| body["data"]["state"] == "funded").await;

        // What the lost service had done after the backup.
        lend(&client, &chain.url, "delegateresource", keys::test_address(1), 10_000_000_000).await;
        let found = tokio::time::timeout(WAIT, async {
            loop {
                let doctor = run(here, &["-c", "l.toml", "doctor"], "");
                if doctor.out.contains("do not know why") {
                    break doctor;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let doctor = found.await.unwrap();
        assert_eq!(doctor.code, 1);
        assert!(doctor.out.contains(&format!("it may have served {id}")), "{}", doctor.out);

        let held = run(here, &["-c", "l.toml", "hold", &id, "--reason", "served before the restore"], "");
        assert_eq!(held.code, 0, "{}", held.err);
        assert_eq!(observing.terminate(), 0);
        let serving = serve("false");
        client.until(&format!("{}/status", serving.url), ready).await;
        // Another customer is served; so everything that would have been done for the first has been.
        let body = json!({"recipientAddress": keys::test_address(2), "chatId": 2});
        let other = client.post(&format!("{}/api/energy-flash/create-order", serving.url), &body).await;
        pay(&client, &chain.url, 2, other["data"]["amounts"][0]["amountSun"].as_i64().unwrap()).await;
        let other = other["data"]["orderId"].as_str().unwrap().to_owned();
        let url = format!("{}/api/energy-flash/order-status/{other}", serving.url);
        client.until(&url, |body| body["data"]["status"] == "completed").await;
        let first = client.get(&format!("{}/api/v1/orders/{id}", serving.url)).await;
        assert_eq!(first["data"]["state"], "held", "{first}");
        assert_eq!(first["data"]["operations"].as_array().map(Vec::len), Some(0), "{first}");
    });
    drop(chain);
}

#[test]
fn the_chain_says_who_has_what() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["chain", "--gateway", "--listen", "127.0.0.1:0", "--block-time", "instant"];
    let mut chain = Running::start(leyden(folder.path(), &arguments));
    let mut said = String::new();
    while !said.contains("known to everybody") {
        assert_ne!(std::io::BufRead::read_line(&mut chain.lines, &mut said).unwrap(), 0, "{said}");
    }
    assert!(
        said.contains(&keys::test_address(0).to_string())
            && said.contains(&keys::pool_address(2).to_string())
    );
    assert_eq!(chain.terminate(), 0);
}
