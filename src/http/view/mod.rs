//! What clients are shown. The only place that renders an order's state and what was done for it.

mod books;
mod flash;
mod lookup;
mod lookup_texts;
mod order;
mod refund;

pub(crate) use books::{MonitoringView, PaymentView, PoolAccountView};
pub(crate) use flash::{FlashOrderView, FlashStatusView};
pub(crate) use lookup::{LookupView, RecordedView};
pub(crate) use order::{OrderView, TimelineView};
pub(crate) use refund::{RefundCountView, RefundNoteView, RefundView, WishView};

use leyden_domain::{operation::RefusalMeaning, order::Order};
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

/// Why an operation failed, for people.
const fn failure_text(meaning: RefusalMeaning) -> &'static str {
    match meaning {
        RefusalMeaning::TryAgain => "to be tried again",
        RefusalMeaning::CapacityGone => "the account's capacity was gone",
        RefusalMeaning::ReceiverUnusable => "the chain refuses what is meant for the recipient",
        RefusalMeaning::AccountBroke => "the account could not pay for its transaction",
        RefusalMeaning::KeyUnfit => "the account's key was refused",
        RefusalMeaning::NothingToReclaim => "there was nothing to take back",
        RefusalMeaning::ExecutionFailed => "the chain executed the transaction and it failed",
        RefusalMeaning::WrittenOff => "what it would take back is gone, as two persons have said",
        RefusalMeaning::Guard(_) => "the spend guard let no more leave",
    }
}
