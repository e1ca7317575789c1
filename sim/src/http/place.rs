//! Where in a request's body something stands. A java-tron names line and column of a value that it cannot read
//! (`JsonFormat.Tokenizer`), and people who search for such a message search for all of it.

/// Line and column of the first value under a key, both counted from 1.
pub(super) fn of_value(body: &[u8], key: &str) -> Option<(usize, usize)> {
    let mut at = 0;
    while at < body.len() {
        if body.get(at) != Some(&b'"') {
            at += 1;
            continue;
        }
        let end = end_of_string(body, at)?;
        let is_key = body.get(at + 1..end) == Some(key.as_bytes());
        let colon = after_blanks(body, end + 1);
        if is_key && body.get(colon) == Some(&b':') {
            return Some(line_and_column(body, after_blanks(body, colon + 1)));
        }
        at = end + 1;
    }
    None
}

/// The quote that ends the string that begins at `start`.
fn end_of_string(body: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match body.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn after_blanks(body: &[u8], mut at: usize) -> usize {
    while body.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

fn line_and_column(body: &[u8], at: usize) -> (usize, usize) {
    let before = body.get(..at).unwrap_or(body);
    let lines = before.split(|byte| *byte == b'\n');
    let (line, last) = lines.enumerate().last().unwrap_or_default();
    (line + 1, last.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_a_place() {
        assert_eq!(of_value(br#"{"value": "zz"}"#, "value"), Some((1, 11)));
        assert_eq!(of_value(b"{\"a\": \"va\\\"lue\",\n  \"value\" :7}", "value"), Some((2, 12)));
        assert_eq!(of_value(br#"{"other": "value"}"#, "value"), None);
        assert_eq!(of_value(br#"{"value"#, "value"), None);
    }
}
