//! A node as java-tron ships it, with `/walletsolidity` on the port after, and a service that is told of the first port
//! alone.

use crate::{
    Running, leyden,
    process::{Client, WAIT, install, pay},
    run,
};
use leyden_sim::keys;
use leyden_tron::node::http_client;
use serde_json::{Value, json};
use std::{fs, net::TcpListener, path::Path, process};

/// Two free ports next to each other. They are below those that systems hand out on their own, so that nobody is given
/// one of them before it is used.
fn two_ports() -> u16 {
    let begin = 20_000 + u16::try_from(process::id() % 5_000).unwrap() * 2;
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    (begin..32_000).chain(10_000..begin).find(|port| free(*port) && free(port + 1)).unwrap()
}

/// A chain on both, and where its first is.
fn chain(folder: &Path) -> (Running, String) {
    let port = two_ports();
    let listen = format!("127.0.0.1:{port}");
    let chain = Running::start(leyden(folder, &["chain", "--listen", &listen, "--block-time", "100ms"]));
    let url = format!("http://127.0.0.1:{port}");
    assert_eq!(chain.url, format!("{url} and, for /walletsolidity, http://127.0.0.1:{}", port + 1));
    (chain, url)
}

#[test]
fn a_service_that_is_told_of_the_first_port_alone_delivers() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let (chain, node) = chain(here);
    let key = install(here, &node);
    let text = fs::read_to_string(here.join("l.toml")).unwrap();
    let told = text.replace(&format!(", solidity_url = '{node}'"), ", kind = 'java-tron'");
    assert_ne!(text, told);
    fs::write(here.join("l.toml"), told).unwrap();

    let done = run(here, &["-c", "l.toml", "doctor", "--json"], "");
    let findings: Value = serde_json::from_str(&done.out).unwrap();
    let of_nodes = |verdict: &str| {
        let about = |finding: &&Value| finding["what"] == "node" && finding["verdict"] == verdict;
        findings.as_array().unwrap().iter().filter(about).count()
    };
    assert_ne!(of_nodes("ok"), 0, "{findings:#}");
    assert_eq!((done.code, of_nodes("bad")), (0, 0), "{findings:#}");

    actix_rt::System::new().block_on(async {
        let client = Client { http: http_client(WAIT, WAIT).unwrap(), key };
        let service = Running::start(leyden(here, &["-c", "l.toml", "serve"]));
        let sells = |status: &Value| {
            status["pool"]["availableEnergy"].as_i64().is_some_and(|energy| energy > 0)
                && status["chain"]["processed"].is_object()
        };
        client.until(&format!("{}/status", service.url), sells).await;
        let ready = client.http.get(format!("{}/health/ready", service.url)).send().await.unwrap();
        assert_eq!(ready.status().as_u16(), 200);
        let body = json!({"recipientAddress": keys::test_address(1), "chatId": 1});
        let order = client.post(&format!("{}/api/energy-flash/create-order", service.url), &body).await;
        let id = order["data"]["orderId"].as_str().unwrap_or_else(|| panic!("{order}")).to_owned();
        pay(&client, &node, 1, order["data"]["amounts"][0]["amountSun"].as_i64().unwrap()).await;
        let url = format!("{}/api/energy-flash/order-status/{id}", service.url);
        client.until(&url, |body| body["data"]["status"] == "completed").await;
        // What is told from the solid state, on the other port: that the delegation lies in a block that stays.
        client
            .until(&format!("{}/api/v1/orders/{id}", service.url), |order| {
                order["data"]["operations"][0]["state"] == "solid"
            })
            .await;
        assert_eq!(service.terminate(), 0);
    });
    assert_eq!(chain.terminate(), 0);
}
