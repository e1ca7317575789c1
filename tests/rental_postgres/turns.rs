//! Several instances on one database: one does the work at a time, whoever loses it does nothing any more, and no
//! change of hands loses or doubles anything.

use crate::world::World;
use async_trait::async_trait;
use leyden_actors::{
    Election, Handles, Leadership, Placement, SaleSource, SaleTerms, kernel::Shutdown, start,
};
use leyden_domain::{
    Span,
    order::{CountRule, OrderStateKind as S},
};
use leyden_ports::{
    Clock, Store, StoreError,
    store::{Fence, Lease, LeaseRow, LeaseStore},
};
use leyden_store::{OpenOptions, SqlStore};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Short, for the tests in which a lease runs out.
const BRIEF: Duration = Duration::from_millis(600);
/// For the test in which it must not: longer than a busy machine keeps a thread waiting.
const LONG: Duration = Duration::from_secs(12);

#[derive(Debug)]
struct NoSale;

#[async_trait]
impl SaleSource for NoSale {
    async fn sale_terms(&self) -> Result<SaleTerms, StoreError> {
        Ok(SaleTerms::default())
    }
}

/// Leases that one instance can be cut off from while the rest of the books stays within its reach: as far as it
/// knows, nothing but its lease is in danger.
#[derive(Debug)]
struct Cuttable {
    leases: Arc<SqlStore>,
    cut: AtomicBool,
}

impl Cuttable {
    fn check(&self) -> Result<(), StoreError> {
        if self.cut.load(Ordering::SeqCst) {
            Err(StoreError::Unavailable("cut off".to_owned()))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl LeaseStore for Cuttable {
    async fn take_lease(&self, name: &str, holder: &str, ttl: Span) -> Result<Option<Lease>, StoreError> {
        self.check()?;
        self.leases.take_lease(name, holder, ttl).await
    }

    async fn renew_lease(&self, lease: &Lease, ttl: Span) -> Result<bool, StoreError> {
        self.check()?;
        self.leases.renew_lease(lease, ttl).await
    }

    async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        self.leases.release_lease(lease).await
    }

    async fn lease(&self, name: &str) -> Result<Option<LeaseRow>, StoreError> {
        self.leases.lease(name).await
    }
}

/// One of several instances.
struct Instance {
    handles: Handles,
    leases: Arc<Cuttable>,
    fence: Arc<Fence>,
    fenced: Arc<dyn Store>,
}

impl Instance {
    async fn start(world: &World, url: &str, name: &str, ttl: Duration) -> Self {
        let clock: Arc<dyn Clock> = Arc::clone(&world.ports.clock);
        let store = Arc::new(SqlStore::open(url, clock, OpenOptions::default()).await.unwrap());
        let fence = Arc::new(Fence::new("work"));
        let fenced: Arc<dyn Store> = Arc::new(store.fenced(Arc::clone(&fence)));
        let leases = Arc::new(Cuttable { leases: Arc::clone(&store), cut: AtomicBool::new(false) });
        let election = Election {
            leases: Arc::clone(&leases) as Arc<dyn LeaseStore>,
            fence: Arc::clone(&fence),
            fenced: Arc::clone(&fenced),
            holder: name.to_owned(),
            ttl,
            sales: Arc::new(NoSale),
        };
        let mut ports = world.ports.clone();
        ports.store = store;
        let (sale, leadership) = (SaleTerms::default(), Leadership::Elected(election));
        let settings = world.settings.clone();
        let handles = start(ports, settings, sale, leadership, Placement::OneThread, Shutdown::new());
        Self { handles: handles.await.unwrap(), leases, fence, fenced }
    }

    async fn stop(self) {
        self.handles.shutdown().request(0, "the test says so");
        self.handles.run(Duration::from_secs(5)).await;
    }
}

/// Mines until an order is in a state, whoever works. The chain does not run away from whoever reads it; where nobody does,
/// it goes on after a while.
async fn mine_until(world: &World, order: leyden_domain::OrderId, state: S) {
    for _ in 0..3_000 {
        if world.state(order).await == state {
            return;
        }
        world.node.mine().unwrap();
        let head = world.height().await;
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let read = world.ports.store.chain_position().await.unwrap();
            if read.is_some_and(|position| position.view.head.height().get() >= head) {
                break;
            }
        }
    }
    panic!("never {state:?}: {:?}", world.state(order).await);
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..30_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("never came: {what}");
}

async fn two(ttl: Duration) -> (World, Instance, Instance) {
    let (world, url) = World::with_url_at(0).await;
    let first = Instance::start(&world, &url, "first", ttl).await;
    until("the first leads", || first.handles.is_leading()).await;
    let second = Instance::start(&world, &url, "second", ttl).await;
    (world, first, second)
}

#[actix_rt::test]
async fn the_second_knows_what_the_first_does_and_takes_over_when_it_ends() {
    let (world, first, second) = two(LONG).await;
    world.node.mine().unwrap();
    until("the second knows the chain", || second.handles.boards().chain.read().processed.is_some()).await;
    until("the second knows the pool", || {
        second.handles.boards().pool.read().accounts.iter().all(|account| account.observed.is_some())
    })
    .await;
    assert!(first.handles.is_leading() && !second.handles.is_leading());
    let order = world.order(0, CountRule::Open { max: 5 }).await;
    world.pay(0, order.amount_due(2).unwrap());
    mine_until(&world, order.id, S::Delegating).await;
    first.stop().await;
    until("the second leads", || second.handles.is_leading()).await;
    mine_until(&world, order.id, S::Completed).await;
    world.assert_served_once(0).await;
    second.stop().await;
}

#[actix_rt::test]
async fn whoever_lost_its_lease_writes_nothing_any_more_and_may_have_it_again() {
    let (world, first, second) = two(BRIEF).await;
    first.leases.cut.store(true, Ordering::SeqCst);
    until("the second leads", || second.handles.is_leading()).await;
    assert!(!first.handles.is_leading(), "by its own clock it knew before anybody told it");
    // It has not been told, and would still write under its epoch.
    assert!(first.fence.epoch().is_some());
    let refused = first.fenced.release_tails(world.ports.clock.now(), 1).await;
    assert_eq!(refused, Err(StoreError::Fenced));
    let order = world.order(1, CountRule::Open { max: 5 }).await;
    world.pay(1, order.amount_due(1).unwrap());
    mine_until(&world, order.id, S::Delegating).await;
    second.leases.cut.store(true, Ordering::SeqCst);
    first.leases.cut.store(false, Ordering::SeqCst);
    until("the first leads again", || first.handles.is_leading()).await;
    mine_until(&world, order.id, S::Completed).await;
    world.assert_served_once(1).await;
    first.stop().await;
    second.stop().await;
}

#[actix_rt::test]
async fn hands_change_again_and_again_under_load() {
    let (world, first, second) = two(BRIEF).await;
    let mut orders = Vec::new();
    for round in 0..6_u32 {
        let customer = round;
        let order = world.order(customer, CountRule::Open { max: 5 }).await;
        world.pay(customer, order.amount_due(1 + round % 3).unwrap());
        orders.push((customer, order.id));
        world.node.mine().unwrap();
        let (loses, gets) = if round % 2 == 0 { (&first, &second) } else { (&second, &first) };
        loses.leases.cut.store(true, Ordering::SeqCst);
        gets.leases.cut.store(false, Ordering::SeqCst);
        until("the other leads", || gets.handles.is_leading()).await;
    }
    for (customer, order) in orders {
        mine_until(&world, order, S::Completed).await;
        world.assert_served_once(customer).await;
    }
    first.stop().await;
    second.stop().await;
}
