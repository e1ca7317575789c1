//! Which network a node is on. Networks differ in nothing that a node says of itself but in their first block, whose id
//! is therefore the network's name.

use super::report::Report;
use leyden_domain::{BlockId, Height};
use leyden_ports::{ChainError, ChainReader};
use leyden_tron::node::NodeClient;

const WHAT: &str = "network";
/// Block 0 of networks that people mistake for one another.
const NETWORKS: [(&str, &str); 3] = [
    ("00000000000000001ebf88508a03865c71d452e25f4d51194196a1d22b6653dc", MAIN),
    ("0000000000000000de1aa88295e1fcf982742f773e0419c5a9c134c994a9059e", "Shasta test network"),
    ("0000000000000000d698d4192c56cb6be724a558448e2684802de4d6cd8690dc", "Nile test network"),
];
const MAIN: &str = "main network";

/// The name of the network that begins with this block, where people have given it one.
fn name_of(genesis: BlockId) -> Option<&'static str> {
    let text = genesis.to_string();
    NETWORKS.iter().find(|(id, _)| *id == text).map(|(_, name)| *name)
}

/// Says which network a node is on. `None` where its first block cannot be read.
pub(super) async fn check(name: &str, node: &NodeClient, report: &mut Report) -> Option<BlockId> {
    match node.block(Height::new(0)).await {
        Ok(Some(block)) => {
            say(name, block.id, report);
            Some(block.id)
        }
        Err(ChainError::Unverified(why)) => {
            report.bad(
                WHAT,
                &format!("{name} shows a first block that is none: {why}"),
                "ask another node, and take this one out of chain.nodes",
            );
            None
        }
        // A node without old blocks cannot say; what it says of new ones is compared with the others.
        Ok(None) | Err(_) => {
            report.odd(
                WHAT,
                &format!("{name} does not show its first block, so which network it is on is not known"),
                "make sure that it is the one that is meant",
            );
            None
        }
    }
}

fn say(name: &str, genesis: BlockId, report: &mut Report) {
    const TODO: &str = "make sure that it is meant so";
    match name_of(genesis) {
        Some(MAIN) => report.ok(WHAT, &format!("{name}: {MAIN}")),
        Some(network) => report.odd(WHAT, &format!("{name} is on the {network}"), TODO),
        None => {
            report.odd(
                WHAT,
                &format!("{name} is on a network of its own, which begins with {genesis}"),
                TODO,
            );
        }
    }
}

/// Whether all are on one network, as far as they have said. `false` where two are not.
pub(super) fn is_one(seen: &[(&str, Option<BlockId>)], report: &mut Report) -> bool {
    let mut known = seen.iter().filter_map(|(name, genesis)| Some((*name, (*genesis)?)));
    let Some((first, its)) = known.next() else { return true };
    let Some((other, another)) = known.find(|(_, genesis)| *genesis != its) else { return true };
    let network = |genesis: BlockId| {
        name_of(genesis)
            .map_or_else(|| format!("one that begins with {genesis}"), |name| format!("the {name}"))
    };
    report.bad(
        WHAT,
        &format!("{first} and {other} are on different networks: {} and {}", network(its), network(another)),
        "take one of them out of chain.nodes",
    );
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> BlockId {
        text.parse().unwrap()
    }

    /// What is said of nodes by their first blocks.
    fn said(seen: &[(&str, Option<BlockId>)]) -> (bool, String) {
        let mut report = Report::default();
        for (name, genesis) in seen.iter().filter_map(|(name, genesis)| Some((*name, (*genesis)?))) {
            say(name, genesis, &mut report);
        }
        let one = is_one(seen, &mut report);
        assert_eq!(one, !report.must_be_mended());
        (one, format!("{report:?}"))
    }

    #[test]
    fn networks_are_named_by_their_first_block() {
        for (text, name) in NETWORKS {
            assert_eq!(id(text).height(), Height::new(0), "{name}");
            let (one, text) = said(&[("a", Some(id(text)))]);
            assert!(one && text.contains(name), "{text}");
            assert_eq!(text.contains("Odd"), name != MAIN, "{text}");
        }
        let private = "00000000000000009100cb411142855804938effd8b2d1ab423f4ea41ba4455a";
        assert!(said(&[("a", Some(id(private)))]).1.contains(private));
    }

    #[test]
    fn two_networks_are_noticed_whoever_else_says_nothing() {
        let [main, shasta, nile] = NETWORKS.map(|(text, _)| Some(id(text)));
        assert!(said(&[]).0);
        assert!(said(&[("a", None), ("b", main), ("c", None), ("d", main)]).0);
        let (one, text) = said(&[("a", None), ("b", nile), ("c", None), ("d", nile), ("e", shasta)]);
        assert!(!one, "{text}");
        assert!(
            text.contains("b and e are on different networks: the Nile test network and the Shasta"),
            "{text}"
        );
    }
}
