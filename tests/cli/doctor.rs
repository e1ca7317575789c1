//! The doctor, against installations with something wrong in each: what it finds and what it says to do.

use crate::{
    Done, Running, finish, leyden,
    process::{Client, WAIT, transfer},
    run,
};
use actix_web::dev::Server;
use leyden_domain::Address;
use leyden_sim::{
    ChainConfig, SimNode,
    http::{Abilities, Face, serve_face, serve_split},
    keys,
};
use leyden_test_servers::{Postgres, PostgresOptions, RedisServer};
use leyden_tron::node::http_client;
use serde_json::{Value, json};
use std::{fs, net::SocketAddr, path::Path, process::Command};

/// A configuration; `more` may say anything that is not said here.
fn configure(folder: &Path, chain: &str, database: &str, more: &str) {
    let text = format!(
        "[http]\nlisten = '127.0.0.1:0'\n[database]\nurl = '{database}'\n[chain]\nnodes = [{{ url = '{chain}', solidity_url = '{chain}' }}]\n\
         start_behind = 0\n[payments]\naddresses = ['{}']\n[pool]\naccounts = [{{ address = '{}' }}]\n\
         [keys]\npassphrase_file = 'passphrase'\n{more}",
        keys::test_address(9),
        keys::pool_address(0)
    );
    fs::write(folder.join("l.toml"), text).unwrap();
    fs::write(folder.join("passphrase"), "correct horse battery\n").unwrap();
}

fn doctor(folder: &Path) -> (i32, Vec<Value>) {
    let done = run(folder, &["-c", "l.toml", "doctor", "--json"], "");
    let findings: Value =
        serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {} {}", done.out, done.err));
    (done.code, findings.as_array().unwrap().clone())
}

/// Whether there is a finding of this verdict, about this, that says these words somewhere.
fn found(findings: &[Value], verdict: &str, what: &str, words: &[&str]) -> bool {
    findings.iter().any(|finding| {
        let text = format!("{} {}", finding["found"], finding["todo"]);
        finding["verdict"] == verdict
            && finding["what"] == what
            && words.iter().all(|word| text.contains(word))
    })
}

#[track_caller]
fn expect(findings: &[Value], verdict: &str, what: &str, words: &[&str]) {
    assert!(found(findings, verdict, what, words), "{verdict} {what} {words:?} is not in {findings:#?}");
}

fn chain(folder: &Path) -> Running {
    Running::start(leyden(
        folder,
        &["chain", "--gateway", "--listen", "127.0.0.1:0", "--block-time", "100ms"],
    ))
}

#[test]
fn a_sound_installation_with_an_owner_key_is_told_so_and_everything_else_is_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let chain = chain(here);
    configure(here, &chain.url, "sqlite:books.sqlite", "");
    let imported = run(here, &["-c", "l.toml", "keys", "import"], &keys::pool_key_hex(0));
    assert_eq!(imported.code, 0, "{}", imported.err);
    let (code, findings) = doctor(here);
    assert_eq!(code, 1, "an owner key is not what a server should have");
    expect(&findings, "bad", "hot key", &["owner key", "import a key for it"]);
    expect(&findings, "ok", "database", &["SQLite"]);
    expect(&findings, "ok", "database", &["a commit takes"]);
    expect(&findings, "ok", "migrations", &["up to date"]);
    expect(&findings, "ok", "Redis", &["none is configured"]);
    expect(&findings, "ok", "node", &["head"]);
    expect(&findings, "odd", "network", &["a network of its own"]);
    expect(&findings, "ok", "clock", &["newest block"]);
    expect(&findings, "ok", "payment address", &["holds"]);
    expect(&findings, "ok", "pool account", &["can be delegated"]);
    expect(&findings, "ok", "delegations", &["explain every one"]);
    assert!(findings.iter().filter(|finding| finding["verdict"] == "bad").count() == 1, "{findings:#?}");
}

