//! What an operator is given beside the binary: the production configuration, the alert rules, compose, image and unit.
//! None of them can be run here whole; each is held against the service that it is for.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod alerts;
mod compose;
mod image;
mod production;
mod unit;

use serde_json::Value;
use std::{fs, path::Path, path::PathBuf};

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of it.
fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A file of it, as YAML.
fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every Rust file of the service, as one text.
fn source() -> String {
    fn walk(folder: PathBuf, text: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(path, text);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut text = String::new();
    for folder in ["src", "actors/src", "store/src", "tron/src"] {
        walk(root().join(folder), &mut text);
    }
    text
}
