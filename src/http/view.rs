//! What clients are shown. The only place that renders an order's state and what was done for it.

use super::{number::Number, time::iso};
use leyden_domain::{
    Asset, Energy, Sun, UsdtMicro,
    operation::{Operation, OperationState, RefusalMeaning},
    order::{CountRule, Order},
    payment::{Payment, PaymentState},
    pool::PoolAccount,
};
use leyden_ports::store::{MonitoringRow, OrderDetail, TimelineEntry};
use serde::Serialize;
use utoipa::ToSchema;

/// An answer with data: `{"success": true, "data": …}`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Answer<T> {
    /// Always true.
    success: bool,
    /// What was asked for.
    data: T,
}

impl<T> Answer<T> {
    pub(crate) const fn new(data: T) -> Self {
        Self { success: true, data }
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListAnswer<T> {
    /// Always true.
    success: bool,
    /// Newest first.
    data: Vec<T>,
    /// Gives the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl<T> ListAnswer<T> {
    pub(crate) const fn new(data: Vec<T>, next_cursor: Option<String>) -> Self {
        Self { success: true, data, next_cursor }
    }
}

/// An answer with a text for people, and data.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageAnswer<T> {
    /// Always true.
    success: bool,
    /// For people.
    message: &'static str,
    /// What more is known.
    data: T,
}

impl<T> MessageAnswer<T> {
    pub(crate) const fn new(message: &'static str, data: T) -> Self {
        Self { success: true, message, data }
    }
}

/// The terms of an order, as requirement 001 names them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PriceConfigView {
    /// TRX for one transfer.
    #[schema(example = 1.5)]
    single_price: Number,
    /// Most transfers.
    #[schema(example = 10)]
    max_transactions: u32,
    /// Hours that the energy stays.
    #[schema(example = 1)]
    expiry_hours: Number,
}

impl PriceConfigView {
    fn of_order(order: &Order) -> Self {
        Self {
            single_price: Number::trx(order.unit_price),
            max_transactions: order.count.most(),
            expiry_hours: Number::hours(order.duration),
        }
    }
}

/// What a number of transfers costs, to the sun.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AmountView {
    /// Transfers.
    count: u32,
    /// Exactly what to pay for them.
    #[schema(example = "1.500137")]
    amount_trx: String,
    /// The same in sun.
    #[schema(example = 1_500_137)]
    amount_sun: i64,
}

/// Every amount that an order accepts.
fn amounts(order: &Order) -> Vec<AmountView> {
    (order.count.least()..=order.count.most())
        .filter_map(|count| {
            let amount = order.amount_due(count).ok()?;
            Some(AmountView { count, amount_trx: amount.to_string(), amount_sun: amount.get() })
        })
        .collect()
}

/// An order just made over the `energy-flash` routes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FlashOrderView {
    /// Its id.
    #[schema(example = "FLASH_1704067200000_abc123def")]
    order_id: String,
    /// Where to pay.
    payment_address: String,
    /// Its terms.
    price_config: PriceConfigView,
    /// Until when a payment is in time.
    #[schema(example = "2024-01-01T12:30:00.000Z")]
    expires_at: String,
    /// The sun on top of the price that make the amount this order's own.
    tail_sun: i64,
    /// Every amount that the order accepts; how much is paid chooses the count.
    amounts: Vec<AmountView>,
    /// Energy of one transfer.
    energy_per_transaction: i64,
}

impl FlashOrderView {
    pub(crate) fn new(order: &Order) -> Self {
        Self {
            order_id: order.id.to_string(),
            payment_address: order.payment_address.to_string(),
            price_config: PriceConfigView::of_order(order),
            expires_at: iso(order.expires_at),
            tail_sun: order.tail.get(),
            amounts: amounts(order),
            energy_per_transaction: order.energy_per_transfer.get(),
        }
    }
}

/// The delegation of one paid transfer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DelegationResultView {
    /// Counts the paid transfers from 1.
    transaction_index: u32,
    /// Whose stake it is.
    pool_account: String,
    /// Energy of this transfer.
    energy_amount: i64,
    /// The delegation; transfers that share an account share it.
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_hash: Option<String>,
    /// Whether the chain has it.
    success: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

