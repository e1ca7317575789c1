//! java-tron's HTTP API over the chain, so that real clients can be exercised against it: `/wallet/*` as a full node
//! answers (pending transactions included), `/walletsolidity/*` as of the solid block, and `/dev/*` to make the
//! chain do something. GET and POST are the same, as with the real one. Both families live on one port, as behind
//! `TronGrid`, or on a port each, as a java-tron has them.

mod accounts;
mod blocks;
mod broadcast;
mod builders;
mod call;
mod contracts;
mod dev;
mod face;
pub mod inside;
mod jetty;
mod json;
mod lies;
mod methods;
mod node_info;
mod parameters;
mod parse;
mod place;
mod resources;
mod transactions;

pub use face::{Abilities, Face};
pub use methods::METHODS;

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
use std::{
    io,
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

/// The largest body, in bytes: a transaction of the largest size in hexadecimal inside JSON, and room.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// What answers a family of methods; `None` for a method of another family.
type Family = fn(&Call<'_>) -> Option<Answer>;

/// Who is asked in turn.
const FAMILIES: [Family; 9] = [
    blocks::answer,
    transactions::answer,
    accounts::answer,
    resources::answer,
    contracts::answer,
    node_info::answer,
    parameters::answer,
    builders::answer,
    broadcast::answer,
];

/// Which of the two families a port serves where each has its own: known once both are bound.
#[derive(Debug, Clone, Default)]
struct Ports(Arc<OnceLock<SocketAddr>>);

impl Ports {
    /// Whether a family is served where a request came in.
    fn serve(&self, scope: Scope, request: &HttpRequest) -> bool {
        let Some(solidity) = self.0.get() else { return true };
        (request.app_config().local_addr() == *solidity) == (scope == Scope::Solidity)
    }
}

/// Starts to listen as a gateway: one port for all. The server runs when it is awaited; the address tells the port
/// where 0 was asked for.
pub fn serve(node: SimNode, listen: SocketAddr) -> io::Result<(Server, SocketAddr)> {
    serve_face(node, Face::new(), listen)
}

/// The same with a face that counts what is asked and may go wrong.
pub fn serve_face(node: SimNode, face: Face, listen: SocketAddr) -> io::Result<(Server, SocketAddr)> {
    let (server, bound) = server(node, face, &[listen])?;
    Ok((server, bound.first().copied().unwrap_or(listen)))
}

/// Starts to listen as a java-tron does: `/wallet` and `/dev` on one port, `/walletsolidity` on another, neither
/// knowing the other's paths. Gives both addresses, in this order.
pub fn serve_split(
    node: SimNode,
    face: Face,
    wallet: SocketAddr,
    solidity: SocketAddr,
) -> io::Result<(Server, SocketAddr, SocketAddr)> {
    let (server, bound) = server(node, face, &[wallet, solidity])?;
    match bound[..] {
        [wallet, solidity] => Ok((server, wallet, solidity)),
        _ => Err(io::Error::other("of two addresses one was bound")),
    }
}

/// A server on one address for everything, or on two.
fn server(node: SimNode, face: Face, listen: &[SocketAddr]) -> io::Result<(Server, Vec<SocketAddr>)> {
    let ports = Ports::default();
    let later = ports.clone();
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(node.clone()))
            .app_data(web::Data::new(face.clone()))
            .app_data(web::Data::new(ports.clone()))
            .app_data(web::PayloadConfig::new(BODY_LIMIT))
            .route("/wallet/{method}", web::route().to(wallet))
            .route("/walletsolidity/{method}", web::route().to(solidity))
            .route("/dev/{method}", web::route().to(development))
            .default_service(web::to(nowhere))
    })
    .workers(2)
    .disable_signals();
    for address in listen {
        server = server.bind(address)?;
    }
    let bound = server.addrs();
    if let [_, solidity] = bound[..] {
        later.0.get_or_init(|| solidity);
    }
    Ok((server.run(), bound))
}

async fn nowhere(request: HttpRequest) -> HttpResponse {
    jetty::nowhere(&request)
}

async fn wallet(
    node: web::Data<SimNode>,
    face: web::Data<Face>,
    ports: web::Data<Ports>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    answer((&node, &face, &ports), &request, &body, Scope::Wallet).await
}

