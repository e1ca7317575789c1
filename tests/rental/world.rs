//! Everything a test of a rental needs: a chain that the test mines block by block, books in memory, actors on this
//! thread, and an audit that reads the chain itself.

use crate::books;
use leyden_actors::{
    ActorSettings, GuardSettings, Handles, Leadership, OrderlessTerms, Placement, Ports, ReconcileSettings,
    RefundWarrants, SaleTerms, StepHook, WarrantLimits,
    kernel::{Ending, Shutdown},
    settings::RefundSettings,
    start,
};
use leyden_domain::{
    AccountId, Address, Energy, Height, OrderId, Span, Sun, Timestamp, TxId, UsdtMicro,
    chain::ResourceAction,
    invariants, journal,
    operation::OperationPolicy,
    order::{Channel, CountRule, Order, OrderEvent, OrderState, OrderStateKind, step},
    payment::{MatchPolicy, Orderless, Payment, TailPolicy, random_tails},
    pool::PlanPolicy,
    refund::{Amounts, RefundPolicy, SpendGuard},
};
use leyden_ports::{
    ChainReader, Clock, Entropy, Store, StoreError,
    store::{
        CreateRefusal, Created, Durability, NewOrder, NewPoolAccount, NewRefundAccount, OrderCommit,
        OrderDetail, Page, PaymentFilter,
    },
};
use leyden_sim::{ChainConfig, ForkPlan, SimNode, build::Options, keys};
use leyden_store::{OpenOptions, SqlStore};
use leyden_tron::{
    keys::{KeyId, KeyPolicy, KeyRing},
    wire::proto::{DelegateResourceContract, ResourceCode, UnDelegateResourceContract},
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Price of one transfer's energy in these tests.
pub(crate) const PRICE: Sun = Sun::new(1_500_000);
/// Energy of one transfer.
pub(crate) const ENERGY: Energy = Energy::new(65_000);
/// How long a rental lasts, in chain time: 100 blocks.
pub(crate) const RENTAL: Span = Span::from_secs(300);
/// How long an order waits for its payment, in chain time.
pub(crate) const PATIENCE: Span = Span::from_secs(600);

/// A clock that moves a millisecond whenever somebody looks at it.
#[derive(Debug)]
pub(crate) struct TickingClock(AtomicI64);

impl Clock for TickingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// Bytes that never repeat.
#[derive(Debug)]
pub(crate) struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut seed = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in bytes {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = seed.to_be_bytes()[0];
        }
    }
}

/// A chain, books, and the actors that join them.
pub(crate) struct World {
    pub(crate) node: SimNode,
    pub(crate) store: Arc<SqlStore>,
    pub(crate) ports: Ports,
    pub(crate) settings: ActorSettings,
    pub(crate) handles: Option<Handles>,
}

impl World {
    /// A world at rest: nothing runs yet.
    pub(crate) async fn new() -> Self {
        Self::at_hours_from_the_chain(0).await
    }

    /// A world at rest whose wall clock is so many hours ahead of the chain's.
    pub(crate) async fn at_hours_from_the_chain(hours: i64) -> Self {
        Self::with_url_at(hours).await.0
    }

    /// The same, and where its books are, for others to share.
    pub(crate) async fn with_url_at(hours: i64) -> (Self, String) {
        Self::by_clock(|head| Arc::new(TickingClock(AtomicI64::new(head.plus(Span::from_hours(hours)).ms()))))
            .await
    }

    /// A world at rest whose books are in a file, for tests that write past the service.
    pub(crate) async fn in_file(dir: &tempfile::TempDir) -> (Self, String) {
        let clock = |head: Timestamp| -> Arc<dyn Clock> { Arc::new(TickingClock(AtomicI64::new(head.ms()))) };
        let url = format!("sqlite://{}", dir.path().join("books.db").display());
        Self::by_clock_at(clock, Some(url)).await
    }

    /// The same by a clock that is made when the chain's newest block is of this time.
    pub(crate) async fn by_clock(make: impl FnOnce(Timestamp) -> Arc<dyn Clock>) -> (Self, String) {
        Self::by_clock_at(make, None).await
    }

