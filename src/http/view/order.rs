//! An order as `/api/v1` shows it: its exact state, what was paid and done, its history.

use super::{AmountView, RefundNoteView, amounts, failure_text};
use crate::http::{recipient::Notice, sale::Placed, time::iso};
use leyden_domain::{
    Timestamp,
    operation::Operation,
    order::{CountRule, Order, OrderStateKind},
    refund::RefundStateKind,
};
use leyden_ports::store::{OrderDetail, RefundDetail, TimelineEntry};
use serde::Serialize;
use utoipa::ToSchema;

/// How many transfers an order may buy.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CountView {
    /// `open`: the payer chooses by how much is paid. `fixed`: exactly this many.
    rule: &'static str,
    /// The fewest.
    min: u32,
    /// The most.
    max: u32,
}

/// What was paid for an order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaidView {
    /// The payment.
    payment_id: String,
    /// Its transaction.
    tx_hash: String,
    /// Who paid.
    from_address: String,
    /// How much.
    amount_trx: String,
    /// The same in sun.
    amount_sun: i64,
    /// Transfers bought.
    transaction_count: u32,
    /// Paid beyond what could be bought, in sun.
    excess_sun: i64,
    /// The block that holds it.
    block_height: i64,
}

/// One delegation or what takes it back.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationView {
    /// Its id.
    operation_id: String,
    /// `delegate` or `undelegate`.
    kind: &'static str,
    /// Whose stake.
    pool_account: String,
    /// `intended`, `signed`, `included`, `solid`, `failed` or `cancelled`.
    state: &'static str,
    /// Energy it stands for.
    energy_amount: i64,
    /// Stake it moves, in sun.
    balance_sun: i64,
    /// Its newest transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_hash: Option<String>,
    /// The block that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    block_height: Option<i64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderView {
    /// Its id.
    order_id: String,
    /// The exact state: `awaiting_payment`, `paid`, `funded`, `reserved`, `delegating`, `active`, `reclaiming`, `completed`,
    /// `reverted`, `refund_due`, `refunding`, `refunded`, `forfeited`, `expired`, `cancelled` or `held`.
    #[schema(example = "awaiting_payment")]
    state: &'static str,
    /// The state in the words of the `energy-flash` routes: `pending`, `paid`, `processing`, `completed`, `expired`, `cancelled`,
    /// `failed` or `refunded`.
    #[schema(example = "pending")]
    status: &'static str,
    /// `energy_flash`, `standard` or `orderless`.
    order_type: &'static str,
    /// Who gets the energy.
    recipient_address: String,
    /// Where to pay.
    payment_address: String,
    /// Who said in advance that they will pay.
    #[serde(skip_serializing_if = "Option::is_none")]
    payer_address: Option<String>,
    /// The chat it was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_id: Option<i64>,
    /// The caller's own name for its customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// Price of one transfer.
    #[schema(example = "1.500000")]
    unit_price_trx: String,
    /// The same in sun.
    unit_price_sun: i64,
    /// The sun on top of the price that make the amount this order's own.
    tail_sun: i64,
    /// How many transfers may be bought.
    count: CountView,
    /// Every amount that the order accepts.
    amounts: Vec<AmountView>,
    /// Energy of one transfer.
    energy_per_transaction: i64,
    /// How long the energy stays, in milliseconds.
    duration_ms: i64,
    /// What was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    paid: Option<PaidView>,
    /// When it was made.
    created_at: String,
    /// When it last changed.
    updated_at: String,
    /// Until when a payment is in time, by the chain's clock.
    expires_at: String,
    /// Until when the energy stays, by the chain's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
    /// What was done for it on chain; only on the single order.
    #[serde(skip_serializing_if = "Option::is_none")]
    operations: Option<Vec<OperationView>>,
    /// What goes back of its payments; only on the single order.
    #[serde(skip_serializing_if = "Option::is_none")]
    refunds: Option<Vec<RefundNoteView>>,
    /// `first_transfer_assumed`: no node could say whether the recipient holds the token, so each transfer gets the energy of
    /// a first one. Only where the order was just made, and absent where there is nothing to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<Notice>,
}

impl OrderView {
    /// As whoever has made it is shown it.
    pub(crate) fn placed(placed: &Placed) -> Self {
        Self { notice: placed.notice, ..Self::new(&placed.order) }
    }

