//! What differs and why, and the account of a comparison. A difference that is not listed fails; so does one that is
//! listed and no longer there.

use super::shape::{self, Names};
use serde_json::Value;
use std::collections::BTreeSet;

/// A difference: which calls (`*` at an end stands for anything), how its line begins, and why it is there.
type Listed = (&'static str, &'static str, &'static str);

const LISTED: &[Listed] = &[
    ("getcontract_*", "only ours: .abi.entrys[].constant", OLDER),
    ("getcontract_*", "only real: .abi.entrys[].inputs[].indexed", OLDER),
    ("getcontract_*", "differs: .abi.entrys[].stateMutability: real \"Payable\" / ours ", OLDER),
    (
        "getcontract_*",
        "differs: .abi.entrys[].type: real \"Constructor\" | \"Event\" | \"Receive\" / ours ",
        OLDER,
    ),
    (
        "listwitnesses",
        "only real: .witnesses[].totalMissed",
        "no witness of this chain misses its turn; the recorded node had been restarted",
    ),
];

/// Why the token's description is another.
const OLDER: &str = "the token here is described as mainnet's USDT, which is older than the recorded test token: its \
    functions say that they are constant, it takes no TRX, and only its functions are listed";

/// What was compared and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    compared: usize,
    equal: usize,
    listed: BTreeSet<usize>,
    listed_lines: usize,
    unlisted: Vec<String>,
}

impl Report {
    /// Compares an answer of the real node with ours.
    pub(crate) fn answers(&mut self, call: &str, names: &Names, real: &Value, ours: &Value) {
        self.found(call, &shape::differences(&shape::of(real, names), &shape::of(ours, names)));
    }

    /// Takes down what differs in a call.
    pub(crate) fn found(&mut self, call: &str, differences: &[String]) {
        self.compared += 1;
        if differences.is_empty() {
            self.equal += 1;
        }
        for line in differences {
            let known =
                LISTED.iter().position(|(calls, begins, _)| fits(calls, call) && line.starts_with(begins));
            match known {
                Some(place) => {
                    self.listed.insert(place);
                    self.listed_lines += 1;
                }
                None => self.unlisted.push(format!("{call}: {line}")),
            }
        }
    }

    /// Says how it went, and fails where it must.
    #[expect(clippy::print_stdout, reason = "the counts are what is shown")]
    pub(crate) fn judge(self) {
        println!(
            "{} answers compared with a real node's: {} equal, {} with listed differences ({} lines of {} kinds)",
            self.compared,
            self.equal,
            self.compared - self.equal,
            self.listed_lines,
            LISTED.len(),
        );
        let gone: Vec<String> = LISTED
            .iter()
            .enumerate()
            .filter(|(place, _)| !self.listed.contains(place))
            .map(|(_, (calls, begins, _))| format!("{calls}: {begins}"))
            .collect();
        assert!(
            self.unlisted.is_empty(),
            "{} differences that are not listed:\n{}",
            self.unlisted.len(),
            self.unlisted.join("\n")
        );
        assert!(gone.is_empty(), "listed, but no longer there:\n{}", gone.join("\n"));
        assert!(self.compared > 370, "only {} answers were found to compare", self.compared);
    }
}

fn fits(pattern: &str, call: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(""), _) => true,
        (Some(rest), None) => call.ends_with(rest),
        (Some(rest), Some(_)) => rest.strip_suffix('*').is_some_and(|middle| call.contains(middle)),
        (None, Some(rest)) => call.starts_with(rest),
        (None, None) => pattern == call,
    }
}
