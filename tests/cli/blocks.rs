//! `leyden block` on blocks of a running chain, whole and changed; and what a first block says to the doctor.

use crate::{
    Running, leyden,
    process::{Client, WAIT, transfer},
    run,
};
use leyden_sim::keys;
use leyden_tron::node::http_client;
use serde_json::{Value, json};
use std::fs;

fn chain(folder: &std::path::Path) -> Running {
    Running::start(leyden(
        folder,
        &["chain", "--listen", "127.0.0.1:0", "--gateway", "--block-time", "instant"],
    ))
}

/// A block of the chain that holds a transfer.
fn block_with_a_transfer(chain: &Running) -> Value {
    actix_rt::System::new().block_on(async {
        let client = Client { http: http_client(WAIT, WAIT).unwrap(), key: String::new() };
        transfer(&client, &chain.url, 1, keys::test_address(2), 1_234_567).await;
        for number in 1..100 {
            let path = format!("{}/wallet/getblockbynum", chain.url);
            let block = client.post(&path, &json!({ "num": number })).await;
            if block["transactions"].as_array().is_some_and(|transactions| !transactions.is_empty()) {
                return block;
            }
        }
        panic!("no block holds the transfer");
    })
}

#[test]
fn what_is_false_in_a_block_is_said_and_ends_in_one() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let chain = chain(here);
    let honest = block_with_a_transfer(&chain);
    let look = |block: &Value, arguments: &[&str]| {
        fs::write(here.join("b.json"), block.to_string()).unwrap();
        run(here, &[&["block", "b.json"], arguments].concat(), "")
    };
    let done = look(&honest, &[]);
    assert_eq!(done.code, 0, "{} {}", done.out, done.err);
    assert!(done.out.contains("1.234567 TRX") && !done.out.contains("WRONG"), "{}", done.out);

    // One digit of what was signed.
    let mut bent = honest.clone();
    let id = bent["transactions"][0]["txID"].as_str().unwrap().to_owned();
    let raw = bent["transactions"][0]["raw_data_hex"].as_str().unwrap().replacen("87ad4b", "87ad4c", 1);
    assert_ne!(raw, bent["transactions"][0]["raw_data_hex"].as_str().unwrap());
    bent["transactions"][0]["raw_data_hex"] = json!(raw);
    let done = look(&bent, &[]);
    assert_eq!(done.code, 1, "{}", done.out);
    assert!(done.err.contains(&format!("transaction 0 is given the id {id}")), "{}", done.err);
    assert!(done.out.contains("WRONG"), "{}", done.out);
    let done = look(&bent, &["--json"]);
    assert_eq!(done.code, 1);
    let report: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(
        (&report["verified"]["tx_ids"], &report["wrong"][0]["transaction"]),
        (&json!(false), &json!(0))
    );

    // The header, and with it id and signature.
    let mut bent = honest.clone();
    bent["block_header"]["raw_data"]["timestamp"] = json!(1);
    let done = look(&bent, &[]);
    assert_eq!(done.code, 1);
    assert!(
        done.err.contains("is not that of this header") && done.err.contains("is signed by"),
        "{}",
        done.err
    );
    let wrong_key = look(&honest, &["--witness-key", "T9=T8"]);
    assert!(wrong_key.code == 1 && wrong_key.err.contains("WITNESS=SIGNER"), "{}", wrong_key.err);
    assert!(run(here, &["block", "--help"], "").out.contains("Exit code 1"));
}

#[test]
fn two_networks_are_told_apart_by_their_first_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let (one, other) = (chain(here), chain(here));
    let text = format!(
        "[http]\nlisten = '127.0.0.1:0'\n[database]\nurl = 'sqlite:books.sqlite'\n[chain]\nnodes = [\n\
         {{ url = '{0}', solidity_url = '{0}', name = 'one' }}, {{ url = '{1}', solidity_url = '{1}', name = 'other' }}]\n[payments]\naddresses = ['{2}']\n",
        one.url,
        other.url,
        keys::test_address(9)
    );
    fs::write(here.join("l.toml"), text).unwrap();
    let done = run(here, &["-c", "l.toml", "doctor"], "");
    assert_eq!(done.code, 1, "{}", done.out);
    assert!(done.out.contains("one and other are on different networks"), "{} {}", done.out, done.err);
    assert!(done.out.contains("a network of its own, which begins with 0000000000000000"), "{}", done.out);
}