/// An order over the `energy-flash` routes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FlashStatusView {
    /// Its id.
    order_id: String,
    /// `pending`, `paid`, `processing`, `completed`, `expired`, `cancelled`, `failed` or `refunded`.
    #[schema(example = "completed")]
    status: &'static str,
    /// TRX that came.
    #[schema(example = 15.000_137)]
    paid_amount: Number,
    /// The same in sun.
    paid_amount_sun: i64,
    /// Transfers bought.
    transaction_count: u32,
    /// One entry for each transfer bought, once its delegation is decided.
    delegation_result: Vec<DelegationResultView>,
    /// The exact state, as `/api/v1/orders` has it.
    state: &'static str,
    /// Until when a payment is in time.
    expires_at: String,
    /// Until when the energy stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
}

impl FlashStatusView {
    pub(crate) fn new(detail: &OrderDetail) -> Self {
        let order = &detail.order;
        let funding = order.state.funding();
        let kind = order.state.kind();
        let paid = funding.map_or(Sun::ZERO, |funding| funding.paid);
        Self {
            order_id: order.id.to_string(),
            status: kind.status(),
            paid_amount: Number::trx(paid),
            paid_amount_sun: paid.get(),
            transaction_count: funding.map_or(0, |funding| funding.count),
            delegation_result: delegation_results(detail),
            state: kind.name(),
            expires_at: iso(order.expires_at),
            ends_at: order.state.ends_at().map(iso),
        }
    }
}

/// One entry for each paid transfer. A delegation carries the energy of several; those that failed and were planned
/// again elsewhere are shown only where nothing took their place.
fn delegation_results(detail: &OrderDetail) -> Vec<DelegationResultView> {
    let Some(funding) = detail.order.state.funding() else { return Vec::new() };
    let standing = |operation: &&Operation| {
        !matches!(operation.state, OperationState::Failed | OperationState::Cancelled)
    };
    let mut shown: Vec<&Operation> = detail.delegations.iter().filter(standing).collect();
    if shown.is_empty() {
        shown = detail.delegations.iter().collect();
    }
    let per_transfer = detail.order.energy_per_transfer;
    (1..=funding.count)
        .filter_map(|index| {
            let begins = per_transfer.times(i64::from(index.saturating_sub(1))).ok()?;
            let operation = carrier(&shown, begins)?;
            Some(DelegationResultView {
                transaction_index: index,
                pool_account: operation.owner.to_string(),
                energy_amount: per_transfer.get(),
                tx_hash: detail.tx_of(operation.id).map(|id| id.to_string()),
                success: operation.state.took_effect(),
                error: operation.failure.map(failure_text),
            })
        })
        .collect()
}

/// The operation that carries the energy beginning at `begins`, counted over all of them in their order.
fn carrier<'a>(operations: &[&'a Operation], begins: Energy) -> Option<&'a Operation> {
    let mut end = Energy::ZERO;
    for operation in operations {
        end = end.plus(operation.energy).ok()?;
        if begins < end {
            return Some(operation);
        }
    }
    operations.last().copied()
}

const fn failure_text(meaning: RefusalMeaning) -> &'static str {
    match meaning {
        RefusalMeaning::TryAgain => "to be tried again",
        RefusalMeaning::CapacityGone => "the account's capacity was gone",
        RefusalMeaning::ReceiverUnusable => "the chain refuses delegations to the recipient",
        RefusalMeaning::AccountBroke => "the account could not pay for its transaction",
        RefusalMeaning::KeyUnfit => "the account's key was refused",
        RefusalMeaning::NothingToReclaim => "there was nothing to take back",
    }
}

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
    /// The exact state.
    #[schema(example = "awaiting_payment")]
    state: &'static str,
    /// The state in the words of the `energy-flash` routes.
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
}

impl OrderView {
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
        }
    }

    /// With what was done for it on chain.
    pub(crate) fn detailed(detail: &OrderDetail) -> Self {
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
        Self { operations: Some(operations), ..Self::new(&detail.order) }
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
            from: entry.from.map(leyden_domain::order::OrderStateKind::name),
            to: entry.to.name(),
            note: entry.note,
        }
    }
}

/// A payment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaymentView {
    /// Its id.
    payment_id: String,
    /// Its transaction.
    tx_hash: String,
    /// Which of the transaction's transfers.
    index: u32,
    /// `TRX` or `USDT`.
    asset: &'static str,
    /// How much, in whole coins.
    #[schema(example = "15.000137")]
    amount: String,
    /// The same in millionths: sun for TRX.
    amount_micro: i64,
    /// Who paid.
    from_address: String,
    /// Which of our addresses received it.
    to_address: String,
    /// `unrouted`, `settled`, `over`, `under`, `late`, `second` or `suspense`.
    state: &'static str,
    /// The order it belongs to or was meant for.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<String>,
    /// Why it matches nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Paid beyond what could be bought, in sun.
    #[serde(skip_serializing_if = "Option::is_none")]
    excess_sun: Option<i64>,
    /// The block that holds it; absent while that block is undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    block_height: Option<i64>,
    /// That block's time.
    #[serde(skip_serializing_if = "Option::is_none")]
    block_time: Option<String>,
}

