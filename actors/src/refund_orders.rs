//! What people ask about refunds, on its way to the books: the rules decide there, in the commit that writes it down.

use crate::{handles::Handles, shared::Shared};
use leyden_domain::{
    OrderId, RefundId,
    order::{Order, OrderEvent, OrderState, RefundReason, step},
    refund::{Operator, OperatorAction, RefundPolicy},
};
use leyden_ports::{
    StoreError,
    store::{Durability, OrderCommit, RefundAnswer, RefundTarget, RefundWish, WishError},
};

/// Why the refund of an order was not ordered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefundOrderError {
    /// There is none.
    #[error("no such order")]
    NoOrder,
    /// Nobody has paid for it, or its payment is not confirmed yet.
    #[error("the order's payment is not there or not confirmed yet")]
    NotPaid(Box<Order>),
    /// Its energy is delivered, or on its way; or it has ended.
    #[error("the order is served, or has ended")]
    TooLate(Box<Order>),
    /// A reason must be given.
    #[error("a reason must be given")]
    NoReason,
    /// The books.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Handles {
    /// Does what an operator wants with a refund, or with a payment that may get one; or notes it for a second person.
    pub async fn refund_wish(
        &self,
        target: RefundTarget,
        action: OperatorAction,
        operator: Operator,
    ) -> Result<RefundAnswer, WishError> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let now = self.shared.view().map_or_else(|| ports.clock.now(), |view| view.head.timestamp);
        let wish = RefundWish {
            target,
            action,
            operator,
            policy: RefundPolicy { own: self.shared.own_addresses(), ..settings.refunds.policy.clone() },
            id: RefundId::new(ports.clock.now(), ports.entropy.for_id()),
            now,
        };
        let answer = ports.store.wish(wish).await?;
        if let Some(order) = answer.assigned {
            self.watch_order(order);
        }
        self.shared.hint_clerk();
        Ok(answer)
    }

    /// The money of an order that is not served goes back. Asked twice it answers the same. Whatever is signed for the
    /// order already may still be delivered; then this comes too late.
    pub async fn refund_order(&self, id: OrderId, operator: &Operator) -> Result<Order, RefundOrderError> {
        const TRIES: u32 = 4;
        if operator.reason.trim().is_empty() {
            return Err(RefundOrderError::NoReason);
        }
        let why = RefundReason::OperatorKey { key: operator.key };
        for _ in 0..TRIES {
            let order = self.shared.ports.store.order(id).await?.ok_or(RefundOrderError::NoOrder)?;
            let mut transitions = Vec::new();
            let mut next = order.clone();
            let now =
                self.shared.view().map_or_else(|| self.shared.ports.clock.now(), |view| view.head.timestamp);
            if let OrderState::Held { .. } = order.state
                && let Ok(released) = step(&next, &OrderEvent::Release, now)
            {
                next = released.order.clone();
                transitions.push(released);
            }
            match &next.state {
                OrderState::RefundDue { .. } | OrderState::Refunding { .. } | OrderState::Refunded { .. } => {
                    return Ok(order);
                }
                OrderState::AwaitingPayment | OrderState::Paid { .. } => {
                    return Err(RefundOrderError::NotPaid(Box::new(order)));
                }
                _ => {}
            }
            let Ok(due) = step(&next, &OrderEvent::Unservable(why), now) else {
                return Err(RefundOrderError::TooLate(Box::new(order)));
            };
            let decided = due.order.clone();
            transitions.push(due);
            let commit = OrderCommit {
                transitions,
                reclaims: Vec::new(),
                note: Some(format!("{}: {}", operator.key, operator.reason)),
                durability: Durability::Strict,
            };
            match self.shared.ports.store.commit_order(commit).await {
                Ok(()) => {
                    self.shared.hint_clerk();
                    return Ok(decided);
                }
                // Something of it is signed, or somebody moved it: take it as far as it goes and look again.
                Err(StoreError::Conflict(_)) => {
                    if let Err(error) = self.shared.drive(id).await {
                        tracing::warn!(order = %id, %error, "could not take an order further before its refund");
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        let order = self.shared.ports.store.order(id).await?.ok_or(RefundOrderError::NoOrder)?;
        Err(RefundOrderError::TooLate(Box::new(order)))
    }
}