#[test]
fn what_is_wrong_on_the_chain_is_found_address_by_address() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let chain = chain(here);
    let stranger = Address::from_bytes(&[0x41; 21]).unwrap();
    configure(here, &chain.url, "sqlite:books.sqlite", "");
    let text = fs::read_to_string(here.join("l.toml")).unwrap();
    let usdt = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";
    let text = text
        .replace(
            &format!("addresses = ['{}']", keys::test_address(9)),
            &format!("addresses = ['{stranger}', '{usdt}']"),
        )
        .replace(&keys::pool_address(0).to_string(), &keys::test_address(3).to_string());
    fs::write(here.join("l.toml"), text).unwrap();
    assert_eq!(run(here, &["-c", "l.toml", "migrate"], "").code, 0);
    let (code, findings) = doctor(here);
    assert_eq!(code, 1);
    expect(&findings, "bad", "payment address", &["never activated", "send any TRX"]);
    expect(&findings, "bad", "pool account", &["no TRX staked", "stake TRX"]);
    expect(&findings, "bad", "hot key", &["there is none for", "leyden keys import"]);
}

#[test]
fn a_node_that_is_not_there_and_books_that_cannot_be_opened_are_both_reported() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("file"), "").unwrap();
    configure(here, "http://127.0.0.1:1", "sqlite:file/books.sqlite", "");
    let (code, findings) = doctor(here);
    assert_eq!(code, 1);
    expect(&findings, "bad", "database", &["mend database.url"]);
    expect(&findings, "bad", "node", &["127.0.0.1:1", "chain.nodes"]);
    configure(
        here,
        "http://127.0.0.1:1",
        "postgres://nobody@127.0.0.1:1/books",
        "[cache]\nredis_url = 'redis://127.0.0.1:1'\n",
    );
    let (_, findings) = doctor(here);
    expect(&findings, "bad", "database", &["127.0.0.1:1", "mend database.url"]);
    expect(&findings, "odd", "Redis", &["cannot be used", "cache.redis_url"]);
    fs::write(here.join("l.toml"), "[http]\nlisten = 5\n").unwrap();
    assert_eq!(run(here, &["-c", "l.toml", "doctor"], "").code, 78);
}

/// The account that refunds are paid from.
const REFUNDS: u32 = 8;

/// A configuration whose refunds are paid from an account by a permission of it.
fn configure_refunds(folder: &Path, chain: &str, account: Address, permission: u8) {
    let more = format!("[refund]\naddress = '{account}'\npermission_id = {permission}\n");
    configure(folder, chain, "sqlite:books.sqlite", &more);
}

fn import_refunds(folder: &Path, arguments: &[&str]) {
    let arguments: Vec<&str> = ["-c", "l.toml", "keys", "import"].iter().chain(arguments).copied().collect();
    let done = run(folder, &arguments, &keys::test_key_hex(REFUNDS));
    assert_eq!(done.code, 0, "{}", done.err);
}

#[test]
fn what_is_wrong_with_the_refund_account_is_found_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let chain = chain(here);
    let account = keys::test_address(REFUNDS);
    configure_refunds(here, &chain.url, account, 0);
    assert_eq!(run(here, &["-c", "l.toml", "migrate"], "").code, 0);
    expect(&doctor(here).1, "bad", "refund account", &["there is no key for", "--refunds"]);
    // A key that would sign anything.
    import_refunds(here, &[]);
    expect(&doctor(here).1, "bad", "refund account", &["signs more than refunds", "import it anew"]);
    import_refunds(here, &["--refunds"]);
    let (_, findings) = doctor(here);
    let signs = format!("signs for {account} what a refund in the books is for");
    expect(&findings, "ok", "refund account", &[&signs]);
    expect(&findings, "ok", "refund account", &["holds 1000000.000000 TRX and 100000.000000 USDT"]);
    assert!(
        !findings.iter().any(|f| f["what"] == "refund account" && f["verdict"] == "bad"),
        "{findings:#?}"
    );

    let text = account.to_string();
    configure_refunds(here, &chain.url, account, 3);
    import_refunds(here, &["--refunds", "--account", &text, "--permission-id", "3"]);
    expect(&doctor(here).1, "bad", "refund account", &["has no permission 3", "refund.permission_id"]);
    let nobody = Address::from_evm([0x77; 20]);
    configure_refunds(here, &chain.url, nobody, 0);
    let (_, findings) = doctor(here);
    expect(&findings, "bad", "refund account", &["there is no key for"]);
    expect(&findings, "bad", "refund account", &["was never activated", "send TRX"]);
}

