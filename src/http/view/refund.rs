//! What becomes of money that bought nothing.

use crate::http::time::iso;
use leyden_domain::{
    Asset, Sun, UsdtMicro,
    operation::Operation,
    refund::{Decider, KeptBy, OperatorAction, Refund, RefundHold, RefundState},
};
use leyden_ports::store::{RefundAnswer, RefundCount, RefundDetail};
use serde::Serialize;
use utoipa::ToSchema;

/// A refund.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundView {
    /// Its id.
    #[schema(example = "rfd_0198a2f07c5e7d1e9a300a1b2c3d4e5f")]
    refund_id: String,
    /// Its payment.
    payment_id: String,
    /// The order that the payment settles or was meant for.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<String>,
    /// `waiting`, `due`, `held`, `sending`, `refunded`, `kept` or `withdrawn`.
    state: &'static str,
    /// Why it is owed: `under`, `over`, `late`, `second`, `suspense`, `unservable` or `reverted`.
    cause: &'static str,
    /// `TRX` or `USDT`.
    asset: &'static str,
    /// What goes out, in whole coins.
    #[schema(example = "1.400137")]
    amount: String,
    /// The same in millionths: sun for TRX.
    amount_micro: i64,
    /// What bought nothing, in millionths.
    owed_micro: i64,
    /// What of it is kept as the fee, in millionths.
    fee_micro: i64,
    /// Where it goes.
    to_address: String,
    /// Counts its changes; whoever approves or rejects names the one that they have seen.
    version: i64,
    /// Which API key wanted another address than the payer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    address_set_by: Option<String>,
    /// Which API key agreed to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    address_approved_by: Option<String>,
    /// Of one that is held: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_for: Option<&'static str>,
    /// Of one that is kept: by which rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_by: Option<&'static str>,
    /// When it is looked at again without anybody asking, by the chain's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_look_at: Option<String>,
    /// Which API key decided it; absent where a rule did.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
    /// Which API key approved it as the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<String>,
    /// What one person wants and a second one has not seen yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    proposal: Option<ProposalView>,
    /// When it began, by the chain's clock.
    created_at: String,
    /// When it last changed.
    updated_at: String,
    /// Its transfers, oldest first; only on the single refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    transfers: Option<Vec<RefundTransferView>>,
    /// What happened, oldest first; only on the single refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<RefundEntryView>>,
}

/// What one person wants done, until another one has seen it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProposalView {
    /// `release`, `forfeit`, `set_address` or `assign`.
    action: &'static str,
    /// The address that is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_address: Option<String>,
    /// The order that its payment is to pay for.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<String>,
    /// Which API key.
    by: String,
    /// Why.
    reason: String,
    /// When.
    at: String,
}

/// A transfer of a refund.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundTransferView {
    /// Its id.
    operation_id: String,
    /// `intended`, `signed`, `included`, `solid`, `failed` or `cancelled`.
    state: &'static str,
    /// Its newest transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_hash: Option<String>,
    /// The block that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    block_height: Option<i64>,
}

/// One line of a refund's history.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundEntryView {
    /// Counts up within the refund.
    sequence: i64,
    /// When, by the chain's clock.
    at: String,
    /// What happened.
    event: String,
    /// The state before.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'static str>,
    /// The state after.
    to: &'static str,
    /// Which API key wanted it; absent where a rule did.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// Why, or more about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl From<&Refund> for RefundView {
    fn from(refund: &Refund) -> Self {
        Self {
            refund_id: refund.id.to_string(),
            payment_id: refund.payment.to_string(),
            order_id: refund.order.map(|order| order.to_string()),
            state: refund.state.kind().name(),
            cause: refund.cause.name(),
            asset: refund.asset.name(),
            amount: coins(refund.asset, refund.amount()),
            amount_micro: refund.amount(),
            owed_micro: refund.owed,
            fee_micro: refund.fee,
            to_address: refund.to.to_string(),
            version: refund.version,
            address_set_by: refund.address_set_by.map(|key| key.to_string()),
            address_approved_by: refund.address_approved_by.map(|key| key.to_string()),
            held_for: held_for(&refund.state),
            kept_by: match &refund.state {
                RefundState::Kept { rule } => Some(KeptBy::name(rule)),
                _ => None,
            },
            next_look_at: refund.state.due_at().map(iso),
            decided_by: Decider::key(&refund.decided_by).map(|key| key.to_string()),
            approved_by: refund.approved_by.map(|key| key.to_string()),
            proposal: refund.proposal.as_ref().map(|proposal| ProposalView {
                action: proposal.action.name(),
                to_address: match proposal.action {
                    OperatorAction::SetAddress { to } => Some(to.to_string()),
                    _ => None,
                },
                order_id: match proposal.action {
                    OperatorAction::Assign { order } => Some(order.to_string()),
                    _ => None,
                },
                by: proposal.by.to_string(),
                reason: proposal.reason.clone(),
                at: iso(proposal.at),
            }),
            created_at: iso(refund.created_at),
            updated_at: iso(refund.updated_at),
            transfers: None,
            history: None,
        }
    }
}

