//! The list of routes for people is the list of routes there are.

use super::{Found, Tree};
use std::collections::BTreeMap;

const HANDLERS: &str = "src/http/";
const LIST: &str = "docs/reference/http.md";
const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

/// Every handler's route is in the list, and nothing else is.
pub(super) fn check(tree: &Tree) -> Vec<Found> {
    let Some(list) = tree.file(LIST) else { return Vec::new() };
    let mut served = BTreeMap::new();
    for file in tree.rust().filter(|file| file.path.starts_with(HANDLERS)) {
        for (number, line) in file.lines() {
            if let Some(route) = route_of(line) {
                served.insert(route, (file.path.clone(), number));
            }
        }
    }
    let mut listed = BTreeMap::new();
    for (number, line) in list.lines() {
        let route = line.strip_prefix("| `").and_then(|rest| rest.split('`').next());
        if let Some(route) = route.filter(|route| route.contains(" /")) {
            listed.insert(route.to_owned(), number);
        }
    }
    let missing = served
        .iter()
        .filter(|(route, _)| !listed.contains_key(*route))
        .map(|(route, (path, number))| (path.clone(), Some(*number), format!("{route} is not in {LIST}")));
    let gone = listed
        .iter()
        .filter(|(route, _)| !served.contains_key(*route))
        .map(|(route, number)| (LIST.to_owned(), Some(*number), format!("no handler serves {route}")));
    missing.chain(gone).collect()
}

/// `#[get("/path")]` as `GET /path`.
fn route_of(line: &str) -> Option<String> {
    let attribute = line.trim().strip_prefix("#[")?;
    let (method, rest) = attribute.split_once("(\"")?;
    let (path, _) = rest.split_once('"')?;
    METHODS.contains(&method).then(|| format!("{} {path}", method.to_ascii_uppercase()))
}
