//! `lease_keeper`: takes the lease for the work when nobody has it, renews it, and lets go of the work when it is lost.
//! Only with several instances.

use crate::{
    kernel::{HealthRegistry, Progress},
    leadership::{Election, WORK},
    messages::Look,
    shared::Shared,
    worker::{After, Cause, Worker},
};
use async_trait::async_trait;
use leyden_domain::{Span, Timestamp, pool::AccountState};
use leyden_ports::{StoreError, store::Lease};
use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// The actors that remember something of the books between looks. They begin afresh with every term.
const REMEMBERING: [&str; 4] = [
    "leyden/intake/block_listener",
    "leyden/intake/payment_router",
    "leyden/pool/pool_allocator",
    "leyden/books/janitor",
];

/// So many times as long as a leader keeps the lead without an answer, the turns of all others may take together.
const LONGEST_TURNS: u32 = 4;

/// Keeps the lease.
pub(crate) struct LeaseKeeper {
    pub(crate) shared: Arc<Shared>,
    pub(crate) election: Election,
    /// Weak, because the registry owns the keeper.
    pub(crate) registry: Weak<HealthRegistry>,
    /// What we hold. Outlives generations of this actor through the election's fence alone: a new generation takes
    /// the lease anew, which its own holder may.
    pub(crate) held: Mutex<Option<Lease>>,
    /// Whether there was a term before, of which somebody may remember something.
    worked: AtomicBool,
    /// Whether the term that the lease is held for has begun in full.
    begun: AtomicBool,
    /// When the term began.
    began: Mutex<Timestamp>,
    /// Until when the lease is left to others, because no node answered us.
    rests_until: Mutex<Option<Instant>>,
    /// When the last term ended for that reason. What begins soon after is a turn, and the lead changes hands as it should.
    gave_way: Mutex<Option<Instant>>,
}

impl LeaseKeeper {
    pub(crate) fn new(shared: Arc<Shared>, election: Election, registry: Weak<HealthRegistry>) -> Self {
        Self {
            shared,
            election,
            registry,
            held: Mutex::new(None),
            worked: AtomicBool::new(false),
            begun: AtomicBool::new(false),
            began: Mutex::new(Timestamp::default()),
            rests_until: Mutex::new(None),
            gave_way: Mutex::new(None),
        }
    }

    /// Whether no node has answered us for as long as a lease lasts. Another instance may reach one; and if none does,
    /// nothing is lost by taking turns.
    fn is_deaf(&self) -> bool {
        let Shared { ports, boards, .. } = self.shared.as_ref();
        let chain = boards.chain.read();
        let began = *self.began.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = chain.answered_at.map_or(began, |at| at.max(began));
        let silence = u128::try_from(ports.clock.now().since(heard).ms()).unwrap_or_default();
        chain.error.is_some() && silence >= self.patience().as_millis()
    }

    /// How long a leader that no node answers keeps the lead.
    fn patience(&self) -> Duration {
        self.election.ttl.max(self.shared.settings.poll_interval.saturating_mul(2))
    }

    fn held(&self) -> Option<Lease> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hold(&self, lease: Option<Lease>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = lease;
    }

