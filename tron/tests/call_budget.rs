//! What following the chain costs in calls: so many for a block, so many for a delegation, whoever reads meanwhile.
#![expect(clippy::unwrap_used, reason = "tests")]

use futures_util::future::join_all;
use leyden_domain::{Address, BlockRef, Height, Sun, Timestamp, chain::SignedTransaction};
use leyden_ports::{ChainReader, ChainWriter};
use leyden_sim::{
    ChainConfig, SimNode,
    build::Options,
    config::TRX,
    http::{self, Face},
    keys,
};
use leyden_tron::{
    crypto,
    node::{NodePool, NodeSettings, PoolSettings, pool::PooledNode},
    wire::proto::DelegateResourceContract,
};

/// Blocks that are followed.
const BLOCKS: i64 = 60;
/// What the beginning costs: the first heads, witnesses that two nodes must show, questions about addresses.
const BEGINNING: i64 = 100;

fn us() -> Address {
    Address::from_evm([0x77; 20])
}

fn start(nodes: usize) -> (SimNode, Face, NodePool) {
    let (chain, face) = (SimNode::new(ChainConfig::default()), Face::new());
    let pooled = (0..nodes)
        .map(|number| {
            let (server, address) =
                http::serve_face(chain.clone(), face.clone(), "127.0.0.1:0".parse().unwrap()).unwrap();
            actix_web::rt::System::current().arbiter().spawn(async move {
                server.await.unwrap();
            });
            let node =
                NodeSettings { name: number.to_string(), ..NodeSettings::new(format!("http://{address}")) };
            PooledNode { node, priority: 1, broadcast: true }
        })
        .collect();
    let settings =
        PoolSettings { agreement_above: Sun::from_trx(1_000), ..PoolSettings::new(pooled, [us()].into()) };
    (chain, face, NodePool::new(settings).unwrap())
}

fn delegation(chain: &SimNode) -> SignedTransaction {
    let message = DelegateResourceContract {
        owner_address: keys::pool_address(0).to_bytes().to_vec(),
        receiver_address: keys::test_address(1).to_bytes().to_vec(),
        resource: 1,
        balance: 5 * TRX,
        ..DelegateResourceContract::default()
    };
    let bytes = chain.signed(&keys::pool_key(0), &message, Options::default());
    let signed = leyden_sim::tx::SignedTx::decode(&bytes).unwrap();
    SignedTransaction {
        tx_id: crypto::tx_id(&signed.raw_bytes),
        bytes,
        reference: BlockRef::new(chain.chain().head().id),
        expiration: Timestamp::from_ms(signed.raw.expiration),
    }
}

/// Follows blocks as the listener does: head, block, solid. Each holds a payment, some a delegation. So many readers ask
/// about addresses meanwhile. The calls, and how many delegations were sent.
async fn calls(nodes: usize, readers: u32, with_tokens: bool) -> (i64, i64) {
    let (chain, face, pool) = start(nodes);
    let (mut next, mut delegations) = (1, 0);
    for step in 0..BLOCKS {
        chain.transfer(&keys::test_key(0), us(), 7 * TRX).unwrap();
        if with_tokens {
            chain.transfer_usdt(&keys::test_key(0), keys::test_address(3), 5).unwrap();
        }
        if step % 3 == 0 {
            pool.broadcast(&delegation(&chain)).await.unwrap();
            delegations += 1;
        }
        chain.mine().unwrap();
        // The chain here does not come in its own rhythm.
        pool.hint();
        let head = pool.head().await.unwrap().height();
        while next <= head.get() {
            let block = pool.block(Height::new(next)).await.unwrap().unwrap();
            assert_eq!(block.height(), Height::new(next));
            pool.solid().await.unwrap();
            next += 1;
        }
        let questions = (0..readers).map(|reader| {
            let address = keys::test_address(reader % 5);
            let pool = &pool;
            async move {
                pool.account(address).await.unwrap();
                pool.holds_usdt(address).await.unwrap();
            }
        });
        join_all(questions).await;
    }
    assert_eq!(next, BLOCKS + 1);
    (i64::try_from(face.total_calls()).unwrap(), delegations)
}

#[actix_web::test]
async fn a_block_is_two_calls_and_a_delegation_is_two_whoever_reads() {
    for (nodes, readers) in [(1, 0), (1, 200), (2, 0), (2, 200)] {
        let (calls, delegations) = calls(nodes, readers, false).await;
        let allowed = 2 * BLOCKS + 2 * delegations + BEGINNING;
        assert!(calls <= allowed, "{nodes} nodes, {readers} readers: {calls} calls, {allowed} allowed");
    }
}

#[actix_web::test]
async fn receipts_leave_one_call_in_four_blocks_for_the_solid_one() {
    let (calls, delegations) = calls(1, 0, true).await;
    let allowed = 2 * BLOCKS + BLOCKS / 4 + 2 * delegations + BEGINNING / 4;
    assert!(calls <= allowed, "{calls} calls, {allowed} allowed");
}
