//! `leyden verify --online`: the books laid beside a chain that somebody else uses too.

use crate::{
    Running, leyden,
    process::{Client, WAIT, install, lend, pay, send},
    run,
};
use leyden_sim::keys;
use leyden_tron::node::http_client;
use serde_json::{Value, json};
use std::{path::Path, time::Duration};

/// What it says, as soon as it ends with this code: what somebody did is not solid at once.
async fn until_code(here: &Path, code: i32) -> Value {
    let asked = async {
        loop {
            let done = run(here, &["-c", "l.toml", "verify", "--online", "--json"], "");
            assert!([0, 1].contains(&done.code), "{} {}", done.out, done.err);
            if done.code == code {
                break serde_json::from_str(&done.out).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(WAIT, asked).await.unwrap_or_else(|_| panic!("it never ended with {code}"))
}

#[test]
fn books_and_chain_agree_until_somebody_else_lends_or_takes_back() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let chain = Running::start(leyden(
        here,
        &["chain", "--gateway", "--listen", "127.0.0.1:0", "--block-time", "100ms"],
    ));
    let key = install(here, &chain.url);
    actix_rt::System::new().block_on(async {
        let client = Client { http: http_client(WAIT, WAIT).unwrap(), key };
        let service = Running::start(leyden(here, &["-c", "l.toml", "serve"]));
        let ready = |status: &Value| {
            status["pool"]["availableEnergy"].as_i64().is_some_and(|energy| energy > 0)
                && status["chain"]["processed"].is_object()
        };
        client.until(&format!("{}/status", service.url), ready).await;
        let (customer, stranger) = (keys::test_address(1), keys::test_address(5));
        let body = json!({"recipientAddress": customer, "chatId": 1});
        let order = client.post(&format!("{}/api/energy-flash/create-order", service.url), &body).await;
        let id = order["data"]["orderId"].as_str().unwrap_or_else(|| panic!("{order}")).to_owned();
        pay(&client, &chain.url, 1, order["data"]["amounts"][0]["amountSun"].as_i64().unwrap()).await;
        let url = format!("{}/api/v1/orders/{id}", service.url);
        let is_solid = |order: &Value| order["data"]["operations"][0]["state"] == "solid";
        let served = client.until(&url, is_solid).await;
        let operation = &served["data"]["operations"][0];
        let lent = operation["balanceSun"].as_i64().unwrap_or_else(|| panic!("{operation}"));

        let agreed = until_code(here, 0).await;
        assert_eq!((&agreed["ok"], &agreed["chain"]["accounts"]), (&json!(true), &json!(1)), "{agreed}");
        assert_eq!(agreed["chain"]["receivers"], 1, "{agreed}");
        let said = run(here, &["-c", "l.toml", "verify", "--online"], "");
        assert!(said.code == 0 && said.out.contains("delegated is what we delegated"), "{}", said.out);

        // Somebody with the owner's key lends to a receiver that the books do not know.
        lend(&client, &chain.url, "delegateresource", stranger, 7_000_000_000).await;
        let differs = until_code(here, 1).await;
        let what = differs["difference"].as_str().unwrap();
        let words = [keys::pool_address(0).to_string(), stranger.to_string(), "external_movement".to_owned()];
        assert!(words.iter().all(|word| what.contains(word)) && what.contains("7000"), "{what}");
        assert!(!what.contains(&customer.to_string()), "{what}");
        assert_eq!(differs["ok"], false);

        // Taken back again, all is as it was.
        lend(&client, &chain.url, "undelegateresource", stranger, 7_000_000_000).await;
        until_code(here, 0).await;

        // A customer's energy is taken away under us.
        lend(&client, &chain.url, "undelegateresource", customer, lent).await;
        let missing = until_code(here, 1).await;
        let what = missing["difference"].as_str().unwrap();
        assert!(what.contains(&customer.to_string()) && what.contains("external_movement"), "{what}");
        let said = run(here, &["-c", "l.toml", "verify", "--online"], "");
        assert!(said.code == 1 && said.out.contains("DIFFERENCE  chain: "), "{}", said.out);

        // Given back, and compared by the service; then TRX go from the pool account by another hand.
        lend(&client, &chain.url, "delegateresource", customer, lent).await;
        until_code(here, 0).await;
        let made =
            run(here, &["-c", "l.toml", "keys", "api", "--name", "o", "--scope", "ops:read,ops:write"], "");
        let operator = Client { key: made.out.trim().to_owned(), ..client.clone() };
        let compared = async {
            loop {
                let wanted = format!("{}/api/v1/reconciliations/run", service.url);
                let wanted = operator.post(&wanted, &json!({})).await;
                let id = wanted["data"]["reconciliationId"].as_str().unwrap_or_else(|| panic!("{wanted}"));
                let url = format!("{}/api/v1/reconciliations/{id}", service.url);
                let done = operator.until(&url, |run| run["data"]["state"] == "done").await;
                if done["data"]["skipped"] == json!([]) {
                    break;
                }
            }
        };
        tokio::time::timeout(WAIT, compared).await.expect("a comparison of everything");
        let what = json!({
            "owner_address": keys::pool_address(0).to_string(), "to_address": stranger.to_string(),
            "amount": 5_000_000, "visible": true
        });
        send(&client, &chain.url, "createtransaction", &keys::pool_key(0), &what).await;
        let gone = until_code(here, 1).await;
        let what = gone["difference"].as_str().unwrap();
        assert!(
            what.contains(&format!("on {}", keys::pool_address(0))) && what.contains("should be"),
            "{what}"
        );

        // Without its nodes nothing is said of the chain, and it is no agreement.
        chain.kill();
        let silent = run(here, &["-c", "l.toml", "verify", "--online"], "");
        assert_eq!(silent.code, 69, "{}{}", silent.out, silent.err);
        assert_eq!(run(here, &["-c", "l.toml", "verify"], "").code, 0, "the books alone are in order");
        assert_eq!(service.terminate(), 0);
    });
}