    async fn keep(&self) -> Result<(), StoreError> {
        let Election { leases, fence, holder, ttl, .. } = &self.election;
        let span = Span::from_ms(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
        // The database's clock starts after this, so ours ends first.
        let asked_at = Instant::now();
        if let Some(lease) = self.held() {
            if self.is_deaf() {
                self.lose("no node answers; another instance may reach one");
                *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked_at + *ttl);
                *self.gave_way.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked_at);
                leases.release_lease(&lease).await?;
            } else if leases.renew_lease(&lease, span).await? {
                self.begin_unless_begun(&lease, asked_at).await?;
            } else {
                self.lose("the lease is another's");
            }
            return Ok(());
        }
        let rests_until = *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        if rests_until.is_some_and(|until| asked_at < until) {
            return Ok(());
        }
        let Some(lease) = leases.take_lease(fence.name(), holder, span).await? else { return Ok(()) };
        fence.raise(lease.epoch);
        self.hold(Some(lease.clone()));
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) = self.shared.ports.clock.now();
        self.begun.store(false, Ordering::Relaxed);
        self.begin_unless_begun(&lease, asked_at).await
    }

    /// The work is ours until a lease after `asked_at`. A beginning that was broken off, by a slow database for instance,
    /// is made up for when the lease is renewed.
    async fn begin_unless_begun(&self, lease: &Lease, asked_at: Instant) -> Result<(), StoreError> {
        let Election { leases, holder, ttl, .. } = &self.election;
        let is_new = !self.begun.load(Ordering::Relaxed);
        if is_new && let Err(error) = self.begin_term().await {
            self.lose("the books could not be read");
            leases.release_lease(lease).await?;
            return Err(error);
        }
        self.shared.lead.set(Some(asked_at + *ttl));
        if is_new {
            tracing::info!(holder, epoch = lease.epoch, "this instance does the work now");
            metrics::gauge!("leyden_leader").set(1.0);
            let gave_way = self.gave_way.lock().unwrap_or_else(PoisonError::into_inner).take();
            let after = if is_turn(gave_way, asked_at, self.patience()) { "turn" } else { "election" };
            metrics::counter!("leyden_terms_total", "after" => after).increment(1);
            self.wake();
            self.begun.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// A term begins as a service does: accounts whose agents had given up get a clean record, and nobody works on
    /// what it remembers of an earlier one.
    async fn begin_term(&self) -> Result<(), StoreError> {
        let Shared { ports, .. } = self.shared.as_ref();
        for account in ports.store.pool_accounts().await? {
            // An instance with another configuration may have made it known after we started.
            if let Some(agents) = self.shared.wires.agents()
                && let Err(error) = agents.start(account.id)
            {
                tracing::error!(account = %account.address, %error, "an account has no agent here");
            }
            if matches!(account.state, AccountState::AgentQuarantined | AccountState::KeyUnfit) {
                let (ready, reason, now) = (AccountState::Ready, "a term of work began", ports.clock.now());
                ports.store.set_account_state(account.id, account.state, ready, reason, now).await?;
            }
        }
        self.shared.post_refund_accounts().await?;
        self.shared.boards.sale.post(self.election.sales.sale_terms().await?);
        Ok(())
    }

    fn wake(&self) {
        if self.worked.swap(true, Ordering::Relaxed)
            && let Some(registry) = self.registry.upgrade()
        {
            for path in REMEMBERING {
                if !registry.restart(path) {
                    tracing::error!(path, "an actor that should begin afresh is not there");
                }
            }
        }
        if let Some(listener) = self.shared.wires.listener.get() {
            listener.cast(Look);
        }
        self.shared.hint_router();
        self.shared.hint_allocator();
        self.shared.hint_all_agents();
    }

    fn lose(&self, why: &str) {
        let Election { fence, holder, .. } = &self.election;
        fence.lower();
        self.shared.lead.set(None);
        let Some(lease) = self.held() else { return };
        self.hold(None);
        tracing::warn!(holder, epoch = lease.epoch, why, "this instance does the work no longer");
        metrics::gauge!("leyden_leader").set(0.0);
        if let Some(watchers) = self.shared.wires.watchers() {
            for order in watchers.keys() {
                watchers.stop(&order);
            }
        }
    }
}

/// Whether a term is the turn of an instance that gave way. If it comes much later, another had the lead meanwhile and
/// kept it, so that nodes answered that one.
fn is_turn(gave_way: Option<Instant>, now: Instant, patience: Duration) -> bool {
    gave_way.is_some_and(|at| now.duration_since(at) <= patience.saturating_mul(LONGEST_TURNS))
}

/// Gives the lease back, so that the next instance need not wait for its end.
pub(crate) async fn give_back(election: &Election) {
    let Some(epoch) = election.fence.epoch() else { return };
    election.fence.lower();
    let lease = Lease { name: WORK.to_owned(), holder: election.holder.clone(), epoch };
    match election.leases.release_lease(&lease).await {
        Ok(()) => tracing::info!(epoch, "the work is given back"),
        Err(error) => tracing::warn!(%error, "the lease could not be given back; it ends by itself"),
    }
}

#[async_trait]
impl Worker for LeaseKeeper {
    fn interval(&self) -> Option<Duration> {
        Some(self.election.ttl / 6)
    }

    fn stands_by(&self) -> bool {
        false
    }

    async fn look(self: Arc<Self>, _: Cause, _: Progress) -> After {
        // An answer that comes after the lease has ended is of no use; and the next instance must not be kept waiting
        // by a question that hangs.
        match tokio::time::timeout(self.election.ttl, self.keep()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the lease could not be kept; will try again"),
            Err(_) => tracing::warn!("the books do not answer about the lease; will ask again"),
        }
        After::Rest
    }
}

#[cfg(test)]
mod tests {
    use super::is_turn;
    use std::time::Duration;
    use tokio::time::Instant;

    #[test]
    fn a_term_long_after_giving_way_is_no_turn() {
        let (gave_way, patience) = (Instant::now(), Duration::from_secs(15));
        let after = |seconds| is_turn(Some(gave_way), gave_way + Duration::from_secs(seconds), patience);
        assert!(after(20), "one other had its turn");
        assert!(after(40), "two had");
        assert!(!after(3_600), "one had an answer, and led until it died");
        assert!(!is_turn(None, gave_way, patience));
    }
}