    async fn by_clock_at(
        make: impl FnOnce(Timestamp) -> Arc<dyn Clock>,
        url: Option<String>,
    ) -> (Self, String) {
        let node = SimNode::new(ChainConfig::default());
        node.mine_many(25).unwrap();
        let head = ChainReader::head(&node).await.unwrap();
        let clock = make(head.timestamp);
        let entropy: Arc<dyn Entropy> = Arc::new(CountingEntropy(AtomicU64::new(1)));
        let url = match url {
            Some(url) => url,
            None => books::fresh_url(crate::ON_POSTGRES, &clock).await,
        };
        // Each connection to PostgreSQL learns the schema and plans each statement anew, which takes longer than a rental.
        let options = OpenOptions { readers: 2, ..OpenOptions::default() };
        let store = Arc::new(SqlStore::open(&url, Arc::clone(&clock), options).await.unwrap());
        let mut ring = KeyRing::new();
        for n in 0..keys::POOL_ACCOUNTS {
            let address = keys::pool_address(n);
            ring.insert(KeyId { owner: address, permission_id: 0 }, keys::pool_key(n), KeyPolicy::Delegation);
            let id = AccountId::new(clock.now(), entropy.for_id());
            let account = NewPoolAccount { id, address, permission_id: None };
            leyden_ports::store::PoolStore::upsert_pool_account(store.as_ref(), account, clock.now())
                .await
                .unwrap();
        }
        let refunds = refunds();
        ring.insert(
            KeyId { owner: refund_address(), permission_id: 0 },
            keys::test_key(keys::TEST_ACCOUNTS - 2),
            KeyPolicy::Refunds,
        );
        let limits = WarrantLimits {
            guard: refunds.policy.guard,
            usdt_contract: refunds.usdt_contract,
            fee_limit: refunds.fee_limit,
            lifetime: OperationPolicy::default().lifetime,
        };
        ring.ask(Arc::new(RefundWarrants::new(Arc::clone(&store) as Arc<dyn Store>, limits)));
        let account = NewRefundAccount {
            id: AccountId::new(clock.now(), entropy.for_id()),
            address: refund_address(),
            permission_id: None,
        };
        leyden_ports::store::RefundStore::upsert_refund_account(store.as_ref(), account, clock.now())
            .await
            .unwrap();
        let ports = Ports {
            store: Arc::clone(&store) as Arc<dyn Store>,
            chain: Arc::new(node.clone()),
            writer: Arc::new(node.clone()),
            signer: Arc::new(ring),
            clock,
            entropy,
        };
        (Self { node, store, ports, settings: settings(), handles: None }, url)
    }

    /// A world whose actors run.
    pub(crate) async fn running() -> Self {
        let mut world = Self::new().await;
        world.start(None).await;
        world
    }

    /// A world whose settings are changed before its actors run, and whose pool has nothing left for anybody.
    pub(crate) async fn sold_out(change: impl FnOnce(&mut ActorSettings)) -> Self {
        let mut world = Self::new().await;
        change(&mut world.settings);
        world.start(None).await;
        for n in 0..keys::POOL_ACCOUNTS {
            world.lend_all_but(n, 10_000).await;
        }
        world.until_observed().await;
        world
    }

    /// Starts the actors, with a hook after each of their steps.
    pub(crate) async fn start(&mut self, hook: Option<StepHook>) {
        self.settings.step_hook = hook;
        let shutdown = Shutdown::new();
        let sale = SaleTerms {
            orderless: Some(Orderless { unit_price: PRICE, max_transactions: 10 }),
            terms: OrderlessTerms { energy_per_transfer: ENERGY, duration: RENTAL },
        };
        let settings = self.settings.clone();
        let handles =
            start(self.ports.clone(), settings, sale, Leadership::Alone, Placement::OneThread, shutdown);
        self.handles = Some(handles.await.unwrap());
    }

    /// Ends the actors; chain and books stay.
    pub(crate) async fn stop(&mut self) {
        if let Some(handles) = self.handles.take() {
            handles.shutdown().request(0, "the test says so");
            let _: Ending = handles.run(Duration::from_secs(5)).await;
        }
    }

    pub(crate) fn handles(&self) -> &Handles {
        self.handles.as_ref().expect("the actors run")
    }

    /// Waits until every pool account has been asked after.
    pub(crate) async fn until_observed(&self) {
        self.block().await;
        self.wait_for("the pool is not observed", |world| {
            let pool = world.handles().boards().pool.read();
            pool.accounts.iter().all(|account| account.observed.is_some())
        })
        .await;
    }

