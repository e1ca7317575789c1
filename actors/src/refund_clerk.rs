//! `refund_clerk`: one per service. Reads from the books which solid payments bought nothing, begins their refunds, and
//! takes each as far as the rules allow: to its transfer, which the refund account's agent signs and follows, to a hold
//! with a reason, or to its end. Everything is read from rows, so nothing depends on a hint.

use crate::{
    boards::RefundStatus,
    kernel::{Progress, StartError},
    shared::Shared,
    worker::{After, Cause, Worker},
};
use async_trait::async_trait;
use leyden_domain::{
    Address, Asset, Energy, PaymentId, RefundId, Sun, Timestamp,
    halt::MoneyAct,
    operation::{ChainView, Operation, OperationKind, OperationState, RefusalMeaning},
    order::{Order, OrderEvent, OrderState, step as order_step},
    planted::{Fault, planted},
    refund::{
        GuardTrip, KeptBy, Refund, RefundAccount, RefundCause, RefundEvent, RefundHold, RefundState, Subject,
        open, owed, step, terms_of,
    },
};
use leyden_ports::{
    ChainError, StoreError,
    store::{
        Durability, OnItsWay, OrderCommit, RefundCommit, RefundDraft, RefundTransfer, RefundWork, StepError,
    },
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Most rows of one page.
const ROWS_AT_ONCE: u32 = 200;

/// Kept on the account for the bandwidth of a transfer, and for activating an address that an operator has set.
const RESERVE: Sun = Sun::new(1_500_000);

/// Begins refunds and takes them on.
#[derive(Debug)]
pub(crate) struct RefundClerk {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Refund(#[from] leyden_domain::refund::InvalidRefundStep),
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// What stands against sending a refund now.
enum Stop {
    /// It is held.
    Hold(RefundHold),
    /// Nothing is known yet: the next look asks again.
    Wait,
}

impl RefundClerk {
    async fn work(&self, progress: &Progress) -> Result<(), Trouble> {
        self.shared.post_refund_accounts().await?;
        let Some(view) = self.shared.view() else { return Ok(()) };
        self.begin_all(view, progress).await?;
        self.shared.settings.did("clerk.began");
        self.take_all_on(view, progress).await
    }

    /// Begins the refunds of payments that have none.
    async fn begin_all(&self, view: ChainView, progress: &Progress) -> Result<(), Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let mut after: Option<PaymentId> = None;
        loop {
            let solid = if planted(Fault::RefundBeforeSolid) { view.head } else { view.solid };
            let page = ports.store.unrefunded(solid.height(), after, ROWS_AT_ONCE).await?;
            let is_last = page.len() < usize::try_from(ROWS_AT_ONCE).unwrap_or(usize::MAX);
            after = page.last().map(|subject| subject.payment.id);
            let drafts: Vec<RefundDraft> =
                page.iter().filter_map(|subject| self.draft(subject, view)).collect();
            if !drafts.is_empty() {
                let answers = ports.store.open_refunds(drafts.clone()).await?;
                settings.did("clerk.opened");
                for (draft, answer) in drafts.iter().zip(answers) {
                    match answer {
                        Ok(()) => {
                            let refund = &draft.refund;
                            tracing::info!(refund = %refund.id, payment = %refund.payment, cause = refund.cause.name(), state = refund.state.kind().name(), "a refund begins");
                            count("opened");
                        }
                        Err(StoreError::Conflict(_)) => {}
                        Err(error) if error.concerns_all() => return Err(error.into()),
                        Err(error) => {
                            tracing::error!(payment = %draft.payment.id, %error, "a refund cannot begin; the others go on");
                        }
                    }
                }
            }
            progress.tick();
            if is_last || after.is_none() {
                return Ok(());
            }
        }
    }

    /// The refund of a payment, if anything of it is owed.
    fn draft(&self, subject: &Subject, view: ChainView) -> Option<RefundDraft> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let now = view.head.timestamp;
        let payer = subject.payment.from;
        let mut owed = terms_of(subject, payer, view.solid.height(), now, &settings.refunds.policy)?;
        // Restored books read again what a lost service may have answered: a person looks before any of it goes.
        let may_be_answered = matches!(owed.cause, RefundCause::Suspense { .. } | RefundCause::Late);
        // Another address would let it go too.
        let goes_without = matches!(
            owed.state,
            RefundState::Waiting { .. }
                | RefundState::Due
                | RefundState::Held { why: RefundHold::DeniedAddress | RefundHold::OwnAddress, .. }
        );
        if settings.observe_only && may_be_answered && goes_without {
            owed.state = RefundState::Held { why: RefundHold::ReadLate, retry_at: None };
        }
        let id = RefundId::new(ports.clock.now(), ports.entropy.for_id());
        let mut refund = open(id, &subject.payment, &owed, now);
        if let Some(order) = subject.order.as_ref().filter(|_| planted(Fault::RefundToRecipient)) {
            refund.to = order.recipient;
        }
        Some(RefundDraft { refund, payment: subject.payment.clone() })
    }

    /// Takes every refund on that somebody must look at.
    async fn take_all_on(&self, view: ChainView, progress: &Progress) -> Result<(), Trouble> {
        let store = &self.shared.ports.store;
        let mut after: Option<RefundId> = None;
        loop {
            let page = store.refund_work(view.head.timestamp, after, ROWS_AT_ONCE).await?;
            after = page.last().map(|work| work.refund.id);
            for work in &page {
                match self.take_on(work, view).await {
                    // While money stands still a refund that is due stays due.
                    Ok(())
                    | Err(
                        Trouble::Store(StoreError::Conflict(_) | StoreError::Halted(_))
                        | Trouble::Step(StepError::Store(StoreError::Conflict(_))),
                    ) => {}
                    Err(Trouble::Store(error)) if error.concerns_all() => return Err(error.into()),
                    Err(error) => {
                        tracing::error!(refund = %work.refund.id, %error, "a refund cannot be taken on; the others go on");
                    }
                }
                progress.tick();
            }
            if page.len() < usize::try_from(ROWS_AT_ONCE).unwrap_or(usize::MAX) {
                return Ok(());
            }
        }
    }

    /// Takes one refund as far as it goes.
    async fn take_on(&self, work: &RefundWork, view: ChainView) -> Result<(), Trouble> {
        let now = view.head.timestamp;
        let refund = &work.refund;
        match &refund.state {
            // The rest may still come, or is there and not looked at.
            RefundState::Waiting { .. }
                if refund.cause == RefundCause::Under && work.subject.order_awaits() =>
            {
                Ok(())
            }
            // The rest did not come, and so little is not sent.
            RefundState::Waiting { .. }
                if refund.cause == RefundCause::Under
                    && !work.subject.is_ours_to_answer(refund.cause)
                    && self.shared.settings.refunds.policy.is_too_little(refund.asset, refund.amount()) =>
            {
                let mut transition = step(refund, &RefundEvent::Keep(KeptBy::BelowMinimum), now)?;
                transition.refund.fee = 0;
                self.commit(RefundCommit { transition, order: None, transfer: None, note: None }).await
            }
            RefundState::Waiting { .. } | RefundState::Held { .. } => {
                let due = step(refund, &RefundEvent::Ripened, now)?;
                let due_now = due.refund.clone();
                self.commit(RefundCommit { transition: due, order: None, transfer: None, note: None })
                    .await?;
                self.send(&RefundWork { refund: due_now, ..work.clone() }, view).await
            }
            RefundState::Due => self.send(work, view).await,
            RefundState::Sending { .. } => self.conclude(work, now).await,
            RefundState::Withdrawn => self.reopen(work, view).await,
            RefundState::Refunded { .. } | RefundState::Kept { .. } => Ok(()),
        }
    }

    /// Its transfer is final, one way or the other.
    async fn conclude(&self, work: &RefundWork, now: Timestamp) -> Result<(), Trouble> {
        let Some(transfer) = &work.transfer else { return Ok(()) };
        let goes_with = |event: &OrderEvent| {
            let order = work.subject.order.as_ref()?;
            let (state, is_held) = match &order.state {
                OrderState::Held { from, .. } => (from.as_ref(), true),
                state => (state, false),
            };
            let is_its =
                matches!(state, OrderState::Refunding { operation, .. } if *operation == transfer.id);
            // One that was held while its money was on its way goes on with it.
            let first = is_held.then_some(&OrderEvent::Release);
            is_its.then(|| order_steps(order, first.into_iter().chain([event]), now)).flatten()
        };
        let (event, order, outcome) = match transfer.state {
            OperationState::Solid => {
                (RefundEvent::TransferSolid, goes_with(&OrderEvent::RefundSolid), "refunded")
            }
            OperationState::Failed | OperationState::Cancelled => {
                let meaning = transfer.failure.unwrap_or(RefusalMeaning::TryAgain);
                let (why, retries) = match meaning {
                    RefusalMeaning::AccountBroke => (RefundHold::Balance, true),
                    RefusalMeaning::KeyUnfit => (RefundHold::NoKey, true),
                    RefusalMeaning::Guard(trip) => (RefundHold::Guard { trip }, self.retries_guard(trip)),
                    meaning => (RefundHold::Refused { meaning }, false),
                };
                let retry_at = retries.then(|| now.plus(self.shared.settings.refunds.policy.retry_after));
                tracing::error!(refund = %work.refund.id, why = why.name(), "a refund's transfer came to nothing; it is held");
                (
                    RefundEvent::TransferFailed { why, retry_at },
                    goes_with(&OrderEvent::RefundFailed),
                    "failed",
                )
            }
            _ => return Ok(()),
        };
        if takes_order_along(work) && order.is_none() {
            tracing::error!(refund = %work.refund.id, "a refund is final, and its order cannot go with it; nothing is written");
            return Ok(());
        }
        let transition = step(&work.refund, &event, now)?;
        self.commit(RefundCommit { transition, order, transfer: None, note: None }).await?;
        self.shared.settings.did("clerk.concluded");
        count(outcome);
        Ok(())
    }

    /// The payment had found another use, which came to nothing.
    async fn reopen(&self, work: &RefundWork, view: ChainView) -> Result<(), Trouble> {
        let now = view.head.timestamp;
        let policy = &self.shared.settings.refunds.policy;
        // To the payer again: what people decided was about what was owed then.
        let to = work.subject.payment.from;
        let Some(owed) = terms_of(&work.subject, to, view.solid.height(), now, policy) else {
            return Ok(());
        };
        let transition = step(&work.refund, &RefundEvent::Reopen { owed, to }, now)?;
        self.commit(RefundCommit { transition, order: None, transfer: None, note: None }).await
    }

    /// Intends the transfer of a refund that is due, or holds it.
    async fn send(&self, work: &RefundWork, view: ChainView) -> Result<(), Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        // While money stands still nothing is decided about it either: it stays due.
        if !self.shared.may(MoneyAct::Refund) || !self.shared.boards.chain.read().is_current() {
            return Ok(());
        }
        let now = view.head.timestamp;
        let refund = &work.refund;
        if refund.proposal.is_some() || !self.is_still_owed(work, view) {
            return Ok(());
        }
        let account = match self.may_send(work).await? {
            Ok(account) => account,
            Err(Stop::Wait) => return Ok(()),
            Err(Stop::Hold(why)) => return self.hold(refund, why, now).await,
        };
        let operation = Operation {
            id: self.shared.operation_id(),
            order: refund.order,
            account: account.id,
            owner: account.address,
            receiver: refund.to,
            balance: Sun::new(refund.amount()),
            energy: Energy::ZERO,
            kind: OperationKind::Refund { refund: refund.id, asset: refund.asset },
            state: OperationState::Intended,
            attempts: 0,
            delivery: None,
            failure: None,
            version: 0,
            created_at: now,
        };
        let signed = OrderEvent::RefundSigned(operation.id);
        let order = match &work.subject.order {
            Some(order) if takes_order_along(work) => order_steps(order, [&signed], now),
            _ => None,
        };
        if takes_order_along(work) && order.is_none() {
            return Ok(());
        }
        let commit = RefundCommit {
            transition: step(refund, &RefundEvent::Intended(operation.id), now)?,
            order,
            transfer: Some(RefundTransfer { operation, guard: settings.refunds.policy.guard }),
            note: None,
        };
        match ports.store.commit_refund(commit).await? {
            Ok(()) => {
                settings.did("clerk.intended");
                count("intended");
                self.shared.hint_agents([account.id]);
                Ok(())
            }
            Err(trip) => {
                tracing::error!(refund = %refund.id, limit = trip.name(), "the spend guard has tripped; the refund is held");
                count("guarded");
                self.hold(refund, RefundHold::Guard { trip }, now).await
            }
        }
    }

    /// Whether the rows still say what the refund was begun with. An order that a person holds is waited for.
    fn is_still_owed(&self, work: &RefundWork, view: ChainView) -> bool {
        let delay = self.shared.settings.refunds.policy.suspense_delay;
        let terms = owed(&work.subject, view.solid.height(), view.head.timestamp, delay);
        terms.is_some_and(|(cause, amount, _)| {
            cause.name() == work.refund.cause.name() && amount == work.refund.owed
        })
    }

    /// What a refund is paid from, or what stands against it.
    async fn may_send(&self, work: &RefundWork) -> Result<Result<RefundAccount, Stop>, Trouble> {
        let Shared { ports, settings, boards, .. } = self.shared.as_ref();
        let refund = &work.refund;
        let policy = &settings.refunds.policy;
        let hold = |why| Ok(Err(Stop::Hold(why)));
        if self.shared.own_addresses().contains(&refund.to) {
            return hold(RefundHold::OwnAddress);
        }
        if policy.denied.contains(&refund.to) && !refund.checks_waived && !planted(Fault::RefundToDenied) {
            return hold(RefundHold::DeniedAddress);
        }
        let is_approved = !policy.needs_two(refund) || refund.approved_by.is_some();
        if !is_approved || !refund.goes_where_it_may(work.subject.payment.from) {
            return hold(RefundHold::NeedsApproval);
        }
        let account = boards.refunds.read().active().cloned();
        let Some(account) = account.filter(|_| policy.enabled) else { return hold(RefundHold::NoKey) };
        if !refund.checks_waived {
            match ports.chain.account(refund.to).await? {
                None => return hold(RefundHold::InactiveAddress),
                Some(info) if info.is_contract => return hold(RefundHold::ContractAddress),
                Some(_) => {}
            }
        }
        let Some(observed) = account.observed else { return Ok(Err(Stop::Wait)) };
        let has_enough = |coming: OnItsWay| {
            let fee = settings.refunds.fee_limit.get();
            let burnt = fee.saturating_mul(coming.usdt_transfers);
            let coins = observed.balance.get().saturating_sub(coming.trx).saturating_sub(burnt);
            let tokens = observed.usdt.get().saturating_sub(coming.usdt);
            let (sent, needed) = match refund.asset {
                Asset::Trx => (0, refund.amount()),
                Asset::Usdt => (refund.amount(), fee),
            };
            tokens >= sent && coins >= needed.saturating_add(RESERVE.get())
        };
        if !has_enough(OnItsWay::default()) {
            return hold(RefundHold::Balance);
        }
        // What is on its way may have left already or not: it is waited for, and then the account is looked at again.
        let coming = ports.store.on_its_way().await?;
        Ok(if has_enough(coming) { Ok(account) } else { Err(Stop::Wait) })
    }

    /// Whether what the guard holds is tried again by itself.
    fn retries_guard(&self, trip: GuardTrip) -> bool {
        self.shared.settings.refunds.policy.retry_guard && trip != GuardTrip::PerPayment
    }

    async fn hold(&self, refund: &Refund, why: RefundHold, now: Timestamp) -> Result<(), Trouble> {
        let policy = &self.shared.settings.refunds.policy;
        let retries = match why {
            RefundHold::NoKey | RefundHold::Balance => true,
            RefundHold::Guard { trip } => self.retries_guard(trip),
            _ => false,
        };
        let retry_at = retries.then(|| now.plus(policy.retry_after));
        let transition = step(refund, &RefundEvent::Hold { why, retry_at }, now)?;
        tracing::warn!(refund = %refund.id, why = why.name(), "a refund is held");
        self.commit(RefundCommit { transition, order: None, transfer: None, note: None }).await?;
        count("held");
        Ok(())
    }

    async fn commit(&self, commit: RefundCommit) -> Result<(), Trouble> {
        // Without a transfer nothing is asked of the guard.
        if let Err(trip) = self.shared.ports.store.commit_refund(commit).await? {
            tracing::error!(limit = trip.name(), "the spend guard was asked although nothing is sent");
        }
        self.shared.settings.did("clerk.committed");
        Ok(())
    }
}

