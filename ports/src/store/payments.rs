//! Payments: recorded with their block, routed once, never forgotten.

use super::StoreError;
use async_trait::async_trait;
use leyden_domain::{
    OrderId, PaymentId, Timestamp, TxId,
    order::Order,
    payment::{Expectation, Payment, PaymentState},
};

/// A payment that nobody has looked at, with the orders that it may be meant for.
#[derive(Debug, Clone)]
pub struct UnroutedPayment {
    /// The payment; its block is known.
    pub payment: Payment,
    /// Every order of the address whose tail fits the amount under its own price and still is taken, and every open
    /// one whose recipient or bound sender is the payer.
    pub candidates: Vec<Expectation>,
}

/// What was decided about an unrouted payment.
#[derive(Debug, Clone)]
pub struct Routing {
    /// Which payment.
    pub payment: PaymentId,
    /// Its bucket.
    pub state: PaymentState,
    /// An order to make in the same commit, already `Paid` by this payment: the orderless sale.
    pub new_order: Option<Box<Order>>,
}

/// Which payments to list.
#[derive(Debug, Clone, Default)]
pub struct PaymentFilter {
    /// Only in buckets of these names (see `PaymentState::name`); empty means all.
    pub states: Vec<String>,
    /// Only those of this order.
    pub order: Option<OrderId>,
    /// Only those of this transaction.
    pub tx_id: Option<TxId>,
}

/// Payments.
#[async_trait]
pub trait PaymentStore: Send + Sync + 'static {
    /// Payments that nobody has looked at, in the order of their blocks, with their candidates. One whose rows cannot
    /// be read is left out.
    async fn unrouted_payments(&self, limit: u32) -> Result<Vec<UnroutedPayment>, StoreError>;

    /// Commits decisions about unrouted payments, all in one transaction. One that is not unrouted any more, or
    /// whose block is undone, or that was to settle an order which no longer awaits its payment, or already has
    /// one, or that breaks a rule of the books, is left as it is for the next round. A payment that an order awaits
    /// and whose block is undone makes room for another: it becomes unrouted again. Returns those that were routed.
    async fn route_payments(
        &self,
        routings: Vec<Routing>,
        now: Timestamp,
    ) -> Result<Vec<PaymentId>, StoreError>;

    /// One payment.
    async fn payment(&self, id: PaymentId) -> Result<Option<Payment>, StoreError>;

    /// A page of payments, newest block first; the cursor is (block time, id).
    async fn list_payments(
        &self,
        filter: &PaymentFilter,
        page: &super::Page,
    ) -> Result<Vec<Payment>, StoreError>;
}
