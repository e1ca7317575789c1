//! The built-in node beside the project's own description of the HTTP API of 4.8.2: every path that is served here is
//! described there, in the families it is served in, and no answer has a member that the description does not know.
//! The description is read as it is: a YAML of quoted keys, scalars and indentation.

use super::{
    asked::Asked,
    world::{self, World},
};
use leyden_sim::{build::Options, config::TRX, http::METHODS};
use leyden_tron::wire::proto::{TransferContract, UnfreezeBalanceV2Contract};
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, fs, path::Path};

/// Served here and by the recorded 4.8.0, and not described.
const UNDESCRIBED: [&str; 1] = ["getmemofee"];

/// As long as it takes until what was unstaked can be taken out.
const FIFTEEN_DAYS_MS: i64 = 15 * 86_400_000;

pub(crate) async fn compare(file: &Path) {
    let described = Reader::read(&fs::read_to_string(file).unwrap());
    let world = World::with_history();
    let unfreeze = UnfreezeBalanceV2Contract {
        owner_address: world::address("owner").to_bytes().to_vec(),
        unfreeze_balance: TRX,
        resource: 1,
    };
    world.done(&world::key("owner"), &unfreeze);
    let asked = Asked::serve(world.node.clone());
    let questions = questions(&world, &asked).await;
    let mut families = 0;
    for (method, on_solidity) in METHODS {
        let operation = &described["paths"][format!("/wallet/{method}")];
        if UNDESCRIBED.contains(&method) {
            assert!(operation.is_null(), "{method} is described now");
            continue;
        }
        let operation = if operation["post"].is_null() { &operation["get"] } else { &operation["post"] };
        assert!(operation.is_object(), "{method} is not described");
        let elsewhere: BTreeSet<&str> = operation["x-tron-alternate-endpoints"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one["path"].as_str())
            .collect();
        let solid = format!("/walletsolidity/{method}");
        assert_eq!(elsewhere.contains(solid.as_str()), on_solidity, "{method} under /walletsolidity");
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{method}: the description has no answer");
        if method == "withdrawexpireunfreeze" {
            world.node.skip(FIFTEEN_DAYS_MS).unwrap();
        }
        let body = questions.get(method).cloned().unwrap_or_else(|| json!({}));
        for path in [format!("/wallet/{method}"), solid].into_iter().take(1 + usize::from(on_solidity)) {
            let answer = asked.post(&path, &body).await;
            assert!(answer.get("Error").is_none(), "{path}: {answer}");
            let unknown = unknown(schema, &answer, &described, path.clone());
            assert!(unknown.is_empty(), "not in the description: {unknown:?}");
            families += 1;
        }
    }
    // What nobody described is noticed.
    let block = json!({ "$ref": "#/components/schemas/Block" });
    let strange = json!({ "blockID": "00", "transactions": [{ "raw_data": { "memo": "" } }] });
    let found = unknown(&block, &strange, &described, String::new());
    assert_eq!(found, [".transactions[].raw_data.memo"]);

    let info = asked.post("/wallet/getnodeinfo", &json!({})).await;
    let version = described["info"]["x-java-tron-source"]["version"].as_str().unwrap();
    assert!(version.ends_with(info["configNodeInfo"]["codeVersion"].as_str().unwrap()), "{version}");
    assert!(families > 70, "only {families} answers were compared");
}

