//! `leyden chain` alone: on two ports as a java-tron, or on one as a gateway, and without what a node may lack.

use crate::{Running, leyden, process::WAIT, run};
use leyden_tron::node::http_client;
use serde_json::{Value, json};

/// Starts a chain with these arguments and gives the addresses that it names.
fn start(arguments: &[&str]) -> (Running, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let all = [&["chain", "--listen", "127.0.0.1:0", "--block-time", "instant"], arguments].concat();
    let chain = Running::start(leyden(folder.path(), &all));
    let named = chain.url.split(' ').filter(|word| word.starts_with("http://")).map(str::to_owned).collect();
    (chain, named)
}

/// What a host answers to a path: the status, and the JSON where there is one.
async fn ask(host: &str, path: &str, body: &Value) -> (u16, Value) {
    let client = http_client(WAIT, WAIT).unwrap();
    let answer = client.post(format!("{host}{path}")).body(body.to_string()).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
}

#[test]
fn two_ports_or_one() {
    let (two, hosts) = start(&[]);
    let [wallet, solidity] = hosts.as_slice() else { panic!("it named {hosts:?}") };
    let (gateway, host) = start(&["--gateway"]);
    let [host] = host.as_slice() else { panic!("it named {host:?}") };
    actix_rt::System::new().block_on(async {
        for (at, path, status) in [
            (wallet, "/wallet/getnowblock", 200),
            (wallet, "/walletsolidity/getnowblock", 405),
            (solidity, "/wallet/getnowblock", 405),
            (solidity, "/walletsolidity/getnowblock", 200),
            (host, "/wallet/getnowblock", 200),
            (host, "/walletsolidity/getnowblock", 200),
        ] {
            assert_eq!(ask(at, path, &json!({})).await.0, status, "{at}{path}");
        }
    });
    assert_eq!((two.terminate(), gateway.terminate()), (0, 0));
}

#[test]
fn what_a_node_may_lack() {
    let (chain, hosts) = start(&["--gateway", "--no-constant-calls", "--no-internal-transactions"]);
    actix_rt::System::new().block_on(async {
        let info = ask(&hosts[0], "/wallet/getnodeinfo", &json!({})).await.1;
        assert_eq!(info["configNodeInfo"]["supportConstant"], false, "{info}");
    });
    assert_eq!(chain.terminate(), 0);
}

#[test]
fn one_port_is_not_two() {
    let folder = tempfile::tempdir().unwrap();
    let both = run(folder.path(), &["chain", "--gateway", "--solidity-listen", "127.0.0.1:0"], "");
    assert!(both.code != 0 && both.err.contains("--solidity-listen"), "{}", both.err);
    let last = run(folder.path(), &["chain", "--listen", "127.0.0.1:65535"], "");
    assert!(last.code != 0 && last.err.contains("--solidity-listen"), "{}", last.err);
}
