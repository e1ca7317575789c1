//! A block that nodes show and nobody can believe: what is said of it, where, and that the books go on once it is shown as it
//! is.

use crate::{
    Running, leyden,
    process::{Client, WAIT, gateway, install, name_nodes, pay, until_witnesses_are_known},
    run,
};
use leyden_test_servers::{Proxy, Wire};
use leyden_tron::node::http_client;
use serde_json::{Value, json};

/// The one that lies, and the one that is away meanwhile.
const NODES: [&str; 2] = ["node-here", "node-away"];

#[test]
fn a_block_that_is_refused_is_named_by_status_and_doctor_until_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let chain = Running::start(leyden(
        here,
        &["chain", "--gateway", "--listen", "127.0.0.1:0", "--block-time", "1s"],
    ));
    let key = install(here, &chain.url);
    let second = Proxy::to(chain.url.strip_prefix("http://").unwrap().parse().unwrap()).unwrap();
    // What one node cannot prove is to be shown by another.
    let nodes = [gateway(&chain.url, NODES[0]), gateway(&format!("http://{}", second.address()), NODES[1])];
    name_nodes(here, &nodes);
    let text = std::fs::read_to_string(here.join("l.toml")).unwrap();
    std::fs::write(here.join("l.toml"), text.replace("[chain]\n", "[chain]\nagreement = 'required'\n"))
        .unwrap();
    let log = std::fs::File::create(here.join("log")).unwrap();
    let serving = Running::start_logging_to(leyden(here, &["-c", "l.toml", "serve"]), log.into());
    let status = format!("{}/status", serving.url);
    actix_rt::System::new().block_on(async {
        let client = Client { http: http_client(WAIT, WAIT).unwrap(), key };
        let well = client.until(&status, |page| page["status"] == "ok").await;
        assert!(well["chain"]["blockedAt"].is_null(), "{well}");
        // Else it is the witness that one node's word is not enough for, and not what it shows.
        until_witnesses_are_known(&client, &status).await;
        second.set(Wire::Cut);
        let faults = format!("{}/dev/faults", chain.url);
        let said = client.post(&faults, &json!({"lie_about_amounts": 1})).await;
        assert_eq!(said, json!({}));
        pay(&client, &chain.url, 1, 5_000_000).await;
        let unproven = |page: &Value| {
            let reason = page["chain"]["blockedAt"]["reason"].as_str();
            let behind = page["chain"]["lagBlocks"].as_i64();
            reason.is_some_and(|reason| reason.contains("waits for a second node (root)"))
                && behind.is_some_and(|behind| behind >= 1)
        };
        let blocked = client.until(&status, unproven).await;
        let at = &blocked["chain"]["blockedAt"];
        let height = at["height"].as_i64().unwrap();
        assert_eq!(blocked["chain"]["processed"]["height"], height - 1, "the books stand still before it");
        assert!(at["attempts"].as_u64().unwrap() > 1, "{at}");
        let reason = at["reason"].as_str().unwrap();
        assert!(NODES.iter().all(|node| reason.contains(node)), "who shows it, and who does not: {at}");
        let since = at["since"].clone();
        assert_eq!((&blocked["status"], &blocked["causes"]), (&json!("degraded"), &json!(["chain"])));
        let problem = blocked["problems"][0].as_str().unwrap();
        assert!(problem.contains(&format!("block {height} cannot be read: ")), "{problem}");
        assert!(problem.contains(since.as_str().unwrap()), "{problem}");

        // Nobody is asked to pay for long.
        let closed = client.until(&status, |page| page["salesOpen"] == false).await;
        assert_eq!(closed["salesClosedBy"], "chain");
        assert_eq!(closed["chain"]["blockedAt"]["since"], since, "the same block, since the same moment");

        let doctor = run(here, &["-c", "l.toml", "doctor"], "");
        assert_eq!(doctor.code, 1, "{}", doctor.out);
        let found = format!("block {height} cannot be read");
        let told = doctor.out.lines().find(|line| line.contains(&found));
        let told = told.unwrap_or_else(|| panic!("{}", doctor.out));
        assert!(NODES.iter().all(|node| told.contains(node)), "{told}");
        assert!(doctor.out.contains("not fit to serve"), "{}", doctor.out);

        client.post(&faults, &json!({})).await;
        second.set(Wire::Good);
        let again = client.until(&status, |page| page["status"] == "ok").await;
        assert!(again["chain"]["blockedAt"].is_null(), "{again}");
        assert!(again["chain"]["processed"]["height"].as_i64().unwrap() >= height);
        assert_eq!(run(here, &["-c", "l.toml", "doctor"], "").code, 0);
    });
    assert_eq!(serving.terminate(), 0);
    let log = std::fs::read_to_string(here.join("log")).unwrap();
    let told = log.lines().filter(|line| line.contains("a block cannot be read"));
    let told: Vec<&str> = told.filter(|line| line.contains("waits for a second node (root)")).collect();
    assert!(told.len() > 2, "{log}");
    for line in told {
        assert!(NODES.iter().all(|node| line.contains(node)) && line.contains("height="), "{line}");
    }
    assert!(log.contains("the block is read; the books go on"), "{log}");
}
