//! What came of a world: what was wrong, what happened in numbers, and the hash that says whether two runs were one.

/// What was found to be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which check.
    pub check: String,
    /// What it says.
    pub detail: String,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What was wrong, if anything.
    pub broken: Vec<Broken>,
    /// Hash of all that happened.
    pub hash: String,
    /// The last of it, oldest first.
    pub lines: Vec<String>,
    /// How much time passed in the world, in milliseconds.
    pub simulated_ms: i64,
    /// What was counted.
    pub tally: Tally,
}

/// What happened, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Blocks that were made.
    pub blocks: u64,
    /// Forks.
    pub forks: u64,
    /// Power cuts.
    pub cuts: u64,
    /// Panics of actors.
    pub panics: u64,
    /// Orders that were acknowledged.
    pub orders: u64,
    /// Orders that were delivered and taken back.
    pub completed: u64,
    /// Of those, orders that two payments of one sender paid for together.
    pub completed_by_rest: u64,
    /// Payments that came after their order's time and were served.
    pub sold_late: u64,
    /// Payments on the chain.
    pub payments: u64,
    /// Times that all books were checked.
    pub audits: u64,
}

impl Tally {
    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        self.blocks += other.blocks;
        self.forks += other.forks;
        self.cuts += other.cuts;
        self.panics += other.panics;
        self.orders += other.orders;
        self.completed += other.completed;
        self.completed_by_rest += other.completed_by_rest;
        self.sold_late += other.sold_late;
        self.payments += other.payments;
        self.audits += other.audits;
    }
}

impl Outcome {
    /// A world that could not be made.
    pub(super) fn failed(check: &str, detail: &dyn std::fmt::Display) -> Self {
        Self {
            broken: vec![Broken { check: check.to_owned(), detail: detail.to_string() }],
            hash: String::new(),
            lines: Vec::new(),
            simulated_ms: 0,
            tally: Tally::default(),
        }
    }
}