    /// As it stands in a list.
    pub(crate) fn new(order: &Order) -> Self {
        let kind = order.state.kind();
        Self {
            order_id: order.id.to_string(),
            state: kind.name(),
            status: kind.status(),
            order_type: order.channel.name(),
            recipient_address: order.recipient.to_string(),
            payment_address: order.payment_address.to_string(),
            payer_address: order.bound_sender.map(|address| address.to_string()),
            chat_id: order.chat_id,
            user_id: order.user_id.clone(),
            unit_price_trx: order.unit_price.to_string(),
            unit_price_sun: order.unit_price.get(),
            tail_sun: order.tail.get(),
            count: CountView {
                rule: match order.count {
                    CountRule::Open { .. } => "open",
                    CountRule::Fixed { .. } => "fixed",
                },
                min: order.count.least(),
                max: order.count.most(),
            },
            amounts: amounts(order),
            energy_per_transaction: order.energy_per_transfer.get(),
            duration_ms: order.duration.ms(),
            paid: order.state.funding().map(|funding| PaidView {
                payment_id: funding.payment.to_string(),
                tx_hash: funding.payment.tx_id.to_string(),
                from_address: funding.payer.to_string(),
                amount_trx: funding.paid.to_string(),
                amount_sun: funding.paid.get(),
                transaction_count: funding.count,
                excess_sun: funding.excess.get(),
                block_height: funding.block.block.height().get(),
            }),
            created_at: iso(order.created_at),
            updated_at: iso(order.updated_at),
            expires_at: iso(order.expires_at),
            ends_at: order.state.ends_at().map(iso),
            operations: None,
            refunds: None,
            notice: None,
        }
    }

    /// With what was done for it on chain.
    pub(crate) fn detailed(detail: &OrderDetail, refunds: &[RefundDetail]) -> Self {
        let view = |operation: &Operation| OperationView {
            operation_id: operation.id.to_string(),
            kind: operation.kind.name(),
            pool_account: operation.owner.to_string(),
            state: operation.state.name(),
            energy_amount: operation.energy.get(),
            balance_sun: operation.balance.get(),
            tx_hash: detail.tx_of(operation.id).map(|id| id.to_string()),
            block_height: operation.delivery.map(|delivery| delivery.block.height().get()),
            error: operation.failure.map(failure_text),
        };
        let operations = detail.delegations.iter().chain(&detail.reclaims).map(view).collect();
        let refunds = Some(refunds.iter().map(RefundNoteView::from).collect());
        Self { operations: Some(operations), refunds, ..Self::new(&detail.order) }
    }
}

/// One line of an order's history.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TimelineView {
    /// Counts up within the order.
    sequence: i64,
    /// When, by the chain's clock.
    at: String,
    /// When, by the service's clock.
    recorded_at: String,
    /// What happened.
    event: String,
    /// The state before.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'static str>,
    /// The state after.
    to: &'static str,
    /// Of a refund's history: which one. `from` and `to` are the refund's states then, and `sequence` counts within it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_id: Option<String>,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl From<TimelineEntry> for TimelineView {
    fn from(entry: TimelineEntry) -> Self {
        Self {
            sequence: entry.sequence,
            at: iso(entry.at),
            recorded_at: iso(entry.recorded_at),
            event: entry.event,
            from: entry.from.map(OrderStateKind::name),
            to: entry.to.name(),
            refund_id: None,
            note: entry.note,
        }
    }
}

impl TimelineView {
    /// An order's history with that of its refunds, by time. Why operators did something to a refund is theirs.
    pub(crate) fn whole(entries: Vec<TimelineEntry>, refunds: &[RefundDetail]) -> Vec<Self> {
        let mut all: Vec<(Timestamp, Self)> =
            entries.into_iter().map(|entry| (entry.at, Self::from(entry))).collect();
        for detail in refunds {
            all.extend(detail.history.iter().map(|entry| {
                let view = Self {
                    sequence: entry.sequence,
                    at: iso(entry.at),
                    recorded_at: iso(entry.recorded_at),
                    event: format!("refund_{}", entry.event.strip_prefix("refund_").unwrap_or(&entry.event)),
                    from: entry.from.map(RefundStateKind::name),
                    to: entry.to.name(),
                    refund_id: Some(detail.refund.id.to_string()),
                    note: None,
                };
                (entry.at, view)
            }));
        }
        // Stable: what happened at one moment stays in its own order.
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, view)| view).collect()
    }
}