#[test]
fn money_that_left_the_refund_account_past_the_service_is_found_until_it_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let chain = chain(here);
    configure_refunds(here, &chain.url, keys::test_address(REFUNDS), 0);
    let text = fs::read_to_string(here.join("l.toml")).unwrap();
    let text = text.replace("[keys]\n", "[keys]\nallow_owner_keys = true\n");
    fs::write(here.join("l.toml"), text).unwrap();
    let imported = run(here, &["-c", "l.toml", "keys", "import"], &keys::pool_key_hex(0));
    assert_eq!(imported.code, 0, "{}", imported.err);
    import_refunds(here, &["--refunds"]);
    let made =
        run(here, &["-c", "l.toml", "keys", "api", "--name", "t", "--scope", "ops:read,ops:write"], "");
    let key = made.out.trim().to_owned();
    actix_rt::System::new().block_on(async {
        let client = Client { http: http_client(WAIT, WAIT).unwrap(), key };
        let service = Running::start(leyden(here, &["-c", "l.toml", "serve"]));
        client.until(&format!("{}/status", service.url), |s| s["chain"]["processed"].is_object()).await;
        let tx_id = transfer(&client, &chain.url, REFUNDS, keys::test_address(5), 7_000_000).await;
        let path = format!("{}/api/v1/unexplained-transfers", service.url);
        let shown = client.until(&path, |body| body["data"][0].is_object()).await;
        assert_eq!(
            (&shown["data"][0]["txHash"], &shown["data"][0]["amountMicro"]),
            (&json!(tx_id), &json!(7_000_000))
        );
        let (code, findings) = doctor(here);
        assert_eq!(code, 1);
        let words = [tx_id.as_str(), "7000000", "TRX", "nothing is paid back", "refunds.md"];
        expect(&findings, "bad", "refund account", &words);
        let explain = format!("{path}/explain");
        let unknown = json!({"txHash": "ab".repeat(32), "reason": "mine"});
        assert_eq!(client.post(&explain, &unknown).await["code"], "TRANSFER_NOT_FOUND");
        let body = json!({"txHash": tx_id, "reason": "float moved back to the treasury"});
        assert_eq!(client.post(&explain, &body).await["data"]["txHash"], json!(tx_id));
        assert_eq!(client.post(&explain, &body).await["success"], true, "asked again it answers the same");
        assert_eq!(client.get(&path).await["data"], json!([]));
        let (_, findings) = doctor(here);
        assert!(
            !findings.iter().any(|f| f["what"] == "refund account" && f["verdict"] == "bad"),
            "{findings:#?}"
        );
        assert_eq!(service.terminate(), 0);
    });
}

