//! `account_agent`: one per account that we act from, pool and refund accounts alike, and the only one that signs for it. It
//! takes each of the account's operations through `operation::next_act`: signs, commits the signed bytes, and only then
//! sends them; sends the same bytes again until the block stream shows them or proves them dead. Every answer of a node is
//! a hint.

use crate::{
    kernel::Progress,
    meters::Outcome,
    shared::Shared,
    worker::{After, Cause, Worker},
};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use leyden_domain::planted::{Fault, planted};
use leyden_domain::{
    AccountId, BlockRef, Height, OrderId, Timestamp, TxId,
    chain::{BroadcastAnswer, SignedTransaction},
    operation::{
        Attempt, ChainView, NextAct, Operation, OperationKind, OperationPolicy, OperationWork, Refusal,
        RefusalMeaning, meaning_of, next_act,
    },
    pool::{AccountState, PoolAccount},
    refund::RefundAccount,
};
use leyden_ports::{
    SignError, StoreError,
    store::{OperationChange, OperationCommit, StepError},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Most operations taken by one look. Operations stay live for about a minute after their block, so this bounds what one
/// account can serve in a minute.
const WORK_AT_ONCE: u32 = 5_000;
/// Most broadcasts under way at once.
const BROADCASTS_AT_ONCE: usize = 8;

/// Signs, sends and follows for one account.
#[derive(Debug)]
pub(crate) struct AccountAgent {
    pub(crate) shared: Arc<Shared>,
    pub(crate) account: AccountId,
    memory: Mutex<Memory>,
}

/// What an agent remembers between looks. Losing it costs a broadcast that was not needed.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// At which height each live transaction was last sent.
    sent: BTreeMap<TxId, Height>,
    /// The chain must be asked what the account can do now.
    pub(crate) stale: bool,
    /// When it was last asked.
    pub(crate) asked_at: Option<Timestamp>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Step(#[from] StepError),
}

/// What one look decided about all operations.
#[derive(Debug, Default)]
struct Decisions {
    sign: Vec<(Operation, BlockRef, Timestamp)>,
    send: Vec<SignedTransaction>,
    commit: Vec<OperationCommit>,
    /// What each commit is counted as, in the same order.
    counted: Vec<Outcome>,
    unfit: Option<AccountState>,
    touched: BTreeSet<OrderId>,
    /// Whether a refund's transfer has moved: the clerk is to look.
    refunds: bool,
    /// Whether what a repair takes back has moved: the reconciler is to look.
    repairs: bool,
}

impl Decisions {
    /// Whoever the operation is for is to look.
    fn touch(&mut self, operation: &Operation) {
        match operation.kind {
            OperationKind::Refund { .. } => self.refunds = true,
            OperationKind::Retake { .. } => self.repairs = true,
            OperationKind::Delegate { .. } | OperationKind::Undelegate { .. } => {
                self.touched.extend(operation.order);
            }
        }
    }

    /// A change to commit.
    fn change(&mut self, operation: &Operation, change: OperationChange) {
        self.touch(operation);
        self.counted.push(Outcome::of(operation.kind, &change));
        self.commit.push(OperationCommit {
            operation: operation.id,
            version: operation.version,
            change,
            order: None,
        });
    }

    /// A delegation that cannot be signed is planned anew, and a refund held; a repair says so. A reclaim is never given up.
    fn fail(&mut self, operation: &Operation, meaning: RefusalMeaning) {
        if !matches!(operation.kind, OperationKind::Undelegate { .. }) {
            self.change(operation, OperationChange::Fail(meaning));
        }
    }
}

impl AccountAgent {
    pub(crate) fn new(shared: Arc<Shared>, account: AccountId) -> Self {
        let memory = Memory { stale: true, ..Memory::default() };
        Self { shared, account, memory: Mutex::new(memory) }
    }

    pub(crate) fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn work(&self, progress: &Progress) -> Result<After, Trouble> {
        let Some(me) = self.account_row() else { return Ok(After::Rest) };
        if let Some(view) = self.shared.view()
            && !self.shared.settings.observe_only
        {
            let work = self.shared.ports.store.account_work(self.account, WORK_AT_ONCE).await?;
            let full = work.len() >= usize::try_from(WORK_AT_ONCE).unwrap_or(usize::MAX);
            let decisions = self.decide(&work, view);
            let acted = self.act(&me, decisions, view, progress).await?;
            if full && acted {
                return Ok(After::Again);
            }
        }
        // Last, so that no delegation waits for it.
        self.observe(&me).await?;
        Ok(After::Rest)
    }

    fn account_row(&self) -> Option<Acting> {
        let pool = self.shared.boards.pool.read().accounts.iter().find(|a| a.id == self.account).cloned();
        pool.map(Acting::Pool).or_else(|| {
            let refunds = self.shared.boards.refunds.read();
            refunds.accounts.iter().find(|account| account.id == self.account).cloned().map(Acting::Refund)
        })
    }

    /// What is to be done with each operation. Decides only.
    fn decide(&self, work: &[OperationWork], view: ChainView) -> Decisions {
        let mut decisions = Decisions::default();
        let usual = self.shared.settings.operations;
        let of_refunds = OperationPolicy { max_attempts: self.shared.settings.refunds.max_attempts, ..usual };
        // While the books catch up the newest block we know is an old one: what is signed now would die at once.
        let is_current = self.shared.boards.chain.read().is_current();
        // The chain merges what one account delegates to one receiver, so undelegations from it go one at a time.
        let mut reclaiming = BTreeSet::new();
        for item in work {
            let operation = &item.operation;
            let is_refund = matches!(operation.kind, OperationKind::Refund { .. });
            let policy = if is_refund { of_refunds } else { usual };
            let change = match next_act(item, view, policy) {
                NextAct::Wait => continue,
                NextAct::Sign { .. } if !is_current || !self.shared.may(operation.kind.act()) => continue,
                NextAct::Sign { reference, expiration } => {
                    if operation.attempts >= policy.max_attempts {
                        tracing::error!(operation = %operation.id, attempts = operation.attempts, "energy could not be taken back yet; trying on");
                    }
                    let one_at_a_time = matches!(
                        operation.kind,
                        OperationKind::Undelegate { .. } | OperationKind::Retake { .. }
                    );
                    if !one_at_a_time || reclaiming.insert(operation.receiver) {
                        decisions.sign.push((operation.clone(), reference, expiration));
                    }
                    continue;
                }
                NextAct::Send => {
                    if let Some(tracked) = &item.newest
                        && self.is_due(tracked.attempt.tx_id, view.head.height())
                    {
                        // Signed in the commit of its payment's block, or before a restart: its order may not know yet.
                        if !self.memory().sent.contains_key(&tracked.attempt.tx_id) {
                            decisions.touch(operation);
                        }
                        decisions.send.push(signed(&tracked.attempt));
                    }
                    continue;
                }
                NextAct::Include(delivery) => OperationChange::Include(delivery),
                NextAct::Exclude => OperationChange::Exclude,
                NextAct::Solidify(delivery) => OperationChange::Solidify(delivery),
                NextAct::Bury => OperationChange::Bury,
                NextAct::Fail(meaning) => {
                    decisions.unfit = match meaning {
                        RefusalMeaning::AccountBroke => Some(AccountState::Broke),
                        RefusalMeaning::KeyUnfit => Some(AccountState::KeyUnfit),
                        _ => decisions.unfit,
                    };
                    OperationChange::Fail(meaning)
                }
                NextAct::Cancel => OperationChange::Cancel,
            };
            decisions.change(operation, change);
        }
        decisions
    }

    /// Carries decisions out. `true`: something was done.
    async fn act(
        &self,
        me: &Acting,
        mut decisions: Decisions,
        view: ChainView,
        progress: &Progress,
    ) -> Result<bool, Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let mut acted = false;
        let mut to_send = std::mem::take(&mut decisions.send);
        let wanted = std::mem::take(&mut decisions.sign);
        if !wanted.is_empty() {
            let signed = self.sign(me, wanted, &mut decisions).await?;
            acted = !signed.is_empty();
            to_send.extend(signed);
            progress.tick();
        }
        if !to_send.is_empty() {
            self.send(&to_send, view.head.height(), progress).await?;
        }
        if !decisions.commit.is_empty() {
            let answers = ports.store.commit_operations(decisions.commit, ports.clock.now()).await?;
            settings.did("agent.committed");
            for (answer, outcome) in answers.into_iter().zip(decisions.counted) {
                match answer {
                    Ok(()) => outcome.count(),
                    Err(StoreError::Conflict(_)) => {}
                    Err(error) if error.concerns_all() => return Err(error.into()),
                    Err(error) => tracing::error!(%error, "an operation cannot be moved; the others go on"),
                }
            }
            self.memory().stale = true;
            acted = true;
        }
        if let Some(state) = decisions.unfit {
            self.retire(me, state, "refused by the chain").await?;
        }
        for order in decisions.touched {
            self.shared.drive_one_of_many(order).await?;
            progress.tick();
        }
        settings.did("agent.drove");
        if decisions.refunds {
            self.shared.hint_clerk();
        }
        if decisions.repairs {
            self.shared.hint_reconciler();
        }
        Ok(acted)
    }

    /// Signs and commits the signed bytes. What is returned may be sent; nothing else may. Delegations that this account
    /// can never sign fail, so that others may serve; reclaims wait for their key.
    async fn sign(
        &self,
        me: &Acting,
        wanted: Vec<(Operation, BlockRef, Timestamp)>,
        decisions: &mut Decisions,
    ) -> Result<Vec<SignedTransaction>, Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let mut commits = Vec::with_capacity(wanted.len());
        let mut transactions = Vec::with_capacity(wanted.len());
        let mut keyless = false;
        for (operation, reference, expiration) in wanted {
            if keyless {
                decisions.fail(&operation, RefusalMeaning::KeyUnfit);
                continue;
            }
            let intent = self.shared.intent_of(&operation, me.permission_id(), reference, expiration);
            let transaction = match ports.signer.sign(&intent).await {
                Ok(transaction) => transaction,
                Err(SignError::Unavailable(why)) => {
                    tracing::warn!(operation = %operation.id, why, "signer unavailable; will ask again");
                    continue;
                }
                Err(SignError::Invalid(why)) => {
                    tracing::error!(operation = %operation.id, why, "an intent is no transaction");
                    decisions.fail(&operation, RefusalMeaning::TryAgain);
                    continue;
                }
                // Of this one transfer, and of no other, nor of the key.
                Err(SignError::Guarded(trip)) => {
                    tracing::error!(operation = %operation.id, limit = trip.name(), "the signer's look at the spend guard refused");
                    decisions.fail(&operation, RefusalMeaning::Guard(trip));
                    continue;
                }
                Err(error) => {
                    self.retire(me, AccountState::KeyUnfit, &error.to_string()).await?;
                    decisions.fail(&operation, RefusalMeaning::KeyUnfit);
                    keyless = true;
                    continue;
                }
            };
            commits.push(self.shared.attempt_of(&operation, &transaction));
            transactions.push((operation, transaction));
        }
        if commits.is_empty() {
            return Ok(Vec::new());
        }
        if planted(Fault::SentBeforeStored) {
            for (_, transaction) in &transactions {
                drop(ports.writer.broadcast(transaction).await);
            }
        }
        settings.did("agent.signed");
        let answers = ports.store.record_attempts(commits).await?;
        settings.did("agent.recorded");
        let mut recorded = Vec::with_capacity(transactions.len());
        for ((operation, transaction), answer) in transactions.into_iter().zip(answers) {
            match answer {
                Ok(()) => {
                    // Only what was recorded moves its order; driving what could not be signed would come back at once.
                    decisions.touch(&operation);
                    recorded.push(transaction);
                }
                // Another generation was quicker, or the order moved on: its bytes are the ones that count. Or money
                // stands still: these were seen by nobody.
                Err(StoreError::Conflict(_) | StoreError::Halted(_)) => {}
                Err(error) if error.concerns_all() => return Err(error.into()),
                Err(error) => tracing::error!(%error, "a transaction cannot be recorded, and is not sent"),
            }
        }
        Ok(recorded)
    }

    /// Sends stored bytes, several at once.
    async fn send(
        &self,
        transactions: &[SignedTransaction],
        height: Height,
        progress: &Progress,
    ) -> Result<(), Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let answers: Vec<_> = stream::iter(transactions.to_vec())
            .map(|transaction| {
                let writer = Arc::clone(&ports.writer);
                async move { (transaction.tx_id, writer.broadcast(&transaction).await) }
            })
            .buffer_unordered(BROADCASTS_AT_ONCE)
            .inspect(|_| progress.tick())
            .collect()
            .await;
        settings.did("agent.sent");
        for (tx_id, answer) in answers {
            self.memory().sent.insert(tx_id, height);
            match answer {
                Ok(BroadcastAnswer::Accepted | BroadcastAnswer::Duplicate) => {}
                Ok(BroadcastAnswer::Refused { code, message }) => {
                    tracing::warn!(%tx_id, ?code, message, "a node refused a transaction");
                    let refusal = Refusal { code, message };
                    // A node that is behind or busy says nothing that could explain a death.
                    if meaning_of(&refusal) != RefusalMeaning::TryAgain {
                        ports.store.record_refusal(tx_id, &refusal).await?;
                    }
                }
                Err(error) => tracing::warn!(%tx_id, %error, "a broadcast has no answer; will send again"),
            }
        }
        let oldest = height.offset(-1_000);
        self.memory().sent.retain(|_, at| *at >= oldest);
        Ok(())
    }

    /// Whether a live transaction should be sent (again) at this height.
    fn is_due(&self, tx_id: TxId, height: Height) -> bool {
        self.memory().sent.get(&tx_id).is_none_or(|sent| {
            height.get().saturating_sub(sent.get()) >= self.shared.settings.resend_after_blocks
        })
    }
}

/// An account that we act from.
#[derive(Debug, Clone)]
pub(crate) enum Acting {
    /// Its stake is lent.
    Pool(PoolAccount),
    /// Refunds are paid from it.
    Refund(RefundAccount),
}

impl Acting {
    const fn permission_id(&self) -> Option<u8> {
        match self {
            Self::Pool(account) => account.permission_id,
            Self::Refund(account) => account.permission_id,
        }
    }
}

/// A stored attempt as it goes to a node.
fn signed(attempt: &Attempt) -> SignedTransaction {
    SignedTransaction {
        tx_id: attempt.tx_id,
        bytes: attempt.bytes.clone(),
        reference: attempt.reference,
        expiration: attempt.expiration,
    }
}

#[async_trait]
impl Worker for AccountAgent {
    fn interval(&self) -> Option<Duration> {
        Some(self.shared.settings.sweep_interval)
    }

    fn stands_by(&self) -> bool {
        !self.shared.lead.is_ours()
    }

    async fn look(self: Arc<Self>, _: Cause, progress: Progress) -> After {
        match self.work(&progress).await {
            Ok(after) => after,
            Err(error) => {
                tracing::warn!(account = %self.account, %error, "an agent's look did not finish; the next will");
                After::Rest
            }
        }
    }
}
