//! Nodes that say nothing at all, which is no error until somebody has waited: what is said of it, and how soon.

use crate::{
    Running, leyden,
    process::{Client, WAIT, gateway, install, name_nodes, until_witnesses_are_known},
};
use leyden_test_servers::{Proxy, Wire};
use leyden_tron::node::http_client;
use serde_json::json;
use std::{fs, path::Path, time::Duration};
use tokio::time::Instant;

/// A chain whose only blocks are those that it is told to make would be old soon.
fn chain(folder: &Path) -> Running {
    Running::start(leyden(folder, &["chain", "--gateway", "--listen", "127.0.0.1:0", "--block-time", "1s"]))
}

/// Wires to a chain, and a configuration that knows them as nodes.
fn wired(folder: &Path, chain: &Running, count: usize) -> (Vec<Proxy>, String) {
    let key = install(folder, &chain.url);
    let address = chain.url.strip_prefix("http://").unwrap().parse().unwrap();
    let wires: Vec<Proxy> = (0..count).map(|_| Proxy::to(address).unwrap()).collect();
    let nodes: Vec<String> = wires
        .iter()
        .enumerate()
        .map(|(number, wire)| gateway(&format!("http://{}", wire.address()), &format!("n{number}")))
        .collect();
    name_nodes(folder, &nodes);
    (wires, key)
}

#[test]
fn a_node_that_never_answers_is_blindness_although_nothing_has_failed() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let chain = chain(here);
    let (wires, key) = wired(here, &chain, 1);
    let serving = Running::start(leyden(here, &["-c", "l.toml", "serve"]));
    let status = format!("{}/status", serving.url);
    actix_rt::System::new().block_on(async {
        let client = Client { http: http_client(WAIT, WAIT).unwrap(), key };
        client.until(&status, |page| page["status"] == "ok" && page["salesOpen"] == true).await;
        wires[0].set(Wire::Silent);
        let began = Instant::now();
        let blind = client.until(&status, |page| page["status"] == "degraded").await;
        // Two polls and three seconds; an answer of the node is waited for ten.
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}: {blind}", began.elapsed());
        assert!(blind["chain"]["lagBlocks"].is_null(), "{blind}");
        assert!(blind["chain"]["error"].is_null(), "nothing has failed yet: {blind}");
        assert_eq!((&blind["causes"], &blind["salesClosedBy"]), (&json!(["chain"]), &json!("chain")));
        wires[0].set(Wire::Good);
        client.until(&status, |page| page["status"] == "ok" && page["salesOpen"] == true).await;
    });
    assert_eq!(serving.terminate(), 0);
}

#[test]
fn one_of_two_nodes_that_never_answers_makes_nobody_blind() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let chain = chain(here);
    let (wires, key) = wired(here, &chain, 2);
    // A silent node is given three seconds, and nobody is called blind before those and two polls have passed: polls are
    // rare here, so that a busy machine has seconds to spare.
    let text = fs::read_to_string(here.join("l.toml")).unwrap();
    let rarely = text.replace("poll_interval = '50ms'", "poll_interval = '2s'");
    assert_ne!(rarely, text);
    fs::write(here.join("l.toml"), rarely).unwrap();
    let serving = Running::start(leyden(here, &["-c", "l.toml", "serve"]));
    let status = format!("{}/status", serving.url);
    actix_rt::System::new().block_on(async {
        let client = Client { http: http_client(WAIT, WAIT).unwrap(), key };
        until_witnesses_are_known(&client, &status).await;
        client.until(&status, |page| page["status"] == "ok" && page["salesOpen"] == true).await;
        // The one that is asked first.
        wires[0].set(Wire::Silent);
        let rested = client.until(&status, |page| {
            assert!(page["chain"]["lagBlocks"].is_i64(), "{page}");
            assert_eq!(page["salesOpen"], true, "{page}");
            page["nodes"][0]["breaker"] != "closed"
        });
        let height = rested.await["chain"]["processed"]["height"].as_i64().unwrap();
        client
            .until(&status, |page| {
                assert_eq!(page["salesOpen"], true, "{page}");
                page["chain"]["processed"]["height"].as_i64().unwrap() > height + 3
            })
            .await;
    });
    assert_eq!(serving.terminate(), 0);
}

#[test]
fn a_service_that_starts_without_nodes_says_so_and_begins_when_they_come() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let chain = chain(here);
    let (wires, key) = wired(here, &chain, 2);
    for wire in &wires {
        wire.set(Wire::Cut);
    }
    let serving = Running::start(leyden(here, &["-c", "l.toml", "serve"]));
    let status = format!("{}/status", serving.url);
    actix_rt::System::new().block_on(async {
        let client = Client { http: http_client(WAIT, WAIT).unwrap(), key };
        let blind = client.get(&status).await;
        assert_eq!((&blind["status"], &blind["causes"]), (&json!("degraded"), &json!(["chain"])), "{blind}");
        assert!(blind["problems"][0].as_str().unwrap().starts_with("no node has answered yet"), "{blind}");
        assert!(blind["chain"]["lagBlocks"].is_null() && blind["salesOpen"] == false, "{blind}");
        for wire in &wires {
            wire.set(Wire::Good);
        }
        client.until(&status, |page| page["status"] == "ok" && page["salesOpen"] == true).await;
    });
    assert_eq!(serving.terminate(), 0);
}