    /// Pool account `n` lends its stake to a stranger, but for what this much energy needs.
    pub(crate) async fn lend_all_but(&self, n: u32, energy: i64) {
        let state = self.ports.chain.pool_account(keys::pool_address(n)).await.unwrap();
        let kept = state.ratio.stake_for_with_margin(Energy::new(energy), 100).unwrap();
        self.lend(n, keys::test_address(8), state.delegatable.minus(kept).unwrap());
    }

    /// Pool account `n` lends stake to somebody, past the service; the transaction.
    pub(crate) fn lend(&self, n: u32, receiver: Address, balance: Sun) -> TxId {
        let message = DelegateResourceContract {
            owner_address: keys::pool_address(n).to_bytes().to_vec(),
            resource: ResourceCode::Energy.into(),
            balance: balance.get(),
            receiver_address: receiver.to_bytes().to_vec(),
            lock: false,
            lock_period: 0,
        };
        let offer = self.node.send(&keys::pool_key(n), &message, Options::default()).unwrap();
        assert_eq!(offer.message, "");
        offer.tx_id
    }

    /// Pool account `n` takes stake back from somebody, past the service.
    pub(crate) fn take_back(&self, n: u32, receiver: Address, balance: Sun) {
        let message = UnDelegateResourceContract {
            owner_address: keys::pool_address(n).to_bytes().to_vec(),
            resource: ResourceCode::Energy.into(),
            balance: balance.get(),
            receiver_address: receiver.to_bytes().to_vec(),
        };
        let offer = self.node.send(&keys::pool_key(n), &message, Options::default()).unwrap();
        assert_eq!(offer.message, "");
    }

    /// The pool account that an order for one transfer would be given to now.
    pub(crate) async fn best_account(&self) -> Address {
        let accounts = self.ports.store.pool_accounts().await.unwrap();
        let now = self.ports.clock.now();
        let plan = leyden_domain::pool::plan(&accounts, ENERGY, now, &self.settings.planning).unwrap();
        accounts.iter().find(|account| account.id == plan.legs[0].account).unwrap().address
    }

    /// Makes an order for test account `customer`.
    pub(crate) async fn order(&self, customer: u32, count: CountRule) -> Order {
        self.order_with(customer, |order| order.count = count).await.unwrap()
    }

    /// Tries to make an order for test account `customer`, of one transfer, with other terms.
    pub(crate) async fn order_with(
        &self,
        customer: u32,
        change: impl FnOnce(&mut Order),
    ) -> Result<Order, CreateRefusal> {
        let head = ChainReader::head(&self.node).await.unwrap();
        let now = self.ports.clock.now();
        let id = OrderId::standard(now, self.ports.entropy.for_id());
        let expires_at = head.timestamp.plus(PATIENCE);
        let policy = TailPolicy { max: Sun::new(9_999) };
        let mut order = Order {
            id,
            channel: Channel::Standard,
            owner: None,
            chat_id: None,
            user_id: None,
            recipient: keys::test_address(customer),
            payment_address: payment_address(),
            unit_price: PRICE,
            tail: Sun::ZERO,
            count: CountRule::Fixed { count: 1 },
            energy_per_transfer: ENERGY,
            duration: RENTAL,
            bound_sender: None,
            created_at: head.timestamp,
            expires_at,
            closes_at: expires_at.plus(Span::from_hours(24)),
            state: OrderState::AwaitingPayment,
            version: 0,
            updated_at: now,
        };
        change(&mut order);
        let new = NewOrder {
            order,
            tails: random_tails(policy, PRICE, self.ports.entropy.u64(), 16),
            largest_tail: policy.largest_for(PRICE),
            max_open: 1_000,
            idempotency: None,
        };
        let created = self.ports.store.create_order(new).await?;
        let (Created::Fresh(order) | Created::Replayed(order)) = created;
        if let Some(handles) = &self.handles {
            handles.watch_order(order.id);
        }
        Ok(order)
    }

    /// Makes a step that a person decides.
    pub(crate) async fn decide(&self, id: OrderId, event: &OrderEvent) {
        let order = self.detail(id).await.order;
        let head = ChainReader::head(&self.node).await.unwrap();
        let transition = step(&order, event, head.timestamp).unwrap();
        let commit = OrderCommit {
            transitions: vec![transition],
            reclaims: Vec::new(),
            note: None,
            durability: Durability::Strict,
        };
        self.ports.store.commit_order(commit).await.unwrap();
    }

