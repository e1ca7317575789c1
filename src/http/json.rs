//! JSON documents from outside: objects only, and what is wrong with one said by a pointer and in plain words.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_path_to_error::{Path, Segment};

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not JSON.
    Malformed(String),
    /// It is, and a member is not what it must be.
    Member {
        /// A JSON pointer as a fragment (RFC 6901, section 6).
        pointer: String,
        /// What is wrong with it.
        detail: String,
    },
}

/// Reads an object. Structures would be read from arrays too, member by member in an order that is nobody's
/// business, so whatever does not begin like an object is refused.
pub(crate) fn object<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    let malformed = |error: &serde_json::Error| Fault::Malformed(error.to_string());
    if !text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| malformed(&error))?;
        return Err(Fault::Member { pointer: "#".to_owned(), detail: "must be an object".to_owned() });
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let mut pointer = pointer(error.path());
        let inner = error.into_inner();
        if !inner.is_data() {
            return malformed(&inner);
        }
        let detail = without_place(&inner);
        // The path to an unknown member ends in it; a missing one, and one given twice, is blamed on its parent.
        if let Some(member) = named_member(&detail)
            && !detail.starts_with("unknown")
        {
            push(&mut pointer, member);
        }
        Fault::Member { pointer, detail: plain(&detail) }
    })?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// A path as a JSON pointer.
fn pointer(path: &Path) -> String {
    let mut pointer = "#".to_owned();
    for segment in path {
        match segment {
            Segment::Seq { index } => push(&mut pointer, &index.to_string()),
            Segment::Map { key } => push(&mut pointer, key),
            Segment::Enum { variant } => push(&mut pointer, variant),
            Segment::Unknown => {}
        }
    }
    pointer
}

/// Adds a member to a pointer, escaped twice: for pointers, then for fragments.
fn push(pointer: &mut String, member: &str) {
    pointer.push('/');
    for character in member.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c if c.is_ascii_alphanumeric() || "-._!$&'()*+,;=:@?".contains(c) => pointer.push(c),
            c => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    pointer.push('%');
                    pointer.push_str(&hex::encode_upper([byte]));
                }
            }
        }
    }
}

/// The error's text without "at line 1 column 2", which says nothing about a member.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(head, _)| head.to_owned())
}

/// The member that "missing field `x`", "unknown field `x`, expected …" or "duplicate field `x`" speaks of.
pub(crate) fn named_member(detail: &str) -> Option<&str> {
    if let Some(rest) = detail.strip_prefix("unknown field `") {
        // What the client wrote may hold anything, what follows it is ours.
        let end = rest.rfind("`, expected ").or_else(|| rest.rfind("`, there are no fields"))?;
        return rest.get(..end);
    }
    let rest = detail.strip_prefix("missing field `").or_else(|| detail.strip_prefix("duplicate field `"))?;
    rest.strip_suffix('`')
}

/// An error's text in words that do not depend on how we are written.
pub(crate) fn plain(detail: &str) -> String {
    let Some((found, expected)) = detail.rsplit_once(", expected ") else { return detail.to_owned() };
    let expected = match expected {
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        other if other.starts_with("struct ") => "an object",
        other => other,
    };
    format!("{found}, expected {expected}")
}

#[cfg(test)]
mod tests {
    use super::{Fault, object};
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Outer {
        #[expect(dead_code, reason = "only read by serde")]
        count: Option<u32>,
        #[expect(dead_code, reason = "only read by serde")]
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only read by serde")]
        name: i64,
    }

    fn fault(text: &str) -> (String, String) {
        match object::<Outer>(text) {
            Err(Fault::Member { pointer, detail }) => (pointer, detail),
            other => (format!("{other:?}"), String::new()),
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_plain_words_at_its_place() {
        assert_eq!(fault("{\"inner\":{}}"), ("#/inner/name".to_owned(), "missing field `name`".to_owned()));
        let (pointer, detail) = fault("{\"inner\":{\"name\":1,\"`, expected\":2}}");
        assert_eq!(pointer, "#/inner/%60,%20expected", "{detail}");
        for text in [
            "{\"count\":-1}",
            "{\"count\":\"1\"}",
            "{\"count\":1.5}",
            "{\"inner\":3}",
            "{\"inner\":{\"name\":true}}",
        ] {
            let (_, detail) = fault(text);
            for inside in ["u32", "i64", "struct", "Inner"] {
                assert!(!detail.contains(inside), "{detail}");
            }
        }
    }
}
