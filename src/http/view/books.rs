//! Payments, pool accounts and monitoring rows as operators see them.

use super::RefundNoteView;
use crate::http::{number::Number, time::iso};
use leyden_domain::{
    Asset, Energy, Sun, UsdtMicro,
    payment::{Payment, PaymentState},
    pool::PoolAccount,
};
use leyden_ports::store::{MonitoringRow, RefundDetail};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// `unrouted`, `settled`, `over`, `under`, `part`, `late`, `second` or `suspense`.
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
    /// What goes back of it; in lists of payments.
    #[serde(skip_serializing_if = "Option::is_none")]
    refund: Option<RefundNoteView>,
}

impl PaymentView {
    /// With what goes back of it.
    pub(crate) fn with_refund(payment: &Payment, refund: Option<&RefundDetail>) -> Self {
        Self { refund: refund.map(RefundNoteView::from), ..Self::from(payment) }
    }
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
            refund: None,
        }
    }
}

/// A pool account.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolAccountView {
    /// Its id.
    account_id: String,
    /// Its address.
    address: String,
    /// `ready`, `disabled`, `broke`, `key_unfit` or `agent_quarantined`.
    state: String,
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
            state: account.state.name().to_owned(),
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
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct MonitoringView {
    /// The order.
    order_id: String,
    /// Where it is to be paid.
    payment_address: String,
    /// `monitoring`, `completed`, `timeout` or `error`.
    monitoring_status: String,
    /// Since when its payment is watched for.
    monitoring_started_at: String,
    /// When that ended.
    monitoring_stopped_at: Option<String>,
    /// TRX that came.
    detected_amount: Option<Number>,
    /// Who paid.
    detected_from_address: Option<String>,
    /// The order's state in the words of the `energy-flash` routes.
    order_status: String,
    /// TRX that the order was paid with.
    paid_amount: Option<Number>,
    /// Transfers bought.
    transaction_count: Option<u32>,
    /// Until when a payment is in time, by the chain's clock.
    expires_at: String,
    /// Whether that is over.
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
