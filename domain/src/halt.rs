//! Halts: what makes the service stop moving money, what a halt stops and what goes on, and the limits whose crossing
//! raises one. A halt is a row, so it survives every restart, and only a person lifts it.

use crate::{
    error::ParseError,
    id::HaltId,
    operation::OperationKind,
    time::{Span, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Why money stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HaltCause {
    /// A person said so.
    Operator,
    /// More energy was delegated within an hour than is allowed.
    EnergyPerHour,
    /// More was paid back within an hour than is allowed.
    RefundsPerHour,
    /// More was paid back within a day than is allowed.
    RefundsPerDay,
    /// More TRX left the pool accounts within a day, for bandwidth or otherwise, than is allowed.
    BurntPerDay,
    /// The books say something that must not be.
    BrokenInvariant,
    /// The node's chain differs from ours below a block that we took for final.
    ForkBelowSolid,
}

impl HaltCause {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Operator,
        Self::EnergyPerHour,
        Self::RefundsPerHour,
        Self::RefundsPerDay,
        Self::BurntPerDay,
        Self::BrokenInvariant,
        Self::ForkBelowSolid,
    ];

    /// The value of the column `cause`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::EnergyPerHour => "energy_per_hour",
            Self::RefundsPerHour => "refunds_per_hour",
            Self::RefundsPerDay => "refunds_per_day",
            Self::BurntPerDay => "burnt_per_day",
            Self::BrokenInvariant => "broken_invariant",
            Self::ForkBelowSolid => "fork_below_solid",
        }
    }

    /// Whether a halt for this cause stops such an act from being begun. What was begun is followed to its end in any
    /// case: a signed transaction is alive on the chain whatever we think of it meanwhile.
    ///
    /// Taking energy back at a rental's end gives nothing away, so a limit or a person does not stop it; but where the
    /// books or the chain as we know it may be wrong, nobody knows whose energy it would be.
    pub const fn stops(self, act: MoneyAct) -> bool {
        match act {
            MoneyAct::Sell | MoneyAct::Delegate | MoneyAct::Refund => true,
            MoneyAct::Reclaim => matches!(self, Self::BrokenInvariant | Self::ForkBelowSolid),
        }
    }
}

impl FromStr for HaltCause {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|cause| cause.name() == text)
            .ok_or_else(|| ParseError::Name { kind: "halt cause", value: text.to_owned() })
    }
}

/// What can be begun that moves money or what money was paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MoneyAct {
    /// Taking an order, with or without one made beforehand.
    Sell,
    /// Giving energy.
    Delegate,
    /// Paying back.
    Refund,
    /// Taking energy back.
    Reclaim,
}

impl OperationKind {
    /// What intending such an operation, or signing for it, begins.
    pub const fn act(&self) -> MoneyAct {
        match self {
            Self::Delegate { .. } => MoneyAct::Delegate,
            Self::Undelegate { .. } | Self::Retake { .. } => MoneyAct::Reclaim,
            Self::Refund { .. } => MoneyAct::Refund,
        }
    }
}

/// One standstill, open or lifted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    /// Its id.
    pub id: HaltId,
    /// Why.
    pub cause: HaltCause,
    /// What was found, for people.
    pub detail: String,
    /// Stable names of what was found, so that what a person has seen and lifted is not raised again.
    pub evidence: Vec<String>,
    /// Since when, by the wall clock.
    pub since: Timestamp,
    /// Who raised it, and who told it more: actors' names, API keys' ids, `books`, or `cli`.
    pub raised_by: String,
    /// How it ended, if it did.
    pub lifted: Option<Lift>,
}

/// Most names of findings that one halt keeps. What comes beyond is found again, and raised, once it is lifted.
const MOST_EVIDENCE: usize = 500;
/// Most bytes of what one halt says.
const MOST_DETAIL: usize = 64 * 1_024;

