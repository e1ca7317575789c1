//! What to do with an operation now. The death rule lives here: [`may_resign`] is the only code that can allow
//! a second transaction for the same effect.

use super::{OperationKind, OperationState, OperationWork, RefusalMeaning, TrackedAttempt, meaning_of};
use crate::{
    address::BlockRef,
    chain::{Delivery, Head},
    planted::{Fault, planted},
    time::{Span, Timestamp},
};

/// The chain as far as we have read and verified it ourselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainView {
    /// The newest block that has been read.
    pub head: Head,
    /// The newest solid block, never above `head`.
    pub solid: Head,
}

/// How operations are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationPolicy {
    /// How long a transaction may live, counted from the newest block.
    pub lifetime: Span,
    /// How many transactions may be signed for one delegation before what it should deliver is planned anew.
    pub max_attempts: u32,
}

impl Default for OperationPolicy {
    fn default() -> Self {
        Self { lifetime: Span::from_secs(60), max_attempts: 8 }
    }
}

/// What its agent does with an operation next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextAct {
    /// Nothing until something changes.
    Wait,
    /// Sign a transaction bound to this block, and store it before sending it.
    Sign {
        /// The block it is bound to.
        reference: BlockRef,
        /// Its expiration.
        expiration: Timestamp,
    },
    /// Send the stored bytes (again).
    Send,
    /// Record that it is in this block.
    Include(Delivery),
    /// Record that the block that held it has left the chain; the same bytes may be included again.
    Exclude,
    /// Record that its block is solid.
    Solidify(Delivery),
    /// Record that its transaction is dead; the next look signs another.
    Bury,
    /// Record that its transaction is dead and no other will be signed.
    Fail(RefusalMeaning),
    /// Record that it is called off: what it rests on is gone and it can no longer take effect.
    Cancel,
}

/// Why a transaction can never be included in the chain we follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// A solid block is as late as its expiration, and it is in none up to that one.
    Expired,
    /// The block it is bound to left the chain, and the fork is below the solid block.
    ForkExcluded,
    /// It is in a solid block and had no effect there; no block will hold it again.
    Failed,
}

/// Says whether a transaction is provably dead, and why. Rests on our own stream of verified blocks alone:
/// `included` is what that stream says, complete up to `chain.head`.
///
/// java-tron `Manager.validateCommon` refuses a transaction in a block whose parent is as late as its expiration,
/// and `validateTapos` one whose reference block is not on the chain being extended.
pub fn death_of(attempt: &TrackedAttempt, chain: ChainView) -> Option<Death> {
    if attempt.included.is_some() {
        return None;
    }
    if attempt.failed.is_some_and(|at| at.block.height() <= chain.solid.height()) {
        return Some(Death::Failed);
    }
    if chain.solid.timestamp >= attempt.attempt.expiration
        || planted(Fault::ResignAtHeadExpiry) && chain.head.timestamp >= attempt.attempt.expiration
        || planted(Fault::ResignOnSilence)
            && chain.head.timestamp >= attempt.attempt.expiration.minus(Span::from_secs(50))
    {
        return Some(Death::Expired);
    }
    let fork_is_final = !attempt.reference_canonical
        && (chain.solid.height() >= attempt.attempt.reference.height()
            || planted(Fault::ForkExcludedTooEarly));
    fork_is_final.then_some(Death::ForkExcluded)
}

/// Whether another transaction may be signed for the operation: there is none yet, or the newest is provably dead
/// (and all older ones were when it was signed).
pub fn may_resign(newest: Option<&TrackedAttempt>, chain: ChainView) -> bool {
    newest.is_none_or(|attempt| attempt.attempt.dead || death_of(attempt, chain).is_some())
}

/// Says what to do with an operation now.
pub fn next_act(work: &OperationWork, chain: ChainView, policy: OperationPolicy) -> NextAct {
    match work.operation.state {
        OperationState::Intended => intended(work, chain, policy),
        OperationState::Signed | OperationState::Included => {
            work.newest.as_ref().map_or(NextAct::Wait, |newest| live(work, newest, chain))
        }
        OperationState::Solid | OperationState::Failed | OperationState::Cancelled => NextAct::Wait,
    }
}

