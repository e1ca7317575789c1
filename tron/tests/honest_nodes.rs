//! Honest nodes over real sockets: some keep internal transactions and some do not, they stay on a branch that the network
//! left, are started anew and are late, in every order. Whatever they do, the chain is read to its end, every payment is
//! found once, and nobody is called a liar.
#![expect(clippy::unwrap_used, reason = "tests")]

mod follower;

use actix_web::dev::ServerHandle;
use follower::{Follower, us};
use futures_util::{StreamExt as _, stream};
use leyden_domain::{Height, Sun, TxId, chain::Evidence};
use leyden_ports::ChainReader as _;
use leyden_sim::{
    ChainConfig, ForkPlan, SimNode, WireFault,
    config::TRX,
    http::{self, Abilities, Face},
    keys,
};
use leyden_tron::node::{
    NodePool, NodeSettings, PoolSettings,
    pool::{Agreement, PooledNode},
};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tracing::{
    Metadata, Subscriber,
    span::{Attributes, Id, Record},
};

/// Blocks before anything happens: enough to know all witnesses.
const BEGINNING: u32 = 30;

/// A node at an address of its own, which may be started anew with another chain.
struct Machine {
    address: SocketAddr,
    face: Face,
    running: Option<ServerHandle>,
}

impl Machine {
    fn start(chain: &SimNode, face: Face) -> Self {
        let mut machine = Self { address: "127.0.0.1:0".parse().unwrap(), face, running: None };
        machine.run(chain);
        machine
    }

    fn run(&mut self, chain: &SimNode) {
        let (server, address) = http::serve_face(chain.clone(), self.face.clone(), self.address).unwrap();
        self.address = address;
        self.running = Some(server.handle());
        actix_web::rt::System::current().arbiter().spawn(async move {
            server.await.unwrap();
        });
    }

    async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop(false).await;
        }
    }
}

/// How often a node that nobody asks is asked for its head.
const PROBE: Duration = Duration::from_millis(50);

fn pool(machines: &[Machine], agreement: Agreement) -> NodePool {
    probing_pool(machines, agreement, PROBE)
}

fn probing_pool(machines: &[Machine], agreement: Agreement, probe_every: Duration) -> NodePool {
    let nodes = (1..)
        .zip(machines)
        .map(|(priority, machine)| PooledNode {
            node: NodeSettings {
                name: format!("node-{priority}"),
                timeout_ms: 1_000,
                ..NodeSettings::new(format!("http://{}", machine.address))
            },
            priority,
            broadcast: true,
        })
        .collect();
    NodePool::new(PoolSettings {
        agreement_above: Sun::from_trx(100),
        agreement,
        probe_every,
        // The chain here runs faster than its own clock.
        paced: false,
        ..PoolSettings::new(nodes, [us()].into())
    })
    .unwrap()
}

/// What may happen to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// The network turns to another branch, and the node does not.
    Orphaned,
    /// It is started anew.
    Restarted,
    /// It is late.
    Late,
}

/// The six orders of three events.
const ORDERS: [[Event; 3]; 6] = {
    use Event::{Late, Orphaned, Restarted};
    [
        [Orphaned, Restarted, Late],
        [Orphaned, Late, Restarted],
        [Restarted, Orphaned, Late],
        [Restarted, Late, Orphaned],
        [Late, Orphaned, Restarted],
        [Late, Restarted, Orphaned],
    ]
};

/// A block with a payment that two nodes must show.
fn pay(chain: &SimNode) {
    chain.transfer(&keys::test_key(0), us(), 500 * TRX).unwrap();
    chain.mine().unwrap();
}

/// What was paid to us by the chain itself.
async fn paid_on(chain: &SimNode) -> Vec<TxId> {
    let mut paid = Vec::new();
    let head = chain.chain().head().number();
    for number in 1..=head {
        let block = chain.block(Height::new(number)).await.unwrap().unwrap();
        paid.extend(
            block.transfers.iter().filter(|transfer| transfer.to == us()).map(|transfer| transfer.tx_id),
        );
    }
    paid
}

