//! A cached read with everything on (key, rate limit, request id, metrics, security headers) beside a bare handler that
//! gives the same bytes, head and body: requests a second over keep-alive connections, both servers in this process, in turn.

use crate::{
    measure::{line, median, now},
    service,
};
use actix_web::{
    App, HttpResponse, HttpServer,
    http::header::{HeaderName, HeaderValue},
    web,
};
use leyden::http::scope::Scope;
use std::{future::ready, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const CONNECTIONS: usize = 64;
const ROUNDS: u32 = 5;
const SECONDS: u64 = 3;
const PATH: &str = "/api/v1/pool";

type Headers = Vec<(HeaderName, HeaderValue)>;

/// Reads one answer of a known length; how many bytes.
async fn exchange(
    stream: &mut TcpStream,
    request: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<usize, crate::Failure> {
    stream.write_all(request).await?;
    buffer.clear();
    loop {
        stream.read_buf(buffer).await?;
        let text = String::from_utf8_lossy(buffer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned)
                })
                .ok_or("no length")?
                .trim()
                .parse()?;
            if body.len() >= length {
                return if head.starts_with("HTTP/1.1 200") {
                    Ok(length)
                } else {
                    Err(text.into_owned().into())
                };
            }
        }
    }
}

/// Requests a second.
async fn rate(address: SocketAddr, key: &str) -> Result<f64, crate::Failure> {
    let request = format!("GET {PATH} HTTP/1.1\r\nhost: leyden\r\nx-api-key: {key}\r\n\r\n").into_bytes();
    let begin = now();
    let end = Duration::from_secs(SECONDS);
    let connections = (0..CONNECTIONS).map(|_| async {
        let mut stream = TcpStream::connect(address).await?;
        let (mut buffer, mut done) = (Vec::with_capacity(16_384), 0_u32);
        while begin.elapsed() < end {
            exchange(&mut stream, &request, &mut buffer).await?;
            done += 1;
        }
        Ok::<u32, crate::Failure>(done)
    });
    let done: u32 = futures_util::future::try_join_all(connections).await?.into_iter().sum();
    Ok(f64::from(done) / begin.elapsed().as_secs_f64())
}

/// One answer of ours: its headers, but for those that every server writes itself, and its body.
async fn answer(address: SocketAddr, key: &str) -> Result<(Headers, web::Bytes), crate::Failure> {
    let request = format!("GET {PATH} HTTP/1.1\r\nhost: leyden\r\nx-api-key: {key}\r\n\r\n").into_bytes();
    let mut stream = TcpStream::connect(address).await?;
    let mut buffer = Vec::new();
    let length = exchange(&mut stream, &request, &mut buffer).await?;
    let body = buffer.split_off(buffer.len() - length);
    let mut headers = Headers::new();
    for line in String::from_utf8(buffer)?.lines() {
        let Some((name, value)) = line.split_once(": ") else { continue };
        if !["content-length", "date"].contains(&name) {
            headers.push((name.parse()?, value.parse()?));
        }
    }
    Ok((headers, body.into()))
}

async fn measure() -> Result<(), crate::Failure> {
    let configuration = "[http]\nkey_rate_per_minute = 4000000000\n[database]\nurl = 'sqlite::memory:'\n";
    let (application, key) = service::open(configuration, Scope::DataRead).await?;
    let (address, shutdown) = (application.address(), application.handles().shutdown().clone());
    let body_of_ours = async {
        let (headers, page) = answer(address, &key).await?;
        let length = page.len();
        let bare = HttpServer::new(move || {
            let (headers, page) = (headers.clone(), page.clone());
            App::new().default_service(web::to(move || {
                let mut response = HttpResponse::Ok();
                for header in &headers {
                    response.insert_header(header.clone());
                }
                ready(response.body(page.clone()))
            }))
        })
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))?;
        let bare_address = *bare.addrs().first().ok_or("no address")?;
        let bare = bare.run();
        let handle = bare.handle();
        let measured = async {
            let (mut our_rates, mut bare_rates) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                bare_rates.push(rate(bare_address, &key).await?);
                our_rates.push(rate(address, &key).await?);
            }
            let (ours, bare) = (median(our_rates), median(bare_rates));
            line(&format!(
                "{length} bytes of body, {CONNECTIONS} connections: {ours:.0} /s   bare {bare:.0} /s   ratio {:.2}x",
                ours / bare
            ));
            handle.stop(false).await;
            Ok::<(), crate::Failure>(())
        };
        let (served, measured) = futures_util::future::join(bare, measured).await;
        served?;
        measured
    };
    let watched = async {
        let outcome = body_of_ours.await;
        shutdown.request(0, "measured");
        outcome
    };
    futures_util::future::join(application.run(), watched).await.1
}

pub(crate) fn run() -> Result<(), crate::Failure> {
    line("a cached read with everything on");
    actix_rt::System::new().block_on(measure())
}