/// What to ask each method for, so that the answer is as full as it gets.
async fn questions(world: &World, asked: &Asked) -> Map<String, Value> {
    let of = |part: &str| world::address(part).to_hex();
    let contract = world.node.chain().config().usdt.to_hex();
    let block = world.node.chain().block(177 - world.shift).unwrap().clone();
    let called = block.transactions[3].tx.id.to_string();
    let (owner, recv, recv2) = (of("owner"), of("recv"), of("recv2"));
    let lend = json!({ "owner_address": owner, "receiver_address": recv, "balance": TRX, "resource": 1 });
    let call = json!({
        "owner_address": of("other"),
        "contract_address": contract,
        "function_selector": "transfer(address,uint256)",
        "parameter": format!("{:0>64}{:0>64}", hex::encode(world::address("recv").evm()), "5"),
    });
    let permission = |kind: u8, more: Value| {
        let mut one = json!({ "type": kind, "permission_name": "p", "threshold": 1,
            "keys": [{ "address": recv, "weight": 1 }] });
        one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one
    };
    let transfer = json!({ "owner_address": recv, "to_address": recv2, "amount": 1 });
    let built = asked.post("/wallet/createtransaction", &transfer).await;
    let message = TransferContract {
        owner_address: world::address("recv").to_bytes().to_vec(),
        to_address: world::address("recv2").to_bytes().to_vec(),
        amount: 9,
    };
    let waiting = world.node.send(&world::key("recv"), &message, Options::default()).unwrap();
    let refused = world.node.signed(&world::key("recv2"), &message, Options::default());
    let questions = json!({
        "accountpermissionupdate": {
            "owner_address": recv,
            "owner": permission(0, json!({})),
            "actives": [permission(2, json!({ "operations": format!("06{:0>62}", "") }))],
        },
        "broadcasthex": { "transaction": hex::encode(refused) },
        "broadcasttransaction": built,
        "cancelallunfreezev2": { "owner_address": owner },
        "createaccount": { "owner_address": recv, "account_address": of("stranger") },
        "createtransaction": transfer,
        "delegateresource": lend,
        "estimateenergy": call,
        "freezebalancev2": { "owner_address": owner, "frozen_balance": TRX, "resource": 1 },
        "getReward": { "address": recv },
        "getaccount": { "address": owner },
        "getaccountnet": { "address": recv },
        "getaccountresource": { "address": of("other") },
        "getapprovedlist": built,
        "getavailableunfreezecount": { "owner_address": owner },
        "getblock": { "id_or_num": block.number().to_string(), "detail": true },
        "getblockbyid": { "value": block.id.to_string() },
        "getblockbylatestnum": { "num": 2 },
        "getblockbylimitnext": { "startNum": block.number(), "endNum": block.number() + 2 },
        "getblockbynum": { "num": block.number() },
        "getcandelegatedmaxsize": { "owner_address": owner, "type": 1 },
        "getcanwithdrawunfreezeamount": { "owner_address": owner },
        "getcontract": { "value": contract },
        "getcontractinfo": { "value": contract },
        "getdelegatedresourceaccountindexv2": { "value": owner },
        "getdelegatedresourcev2": { "fromAddress": owner, "toAddress": recv2 },
        "getsignweight": built,
        "gettransactionbyid": { "value": called },
        "gettransactioncountbyblocknum": { "num": block.number() },
        "gettransactionfrompending": { "value": waiting.tx_id.to_string() },
        "gettransactioninfobyblocknum": { "num": block.number() },
        "gettransactioninfobyid": { "value": called },
        "triggerconstantcontract": call,
        "triggersmartcontract": call,
        "undelegateresource": lend,
        "unfreezebalancev2": { "owner_address": owner, "unfreeze_balance": TRX, "resource": 1 },
        "withdrawexpireunfreeze": { "owner_address": owner },
        "validateaddress": { "address": owner },
    });
    questions.as_object().unwrap().clone()
}

/// The members of a value that its description does not know, by their paths; of several descriptions the best fitting
/// one counts.
fn unknown(schema: &Value, value: &Value, all: &Value, path: String) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        return unknown(&all["components"]["schemas"][name], value, all, path);
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema[several].as_array() {
            let found = choices.iter().map(|one| unknown(one, value, all, path.clone()));
            return found.min_by_key(Vec::len).unwrap_or_default();
        }
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        _ => true,
    };
    if !fits {
        return vec![format!("{path}: {value} is no {}", schema["type"])];
    }
    match value {
        Value::Array(values) => {
            values.iter().flat_map(|one| unknown(&schema["items"], one, all, format!("{path}[]"))).collect()
        }
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, one)| {
                let path = format!("{path}.{key}");
                match (schema["properties"].get(key), &schema["additionalProperties"]) {
                    (Some(known), _) => unknown(known, one, all, path),
                    (None, more) if more.is_object() => unknown(more, one, all, path),
                    (None, more) if more == "false" => vec![path],
                    (None, _) => Vec::new(),
                }
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Reads the part of YAML that the description is written in.
struct Reader<'a> {
    lines: Vec<(usize, &'a str)>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn read(text: &'a str) -> Value {
        let lines = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| (line.len() - line.trim_start().len(), line.trim()))
            .collect();
        Self { lines, at: 0 }.block(0)
    }

    /// Everything at an indentation.
    fn block(&mut self, indent: usize) -> Value {
        let mut list = Vec::new();
        let mut fields = Map::new();
        while let Some(&(here, line)) = self.lines.get(self.at) {
            if here != indent {
                break;
            }
            self.at += 1;
            if let Some(item) = line.strip_prefix('-') {
                list.push(self.value(item.trim(), indent));
            } else if let Some((key, value)) = line.split_once("\":") {
                fields.insert(key.trim_start_matches('"').to_owned(), self.value(value.trim(), indent));
            } else {
                return scalar(line);
            }
        }
        if fields.is_empty() && !list.is_empty() { list.into() } else { fields.into() }
    }

    /// What stands behind a key or a dash: here, or further in on the next lines.
    fn value(&mut self, text: &str, indent: usize) -> Value {
        match self.lines.get(self.at) {
            Some(&(next, _)) if text.is_empty() && next > indent => self.block(next),
            _ => scalar(text),
        }
    }
}

fn scalar(text: &str) -> Value {
    match text {
        "[]" => json!([]),
        "{}" => json!({}),
        _ => text.trim_matches('"').into(),
    }
}
