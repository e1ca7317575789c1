//! What is compared of an answer: every path in it, and what kinds of values stand there. Texts that say something are
//! kept, with the addresses of this chain's accounts and of the other's under the same names.

use leyden_domain::Address;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Texts that every installation has of its own.
const OWN_TEXTS: [&str; 18] = [
    ".account_name",
    ".block",
    ".solidityBlock",
    ".bytecode",
    ".name",
    ".configNodeInfo.codeVersion",
    ".configNodeInfo.p2pVersion",
    ".configNodeInfo.versionNum",
    ".machineInfo.javaVersion",
    ".machineInfo.memoryDescInfoList[].name",
    ".machineInfo.osName",
    ".prices",
    ".witnesses[].url",
    ".abi.entrys[].name",
    ".abi.entrys[].inputs[].name",
    ".abi.entrys[].outputs[].name",
    ".abi.entrys[].inputs[].type",
    ".abi.entrys[].outputs[].type",
];

/// Which account plays which part, in every form in which a text may name it.
#[derive(Debug, Default)]
pub(crate) struct Names(Vec<(String, String)>);

impl Names {
    pub(crate) fn add(&mut self, name: &str, address: Address) {
        for text in [address.to_hex(), address.to_string()] {
            self.0.push((text, format!("{{{name}}}")));
        }
    }

    /// A text with names instead of addresses, and without the long numbers.
    fn plain(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (address, name) in &self.0 {
            text = text.replace(address, name);
        }
        let mut plain = String::new();
        let mut word = String::new();
        for c in text.chars().chain([' ']) {
            if c.is_ascii_alphanumeric() {
                word.push(c);
                continue;
            }
            plain.push_str(&kept(&word));
            word.clear();
            plain.push(c);
        }
        plain.pop();
        plain
    }
}

/// A word, unless it is a long number, something long in hexadecimal, or an address that has no name.
fn kept(word: &str) -> String {
    let digits = word.trim_end_matches("ms");
    if digits.len() > 3 && digits.bytes().all(|c| c.is_ascii_digit()) {
        word.replace(digits, "{n}")
    } else if word.len() > 31 && word.bytes().all(|c| c.is_ascii_hexdigit()) {
        "{hex}".to_owned()
    } else if word.len() == 34 && Address::from_base58(word).is_ok() {
        "{address}".to_owned()
    } else {
        word.to_owned()
    }
}

/// Paths and what stands there.
pub(crate) type Shape = BTreeMap<String, BTreeSet<String>>;

/// The shape of an answer.
pub(crate) fn of(answer: &Value, names: &Names) -> Shape {
    let mut shape = Shape::new();
    look(answer, String::new(), names, &mut shape);
    shape
}

fn look(value: &Value, path: String, names: &Names, shape: &mut Shape) {
    let kind = match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                look(value, format!("{path}.{key}"), names, shape);
            }
            return;
        }
        Value::Array(values) if !values.is_empty() => {
            for value in values {
                look(value, format!("{path}[]"), names, shape);
            }
            return;
        }
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        Value::Null => "null".to_owned(),
        Value::Bool(on) => on.to_string(),
        Value::Number(number) if number.is_f64() => "fraction".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(text) => match inner(&path, text) {
            Some(inner) => return look(&inner, format!("{path}(text)"), names, shape),
            None => text_kind(&path, text, names),
        },
    };
    shape.entry(path).or_default().insert(kind);
}

/// JSON that is told as text.
fn inner(path: &str, text: &str) -> Option<Value> {
    path.ends_with(".transaction").then(|| serde_json::from_str(text).ok()).flatten()
}

fn text_kind(path: &str, text: &str, names: &Names) -> String {
    let bytes = hex::decode(text).ok();
    if path.ends_with(".message") || path.ends_with(".resMessage") {
        let words = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        return match words {
            Some(words) if !words.is_empty() => format!("hexadecimal of {:?}", names.plain(&words)),
            _ => format!("{:?}", names.plain(text)),
        };
    }
    if OWN_TEXTS.contains(&path) {
        return "a text".to_owned();
    }
    if text.is_empty() {
        return "\"\"".to_owned();
    }
    if bytes.is_some() {
        return "hexadecimal".to_owned();
    }
    match bs58::decode(text).with_check(None).into_vec() {
        Ok(bytes) => format!("Base58 of {} bytes", if bytes.len() == 21 { "21" } else { "other" }),
        Err(_) => format!("{:?}", names.plain(text)),
    }
}

/// What differs, a line each.
pub(crate) fn differences(real: &Shape, ours: &Shape) -> Vec<String> {
    let mut found = Vec::new();
    let all: BTreeSet<&String> = real.keys().chain(ours.keys()).collect();
    let told = |kinds: &BTreeSet<String>| kinds.iter().cloned().collect::<Vec<_>>().join(" | ");
    for path in all {
        match (real.get(path), ours.get(path)) {
            (Some(kinds), None) => found.push(format!("only real: {path} = {}", told(kinds))),
            (None, Some(kinds)) => found.push(format!("only ours: {path} = {}", told(kinds))),
            (Some(real), Some(ours)) if real != ours => {
                let (a, b): (BTreeSet<_>, BTreeSet<_>) =
                    (real.difference(ours).cloned().collect(), ours.difference(real).cloned().collect());
                found.push(format!("differs: {path}: real {} / ours {}", told(&a), told(&b)));
            }
            _ => {}
        }
    }
    found
}
