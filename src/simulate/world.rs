//! One world: the whole service on one thread and in virtual time, the network it lives on, and whoever uses it. What
//! lasts (the chain, the books, the customers) is owned here; a power cut drops everything else.

use super::{
    calls::Door,
    cast, desk,
    dice::{Concern, Dice},
    fleet::Fleet,
    kit::{Kit, LEAST_STAKE, NoCache},
    network::Network,
    nodes::SimNodes,
    oracle::{Keepers, Oracle},
    outcome::{Broken, Outcome},
    profile::Profile,
    trace::Trace,
};
use crate::{
    Settings,
    http::{AppState, Parts, prices},
};
use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use leyden_actors::{
    Handles, Leadership, Placement, Ports, StepHook,
    kernel::{Shutdown, State},
    start,
};
use leyden_domain::{AccountId, Span, Sun};
use leyden_ports::{
    ChainReader, ChainWriter, Clock, Entropy, Store,
    store::{HaltStore as _, NewRefundAccount},
};
use leyden_sim::{SimNode, config::TRX};
use std::{
    cell::{Cell, RefCell},
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    task::LocalSet,
    time::{Instant, sleep_until},
};

/// Time between two slots.
pub(super) const SLOT: Duration = Duration::from_secs(3);
/// Settling asks every so many slots whether the service has come to rest.
const LOOK_EVERY: u64 = 12;
/// Slots within which the last visit must be over, and after the end of all faults those within which a world must have
/// come to rest, quiet stretches not counted.
const ENDLESS: u64 = 4_000;
/// The slot from which on things go wrong, and customers come: what was paid before the service has read its first block
/// is nobody's.
pub(super) const FAULTS_FROM: u64 = 8;
/// Chain time that the service has to come to rest after everything that has its own time is over: five minutes for
/// payments, ten for reclaims, and what a transaction that died needs to be known dead.
const PATIENCE: Span = Span::from_secs(15 * 60);

/// Crashes: decided at the steps of actors, carried out by the world.
pub(super) struct Crashes {
    dice: Dice,
    panics: u64,
    fatal: u64,
    faulty: AtomicBool,
    cut: AtomicBool,
    count: AtomicU64,
}

/// Everything that a world's parts share.
pub(super) struct World<'k> {
    pub(super) kit: &'k Kit,
    pub(super) profile: Profile,
    pub(super) settings: Arc<Settings>,
    pub(super) trace: Arc<Trace>,
    pub(super) node: SimNode,
    pub(super) nodes: Arc<SimNodes>,
    pub(super) customers: Dice,
    pub(super) operators: Dice,
    pub(super) door: Door,
    pub(super) oracle: RefCell<Oracle>,
    pub(super) network: RefCell<Network>,
    entropy: Arc<Dice>,
    knobs: Knobs,
    crashes: Arc<Crashes>,
    slots: Cell<u64>,
    began: Cell<Option<Instant>>,
    chance: Dice,
    /// Whether the journal is read at the end, which takes as long as a twentieth of the world.
    verifies: bool,
}

/// What differs from seed to seed in how the service is set.
#[derive(Debug, Clone, Copy)]
struct Knobs {
    poll_ms: u64,
    sweep_ms: u64,
    observe_ms: u64,
    guard_ms: u64,
    reconcile_ms: Option<u64>,
    batch: u32,
    at_once: bool,
}

/// How a life of the service ended.
enum Ending {
    /// All is said and done.
    Over,
    /// The power is off for so many slots.
    Cut(u64),
}

type Visit<'w> = Pin<Box<dyn Future<Output = ()> + 'w>>;

/// Runs one seed.
pub(super) fn run(kit: &Kit, seed: u64, profile: &Profile, hours: Option<f64>, all_lines: bool) -> Outcome {
    // A fresh runtime, so that no timer's phase is left over from another world.
    let built = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = match built {
        Ok(runtime) => runtime,
        Err(error) => return Outcome::failed("runtime", &error),
    };
    // Simulated books are waited for on the spot.
    match kit.store.put_back(&kit.image).now_or_never() {
        Some(Ok(())) => {}
        other => return Outcome::failed("books", &format!("{other:?}")),
    }
    let mut rest = Weak::new();
    let mut outcome = runtime.block_on(async {
        let world = World::new(kit, seed, *profile, all_lines);
        let from = kit.clock.true_now();
        world.run(hours).await;
        rest = Arc::downgrade(&world.entropy);
        world.outcome(kit.clock.true_now().since(from))
    });
    drop(runtime);
    let lives = rest.strong_count();
    if lives > 0 {
        let detail = format!("{lives} lives of the service are kept by something after their end");
        outcome.broken.push(Broken { check: "remains".to_owned(), detail });
    }
    outcome
}