/// Runs deploy/postgres/roles.sh against a private server, as an operator would against theirs.
fn make_roles(folder: &Path, server: &Postgres) {
    fs::write(folder.join("owner"), "owner's pass/word\n").unwrap();
    fs::write(folder.join("app"), "app's pass/word\n").unwrap();
    let mut command = Command::new("sh");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/postgres/roles.sh"))
        .current_dir(folder)
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", server.port().to_string())
        .env("POSTGRES_USER", "postgres")
        .env("POSTGRES_DB", "books")
        .env("OWNER_PASSWORD_FILE", "owner")
        .env("APP_PASSWORD_FILE", "app");
    for _ in 0..2 {
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

fn migrate_as(folder: &Path, url: &str) -> Done {
    let mut command = leyden(folder, &["-c", "l.toml", "migrate"]);
    command.env("LEYDEN__DATABASE__URL", url);
    finish(command, "")
}

#[test]
fn roles_migrations_partitions_and_redis_of_a_production_installation() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let chain = chain(here);
    let server = Postgres::start(&PostgresOptions::fast()).unwrap();
    let redis = RedisServer::start().unwrap();
    server.create("books", None).unwrap();
    make_roles(here, &server);
    let more = format!("[cache]\nredis_url = '{}'\n", redis.url());
    let app = server.url_as("tron_app", "books");

    // The schema is not there yet, and the service's role cannot make it.
    configure(here, &chain.url, &app, &more);
    let (_, findings) = doctor(here);
    expect(&findings, "bad", "migrations", &["are pending", "leyden migrate"]);
    assert_ne!(migrate_as(here, &app).code, 0, "the service's role cannot make tables");
    let migrated = migrate_as(here, &server.url_as("leyden_owner", "books"));
    assert_eq!(migrated.code, 0, "{}", migrated.err);

    let (_, findings) = doctor(here);
    expect(&findings, "ok", "database", &["PostgreSQL"]);
    expect(&findings, "ok", "database", &["connections are taken"]);
    expect(&findings, "bad", "database", &["loses commits", "fsync"]);
    expect(&findings, "ok", "role", &["tron_app", "nothing more"]);
    expect(&findings, "ok", "partitions", &["are made until"]);
    expect(&findings, "ok", "clock", &["the database's agree"]);
    expect(&findings, "ok", "Redis", &["answers in"]);
    expect(&findings, "ok", "leader", &["nobody"]);

    server.sql("books", "REVOKE DELETE ON quotes FROM tron_app").unwrap();
    redis.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).unwrap();
    redis.command(&["CONFIG", "SET", "save", "60 1"]).unwrap();
    let (code, findings) = doctor(here);
    assert_eq!(code, 1);
    expect(&findings, "bad", "role", &["quotes", "grant_application_role"]);
    expect(&findings, "odd", "Redis", &["noeviction", "allkeys-lru"]);
    expect(&findings, "odd", "Redis", &["on a disk", "appendonly no"]);

    configure(here, &chain.url, &server.url_as("leyden_owner", "books"), &more);
    expect(&doctor(here).1, "odd", "role", &["leyden_owner", "may change the schema"]);
    configure(here, &chain.url, &server.url("books"), &more);
    expect(&doctor(here).1, "bad", "role", &["may do everything"]);
}

/// Runs a test with servers in this process.
fn with_servers<F: Future<Output = ()>>(test: F) {
    actix_rt::System::new().block_on(test);
}

fn serve(server: Server) {
    actix_rt::System::current().arbiter().spawn(async move {
        server.await.unwrap();
    });
}

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Nodes of one chain, each with what it can do.
fn faces(chain: &SimNode, abilities: &[Abilities]) -> Vec<String> {
    let face = |abilities: &Abilities| {
        let (server, address) = serve_face(chain.clone(), Face::with(*abilities), any()).unwrap();
        serve(server);
        format!("http://{address}")
    };
    abilities.iter().map(face).collect()
}

/// What the doctor finds with these nodes, each a URL and where its solid blocks are.
async fn findings_with(nodes: &[(&str, &str)]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path(), "http://127.0.0.1:1", "sqlite:books.sqlite", "");
    let file = folder.path().join("l.toml");
    let text = fs::read_to_string(&file).unwrap();
    let node = |(url, solid): &(&str, &str)| format!("{{ url = '{url}', solidity_url = '{solid}' }}");
    let named = nodes.iter().map(node).collect::<Vec<_>>().join(", ");
    let before = node(&("http://127.0.0.1:1", "http://127.0.0.1:1"));
    fs::write(&file, text.replace(&before, &named)).unwrap();
    tokio::task::spawn_blocking(move || doctor(folder.path()).1).await.unwrap()
}

fn name(url: &str) -> &str {
    url.strip_prefix("http://").unwrap()
}

