//! Several nodes over one chain: where each serves what, and what each can do.
#![cfg(feature = "http")]
#![expect(clippy::unwrap_used, reason = "tests")]

use actix_web::dev::Server;
use leyden_sim::{
    ChainConfig, SimNode, abi,
    config::TRX,
    http::{self, Abilities, Face},
    keys,
};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn run(server: Server) {
    actix_web::rt::System::current().arbiter().spawn(async move {
        server.await.unwrap();
    });
}

fn client() -> reqwest::Client {
    let patience = Duration::from_secs(10);
    leyden_tron::node::http_client(patience, patience).unwrap()
}

async fn post(address: SocketAddr, path: &str, body: Value) -> (u16, String) {
    let answer =
        client().post(format!("http://{address}/{path}")).body(body.to_string()).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn asked(address: SocketAddr, path: &str, body: Value) -> Value {
    let (status, text) = post(address, path, body).await;
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

#[actix_web::test]
async fn each_of_two_ports_serves_its_own_family_alone() {
    let node = SimNode::new(ChainConfig::default());
    node.mine_many(20).unwrap();
    let (server, wallet, solidity) = http::serve_split(node, Face::new(), any(), any()).unwrap();
    run(server);
    assert_ne!(wallet, solidity);
    let head = asked(wallet, "wallet/getnowblock", json!({})).await;
    let solid = asked(solidity, "walletsolidity/getnowblock", json!({})).await;
    assert_eq!(head["block_header"]["raw_data"]["number"], 20);
    assert_eq!(solid["block_header"]["raw_data"]["number"], 2);
    assert_eq!(asked(wallet, "dev/mine", json!({})).await["number"], 21);

    for (address, path) in [
        (wallet, "walletsolidity/getnowblock"),
        (solidity, "wallet/getnowblock"),
        (solidity, "dev/mine"),
        (solidity, "walletsolidity/broadcasthex"),
        (wallet, "wallet/nosuchmethod"),
        (wallet, "wallet/getNowBlock"),
        (wallet, "elsewhere"),
    ] {
        let (status, page) = post(address, path, json!({})).await;
        assert_eq!(status, 405, "{path}");
        let title = "<title>Error 405 HTTP method POST is not supported by this URL</title>";
        assert!(page.contains(title) && page.contains(&format!("<td>/{path}</td>")), "{page}");
        let answer = client().get(format!("http://{address}/{path}")).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 404, "{path}");
        assert!(answer.text().await.unwrap().contains("<title>Error 404 Not Found</title>"));
    }
}

#[actix_web::test]
async fn one_node_of_two_keeps_internal_transactions_and_answers_constant_calls() {
    let node = SimNode::new(ChainConfig::default());
    let lacking = Face::with(Abilities { internal_transactions: false, constant_calls: false });
    let (full_server, full) = http::serve(node.clone(), any()).unwrap();
    let (lean_server, lean) = http::serve_face(node.clone(), lacking.clone(), any()).unwrap();
    run(full_server);
    run(lean_server);
    let sent = node.transfer_by_contract(&keys::test_key(0), keys::test_address(1), 7 * TRX).unwrap();
    node.mine().unwrap();

    let receipt = json!({ "value": sent.tx_id.to_string() });
    let block = json!({ "num": 1 });
    let whole = asked(full, "wallet/gettransactioninfobyid", receipt.clone()).await;
    assert_eq!(whole["internal_transactions"][0]["callValueInfo"][0]["callValue"], 7 * TRX);
    let mut without = whole.clone();
    without.as_object_mut().unwrap().remove("internal_transactions");
    assert_eq!(asked(lean, "wallet/gettransactioninfobyid", receipt.clone()).await, without);
    assert_eq!(
        asked(lean, "wallet/gettransactioninfobyblocknum", block.clone()).await,
        json!([without.clone()])
    );
    assert_eq!(asked(full, "wallet/gettransactioninfobyblocknum", block.clone()).await, json!([whole]));

    let call = json!({
        "owner_address": keys::test_address(0).to_hex(),
        "contract_address": ChainConfig::default().usdt.to_hex(),
        "data": hex::encode(abi::transfer_call(keys::test_address(1), 5)),
    });
    for (path, text) in [
        ("wallet/triggerconstantcontract", "this node does not support constant"),
        ("walletsolidity/triggerconstantcontract", "this node does not support constant"),
        ("wallet/estimateenergy", "this node does not estimate energy"),
    ] {
        assert_eq!(asked(full, path, call.clone()).await["result"]["result"], true);
        assert_eq!(
            asked(lean, path, call.clone()).await,
            json!({ "result": { "code": "CONTRACT_VALIDATE_ERROR", "message": hex::encode(text) } })
        );
    }
    let can = |info: &Value| info["configNodeInfo"]["supportConstant"].as_bool().unwrap();
    assert!(can(&asked(full, "wallet/getnodeinfo", json!({})).await));
    assert!(!can(&asked(lean, "wallet/getnodeinfo", json!({})).await));

    // Its operator switches both on.
    lacking.tell_internal_transactions(true);
    lacking.answer_constant_calls(true);
    assert_eq!(asked(lean, "wallet/gettransactioninfobyid", receipt.clone()).await, whole);
    assert_eq!(asked(lean, "wallet/estimateenergy", call.clone()).await["result"]["result"], true);

    // What the node itself lacks no face of it has.
    node.faults().without_internals = true;
    node.faults().without_constant_calls = true;
    assert_eq!(asked(full, "wallet/gettransactioninfobyid", receipt).await, without);
    assert_eq!(asked(full, "wallet/estimateenergy", call).await["result"]["code"], "CONTRACT_VALIDATE_ERROR");
}