impl<'k> World<'k> {
    fn new(kit: &'k Kit, seed: u64, profile: Profile, all_lines: bool) -> Self {
        let dice = |concern| Dice::new(seed, concern);
        let knob = dice(Concern::Knobs);
        let node = kit.node.copy();
        let (start, solid) = {
            let chain = node.chain();
            (chain.head().head(), chain.solid().head())
        };
        kit.clock.begin(start.timestamp);
        kit.gate.begin(profile, seed);
        let variants = if profile.generous { &kit.generous } else { &kit.variants };
        let mut settings = Arc::clone(knob.pick(variants));
        if profile.refunds {
            Arc::make_mut(&mut settings).refund.address = Some(kit.refunder);
        }
        let is_scarce = knob.happens(profile.scarce);
        for address in &kit.pool {
            let more = if is_scarce { knob.below(12_000) } else { 50_000 + knob.below(100_000) };
            let more = i64::try_from(more).unwrap_or(0) + if is_scarce { 0 } else { LEAST_STAKE };
            // In memory nothing can refuse it.
            drop(node.stake_energy(*address, more * TRX));
        }
        let knobs = Knobs {
            poll_ms: knob.between(1, 8) * 3_000 - 700,
            sweep_ms: knob.between(20, 90) * 1_000,
            observe_ms: knob.between(40, 240) * 1_000,
            // It reads much of the books; the world itself reads all of them.
            guard_ms: knob.between(60, 300) * 1_000,
            reconcile_ms: knob.happens(1_500).then(|| knob.between(120, 400) * 1_000),
            batch: u32::try_from(knob.between(2, 20)).unwrap_or(1),
            at_once: !knob.happens(2_500),
        };
        if knob.happens(profile.skewed) {
            let wrong = i64::try_from(knob.below(7_200_000)).unwrap_or(0) - 3_600_000;
            kit.clock.set_skew(Span::from_ms(wrong));
        }
        let nodes = Arc::new(SimNodes::new(node.clone(), profile, dice(Concern::Nodes)));
        let fleet = profile.fleet.then(|| Fleet::new(node.clone(), profile, dice(Concern::Fleet)));
        if profile.fleet {
            // So that some payments by contracts are above what one machine is believed.
            let limit = if knob.happens(5_000) { 100 } else { 3 };
            Arc::make_mut(&mut settings).chain.agreement_above_trx = Sun::from_trx(limit);
        }
        let keepers = match &fleet {
            None => Keepers::All,
            Some(fleet) if fleet.has_one_keeper() => Keepers::One,
            Some(_) => Keepers::Some,
        };
        let crash_dice = dice(Concern::Crashes);
        let world = Self {
            kit,
            profile,
            settings: Arc::clone(&settings),
            trace: Arc::new(Trace::new(all_lines)),
            network: RefCell::new(Network::new(node.clone(), profile, dice(Concern::Network), &knob, fleet)),
            node,
            nodes,
            customers: dice(Concern::Customers),
            operators: dice(Concern::Operators),
            door: Door::default(),
            oracle: RefCell::new(Oracle::new(kit, settings, solid).with_keepers(keepers)),
            entropy: Arc::new(dice(Concern::Entropy)),
            knobs,
            crashes: Arc::new(Crashes {
                dice: crash_dice,
                panics: profile.panics,
                fatal: profile.fatal,
                faulty: AtomicBool::new(false),
                cut: AtomicBool::new(false),
                count: AtomicU64::new(0),
            }),
            slots: Cell::new(0),
            began: Cell::new(None),
            chance: dice(Concern::Clock),
            verifies: knob.happens(3_000),
        };
        world.note(format_args!("world {seed} {} {:?}", profile.name, world.knobs));
        world
    }

