//! Every node from outside: the network it is on, how far it is, whether it has the key it wants, and whether it and
//! the others tell of the same chain.

use super::{abilities, network, report::Report};
use crate::system_clock::SystemClock;
use leyden_domain::{BlockId, chain::Head};
use leyden_ports::{ChainError, ChainReader, Clock};
use leyden_tron::node::NodeClient;
use std::time::Duration;
use tokio::time::Instant;

const WHAT: &str = "node";
/// A head older than this is a node that is behind, or a clock that is wrong.
const OLDEST_HEAD_MS: i64 = 60_000;
/// A head this far in our future is a clock that is wrong.
const FUTURE_HEAD_MS: i64 = 10_000;
/// Blocks that a node may be behind the best.
const BEHIND: i64 = 5;
/// Solid blocks further below the head than this do not become solid as they should: 19 of 27 witnesses take about 19.
const SOLID_LAG: i64 = 60;
/// An answer that takes longer is too slow for two calls in each block.
const SLOW: Duration = Duration::from_secs(1);

/// What one node said.
struct Seen {
    index: usize,
    name: String,
    genesis: Option<BlockId>,
    head: Head,
    solid: Head,
}

/// Looks at all of them. Which one is to be asked for the rest: the one that is furthest.
pub(super) async fn check(nodes: &[&NodeClient], report: &mut Report) -> Option<usize> {
    let mut seen = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let name = node.name();
        if let Some((genesis, head, solid)) = one(name, node, report).await {
            seen.push(Seen { index, name: name.to_owned(), genesis, head, solid });
        }
    }
    let best = seen.iter().max_by_key(|node| node.head.height())?;
    let asked: Vec<_> =
        seen.iter().filter_map(|node| Some((node.name.as_str(), *nodes.get(node.index)?))).collect();
    abilities::calls(&asked, report).await;
    if together(&seen, best, nodes, report).await
        && let Some(solid) = seen.iter().map(|node| node.solid.height()).min()
    {
        abilities::internals(&asked, solid, report).await;
    }
    Some(best.index)
}

/// What an error of a node asks for.
const fn todo(error: &ChainError) -> &'static str {
    match error {
        ChainError::RateLimited { .. } => "it limits how much may be asked: give it a key, or a better plan",
        ChainError::Refused(_) => {
            "it does not want to answer us: where its key is missing, wrong or blocked, mend api_key_file in chain.nodes"
        }
        ChainError::Unsupported(_) | ChainError::Malformed(_) => {
            "what answers there is no node, or not at this address: mend its url in chain.nodes"
        }
        ChainError::Unverified(_) => {
            "it shows what cannot be true: ask another, and take it out of chain.nodes"
        }
        ChainError::Unavailable(_) => "mend its url in chain.nodes, or the network in between",
    }
}

/// What an error asks for where only `/walletsolidity` does not answer: a java-tron has it on a port of its own.
const fn todo_for_solid(error: &ChainError) -> &'static str {
    match error {
        ChainError::Unsupported(_) => {
            "what answers there serves no /walletsolidity, as the full node's port of a java-tron does not: it is on a \
             port of its own (node.http.solidityPort), so set solidity_url in chain.nodes to that"
        }
        ChainError::Unavailable(_) => {
            "a java-tron serves /walletsolidity on a port of its own (node.http.solidityPort): open that, or set \
             solidity_url in chain.nodes to where it is"
        }
        other => todo(other),
    }
}

/// The part of an address that may be shown: scheme, host and port. Credentials and paths may hold keys.
fn place(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    format!("{scheme}://{host}")
}

