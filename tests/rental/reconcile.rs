//! The books beside the chain: what somebody else did, what was missed, and what mends it, once.

use crate::world::{World, payment_address};
use async_trait::async_trait;
use leyden_actors::StepHook;
use leyden_domain::{
    Address, Height, ReconciliationId, RepairId, Span, Sun, TxId,
    chain::{Block, Evidence, Head},
    order::{CountRule, OrderStateKind as S},
    reconcile::{Class, Decision, Matter, Reconciliation, Repair, RepairKind, RepairState, Say},
};
use leyden_ports::{
    AccountInfo, ChainError, ChainReader, Holdings, PoolChainState, Sighting,
    store::{Page, ReconciliationRow, ReconciliationWish},
};
use leyden_sim::{SimNode, keys};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Wants a comparison and waits until it is done.
pub(crate) async fn compared(world: &World) -> Reconciliation {
    let at = world.ports.clock.now();
    let id = ReconciliationId::new(at, world.ports.entropy.for_id());
    let wish = ReconciliationWish { id, at, by: "key_1".to_owned() };
    world.ports.store.want_reconciliation(wish).await.unwrap();
    for _ in 0..2_000 {
        if let Some(ReconciliationRow::Done(done)) = world.ports.store.reconciliation(id).await.unwrap() {
            assert!(done.skipped.is_empty(), "{:?}", done.skipped);
            return done;
        }
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    panic!("never compared: {:#?}", world.handles().tree());
}

pub(crate) async fn repairs(world: &World) -> Vec<Repair> {
    world.ports.store.list_repairs(&[], &Page { after: None, limit: 50 }).await.unwrap()
}

/// Waits until a repair has become this.
pub(crate) async fn until_repaired(world: &World, state: RepairState) -> Repair {
    for _ in 0..2_000 {
        if let Some(repair) = repairs(world).await.into_iter().find(|repair| repair.state == state) {
            return repair;
        }
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    panic!("no repair was ever {}: {:#?}", state.name(), repairs(world).await);
}

/// Waits until this repair, and not an earlier one, is applied.
pub(crate) async fn until_applied(world: &World, id: RepairId) {
    for _ in 0..2_000 {
        if repairs(world).await.iter().any(|one| one.id == id && one.state == RepairState::Applied) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    panic!("repair {id} was never applied: {:#?}", repairs(world).await);
}

/// Mines until what was done is solid.
pub(crate) async fn settled(world: &World) {
    for _ in 0..25 {
        world.block().await;
    }
}

#[actix_rt::test]
async fn books_and_chain_agree_before_during_and_after_a_rental() {
    let world = World::running().await;
    world.until_observed().await;
    assert_eq!(compared(&world).await.differences, []);
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    let mut pairs = 0;
    for state in [S::Active, S::Reclaiming, S::Completed] {
        world.mine_until(order.id, state).await;
        // Some of it above the solid block, some below.
        for _ in 0..3 {
            let done = compared(&world).await;
            assert_eq!(done.differences, [], "{}", state.name());
            pairs += done.pairs;
            world.block().await;
        }
    }
    settled(&world).await;
    assert_eq!(compared(&world).await.differences, []);
    assert!(pairs > 0, "the pair was looked at by turns");
    assert!(repairs(&world).await.is_empty());
}

#[actix_rt::test]
async fn what_the_owner_lends_behind_our_back_is_found_and_written_off_by_a_person() {
    let world = World::running().await;
    world.until_observed().await;
    world.lend_all_but(0, 65_000).await;
    settled(&world).await;
    let done = compared(&world).await;
    let found: Vec<_> = done.differences.iter().map(|one| (one.matter, one.class, one.receiver)).collect();
    assert_eq!(found, [(Matter::Delegation, Class::ExternalMovement, Some(keys::test_address(8)))]);
    let proposed = until_repaired(&world, RepairState::Proposed).await;
    assert_eq!(
        (proposed.kind, proposed.difference.account),
        (RepairKind::WriteOff, Some(keys::pool_address(0)))
    );
    // Found again, it is not proposed again.
    assert_eq!(compared(&world).await.differences.len(), 1);
    assert_eq!(repairs(&world).await.len(), 1);
    assert!(world.ports.store.open_halts().await.unwrap().is_empty(), "sales go on");
    let decision = Decision { at: world.ports.clock.now(), by: "key_1".into(), reason: "my own".into() };
    world.ports.store.decide_repair(proposed.id, Say::Approve(None), decision).await.unwrap();
    world.handles().hint_reconciler();
    until_repaired(&world, RepairState::Applied).await;
    assert_eq!(compared(&world).await.differences, []);
}

/// Who is known to both sides differs in no list, only in its sum: it is found behind however many others.
#[actix_rt::test]
async fn what_differs_is_found_behind_more_receivers_than_are_asked_about_at_once() {
    let mut world = World::new().await;
    (world.settings.reconcile.pairs_at_once, world.settings.reconcile.sampled) = (1, 1);
    world.start(None).await;
    world.until_observed().await;
    let customers = keys::POOL_ACCOUNTS + 2;
    for customer in 0..customers {
        let order = world.order_with(customer, |order| order.duration = Span::from_hours(1)).await.unwrap();
        world.pay(customer, order.amount_due(1).unwrap());
        world.mine_until(order.id, S::Active).await;
    }
    settled(&world).await;
    assert_eq!(compared(&world).await.differences, []);
    let mut served = None;
    for account in 0..keys::POOL_ACCOUNTS {
        let receivers = world.node.holdings(keys::pool_address(account)).await.unwrap().receivers;
        served = served.or((receivers.len() > 1).then_some((account, receivers)));
    }
    let (account, receivers) = served.expect("one account serves more than one customer");
    // It is the last whose turn will come.
    let last = *receivers.first().unwrap();
    world.lend(account, last, Sun::from_trx(5));
    settled(&world).await;
    for _ in 0..2 {
        let done = compared(&world).await;
        let found: Vec<_> =
            done.differences.iter().map(|one| (one.class, one.receiver, one.excess())).collect();
        assert_eq!(found, [(Class::ExternalMovement, Some(last), 5_000_000)]);
    }
}

#[actix_rt::test]
async fn what_a_person_rejects_is_not_proposed_again() {
    let world = World::running().await;
    world.until_observed().await;
    world.lend_all_but(0, 65_000).await;
    settled(&world).await;
    compared(&world).await;
    let proposed = until_repaired(&world, RepairState::Proposed).await;
    let decision =
        Decision { at: world.ports.clock.now(), by: "key_1".into(), reason: "to be taken back".into() };
    world.ports.store.decide_repair(proposed.id, Say::Reject, decision.clone()).await.unwrap();
    assert!(
        world.ports.store.decide_repair(proposed.id, Say::Approve(None), decision).await.is_err(),
        "decided once"
    );
    compared(&world).await;
    assert_eq!(repairs(&world).await.len(), 1);
}

#[actix_rt::test]
async fn stake_that_somebody_added_is_observed_at_once() {
    let mut world = World::new().await;
    world.settings.observe_interval = std::time::Duration::from_hours(10);
    world.start(None).await;
    world.until_observed().await;
    settled(&world).await;
    world.node.stake_energy(keys::pool_address(0), 1_000_000_000).unwrap();
    settled(&world).await;
    let done = compared(&world).await;
    let found: Vec<_> = done.differences.iter().map(|one| (one.matter, one.class, one.excess())).collect();
    assert_eq!(found, [(Matter::Stake, Class::ExternalMovement, 1_000_000_000)]);
    until_repaired(&world, RepairState::Applied).await;
    assert_eq!(compared(&world).await.differences, []);
}

/// What a node keeps to itself, for a while.
#[derive(Debug, Default)]
pub(crate) struct Hides {
    /// Everything that happens.
    all: AtomicBool,
    /// What contracts send, as a node does that keeps no internal transactions.
    pub(crate) internal: AtomicBool,
    /// And no other node shows it either.
    pub(crate) everywhere: AtomicBool,
}

/// A node that keeps something to itself.
struct Hiding {
    node: SimNode,
    hides: Arc<Hides>,
}

impl Hiding {
    fn seen(&self, mut block: Block) -> Block {
        if self.hides.all.load(Ordering::Relaxed) {
            block.transfers.clear();
            block.resource_events.clear();
        }
        if self.hides.internal.load(Ordering::Relaxed) {
            block.transfers.retain(|transfer| transfer.evidence != Evidence::Internal);
        }
        block
    }
}

#[async_trait]
impl ChainReader for Hiding {
    async fn head(&self) -> Result<Head, ChainError> {
        ChainReader::head(&self.node).await
    }

    async fn solid(&self) -> Result<Head, ChainError> {
        ChainReader::solid(&self.node).await
    }

    async fn block(&self, height: Height) -> Result<Option<Block>, ChainError> {
        Ok(self.node.block(height).await?.map(|block| self.seen(block)))
    }

    async fn blocks(&self, from: Height, count: u32) -> Result<Vec<Block>, ChainError> {
        Ok(self.node.blocks(from, count).await?.into_iter().map(|block| self.seen(block)).collect())
    }

    async fn witnessed(&self, from: Height, count: u32) -> Result<Vec<Block>, ChainError> {
        if self.hides.everywhere.load(Ordering::Relaxed) {
            return self.blocks(from, count).await;
        }
        self.node.blocks(from, count).await
    }

    async fn account(&self, address: Address) -> Result<Option<AccountInfo>, ChainError> {
        ChainReader::account(&self.node, address).await
    }

    async fn pool_account(&self, address: Address) -> Result<PoolChainState, ChainError> {
        self.node.pool_account(address).await
    }

    async fn holds_usdt(&self, address: Address) -> Result<bool, ChainError> {
        self.node.holds_usdt(address).await
    }

    async fn usdt_balance(&self, address: Address) -> Result<leyden_domain::UsdtMicro, ChainError> {
        ChainReader::usdt_balance(&self.node, address).await
    }

    async fn delegated(&self, owner: Address, receiver: Address) -> Result<Sun, ChainError> {
        self.node.delegated(owner, receiver).await
    }

    async fn holdings(&self, address: Address) -> Result<Holdings, ChainError> {
        self.node.holdings(address).await
    }

    async fn lent(&self, owner: Address, receiver: Address) -> Result<(Head, Sun), ChainError> {
        self.node.lent(owner, receiver).await
    }

    async fn sighting(&self, tx_id: TxId) -> Result<Option<Sighting>, ChainError> {
        self.node.sighting(tx_id).await
    }

    async fn transaction(
        &self,
        tx_id: TxId,
    ) -> Result<Option<leyden_domain::chain::TransactionReport>, ChainError> {
        ChainReader::transaction(&self.node, tx_id).await
    }
}

/// A world whose node can hide what happens.
pub(crate) async fn hiding(hook: Option<StepHook>) -> (World, Arc<Hides>) {
    let mut world = World::new().await;
    let hides = Arc::new(Hides::default());
    world.ports.chain = Arc::new(Hiding { node: world.node.clone(), hides: Arc::clone(&hides) });
    world.start(hook).await;
    world.until_observed().await;
    (world, hides)
}

/// A payment that a node hid is found by what is on the payment address, recorded, and served: once, whatever dies.
async fn a_missed_payment(hook: Option<StepHook>) {
    let (world, hides) = hiding(hook).await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    settled(&world).await;
    assert_eq!(compared(&world).await.differences, []);
    hides.all.store(true, Ordering::Relaxed);
    world.pay(0, order.amount_due(1).unwrap());
    settled(&world).await;
    hides.all.store(false, Ordering::Relaxed);
    assert_eq!(world.state(order.id).await, S::AwaitingPayment, "nobody saw it");
    let done = compared(&world).await;
    let found: Vec<_> = done.differences.iter().map(|one| (one.matter, one.class, one.excess())).collect();
    assert_eq!(found, [(Matter::Payments, Class::MissedEvent, order.amount_due(1).unwrap().get())]);
    let repair = until_repaired(&world, RepairState::Applied).await;
    assert_eq!(repair.kind, RepairKind::RereadBlocks);
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(0).await;
    assert_eq!(world.payments().await.len(), 1);
    assert_eq!(compared(&world).await.differences, []);
    assert_eq!(repairs(&world).await.len(), 1);
}

#[actix_rt::test]
async fn a_missed_payment_is_found_and_served() {
    a_missed_payment(None).await;
}

#[actix_rt::test]
async fn a_reconciler_killed_after_any_step_repairs_once() {
    for step in ["reconciler.compared", "reconciler.recorded", "reconciler.reread"] {
        let died = Arc::new(AtomicBool::new(false));
        let once = Arc::clone(&died);
        let hook = move |name: &'static str| {
            assert!(name != step || once.swap(true, Ordering::Relaxed), "killed at {step}");
        };
        a_missed_payment(Some(StepHook(Arc::new(hook)))).await;
        assert!(died.load(Ordering::Relaxed), "{step} was never reached");
    }
}

#[actix_rt::test]
async fn a_missed_return_of_a_strangers_loan_is_read_again() {
    let (world, hides) = hiding(None).await;
    world.lend_all_but(0, 65_000).await;
    settled(&world).await;
    compared(&world).await;
    let proposed = until_repaired(&world, RepairState::Proposed).await;
    let decision = Decision { at: world.ports.clock.now(), by: "key_1".into(), reason: "my own".into() };
    world.ports.store.decide_repair(proposed.id, Say::Approve(None), decision).await.unwrap();
    until_applied(&world, proposed.id).await;
    // More of it, in a block that showed nothing.
    hides.all.store(true, Ordering::Relaxed);
    world.lend_all_but(0, 10_000).await;
    settled(&world).await;
    hides.all.store(false, Ordering::Relaxed);
    let done = compared(&world).await;
    let found: Vec<_> = done.differences.iter().map(|one| (one.matter, one.class)).collect();
    assert_eq!(found, [(Matter::Delegation, Class::MissedEvent)]);
    world
        .mine_while("the blocks are read again", async |world| {
            !repairs(world)
                .await
                .iter()
                .any(|repair| repair.kind == RepairKind::RereadBlocks && repair.state == RepairState::Applied)
        })
        .await;
    // Now that it is known, it is what it is: a stranger's.
    let found: Vec<_> = compared(&world).await.differences.iter().map(|one| one.class).collect();
    assert_eq!(found, [Class::ExternalMovement]);
}

#[actix_rt::test]
async fn money_that_its_owner_takes_is_a_difference_only_where_nobody_should() {
    for expected in [true, false] {
        let mut world = World::new().await;
        world.settings.reconcile.expect_withdrawals = expected;
        world.start(None).await;
        world.until_observed().await;
        settled(&world).await;
        assert_eq!(compared(&world).await.differences, []);
        let key = keys::test_key(keys::TEST_ACCOUNTS - 1);
        assert_eq!(key.address(), payment_address());
        world.node.transfer(&key, keys::test_address(5), 7_000_000).unwrap();
        settled(&world).await;
        let wanted: &[_] = if expected { &[] } else { &[(Matter::Payments, Class::ExternalMovement)] };
        // It stays a difference.
        for _ in 0..2 {
            let found = compared(&world).await.differences;
            let found: Vec<_> = found.iter().map(|one| (one.matter, one.class)).collect();
            assert_eq!(found, wanted);
        }
        if expected {
            continue;
        }
        let proposed = until_repaired(&world, RepairState::Proposed).await;
        assert_eq!((proposed.kind, proposed.difference.excess()), (RepairKind::WriteOff, -7_000_000));
        let decision =
            Decision { at: world.ports.clock.now(), by: "key_1".into(), reason: "it was me".into() };
        world.ports.store.decide_repair(proposed.id, Say::Approve(None), decision).await.unwrap();
        until_applied(&world, proposed.id).await;
        assert_eq!(compared(&world).await.differences, []);
    }
}