impl From<&Payment> for PaymentView {
    fn from(payment: &Payment) -> Self {
        Self {
            payment_id: payment.id.to_string(),
            tx_hash: payment.id.tx_id.to_string(),
            index: payment.id.index,
            asset: payment.asset.name(),
            amount: match payment.asset {
                Asset::Trx => Sun::new(payment.amount).to_string(),
                Asset::Usdt => UsdtMicro::new(payment.amount).to_string(),
            },
            amount_micro: payment.amount,
            from_address: payment.from.to_string(),
            to_address: payment.to.to_string(),
            state: payment.state.name(),
            order_id: payment.state.order().map(|order| order.to_string()),
            reason: match payment.state {
                PaymentState::Suspense { reason } => Some(reason.name()),
                _ => None,
            },
            excess_sun: match payment.state {
                PaymentState::Settles { excess, .. } if excess > Sun::ZERO => Some(excess.get()),
                _ => None,
            },
            block_height: payment.block.map(|delivery| delivery.block.height().get()),
            block_time: payment.block.map(|delivery| iso(delivery.timestamp)),
        }
    }
}

/// A pool account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolAccountView {
    /// Its id.
    account_id: String,
    /// Its address.
    address: String,
    /// `ready`, `disabled`, `broke`, `key_unfit` or `agent_quarantined`.
    state: &'static str,
    /// Energy that could be promised now.
    available_energy: i64,
    /// Stake held by reservations, in sun.
    held_sun: i64,
    /// Own stake for energy, in sun.
    #[serde(skip_serializing_if = "Option::is_none")]
    staked_sun: Option<i64>,
    /// Stake delegated out, in sun.
    #[serde(skip_serializing_if = "Option::is_none")]
    delegated_sun: Option<i64>,
    /// TRX on it, in sun.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance_sun: Option<i64>,
    /// Bandwidth left.
    #[serde(skip_serializing_if = "Option::is_none")]
    bandwidth: Option<i64>,
    /// The block that this was read at.
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_at_height: Option<i64>,
}

impl PoolAccountView {
    pub(crate) fn new(account: &PoolAccount, available: Energy) -> Self {
        let observed = account.observed.as_ref();
        Self {
            account_id: account.id.to_string(),
            address: account.address.to_string(),
            state: account.state.name(),
            available_energy: available.get(),
            held_sun: account.held.get(),
            staked_sun: observed.map(|o| o.staked.get()),
            delegated_sun: observed.map(|o| o.delegated.get()),
            balance_sun: observed.map(|o| o.balance.get()),
            bandwidth: observed.map(|o| o.bandwidth.get()),
            observed_at_height: observed.map(|o| o.at.get()),
        }
    }
}

/// A row of the view `payment_monitoring_status`, with requirement 001's names.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MonitoringView {
    order_id: String,
    payment_address: String,
    /// `monitoring`, `completed`, `timeout` or `error`.
    monitoring_status: String,
    monitoring_started_at: String,
    monitoring_stopped_at: Option<String>,
    /// TRX.
    detected_amount: Option<Number>,
    detected_from_address: Option<String>,
    order_status: String,
    /// TRX.
    paid_amount: Option<Number>,
    transaction_count: Option<u32>,
    expires_at: String,
    is_expired: bool,
}

impl From<MonitoringRow> for MonitoringView {
    fn from(row: MonitoringRow) -> Self {
        Self {
            order_id: row.order_id.to_string(),
            payment_address: row.payment_address.to_string(),
            monitoring_status: row.monitoring_status,
            monitoring_started_at: iso(row.monitoring_started_at),
            monitoring_stopped_at: row.monitoring_stopped_at.map(iso),
            detected_amount: row.detected_amount.map(Number::trx),
            detected_from_address: row.detected_from_address.map(|address| address.to_string()),
            order_status: row.order_status,
            paid_amount: row.paid_amount.map(Number::trx),
            transaction_count: row.transaction_count,
            expires_at: iso(row.expires_at),
            is_expired: row.is_expired,
        }
    }
}