/// A chain in which a contract has sent TRX, and another has been called since, all of it solid.
fn chain_with_contracts() -> SimNode {
    let node = SimNode::new(ChainConfig::default());
    node.transfer_by_contract(&keys::test_key(0), keys::test_address(1), 7_000_000).unwrap();
    node.mine().unwrap();
    node.transfer_usdt(&keys::test_key(0), keys::test_address(1), 5_000_000).unwrap();
    node.mine().unwrap();
    node.mine_until_solid().unwrap();
    node
}

const AS_SHIPPED: Abilities = Abilities { internal_transactions: false, constant_calls: false };

#[test]
fn a_node_that_lacks_what_another_has_is_told_what_to_switch_on() {
    with_servers(async {
        let chain = chain_with_contracts();
        let urls = faces(&chain, &[Abilities::default(), AS_SHIPPED]);
        let (full, lean) = (urls[0].as_str(), urls[1].as_str());
        let findings = findings_with(&[(full, full), (lean, lean)]).await;
        expect(&findings, "ok", "node", &[name(full), "answers constant calls"]);
        expect(&findings, "ok", "node", &[name(full), "keeps internal transactions"]);
        expect(&findings, "odd", "node", &[name(lean), "answers no constant calls", "vm.supportConstant"]);
        expect(
            &findings,
            "odd",
            "node",
            &[
                &format!(
                    "{} keeps no internal transactions: {} shows some in block 1",
                    name(lean),
                    name(full)
                ),
                "vm.saveInternalTx = true",
            ],
        );
        let says = |text: &str| findings.iter().any(|finding| finding.to_string().contains(text));
        assert!(!says("first transfer") && !says("cannot be told"), "{findings:#?}");
        assert!(!findings.iter().any(|f| f["what"] == "node" && f["verdict"] == "bad"), "{findings:#?}");

        // Each alone.
        let findings = findings_with(&[(lean, lean)]).await;
        expect(&findings, "odd", "node", &["priced as a first transfer", "vm.supportConstant = true"]);
        expect(&findings, "odd", "node", &["there: 2)", "cannot be told", "vm.saveInternalTx = true"]);
        let findings = findings_with(&[(full, full)]).await;
        expect(&findings, "ok", "node", &["keeps internal transactions"]);
        assert!(!found(&findings, "odd", "node", &["vm."]), "{findings:#?}");
    });
}

#[test]
fn where_no_contract_was_called_nobody_is_accused_of_keeping_nothing() {
    with_servers(async {
        let chain = SimNode::new(ChainConfig::default());
        chain.mine_many(25).unwrap();
        let urls = faces(&chain, &[Abilities::default(), AS_SHIPPED]);
        let nodes: Vec<_> = urls.iter().map(|url| (url.as_str(), url.as_str())).collect();
        let findings = findings_with(&nodes).await;
        expect(&findings, "odd", "node", &["there: 0)", "cannot be told"]);
        assert!(!found(&findings, "odd", "node", &["keeps no internal transactions"]), "{findings:#?}");
    });
}

#[test]
fn where_the_solid_blocks_were_looked_for_is_said_without_what_may_be_secret() {
    with_servers(async {
        let chain = SimNode::new(ChainConfig::default());
        chain.mine_many(25).unwrap();
        let (server, wallet, solid) = serve_split(chain, Face::new(), any(), any()).unwrap();
        serve(server);
        let (wallet, solid) = (format!("http://{wallet}"), format!("http://{solid}"));
        let node = |verdict, findings: &[Value], words: &[&str]| expect(findings, verdict, "node", words);

        node("ok", &findings_with(&[(&wallet, &solid)]).await, &["solid 7"]);
        // The port of the full node itself.
        let findings = findings_with(&[(&wallet, &wallet)]).await;
        node("bad", &findings, &[&format!("at {wallet}:"), "full node's port", "set solidity_url"]);
        // Nobody is there.
        let closed = "http://user:s3cret@127.0.0.1:1/k3y";
        let findings = findings_with(&[(&wallet, closed)]).await;
        node("bad", &findings, &["at http://127.0.0.1:1:", "port of its own", "open that", "solidity_url"]);
        let all = format!("{findings:?}");
        assert!(!all.contains("s3cret") && !all.contains("k3y"), "{all}");
    });
}