/// No live transaction exists: sign one, if what it rests on is there.
fn intended(work: &OperationWork, chain: ChainView, policy: OperationPolicy) -> NextAct {
    if !may_resign(work.newest.as_ref(), chain) {
        return NextAct::Wait;
    }
    // Delegating may be left to another account or given up, and a refund to a person; taking energy back may not.
    let may_give_up = !matches!(work.operation.kind, OperationKind::Undelegate { .. });
    if may_give_up && work.operation.attempts >= policy.max_attempts {
        return NextAct::Fail(RefusalMeaning::TryAgain);
    }
    let reference = match work.operation.kind {
        // Bound to the payment: where the payment's block is not, the delegation cannot be.
        OperationKind::Delegate { .. } => match work.payment_block {
            // Once the payment is solid any solid block is a descendant of it, and a recent one keeps the
            // reference inside the chain's window of 65,536 blocks.
            Some(payment) if payment.block.height() <= chain.solid.height() => chain.solid.block,
            Some(_) if planted(Fault::ReferenceFromSolid) => chain.solid.block,
            Some(payment) => payment.block,
            None => return NextAct::Wait,
        },
        // Nothing to be bound to, and the chain merges what one account delegates to one receiver: one at a time.
        OperationKind::Undelegate { .. } | OperationKind::Retake { .. } if work.sibling_live => {
            return NextAct::Wait;
        }
        // Of a refund the payment is solid: nothing to be bound to either.
        OperationKind::Undelegate { .. } | OperationKind::Retake { .. } | OperationKind::Refund { .. } => {
            chain.solid.block
        }
    };
    NextAct::Sign { reference, expiration: chain.head.timestamp.plus(policy.lifetime) }
}

/// A transaction exists: follow it.
fn live(work: &OperationWork, newest: &TrackedAttempt, chain: ChainView) -> NextAct {
    let recorded_included = work.operation.state == OperationState::Included;
    match newest.included {
        // Inclusion is recorded before solidity: it is what turns the hold on the capacity into a delegation.
        Some(delivery) if !recorded_included => NextAct::Include(delivery),
        // A fork put it into another block before anybody looked; the rental's clock depends on which.
        Some(delivery) if work.operation.delivery != Some(delivery) => NextAct::Exclude,
        Some(delivery)
            if delivery.block.height() <= chain.solid.height() || planted(Fault::IncludedIsSolid) =>
        {
            NextAct::Solidify(delivery)
        }
        Some(_) => NextAct::Wait,
        None if recorded_included && planted(Fault::ExclusionForgotten) => NextAct::Wait,
        None if recorded_included => NextAct::Exclude,
        None if planted(Fault::RefundSentAgain) && is_unanswered(work, newest, chain) => NextAct::Bury,
        None => match death_of(newest, chain) {
            // Past its expiration a node can only say so, which would hide what it said before.
            None if chain.head.timestamp >= newest.attempt.expiration => NextAct::Wait,
            // It is in a block already, without effect: nothing to send, and not final yet.
            None if newest.failed.is_some() => NextAct::Wait,
            None => NextAct::Send,
            Some(death) => after_death(work, newest, death),
        },
    }
}

/// With the fault: whether a refund's transfer is in no block after a while.
fn is_unanswered(work: &OperationWork, newest: &TrackedAttempt, chain: ChainView) -> bool {
    matches!(work.operation.kind, OperationKind::Refund { .. })
        && chain.head.timestamp >= newest.attempt.expiration.minus(Span::from_secs(20))
}

/// Its transaction is provably dead: decide between another one and none.
fn after_death(work: &OperationWork, newest: &TrackedAttempt, death: Death) -> NextAct {
    let delegates = matches!(work.operation.kind, OperationKind::Delegate { .. });
    let refunds = matches!(work.operation.kind, OperationKind::Refund { .. });
    if delegates && work.payment_block.is_none() {
        return NextAct::Cancel;
    }
    let meaning = match death {
        Death::ForkExcluded => RefusalMeaning::TryAgain,
        Death::Failed => RefusalMeaning::ExecutionFailed,
        Death::Expired => newest.attempt.refusal.as_ref().map_or(RefusalMeaning::TryAgain, meaning_of),
    };
    match meaning {
        // An undelegation is never given up for lack of capacity or of a receiver: only for lack of a delegation.
        RefusalMeaning::NothingToReclaim if !delegates && !refunds => NextAct::Fail(meaning),
        RefusalMeaning::CapacityGone
        | RefusalMeaning::ReceiverUnusable
        | RefusalMeaning::AccountBroke
        | RefusalMeaning::KeyUnfit
            if delegates =>
        {
            NextAct::Fail(meaning)
        }
        // Money is sent again only where the first transaction was lost on the way; else a person looks, or the account
        // is filled up first.
        RefusalMeaning::AccountBroke
        | RefusalMeaning::KeyUnfit
        | RefusalMeaning::ReceiverUnusable
        | RefusalMeaning::ExecutionFailed
            if refunds =>
        {
            NextAct::Fail(meaning)
        }
        _ => NextAct::Bury,
    }
}
