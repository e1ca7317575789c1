//! Reorganisations: of every depth, at every stage, with payments that come back and payments that do not.

use crate::world::World;
use async_trait::async_trait;
use leyden_actors::boards::Blocked;
use leyden_domain::{
    Address, Height, Sun, TxId, UsdtMicro,
    chain::{Block, Head, TransactionReport},
    order::{CountRule, OrderStateKind as S},
};
use leyden_ports::{AccountInfo, ChainError, ChainReader, Holdings, PoolChainState, Sighting};
use leyden_sim::{ForkPlan, Keep, SimNode, keys};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

/// What a fork does to the payment of the order.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Payment {
    ComesBack,
    IsForgotten,
}

/// The deepest fork that leaves solid blocks alone.
const DEEPEST: u32 = 18;
/// A fork of this depth and more is to undo the payment.
const REACHING: u32 = 9;

/// Brings an order to `stage`, lets some blocks pass, forks `depth` blocks away, and sees how it ends. Says whether the
/// payment was gone.
async fn forked(stage: S, more_blocks: u32, depth: u32, payment: Payment) -> bool {
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.mine_until(order.id, stage).await;
    for _ in 0..more_blocks {
        world.block().await;
    }
    let paid = world.detail(order.id).await.payment.unwrap();
    let paid_by = paid.id.tx_id;
    // How many blocks came since the payment is the machine's affair: what is to undo it reaches it.
    let age = u32::try_from(world.height().await - paid.block.unwrap().block.height().get() + 1).unwrap();
    let reaches = payment == Payment::IsForgotten && depth >= REACHING && age <= DEEPEST;
    let depth = if reaches { depth.max(age) } else { depth };
    let keep = match payment {
        Payment::ComesBack => Keep::All,
        Payment::IsForgotten => Keep::Nothing,
    };
    let undone = world.node.fork(&ForkPlan::of_depth(depth).keeping(keep));
    let report = undone.unwrap_or_else(|error| panic!("{stage:?} {depth}: {error}"));
    world.caught_up().await;
    // A fork below the block that the payment itself refers to makes it invalid for good, whoever keeps it.
    let gone = world.ports.chain.sighting(paid_by).await.unwrap().is_none();
    let ends = if gone { S::Expired } else { S::Completed };
    world.mine_until_late(order.id, ends).await;
    let audit = world.delegations_to(keys::test_address(0)).await;
    let expected = u32::from(!gone);
    assert_eq!(
        (audit.delegations, audit.undelegations),
        (expected, expected),
        "{stage:?}, {more_blocks} later, depth {depth}, {payment:?}: {report:?}"
    );
    assert_eq!(audit.out, audit.back);
    world.assert_books().await;
    gone
}

#[actix_rt::test]
async fn a_payment_that_comes_back_in_another_block_is_served_once_whatever_the_depth() {
    for depth in [1_u32, 2, 3, 5, 9, 14, 17] {
        forked(S::Active, depth.saturating_sub(6), depth, Payment::ComesBack).await;
    }
}

#[actix_rt::test]
async fn a_payment_that_is_forgotten_takes_its_delegation_with_it_whatever_the_depth() {
    let mut gone = 0;
    for depth in [1_u32, 2, 3, 5, 9, 14, 17] {
        gone += u32::from(forked(S::Active, depth.saturating_sub(6), depth, Payment::IsForgotten).await);
    }
    assert!(gone >= 3, "only {gone} of the forks undid the payment");
}

#[actix_rt::test]
async fn a_fork_while_the_energy_is_being_taken_back_takes_it_back_once() {
    for depth in [1, 4, 12] {
        forked(S::Reclaiming, 3, depth, Payment::ComesBack).await;
    }
}

#[actix_rt::test]
async fn a_chain_that_turns_back_again_changes_nothing() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.mine_until(order.id, S::Active).await;
    world.node.fork(&ForkPlan::of_depth(4).keeping(Keep::Nothing)).unwrap();
    world.caught_up().await;
    world.node.flip_back(&Keep::All).unwrap();
    for _ in 0..3 {
        world.block().await;
    }
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(0).await;
}

