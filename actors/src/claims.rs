//! "Here is my payment": what is known of a transaction that somebody names. Only ever looks; the payment's owner
//! is decided by the ordinary rules, so naming a hash gives nobody anything.

use crate::{
    handles::{ClaimError, ClaimOutcome},
    shared::Shared,
};
use leyden_domain::{OrderId, TxId, payment::PaymentState};
use leyden_ports::store::{Page, PaymentFilter};

/// Looks a transaction up, first in the books, then on the chain.
pub(crate) async fn look_up(
    shared: &Shared,
    order: OrderId,
    tx_id: TxId,
) -> Result<ClaimOutcome, ClaimError> {
    let store = &shared.ports.store;
    if store.order(order).await?.is_none() {
        return Err(ClaimError::NoOrder);
    }
    // Before the books: a block that is recorded while we look must not be taken for one that was looked through.
    let read_up_to = shared.view().map(|view| view.head.height());
    let filter = PaymentFilter { tx_id: Some(tx_id), ..PaymentFilter::default() };
    let recorded = store.list_payments(&filter, &Page { after: None, limit: 100 }).await?;
    if !recorded.is_empty() {
        shared.hint_router();
        // Two transfers of one transaction are two payments: the one that concerns this order speaks first.
        let mine = recorded.iter().find(|payment| payment.state.order() == Some(order));
        return Ok(match mine.or(recorded.first()) {
            Some(payment) => match payment.state {
                PaymentState::Unrouted => ClaimOutcome::Pending,
                PaymentState::Settles { order: of, .. } if of == order => {
                    ClaimOutcome::Matched(Box::new(payment.clone()))
                }
                _ if payment.state.order().is_some_and(|of| of != order) => ClaimOutcome::MatchedElsewhere,
                _ => ClaimOutcome::Waiting(Box::new(payment.clone())),
            },
            None => ClaimOutcome::NotSeen,
        });
    }
    let Some(sighting) = shared.ports.chain.sighting(tx_id).await? else { return Ok(ClaimOutcome::NotSeen) };
    Ok(if read_up_to.is_some_and(|height| sighting.height <= height) {
        ClaimOutcome::NotAPayment { height: sighting.height }
    } else {
        if let Some(listener) = shared.wires.listener.get() {
            listener.cast(crate::messages::Look);
        }
        ClaimOutcome::Ahead { height: sighting.height }
    })
}