impl RefundView {
    /// With its transfers and its history.
    pub(crate) fn detailed(detail: RefundDetail) -> Self {
        let transfers = detail.transfers.iter().map(|(operation, tx_id)| RefundTransferView {
            operation_id: operation.id.to_string(),
            state: operation.state.name(),
            tx_hash: tx_id.map(|id| id.to_string()),
            block_height: height(operation),
        });
        let transfers = transfers.collect();
        let history = detail.history.into_iter().map(|entry| RefundEntryView {
            sequence: entry.sequence,
            at: iso(entry.at),
            event: entry.event,
            from: entry.from.map(leyden_domain::refund::RefundStateKind::name),
            to: entry.to.name(),
            by: entry.by,
            note: entry.note,
        });
        Self { transfers: Some(transfers), history: Some(history.collect()), ..Self::from(&detail.refund) }
    }
}

fn height(operation: &Operation) -> Option<i64> {
    operation.delivery.map(|delivery| delivery.block.height().get())
}

fn coins(asset: Asset, amount: i64) -> String {
    match asset {
        Asset::Trx => Sun::new(amount).to_string(),
        Asset::Usdt => UsdtMicro::new(amount).to_string(),
    }
}

fn held_for(state: &RefundState) -> Option<&'static str> {
    match state {
        RefundState::Held { why, .. } => Some(RefundHold::name(why)),
        _ => None,
    }
}

/// What came of a wish.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WishView {
    /// `done`, or `proposed`: it is above the limit for one person, and a second one must approve it.
    #[schema(example = "done")]
    outcome: &'static str,
    /// The refund as it is now.
    refund: RefundView,
    /// The order that the payment pays for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned_order_id: Option<String>,
}

impl From<&RefundAnswer> for WishView {
    fn from(answer: &RefundAnswer) -> Self {
        Self {
            outcome: if answer.is_proposed { "proposed" } else { "done" },
            refund: RefundView::from(&answer.refund),
            assigned_order_id: answer.assigned.map(|order| order.to_string()),
        }
    }
}

/// What a customer is told of a refund.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundNoteView {
    /// Its id.
    refund_id: String,
    /// `waiting`, `due`, `held`, `sending`, `refunded`, `kept` or `withdrawn`.
    state: &'static str,
    /// `TRX` or `USDT`.
    asset: &'static str,
    /// What goes out, in whole coins.
    amount: String,
    /// The same in millionths.
    amount_micro: i64,
    /// What is kept as the fee, in millionths.
    fee_micro: i64,
    /// Where it goes.
    to_address: String,
    /// Of one that is held: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_for: Option<&'static str>,
    /// When it is looked at again without anybody asking, by the chain's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_look_at: Option<String>,
    /// The transaction that carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_hash: Option<String>,
}

impl From<&RefundDetail> for RefundNoteView {
    fn from(detail: &RefundDetail) -> Self {
        let refund = &detail.refund;
        Self {
            refund_id: refund.id.to_string(),
            state: refund.state.kind().name(),
            asset: refund.asset.name(),
            amount: coins(refund.asset, refund.amount()),
            amount_micro: refund.amount(),
            fee_micro: refund.fee,
            to_address: refund.to.to_string(),
            held_for: held_for(&refund.state),
            next_look_at: refund.state.due_at().map(iso),
            tx_hash: detail.transfers.last().and_then(|(_, tx_id)| *tx_id).map(|id| id.to_string()),
        }
    }
}

/// How many refunds are in a state.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundCountView {
    /// The state, and for what is held the reason, such as `held.guard_per_day`.
    state: String,
    /// `TRX` or `USDT`.
    asset: &'static str,
    /// How many.
    count: u64,
    /// How much in all, less fees, in millionths.
    amount_micro: i64,
}

impl From<RefundCount> for RefundCountView {
    fn from(count: RefundCount) -> Self {
        Self { state: count.state, asset: count.asset.name(), count: count.count, amount_micro: count.amount }
    }
}
