//! The calls that were made of both nodes: files `cmp_*`, each with the request and the real answer.

use super::{
    asked::Asked,
    listed::Report,
    world::{self, World},
};
use leyden_sim::http::{Abilities, Face};
use serde_json::{Map, Value, json};
use std::{fs, path::Path};

/// The moments in the lives of two new accounts, in their order.
const MOMENTS: [&str; 8] =
    ["fresh", "frozen", "delegated", "locked", "used", "undelegated", "unfrozen", "all_back"];

/// Questions that were asked of the real node alone, in files of another form, and can be asked here.
const OTHERS: [&str; 5] = [
    "accountpermissionupdate_hex",
    "getdelegatedresourceaccountindexv2_hex",
    "getdelegatedresourceaccountindexv2_visible",
    "getdelegatedresourcev2_hex",
    "getdelegatedresourcev2_visible",
];

/// One file.
struct Recorded {
    name: String,
    method: String,
    path: String,
    body: Map<String, Value>,
    visible: bool,
    real: Value,
}

impl Recorded {
    fn read(file: &Path) -> Self {
        let name = file.file_stem().unwrap().to_str().unwrap().trim_start_matches("cmp_").to_owned();
        let value: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        Self {
            name,
            method: value["method"].as_str().unwrap().to_owned(),
            path: value["path"].as_str().unwrap().to_owned(),
            body: value["body"].as_object().cloned().unwrap_or_default(),
            visible: value["visible"] == true,
            real: value["real"].clone(),
        }
    }

    /// From a file that holds the request as it was sent.
    fn read_other(folder: &Path, name: &str) -> Self {
        let file = folder.join(format!("{name}.json"));
        let value: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        let request = &value["request"];
        Self {
            name: name.to_owned(),
            method: request["method"].as_str().unwrap().to_owned(),
            path: request["path"].as_str().unwrap().to_owned(),
            body: request["body"].as_object().cloned().unwrap_or_default(),
            visible: false,
            real: value["answer"].clone(),
        }
    }

    /// The same question about this chain.
    fn here(&self, world: &World) -> Map<String, Value> {
        let mut body = Map::new();
        for (key, value) in &self.body {
            body.insert(key.clone(), here(key, value, world));
        }
        if self.visible {
            body.insert("visible".to_owned(), true.into());
        }
        body
    }
}

/// A value with this chain's accounts, transactions and block numbers in it.
fn here(key: &str, value: &Value, world: &World) -> Value {
    match value {
        Value::String(text) => match text.parse::<i64>() {
            Ok(number) if key == "id_or_num" => (number - world.shift).to_string().into(),
            _ => world.texts.get(text).unwrap_or(text).clone().into(),
        },
        // Blocks 177 to 179, not the first nor those that are not there yet.
        Value::Number(number) if ["num", "startNum", "endNum"].contains(&key) => {
            let number = number.as_i64().unwrap();
            if (170..190).contains(&number) { (number - world.shift).into() } else { number.into() }
        }
        Value::Object(fields) => {
            fields.iter().map(|(key, one)| (key.clone(), here(key, one, world))).collect()
        }
        Value::Array(values) => values.iter().map(|one| here(key, one, world)).collect(),
        other => other.clone(),
    }
}

/// Asks everything again.
pub(crate) async fn compare(folder: &Path, report: &mut Report) {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let is_call =
        |file: &&std::path::PathBuf| file.file_name().unwrap().to_str().unwrap().starts_with("cmp_");
    let calls: Vec<Recorded> = files.iter().filter(is_call).map(|file| Recorded::read(file)).collect();
    let moment = |call: &Recorded| {
        MOMENTS.into_iter().find(|moment| {
            call.name
                .strip_prefix(moment)
                .is_some_and(|rest| rest.contains("_f1_") || rest.contains("_f2_") || is_of_both(rest))
        })
    };

    let world = World::with_history();
    let asked = Asked::serve(world.node.clone());
    for call in calls.iter().filter(|call| moment(call).is_none()) {
        ask(&asked, &world, call, report).await;
    }
    for name in OTHERS {
        ask(&asked, &world, &Recorded::read_other(folder, name), report).await;
    }
    switched_off(folder, &world, report).await;

    let world = World::with_new_accounts();
    let asked = Asked::serve(world.node.clone());
    for now in MOMENTS {
        world.live(now);
        for call in calls.iter().filter(|call| moment(call) == Some(now)) {
            ask(&asked, &world, call, report).await;
        }
    }
}

/// What a node says that answers no constant calls. What it was asked was not recorded.
async fn switched_off(folder: &Path, world: &World, report: &mut Report) {
    let name = "triggerconstantcontract_not_supported";
    let real = serde_json::from_slice(&fs::read(folder.join(format!("{name}.json"))).unwrap()).unwrap();
    let face = Face::with(Abilities { constant_calls: false, ..Abilities::default() });
    let question = json!({
        "owner_address": world::address("other").to_hex(),
        "contract_address": world.node.chain().config().usdt.to_hex(),
        "function_selector": "symbol()",
    });
    let ours =
        Asked::serve_face(world.node.clone(), face).post("/wallet/triggerconstantcontract", &question).await;
    report.answers(name, &world.names, &real, &ours);
}

/// The rest of the name of a call about both new accounts.
fn is_of_both(rest: &str) -> bool {
    ["_getcandelegatedmaxsize", "_getdelegatedresourcev2", "_index"]
        .iter()
        .any(|begin| rest.starts_with(begin))
}

async fn ask(asked: &Asked, world: &World, call: &Recorded, report: &mut Report) {
    let (status, text) = asked.raw(&call.method, &call.path, &call.here(world)).await;
    if let Some(page) = call.real["__not_json"].as_str() {
        // The page of a path that is not served, as far as it was recorded.
        let same = status == 405 && text.starts_with(page);
        let difference = (!same).then(|| format!("another page: {status} {text}"));
        report.found(&call.name, &difference.into_iter().collect::<Vec<_>>());
        return;
    }
    assert_eq!(status, 200, "{}: {text}", call.name);
    let ours = serde_json::from_str(&text).unwrap_or(Value::String(text));
    report.answers(&call.name, &world.names, &call.real, &ours);
}
