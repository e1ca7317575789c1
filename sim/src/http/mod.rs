//! java-tron's HTTP API over the chain, so that real clients can be exercised against it: `/wallet/*` as a full node
//! answers (pending transactions included), `/walletsolidity/*` as of the solid block, and `/dev/*` to make the
//! chain do something. GET and POST are the same, as with the real one.

mod accounts;
mod blocks;
mod broadcast;
mod builders;
mod call;
mod contracts;
mod dev;
mod face;
mod json;
mod lies;
mod node_info;
mod parse;
mod resources;
mod transactions;

pub use face::Face;

use crate::{
    SimNode,
    faults::{ReadFault, WireFault},
};
use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::Server,
    http::{StatusCode, header::ContentType},
    web,
};
use call::{Answer, Call, Failure, Scope};
use std::{io, net::SocketAddr};

/// The largest body, in bytes: a transaction of the largest size in hexadecimal inside JSON, and room.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// What answers a family of methods; `None` for a method of another family.
type Family = fn(&Call<'_>) -> Option<Answer>;

/// Who is asked in turn.
const FAMILIES: [Family; 8] = [
    blocks::answer,
    transactions::answer,
    accounts::answer,
    resources::answer,
    contracts::answer,
    node_info::answer,
    builders::answer,
    broadcast::answer,
];

/// Starts to listen. The server runs when it is awaited; the address tells the port where 0 was asked for.
pub fn serve(node: SimNode, listen: SocketAddr) -> io::Result<(Server, SocketAddr)> {
    serve_face(node, Face::new(), listen)
}

/// The same with a face that counts what is asked and may go wrong.
pub fn serve_face(node: SimNode, face: Face, listen: SocketAddr) -> io::Result<(Server, SocketAddr)> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(node.clone()))
            .app_data(web::Data::new(face.clone()))
            .app_data(web::PayloadConfig::new(BODY_LIMIT))
            .route("/wallet/{method}", web::route().to(wallet))
            .route("/walletsolidity/{method}", web::route().to(solidity))
            .route("/dev/{method}", web::route().to(development))
    })
    .workers(2)
    .disable_signals()
    .bind(listen)?;
    let bound = server.addrs().first().copied().unwrap_or(listen);
    Ok((server.run(), bound))
}

async fn wallet(
    node: web::Data<SimNode>,
    face: web::Data<Face>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    answer(&node, &face, &request, &body, Scope::Wallet).await
}

async fn solidity(
    node: web::Data<SimNode>,
    face: web::Data<Face>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    answer(&node, &face, &request, &body, Scope::Solidity).await
}

async fn development(node: web::Data<SimNode>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let call = match Call::read(&node, &request, &body, Scope::Wallet) {
        Ok(call) => call,
        Err(failure) => return respond(Err(failure)),
    };
    respond(dev::answer(&call).unwrap_or(Err(Failure::NotFound)))
}

/// Answers a wallet method, as well as the face lets it.
async fn answer(
    node: &SimNode,
    face: &Face,
    request: &HttpRequest,
    body: &[u8],
    scope: Scope,
) -> HttpResponse {
    let mut call = match Call::read(node, request, body, scope) {
        Ok(call) => call,
        Err(failure) => return respond(Err(failure)),
    };
    let fault = face.asked(&call.method);
    if let Some(fault) = fault
        && let Some(response) = face::instead(fault).await
    {
        return response;
    }
    match fault {
        Some(WireFault::Lie(lie)) => call.lie = Some(lie),
        Some(WireFault::Stale { blocks }) => call.stale_by = blocks,
        _ => {}
    }
    if scope == Scope::Solidity && call::WALLET_ONLY.contains(&call.method.as_str()) {
        return respond(Err(Failure::NotFound));
    }
    let asked = || FAMILIES.iter().find_map(|family| family(&call)).unwrap_or(Err(Failure::NotFound));
    let answer = match fault {
        Some(fault) if face::swallows(fault, &call.method) => face::unasked(),
        _ => asked(),
    };
    let answer = match fault {
        Some(fault) => face::spoil(fault, &call.method, answer),
        None => answer,
    };
    face::send(fault, answer, respond)
}

/// Puts an answer on the wire. Errors are HTTP 200 with an `Error` field, as the real node does it.
fn respond(answer: Answer) -> HttpResponse {
    match answer {
        Ok(value) => HttpResponse::Ok().content_type(ContentType::json()).body(value.to_string()),
        Err(Failure::Java { class, message }) => HttpResponse::Ok()
            .content_type(ContentType::json())
            .body(serde_json::json!({ "Error": format!("class {class} : {message}") }).to_string()),
        Err(Failure::NotFound) => HttpResponse::build(StatusCode::NOT_FOUND)
            .content_type(ContentType::html())
            .body("<html><head><title>Error 404 Not Found</title></head><body><h2>HTTP ERROR 404</h2></body></html>"),
        Err(Failure::Lost) => HttpResponse::build(StatusCode::GATEWAY_TIMEOUT)
            .content_type(ContentType::html())
            .body("<html><head><title>504 Gateway Time-out</title></head><body></body></html>"),
        Err(Failure::Read(ReadFault::Unavailable)) => {
            HttpResponse::build(StatusCode::BAD_GATEWAY).content_type(ContentType::html()).body("<html></html>")
        }
        Err(Failure::Read(ReadFault::RateLimited { seconds })) => HttpResponse::build(StatusCode::FORBIDDEN)
            .content_type(ContentType::json())
            .body(
                serde_json::json!({
                    "Error": format!(
                        "The key exceeds the frequency limit(15), and the query server is suspended for {seconds}s"
                    )
                })
                .to_string(),
            ),
    }
}