/// What went wrong where these things happened to these nodes; `None`: nothing.
async fn play(base: &SimNode, count: usize, order: [Event; 3], whom: [usize; 3]) -> Option<String> {
    let chain = base.copy();
    let mut machines: Vec<Machine> = (0..count).map(|_| Machine::start(&chain, Face::new())).collect();
    let mut follower = Follower::new(pool(&machines, Agreement::Required));
    let told = |what: &str, follower: &Follower| {
        let status = follower.pool.status();
        Some(format!("{count} nodes, {order:?} of {whom:?}: {what}; {status:?}"))
    };
    if !follower.catch_up(&chain).await {
        return told("the beginning", &follower);
    }
    for (event, index) in order.into_iter().zip(whom) {
        let machine = &mut machines[index];
        match event {
            Event::Orphaned => {
                let left = chain.copy();
                chain.fork(&ForkPlan::of_depth(2)).unwrap();
                left.mine().unwrap();
                machine.stop().await;
                machine.run(&left);
                for _ in 0..2 {
                    pay(&chain);
                    left.mine().unwrap();
                    follower.try_once().await;
                    follower.try_once().await;
                }
                machine.stop().await;
                machine.run(&chain);
            }
            Event::Restarted => {
                machine.stop().await;
                pay(&chain);
                for _ in 0..3 {
                    follower.try_once().await;
                }
                machine.run(&chain);
            }
            Event::Late => {
                machine.face.set(Some(WireFault::Stale { blocks: 8 }));
                pay(&chain);
                for _ in 0..3 {
                    follower.try_once().await;
                }
                machine.face.set(None);
            }
        }
        follower.try_once().await;
    }
    pay(&chain);
    if !follower.catch_up(&chain).await {
        return told("the end is not reached", &follower);
    }
    let found: Vec<_> = follower.blocks.iter().flat_map(|(_, paid)| paid).map(|(tx_id, ..)| *tx_id).collect();
    if found != paid_on(&chain).await {
        return told("what was found is not what was paid", &follower);
    }
    if follower.pool.status().iter().any(|node| node.lies > 0) {
        return told("an honest node is called a liar", &follower);
    }
    for machine in &mut machines {
        machine.stop().await;
    }
    None
}

