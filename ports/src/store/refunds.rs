//! Refunds: begun once for a payment, changed only by transitions of the domain, and intended on the chain in the commit
//! that asks the spend guard.

use super::{OrderCommit, Page, StoreError};
use async_trait::async_trait;
use leyden_domain::{
    AccountId, Address, Asset, Height, OperationId, OrderId, PaymentId, RefundId, Sun, Timestamp, TxId,
    chain::{Head, SentTransfer},
    operation::Operation,
    payment::Payment,
    refund::{
        Operator, OperatorAction, OperatorRefusal, Refund, RefundAccount, RefundObserved, RefundPolicy,
        RefundStateKind, RefundTransition, SpendGuard, Spent, Subject,
    },
};

/// A refund account to be known.
#[derive(Debug, Clone)]
pub struct NewRefundAccount {
    /// Its id, where it is not known yet.
    pub id: AccountId,
    /// Its address.
    pub address: Address,
    /// Which permission our key signs with.
    pub permission_id: Option<u8>,
}

/// A refund with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundDetail {
    /// The refund.
    pub refund: Refund,
    /// Its payment.
    pub payment: Payment,
    /// Its transfers, oldest first, those that came to nothing included, each with its newest transaction.
    pub transfers: Vec<(Operation, Option<TxId>)>,
    /// Its history, oldest first.
    pub history: Vec<RefundEntry>,
}

/// One line of a refund's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundEntry {
    /// Counts up within the refund.
    pub sequence: i64,
    /// When, by chain time.
    pub at: Timestamp,
    /// When, by the wall clock of the service.
    pub recorded_at: Timestamp,
    /// What happened.
    pub event: String,
    /// What it was before; `None` for the first.
    pub from: Option<RefundStateKind>,
    /// What it became.
    pub to: RefundStateKind,
    /// Which API key wanted it; `None`: a rule.
    pub by: Option<String>,
    /// Why, or more about it.
    pub note: Option<String>,
}

/// Which refunds to list.
#[derive(Debug, Clone, Default)]
pub struct RefundFilter {
    /// Only in these states; empty means all.
    pub states: Vec<RefundStateKind>,
    /// Only of this order.
    pub order: Option<OrderId>,
    /// Only of this payment.
    pub payment: Option<PaymentId>,
    /// Only those that wait for a second person.
    pub proposed: bool,
}

/// What is due for a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundWork {
    /// The refund.
    pub refund: Refund,
    /// What its payment and its order are now.
    pub subject: Subject,
    /// Its newest transfer.
    pub transfer: Option<Operation>,
}

/// A refund to begin.
#[derive(Debug, Clone)]
pub struct RefundDraft {
    /// The refund, of version 1. Nothing is begun where its payment has one, or is not solid, or is in another bucket
    /// than it was when that was decided.
    pub refund: Refund,
    /// The payment it was decided on.
    pub payment: Payment,
}

/// A change of a refund, guarded by its version.
#[derive(Debug, Clone)]
pub struct RefundCommit {
    /// The change.
    pub transition: RefundTransition,
    /// What becomes of its order in the same commit.
    pub order: Option<OrderCommit>,
    /// The transfer that is intended in the same commit, if one is.
    pub transfer: Option<RefundTransfer>,
    /// A line for the history.
    pub note: Option<String>,
}

/// A transfer to intend.
#[derive(Debug, Clone)]
pub struct RefundTransfer {
    /// The operation: intended, of version 0.
    pub operation: Operation,
    /// How much may leave; asked in the commit unless the refund is waived.
    pub guard: SpendGuard,
}

/// A refund or the payment that may get one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundTarget {
    /// A refund.
    Refund(RefundId),
    /// A payment; where it has no refund yet, one begins.
    Payment(PaymentId),
}