    /// Adds a line to the trace.
    pub(super) fn note(&self, what: std::fmt::Arguments<'_>) {
        self.trace.note(self.kit.clock.true_now().ms(), what);
    }

    /// The slot that was last.
    pub(super) fn slot(&self) -> u64 {
        self.slots.get()
    }

    /// Waits until a slot.
    pub(super) async fn until_slot(&self, slot: u64) {
        let Some(began) = self.began.get() else { return };
        sleep_until(began + SLOT * u32::try_from(slot).unwrap_or(u32::MAX) + Duration::from_millis(1)).await;
    }

    fn set_faulty(&self, faulty: bool) {
        self.kit.gate.set_faulty(faulty);
        self.nodes.set_faulty(faulty);
        self.crashes.faulty.store(faulty, Relaxed);
        self.network.borrow_mut().set_faulty(faulty);
        if !faulty {
            self.kit.clock.set_skew(Span::from_ms(0));
            self.note(format_args!("the faults end"));
        }
    }

    /// From the first slot to rest.
    async fn run(&self, hours: Option<f64>) {
        self.began.set(Some(Instant::now()));
        let mut visits: FuturesUnordered<Visit<'_>> = FuturesUnordered::new();
        let plan = cast::plan(self, hours);
        let last = plan.iter().map(|visit| visit.at).max().unwrap_or(0);
        for visit in plan {
            visits.push(Box::pin(cast::play(self, visit)));
        }
        if self.operators.happens(self.profile.desk) {
            visits.push(Box::pin(desk::work(self)));
        }
        let mut stage = Stage { active_until: last + 20, settling: None };
        let mut off = 0_u64;
        loop {
            for _ in 0..off {
                self.sleep_slot(&mut visits).await;
                self.begin_slot().await;
            }
            let local = LocalSet::new();
            let ending = local.run_until(self.live(&mut visits, &mut stage)).await;
            self.door.close();
            // Whoever was being answered is cut off now, with everything else.
            let _cut_off: Option<Option<()>> = visits.next().now_or_never();
            drop(local);
            match ending {
                Ending::Over => return,
                Ending::Cut(slots) => {
                    off = slots;
                    self.oracle.borrow_mut().tally.cuts += 1;
                    if let Some(image) = self.kit.gate.power_is_cut() {
                        self.note(format_args!("the power is cut; what was not on the disk is lost"));
                        if let Err(error) = self.kit.store.put_back(&image).await {
                            return self.broken("books", error.to_string());
                        }
                    } else {
                        self.note(format_args!("the power is cut"));
                        self.kit.store.forget();
                    }
                    self.crashes.cut.store(false, Relaxed);
                }
            }
        }
    }

    /// One life of the service.
    async fn live(&self, visits: &mut FuturesUnordered<Visit<'_>>, stage: &mut Stage) -> Ending {
        match self.boot().await {
            Ok(app) => self.door.open(app),
            Err(error) => {
                self.note(format_args!("did not start: {error}"));
                return Ending::Cut(1);
            }
        }
        loop {
            self.sleep_slot(visits).await;
            if self.crashes.cut.swap(false, Relaxed) {
                return Ending::Cut(self.chance.below(12));
            }
            if self.is_given_up() {
                self.note(format_args!("the service gave up"));
                return Ending::Cut(1);
            }
            self.begin_slot().await;
            if !self.oracle.borrow().broken.is_empty() {
                return Ending::Over;
            }
            if self.crashes.faulty.load(Relaxed) && self.crashes.dice.happens(self.profile.cuts) {
                return Ending::Cut(self.chance.below(12));
            }
            if self.goes_on(stage, visits.is_empty()).await {
                continue;
            }
            return Ending::Over;
        }
    }

