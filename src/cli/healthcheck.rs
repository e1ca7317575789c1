//! `leyden healthcheck`: one request to the service on this machine, without any other program.

use super::{Failure, args::HealthcheckArgs, line};
use crate::Settings;
use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// The longest answer that is read.
const LONGEST: u64 = 64 * 1024;

pub(super) fn run(settings: &Settings, arguments: &HealthcheckArgs) -> Result<u8, Failure> {
    if arguments.path.contains(|c: char| c.is_whitespace() || c.is_control())
        || !arguments.path.starts_with('/')
    {
        return Err(Failure::new("--path must begin with / and hold no space"));
    }
    let address = reachable(settings.http.listen);
    let answer = ask(address, &arguments.path, Duration::from_secs(arguments.timeout.max(1)))
        .map_err(|error| Failure::new(format!("http://{address}{}: {error}", arguments.path)))?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    line(format_args!("http://{address}{}: {status}", arguments.path))?;
    Ok(u8::from(status != "200"))
}

/// A listener on all addresses is asked on this machine's own.
const fn reachable(listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => {
            SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), listen.port())
        }
        IpAddr::V6(ip) if ip.is_unspecified() => {
            SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), listen.port())
        }
        _ => listen,
    }
}

fn ask(address: SocketAddr, path: &str, wait: Duration) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, wait)?;
    stream.set_read_timeout(Some(wait))?;
    stream.set_write_timeout(Some(wait))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
