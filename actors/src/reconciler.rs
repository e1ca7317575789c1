//! `reconciler`: lays the books beside the chain at a solid block, says what differs and why, and proposes what would
//! mend it. It reads, and never holds anybody up: it asks the chain two questions for each account, and one for each
//! receiver that it looks at by turns; where the sums differ, for every receiver until what it has found explains why.
//! What only looks again it does at once; whatever else waits for a person. Where the books themselves are in doubt it
//! raises a halt. What is on the accounts is compared in `balances`, what mends a difference is in `repairing`.

use crate::{
    balances::Balances,
    kernel::Progress,
    shared::Shared,
    worker::{After, Cause, Worker},
};
use async_trait::async_trait;
use leyden_domain::{
    Address, Height, ReconciliationId, Sun,
    halt::HaltCause,
    pool::PoolAccount,
    reconcile::{
        Class, Difference, Matter, OpenDifference, Pair, Reconciliation, Verdict, classify, classify_stake,
    },
};
use leyden_ports::{ChainError, Holdings, StoreError, store::ReconciliationWish};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often it looks whether a comparison is due, wanted, or a repair was approved.
const LOOKS: Duration = Duration::from_secs(5);
/// Lifted halts whose findings are known to a person.
const LIFTS_REMEMBERED: u32 = 50;

/// What the reconciler is told at the start.
#[derive(Debug, Clone)]
pub struct ReconcileSettings {
    /// How often the books are compared; zero: only when somebody wants it.
    pub interval: Duration,
    /// How often it looks whether something is to be done.
    pub look_interval: Duration,
    /// Most pairs of one account that one comparison asks the chain about one by one while the sums agree.
    pub pairs_at_once: u32,
    /// Of those, how many that both sides know are looked at by turns.
    pub sampled: u32,
    /// How many blocks behind the compared one are read again for what was missed.
    pub reread_blocks: i64,
    /// Smaller differences of the payment addresses are left alone.
    pub tolerance: Sun,
    /// Whether the owner takes money from the payment addresses; if not, that is a difference.
    pub expect_withdrawals: bool,
}

impl Default for ReconcileSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_hours(1),
            look_interval: LOOKS,
            pairs_at_once: 50,
            sampled: 5,
            reread_blocks: 200,
            tolerance: Sun::ZERO,
            expect_withdrawals: true,
        }
    }
}

/// Compares and repairs.
#[derive(Debug)]
pub(crate) struct Reconciler {
    pub(crate) shared: Arc<Shared>,
    /// Who was looked at last by turns, for each account.
    turns: Mutex<BTreeMap<Address, Turns>>,
}

/// The receivers of one account that were looked at last: each kind has its own turns, so none keeps the other waiting.
#[derive(Debug, Clone, Copy, Default)]
struct Turns {
    /// Of those that one side knows and the other does not.
    one_sided: Option<Address>,
    /// Of those that both know.
    shared: Option<Address>,
}

/// Whom the chain is asked about, in this order.
#[derive(Debug, Default)]
struct Queue {
    /// Whatever the sums say.
    certain: Vec<Address>,
    /// Besides, while the sums differ by more than what was found.
    doubtful: Vec<Address>,
}

/// Why a look did not finish.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// What one comparison has found so far.
#[derive(Debug, Default)]
pub(crate) struct Run {
    height: Option<Height>,
    accounts: u32,
    pairs: u32,
    pub(crate) till: Option<(Height, i64)>,
    pub(crate) balances: Balances,
    pub(crate) skipped: Vec<String>,
    pub(crate) differences: Vec<Difference>,
    pub(crate) open: Vec<OpenDifference>,
}

impl Run {
    /// A difference that is carried on from here.
    pub(crate) fn found(&mut self, open: OpenDifference) {
        self.differences.push(open.difference.clone());
        self.open.push(open);
    }

    /// Everything was compared at this block or a later one.
    pub(crate) fn at(&mut self, height: Height) {
        self.height = Some(self.height.map_or(height, |lowest| lowest.min(height)));
    }
}

