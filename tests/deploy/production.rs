//! `config/production.toml` is a configuration, shows every key there is, and says the truth about defaults.

use crate::{read, root};
use leyden_sim::keys;
use std::{fs, path::Path, process::Command};
use toml::{Table, Value};

const SECRETS: [&str; 4] = ["database_app_password", "redis_url", "passphrase", "trongrid_api_key"];

/// The file with its secrets in a folder of ours.
fn with_secrets(folder: &Path) -> String {
    for name in SECRETS {
        let text = if name == "redis_url" { "redis://:dummy-secret@redis:6379" } else { "dummy-secret" };
        fs::write(folder.join(name), format!("{text}\n")).unwrap();
    }
    let text = read("config/production.toml");
    let mut named: Vec<&str> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| secret_of(line)).collect();
    named.sort_unstable();
    let mut known = SECRETS;
    known.sort_unstable();
    assert_eq!(named, known, "the secrets that the file names");
    text.replace("/run/secrets", &folder.display().to_string())
}

fn secret_of(line: &str) -> Option<&str> {
    line.split_once("/run/secrets/")?.1.split('"').next()
}

#[test]
fn it_is_a_configuration_that_serves_once_the_addresses_are_in() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("leyden.toml"), with_secrets(folder.path())).unwrap();
    let check = |address: &str| {
        let done = Command::new(env!("CARGO_BIN_EXE_leyden"))
            .current_dir(folder.path())
            .args(["config", "check", "leyden.toml"])
            .env_clear()
            .env("TRON_PAYMENT_ADDRESS", address)
            .output()
            .unwrap();
        (done.status.code(), String::from_utf8(done.stdout).unwrap())
    };
    let (code, said) = check("");
    assert_eq!(code, Some(78), "{said}");
    let missing: Vec<&str> = said.lines().filter(|line| !line.starts_with("warning")).collect();
    assert!(
        missing.len() == 1 && missing[0].contains("payments.addresses"),
        "nothing else is missing: {said}"
    );
    let (code, said) = check(&keys::test_address(9).to_string());
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("dummy-secret"), "{said}");
}

/// The file with every commented-out key switched on. Such a line is `# key = value`.
fn all_on(text: &str) -> String {
    let is_key = |line: &str| {
        line.split_once(" = ").is_some_and(|(key, _)| {
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        })
    };
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|line| is_key(line)).unwrap_or(line))
        .collect();
    lines.join("\n")
}

#[test]
fn every_key_is_shown_and_what_is_commented_out_is_the_default() {
    let default: Table = read("config/leyden.toml").parse().unwrap();
    let text = read("config/production.toml");
    let set: Table = text.parse().unwrap();
    let shown: Table =
        all_on(&text).parse().unwrap_or_else(|error| panic!("a key stands there twice? {error}"));
    let keys = |table: &Table| {
        let keys = table.iter().flat_map(|(section, keys)| {
            keys.as_table().unwrap().keys().map(move |key| format!("{section}.{key}"))
        });
        keys.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(keys(&shown), keys(&default), "production.toml against leyden.toml");
    let value = |table: &Table, key: &str| -> Option<Value> {
        let (section, key) = key.split_once('.')?;
        table.get(section)?.get(key).cloned()
    };
    for key in keys(&shown) {
        if value(&set, &key).is_none() {
            assert_eq!(value(&shown, &key), value(&default, &key), "the default of {key}");
        }
    }
}

#[test]
fn the_installed_documents_name_files_that_are_there() {
    for path in ["config/production.toml", "config/leyden.toml", "docs/operating/install.md"] {
        for word in read(path).split(|c: char| c.is_whitespace() || "(),;`\"".contains(c)) {
            let word = word.trim_end_matches(['.', ':']);
            let is_ours = ["docs/", "config/", "deploy/"].iter().any(|folder| word.starts_with(folder));
            // What an operator makes is not in the repository.
            if is_ours && !word.starts_with("deploy/secrets") {
                assert!(root().join(word.split('#').next().unwrap()).exists(), "{path}: {word}");
            }
        }
    }
}
