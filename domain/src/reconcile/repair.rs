//! What mends a difference, and who must be asked. What only looks again is done at once; what writes something off waits
//! for a person; what acts on the chain or gives a delegation up waits for two. Where the books rest on what is not on the
//! chain there is nothing that a rule could do.

use super::{Class, Decision, Difference, Matter, Repair, named};
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
        /// Takes back on the chain what the books do not know to be lent.
        Retake "retake",
        /// Takes note that what a rental had lent is gone, and that nothing of it can be taken back.
        Release "release",
    }
}

impl RepairKind {
    /// Whether two persons must want it.
    pub const fn needs_two(self) -> bool {
        matches!(self, Self::Retake | Self::Release)
    }

    /// What comes of it, for people.
    pub const fn effect(self) -> &'static str {
        match self {
            Self::RereadBlocks => "blocks are read again, and what is missing of them is recorded",
            Self::ObserveAccount => "no more is promised than the account has now",
            Self::WriteOff => "the difference is expected from now on; nothing is moved on the chain",
            Self::Retake => {
                "as much energy is taken back from the receiver on the chain, once; two persons must approve"
            }
            Self::Release => {
                "rentals that are over and of which nothing is left on the chain are ended, and their hold on the \
                 account's stake; nothing is moved on the chain; two persons must approve"
            }
        }
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
}

/// What a person may choose for a difference, the one that is proposed first. `is_in_vain`: blocks were read again for
/// it, and nothing was missing of them.
pub fn choices(difference: &Difference, is_in_vain: bool) -> &'static [RepairKind] {
    use RepairKind as K;
    let is_more = difference.excess() > 0;
    match (difference.matter, difference.class) {
        (Matter::Delegation | Matter::Payments, Class::MissedEvent) if !is_in_vain => &[K::RereadBlocks],
        (Matter::Stake | Matter::Capacity, Class::ExternalMovement) => &[K::ObserveAccount],
        // Whoever lent it past us may have wanted to.
        (Matter::Delegation, Class::ExternalMovement) if is_more => &[K::WriteOff, K::Retake],
        (Matter::Delegation, Class::MissedEvent) if is_more => &[K::Retake, K::WriteOff],
        (Matter::Delegation, Class::Duplicate) if is_more => &[K::Retake],
        (Matter::Delegation, Class::MissedEvent | Class::ExternalMovement) => &[K::Release, K::WriteOff],
        // Whoever has added a node that shows more may have it looked for once more.
        (Matter::Payments, Class::MissedEvent) => &[K::WriteOff, K::RereadBlocks],
        (Matter::Payments | Matter::RefundAccount | Matter::PoolBalance, Class::ExternalMovement) => {
            &[K::WriteOff]
        }
        (_, Class::Duplicate | Class::Fork | Class::OurBug)
        | (
            Matter::Stake | Matter::Capacity | Matter::RefundAccount | Matter::PoolBalance,
            Class::MissedEvent,
        ) => &[],
    }
}

/// What would mend a difference; `None` where a person must find out first.
pub fn plan(difference: &Difference, is_in_vain: bool) -> Option<RepairPlan> {
    let kind = *choices(difference, is_in_vain).first()?;
    let is_automatic = matches!(kind, RepairKind::RereadBlocks | RepairKind::ObserveAccount);
    Some(RepairPlan { kind, is_automatic })
}

/// What a person says of a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Say {
    /// It is to be done; as something else than was proposed, where that is said.
    Approve(Option<RepairKind>),
    /// It is not.
    Reject,
}

/// Why a person's word does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SayRefusal {
    /// It does not wait for anybody.
    #[error("the repair is not to be decided any more")]
    NotProposed,
    /// That would not mend this.
    #[error("{} is no way to mend this", .0.name())]
    NotAChoice(RepairKind),
    /// Somebody wants something else by now than was proposed: whoever agrees says to what.
    #[error("it is to be done as {} now: who agrees to that must name it", .0.name())]
    Unnamed(RepairKind),
    /// Two must want it.
    #[error("whoever asked for it cannot be the second person")]
    SamePerson,
}

impl Repair {
    /// What becomes of a repair when a person has spoken. What two must want waits for the second of them.
    pub fn decide(&self, say: Say, decision: Decision) -> Result<Self, SayRefusal> {
        if self.state != RepairState::Proposed {
            return Err(SayRefusal::NotProposed);
        }
        let mut next = self.clone();
        let Say::Approve(wanted) = say else {
            next.state = RepairState::Rejected;
            next.decision = Some(decision);
            return Ok(next);
        };
        if let Some(kind) = wanted.filter(|kind| *kind != self.kind) {
            if !choices(&self.difference, true).contains(&kind) {
                return Err(SayRefusal::NotAChoice(kind));
            }
            // Whoever wanted something else has not wanted this.
            next.kind = kind;
            kind.effect().clone_into(&mut next.effect);
            next.asked = None;
        }
        // What was proposed first needs no name. What a person has put in its place may be news to the next one.
        if wanted.is_none() && choices(&self.difference, true).first() != Some(&self.kind) {
            return Err(match &self.asked {
                Some(first) if first.by == decision.by => SayRefusal::SamePerson,
                _ => SayRefusal::Unnamed(self.kind),
            });
        }
        if next.kind.needs_two() {
            match &next.asked {
                None => {
                    next.asked = Some(decision);
                    return Ok(next);
                }
                Some(first) if first.by == decision.by => return Err(SayRefusal::SamePerson),
                Some(_) => {}
            }
        }
        next.state = RepairState::Approved;
        next.decision = Some(decision);
        Ok(next)
    }
}
