//! A person says whose a payment is that no rule could place. The order decides what it buys, as it would have; what is
//! over waits for a refund, as it would have.

use super::{Payment, PaymentState};
use crate::{
    address::Height,
    amount::{Asset, Sun},
    order::{Order, OrderState},
};

/// Why a payment cannot pay for an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssignRefusal {
    /// It is not in a solid block.
    #[error("it is not solid yet")]
    NotSolid,
    /// It pays for an order already, or nobody has looked at it yet.
    #[error("it does not wait")]
    NotWaiting,
    /// The order is paid, or over.
    #[error("the order does not wait for a payment")]
    OrderNotOpen,
    /// Orders are paid in TRX.
    #[error("it was paid in another asset")]
    OtherAsset,
    /// It was paid to another of our addresses than the order's.
    #[error("it was paid to another address")]
    OtherAddress,
    /// It is less than the least that the order costs.
    #[error("it is less than the order costs")]
    TooLittle,
}

/// The bucket of a payment that a person has assigned to an order. Its tail buys nothing more than it ever did: whatever
/// exceeds a whole number of transfers is over.
pub fn assign(payment: &Payment, order: &Order, solid: Height) -> Result<PaymentState, AssignRefusal> {
    let waits = matches!(
        payment.state,
        PaymentState::Under { .. }
            | PaymentState::Late { .. }
            | PaymentState::Second { .. }
            | PaymentState::Suspense { .. }
    );
    if !waits {
        return Err(AssignRefusal::NotWaiting);
    }
    if payment.block.is_none_or(|at| at.block.height() > solid) {
        return Err(AssignRefusal::NotSolid);
    }
    if order.state != OrderState::AwaitingPayment {
        return Err(AssignRefusal::OrderNotOpen);
    }
    if payment.asset != Asset::Trx {
        return Err(AssignRefusal::OtherAsset);
    }
    if payment.to != order.payment_address {
        return Err(AssignRefusal::OtherAddress);
    }
    let paid = payment.amount.checked_div(order.unit_price.get()).unwrap_or(0);
    let count = paid.min(i64::from(order.count.most()));
    if count < i64::from(order.count.least()) {
        return Err(AssignRefusal::TooLittle);
    }
    let count = u32::try_from(count).or(Err(AssignRefusal::TooLittle))?;
    let price = order.unit_price.times(i64::from(count)).or(Err(AssignRefusal::TooLittle))?;
    let rest = payment.amount.saturating_sub(price.get());
    // Where it carries the order's own tail it pays that too.
    let excess = if rest == order.tail.get() { 0 } else { rest };
    Ok(PaymentState::Settles { order: order.id, count, excess: Sun::new(excess) })
}
