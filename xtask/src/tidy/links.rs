//! Documents point at what exists.

use super::{Found, Tree};

/// Relative links of Markdown files lead to files or folders of the repository.
pub(super) fn check(tree: &Tree) -> Vec<Found> {
    let mut found = Vec::new();
    for file in tree.files().iter().filter(|file| file.has_extension("md")) {
        let mut fenced = false;
        for (number, line) in file.lines() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            }
            if fenced {
                continue;
            }
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let path = target.split('#').next().unwrap_or_default();
                let elsewhere = path.is_empty() || path.contains("://") || path.starts_with("mailto:");
                if !elsewhere && !resolve(&file.path, path).is_some_and(|path| tree.has(&path)) {
                    found.push((file.path.clone(), Some(number), format!("there is no {target}")));
                }
            }
        }
    }
    found
}

/// The path that a link in `from` means, from the root; `None` where it leaves the repository.
fn resolve(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}