async fn one(name: &str, node: &NodeClient, report: &mut Report) -> Option<(Option<BlockId>, Head, Head)> {
    let began = Instant::now();
    let head = match node.head().await {
        Ok(head) => head,
        Err(error) => {
            report.bad(WHAT, &format!("{name}: {error}"), todo(&error));
            return None;
        }
    };
    let took = began.elapsed();
    let solid = match node.solid().await {
        Ok(solid) => solid,
        Err(error) => {
            let place = place(node.solidity_url());
            report.bad(
                WHAT,
                &format!("{name} shows no solid block at {place}: {error}"),
                todo_for_solid(&error),
            );
            return None;
        }
    };
    // Gateways do not answer this; then nobody says.
    let version = node.state().await.ok().map(|state| state.version);
    let shown = version.as_deref().unwrap_or("version unknown");
    report.ok(WHAT, &format!("{name}: head {}, solid {}, {shown}", head.height(), solid.height()));
    if let Some(version) = &version {
        abilities::version(name, version, report);
    }
    if took > SLOW {
        report.odd(
            WHAT,
            &format!("{name} took {} ms to answer", took.as_millis()),
            "a nearer node, or a better line",
        );
    }
    if head.height().get().saturating_sub(solid.height().get()) > SOLID_LAG {
        report.bad(
            WHAT,
            &format!(
                "{name}: the solid block is {} behind the head",
                head.height().get() - solid.height().get()
            ),
            "the node sees too few witnesses, or the network stands: look at another node",
        );
    }
    let age = SystemClock.now().since(head.timestamp).ms();
    if age > OLDEST_HEAD_MS {
        report.bad(
            "clock",
            &format!("the newest block of {name} is {} s old", age / 1_000),
            "the node is behind, or this machine's clock is ahead: look at both",
        );
    } else if age < -FUTURE_HEAD_MS {
        report.bad(
            "clock",
            &format!("this clock is {} s behind {name}'s newest block", -age / 1_000),
            "set the clock; run NTP",
        );
    } else {
        report.ok("clock", &format!("the newest block of {name} is {age} ms old"));
    }
    let genesis = network::check(name, node, report).await;
    Some((genesis, head, solid))
}

/// Whether all tell of the same chain, as far as they tell.
async fn together(seen: &[Seen], best: &Seen, nodes: &[&NodeClient], report: &mut Report) -> bool {
    for node in seen {
        let behind = best.head.height().get().saturating_sub(node.head.height().get());
        if behind > BEHIND {
            report.bad(
                WHAT,
                &format!("{} is {behind} blocks behind {}", node.name, best.name),
                "let it catch up, or mend it; it is not asked meanwhile",
            );
        }
    }
    let networks: Vec<_> = seen.iter().map(|node| (node.name.as_str(), node.genesis)).collect();
    if !network::is_one(&networks, report) {
        return false;
    }
    // The lowest of the solid blocks is one that all must have, and have alike.
    let Some(lowest) = seen.iter().min_by_key(|node| node.solid.height()) else { return false };
    let mut one_chain = true;
    let mut agreeing = 0_usize;
    for node in seen.iter().filter(|node| node.index != lowest.index) {
        let Some(client) = nodes.get(node.index) else { continue };
        match client.block(lowest.solid.height()).await {
            Ok(Some(block)) if block.id == *lowest.solid.block.id() => agreeing = agreeing.saturating_add(1),
            Ok(Some(_)) => {
                one_chain = false;
                report.bad(
                    WHAT,
                    &format!(
                        "{} and {} differ at height {}, which is solid",
                        node.name,
                        lowest.name,
                        lowest.solid.height()
                    ),
                    "one of them lies or is on another chain: ask a third, and take the wrong one out",
                );
            }
            Ok(None) | Err(_) => report.odd(
                WHAT,
                &format!("{} does not show block {}", node.name, lowest.solid.height()),
                "run the doctor again",
            ),
        }
    }
    if agreeing > 0 && agreeing.saturating_add(1) == seen.len() {
        report.ok(WHAT, &format!("all {} agree on block {}", seen.len(), lowest.solid.height()));
    } else if nodes.len() == 1 {
        report.odd(WHAT, "is the only one: nobody can find it out", "name a second one in chain.nodes");
    }
    one_chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_scheme_host_and_port_are_shown_and_nothing_else() {
        for (url, shown) in [
            ("http://10.0.0.5:8091", "http://10.0.0.5:8091"),
            ("https://user:s3cret@node.example:8091/k3y?k=k3y#k3y", "https://node.example:8091"),
            ("http://s3cret@[::1]:8091?k3y", "http://[::1]:8091"),
            ("https://node.example", "https://node.example"),
        ] {
            assert_eq!(place(url), shown);
        }
    }

    #[test]
    fn numbers_in_a_text_decide_nothing() {
        let with = |text: &str| ChainError::Unavailable(format!("{text}: 401 403 429 405"));
        assert!(todo(&with("no connection")).contains("the network in between"));
        assert!(todo(&ChainError::RateLimited { retry_after: None }).contains("limits"));
        assert!(todo(&ChainError::Refused("ApiKey not exists".to_owned())).contains("api_key_file"));
        assert!(
            todo_for_solid(&ChainError::Refused("ApiKey not exists".to_owned())).contains("api_key_file")
        );
    }
}
