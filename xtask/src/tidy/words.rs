//! Words that must not be committed: unfinished code, lints and tests switched off, and traces of one machine.
//! They are put together here so that this file does not hold them itself.

use super::{File, Found, Tree};

/// In Rust files: the word, and why not.
const IN_RUST: &[(&str, &str)] = &[
    (concat!("todo", "!"), "finish it, or leave it out"),
    (concat!("unimplemented", "!"), "finish it, or leave it out"),
    (concat!("dbg", "!"), "use tracing"),
    (
        concat!("#[", "allow("),
        "use #[expect(…, reason = \"…\")], which complains when it is no longer needed",
    ),
    (
        concat!("#![", "allow("),
        "use #![expect(…, reason = \"…\")], which complains when it is no longer needed",
    ),
    (concat!("#[", "ignore"), "a test that is not run is not a test"),
    (concat!("/ TO", "DO"), "finish it, or open an issue"),
    (concat!("/ FIX", "ME"), "finish it, or open an issue"),
];

/// In every file: paths of one machine.
const PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// Where locked dependencies may come from.
const CRATES: &str = "registry+https://github.com/rust-lang/crates.io-index";
const NPM: &str = concat!("https://registry.", "npmjs.org/");

/// No banned word, path or source anywhere.
pub(super) fn check(tree: &Tree) -> Vec<Found> {
    tree.files().iter().flat_map(|file| words(file).chain(sources(file)).collect::<Vec<_>>()).collect()
}

fn words(file: &File) -> impl Iterator<Item = Found> {
    file.lines().flat_map(move |(number, line)| {
        let rust = IN_RUST.iter().filter(move |(word, _)| file.is_rust() && line.contains(word));
        let paths = PATHS.iter().filter(move |path| line.contains(**path));
        rust.map(move |(word, why)| (file.path.clone(), Some(number), format!("`{word}`: {why}"))).chain(
            paths.map(move |path| {
                (file.path.clone(), Some(number), format!("`{path}`: a path of one machine only"))
            }),
        )
    })
}

/// Lock files name the public registries, and nothing is configured to use another.
fn sources(file: &File) -> impl Iterator<Item = Found> {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let (key, home) = match name {
        "Cargo.lock" => ("source = \"", CRATES),
        "package-lock.json" => ("\"resolved\": \"", NPM),
        // These are for naming a registry other than the public one.
        ".npmrc" => ("registry=", "\0"),
        "pip.conf" => ("index-url", "\0"),
        _ => ("\0", ""),
    };
    file.lines()
        .filter(move |(_, line)| line.split_once(key).is_some_and(|(_, source)| !source.starts_with(home)))
        .map(|(number, _)| (file.path.clone(), Some(number), "depends on a registry of its own".to_owned()))
}
