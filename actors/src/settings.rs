//! What the actors are told at the start and never again.

use crate::{guard::GuardSettings, reconciler::ReconcileSettings};
use leyden_domain::{
    Address, Energy, Span, Sun, operation::OperationPolicy, payment::MatchPolicy, pool::PlanPolicy,
    refund::RefundPolicy,
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// How the actors work.
#[derive(Debug, Clone)]
pub struct ActorSettings {
    /// Addresses that customers pay to.
    pub payment_addresses: BTreeSet<Address>,
    /// How payments are matched. What is sold without an order is on the board of sale terms instead, because prices
    /// change while the service runs.
    pub matching: MatchPolicy,
    /// How orders are served.
    pub planning: PlanPolicy,
    /// How transactions are signed and repeated.
    pub operations: OperationPolicy,
    /// Payments above this wait until their block is solid.
    pub solid_above: Sun,
    /// How long a paid order may wait for capacity before its money must go back, in chain time.
    pub capacity_patience: Span,
    /// How long the energy stays beyond the rental's end before it is taken back.
    pub reclaim_grace: Span,
    /// How often the chain is asked for a new block.
    pub poll_interval: Duration,
    /// How often the sweeps run that make up for lost hints.
    pub sweep_interval: Duration,
    /// How often a pool account is asked after when nothing happens.
    pub observe_interval: Duration,
    /// Most blocks that one commit records while catching up.
    pub catch_up_batch: u32,
    /// Where to begin when nothing was recorded: this many blocks behind the head.
    pub start_behind: i64,
    /// A live transaction is sent again after this many new blocks.
    pub resend_after_blocks: i64,
    /// Whether payments are served in the commit that records their block. Switched off, the actors serve them one step
    /// at a time, as they serve whatever was not served there.
    pub serve_at_once: bool,
    /// Read and record, but move no energy: what was signed since a backup is not in the books that were restored.
    pub observe_only: bool,
    /// How money goes back.
    pub refunds: RefundSettings,
    /// When money must stand still.
    pub guard: GuardSettings,
    /// How the books are compared with the chain.
    pub reconcile: ReconcileSettings,
    /// Most orders that may be watched at once.
    pub max_watchers: usize,
    /// How long monitoring rows are kept.
    pub keep_logs: Span,
    /// How long idempotency keys are kept.
    pub keep_keys: Span,
    /// Called with a name after each step of an actor; tests kill actors there. `None` outside tests.
    pub step_hook: Option<StepHook>,
}

/// How money goes back.
#[derive(Debug, Clone)]
pub struct RefundSettings {
    /// What is owed, and what may be sent.
    pub policy: RefundPolicy,
    /// Most TRX that may be burnt for the energy of one USDT refund.
    pub fee_limit: Sun,
    /// The USDT contract.
    pub usdt_contract: Address,
    /// How many transactions may be signed for one refund before a person looks.
    pub max_attempts: u32,
    /// Whether a late payment is served at today's price where there is capacity.
    pub serve_late: bool,
}

impl RefundSettings {
    /// Nothing is ever sent back: what is owed is recorded and held.
    pub fn switched_off() -> Self {
        Self {
            policy: RefundPolicy::switched_off(),
            fee_limit: Sun::TRX,
            usdt_contract: Address::from_evm([0; 20]),
            max_attempts: 1,
            serve_late: false,
        }
    }
}

/// What an orderless sale gives.
#[derive(Debug, Clone, Copy, Default)]
pub struct OrderlessTerms {
    /// Energy that one transfer gets.
    pub energy_per_transfer: Energy,
    /// How long the energy stays.
    pub duration: Span,
}

/// Called with the name of the step that an actor has just done. May panic, which is the point of it.
#[derive(Clone)]
pub struct StepHook(pub Arc<dyn Fn(&'static str) + Send + Sync>);

impl std::fmt::Debug for StepHook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StepHook")
    }
}

impl ActorSettings {
    /// Tells the hook, if there is one, that a step is done.
    pub fn did(&self, step: &'static str) {
        if let Some(hook) = &self.step_hook {
            (hook.0)(step);
        }
    }
}