    /// Whether there is anything left to do; what is quiet for long is skipped.
    async fn goes_on(&self, stage: &mut Stage, nobody_visits: bool) -> bool {
        let slot = self.slot();
        match &mut stage.settling {
            None if slot >= stage.active_until && nobody_visits => {
                self.set_faulty(false);
                stage.settling = Some(Settling { since: slot, rested_from: None });
                if self.has_quarantined() {
                    // Whoever failed again and again stays down until a person starts the service afresh.
                    self.note(format_args!("an operator restarts the service"));
                    self.crashes.cut.store(true, Relaxed);
                }
                true
            }
            None if slot > stage.active_until + ENDLESS => {
                self.broken("endless", format!("somebody still waits {ENDLESS} slots after the last came"));
                false
            }
            None => true,
            Some(settling) if slot - settling.since > ENDLESS => {
                self.broken("endless", format!("no rest {ENDLESS} slots after the faults"));
                false
            }
            Some(settling) if !(slot - settling.since).is_multiple_of(LOOK_EVERY) => true,
            Some(settling) => {
                let Some(book) = self.audit().await else { return false };
                let now = self.kit.clock.true_now();
                let rest = self.oracle.borrow().rest(&book, now);
                match rest {
                    super::oracle::Rest::Quiet => {
                        let found = self.oracle.borrow_mut().settle(&book, &self.node);
                        if self.verifies {
                            self.verify().await;
                        }
                        self.nobody_took().await;
                        for broken in found {
                            self.broken(&broken.check, broken.detail);
                        }
                        false
                    }
                    super::oracle::Rest::Until(moment) => {
                        settling.rested_from = None;
                        let wait = moment.since(now);
                        self.note(format_args!("quiet for {} ms", wait.ms()));
                        if wait.ms() > 60_000 {
                            self.kit.clock.skip(Span::from_ms(wait.ms() - 6_000));
                        }
                        true
                    }
                    super::oracle::Rest::Busy(why) => {
                        let since = *settling.rested_from.get_or_insert(now);
                        if now.since(since) > PATIENCE {
                            let halts = self.kit.store.open_halts().await.unwrap_or_default();
                            let reading = self
                                .door
                                .state()
                                .map(|state| state.handles.boards().chain.read().error.clone());
                            let detail = format!("{why}; open halts: {halts:?}; reading: {reading:?}");
                            self.broken("liveness", detail);
                            return false;
                        }
                        true
                    }
                }
            }
        }
    }

    /// Lets everybody go on until the next slot.
    async fn sleep_slot(&self, visits: &mut FuturesUnordered<Visit<'_>>) {
        let Some(began) = self.began.get() else { return };
        let next = u32::try_from(self.slots.get() + 1).unwrap_or(u32::MAX);
        let at = began + SLOT * next;
        loop {
            if self.crashes.cut.load(Relaxed) && self.door.is_open() {
                return;
            }
            tokio::select! {
                biased;
                () = sleep_until(at) => {
                    self.slots.set(u64::from(next));
                    return;
                }
                Some(()) = visits.next(), if !visits.is_empty() => {}
            }
        }
    }

    /// What the network does in a slot, and what is looked at then.
    async fn begin_slot(&self) {
        if self.slot() == FAULTS_FROM {
            self.set_faulty(true);
        }
        if self.crashes.faulty.load(Relaxed) && self.profile.skewed > 0 && self.chance.happens(40) {
            let wrong = i64::try_from(self.chance.below(7_200_000)).unwrap_or(0) - 3_600_000;
            self.kit.clock.set_skew(Span::from_ms(wrong));
            self.note(format_args!("the clock jumps to {wrong} ms"));
        }
        let news = self.network.borrow_mut().slot(self.kit.clock.true_now(), &self.nodes);
        for line in &news.lines {
            self.note(format_args!("{line}"));
        }
        {
            let mut oracle = self.oracle.borrow_mut();
            oracle.read_chain(&self.node, news.forked);
            if self.network.borrow().is_broken() {
                oracle.lose_faith();
            }
        }
        drop(self.audit().await);
    }

    /// Whether the root supervisor asked for the end.
    fn is_given_up(&self) -> bool {
        self.door.state().is_none_or(|state| state.handles.shutdown().is_requested())
    }

    /// Whether an actor has used up its restarts.
    fn has_quarantined(&self) -> bool {
        let Some(state) = self.door.state() else { return false };
        let tree = state.handles.tree();
        tree.actors.iter().any(|actor| actor.state == State::Quarantined)
            || tree.groups.iter().any(|group| group.quarantined > 0)
    }

