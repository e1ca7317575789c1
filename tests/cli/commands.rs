//! Commands that end by themselves.

use crate::{finish, leyden, run};
use leyden_test_servers::{Postgres, PostgresOptions};
use std::fs;

#[test]
fn the_printed_default_is_a_configuration_and_lacks_only_what_nobody_can_know() {
    let folder = tempfile::tempdir().unwrap();
    let printed = run(folder.path(), &["config", "default"], "");
    assert_eq!(printed.code, 0);
    fs::write(folder.path().join("l.toml"), &printed.out).unwrap();
    let checked = run(folder.path(), &["config", "check", "l.toml"], "");
    assert_eq!(checked.code, 78, "{}", checked.out);
    let missing: Vec<&str> = checked.out.lines().filter_map(|line| line.strip_prefix("missing  ")).collect();
    assert_eq!(missing.len(), 2, "{}", checked.out);
    assert!(missing[0].starts_with("chain.nodes") && missing[1].starts_with("payments.addresses"));
}

#[test]
fn every_mistake_of_a_file_is_reported_in_one_go() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[http]\nlisten = 1\n[sales]\nmax_transactions = 'ten'\nsingle_prize_trx = '1'\n";
    fs::write(folder.path().join("l.toml"), text).unwrap();
    let checked = run(folder.path(), &["config", "check", "l.toml"], "");
    assert_eq!(checked.code, 78);
    for key in ["http.listen", "sales.max_transactions", "sales.single_prize_trx", "`single_price_trx`"] {
        assert!(checked.out.contains(key), "{key}: {}", checked.out);
    }
    let serve = run(folder.path(), &["--config", "l.toml", "serve"], "");
    assert_eq!(serve.code, 78, "{}", serve.err);
    assert!(
        serve.err.contains("http.listen") && serve.err.contains("sales.max_transactions"),
        "{}",
        serve.err
    );
}

#[test]
fn the_schema_is_made_once_and_keys_are_kept_without_their_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let first = run(here, &["migrate"], "");
    assert_eq!(first.code, 0, "{}", first.err);
    assert!(first.out.contains("applied 0001_orders"), "{}", first.out);
    assert_eq!(run(here, &["migrate"], "").out.lines().count(), 1, "nothing is applied twice");

    let made = run(here, &["keys", "api", "--name", "shop", "--scope", "orders:write,data:read"], "");
    assert_eq!(made.code, 0, "{}", made.err);
    let key = made.out.trim();
    assert!(key.starts_with("lk_live_"), "{key}");
    let wrong_scope = run(here, &["keys", "api", "--name", "x", "--scope", "root"], "");
    assert_eq!(wrong_scope.code, 2);
    assert!(wrong_scope.err.contains("orders:write"), "it says what there is: {}", wrong_scope.err);

    let secret = "e1".repeat(32);
    let no_passphrase = run(here, &["keys", "import"], &secret);
    assert_eq!(no_passphrase.code, 1);
    let mut import = leyden(here, &["keys", "import", "--permission-id", "2"]);
    import.env("LEYDEN__KEYS__PASSPHRASE", "correct horse battery");
    let imported = finish(import, &secret);
    assert_eq!(imported.code, 0, "{}", imported.err);
    let mut garbage = leyden(here, &["keys", "import"]);
    garbage.env("LEYDEN__KEYS__PASSPHRASE", "correct horse battery");
    let refused = finish(garbage, "e1e1secretish");
    assert_eq!(refused.code, 1);
    assert!(!refused.err.contains("secretish"), "{}", refused.err);

    let listed = run(here, &["keys", "list"], "");
    assert!(listed.out.contains("shop") && listed.out.contains("  2  "), "{}", listed.out);
    let file = fs::read(here.join("data/leyden.sqlite")).unwrap();
    let journal = fs::read(here.join("data/leyden.sqlite-wal")).unwrap_or_default();
    let half = key.rsplit('_').next().unwrap();
    for text in [secret.as_str(), "correct horse", half] {
        assert!(!listed.out.contains(text));
        let found = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!found(&file) && !found(&journal), "a secret reached the disk");
    }
    let id = listed.out.split_whitespace().find(|word| word.starts_with("key_")).unwrap();
    assert_eq!(run(here, &["keys", "revoke", id], "").code, 0);
    assert!(run(here, &["keys", "list"], "").out.contains("revoked"));
}

#[test]
fn a_file_that_is_no_block_says_so() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("b"), b"nonsense").unwrap();
    let done = run(folder.path(), &["block", "b"], "");
    assert_eq!(done.code, 1);
    assert!(done.err.starts_with("leyden: b: "), "{}", done.err);
    assert_eq!(run(folder.path(), &["block", "absent"], "").code, 1);
}

#[test]
fn the_doctor_says_what_to_do_about_an_empty_installation() {
    let folder = tempfile::tempdir().unwrap();
    let done = run(folder.path(), &["doctor"], "");
    assert_eq!(done.code, 1, "{}", done.out);
    for todo in ["run `leyden migrate`", "chain.nodes", "payments.addresses", "not fit to serve"] {
        assert!(done.out.contains(todo), "{todo}: {}", done.out);
    }
    let json = run(folder.path(), &["doctor", "--json"], "");
    let findings: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert!(findings.as_array().unwrap().iter().any(|finding| finding["verdict"] == "bad"));
}

#[test]
fn nobody_listening_is_not_healthy() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = leyden(folder.path(), &["healthcheck", "--timeout", "1"]);
    // Port 1 on this machine: reserved, and nobody is there.
    command.env("LEYDEN__HTTP__LISTEN", "127.0.0.1:1");
    assert_eq!(finish(command, "").code, 1);
}

#[test]
fn the_books_move_to_postgresql() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let server = Postgres::start(&PostgresOptions::fast()).unwrap();
    let url = server.create("books", None).unwrap();
    let made = run(here, &["keys", "api", "--name", "shop", "--scope", "data:read"], "");
    assert_eq!(made.code, 0, "{}", made.err);
    let file = "sqlite:data/leyden.sqlite";
    let moved = run(here, &["migrate", "--from", file, "--to", &url], "");
    assert_eq!(moved.code, 0, "{}", moved.err);
    assert!(moved.out.contains("         1  api_keys\n"), "{}", moved.out);
    assert_eq!(server.sql("books", "SELECT name FROM api_keys").unwrap(), "shop");
    let old = run(here, &["keys", "api", "--name", "late", "--scope", "data:read"], "");
    assert!(old.code != 0 && old.err.contains("were moved to another database"), "{}", old.err);
    let again = run(here, &["migrate", "--from", file, "--to", &url], "");
    assert!(again.code == 1 && again.err.contains("api_keys has rows"), "{}", again.err);
    let nothing = run(here, &["migrate", "--from", "sqlite:typo.db", "--to", &url], "");
    assert!(nothing.code == 1 && nothing.err.contains("no such database"), "{}", nothing.err);
    assert!(!here.join("typo.db").exists());
}