    /// Test account `customer` pays.
    pub(crate) fn pay(&self, customer: u32, amount: Sun) {
        self.node.transfer(&keys::test_key(customer), payment_address(), amount.get()).unwrap();
    }

    /// The number of the chain's newest block.
    pub(crate) async fn height(&self) -> i64 {
        ChainReader::head(&self.node).await.unwrap().block.height().get()
    }

    pub(crate) async fn detail(&self, id: OrderId) -> OrderDetail {
        // On a machine with much else to do the books in memory may be busy for longer than a reader is made to wait.
        for _ in 0..20 {
            match self.ports.store.order_detail(id).await {
                Err(StoreError::Unavailable(why)) if why.contains("busy") => {}
                found => return found.unwrap().expect("the order exists"),
            }
        }
        panic!("the books are busy for ever");
    }

    pub(crate) async fn state(&self, id: OrderId) -> OrderStateKind {
        self.detail(id).await.order.state.kind()
    }

    pub(crate) async fn payments(&self) -> Vec<Payment> {
        let page = Page { after: None, limit: 100 };
        self.ports.store.list_payments(&PaymentFilter::default(), &page).await.unwrap()
    }

    /// Mines a block and waits until the actors have read it and had a moment for it.
    pub(crate) async fn block(&self) {
        self.node.mine().unwrap();
        self.caught_up().await;
    }

    /// Mines blocks until the order is in this state.
    pub(crate) async fn mine_until(&self, id: OrderId, state: OrderStateKind) {
        for _ in 0..400 {
            if self.state(id).await == state {
                return;
            }
            self.block().await;
        }
        let detail = self.detail(id).await;
        panic!("the order never became {}: {detail:#?}\n{:#?}", state.name(), self.handles().tree());
    }

    /// Mines blocks until what was paid for the order is owed, or went back already: a refund takes a block.
    pub(crate) async fn mine_until_owed_back(&self, id: OrderId) {
        use OrderStateKind::{RefundDue, Refunded, Refunding};
        self.mine_while("what is owed", async |world| {
            !matches!(world.state(id).await, RefundDue | Refunding | Refunded)
        })
        .await;
    }

    /// Mines until a state that only much later chain time brings, such as expiry.
    pub(crate) async fn mine_until_late(&self, id: OrderId, state: OrderStateKind) {
        for _ in 0..25 {
            if self.state(id).await == state {
                return;
            }
            self.block().await;
        }
        if state == OrderStateKind::Expired {
            self.node.skip(PATIENCE.ms()).unwrap();
        }
        self.mine_until(id, state).await;
    }

    /// A fork that undoes the block of this height: how many blocks came since is the machine's affair.
    pub(crate) async fn fork_off(&self, height: Height) -> ForkPlan {
        ForkPlan::of_depth(u32::try_from(self.height().await - height.get() + 1).unwrap())
    }

    /// Waits until the books hold the node's head. Gives up waiting, not testing, where something is being killed.
    pub(crate) async fn caught_up(&self) {
        for _ in 0..50 {
            let head = ChainReader::head(&self.node).await.map(|head| head.block).ok();
            let read = self.handles().boards().chain.read().processed.map(|head| head.block);
            pause().await;
            if head == read {
                break;
            }
        }
        pause().await;
    }

    /// Waits, without mining, until something holds.
    pub(crate) async fn wait_for(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..5_000 {
            if holds(self) {
                return;
            }
            pause().await;
        }
        panic!("never came: {what}");
    }

    /// Mines blocks until a condition on the books holds.
    pub(crate) async fn mine_while(&self, what: &str, mut goes_on: impl AsyncFnMut(&Self) -> bool) {
        for _ in 0..400 {
            if !goes_on(self).await {
                return;
            }
            self.block().await;
        }
        panic!("never ended: {what}");
    }

    /// What the chain itself says was delegated to an address: how many transactions, how much stake out and back.
    pub(crate) async fn delegations_to(&self, receiver: Address) -> Audit {
        let head = ChainReader::head(&self.node).await.unwrap();
        let mut audit = Audit::default();
        for height in 1..=head.height().get() {
            let Some(block) = self.node.block(Height::new(height)).await.unwrap() else {
                continue;
            };
            for event in block.resource_events {
                match event.action {
                    ResourceAction::Delegate { receiver: to, balance, .. } if to == receiver => {
                        audit.delegations += 1;
                        audit.out = audit.out.plus(balance).unwrap();
                    }
                    ResourceAction::Undelegate { receiver: to, balance, .. } if to == receiver => {
                        audit.undelegations += 1;
                        audit.back = audit.back.plus(balance).unwrap();
                    }
                    _ => {}
                }
            }
        }
        audit
    }

