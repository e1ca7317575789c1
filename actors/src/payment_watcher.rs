//! `payment_watcher`: one per order that waits for its payment or for that payment's confirmation. It holds its
//! order's id and nothing else; when it is told to look it takes the order as far as the facts allow, and when the
//! payment phase is over it ends. An order that makes its watcher fail hurts itself alone: it is held for a person.

use crate::{
    kernel::Progress,
    shared::Shared,
    worker::{After, Cause, Worker},
};
use async_trait::async_trait;
use leyden_domain::{OrderId, order::OrderStateKind};
use std::{sync::Arc, time::Duration};

/// Watches one order.
#[derive(Debug)]
pub(crate) struct PaymentWatcher {
    pub(crate) shared: Arc<Shared>,
    pub(crate) order: OrderId,
}

#[async_trait]
impl Worker for PaymentWatcher {
    fn interval(&self) -> Option<Duration> {
        None
    }

    fn stands_by(&self) -> bool {
        !self.shared.lead.is_ours()
    }

    async fn look(self: Arc<Self>, _: Cause, _: Progress) -> After {
        let driven = self.shared.drive(self.order).await;
        self.shared.settings.did("watcher.looked");
        match driven {
            Ok(Some(detail)) => match detail.order.state.kind() {
                OrderStateKind::AwaitingPayment | OrderStateKind::Paid => After::Rest,
                _ => After::Stop,
            },
            Ok(None) => After::Rest,
            Err(error) => {
                tracing::warn!(order = %self.order, %error, "could not look at an order; a sweep will try again");
                After::Rest
            }
        }
    }
}
