//! What becomes of differences between the books and the chain: which repairs are proposed, and how one that is approved
//! is done, once, whatever dies in between.

use crate::{
    block_listener::BlockListener,
    kernel::Progress,
    reconciler::{Reconciler, Trouble},
    shared::Shared,
};
use leyden_domain::{
    Address, Energy, Height, RepairId, Sun,
    operation::{Operation, OperationKind, OperationState, RefusalMeaning},
    pool::PoolAccount,
    reconcile::{Difference, OpenDifference, Reconciliation, Repair, RepairKind, RepairState, choices, plan},
};
use leyden_ports::{StoreError, store::Page};
use std::sync::Arc;

/// Most repairs of one page.
const REPAIRS_AT_ONCE: u32 = 20;
/// Blocks that every node is asked for together.
const BLOCKS_AT_ONCE: u32 = 20;

impl Reconciler {
    /// What would mend what was found.
    pub(crate) async fn propose(&self, done: &Reconciliation) -> Result<Vec<Repair>, StoreError> {
        let Shared { ports, .. } = self.shared.as_ref();
        let mut proposed = Vec::new();
        for difference in &done.differences {
            let last = ports.store.last_repair(&difference.subject()).await?;
            let same = last.filter(|last| last.difference.excess() == difference.excess());
            let is_rejected = same.as_ref().is_some_and(|last| last.state == RepairState::Rejected);
            if is_rejected && !difference.matter.stays_open() {
                // A person has seen exactly this and said no. What stays open until it is closed must be there to be closed.
                continue;
            }
            // Blocks were read again for this and nothing more was in them: somebody must find out.
            let in_vain = same.as_ref().is_some_and(|last| last.state == RepairState::Failed);
            let Some(plan) = plan(difference, in_vain) else { continue };
            let may_reread = choices(difference, in_vain).contains(&RepairKind::RereadBlocks);
            let blocks = may_reread.then(|| self.blocks_of(difference, &done.open));
            proposed.push(Repair {
                id: RepairId::new(done.finished_at, ports.entropy.for_id()),
                reconciliation: done.id,
                difference: difference.clone(),
                kind: plan.kind,
                blocks,
                effect: plan.kind.effect().to_owned(),
                state: if plan.is_automatic { RepairState::Approved } else { RepairState::Proposed },
                proposed_at: done.finished_at,
                asked: None,
                decision: None,
                outcome: None,
            });
        }
        Ok(proposed)
    }

    /// The blocks that may hold what is missing: so many as are set, and all in which it came about.
    fn blocks_of(&self, difference: &Difference, open: &[OpenDifference]) -> (Height, Height) {
        let back = self.shared.settings.reconcile.reread_blocks;
        let lowest = difference.height.offset(back.saturating_neg());
        let subject = difference.subject();
        let open = open.iter().find(|open| open.difference.subject() == subject);
        let lowest = open.map_or(lowest, |open| open.since.next().min(lowest));
        (Height::new(lowest.get().max(1)), difference.height)
    }

    /// Applies what is approved.
    pub(crate) async fn repair_all(&self, progress: &Progress) -> Result<(), Trouble> {
        let Shared { ports, .. } = self.shared.as_ref();
        let mut page = Page { after: None, limit: REPAIRS_AT_ONCE };
        // All of them: one that waits for long takes nobody's place.
        loop {
            let approved = ports.store.list_repairs(&[RepairState::Approved], &page).await?;
            for repair in &approved {
                self.repair(repair, progress).await?;
            }
            if approved.len() < usize::try_from(REPAIRS_AT_ONCE).unwrap_or(usize::MAX) {
                return Ok(());
            }
            page.after = approved.last().map(|repair| (repair.proposed_at, repair.id.to_string()));
        }
    }