    /// The rental of `customer` happened exactly once and is over, says the chain; and the books are in order.
    pub(crate) async fn assert_served_once(&self, customer: u32) {
        let audit = self.delegations_to(keys::test_address(customer)).await;
        assert_eq!((audit.delegations, audit.undelegations), (1, 1), "{audit:?}");
        assert_eq!(audit.out, audit.back);
        self.assert_books().await;
    }

    /// Every invariant holds, and the books are what the journal says, while actors go on writing them.
    pub(crate) async fn assert_books(&self) {
        let book = self.ports.store.book().await.unwrap();
        let violations = invariants::check_all(&book);
        assert!(violations.is_empty(), "{violations:#?}");
        let verified = self.ports.store.verify(journal::Head::genesis()).await;
        assert!(verified.is_ok(), "{}", verified.unwrap_err());
    }
}

/// What the chain says happened to one receiver.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Audit {
    pub(crate) delegations: u32,
    pub(crate) undelegations: u32,
    pub(crate) out: Sun,
    pub(crate) back: Sun,
}

/// Lets the actors run for a moment; whoever waits for something looks again after each.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(2)).await;
}

/// Where customers pay: the last test account.
pub(crate) fn payment_address() -> Address {
    keys::test_address(keys::TEST_ACCOUNTS - 1)
}

/// What goes back in these tests: whole but for a fee of a tenth of a TRX, from test account 8.
pub(crate) fn refunds() -> RefundSettings {
    let trx = |trx| Amounts { trx, usdt: UsdtMicro::new(trx.get()) };
    RefundSettings {
        policy: RefundPolicy {
            enabled: true,
            fee: trx(REFUND_FEE),
            minimum: trx(Sun::new(500_000)),
            suspense_delay: Span::from_secs(30),
            hold_read_late: Span::ZERO,
            denied: BTreeSet::new(),
            own: (0..keys::POOL_ACCOUNTS)
                .map(keys::pool_address)
                .chain([payment_address(), refund_address()])
                .collect(),
            four_eyes_above: trx(Sun::from_trx(1_000)),
            guard: SpendGuard {
                per_payment: trx(Sun::from_trx(2_000)),
                per_hour: trx(Sun::from_trx(4_000)),
                per_day: trx(Sun::from_trx(10_000)),
                token_fee: Sun::from_trx(30),
            },
            retry_after: Span::from_secs(60),
            retry_guard: false,
        },
        fee_limit: Sun::from_trx(30),
        usdt_contract: ChainConfig::default().usdt,
        max_attempts: 3,
        serve_late: false,
    }
}

/// Kept of what goes back, where the payer had a part in it.
pub(crate) const REFUND_FEE: Sun = Sun::new(100_000);

/// Where refunds are paid from: the last test account but one.
pub(crate) fn refund_address() -> Address {
    keys::test_address(keys::TEST_ACCOUNTS - 2)
}

fn settings() -> ActorSettings {
    ActorSettings {
        payment_addresses: BTreeSet::from([payment_address()]),
        matching: MatchPolicy {
            dust_sun: Sun::new(100_000),
            completes_under: true,
            dust_usdt_micro: 100_000,
            orderless: None,
            lone_receipt_limit: Sun::from_trx(100),
            denied_senders: BTreeSet::new(),
        },
        planning: PlanPolicy::default(),
        operations: OperationPolicy::default(),
        solid_above: Sun::from_trx(100),
        capacity_patience: Span::from_secs(120),
        reclaim_grace: Span::ZERO,
        poll_interval: Duration::from_millis(3),
        sweep_interval: Duration::from_millis(40),
        observe_interval: Duration::from_millis(500),
        catch_up_batch: 20,
        start_behind: 20,
        resend_after_blocks: 2,
        observe_only: false,
        refunds: refunds(),
        reconcile: ReconcileSettings {
            interval: Duration::ZERO,
            look_interval: Duration::from_millis(30),
            ..ReconcileSettings::default()
        },
        guard: GuardSettings { interval: Duration::from_millis(50), ..GuardSettings::default() },
        max_watchers: 1_000,
        keep_logs: Span::from_hours(24 * 30),
        keep_keys: Span::from_hours(24),
        serve_at_once: true,
        step_hook: None,
    }
}
