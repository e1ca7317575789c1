//! Orders: made once, changed only by transitions of the domain.

use super::StoreError;
use async_trait::async_trait;
use leyden_domain::operation::Attempt;
use leyden_domain::{
    Address, ApiKeyId, OperationId, OrderId, Sun, Timestamp, TxId,
    operation::{Operation, OperationState},
    order::{Order, OrderStateKind, Transition},
    payment::Payment,
};

/// An order to be made.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// The order; its `tail` is ignored where `tails` is not empty.
    pub order: Order,
    /// Tails to try, in this order; the first that is free on the payment address is taken. Where none of them is,
    /// the smallest free one up to `largest_tail`.
    pub tails: Vec<Sun>,
    /// The largest tail that may be taken.
    pub largest_tail: Sun,
    /// Refuse if this many orders are open already.
    pub max_open: u64,
    /// The caller's idempotency key, where it gave one: order and key are committed together.
    pub idempotency: Option<IdempotencyKey>,
}

/// A caller's key for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Whose key: an API key's id, or a name for callers without one.
    pub caller: String,
    /// Which route.
    pub route: String,
    /// The key itself.
    pub key: String,
    /// SHA-256 of the request's body.
    pub body_hash: [u8; 32],
    /// When it was used.
    pub at: Timestamp,
}

/// What became of the wish for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It was made, with this tail.
    Fresh(Order),
    /// The same key and body made this order before.
    Replayed(Order),
}

/// Why no order was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateRefusal {
    /// All tails of the payment address are taken.
    #[error("all tails of the payment address are taken")]
    TailsExhausted,
    /// Too many orders are open.
    #[error("too many orders are open")]
    TooManyOpen,
    /// The key was used with another body.
    #[error("the idempotency key was used with another body")]
    KeyReused,
    /// The books.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an idempotency key finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdempotencyClaim {
    /// Nobody used it.
    Unused,
    /// It made this order.
    Order(OrderId),
    /// It was used with another body.
    OtherBody,
}

/// A response that is kept to be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: String,
}

/// An order with all that bears on it, read at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDetail {
    /// The order.
    pub order: Order,
    /// The payment assigned to it (state `Settles`), where there is one.
    pub payment: Option<Payment>,
    /// Its delegations, oldest first.
    pub delegations: Vec<Operation>,
    /// The operations that take those back, oldest first.
    pub reclaims: Vec<Operation>,
    /// The newest attempt of each operation that has one.
    pub attempts: Vec<Attempt>,
}

impl OrderDetail {
    /// The id of an operation's newest transaction.
    pub fn tx_of(&self, operation: OperationId) -> Option<TxId> {
        self.attempts.iter().filter(|a| a.operation == operation).max_by_key(|a| a.number).map(|a| a.tx_id)
    }

    /// Whether any operation has this state.
    pub fn any_operation(&self, state: OperationState) -> bool {
        self.delegations.iter().chain(&self.reclaims).any(|o| o.state == state)
    }
}

/// Consecutive transitions of one order, committed as one, with what their effects need: ids for the operations
/// that `IntendReclaims` makes, one for each delegation that took effect.
#[derive(Debug, Clone)]
pub struct OrderCommit {
    /// The transitions, each made from the one before; never empty. The row's version must be the first one's
    /// `from_version` and becomes the last one's; each leaves a line in the history; effects run in order.
    pub transitions: Vec<Transition>,
    /// For [`leyden_domain::order::Effect::IntendReclaims`].
    pub reclaims: Vec<super::ReclaimDraft>,
    /// A line for the timeline, beyond the event's name.
    pub note: Option<String>,
    /// What must hold when the commit is answered.
    pub durability: Durability,
}

/// What must hold when a write is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// It survives a power cut. Whatever somebody outside is told of is written like this.
    #[default]
    Strict,
    /// It may be lost in a power cut, together with everything that was written after it, if nothing strict was. For
    /// what is decided again from the chain and the books as they are then, and what nobody outside was told of.
    Relaxed,
}

