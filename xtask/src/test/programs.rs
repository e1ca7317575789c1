//! The test programs of the workspace, as cargo names them when it builds them.

use serde_json::Value;
use std::path::PathBuf;

/// What a program tests, by where its source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The tests beside the code of a library or a program.
    Unit,
    /// A program of a `tests` folder.
    Integration,
}

/// A test program that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The name of its target.
    pub name: String,
    /// What it tests.
    pub kind: Kind,
    /// The folder of its package, in which it runs.
    pub folder: PathBuf,
    /// Where its source is.
    pub source: PathBuf,
    /// Itself.
    pub executable: PathBuf,
}

/// The programs in what `cargo test --no-run --message-format=json` writes, a JSON object a line. Lines that name no test
/// program are passed over.
pub fn from_messages(lines: &str) -> Vec<Program> {
    lines.lines().filter_map(|line| from_message(&serde_json::from_str(line).ok()?)).collect()
}

fn from_message(message: &Value) -> Option<Program> {
    if !message["profile"]["test"].as_bool()? {
        return None;
    }
    let target = &message["target"];
    let kind = match target["kind"][0].as_str()? {
        "lib" | "bin" => Kind::Unit,
        _ => Kind::Integration,
    };
    let manifest = PathBuf::from(message["manifest_path"].as_str()?);
    Some(Program {
        name: target["name"].as_str()?.to_owned(),
        kind,
        folder: manifest.parent()?.to_owned(),
        source: PathBuf::from(target["src_path"].as_str()?),
        executable: PathBuf::from(message["executable"].as_str()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_programs_are_taken_and_everything_else_is_passed_over() {
        let lines = r#"
{"reason":"compiler-artifact","manifest_path":"/p/tron/Cargo.toml","target":{"kind":["lib"],"name":"leyden_tron","src_path":"/p/tron/src/lib.rs"},"profile":{"test":false},"executable":null}
{"reason":"compiler-artifact","manifest_path":"/p/tron/Cargo.toml","target":{"kind":["lib"],"name":"leyden_tron","src_path":"/p/tron/src/lib.rs"},"profile":{"test":true},"executable":"/t/leyden_tron-1"}
{"reason":"compiler-artifact","manifest_path":"/p/tron/Cargo.toml","target":{"kind":["test"],"name":"node","src_path":"/p/tron/tests/node.rs"},"profile":{"test":true},"executable":"/t/node-2"}
{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","target":{"kind":["bin"],"name":"leyden","src_path":"/p/src/main.rs"},"profile":{"test":false},"executable":"/t/leyden"}
{"reason":"build-finished","success":true}
no JSON at all
"#;
        let programs = from_messages(lines);
        let found: Vec<_> = programs
            .iter()
            .map(|one| (one.name.as_str(), one.kind, one.folder.to_str().unwrap_or_default()))
            .collect();
        assert_eq!(found, [("leyden_tron", Kind::Unit, "/p/tron"), ("node", Kind::Integration, "/p/tron")]);
    }
}
