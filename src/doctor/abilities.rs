//! What each node can do beyond answering: constant calls, internal transactions, and whether it is new enough. java-tron
//! ships with the first two switched off.

use super::report::Report;
use leyden_domain::{Address, Height};
use leyden_ports::ChainError;
use leyden_tron::node::{CallsShown, NodeClient};

const WHAT: &str = "node";
/// Blocks that are looked at for internal transactions, at most.
const MOST_BLOCKS: i64 = 40;
/// Calls of contracts without any internal transaction after which no more blocks are looked at.
const MOST_CALLS: usize = 2_000;
/// The oldest java-tron that follows the main network.
const OLDEST_VERSION: [u32; 3] = [4, 8, 2];

/// Remarks a java-tron that is too old. What is no version says nothing.
pub(super) fn version(name: &str, version: &str, report: &mut Report) {
    if is_older(version) {
        report.odd(
            WHAT,
            &format!("{name} is java-tron {version}"),
            "the main network wants 4.8.2 or newer: upgrade the node",
        );
    }
}

fn is_older(version: &str) -> bool {
    let digits = version.trim_start_matches(|c: char| !c.is_ascii_digit());
    let number = |part: &str| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part.get(..end).and_then(|digits| digits.parse::<u32>().ok())
    };
    let numbers: Option<Vec<u32>> = digits.split('.').take(OLDEST_VERSION.len()).map(number).collect();
    numbers.is_some_and(|numbers| numbers.len() > 1 && numbers.as_slice() < OLDEST_VERSION.as_slice())
}

/// Whether each answers a call that changes nothing.
pub(super) async fn calls(nodes: &[(&str, &NodeClient)], report: &mut Report) {
    // Nobody's address: what is asked for is an answer, whatever it says.
    let nobody = Address::from_evm([0; 20]);
    let mut without = 0_usize;
    for (name, node) in nodes {
        match node.usdt_balance(nobody).await {
            Ok(_) => report.ok(WHAT, &format!("{name} answers constant calls")),
            Err(ChainError::Unsupported(_)) => {
                without = without.saturating_add(1);
                report.odd(
                    WHAT,
                    &format!("{name} answers no constant calls"),
                    "vm.supportConstant is off, as java-tron ships it: set it to true in the node's configuration",
                );
            }
            Err(error) => report.odd(
                WHAT,
                &format!("{name} may answer no constant calls: {error}"),
                "run the doctor again; where it says so each time, look at chain.usdt_contract",
            ),
        }
    }
    if without > 0 && without == nodes.len() {
        report.odd(
            WHAT,
            "no node answers constant calls: every order is priced as a first transfer",
            "set vm.supportConstant = true on one of them, or name one in chain.nodes that answers",
        );
    }
}

/// What is known of one node.
enum Keeps {
    Unknown { calls: usize },
    Yes,
    No { at: Height, shown_by: String },
    Unread,
}

/// Whether each keeps internal transactions, by what they show of the same solid blocks, from `solid` downwards.
pub(super) async fn internals(nodes: &[(&str, &NodeClient)], solid: Height, report: &mut Report) {
    let mut keeps: Vec<Keeps> = nodes.iter().map(|_| Keeps::Unknown { calls: 0 }).collect();
    let mut lowest = solid;
    for back in 0..MOST_BLOCKS {
        let height = solid.offset(-back);
        if height.get() < 1 || !keeps.iter().any(is_open) {
            break;
        }
        lowest = height;
        let mut shown = Vec::new();
        for ((name, node), known) in nodes.iter().zip(&mut keeps) {
            shown.push(match known {
                Keeps::Unread => None,
                _ => match node.calls_shown(height).await {
                    Ok(shown) => Some(shown),
                    Err(error) => {
                        unread(name, height, &error.to_string(), report);
                        *known = Keeps::Unread;
                        None
                    }
                },
            });
        }
        learn(nodes, &shown, height, &mut keeps, report);
    }
    tell(nodes, &keeps, (lowest, solid), report);
}

/// Whether looking at one more block may tell.
const fn is_open(keeps: &Keeps) -> bool {
    matches!(keeps, Keeps::Unknown { calls } if *calls < MOST_CALLS)
}

fn unread(name: &str, height: Height, why: &str, report: &mut Report) {
    report.odd(
        WHAT,
        &format!("{name} does not show the receipts of block {height}: {why}"),
        "run the doctor again; where it says so each time, the node keeps no history (storage.transHistory.switch, \
         or a lite node)",
    );
}

/// What one block tells of all.
fn learn(
    nodes: &[(&str, &NodeClient)],
    shown: &[Option<CallsShown>],
    height: Height,
    keeps: &mut [Keeps],
    report: &mut Report,
) {
    let by = nodes.iter().zip(shown).find(|(_, shown)| shown.is_some_and(|shown| shown.internals > 0));
    let by = by.map(|((name, _), _)| *name);
    let most = shown.iter().flatten().map(|shown| shown.calls).max().unwrap_or(0);
    for (((name, _), shown), known) in nodes.iter().zip(shown).zip(keeps) {
        let Some(shown) = shown else { continue };
        match (&known, by) {
            _ if shown.internals > 0 => *known = Keeps::Yes,
            (Keeps::Unknown { .. }, _) if shown.calls == 0 && most > 0 => {
                unread(name, height, "others do", report);
                *known = Keeps::Unread;
            }
            (Keeps::Unknown { .. }, Some(by)) => *known = Keeps::No { at: height, shown_by: by.to_owned() },
            (Keeps::Unknown { calls }, None) => {
                *known = Keeps::Unknown { calls: calls.saturating_add(shown.calls) }
            }
            _ => {}
        }
    }
}

/// Says what was learnt.
fn tell(nodes: &[(&str, &NodeClient)], keeps: &[Keeps], (low, high): (Height, Height), report: &mut Report) {
    let somebody = keeps.iter().any(|keeps| matches!(keeps, Keeps::Yes));
    let mut most = None;
    for ((name, _), keeps) in nodes.iter().zip(keeps) {
        match keeps {
            Keeps::Yes => report.ok(WHAT, &format!("{name} keeps internal transactions")),
            Keeps::No { at, shown_by } => report.odd(
                WHAT,
                &format!("{name} keeps no internal transactions: {shown_by} shows some in block {at}"),
                "set vm.saveInternalTx = true in the node's configuration: until then TRX that a contract sends rests \
                 on the word of fewer nodes",
            ),
            Keeps::Unknown { calls } => most = most.max(Some(*calls)),
            Keeps::Unread => {}
        }
    }
    let Some(calls) = most.filter(|_| !somebody) else { return };
    report.odd(
        WHAT,
        &format!(
            "no node shows an internal transaction in blocks {low} to {high} (calls of contracts there: {calls}): whether \
             one keeps them cannot be told"
        ),
        "make sure that vm.saveInternalTx = true on one node at least: without it TRX that a contract sends is not seen",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for older in ["4.8.1", "4.8.0.1", "4.7.12", "GreatVoyage-v4.8.1", "3.10", "4.8"] {
            assert!(is_older(older), "{older}");
        }
        for new in ["4.8.2", "4.8.2.1", "4.8.10", "4.10.0", "5.0", "v4.8.2-rc1", "", "unknown", "7"] {
            assert!(!is_older(new), "{new}");
        }
    }
}