#[actix_web::test]
async fn every_order_of_orphaned_heads_restarts_and_lags_ends_with_the_chain_being_read() {
    let base = SimNode::new(ChainConfig::default());
    base.mine_many(BEGINNING).unwrap();
    let mut cases = Vec::new();
    for order in ORDERS {
        for count in [2, 3] {
            for code in 0..count * count * count {
                cases.push((count, order, [code % count, code / count % count, code / count / count]));
            }
        }
    }
    let played = stream::iter(cases).map(|(count, order, whom)| play(&base, count, order, whom));
    let wrong: Vec<String> = played.buffer_unordered(8).filter_map(|wrong| async { wrong }).collect().await;
    assert!(wrong.is_empty(), "{} of them: {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
}

#[actix_web::test]
async fn what_one_of_two_keeps_is_found_and_no_block_waits_for_the_other() {
    for keeper in [0, 1] {
        for agreement in [Agreement::Required, Agreement::WhenPossible] {
            let chain = SimNode::new(ChainConfig::default());
            chain.mine_many(BEGINNING).unwrap();
            let face = |index| {
                Face::with(Abilities { internal_transactions: index == keeper, ..Abilities::default() })
            };
            let machines = [0, 1].map(|index| Machine::start(&chain, face(index)));
            let mut follower = Follower::new(pool(&machines, agreement));
            assert!(follower.catch_up(&chain).await);
            let amounts = [1, 3 * TRX, 500 * TRX];
            let mut heights = Vec::new();
            for amount in amounts {
                chain.transfer_by_contract(&keys::test_key(0), us(), amount).unwrap();
                heights.push(chain.mine().unwrap().number());
                assert!(follower.catch_up(&chain).await, "no block waits for what one node does not keep");
            }
            let paid: Vec<i64> =
                follower.blocks.iter().flat_map(|(_, paid)| paid).map(|(_, _, amount)| *amount).collect();
            assert_eq!(paid, amounts, "keeper {keeper}, {agreement:?}");
            let block = follower.pool.block(Height::new(heights[1])).await.unwrap().unwrap();
            let transfer = block.transfers.iter().find(|transfer| transfer.to == us()).unwrap();
            assert_eq!(transfer.evidence, Evidence::LoneReceipt);
            let status = follower.pool.status();
            let lacks: Vec<_> = status.iter().map(|node| node.lacks.as_slice()).collect();
            assert_eq!(lacks[1 - keeper], ["internal_transactions"], "{status:?}");
            assert!(lacks[keeper].is_empty() && status.iter().all(|node| node.lies == 0), "{status:?}");

            // Who keeps them stops to in mid-run. That is not noticed at once; a comparison that finds money unexplained
            // reads the blocks again.
            machines[keeper].face.tell_internal_transactions(false);
            machines[1 - keeper].face.tell_internal_transactions(true);
            chain.transfer_by_contract(&keys::test_key(0), us(), 7 * TRX).unwrap();
            chain.mine().unwrap();
            assert!(follower.catch_up(&chain).await);
            // Reading again tells what any node shows: the payment is found, late, and not lost.
            let head = Height::new(chain.chain().head().number());
            let told = follower.pool.witnessed(head, 1).await.unwrap();
            assert!(told[0].transfers.iter().any(|transfer| transfer.amount == 7 * TRX), "{told:?}");
        }
    }
}

#[actix_web::test]
async fn where_both_keep_them_two_receipts_are_no_lone_one() {
    let chain = SimNode::new(ChainConfig::default());
    chain.mine_many(BEGINNING).unwrap();
    let machines = [0, 1].map(|_| Machine::start(&chain, Face::new()));
    let mut follower = Follower::new(pool(&machines, Agreement::Required));
    assert!(follower.catch_up(&chain).await);
    chain.transfer_by_contract(&keys::test_key(0), us(), 500 * TRX).unwrap();
    let height = chain.mine().unwrap().number();
    assert!(follower.catch_up(&chain).await);
    let block = follower.pool.block(Height::new(height)).await.unwrap().unwrap();
    let transfer = block.transfers.iter().find(|transfer| transfer.to == us()).unwrap();
    assert_eq!(transfer.evidence, Evidence::Internal);
}

/// Counts how often a log would say that a node's standing changed.
#[derive(Clone, Default)]
struct Changes(Arc<AtomicU32>);

impl Changes {
    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Subscriber for Changes {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.fields().field("standing").is_some()
    }

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[actix_web::test]
async fn a_healthy_node_that_is_seldom_asked_is_never_set_aside_and_a_late_one_once() {
    let changes = Changes::default();
    let _listening = tracing::subscriber::set_default(changes.clone());
    let chain = SimNode::new(ChainConfig::default());
    chain.mine_many(BEGINNING).unwrap();
    let machines = [0, 1].map(|_| Machine::start(&chain, Face::new()));
    // Between two probes of the second node the first is heard to be much further than five blocks, which is late.
    let seldom = Duration::from_millis(400);
    let mut follower = Follower::new(probing_pool(&machines, Agreement::WhenPossible, seldom));
    assert!(follower.catch_up(&chain).await);
    let mut oldest = 0;
    for _ in 0..150 {
        chain.mine().unwrap();
        assert!(follower.catch_up(&chain).await);
        let status = follower.pool.status();
        assert!(status.iter().all(|node| node.standing == "good"), "{status:?}");
        let heard = status[1].head.map_or(0, Height::get);
        oldest = oldest.max(chain.chain().head().number() - heard);
    }
    assert!(oldest > 5, "no head was old: nothing was tried");
    assert_eq!(changes.count(), 0);

    // It falls behind, stays so for a while, and comes back: two changes are told, however often it is heard.
    let standing = |follower: &Follower| follower.pool.status()[1].standing;
    for (fault, wanted) in [(Some(WireFault::Stale { blocks: 40 }), "behind"), (None, "good")] {
        machines[1].face.set(fault);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while standing(&follower) != wanted {
            assert!(tokio::time::Instant::now() < deadline, "never {wanted}: {:?}", follower.pool.status());
            chain.mine().unwrap();
            assert!(follower.catch_up(&chain).await);
        }
        for _ in 0..100 {
            chain.mine().unwrap();
            assert!(follower.catch_up(&chain).await);
            assert_eq!(standing(&follower), wanted);
        }
    }
    assert_eq!(changes.count(), 2);
}
