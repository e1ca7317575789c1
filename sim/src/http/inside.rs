//! The same answers without a socket: for many nodes in one process, in virtual time.

use super::{
    FAMILIES, Face,
    call::{self, Call, Failure, Scope},
    methods,
};
use crate::{SimNode, faults::WireFault};

/// Posts a body of JSON to a path such as `/wallet/getnowblock`. The status of HTTP, and the body. Of a face's faults it
/// knows those that need no wire: lies, and blocks that are kept back.
pub fn ask(node: &SimNode, face: &Face, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let family = path.strip_prefix("/walletsolidity/").map(|method| (Scope::Solidity, method));
    let family = family.or_else(|| path.strip_prefix("/wallet/").map(|method| (Scope::Wallet, method)));
    let answer = match family {
        Some((scope, method)) => answer(node, face, scope, method, body),
        None => Err(Failure::NotFound),
    };
    match super::reply(answer) {
        Some(reply) => (reply.status.as_u16(), reply.body.into_bytes()),
        None => (405, b"<html><h2>HTTP ERROR 405</h2></html>".to_vec()),
    }
}

fn answer(node: &SimNode, face: &Face, scope: Scope, method: &str, body: &[u8]) -> call::Answer {
    let mut call = Call::read(node, method, "", body, scope)?;
    call.abilities = super::able(node, face);
    match face.asked(method) {
        Some(WireFault::Lie(lie)) => call.lie = Some(lie),
        Some(WireFault::Stale { blocks }) => call.stale_by = blocks,
        _ => {}
    }
    if !methods::are_served(method, scope == Scope::Solidity) {
        return Err(Failure::NotFound);
    }
    let answer = FAMILIES.iter().find_map(|family| family(&call)).unwrap_or(Err(Failure::NotFound));
    answer.map_err(|failure| call::located(failure, body))
}
