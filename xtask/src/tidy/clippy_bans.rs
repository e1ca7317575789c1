//! A folder's own `clippy.toml` replaces the root's instead of adding to it, so it must repeat the root's bans, and
//! nothing but this check would notice if it did not.

use super::{File, Found, Tree};
use std::collections::BTreeMap;
use toml::{Table, Value};

const ROOT: &str = "clippy.toml";
const STRICTER: [&str; 2] = ["domain/clippy.toml", "actors/clippy.toml"];
/// Types that only the stricter folders ban.
const ORDERLESS: [&str; 2] = ["std::collections::HashMap", "std::collections::HashSet"];

/// The stricter folders repeat the root's bans and add theirs.
pub(super) fn check(tree: &Tree) -> Vec<Found> {
    let mut found = Vec::new();
    let Some(root) = tree.file(ROOT) else {
        return vec![(ROOT.to_owned(), None, "is missing".to_owned())];
    };
    let root_bans = bans(root, "disallowed-methods", &mut found);
    for path in STRICTER {
        let Some(file) = tree.file(path) else {
            found.push((path.to_owned(), None, "is missing".to_owned()));
            continue;
        };
        let methods = bans(file, "disallowed-methods", &mut found);
        for (method, ban) in &root_bans {
            if methods.get(method) != Some(ban) {
                let message = format!("must repeat the root's ban of {method}, word for word");
                found.push((path.to_owned(), None, message));
            }
        }
        let types = bans(file, "disallowed-types", &mut found);
        for name in ORDERLESS.iter().filter(|name| !types.contains_key(**name)) {
            found.push((path.to_owned(), None, format!("must ban {name}")));
        }
    }
    for path in [ROOT].into_iter().chain(STRICTER) {
        if let Some(file) = tree.file(path) {
            for (name, ban) in bans(file, "disallowed-methods", &mut Vec::new()) {
                if ban.get("reason").and_then(Value::as_str).is_none_or(str::is_empty) {
                    found.push((path.to_owned(), None, format!("the ban of {name} gives no reason")));
                }
            }
        }
    }
    found
}

fn bans(file: &File, section: &str, found: &mut Vec<Found>) -> BTreeMap<String, Table> {
    let table = match file.text().parse::<Table>() {
        Ok(table) => table,
        Err(error) => {
            found.push((file.path.clone(), None, error.to_string()));
            return BTreeMap::new();
        }
    };
    table
        .get(section)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|ban| {
            let ban = ban.as_table()?;
            Some((ban.get("path")?.as_str()?.to_owned(), ban.clone()))
        })
        .collect()
}