/// What a person wants.
#[derive(Debug, Clone)]
pub struct RefundWish {
    /// Of what.
    pub target: RefundTarget,
    /// What.
    pub action: OperatorAction,
    /// Who, and why.
    pub operator: Operator,
    /// The rules in force.
    pub policy: RefundPolicy,
    /// An id, should a refund begin.
    pub id: RefundId,
    /// Chain time.
    pub now: Timestamp,
}

/// What came of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundAnswer {
    /// The refund as it is now.
    pub refund: Refund,
    /// Whether a second person must approve first.
    pub is_proposed: bool,
    /// The order that the payment pays for now.
    pub assigned: Option<OrderId>,
}

/// Why a wish was not granted. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    /// No such refund, or payment.
    #[error("no such refund or payment")]
    Nothing,
    /// The payment is not solid yet: wait a minute.
    #[error("the payment is not solid yet")]
    NotSolid,
    /// Nothing of the payment is owed: it pays for an order, or nobody has looked at it yet.
    #[error("nothing of the payment is owed")]
    NotOwed,
    /// There is no such order.
    #[error("no such order")]
    NoOrder,
    /// The payment cannot pay for that order; says why.
    #[error("the payment cannot pay for that order: {0}")]
    Unfit(#[from] leyden_domain::payment::AssignRefusal),
    /// The rules of refunds.
    #[error(transparent)]
    Refused(#[from] OperatorRefusal),
    /// The books.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a refund's transfer may not be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WarrantError {
    /// No committed refund is for this.
    #[error("no refund in the books is for this transfer")]
    None,
    /// Money stands still; or money has left the account by no transaction of ours, which nobody has explained.
    #[error("money stands still: {}", .0.name())]
    Halted(leyden_domain::halt::HaltCause),
    /// It is, and its transfer is being signed by somebody else, or has been.
    #[error("the refund's transfer is signed already")]
    Signed,
    /// The spend guard has tripped.
    #[error("the spend guard has tripped: {}", .0.name())]
    Guard(leyden_domain::refund::GuardTrip),
    /// The books.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a transfer may be signed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warrant {
    /// Which operation it is.
    pub operation: OperationId,
    /// How many transactions were signed for it before and are dead.
    pub attempts: u32,
    /// With which permission of the account; `None` is the owner permission.
    pub permission_id: Option<u8>,
    /// The time of the newest block in the books.
    pub now: Timestamp,
}

/// What is on its way out of the refund accounts and may not have left yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OnItsWay {
    /// TRX, in sun.
    pub trx: i64,
    /// USDT, in millionths.
    pub usdt: i64,
    /// How many of the transfers are of USDT: each may burn its fee.
    pub usdt_transfers: i64,
}

/// A transfer out of a refund account that took effect and is no transaction of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrangeTransfer {
    /// Its block.
    pub head: Head,
    /// What it is.
    pub sent: SentTransfer,
}

/// What a person says of a transfer that is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteOff {
    /// Which transaction.
    pub tx_id: TxId,
    /// Who says so.
    pub operator: Operator,
}

/// How many refunds are in each state, and how much they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundCount {
    /// The state, and for what is held the reason, such as `held.guard_per_day`.
    pub state: String,
    /// In what.
    pub asset: Asset,
    /// How many.
    pub count: u64,
    /// How much, less fees.
    pub amount: i64,
}