    /// Starts the service as `serve` does.
    async fn boot(&self) -> Result<Arc<AppState>, String> {
        let store: Arc<dyn Store> = Arc::clone(&self.kit.store) as _;
        if let Some(address) = self.settings.refund.address {
            let now = self.kit.clock.now();
            let id = AccountId::new(now, self.entropy.for_id());
            let account = NewRefundAccount { id, address, permission_id: None };
            store.upsert_refund_account(account, now).await.map_err(|e| e.to_string())?;
        }
        let sale = prices::sale_terms(store.as_ref(), &self.settings).await.map_err(|e| e.to_string())?;
        let fleet = match &self.network.borrow().fleet {
            Some(fleet) => {
                let limit = self.settings.chain.agreement_above_trx;
                Some(Arc::new(fleet.pool(limit, self.settings.payments.addresses.clone())?))
            }
            None => None,
        };
        let chain: Arc<dyn ChainReader> = match &fleet {
            Some(pool) => Arc::clone(pool) as _,
            None => Arc::clone(&self.nodes) as _,
        };
        let writer: Arc<dyn ChainWriter> = match fleet {
            Some(pool) => pool,
            None => Arc::clone(&self.nodes) as _,
        };
        let clock: Arc<dyn Clock> = Arc::clone(&self.kit.clock) as _;
        let entropy: Arc<dyn Entropy> = Arc::clone(&self.entropy) as _;
        let ports = Ports {
            store: Arc::clone(&store),
            chain: Arc::clone(&chain),
            writer,
            signer: Arc::new(self.kit.ring(&self.settings)),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
        };
        let mut told = self.settings.for_actors();
        told.poll_interval = Duration::from_millis(self.knobs.poll_ms);
        told.sweep_interval = Duration::from_millis(self.knobs.sweep_ms);
        told.observe_interval = Duration::from_millis(self.knobs.observe_ms);
        told.guard.interval = Duration::from_millis(self.knobs.guard_ms);
        if let Some(often) = self.knobs.reconcile_ms {
            told.reconcile.interval = Duration::from_millis(often);
        }
        told.catch_up_batch = self.knobs.batch;
        told.serve_at_once = self.knobs.at_once;
        told.step_hook = Some(self.hook());
        let (alone, here, shutdown) = (Leadership::Alone, Placement::OneThread, Shutdown::new());
        let started = start(ports, told, sale, alone, here, shutdown).await;
        let handles: Handles = started.map_err(|error| error.to_string())?;
        Ok(Arc::new(AppState::new(Parts {
            store,
            cache: Arc::new(NoCache),
            chain,
            handles,
            clock,
            entropy,
            settings: Arc::clone(&self.settings),
            metrics: self.kit.metrics.clone(),
        })))
    }

    /// Called after each step of an actor.
    fn hook(&self) -> StepHook {
        let (crashes, trace, clock) =
            (Arc::clone(&self.crashes), Arc::clone(&self.trace), Arc::clone(&self.kit.clock));
        StepHook(Arc::new(move |step| {
            trace.note(clock.true_now().ms(), format_args!("{step}"));
            if crashes.faulty.load(Relaxed) && crashes.dice.happens(crashes.panics) {
                crashes.count.fetch_add(1, Relaxed);
                let is_fatal = crashes.dice.happens(crashes.fatal);
                trace.note(clock.true_now().ms(), format_args!("panic at {step}, fatal: {is_fatal}"));
                crashes.cut.fetch_or(is_fatal, Relaxed);
                std::panic::panic_any(super::PLANTED);
            }
        }))
    }

    fn outcome(&self, passed: Span) -> Outcome {
        let oracle = self.oracle.borrow();
        let mut tally = oracle.tally;
        tally.panics = self.crashes.count.load(Relaxed);
        let network = self.network.borrow();
        tally.blocks = network.blocks;
        tally.forks = network.forks;
        self.note(format_args!(
            "end: {} commits, {} questions, {tally:?}",
            self.kit.gate.commits(),
            self.nodes.questions()
        ));
        Outcome {
            broken: oracle.broken.clone(),
            hash: self.trace.hash(),
            lines: self.trace.lines(),
            simulated_ms: passed.ms(),
            tally,
        }
    }
}

/// How far a run is.
struct Stage {
    /// The first slot in which nobody new comes.
    active_until: u64,
    settling: Option<Settling>,
}

/// Coming to rest.
struct Settling {
    since: u64,
    /// Since when there is no reason any more to be busy.
    rested_from: Option<leyden_domain::Timestamp>,
}