async fn solidity(
    node: web::Data<SimNode>,
    face: web::Data<Face>,
    ports: web::Data<Ports>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    answer((&node, &face, &ports), &request, &body, Scope::Solidity).await
}

async fn development(
    node: web::Data<SimNode>,
    ports: web::Data<Ports>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    if !ports.serve(Scope::Wallet, &request) {
        return jetty::nowhere(&request);
    }
    let call = match Call::read(&node, method_of(&request), request.query_string(), &body, Scope::Wallet) {
        Ok(call) => call,
        Err(failure) => return respond(&request, Err(failure)),
    };
    let answer = dev::answer(&call).unwrap_or(Err(Failure::NotFound));
    respond(&request, answer.map_err(|failure| call::located(failure, &body)))
}

/// What can be done here: what neither the face nor the node behind all of them lacks.
fn able(node: &SimNode, face: &Face) -> Abilities {
    let (face, faults) = (face.abilities(), node.faults());
    Abilities {
        internal_transactions: face.internal_transactions && !faults.without_internals,
        constant_calls: face.constant_calls && !faults.without_constant_calls,
    }
}

/// Answers a wallet method, as well as the face lets it.
async fn answer(
    (node, face, ports): (&SimNode, &Face, &Ports),
    request: &HttpRequest,
    body: &[u8],
    scope: Scope,
) -> HttpResponse {
    let mut call = match Call::read(node, method_of(request), request.query_string(), body, scope) {
        Ok(call) => call,
        Err(failure) => return respond(request, Err(failure)),
    };
    let fault = face.asked(&call.method);
    if let Some(fault) = fault
        && let Some(response) = face::instead(fault).await
    {
        return response;
    }
    if !ports.serve(scope, request) || !jetty::is_served(request.method()) {
        return jetty::nowhere(request);
    }
    call.abilities = able(node, face);
    match fault {
        Some(WireFault::Lie(lie)) => call.lie = Some(lie),
        Some(WireFault::Stale { blocks }) => call.stale_by = blocks,
        _ => {}
    }
    if !methods::are_served(&call.method, scope == Scope::Solidity) {
        return jetty::nowhere(request);
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
    let answer = answer.map_err(|failure| call::located(failure, body));
    face::send(fault, answer, |answer| respond(request, answer))
}

/// The method that a path names.
fn method_of(request: &HttpRequest) -> &str {
    request.match_info().get("method").unwrap_or_default()
}

/// An answer as it goes over the wire.
struct Reply {
    status: StatusCode,
    kind: ContentType,
    body: String,
}

/// Puts an answer into words; `None` where nobody serves the path. Errors are HTTP 200 with an `Error` field, as the real
/// node does it.
fn reply(answer: Answer) -> Option<Reply> {
    let json = |status, value: serde_json::Value| Reply {
        status,
        kind: ContentType::json(),
        body: value.to_string(),
    };
    let page = |status, body: &str| Reply { status, kind: ContentType::html(), body: body.to_owned() };
    Some(match answer {
        Err(Failure::NotFound) => return None,
        Err(Failure::Field { message, .. }) => return reply(Err(Failure::parse(message))),
        Ok(value) => json(StatusCode::OK, value),
        Err(Failure::Java { class, message }) => {
            json(StatusCode::OK, serde_json::json!({ "Error": format!("class {class} : {message}") }))
        }
        Err(Failure::Lost) => page(
            StatusCode::GATEWAY_TIMEOUT,
            "<html><head><title>504 Gateway Time-out</title></head><body></body></html>",
        ),
        Err(Failure::Read(ReadFault::Unavailable)) => page(StatusCode::BAD_GATEWAY, "<html></html>"),
        Err(Failure::Read(ReadFault::RateLimited { seconds })) => json(
            StatusCode::FORBIDDEN,
            serde_json::json!({
                "Error": format!(
                    "The key exceeds the frequency limit(15), and the query server is suspended for {seconds}s"
                )
            }),
        ),
    })
}

/// Puts an answer on the wire.
fn respond(request: &HttpRequest, answer: Answer) -> HttpResponse {
    match reply(answer) {
        Some(reply) => HttpResponse::build(reply.status).content_type(reply.kind).body(reply.body),
        None => jetty::nowhere(request),
    }
}