/// Which orders to list.
#[derive(Debug, Clone, Default)]
pub struct OrderFilter {
    /// Only this key's. `None` is for operators.
    pub owner: Option<ApiKeyId>,
    /// Only in these states; empty means all.
    pub states: Vec<OrderStateKind>,
    /// Only for this recipient.
    pub recipient: Option<Address>,
    /// Only of this customer of the caller.
    pub user_id: Option<String>,
    /// Made at or after.
    pub from: Option<Timestamp>,
    /// Made before.
    pub to: Option<Timestamp>,
}

/// A page of a list, newest first. The cursor is the (created_at, id) of the last row of the page before.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Where the page before ended.
    pub after: Option<(Timestamp, String)>,
    /// Most rows.
    pub limit: u32,
}

/// One line of an order's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEntry {
    /// Counts up within the order.
    pub sequence: i64,
    /// When, by chain time of the newest block then read.
    pub at: Timestamp,
    /// When, by the wall clock of the service.
    pub recorded_at: Timestamp,
    /// What happened.
    pub event: String,
    /// What it was before; `None` for the first.
    pub from: Option<OrderStateKind>,
    /// What it became.
    pub to: OrderStateKind,
    /// More about it.
    pub note: Option<String>,
}

/// What an order waits for: the sweeps of the actors read orders by this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderWait {
    /// Awaiting payment, deadline at or before this chain time.
    DeadlineBefore(Timestamp),
    /// Awaiting payment although a payment is assigned.
    MatchedPayment,
    /// Paid, its payment's block at or below this height, or undone, or not the one the order knows.
    PaidToLookAt(leyden_domain::Height),
    /// Funded: wants capacity.
    Capacity,
    /// Reserved, delegating, active or reclaiming, and the payment's block is undone or not the one the order knows.
    PaymentChanged,
    /// Active, ends at or before this chain time.
    EndsBefore(Timestamp),
    /// Reserved, delegating or reclaiming: on the way between two resting states. (Not active ones: those rest.)
    Operating,
    /// Its money must go back, and its payment's block is undone.
    RefundUndone,
}

/// Orders.
#[async_trait]
pub trait OrderStore: Send + Sync + 'static {
    /// Makes an order, with its tail and its idempotency key, and its first line of history.
    async fn create_order(&self, new: NewOrder) -> Result<Created, CreateRefusal>;

    /// What a key finds, without using it.
    async fn claim_idempotency(&self, key: &IdempotencyKey) -> Result<IdempotencyClaim, StoreError>;

    /// One order.
    async fn order(&self, id: OrderId) -> Result<Option<Order>, StoreError>;

    /// One order with all that bears on it.
    async fn order_detail(&self, id: OrderId) -> Result<Option<OrderDetail>, StoreError>;

    /// Commits a transition and its effects. `Conflict` where the order's version is another, or where it had to be
    /// unpaid and is not, or where a payment that came in time and may be meant for it is not routed yet. Where an
    /// order awaits its payment again, those that were second to it become unrouted again.
    async fn commit_order(&self, commit: OrderCommit) -> Result<(), StoreError>;

    /// A page of orders, newest first.
    async fn list_orders(&self, filter: &OrderFilter, page: &Page) -> Result<Vec<Order>, StoreError>;

    /// An order's history, oldest first.
    async fn timeline(&self, id: OrderId) -> Result<Vec<TimelineEntry>, StoreError>;

    /// Orders that wait for something, oldest first, after `after`.
    async fn waiting(
        &self,
        wait: OrderWait,
        after: Option<OrderId>,
        limit: u32,
    ) -> Result<Vec<OrderId>, StoreError>;

    /// All orders that await their payment, with their deadlines: what a start must load.
    async fn open_orders(&self) -> Result<Vec<(OrderId, Timestamp)>, StoreError>;

    /// How many orders are in each state.
    async fn count_orders(&self) -> Result<Vec<(OrderStateKind, u64)>, StoreError>;

    /// Gives back the tails of orders whose late window ended before this chain time, except those that an unrouted
    /// payment names. Returns how many.
    async fn release_tails(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
