//! Who may depend on whom, read from the manifests. The compiler holds whatever the manifests say; this holds the
//! manifests. The table is the one of `ARCHITECTURE.md`.

use super::{Found, Tree};
use toml::{Table, Value};

/// What one crate may use.
struct Layer {
    folder: &'static str,
    /// Crates of this workspace that it may use.
    ours: &'static [&'static str],
    /// Everything else that it may use; `None` leaves it free but for `never`.
    others: Option<&'static [&'static str]>,
    /// What it may not use whatever the reason.
    never: &'static [&'static str],
}

const PREFIX: &str = "leyden";

const LAYERS: &[Layer] = &[
    Layer {
        folder: "domain",
        ours: &[],
        others: Some(&["serde", "serde_json", "thiserror", "rust_decimal", "sha2", "bs58", "hex"]),
        never: &[],
    },
    Layer {
        folder: "ports",
        ours: &["leyden-domain"],
        others: Some(&["async-trait", "thiserror", "serde"]),
        never: &[],
    },
    Layer {
        folder: "actors",
        ours: &["leyden-domain", "leyden-ports"],
        others: None,
        never: &["sqlx", "reqwest", "redis", "actix-web", "chrono", "rand", "getrandom", "backoff"],
    },
    Layer {
        folder: "store",
        ours: &["leyden-domain", "leyden-ports"],
        others: None,
        never: &["actix", "actix-rt", "actix-web", "reqwest", "k256"],
    },
    Layer {
        folder: "tron",
        ours: &["leyden-domain", "leyden-ports"],
        others: None,
        never: &["sqlx", "redis", "actix", "actix-rt", "actix-web"],
    },
    // The simulated chain executes the network's own transactions, so it needs their wire format.
    Layer {
        folder: "sim",
        ours: &["leyden-domain", "leyden-ports", "leyden-tron"],
        others: None,
        never: &["sqlx", "redis", "reqwest", "actix", "actix-rt"],
    },
    // Processes for tests; only ever a dev-dependency of the others.
    Layer { folder: "servers", ours: &[], others: Some(&["tempfile", "thiserror"]), never: &[] },
    // Feeds everything that reads what comes from outside; nothing of the product uses it.
    Layer {
        folder: "fuzz",
        ours: &["leyden", "leyden-domain", "leyden-ports", "leyden-sim", "leyden-store", "leyden-tron"],
        others: None,
        never: &[],
    },
    Layer { folder: "xtask", ours: &[], others: Some(&["serde_json", "toml"]), never: &[] },
];

/// Every member of the workspace keeps to its layer.
pub(super) fn check(tree: &Tree) -> Vec<Found> {
    let mut found = Vec::new();
    let Some(root) = manifest(tree, "Cargo.toml", &mut found) else { return found };
    for member in strings(root.get("workspace").and_then(|w| w.get("members"))) {
        let path = format!("{member}/Cargo.toml");
        let Some(table) = manifest(tree, &path, &mut found) else { continue };
        match LAYERS.iter().find(|layer| layer.folder == member) {
            Some(layer) => check_layer(layer, &path, &table, &mut found),
            None => found.push((path.clone(), None, format!("{member} has no place in the table of layers"))),
        }
        if table.get("lints").and_then(|lints| lints.get("workspace")) != Some(&Value::Boolean(true)) {
            found.push((path, None, "must inherit the lints of the workspace".to_owned()));
        }
    }
    found
}

fn check_layer(layer: &Layer, path: &str, table: &Table, found: &mut Vec<Found>) {
    for name in dependencies(table) {
        let is_ours = name == PREFIX || name.starts_with("leyden-");
        let allowed = if is_ours {
            layer.ours.contains(&name.as_str())
        } else {
            !layer.never.contains(&name.as_str())
                && layer.others.is_none_or(|others| others.contains(&name.as_str()))
        };
        if !allowed {
            let message = format!("{} may not depend on {name}", layer.folder);
            found.push((path.to_owned(), None, message));
        }
    }
}

/// What the crate is built from; dev-dependencies are free, they build nothing that runs.
fn dependencies(table: &Table) -> Vec<String> {
    let targets = table
        .get("target")
        .and_then(Value::as_table)
        .into_iter()
        .flat_map(|targets| targets.values().filter_map(Value::as_table));
    std::iter::once(table)
        .chain(targets)
        .flat_map(|scope| ["dependencies", "build-dependencies"].map(|section| scope.get(section)))
        .flatten()
        .filter_map(Value::as_table)
        .flat_map(|section| {
            section.iter().map(|(name, value)| {
                // Renamed: what counts is what it is.
                value.get("package").and_then(Value::as_str).unwrap_or(name).to_owned()
            })
        })
        .collect()
}

fn manifest(tree: &Tree, path: &str, found: &mut Vec<Found>) -> Option<Table> {
    let parsed = match tree.file(path) {
        Some(file) => file.text().parse::<Table>().map_err(|error| error.to_string()),
        None => Err("is missing".to_owned()),
    };
    match parsed {
        Ok(table) => Some(table),
        Err(message) => {
            found.push((path.to_owned(), None, message));
            None
        }
    }
}

fn strings(value: Option<&Value>) -> Vec<String> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
