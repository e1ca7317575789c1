//! The smallest HTTP client that can tell "no answer" from a bad one, and does not wait long for either.

use serde_json::Value;
use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Value,
}

impl Answer {
    /// A header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// Asks a service at `http://host:port`.
pub(crate) fn ask(
    base: &str,
    key: &str,
    method: &str,
    path: &str,
    body: Option<(&Value, &str)>,
    patience: Duration,
) -> io::Result<Answer> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let host = base.strip_prefix("http://").unwrap_or(base);
    let address: SocketAddr = host.parse().or(Err(bad("no address")))?;
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    let (extra, text) = body.map_or_else(Default::default, |(body, wish)| {
        let text = body.to_string();
        let length = text.len();
        (format!("Content-Type: application/json\r\nContent-Length: {length}\r\nIdempotency-Key: \"{wish}\"\r\n"), text)
    });
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {key}\r\nConnection: close\r\n{extra}\r\n{text}"
    )?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).or(Err(bad("no text")))?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| bad("no head"))?;
    let status = head.split(' ').nth(1).and_then(|n| n.parse().ok()).ok_or_else(|| bad("no status"))?;
    let body = serde_json::from_str(body).map_err(|error| bad(&format!("{status}: {error}: {body}")))?;
    Ok(Answer { status, head: head.to_owned(), body })
}

/// Reads something.
pub(crate) fn get(base: &str, key: &str, path: &str) -> io::Result<Answer> {
    ask(base, key, "GET", path, None, Duration::from_secs(2))
}
