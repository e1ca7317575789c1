//! What is solid is counted in witnesses, not believed: who calls a block solid too early could have us sign a second
//! time for what can still land.
#![expect(clippy::unwrap_used, reason = "a test")]

use leyden_domain::Height;
use leyden_ports::ChainReader as _;
use leyden_sim::{
    ChainConfig, Lie, SimNode, WireFault,
    http::{self, Face},
};
use leyden_tron::node::{NodePool, NodeSettings, PoolSettings, pool::PooledNode};
use std::collections::BTreeSet;

fn serve(node: &SimNode, face: &Face) -> String {
    let (server, address) =
        http::serve_face(node.clone(), face.clone(), "127.0.0.1:0".parse().unwrap()).unwrap();
    actix_web::rt::System::current().arbiter().spawn(async move {
        server.await.unwrap();
    });
    format!("http://{address}")
}

/// A chain, its only node and how that behaves.
fn alone() -> (SimNode, Face, NodePool) {
    let chain = SimNode::new(ChainConfig::default());
    let face = Face::new();
    let node = PooledNode { node: NodeSettings::new(serve(&chain, &face)), priority: 1, broadcast: true };
    // The chain here runs faster than its own clock.
    let settings = PoolSettings { paced: false, ..PoolSettings::new(vec![node], BTreeSet::new()) };
    (chain, face, NodePool::new(settings).unwrap())
}

/// Reads what the chain has, as the block listener does.
async fn follow(chain: &SimNode, pool: &NodePool, blocks: u32) {
    for _ in 0..blocks {
        chain.mine().unwrap();
        let head = pool.head().await.unwrap().height();
        pool.block(head).await.unwrap().unwrap();
    }
}

#[actix_web::test]
async fn a_node_that_calls_the_newest_block_solid_is_believed_as_far_as_witnesses_built() {
    let (chain, face, pool) = alone();
    follow(&chain, &pool, 40).await;
    assert_eq!(pool.solid().await.unwrap().height(), Height::new(40 - 18));
    face.set(Some(WireFault::Lie(Lie::SolidIsHead)));
    for _ in 0..30 {
        follow(&chain, &pool, 1).await;
        let solid = pool.solid().await.unwrap();
        let truth = chain.chain().solid().head();
        assert_eq!(solid, truth, "with all 27 witnesses in turn the count is the rule itself");
    }
}

#[actix_web::test]
async fn before_enough_blocks_were_read_what_was_known_stays_what_is_known() {
    let (chain, face, pool) = alone();
    for _ in 0..40 {
        chain.mine().unwrap();
    }
    let known = pool.solid().await.unwrap();
    assert_eq!(known.height(), Height::new(22));
    face.set(Some(WireFault::Lie(Lie::SolidIsHead)));
    follow(&chain, &pool, 18).await;
    assert_eq!(pool.solid().await.unwrap(), known);
    follow(&chain, &pool, 1).await;
    assert_eq!(pool.solid().await.unwrap(), chain.chain().solid().head());
}