impl Reconciler {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, turns: Mutex::default() }
    }

    async fn work(&self, progress: &Progress) -> Result<(), Trouble> {
        let Shared { ports, settings, boards, .. } = self.shared.as_ref();
        // While the books catch up, everything would look as if it had been missed.
        if boards.chain.read().is_current() {
            let now = ports.clock.now();
            if let Some(wish) = ports.store.wanted_reconciliation().await? {
                self.compare(wish, progress).await?;
            } else if !settings.reconcile.interval.is_zero() {
                let interval = i64::try_from(settings.reconcile.interval.as_millis()).unwrap_or(i64::MAX);
                let last = ports.store.last_reconciliation().await?;
                // It may have been another instance's, or an earlier run's.
                show(last.as_ref().map_or(&[], |last| &last.differences));
                if last.is_none_or(|last| now.since(last.finished_at).ms() >= interval) {
                    let id = ReconciliationId::new(now, ports.entropy.for_id());
                    self.compare(ReconciliationWish { id, at: now, by: "interval".to_owned() }, progress)
                        .await?;
                }
            }
        }
        self.repair_all(progress).await
    }

    /// Compares everything and keeps what came of it.
    async fn compare(&self, wish: ReconciliationWish, progress: &Progress) -> Result<(), Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let accounts = ports.store.pool_accounts().await?;
        let mut run = Run { balances: self.known_balances(&accounts).await?, ..Run::default() };
        self.carry_on(&mut run).await?;
        for account in accounts {
            match self.compare_account(&account, &mut run, progress).await {
                Ok(()) => run.accounts = run.accounts.saturating_add(1),
                Err(Trouble::Chain(error)) => run.skipped.push(format!("{}: {error}", account.address)),
                Err(error) => return Err(error),
            }
            progress.tick();
        }
        match self.compare_till(&mut run).await {
            Ok(()) => {}
            Err(Trouble::Chain(error)) => run.skipped.push(format!("payment addresses: {error}")),
            Err(error) => return Err(error),
        }
        self.compare_refund_accounts(&mut run).await?;
        settings.did("reconciler.compared");
        let done = Reconciliation {
            id: wish.id,
            started_at: wish.at,
            finished_at: ports.clock.now(),
            asked_by: wish.by,
            height: run.height,
            accounts: run.accounts,
            pairs: run.pairs,
            till: run.till,
            refund_accounts: run.balances.of(Matter::RefundAccount),
            pool_accounts: run.balances.of(Matter::PoolBalance),
            skipped: run.skipped,
            differences: run.differences,
            open: run.open,
        };
        self.tell(&done).await?;
        let proposed = self.propose(&done).await?;
        let kept = ports.store.record_reconciliation(done, proposed).await?;
        for repair in kept {
            tracing::warn!(repair = %repair.id, kind = repair.kind.name(), difference = %repair.difference, "a repair is proposed");
        }
        settings.did("reconciler.recorded");
        Ok(())
    }

    /// One pool account: its sums, and single receivers where those differ or their turn has come.
    async fn compare_account(
        &self,
        account: &PoolAccount,
        run: &mut Run,
        progress: &Progress,
    ) -> Result<(), Trouble> {
        let Shared { ports, .. } = self.shared.as_ref();
        let held = ports.chain.holdings(account.address).await?;
        if !self.is_read(&held, run, account.address).await? {
            return Ok(());
        }
        run.at(held.at.height());
        Self::compare_stake(account, &held, run);
        self.compare_balance(account.address, &held, run).await?;
        let expected = ports.store.lent_by(account.id, account.address, held.at.height()).await?;
        let sum = expected.values().copied().fold(0_i64, i64::saturating_add);
        let ours: BTreeSet<Address> = expected.keys().copied().collect();
        let queue = self.queue(account.address, &ours, &held.receivers);
        // What no receiver has explained yet.
        let mut unexplained = held.delegated.get().saturating_sub(sum);
        for receiver in queue.certain {
            unexplained = unexplained.saturating_sub(self.compare_pair(account, receiver, run).await?);
            progress.tick();
        }
        let mut left = queue.doubtful.into_iter();
        while unexplained != 0
            && let Some(receiver) = left.next()
        {
            unexplained = unexplained.saturating_sub(self.compare_pair(account, receiver, run).await?);
            progress.tick();
        }
        if unexplained != 0 {
            let address = account.address;
            run.skipped
                .push(format!("{address}: no receiver explains why the sums differ by {unexplained} sun"));
        }
        Ok(())
    }

    /// One account and one receiver; gives by how much the chain shows more than the books.
    async fn compare_pair(
        &self,
        account: &PoolAccount,
        receiver: Address,
        run: &mut Run,
    ) -> Result<i64, Trouble> {
        let Shared { ports, .. } = self.shared.as_ref();
        let (at, theirs) = ports.chain.lent(account.address, receiver).await?;
        if !ports.store.is_canonical(at.block).await? {
            run.skipped.push(format!("{}: block {} is not in the books", account.address, at.height()));
            return Ok(0);
        }
        let pair = ports.store.pair(account.id, account.address, receiver, at.height()).await?;
        let pair = Pair { theirs: theirs.get(), ..pair };
        run.pairs = run.pairs.saturating_add(1);
        let Verdict::Differs(class) = classify(&pair) else { return Ok(0) };
        let difference = Difference {
            matter: Matter::Delegation,
            class,
            account: Some(account.address),
            receiver: Some(receiver),
            ours: pair.expected(),
            theirs: pair.theirs,
            height: at.height(),
            evidence: format!(
                "by strangers {}, twice {}, undone {}, under way {}",
                pair.foreign, pair.doubled, pair.undone, pair.in_flight
            ),
        };
        let excess = difference.excess();
        run.differences.push(difference);
        Ok(excess)
    }

    /// Whether our books hold the very block that the chain was asked at.
    pub(crate) async fn is_read(
        &self,
        held: &Holdings,
        run: &mut Run,
        address: Address,
    ) -> Result<bool, StoreError> {
        let is_ours = self.shared.ports.store.is_canonical(held.at.block).await?;
        if !is_ours {
            run.skipped.push(format!("{address}: block {} is not in the books", held.at.height()));
        }
        Ok(is_ours)
    }

    /// Whom to ask about: first whom one side knows and the other does not, then some whose turn it is although nothing
    /// speaks against them, then everybody else. Not all of the first are wrong: the chain's list of receivers names those
    /// of bandwidth too, so that there may be many, and they too come by turns.
    fn queue(&self, account: Address, ours: &BTreeSet<Address>, theirs: &BTreeSet<Address>) -> Queue {
        let reconcile = &self.shared.settings.reconcile;
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let most = count(reconcile.pairs_at_once);
        let one_sided: BTreeSet<Address> = ours.symmetric_difference(theirs).copied().collect();
        let shared: BTreeSet<Address> = ours.intersection(theirs).copied().collect();
        let sampled = count(reconcile.sampled).min(shared.len()).min(most);
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = turns.entry(account).or_default();
        let (first, others) = by_turns(&one_sided, most.saturating_sub(sampled), &mut turn.one_sided);
        let (some, rest) = by_turns(&shared, sampled, &mut turn.shared);
        Queue { certain: [first, some].concat(), doubtful: [others, rest].concat() }
    }

    /// Stake that somebody added or took, and reservations beyond what is left.
    fn compare_stake(account: &PoolAccount, held: &Holdings, run: &mut Run) {
        let Some(observed) = &account.observed else { return };
        let theirs = held.staked.get();
        let at = held.at.height();
        let difference = |matter, class, ours| Difference {
            matter,
            class,
            account: Some(account.address),
            receiver: None,
            ours,
            theirs,
            height: at,
            evidence: format!("last seen at {}", observed.at),
        };
        // What was seen above the solid block may be newer than the chain's solid word on it.
        if observed.at <= at
            && let Verdict::Differs(class) = classify_stake(observed.staked.get(), theirs)
        {
            run.differences.push(difference(Matter::Stake, class, observed.staked.get()));
        }
        if account.held.get() > theirs {
            let class = Class::ExternalMovement;
            run.differences.push(difference(Matter::Capacity, class, account.held.get()));
        }
    }

    /// Says what was found where people look, and stops money where the books are in doubt.
    async fn tell(&self, done: &Reconciliation) -> Result<(), StoreError> {
        show(&done.differences);
        metrics::counter!("leyden_reconciliations_total").increment(1);
        let in_doubt: Vec<&Difference> =
            done.differences.iter().filter(|difference| difference.class.doubts_the_books()).collect();
        let detail = in_doubt.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let evidence: Vec<String> = in_doubt.iter().map(|one| one.name()).collect();
        let cause = HaltCause::BrokenInvariant;
        let store = &self.shared.ports.store;
        let seen = store.lifted_evidence(cause, LIFTS_REMEMBERED).await?;
        if done.skipped.is_empty() {
            // What a person has seen and is not there any more is news if it comes again.
            let gone = |name: &&String| Difference::is_name(name) && !evidence.contains(name);
            let gone: Vec<String> = seen.iter().filter(gone).cloned().collect();
            if !gone.is_empty() {
                store.evidence_gone(cause, gone).await?;
            }
        }
        if evidence.iter().all(|name| seen.contains(name)) {
            return Ok(());
        }
        self.shared.halt(cause, detail, evidence, "reconciler").await
    }
}

