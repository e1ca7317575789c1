//! A disk without space, under the books and under the log. Space is taken away with the process's limit on the size of
//! files, which needs no rights of its own: every write to a file fails then, as it does on a full disk, but of
//! processes that this test does not own.

use crate::process::{Client, Running, WAIT, install, install_on, leyden, pay};
use leyden_sim::keys;
use leyden_test_servers::{Postgres, PostgresOptions};
use leyden_tron::node::http_client;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{
    fs::OpenOptions,
    path::Path,
    process::{Command, Stdio},
};

/// The service, started so that a write beyond a limit is an error and not its end.
fn service(folder: &Path, log: Stdio) -> Running {
    let plain = leyden(folder, &["-c", "l.toml", "serve"]);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    // Much to say, so that there is much that cannot be written.
    command.current_dir(folder).env_clear().env("LEYDEN__LOG__LEVEL", "debug");
    Running::start_logging_to(command, log)
}

/// Lets a process write no file beyond this size, or any again.
fn limit(service: &Running, size: &str) {
    let limit = format!("--fsize={size}:unlimited");
    let done = Command::new("prlimit").args(["--pid", &service.pid().to_string(), &limit]).status();
    assert!(done.unwrap().success(), "prlimit (util-linux) must be there");
}

/// Asks for an order; returns status and body.
async fn order(client: &Client, base: &str, customer: u32, wish: &str) -> (StatusCode, Value) {
    let body = json!({"recipientAddress": keys::test_address(customer), "transactionCount": 1});
    let request = client.http.post(format!("{base}/api/v1/orders")).header("X-API-Key", &client.key);
    let answer = request.header("Idempotency-Key", format!("\"{wish}\"")).json(&body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

fn id_of(order: &Value) -> String {
    order["data"]["orderId"].as_str().unwrap_or_else(|| panic!("{order}")).to_owned()
}

fn due(order: &Value) -> i64 {
    order["data"]["amounts"][0]["amountSun"].as_i64().unwrap_or_else(|| panic!("{order}"))
}

fn height(block: &Value) -> i64 {
    block["block_header"]["raw_data"]["number"].as_i64().unwrap_or(0)
}

fn can_sell(status: &Value) -> bool {
    status["pool"]["availableEnergy"].as_i64().is_some_and(|energy| energy > 0)
        && status["chain"]["processed"].is_object()
}

async fn until_state(client: &Client, base: &str, id: &str, states: &[&str]) -> Value {
    let there = |body: &Value| body["data"]["state"].as_str().is_some_and(|state| states.contains(&state));
    client.until(&format!("{base}/api/v1/orders/{id}"), there).await
}

/// Whether the energy was delivered and is there, or is coming back.
const SERVED: [&str; 3] = ["active", "reclaiming", "completed"];

#[test]
fn books_on_a_full_disk_refuse_what_is_new_and_keep_what_is_paid() {
    let (fill, make_space) =
        (|running: &_| limit(running, "4096"), |running: &_| limit(running, "unlimited"));
    full_disk("sqlite:books.sqlite", true, fill, make_space);
}

#[test]
fn a_database_on_a_full_disk_is_one_that_is_away() {
    let postgres = Postgres::start(&PostgresOptions::default()).unwrap();
    let url = postgres.create("books", None).unwrap();
    // A server that cannot write its log ends; who makes space starts it again.
    let make_space = |_: &Running| {
        postgres.stop_immediate().unwrap_or_default();
        postgres.start_again().unwrap();
    };
    full_disk(&url, false, |_| postgres.limit_files(4_096).unwrap(), make_space);
}

/// Orders before, during and after a time in which the books cannot be written, and perhaps not be read.
fn full_disk(database: &str, readable: bool, fill: impl Fn(&Running), make_space: impl Fn(&Running)) {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let chain = Running::start(leyden(
        here,
        &["chain", "--gateway", "--listen", "127.0.0.1:0", "--block-time", "100ms"],
    ));
    let key = install_on(here, &chain.url, database);
    let running = service(here, Stdio::null());
    let base = running.url.clone();
    actix_rt::System::new().block_on(async {
        let client = Client { http: http_client(WAIT, WAIT).unwrap(), key };
        let status = format!("{base}/status");
        client.until(&status, can_sell).await;
        // One is served before, one is paid meanwhile, one is only made.
        let (code, before) = order(&client, &base, 1, "before").await;
        assert_eq!(code, StatusCode::CREATED, "{before}");
        pay(&client, &chain.url, 1, due(&before)).await;
        until_state(&client, &base, &id_of(&before), &SERVED).await;
        let (_, meanwhile) = order(&client, &base, 2, "meanwhile").await;
        let (_, unpaid) = order(&client, &base, 3, "unpaid").await;

        fill(&running);
        for n in 0..5 {
            let (code, refused) = order(&client, &base, 4, &format!("refused-{n}")).await;
            assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE, "{refused}");
            assert_eq!(refused["code"], "STORE_UNAVAILABLE", "{refused}");
        }
        pay(&client, &chain.url, 2, due(&meanwhile)).await;
        // The chain moves on without it.
        let now = format!("{}/wallet/getnowblock", chain.url);
        let from = height(&client.get(&now).await);
        client.until(&now, |block| height(block) > from + 30).await;
        if readable {
            // It says so, and shows what it has.
            let behind = |status: &Value| status["chain"]["lagBlocks"].as_i64().is_some_and(|lag| lag > 30);
            client.until(&status, behind).await;
            for made in [&meanwhile, &unpaid] {
                until_state(&client, &base, &id_of(made), &["awaiting_payment"]).await;
            }
        }

        make_space(&running);
        // That may have taken so long that the service has closed the connections we have.
        let client = Client { http: http_client(WAIT, WAIT).unwrap(), key: client.key };
        // By itself, with nobody starting it anew: what was paid is served, and orders are taken again.
        until_state(&client, &base, &id_of(&meanwhile), &SERVED).await;
        client.until(&status, can_sell).await;
        let (code, again) = order(&client, &base, 4, "refused-0").await;
        assert_eq!(code, StatusCode::CREATED, "a wish that was refused was not half granted: {again}");
        pay(&client, &chain.url, 4, due(&again)).await;
        until_state(&client, &base, &id_of(&again), &SERVED).await;
        // Everything acknowledged is there, and nothing is there twice.
        for made in [&before, &meanwhile, &again] {
            let found = client.get(&format!("{base}/api/v1/orders/{}", id_of(made))).await;
            let delegations = found["data"]["operations"]
                .as_array()
                .map(|all| all.iter().filter(|operation| operation["kind"] == "delegate").count());
            assert_eq!(delegations, Some(1), "{found}");
        }
        until_state(&client, &base, &id_of(&unpaid), &["awaiting_payment"]).await;
    });
    assert_eq!(running.terminate(), 0);
    drop(chain);
}

#[test]
fn a_log_that_cannot_be_written_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let chain = Running::start(leyden(
        here,
        &["chain", "--gateway", "--listen", "127.0.0.1:0", "--block-time", "100ms"],
    ));
    let key = install(here, &chain.url);
    // Whatever is written there is told that the disk is full.
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let running = service(here, Stdio::from(full));
    let base = running.url.clone();
    actix_rt::System::new().block_on(async {
        let client = Client { http: http_client(WAIT, WAIT).unwrap(), key };
        client.until(&format!("{base}/status"), can_sell).await;
        let (code, made) = order(&client, &base, 1, "one").await;
        assert_eq!(code, StatusCode::CREATED, "{made}");
        pay(&client, &chain.url, 1, due(&made)).await;
        until_state(&client, &base, &id_of(&made), &SERVED).await;
        // No actor died of it.
        let status = client.get(&format!("{base}/status")).await;
        let actors = status["actors"]["actors"].as_array().unwrap_or_else(|| panic!("{status}"));
        assert!(!actors.is_empty() && actors.iter().all(|actor| actor["restarts"] == 0), "{status}");
    });
    assert_eq!(running.terminate(), 0);
    drop(chain);
}
