//! Honest nodes over real sockets: some keep internal transactions and some do not, they stay on a branch that the network
//! left, are started anew and are late, in every order. Whatever they do, the chain is read to its end, every payment is
//! found once, and nobody is called a liar.
#![expect(clippy::unwrap_used, reason = "tests")]

mod follower;

use actix_web::dev::ServerHandle;
use follower::{Follower, us};
use futures_util::{StreamExt as _, stream};
use leyden_domain::{Sun, chain::Evidence};
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
use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

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

fn pool(machines: &[Machine], agreement: Agreement) -> NodePool {
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
        probe_every: Duration::from_millis(50),
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
    let paid: Vec<_> = follower.blocks.iter().flat_map(|(_, paid)| paid).map(|(tx_id, ..)| *tx_id).collect();
    let on_chain = |tx_id| chain.chain().transaction(&tx_id).is_some();
    let each_once: BTreeSet<_> = paid.iter().copied().collect();
    if each_once.len() != paid.len() || !paid.iter().all(|tx_id| on_chain(*tx_id)) {
        return told("a payment is invented", &follower);
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
    // All of two nodes, and of three each third.
    let cases = cases.into_iter().enumerate().filter(|(n, (count, ..))| *count == 2 || n % 3 == 0);
    let played = stream::iter(cases).map(|(_, (count, order, whom))| play(&base, count, order, whom));
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
            let block = follower.pool.block(leyden_domain::Height::new(heights[1])).await.unwrap().unwrap();
            let transfer = block.transfers.iter().find(|transfer| transfer.to == us()).unwrap();
            assert_eq!(transfer.evidence, Evidence::LoneReceipt);
            let status = follower.pool.status();
            let lacks: Vec<_> = status.iter().map(|node| node.lacks.as_slice()).collect();
            assert_eq!(lacks[1 - keeper], ["internal_transactions"], "{status:?}");
            assert!(lacks[keeper].is_empty() && status.iter().all(|node| node.lies == 0), "{status:?}");

            // Who keeps them stops to in mid-run: what the other shows from then on is found as well.
            machines[keeper].face.tell_internal_transactions(false);
            machines[1 - keeper].face.tell_internal_transactions(true);
            chain.transfer_by_contract(&keys::test_key(0), us(), 7 * TRX).unwrap();
            chain.mine().unwrap();
            assert!(follower.catch_up(&chain).await);
            // Reading again tells what any node shows.
            let head = leyden_domain::Height::new(chain.chain().head().number());
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
    let block = follower.pool.block(leyden_domain::Height::new(height)).await.unwrap().unwrap();
    let transfer = block.transfers.iter().find(|transfer| transfer.to == us()).unwrap();
    assert_eq!(transfer.evidence, Evidence::Internal);
}
