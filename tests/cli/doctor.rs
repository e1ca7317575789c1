//! The doctor, against installations with something wrong in each: what it finds and what it says to do.

use crate::{Done, Running, finish, leyden, run};
use leyden_sim::keys;
use leyden_test_servers::{Postgres, PostgresOptions, RedisServer};
use serde_json::Value;
use std::{fs, path::Path, process::Command};

/// A configuration; `more` may say anything that is not said here.
fn configure(folder: &Path, chain: &str, database: &str, more: &str) {
    let text = format!(
        "[http]\nlisten = '127.0.0.1:0'\n[database]\nurl = '{database}'\n[chain]\nnodes = [{{ url = '{chain}' }}]\n\
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
    Running::start(leyden(folder, &["chain", "--listen", "127.0.0.1:0", "--block-time", "100ms"]))
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
    let stranger = leyden_domain::Address::from_bytes(&[0x41; 21]).unwrap();
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
