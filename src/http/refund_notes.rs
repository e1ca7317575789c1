//! The refunds of a payment and of an order, for whoever asks after those.

use super::{error::ApiError, state::AppState};
use leyden_domain::{OrderId, PaymentId};
use leyden_ports::store::{Page, RefundDetail, RefundFilter};

/// Most refunds of one order that are shown: each belongs to a payment of its own.
const MOST: u32 = 20;

/// The refund of a payment.
pub(crate) async fn of_payment(
    state: &AppState,
    payment: PaymentId,
) -> Result<Option<RefundDetail>, ApiError> {
    match state.store.refund_of(payment).await? {
        Some(refund) => Ok(state.store.refund_detail(refund.id).await?),
        None => Ok(None),
    }
}

/// The refunds of the payments that were meant for an order, oldest first.
pub(crate) async fn of_order(state: &AppState, order: OrderId) -> Result<Vec<RefundDetail>, ApiError> {
    let filter = RefundFilter { order: Some(order), ..RefundFilter::default() };
    let mut details = Vec::new();
    for refund in state.store.list_refunds(&filter, &Page { after: None, limit: MOST }).await? {
        details.extend(state.store.refund_detail(refund.id).await?);
    }
    details.reverse();
    Ok(details)
}