#[actix_rt::test]
async fn a_fork_below_a_solid_block_stops_all_money_and_says_so() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    for _ in 0..5 {
        world.block().await;
    }
    world.node.fork(&ForkPlan { force: true, ..ForkPlan::of_depth(22) }).unwrap();
    world.pay(0, order.amount_due(1).unwrap());
    for _ in 0..10 {
        world.block().await;
    }
    assert!(world.handles().boards().chain.read().below_solid.is_some());
    assert_eq!(world.state(order.id).await, S::AwaitingPayment);
    assert_eq!(world.delegations_to(order.recipient).await.delegations, 0);
}

/// What nodes behind one address disagree about, for a while.
#[derive(Debug)]
struct Disagreement {
    /// From this height on they show another branch, and below it ours.
    from: AtomicI64,
    /// What is below cannot be read.
    fails: AtomicBool,
}

/// Nodes behind one address that are on different forks.
struct Split {
    node: SimNode,
    over: Arc<Disagreement>,
}

impl Split {
    fn seen(&self, mut block: Block) -> Result<Block, ChainError> {
        if block.height().get() >= self.over.from.load(Ordering::Relaxed) {
            // Any other than ours.
            block.parent = block.id;
        } else if self.over.fails.load(Ordering::Relaxed) {
            return Err(ChainError::Unverified("no two nodes agree".to_owned()));
        }
        Ok(block)
    }
}

#[async_trait]
impl ChainReader for Split {
    async fn head(&self) -> Result<Head, ChainError> {
        ChainReader::head(&self.node).await
    }

    async fn solid(&self) -> Result<Head, ChainError> {
        ChainReader::solid(&self.node).await
    }

    async fn block(&self, height: Height) -> Result<Option<Block>, ChainError> {
        self.node.block(height).await?.map(|block| self.seen(block)).transpose()
    }

    async fn blocks(&self, from: Height, count: u32) -> Result<Vec<Block>, ChainError> {
        self.node.blocks(from, count).await?.into_iter().map(|block| self.seen(block)).collect()
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

    async fn usdt_balance(&self, address: Address) -> Result<UsdtMicro, ChainError> {
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

    async fn transaction(&self, tx_id: TxId) -> Result<Option<TransactionReport>, ChainError> {
        ChainReader::transaction(&self.node, tx_id).await
    }
}

fn blocked(world: &World) -> Option<Blocked> {
    world.handles().boards().chain.read().blocked.clone()
}

#[actix_rt::test]
async fn books_that_stand_still_between_forks_say_so_until_they_go_on() {
    let mut world = World::new().await;
    let over = Arc::new(Disagreement { from: AtomicI64::new(i64::MAX), fails: AtomicBool::new(false) });
    world.ports.chain = Arc::new(Split { node: world.node.clone(), over: Arc::clone(&over) });
    world.start(None).await;
    for _ in 0..3 {
        world.block().await;
    }
    let next = Height::new(world.height().await + 1);
    over.from.store(next.get(), Ordering::Relaxed);
    world.node.mine().unwrap();
    let tried = |least| move |world: &World| blocked(world).is_some_and(|found| found.attempts > least);
    world.wait_for("the books stand still", tried(3)).await;
    let first = blocked(&world).unwrap();
    assert_eq!((first.height, first.reason.as_str()), (next, "nodes are on different forks"));
    // It is the same stand-still where the block before, which is compared, cannot be read either.
    over.fails.store(true, Ordering::Relaxed);
    let fails = |world: &World| blocked(world).is_some_and(|found| found.reason.contains("no two nodes"));
    world.wait_for("the block before cannot be read", fails).await;
    world.wait_for("they still do", tried(blocked(&world).unwrap().attempts)).await;
    let later = blocked(&world).unwrap();
    assert_eq!((later.height, later.since), (next, first.since));
    assert!(later.attempts > first.attempts, "{later:?}");
    over.from.store(i64::MAX, Ordering::Relaxed);
    over.fails.store(false, Ordering::Relaxed);
    world.wait_for("the books go on", |world| blocked(world).is_none()).await;
    world.caught_up().await;
    let read = world.handles().boards().chain.read().processed.unwrap();
    assert!(read.height() >= next);
}
