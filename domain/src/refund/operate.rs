//! What a person may ask of a refund. Above a limit one person asks and another one approves: nobody approves what they
//! asked for themselves. Every wish carries a name and a reason, which stay in the books.

use super::{
    Decider, InvalidRefundStep, KeptBy, Refund, RefundEvent, RefundHold, RefundPolicy, RefundState,
    RefundTransition, step,
};
use crate::{
    address::Address,
    id::{ApiKeyId, OrderId},
    operation::RefusalMeaning,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// A person, and why they want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The API key they are known by.
    pub key: ApiKeyId,
    /// Why.
    pub reason: String,
}

/// What a person wants done with a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum OperatorAction {
    /// Send it now: it waits for its time, or is held.
    Release,
    /// Send it nowhere until a person says so.
    Hold,
    /// Keep it.
    Forfeit,
    /// Send it to this address instead of the payer's.
    SetAddress {
        /// Where.
        to: Address,
    },
    /// Let the payment pay for this order instead.
    Assign {
        /// Which.
        order: OrderId,
    },
    /// Agree to what another person wants, or to a refund that is held for it.
    Approve {
        /// The version of the refund that was looked at: nobody agrees to what they have not seen.
        version: i64,
    },
    /// Refuse what another person wants, or hold a refund that waits for approval for good.
    Reject {
        /// The version of the refund that was looked at.
        version: i64,
    },
}

impl OperatorAction {
    /// A stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Hold => "hold",
            Self::Forfeit => "forfeit",
            Self::SetAddress { .. } => "set_address",
            Self::Assign { .. } => "assign",
            Self::Approve { .. } => "approve",
            Self::Reject { .. } => "reject",
        }
    }
}

/// What one person wants done, until another one has seen it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// What.
    pub action: OperatorAction,
    /// Who.
    pub by: ApiKeyId,
    /// Why.
    pub reason: String,
    /// When, in chain time.
    pub at: Timestamp,
}

/// Why a wish was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OperatorRefusal {
    /// It is too late, or too early, for that.
    #[error(transparent)]
    Step(#[from] InvalidRefundStep),
    /// Nobody approves or rejects their own wish.
    #[error("who asked for it can neither approve nor reject it")]
    Own,
    /// It is not what was looked at any more.
    #[error("it has changed since it was looked at: it is of version {version} now")]
    Changed {
        /// What it is now.
        version: i64,
    },
    /// There is nothing to approve or to reject.
    #[error("nothing waits for approval")]
    NothingProposed,
    /// Something else waits for approval.
    #[error("something else waits for approval already")]
    AlreadyProposed,
    /// The address is one of our own, or on the deny list.
    #[error("nothing is sent to that address")]
    Address,
    /// A reason must be given.
    #[error("a reason must be given")]
    NoReason,
}

/// What becomes of a refund by a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operated {
    /// Its change.
    pub transition: RefundTransition,
    /// The order that its payment is to pay for, in the same commit.
    pub assign: Option<OrderId>,
    /// Whether a second person must approve before anything is done.
    pub is_proposed: bool,
}

/// Does what a person wants with a refund, or notes it for a second person. `now` is chain time.
pub fn operate(
    refund: &Refund,
    action: OperatorAction,
    operator: &Operator,
    policy: &RefundPolicy,
    now: Timestamp,
) -> Result<Operated, OperatorRefusal> {
    if operator.reason.trim().is_empty() {
        return Err(OperatorRefusal::NoReason);
    }
    match action {
        OperatorAction::Approve { version } | OperatorAction::Reject { version }
            if version != refund.version =>
        {
            Err(OperatorRefusal::Changed { version: refund.version })
        }
        OperatorAction::Approve { .. } => approve(refund, operator, policy, now),
        OperatorAction::Reject { .. } => reject(refund, operator, now),
        // Whoever wants nothing sent is never kept waiting.
        OperatorAction::Hold => done(refund, action, operator.key, policy, now),
        _ if refund.proposal.is_some() => Err(OperatorRefusal::AlreadyProposed),
        // Before it is sent the second person is asked for.
        OperatorAction::Release if refund.state == RefundState::Due => {
            done(refund, action, operator.key, policy, now)
        }
        _ if wants_two(refund, action, policy) => {
            // What could not be done anyway is refused now, and not when the second person agrees.
            done(refund, action, operator.key, policy, now)?;
            let proposal = Proposal { action, by: operator.key, reason: operator.reason.clone(), at: now };
            let noted = Refund { proposal: Some(proposal), ..refund.clone() };
            Ok(Operated {
                transition: changed(refund, noted, "proposed", now),
                assign: None,
                is_proposed: true,
            })
        }
        _ => done(refund, action, operator.key, policy, now),
    }
}

