//! A chain outlives its process: what was seen is there again, and a line cut short is not.

use crate::common::{START, delegate, done, pool, stranger, trx};
use leyden_sim::{ChainConfig, ForkPlan, Keep, SimError, SimNode, keys};
use std::{fs, io::Write as _, path::Path};

fn open(path: &Path) -> SimNode {
    SimNode::open(path, ChainConfig { genesis_time: START, ..ChainConfig::default() }).unwrap()
}

/// Everything that can be seen of a chain.
fn seen(node: &SimNode) -> (Vec<Vec<u8>>, String) {
    let chain = node.chain();
    let blocks = (0..=chain.head().number()).map(|n| chain.block(n).unwrap().bytes()).collect();
    let receipts: Vec<_> = (0..=chain.head().number())
        .flat_map(|n| {
            chain.block(n).unwrap().transactions.iter().map(|one| one.info.clone()).collect::<Vec<_>>()
        })
        .collect();
    let state: Vec<_> = chain.accounts().collect();
    let delegations: Vec<_> = chain.delegations().collect();
    (blocks, format!("{receipts:?} {state:?} {delegations:?} {:?}", chain.totals()))
}

/// Something of everything.
fn live(node: &SimNode) {
    let (key, pool, receiver) = pool();
    node.fund(stranger(1), trx(5)).unwrap();
    done(node, &key, &delegate(pool, receiver, trx(7_000)));
    node.use_energy(receiver, 1_234).unwrap();
    node.transfer_usdt(&keys::test_key(0), stranger(2), 5).unwrap();
    node.mine().unwrap();
    node.fork(&ForkPlan::of_depth(1)).unwrap();
    node.mint_usdt(stranger(3), 9).unwrap();
    node.flip_back(&Keep::All).unwrap();
    node.mine_many(3).unwrap();
}

#[test]
fn a_restarted_chain_is_the_same_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain");
    let node = open(&path);
    live(&node);
    let before = seen(&node);
    drop(node);

    let again = open(&path);
    assert_eq!(seen(&again), before);
    // It goes on, also with other configuration in hand: the file knows what the chain is made of.
    drop(again);
    let other = SimNode::open(&path, ChainConfig { genesis_time: 1, ..ChainConfig::default() }).unwrap();
    assert_eq!(seen(&other), before);
    live(&other);
    let after = seen(&other);
    drop(other);
    assert_eq!(seen(&open(&path)), after);
}

#[test]
fn a_torn_tail_is_dropped_wherever_it_is_torn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain");
    let node = open(&path);
    node.mine_many(3).unwrap();
    let whole = fs::read(&path).unwrap();
    let before = seen(&node);
    node.transfer(&keys::test_key(0), stranger(1), trx(2)).unwrap();
    node.mine().unwrap();
    drop(node);
    let longer = fs::read(&path).unwrap();
    for cut in [whole.len(), whole.len() + 1, usize::midpoint(whole.len(), longer.len()), longer.len() - 1] {
        fs::write(&path, &longer[..cut]).unwrap();
        let node = open(&path);
        assert_eq!(seen(&node), before, "cut at {cut}");
        // What is written next follows the last whole line.
        node.mine().unwrap();
        let after = seen(&node);
        drop(node);
        assert_eq!(seen(&open(&path)), after, "cut at {cut}");
    }
}

#[test]
fn what_is_no_journal_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain");
    fs::File::create(&path).unwrap().write_all(b"something else\n").unwrap();
    let refused = SimNode::open(&path, ChainConfig::default());
    assert!(matches!(refused, Err(SimError::Journal(_))));
    assert_eq!(fs::read(&path).unwrap(), b"something else\n", "left as it was");
}
