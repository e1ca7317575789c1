//! Plants one violation of each rule in a folder of its own and sees it reported, and nothing else.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path};
use tempfile::TempDir;
use xtask::tidy::{self, Finding};

const BANS: &str = r#"disallowed-methods = [{ path = "std::time::SystemTime::now", reason = "a port" }]"#;
const TYPES: &str = r#"
disallowed-types = [
    { path = "std::collections::HashMap", reason = "order" },
    { path = "std::collections::HashSet", reason = "order" },
]"#;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A small repository that keeps every rule.
fn repository() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "Cargo.toml", "[workspace]\nmembers = [\"domain\", \"actors\"]\n");
    write(root, "domain/Cargo.toml", "[lints]\nworkspace = true\n[dependencies]\nserde = \"1\"\n");
    write(root, "actors/Cargo.toml", "[lints]\nworkspace = true\n[dependencies]\nleyden-domain = \"0\"\n");
    write(root, "domain/src/lib.rs", "//! Rules.\n");
    write(root, "actors/src/lib.rs", "//! Workers.\n");
    write(root, "src/main.rs", "//! The program.\nfn main() {}\n");
    write(root, "src/http/view/order.rs", "//! Shows.\nmatch s { OrderState::Paid { .. } => 1 }\n");
    write(root, "clippy.toml", BANS);
    write(root, "domain/clippy.toml", &format!("{BANS}{TYPES}"));
    write(root, "actors/clippy.toml", &format!("{BANS}{TYPES}"));
    write(root, "migrations/sqlite/0001_orders.sql", "");
    write(root, "README.md", "See [the rules](domain/src/lib.rs) and [them all](domain).\n");
    folder
}

fn findings(root: &Path) -> Vec<Finding> {
    tidy::check(root).unwrap().findings
}

/// Plants one file and returns the rules that complain, each once.
fn planted(path: &str, text: &str) -> Vec<&'static str> {
    let folder = repository();
    write(folder.path(), path, text);
    let mut rules: Vec<_> = findings(folder.path()).into_iter().map(|finding| finding.rule).collect();
    rules.dedup();
    rules
}

#[test]
fn a_tidy_repository_has_no_findings() {
    let folder = repository();
    assert_eq!(findings(folder.path()), []);
}

#[test]
fn a_dependency_out_of_its_layer_is_found() {
    let with = |folder: &str, dependency: &str| {
        let text = format!("[lints]\nworkspace = true\n[dependencies]\n{dependency}\n");
        planted(&format!("{folder}/Cargo.toml"), &text)
    };
    assert_eq!(with("domain", "tokio = \"1\""), ["layering"]);
    assert_eq!(with("domain", "leyden-ports = \"0\""), ["layering"]);
    assert_eq!(with("actors", "sqlx = \"0.9\""), ["layering"]);
    assert_eq!(with("actors", "db = { package = \"sqlx\", version = \"0.9\" }"), ["layering"]);
    assert_eq!(with("actors", "leyden-store = \"0\""), ["layering"]);
    assert_eq!(with("actors", "tokio = \"1\""), [""; 0]);
}

#[test]
fn a_dependency_hidden_under_a_target_is_found() {
    let text = "[lints]\nworkspace = true\n[target.'cfg(unix)'.dependencies]\ntokio = \"1\"\n";
    assert_eq!(planted("domain/Cargo.toml", text), ["layering"]);
}

#[test]
fn a_crate_without_a_layer_or_without_the_lints_is_found() {
    assert_eq!(planted("domain/Cargo.toml", "[dependencies]\n"), ["layering"]);
    let folder = repository();
    write(folder.path(), "Cargo.toml", "[workspace]\nmembers = [\"elsewhere\"]\n");
    write(folder.path(), "elsewhere/Cargo.toml", "[lints]\nworkspace = true\n");
    assert_eq!(findings(folder.path()).len(), 1);
}

#[test]
fn a_long_file_is_found() {
    let lines = |count: usize| format!("//! Long.\n{}", "fn f() {}\n".repeat(count - 1));
    assert_eq!(planted("domain/src/long.rs", &lines(601)), ["sizes"]);
    assert_eq!(planted("domain/src/long.rs", &lines(600)), [""; 0]);
    assert_eq!(planted("domain/tests/long.rs", &lines(800)), [""; 0]);
    assert_eq!(planted("domain/tests/long.rs", &lines(801)), ["sizes"]);
}

#[test]
fn a_ban_that_a_folder_forgot_is_found() {
    assert_eq!(planted("actors/clippy.toml", TYPES), ["clippy-bans"]);
    assert_eq!(planted("domain/clippy.toml", BANS), ["clippy-bans"]);
    let folder = repository();
    fs::remove_file(folder.path().join("actors/clippy.toml")).unwrap();
    assert_eq!(findings(folder.path()).len(), 1);
    let bare = r#"disallowed-methods = [{ path = "std::env::var" }]"#;
    assert!(planted("clippy.toml", bare).contains(&"clippy-bans"));
}