/// Refunds.
#[async_trait]
pub trait RefundStore: Send + Sync + 'static {
    /// One refund.
    async fn refund(&self, id: RefundId) -> Result<Option<Refund>, StoreError>;

    /// The refund of a payment.
    async fn refund_of(&self, payment: PaymentId) -> Result<Option<Refund>, StoreError>;

    /// One refund with all that is known of it.
    async fn refund_detail(&self, id: RefundId) -> Result<Option<RefundDetail>, StoreError>;

    /// A page of refunds, newest first; the cursor is (`created_at`, id).
    async fn list_refunds(&self, filter: &RefundFilter, page: &Page) -> Result<Vec<Refund>, StoreError>;

    /// How many there are, by state and asset.
    async fn count_refunds(&self) -> Result<Vec<RefundCount>, StoreError>;

    /// Payments in blocks at or below `solid` of which something may be owed and that have no refund, oldest block
    /// first, after one of them.
    async fn unrefunded(
        &self,
        solid: Height,
        after: Option<PaymentId>,
        limit: u32,
    ) -> Result<Vec<Subject>, StoreError>;

    /// Refunds that somebody must look at: due, past their time, withdrawn although something may be owed, and those
    /// whose transfer is final. After one of them, by id.
    async fn refund_work(
        &self,
        now: Timestamp,
        after: Option<RefundId>,
        limit: u32,
    ) -> Result<Vec<RefundWork>, StoreError>;

    /// Begins refunds, in one transaction; each is written whole or left out, with its own answer: `Conflict` where its
    /// payment has one or is not what it was.
    async fn open_refunds(&self, drafts: Vec<RefundDraft>)
    -> Result<Vec<Result<(), StoreError>>, StoreError>;

    /// Commits a change of a refund. Where a transfer is intended, the spend guard is asked in the same transaction: the
    /// answer is `Ok(Err(trip))` and nothing is written where it has tripped. Where money has left a refund account that
    /// nobody has explained, it is `Halted`.
    async fn commit_refund(
        &self,
        commit: RefundCommit,
    ) -> Result<Result<(), leyden_domain::refund::GuardTrip>, StoreError>;

    /// Does what a person wants, or notes it for a second one, in one transaction with the reason.
    async fn wish(&self, wish: RefundWish) -> Result<RefundAnswer, WishError>;

    /// How much has left in the windows that begin an hour and a day before `now`, whatever came later too: chain time
    /// may go back. In TRX with what tokens may have burnt, `token_fee` for each.
    async fn spent(&self, asset: Asset, now: Timestamp, token_fee: Sun) -> Result<Spent, StoreError>;

    /// What is intended, or signed, and not final yet.
    async fn on_its_way(&self) -> Result<OnItsWay, StoreError>;

    /// Whether a transfer of exactly this may be signed now: a committed refund whose transfer is intended and not signed
    /// says so, to the payer or where two people agreed, the spend guard, asked once more, agrees, and money may move.
    async fn warrant(&self, transfer: Transfer, guard: SpendGuard) -> Result<Warrant, WarrantError>;

    /// Transfers out of refund accounts that took effect and that neither a transaction of ours nor a person explains,
    /// oldest first. While there is one, no transfer is intended or signed.
    async fn strange_transfers(&self, limit: u32) -> Result<Vec<StrangeTransfer>, StoreError>;

    /// A person has found out what a transfer was that is not ours. Said again it changes nothing; `false`: there is no
    /// such transfer.
    async fn write_off(&self, write_off: WriteOff) -> Result<bool, StoreError>;

    /// Makes a refund account known, or updates its permission where it is already; it is the one that refunds are paid
    /// from now on.
    async fn upsert_refund_account(
        &self,
        new: NewRefundAccount,
        now: Timestamp,
    ) -> Result<RefundAccount, StoreError>;

    /// All refund accounts.
    async fn refund_accounts(&self) -> Result<Vec<RefundAccount>, StoreError>;

    /// Records what the chain said of a refund account; an older observation than the recorded one is ignored.
    async fn observe_refund_account(&self, id: AccountId, observed: RefundObserved)
    -> Result<(), StoreError>;

    /// Notes that nothing can be signed for an account, and why; `None`: it can.
    async fn set_refund_account_unfit(&self, id: AccountId, why: Option<String>) -> Result<(), StoreError>;
}

/// Money to be moved, as a signer is asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// What is sent.
    pub asset: Asset,
    /// From which account.
    pub from: Address,
    /// To whom.
    pub to: Address,
    /// How much, in sun or millionths.
    pub amount: i64,
}