/// Whether a wish is more than one person may decide: much money, money that would go elsewhere than to its payer, or more
/// of it than the spend guard lets through.
const fn wants_two(refund: &Refund, action: OperatorAction, policy: &RefundPolicy) -> bool {
    let waives = matches!(refund.state, RefundState::Held { why: RefundHold::Guard { .. }, .. });
    match action {
        OperatorAction::SetAddress { .. } => true,
        OperatorAction::Release => waives || policy.needs_two(refund),
        _ => policy.needs_two(refund),
    }
}

/// A second person agrees.
fn approve(
    refund: &Refund,
    operator: &Operator,
    policy: &RefundPolicy,
    now: Timestamp,
) -> Result<Operated, OperatorRefusal> {
    if let Some(proposal) = &refund.proposal {
        if proposal.by == operator.key {
            return Err(OperatorRefusal::Own);
        }
        let agreed = Refund { proposal: None, approved_by: Some(operator.key), ..refund.clone() };
        let mut operated = done(&agreed, proposal.action, proposal.by, policy, now)?;
        if matches!(proposal.action, OperatorAction::SetAddress { .. }) {
            let set = &mut operated.transition.refund;
            // They have seen where it goes, and how much.
            (set.approved_by, set.address_approved_by) = (Some(operator.key), Some(operator.key));
            if matches!(set.state, RefundState::Held { why: RefundHold::NeedsApproval, .. }) {
                set.state = RefundState::Due;
            }
        }
        return Ok(operated);
    }
    if !matches!(refund.state, RefundState::Held { why: RefundHold::NeedsApproval, .. }) {
        return Err(OperatorRefusal::NothingProposed);
    }
    if refund.decided_by.key() == Some(operator.key) || refund.address_set_by == Some(operator.key) {
        return Err(OperatorRefusal::Own);
    }
    let mut transition = step(refund, &RefundEvent::Ripened, now)?;
    transition.refund.approved_by = Some(operator.key);
    if refund.address_set_by.is_some() && refund.address_approved_by.is_none() {
        transition.refund.address_approved_by = Some(operator.key);
    }
    transition.event = "approved";
    Ok(Operated { transition, assign: None, is_proposed: false })
}

/// A second person refuses.
fn reject(refund: &Refund, operator: &Operator, now: Timestamp) -> Result<Operated, OperatorRefusal> {
    let needs_approval = matches!(refund.state, RefundState::Held { why: RefundHold::NeedsApproval, .. });
    if refund.proposal.is_none() && !needs_approval {
        return Err(OperatorRefusal::NothingProposed);
    }
    // Else whoever asked could put another wish into the place of the one that somebody is looking at.
    if refund.proposal.as_ref().is_some_and(|proposal| proposal.by == operator.key) {
        return Err(OperatorRefusal::Own);
    }
    let mut rejected = Refund { proposal: None, ..refund.clone() };
    if refund.proposal.is_none() {
        rejected.state = RefundState::Held { why: RefundHold::Operator, retry_at: None };
    }
    Ok(Operated { transition: changed(refund, rejected, "rejected", now), assign: None, is_proposed: false })
}

