//! Transactions that were offered to the real node: files `broadcast_*` hold the answer, and in it the transaction. It is
//! made again of the same parts for this chain: other accounts, another block to refer to, other signatures.

use super::{
    asked::Asked,
    listed::Report,
    world::{self, World},
};
use leyden_domain::{Address, chain::ContractKind};
use leyden_sim::build;
use leyden_tron::{
    crypto::{SecretKey, sha256},
    wire::proto::{Any, Contract, TransactionRaw},
};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// How much longer than a day the recorded one wanted to wait, in milliseconds.
const TOO_FAR: i64 = 86_410_000;

/// Offers everything again. What was there was an account with stake and nothing lent yet.
pub(crate) async fn compare(folder: &Path, report: &mut Report) {
    let world = World::begin();
    world.done(&world::key("owner"), &world::freeze("owner", 1_000_000, 1));
    let asked = Asked::serve(world.node.clone());
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let Some(case) = name.strip_prefix("broadcast_") else { continue };
        let real: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let real = if real["answer"].is_object() { real["answer"].clone() } else { real };
        // One file says what became of another's transaction (nothing), one holds nothing.
        if real.get("txid").or(real.get("Error")).is_none() {
            continue;
        }
        let ours = offered(&asked, &world, case, &real).await;
        report.answers(&name, &world.names, &real, &ours);
    }
}

/// Our answer to the same.
async fn offered(asked: &Asked, world: &World, case: &str, real: &Value) -> Value {
    let body = match case {
        "no_field" => json!({}),
        "empty_hex" => json!({ "transaction": "" }),
        "not_hex" => json!({ "transaction": "zz" }),
        // A field that says that it is longer than it is.
        "garbage_pb" => json!({ "transaction": "0aff" }),
        _ => {
            let text = real["transaction"].as_str().unwrap();
            let bytes = again(world, case, &serde_json::from_str(text).unwrap());
            if case.starts_with("dup_") {
                let first = asked.offer(&bytes).await;
                assert_eq!(first["code"], "SUCCESS", "{first}");
            }
            if case == "dup_included" {
                world.node.mine().unwrap();
            }
            json!({ "transaction": hex::encode(bytes) })
        }
    };
    asked.post("/wallet/broadcasthex", &body).await
}

/// The recorded transaction for this chain.
fn again(world: &World, case: &str, recorded: &Value) -> Vec<u8> {
    let (mut raw, owner) = rebuilt(world, case, recorded);
    let head = std::sync::Arc::clone(world.node.chain().head());
    match case {
        "expired_1ms_before_head" => raw.expiration = head.timestamp() - 1,
        "expired_equal_head" => raw.expiration = head.timestamp(),
        "expiration_between_head_and_wall" => raw.expiration = head.timestamp() + 1,
        "expiration_too_far" => raw.expiration = head.timestamp() + TOO_FAR,
        "tapos_bad_hash" => raw.ref_block_hash = vec![1; 8],
        "tapos_unknown_future_num" => raw.ref_block_bytes = vec![0xfe, 0xff],
        "tapos_empty_ref" => {
            raw.ref_block_bytes.clear();
            raw.ref_block_hash.clear();
        }
        _ => {}
    }
    match case {
        "no_signature" => build::sign(&raw, &[]),
        "sig_64_bytes" => with_signature(&raw, &[0x11; 64]),
        "sig_garbage_65" => with_signature(&raw, &[0xff; 65]),
        "sig_by_other_key" => build::sign(&raw, &[&world::key("recv")]),
        "tapos_empty_ref" => build::sign(&raw, &[&nobody()]),
        _ => build::sign(&raw, &[&owner]),
    }
}

/// A transaction with a signature of any bytes: the raw data and it, as protobuf writes two fields of bytes.
pub(crate) fn with_signature(raw: &TransactionRaw, signature: &[u8]) -> Vec<u8> {
    let unsigned = build::sign(raw, &[]);
    let length = u8::try_from(signature.len()).unwrap();
    [unsigned.as_slice(), &[0x12, length], signature].concat()
}

/// Somebody whom no chain knows.
fn nobody() -> SecretKey {
    SecretKey::from_bytes(&sha256(b"nobody")).unwrap()
}

/// The raw data with this chain's accounts in it, bound to the head, and who owns it.
fn rebuilt(world: &World, case: &str, recorded: &Value) -> (TransactionRaw, SecretKey) {
    let contract = &recorded["raw_data"]["contract"][0];
    let kind = ContractKind::from_name(contract["type"].as_str().unwrap()).unwrap();
    let mut value = contract["parameter"]["value"].as_str().unwrap().to_owned();
    for (theirs, ours) in &world.texts {
        if theirs.len() == 42 {
            value = value.replace(theirs, ours);
        }
    }
    let mut value = hex::decode(value).unwrap();
    // The first field of every contract is its owner.
    let place = 2..23;
    if case == "owner_unknown" {
        value.splice(place.clone(), nobody().address().to_bytes());
    }
    let owner = Address::from_bytes(value.get(place).unwrap()).unwrap();
    let parts = ["owner", "recv", "recv2", "other"].map(world::key);
    let key = parts.into_iter().chain([nobody()]).find(|key| key.address() == owner);
    let head = std::sync::Arc::clone(world.node.chain().head());
    let id = head.id.bytes();
    let raw = TransactionRaw {
        ref_block_bytes: id.get(6..8).unwrap().to_vec(),
        ref_block_hash: id.get(8..16).unwrap().to_vec(),
        expiration: head.timestamp() + 60_000,
        contract: vec![Contract {
            r#type: kind.number(),
            parameter: Some(Any {
                type_url: contract["parameter"]["type_url"].as_str().unwrap().to_owned(),
                value,
            }),
            ..Contract::default()
        }],
        timestamp: head.timestamp() + i64::try_from(case.len()).unwrap(),
        ..TransactionRaw::default()
    };
    (raw, key.unwrap_or_else(|| panic!("{case}: nobody plays {owner}")))
}