/// How much was found of each kind.
fn show(differences: &[Difference]) {
    for class in Class::ALL {
        let found = differences.iter().filter(|one| one.class == *class).count();
        let found = u32::try_from(found).unwrap_or(u32::MAX);
        metrics::gauge!("leyden_differences", "class" => class.name()).set(f64::from(found));
    }
}

/// So many of all, beginning behind whoever was last; and the others, in the order in which their turn will come.
fn by_turns(
    all: &BTreeSet<Address>,
    count: usize,
    last: &mut Option<Address>,
) -> (Vec<Address>, Vec<Address>) {
    let (before, behind): (Vec<Address>, Vec<Address>) =
        all.iter().partition(|one| last.is_some_and(|last| **one <= last));
    let mut chosen = [behind, before].concat();
    let others = chosen.split_off(count.min(chosen.len()));
    *last = chosen.last().copied().or(*last);
    (chosen, others)
}

#[async_trait]
impl Worker for Reconciler {
    fn interval(&self) -> Option<Duration> {
        Some(self.shared.settings.reconcile.look_interval)
    }

    fn stands_by(&self) -> bool {
        !self.shared.lead.is_ours()
    }

    async fn look(self: Arc<Self>, _: Cause, progress: Progress) -> After {
        if let Err(error) = self.work(&progress).await {
            tracing::warn!(%error, "a comparison with the chain did not finish; the next look will");
        }
        After::Rest
    }
}
