//! What mends a difference, and who must be asked. What only looks again is done at once; what writes something off or
//! gives something up waits for a person; and where the books are in doubt there is nothing that a rule could do.

use super::{Class, Difference, Matter, named};
use crate::error::ParseError;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

named! {
    /// What a repair does.
    RepairKind ("kind of a repair") {
        /// Reads blocks again and records what is missing of them.
        RereadBlocks "reread_blocks",
        /// Asks the chain again what an account has.
        ObserveAccount "observe_account",
        /// Takes note that it is so, and expects it from now on.
        WriteOff "write_off",
    }
}

named! {
    /// What has become of a repair.
    RepairState ("state of a repair") {
        /// Waits for a person.
        Proposed "proposed",
        /// To be applied: a person said so, or nobody need be asked.
        Approved "approved",
        /// A person said no. Final.
        Rejected "rejected",
        /// Done. Final.
        Applied "applied",
        /// Could not be done, or is not needed any more. Final.
        Failed "failed",
    }
}

impl RepairState {
    /// Whether nothing more becomes of it.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Rejected | Self::Applied | Self::Failed)
    }

    /// Whether it can become that.
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Proposed, Self::Approved | Self::Rejected | Self::Failed)
                | (Self::Approved, Self::Applied | Self::Failed)
        )
    }
}

/// What would mend a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepairPlan {
    /// What is done.
    pub kind: RepairKind,
    /// Whether it is done without asking: it takes nothing from anybody and can be done again.
    pub is_automatic: bool,
    /// What comes of it.
    pub effect: &'static str,
}

/// What would mend a difference; `None` where a person must find out first.
pub const fn plan(difference: &Difference) -> Option<RepairPlan> {
    let (kind, is_automatic, effect) = match (difference.matter, difference.class) {
        (Matter::Delegation | Matter::Payments, Class::MissedEvent) => {
            (RepairKind::RereadBlocks, true, "blocks are read again, and what is missing of them is recorded")
        }
        (Matter::Stake | Matter::Capacity, Class::ExternalMovement) => {
            (RepairKind::ObserveAccount, true, "no more is promised than the account has now")
        }
        (Matter::Delegation | Matter::Payments, Class::ExternalMovement) => (
            RepairKind::WriteOff,
            false,
            "the difference is expected from now on; nothing is moved on the chain",
        ),
        (_, Class::Duplicate | Class::Fork | Class::OurBug)
        | (Matter::Stake | Matter::Capacity, Class::MissedEvent) => return None,
    };
    Some(RepairPlan { kind, is_automatic, effect })
}