    /// Applies one, and says what came of it; what concerns this one alone keeps no other from its turn.
    async fn repair(&self, repair: &Repair, progress: &Progress) -> Result<(), Trouble> {
        let Shared { ports, .. } = self.shared.as_ref();
        let (is_applied, outcome) = match self.apply(repair, progress).await {
            // It goes on, or waits until a person lifts a halt.
            Ok(None) | Err(Trouble::Store(StoreError::Halted(_))) => return Ok(()),
            // The chain does not answer now: the next look tries again.
            Err(Trouble::Chain(error)) if error.is_retryable() => {
                tracing::warn!(repair = %repair.id, %error, "a repair waits for the chain");
                return Ok(());
            }
            Err(Trouble::Store(error)) if error.concerns_all() => return Err(error.into()),
            Err(error) => (false, error.to_string()),
            Ok(Some(outcome)) => outcome,
        };
        tracing::warn!(repair = %repair.id, kind = repair.kind.name(), is_applied, outcome, "a repair is done");
        progress.tick();
        match ports.store.settle_repair(repair.id, is_applied, ports.clock.now(), outcome).await {
            // Another was quicker.
            Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Does one repair, or goes on with it; `None`: it goes on, or has said itself what came of it. It may be done any
    /// number of times: what is recorded already is not recorded again, and what is taken back on the chain is one
    /// operation, however often it is looked for.
    async fn apply(&self, repair: &Repair, progress: &Progress) -> Result<Option<(bool, String)>, Trouble> {
        match repair.kind {
            RepairKind::RereadBlocks => self.reread(repair, progress).await.map(Some),
            RepairKind::ObserveAccount => self.observe(repair).await.map(Some),
            // That it is applied is all there is to it: from now on it is expected.
            RepairKind::WriteOff => {
                Ok(Some((true, format!("{} sun are expected from now on", repair.difference.excess()))))
            }
            RepairKind::Retake => self.retake(repair).await,
            RepairKind::Release => self.release(repair).await,
        }
    }

    /// Whether the difference is still what two persons have approved. `None`: that cannot be said now.
    async fn is_still_so(&self, repair: &Repair, account: &PoolAccount) -> Result<Option<bool>, Trouble> {
        let Shared { ports, .. } = self.shared.as_ref();
        let Some(receiver) = repair.difference.receiver else { return Ok(Some(false)) };
        let (at, theirs) = ports.chain.lent(account.address, receiver).await?;
        if !ports.store.is_canonical(at.block).await? {
            return Ok(None);
        }
        let pair = ports.store.pair(account.id, account.address, receiver, at.height()).await?;
        if pair.in_flight != 0 || pair.later != 0 || pair.strangers_later != 0 {
            // Something between these two is under way: the chain merges it with what is to be mended.
            return Ok(None);
        }
        Ok(Some(theirs.get().saturating_sub(pair.expected()) == repair.difference.excess()))
    }

    /// Takes back on the chain what the books do not know to be lent: by one operation, whose agent signs, sends and
    /// follows it as any other.
    async fn retake(&self, repair: &Repair) -> Result<Option<(bool, String)>, Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        if let Some(operation) = ports.store.retake(repair.id).await? {
            return Ok(match operation.state {
                OperationState::Solid => {
                    let place = operation.delivery.map(|delivery| delivery.block.height().get());
                    let what =
                        format!("{} TRX were taken back in block {}", operation.balance, place.unwrap_or(0));
                    Some((true, what))
                }
                OperationState::Failed | OperationState::Cancelled => {
                    let why = operation.failure.map_or("it was called off", RefusalMeaning::name);
                    Some((false, format!("nothing was taken back: {why}")))
                }
                OperationState::Intended | OperationState::Signed | OperationState::Included => {
                    self.shared.hint_agents([operation.account]);
                    None
                }
            });
        }
        let Some((account, receiver)) = self.parties(repair).await? else {
            return Ok(Some((false, "the account is not of the pool any more".to_owned())));
        };
        match self.is_still_so(repair, &account).await? {
            None => return Ok(None),
            Some(false) => return Ok(Some((false, "the difference is not what it was".to_owned()))),
            Some(true) => {}
        }
        let operation = Operation {
            id: self.shared.operation_id(),
            order: None,
            account: account.id,
            owner: account.address,
            receiver,
            balance: Sun::new(repair.difference.excess()),
            energy: Energy::ZERO,
            kind: OperationKind::Retake { repair: repair.id },
            state: OperationState::Intended,
            attempts: 0,
            delivery: None,
            failure: None,
            version: 1,
            created_at: ports.clock.now(),
        };
        match ports.store.intend_retake(operation).await {
            // Another was quicker.
            Ok(()) | Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
        settings.did("reconciler.intended");
        self.shared.hint_agents([account.id]);
        Ok(None)
    }

    /// Ends rentals that are over and of which nothing is left on the chain.
    async fn release(&self, repair: &Repair) -> Result<Option<(bool, String)>, Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let Some((account, _)) = self.parties(repair).await? else {
            return Ok(Some((false, "the account is not of the pool any more".to_owned())));
        };
        match self.is_still_so(repair, &account).await? {
            None => return Ok(None),
            Some(false) => return Ok(Some((false, "the difference is not what it was".to_owned()))),
            Some(true) => {}
        }
        let missing = Sun::new(repair.difference.excess().saturating_neg());
        let orders = match ports.store.release_lost(repair.id, missing).await {
            // It was done before.
            Err(StoreError::Conflict(_)) => return Ok(None),
            other => other?,
        };
        settings.did("reconciler.released");
        if orders.is_empty() {
            let none =
                "no rentals that are over come to this: one that goes on is ended when its time is over";
            return Ok(Some((false, none.to_owned())));
        }
        tracing::warn!(repair = %repair.id, ?orders, "rentals of which nothing was left are ended");
        self.shared.hint_all();
        Ok(None)
    }

    /// The pool account that a repair is about, and the receiver.
    async fn parties(&self, repair: &Repair) -> Result<Option<(PoolAccount, Address)>, StoreError> {
        let accounts = self.shared.ports.store.pool_accounts().await?;
        let account = accounts.into_iter().find(|account| repair.difference.account == Some(account.address));
        Ok(account.zip(repair.difference.receiver))
    }

    async fn reread(&self, repair: &Repair, progress: &Progress) -> Result<(bool, String), Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let Some((from, to)) = repair.blocks else { return Ok((false, "no blocks are named".to_owned())) };
        let listener = BlockListener::new(Arc::clone(&self.shared));
        let (mut missing, mut read, mut height) = (0_u32, 0_u32, from);
        while height <= to {
            let left = to.get().saturating_sub(height.get()).saturating_add(1);
            let count = u32::try_from(left).unwrap_or(u32::MAX).min(BLOCKS_AT_ONCE);
            let blocks = ports.chain.witnessed(height, count).await?;
            // Where none is shown at a height, the next one may be.
            let seen = i64::try_from(blocks.len()).unwrap_or(i64::MAX).max(1);
            for block in blocks {
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
            height = height.offset(seen);
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
        let observed = state.observed(ports.clock.now());
        ports.store.observe_account(account.id, observed).await?;
        self.shared.hint_allocator();
        Ok((true, format!("{} TRX are staked at block {}", state.staked, state.observed_at)))
    }
}