#[test]
fn an_order_state_taken_apart_in_the_shell_is_found() {
    let with = |path: &str, line: &str| planted(path, &format!("//! x\n{line}\n"));
    assert_eq!(with("src/a.rs", "OrderState::Paid { funding } => funding,"), ["order-state"]);
    assert_eq!(with("src/a.rs", "if let OrderState::Paid { .. } = state {"), ["order-state"]);
    assert_eq!(with("src/a.rs", "matches!(state, OrderState::Paid { .. })"), ["order-state"]);
    assert_eq!(with("src/a.rs", "use leyden_domain::order::OrderState as S;"), ["order-state"]);
    assert_eq!(with("src/a.rs", "let new = Order { state: OrderState::AwaitingPayment };"), [""; 0]);
    assert_eq!(with("src/a.rs", "state: OrderState::AwaitingPayment,"), [""; 0]);
    assert_eq!(with("src/a.rs", "// OrderState::Paid => said in a comment"), [""; 0]);
    assert_eq!(with("domain/src/a.rs", "OrderState::Paid { .. } => 1,"), [""; 0]);
}

#[test]
fn migrations_out_of_step_are_found() {
    assert_eq!(planted("migrations/sqlite/0003_gap.sql", ""), ["migrations"]);
    assert_eq!(planted("migrations/sqlite/notes.txt", ""), ["migrations"]);
    assert_eq!(planted("migrations/postgres/0001_orders.sql", ""), [""; 0]);
    assert_eq!(planted("migrations/postgres/0001_payments.sql", ""), ["migrations"]);
}

#[test]
fn words_that_must_not_be_committed_are_found() {
    for word in [
        concat!("fn f() { todo", "!() }"),
        concat!("fn f() { dbg", "!(1); }"),
        concat!("#[", "allow(dead_code)]"),
        concat!("#![", "allow(dead_code)]"),
        concat!("#[", "ignore = \"slow\"]"),
        concat!("// FIX", "ME later"),
    ] {
        assert_eq!(planted("src/a.rs", &format!("//! x\n{word}\n")), ["words"], "{word}");
    }
    assert_eq!(planted("notes.txt", concat!("see /ho", "me/me/notes")), ["words"]);
    assert_eq!(planted("src/a.rs", concat!("//! x\nconst TO", "DO: &str = \"what to do\";\n")), [""; 0]);
    assert_eq!(planted("notes.txt", concat!("there is much to", "do!")), [""; 0]);
}

#[test]
fn a_lock_file_that_names_another_registry_is_found() {
    let ours = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
    assert_eq!(planted("Cargo.lock", ours), [""; 0]);
    assert_eq!(planted("Cargo.lock", "source = \"registry+https://mirror.example/index\"\n"), ["words"]);
    assert_eq!(planted("tests/clients/.npmrc", "registry=http://mirror.example\n"), ["words"]);
    assert_eq!(planted("tests/clients/.npmrc", "omit-lockfile-registry-resolved=true\n"), [""; 0]);
    let npm = "\"resolved\": \"http://mirror.example/a.tgz\",\n";
    assert_eq!(planted("tests/clients/package-lock.json", npm), ["words"]);
}

#[test]
fn a_module_that_does_not_say_what_it_is_for_is_found() {
    assert_eq!(planted("domain/src/silent.rs", "fn f() {}\n"), ["openings"]);
}

#[test]
fn a_link_into_the_void_is_found() {
    assert_eq!(planted("docs/a.md", "[gone](b.md)"), ["links"]);
    assert_eq!(planted("docs/a.md", "[out](../../b.md)"), ["links"]);
    assert_eq!(planted("docs/a.md", "[up](../README.md#top) [web](https://example.org)"), [""; 0]);
    assert_eq!(planted("docs/a.md", "```\n[code](b.md)\n```"), [""; 0]);
}

#[test]
fn a_route_that_is_not_listed_or_not_there_is_found() {
    let folder = repository();
    let root = folder.path();
    write(root, "src/http/a.rs", "//! x\n#[get(\"/status\")]\n");
    write(root, "docs/reference/http.md", "| `GET /status` | none | how it is |\n");
    assert_eq!(findings(root), []);
    write(root, "src/http/b.rs", "//! x\n#[post(\"/status\")]\n");
    write(root, "docs/reference/http.md", "| `GET /status` | | |\n| `GET /gone` | | |\n");
    let found: Vec<_> = findings(root).into_iter().map(|finding| finding.message).collect();
    assert_eq!(found, ["no handler serves GET /gone", "POST /status is not in docs/reference/http.md"]);
}