/// Whether an order goes with its refund: it is the refund of the payment that settles it.
const fn takes_order_along(work: &RefundWork) -> bool {
    matches!(work.refund.cause, RefundCause::Unservable { .. }) && work.subject.settles()
}

/// Steps of an order, to be committed with its refund; `None` where it cannot take them.
fn order_steps<'a>(
    order: &Order,
    events: impl IntoIterator<Item = &'a OrderEvent>,
    now: Timestamp,
) -> Option<OrderCommit> {
    let mut transitions = Vec::new();
    let mut order = order.clone();
    for event in events {
        let transition = order_step(&order, event, now).ok()?;
        order = transition.order.clone();
        transitions.push(transition);
    }
    Some(OrderCommit { transitions, reclaims: Vec::new(), note: None, durability: Durability::Strict })
}

fn count(outcome: &'static str) {
    metrics::counter!("leyden_refunds_total", "outcome" => outcome).increment(1);
}

impl Shared {
    /// Shows the refund accounts to whoever asks, and sees to it that each has its agent.
    pub(crate) async fn post_refund_accounts(&self) -> Result<(), StoreError> {
        let accounts = self.ports.store.refund_accounts().await?;
        if let Some(agents) = self.wires.agents() {
            for account in &accounts {
                // While the service ends none are started, and none are needed.
                if let Err(error) = agents.start(account.id)
                    && !matches!(error, StartError::ShuttingDown)
                {
                    tracing::error!(account = %account.address, %error, "a refund account has no agent here");
                }
            }
        }
        self.boards.refunds.post(RefundStatus { accounts });
        Ok(())
    }

    /// Where no refund goes: what the configuration says is ours, every account that the books know, and the token itself.
    pub(crate) fn own_addresses(&self) -> BTreeSet<Address> {
        let mut own = self.settings.refunds.policy.own.clone();
        own.extend(self.boards.refunds.read().accounts.iter().map(|account| account.address));
        own.extend(self.boards.pool.read().accounts.iter().map(|account| account.address));
        own.insert(self.settings.refunds.usdt_contract);
        own
    }

    /// Tells the clerk to look.
    pub(crate) fn hint_clerk(&self) {
        if let Some(clerk) = self.wires.clerk.get() {
            clerk.cast(crate::messages::Look);
        }
    }
}

#[async_trait]
impl Worker for RefundClerk {
    fn interval(&self) -> Option<Duration> {
        Some(self.shared.settings.sweep_interval)
    }

    fn stands_by(&self) -> bool {
        !self.shared.lead.is_ours()
    }

    async fn look(self: Arc<Self>, _: Cause, progress: Progress) -> After {
        if let Err(error) = self.work(&progress).await {
            tracing::warn!(%error, "refunds were not all looked at; the next look will");
        }
        After::Rest
    }
}