impl Halt {
    /// Is told another reason for the same cause, while it is open: whoever lifts it is to see all of them. `false`
    /// where that was known.
    pub fn tell(&mut self, detail: &str, evidence: &[String], by: &str) -> bool {
        let new: Vec<&String> = evidence.iter().filter(|name| !self.evidence.contains(name)).collect();
        let lines: Vec<&str> =
            detail.lines().filter(|line| self.detail.lines().all(|known| known != *line)).collect();
        // What is counted changes from look to look; it is the names that say whether it is something else.
        let is_known = if evidence.is_empty() { lines.is_empty() } else { new.is_empty() };
        let size = lines
            .iter()
            .map(|line| line.len().saturating_add(1))
            .fold(self.detail.len(), usize::saturating_add);
        let is_full = self.evidence.len().saturating_add(new.len()) > MOST_EVIDENCE || size > MOST_DETAIL;
        if is_known || is_full {
            return false;
        }
        let new: Vec<String> = new.into_iter().cloned().collect();
        self.evidence.extend(new);
        for line in lines {
            self.detail.push('\n');
            self.detail.push_str(line);
        }
        if self.raised_by.split(", ").all(|known| known != by) {
            self.raised_by.push_str(", ");
            self.raised_by.push_str(by);
        }
        true
    }
}

/// The end of a halt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lift {
    /// When.
    pub at: Timestamp,
    /// Who lifted it.
    pub by: String,
    /// Why it was right to.
    pub reason: String,
}

/// The first of these causes that stops an act.
pub fn stopped_by(open: impl IntoIterator<Item = HaltCause>, act: MoneyAct) -> Option<HaltCause> {
    open.into_iter().find(|cause| cause.stops(act))
}

/// What is counted against a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meter {
    /// Energy of delegations that were intended and did not come to nothing, in units of energy.
    Energy,
    /// TRX paid back, in sun.
    RefundsTrx,
    /// USDT paid back, in millionths.
    RefundsUsdt,
    /// TRX by which the pool accounts' balances fell, in sun. Whatever made them fall: what we know is bandwidth, and
    /// what is more than that somebody must look at all the more.
    Burnt,
}

impl Meter {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Energy, Self::RefundsTrx, Self::RefundsUsdt, Self::Burnt];

    /// A stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Energy => "energy",
            Self::RefundsTrx => "refunds_trx",
            Self::RefundsUsdt => "refunds_usdt",
            Self::Burnt => "burnt_trx",
        }
    }

    /// What an amount of it is, for people.
    const fn unit(self) -> &'static str {
        match self {
            Self::Energy => "energy delegated",
            Self::RefundsTrx => "sun paid back",
            Self::RefundsUsdt => "millionths of USDT paid back",
            Self::Burnt => "sun gone from pool accounts",
        }
    }
}

/// The most of something within a while. Crossing it raises a halt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What is counted.
    pub meter: Meter,
    /// The halt that it raises.
    pub cause: HaltCause,
    /// Within how long.
    pub window: Span,
    /// The most that is in order.
    pub most: i64,
}

impl Limit {
    /// What it is about, always in the same words, so that a halt for one is told from a halt for another.
    pub fn name(&self) -> String {
        let minutes = self.window.ms().checked_div(60_000).unwrap_or(0);
        format!("{}: more than {} within {minutes} minutes", self.meter.name(), self.most)
    }

    /// From when on is counted: the window, but not what lies before the last lift of such a halt. Whoever lifted it
    /// has seen that, and a count that went on would raise it again at once. Both moments are by the clock of what is
    /// counted: that of the chain for what is paid back, else that of whoever does the work.
    pub fn counts_from(&self, now: Timestamp, last_lift: Option<Timestamp>) -> Timestamp {
        let window = now.minus(self.window);
        last_lift.map_or(window, |lifted| lifted.max(window))
    }

    /// What a halt says of this count; `None` where it is in order.
    pub fn crossed(&self, counted: i64) -> Option<String> {
        (counted > self.most).then(|| {
            let minutes = self.window.ms().checked_div(60_000).unwrap_or(0);
            format!("{counted} {} within {minutes} minutes; the limit is {}", self.meter.unit(), self.most)
        })
    }
}
