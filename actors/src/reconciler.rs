//! `reconciler`: lays the books beside the chain at a solid block, says what differs and why, and proposes what would
//! mend it. It reads, and never holds anybody up: it asks the chain two questions for each account, and one for each
//! receiver only where the sums differ, besides a few that it looks at by turns. What only looks again it does at once;
//! whatever else waits for a person. Where the books themselves are in doubt it raises a halt.

use crate::{
    block_listener::BlockListener,
    kernel::Progress,
    shared::Shared,
    worker::{After, Cause, Worker},
};
use async_trait::async_trait;
use leyden_domain::{
    Address, Height, ReconciliationId, RepairId, Sun,
    halt::HaltCause,
    pool::{Observed, PoolAccount},
    reconcile::{
        Class, Difference, Matter, Pair, Reconciliation, Repair, RepairKind, RepairState, Till, Verdict,
        classify, classify_stake, classify_till, plan,
    },
};
use leyden_ports::{
    ChainError, Holdings, StoreError,
    store::{Page, ReconciliationWish},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often it looks whether a comparison is due, wanted, or a repair was approved.
const LOOKS: Duration = Duration::from_secs(5);
/// Most repairs applied at one look.
const REPAIRS_AT_ONCE: u32 = 20;

/// What the reconciler is told at the start.
#[derive(Debug, Clone)]
pub struct ReconcileSettings {
    /// How often the books are compared; zero: only when somebody wants it.
    pub interval: Duration,
    /// How often it looks whether something is to be done.
    pub look_interval: Duration,
    /// Most pairs of one account that one comparison asks the chain about one by one.
    pub pairs_at_once: u32,
    /// Of those, how many are looked at by turns although the sums agree.
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
    shared: Arc<Shared>,
    /// The receiver that was looked at last by turns, for each account.
    turns: Mutex<BTreeMap<Address, Address>>,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// What one comparison has found so far.
#[derive(Debug, Default)]
struct Run {
    height: Option<Height>,
    accounts: u32,
    pairs: u32,
    till: Option<(Height, i64)>,
    skipped: Vec<String>,
    differences: Vec<Difference>,
}

impl Run {
    /// Everything was compared at this block or a later one.
    fn at(&mut self, height: Height) {
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
        let mut run = Run::default();
        for account in ports.store.pool_accounts().await? {
            match self.compare_account(&account, &mut run).await {
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
            skipped: run.skipped,
            differences: run.differences,
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
    async fn compare_account(&self, account: &PoolAccount, run: &mut Run) -> Result<(), Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let held = ports.chain.holdings(account.address).await?;
        if !self.is_read(&held, run, account.address).await? {
            return Ok(());
        }
        run.at(held.at.height());
        Self::compare_stake(account, &held, run);
        let expected = ports.store.lent_by(account.id, account.address, held.at.height()).await?;
        let sum = expected.values().copied().fold(0_i64, i64::saturating_add);
        let ours: BTreeSet<Address> =
            expected.iter().filter(|(_, sum)| **sum > 0).map(|(receiver, _)| *receiver).collect();
        // First whom one side knows and the other does not, then, where the sums differ, everybody.
        let mut wanted: Vec<Address> = ours.symmetric_difference(&held.receivers).copied().collect();
        if sum == held.delegated.get() {
            wanted.extend(self.by_turns(account.address, &ours));
        } else {
            wanted.extend(ours.intersection(&held.receivers));
        }
        let most = usize::try_from(settings.reconcile.pairs_at_once).unwrap_or(usize::MAX);
        if wanted.len() > most {
            run.skipped.push(format!(
                "{}: {} pairs left for another time",
                account.address,
                wanted.len() - most
            ));
            wanted.truncate(most);
        }
        for receiver in wanted {
            let (at, theirs) = ports.chain.lent(account.address, receiver).await?;
            let pair = ports.store.pair(account.id, account.address, receiver, at.height()).await?;
            let pair = Pair { theirs: theirs.get(), ..pair };
            run.pairs = run.pairs.saturating_add(1);
            if let Verdict::Differs(class) = classify(&pair) {
                run.differences.push(Difference {
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
                });
            }
        }
        Ok(())
    }

    /// Whether our books hold the very block that the chain was asked at.
    async fn is_read(&self, held: &Holdings, run: &mut Run, address: Address) -> Result<bool, StoreError> {
        let is_ours = self.shared.ports.store.is_canonical(held.at.block).await?;
        if !is_ours {
            run.skipped.push(format!("{address}: block {} is not in the books", held.at.height()));
        }
        Ok(is_ours)
    }

    /// Receivers whose turn it is, although nothing speaks against them.
    fn by_turns(&self, account: Address, ours: &BTreeSet<Address>) -> Vec<Address> {
        let count = usize::try_from(self.shared.settings.reconcile.sampled).unwrap_or(usize::MAX);
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let last = turns.get(&account).copied();
        let behind = ours.iter().filter(|receiver| last.is_none_or(|last| **receiver > last));
        let mut chosen: Vec<Address> = behind.copied().take(count).collect();
        if chosen.len() < count {
            let rest = count.saturating_sub(chosen.len());
            let from_the_start: Vec<Address> =
                ours.iter().filter(|receiver| !chosen.contains(receiver)).copied().take(rest).collect();
            chosen.extend(from_the_start);
        }
        if let Some(newest) = chosen.last() {
            turns.insert(account, *newest);
        }
        chosen
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

    /// What the payment addresses hold, against what they held at the comparison before and what came since.
    async fn compare_till(&self, run: &mut Run) -> Result<(), Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let mut block = None;
        let mut total = 0_i64;
        for address in &settings.payment_addresses {
            let held = ports.chain.holdings(*address).await?;
            if !self.is_read(&held, run, *address).await? {
                return Ok(());
            }
            if block.is_some_and(|block| block != held.at.block) {
                run.skipped.push("payment addresses: not all could be read at one block".to_owned());
                return Ok(());
            }
            block = Some(held.at.block);
            total = total.saturating_add(held.balance.get());
        }
        let Some(block) = block else { return Ok(()) };
        run.till = Some((block.height(), total));
        run.at(block.height());
        let Some((since, before)) = ports.store.last_till().await? else { return Ok(()) };
        let came = ports.store.till_between(since, block.height()).await?;
        let till = Till { before, now: total, came: came.get() };
        let expected = before.saturating_add(came.get());
        let Verdict::Differs(class) = classify_till(&till) else { return Ok(()) };
        let is_small = total.saturating_sub(expected).saturating_abs() <= settings.reconcile.tolerance.get();
        let is_expected = class == Class::ExternalMovement && settings.reconcile.expect_withdrawals;
        if !is_small && !is_expected {
            run.differences.push(Difference {
                matter: Matter::Payments,
                class,
                account: None,
                receiver: None,
                ours: expected,
                theirs: total,
                height: block.height(),
                evidence: format!("{before} at {since}, {came} TRX recorded since"),
            });
        }
        Ok(())
    }

    /// Says what was found where people look, and stops money where the books are in doubt.
    async fn tell(&self, done: &Reconciliation) -> Result<(), StoreError> {
        for class in Class::ALL {
            let found = done.differences.iter().filter(|one| one.class == *class).count();
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            metrics::gauge!("leyden_differences", "class" => class.name()).set(f64::from(found));
        }
        metrics::counter!("leyden_reconciliations_total").increment(1);
        let in_doubt: Vec<&Difference> =
            done.differences.iter().filter(|difference| difference.class.doubts_the_books()).collect();
        if in_doubt.is_empty() {
            return Ok(());
        }
        let detail = in_doubt.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let evidence: Vec<String> =
            in_doubt.iter().map(|one| format!("{}: {}", one.subject(), one.excess())).collect();
        let cause = HaltCause::BrokenInvariant;
        let seen = self.shared.ports.store.lifted_evidence(cause, 50).await?;
        if evidence.iter().all(|name| seen.contains(name)) {
            return Ok(());
        }
        self.shared.halt(cause, detail, evidence, "reconciler").await
    }

    /// What would mend what was found.
    async fn propose(&self, done: &Reconciliation) -> Result<Vec<Repair>, StoreError> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let mut proposed = Vec::new();
        for difference in &done.differences {
            let Some(mut plan) = plan(difference) else { continue };
            let last = ports.store.last_repair(&difference.subject()).await?;
            let same = last.filter(|last| last.difference.excess() == difference.excess());
            if same.as_ref().is_some_and(|last| last.state == RepairState::Rejected) {
                // A person has seen exactly this and said no.
                continue;
            }
            let reread = |last: &Repair| last.kind == RepairKind::RereadBlocks && last.state.is_final();
            if plan.kind == RepairKind::RereadBlocks && same.as_ref().is_some_and(reread) {
                // Blocks were read again for this and nothing more was in them: somebody must find out.
                plan.kind = RepairKind::WriteOff;
                plan.is_automatic = false;
                plan.effect = "the difference is expected from now on; nothing is moved on the chain";
            }
            let lowest = difference.height.offset(settings.reconcile.reread_blocks.saturating_neg());
            let blocks = (plan.kind == RepairKind::RereadBlocks)
                .then_some((Height::new(lowest.get().max(1)), difference.height));
            proposed.push(Repair {
                id: RepairId::new(done.finished_at, ports.entropy.for_id()),
                reconciliation: done.id,
                difference: difference.clone(),
                kind: plan.kind,
                blocks,
                effect: plan.effect.to_owned(),
                state: if plan.is_automatic { RepairState::Approved } else { RepairState::Proposed },
                proposed_at: done.finished_at,
                decision: None,
                outcome: None,
            });
        }
        Ok(proposed)
    }

    /// Applies what is approved.
    async fn repair_all(&self, progress: &Progress) -> Result<(), Trouble> {
        let Shared { ports, .. } = self.shared.as_ref();
        let page = Page { after: None, limit: REPAIRS_AT_ONCE };
        for repair in ports.store.list_repairs(&[RepairState::Approved], &page).await? {
            let applied = match self.apply(&repair, progress).await {
                // The chain does not answer now: the next look tries again.
                Err(Trouble::Chain(error)) if error.is_retryable() => {
                    tracing::warn!(repair = %repair.id, %error, "a repair waits for the chain");
                    continue;
                }
                Err(Trouble::Store(error)) if error.concerns_all() => return Err(error.into()),
                Err(error) => (false, error.to_string()),
                Ok(outcome) => outcome,
            };
            let (is_applied, outcome) = applied;
            tracing::warn!(repair = %repair.id, kind = repair.kind.name(), is_applied, outcome, "a repair is done");
            match ports.store.settle_repair(repair.id, is_applied, ports.clock.now(), outcome).await {
                // Another was quicker.
                Ok(()) | Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
            progress.tick();
        }
        Ok(())
    }

    /// Does one repair. It may be done any number of times: what is recorded already is not recorded again.
    async fn apply(&self, repair: &Repair, progress: &Progress) -> Result<(bool, String), Trouble> {
        match repair.kind {
            RepairKind::RereadBlocks => self.reread(repair, progress).await,
            RepairKind::ObserveAccount => self.observe(repair).await,
            // That it is applied is all there is to it: from now on it is expected.
            RepairKind::WriteOff => {
                Ok((true, format!("{} sun are expected from now on", repair.difference.excess())))
            }
        }
    }

    async fn reread(&self, repair: &Repair, progress: &Progress) -> Result<(bool, String), Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let Some((from, to)) = repair.blocks else { return Ok((false, "no blocks are named".to_owned())) };
        let listener = BlockListener::new(Arc::clone(&self.shared));
        let (mut missing, mut read, mut height) = (0_u32, 0_u32, from);
        while height <= to {
            if let Some(block) = ports.chain.block(height).await? {
                match ports.store.amend_block(listener.commit_of(&block), ports.clock.now()).await {
                    Ok(found) => {
                        missing = missing.saturating_add(found);
                        read = read.saturating_add(1);
                    }
                    // Below where the books begin, or on another branch.
                    Err(StoreError::Conflict(_)) => {}
                    Err(error) => return Err(error.into()),
                }
                settings.did("reconciler.reread");
                progress.tick();
            }
            height = height.next();
        }
        if missing > 0 {
            self.shared.hint_all();
        }
        Ok((
            missing > 0,
            format!("{read} blocks were read again; {missing} payments and events were missing"),
        ))
    }

    async fn observe(&self, repair: &Repair) -> Result<(bool, String), Trouble> {
        let Shared { ports, .. } = self.shared.as_ref();
        let Some(address) = repair.difference.account else {
            return Ok((false, "no account is named".to_owned()));
        };
        let accounts = ports.store.pool_accounts().await?;
        let Some(account) = accounts.iter().find(|account| account.address == address) else {
            return Ok((false, "the account is not of the pool any more".to_owned()));
        };
        let state = ports.chain.pool_account(address).await?;
        let observed = Observed {
            at: state.observed_at,
            asked_at: ports.clock.now(),
            staked: state.staked,
            delegated: state.delegated,
            delegatable: state.delegatable,
            balance: state.balance,
            bandwidth: state.bandwidth,
            recovering: state.recovering,
            ratio: state.ratio,
        };
        ports.store.observe_account(account.id, observed).await?;
        self.shared.hint_allocator();
        Ok((true, format!("{} TRX are staked at block {}", state.staked, state.observed_at)))
    }
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
