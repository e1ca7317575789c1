//! Differences that stay. What lies on an account is compared with what lay there at the comparison before, so what that
//! comparison found would be forgotten by the next: it is carried on until the books explain it or a person has closed it.

use super::Difference;
use crate::{
    address::{Address, Height},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// A difference of what lies on accounts, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenDifference {
    /// What was found. Its height is that of the block at which it was found, and names it for good.
    pub difference: Difference,
    /// On which accounts.
    pub accounts: Vec<Address>,
    /// It came about in blocks above this one.
    pub since: Height,
    /// What the books knew of those blocks when it was found: what had come to the accounts less what had left, in sun.
    pub recorded: i64,
    /// When it was found.
    pub found_at: Timestamp,
}

impl OpenDifference {
    /// What is left of it where the books know this much of its blocks by now; `None` where they explain all of it.
    pub fn left(&self, recorded: i64) -> Option<Difference> {
        let explained = recorded.saturating_sub(self.recorded);
        let ours = self.difference.ours.saturating_add(explained);
        let left = Difference { ours, ..self.difference.clone() };
        (left.excess().signum() == self.difference.excess().signum()).then_some(left)
    }
}

/// A difference that nothing has explained and nobody has closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StillOpen {
    /// As it was found.
    pub found: OpenDifference,
    /// What is left of it.
    pub left: Difference,
}
