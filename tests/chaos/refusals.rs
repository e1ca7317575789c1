//! What a demonstration on a configuration refuses before it touches anything.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn leyden(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leyden"));
    command
        .current_dir(folder)
        .env_clear()
        .env("LEYDEN_CONFIG", "not-there.toml")
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn a_database_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("l.toml"), "[database]\nurl = 'sqlite:books.sqlite'\n").unwrap();
    let made = leyden(here, &["-c", "l.toml", "keys", "api", "--name", "shop", "--scope", "orders:write"]);
    assert!(made.status.success(), "{made:?}");
    let refused = leyden(here, &["demo", "--config", "l.toml", "--once", "--data", "data"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is in use"), "{refused:?}");
}

#[test]
fn several_instances_want_a_database_that_can_be_shared() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("l.toml"), "[database]\nurl = 'sqlite:books.sqlite'\n").unwrap();
    let refused = leyden(here, &["demo", "--config", "l.toml", "--instances", "2", "--data", "data"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("PostgreSQL"), "{refused:?}");
    assert!(!here.join("books.sqlite").exists());
}