/// What a wish comes to, approved where that is needed.
fn done(
    refund: &Refund,
    action: OperatorAction,
    by: ApiKeyId,
    policy: &RefundPolicy,
    now: Timestamp,
) -> Result<Operated, OperatorRefusal> {
    let plain = |transition| Operated { transition, assign: None, is_proposed: false };
    let refuse = || {
        let (state, event) = (refund.state.kind(), action.name());
        Err(OperatorRefusal::Step(InvalidRefundStep { state, event }))
    };
    match action {
        // It goes by itself. But it may still turn out to want two persons, and who wanted it cannot be both of them. Where
        // somebody has answered for it, who wants it too changes nothing of that.
        OperatorAction::Release if refund.state == RefundState::Due => {
            let by = Decider::Operator { key: by };
            let decided_by = if refund.is_answered_for() { refund.decided_by } else { by };
            let decided = Refund { decided_by, ..refund.clone() };
            Ok(plain(changed(refund, decided, "released", now)))
        }
        OperatorAction::Release => {
            let mut transition = step(refund, &RefundEvent::Ripened, now)?;
            let held = match refund.state {
                RefundState::Held { why, .. } => Some(why),
                _ => None,
            };
            match held {
                // Where it would go is what must change.
                Some(RefundHold::OwnAddress) => return Err(OperatorRefusal::Address),
                Some(RefundHold::Guard { .. }) => transition.refund.guard_waived = true,
                Some(
                    RefundHold::DeniedAddress | RefundHold::ContractAddress | RefundHold::InactiveAddress,
                ) => transition.refund.checks_waived = true,
                _ => {}
            }
            transition.refund.decided_by = Decider::Operator { key: by };
            transition.event = "released";
            Ok(plain(transition))
        }
        OperatorAction::Hold => {
            let why = RefundHold::Operator;
            match &refund.state {
                RefundState::Waiting { .. } | RefundState::Due | RefundState::Held { .. } => {
                    let state = RefundState::Held { why, retry_at: None };
                    let held = Refund { state, ..refund.clone() };
                    Ok(plain(changed(refund, held, "held", now)))
                }
                _ => refuse(),
            }
        }
        OperatorAction::Forfeit => {
            let mut transition = step(refund, &RefundEvent::Keep(KeptBy::Operator { key: by }), now)?;
            transition.refund.fee = 0;
            transition.refund.decided_by = Decider::Operator { key: by };
            Ok(plain(transition))
        }
        OperatorAction::SetAddress { to } => {
            if policy.own.contains(&to) || policy.denied.contains(&to) {
                return Err(OperatorRefusal::Address);
            }
            let state = match &refund.state {
                RefundState::Held {
                    why:
                        RefundHold::DeniedAddress
                        | RefundHold::OwnAddress
                        | RefundHold::ContractAddress
                        | RefundHold::InactiveAddress
                        // The chain lets nothing go there.
                        | RefundHold::Refused { meaning: RefusalMeaning::ReceiverUnusable },
                    ..
                } => RefundState::Due,
                state @ (RefundState::Waiting { .. } | RefundState::Due | RefundState::Held { .. }) => {
                    state.clone()
                }
                _ => return refuse(),
            };
            // An approval was of another address, and so was whatever was waived.
            let set = Refund {
                to,
                address_set_by: Some(by),
                address_approved_by: None,
                approved_by: None,
                checks_waived: false,
                guard_waived: false,
                state,
                ..refund.clone()
            };
            Ok(plain(changed(refund, set, "address_set", now)))
        }
        OperatorAction::Assign { order } => {
            let transition = step(refund, &RefundEvent::Withdraw, now)?;
            Ok(Operated { transition, assign: Some(order), is_proposed: false })
        }
        OperatorAction::Approve { .. } | OperatorAction::Reject { .. } => {
            Err(OperatorRefusal::NothingProposed)
        }
    }
}

/// A change that is a person's alone.
fn changed(before: &Refund, after: Refund, event: &'static str, now: Timestamp) -> RefundTransition {
    RefundTransition {
        from: before.state.kind(),
        from_version: before.version,
        event,
        refund: Refund { version: before.version.saturating_add(1), updated_at: now, ..after },
    }
}
