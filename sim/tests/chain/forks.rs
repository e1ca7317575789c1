//! Forks: what is undone, what comes back, what is never undone.

use crate::common::{delegate, done, stranger, trx};
use leyden_domain::chain::Resource;
use leyden_sim::{ForkPlan, Keep, SimError, View, build::Options, keys};
use leyden_tron::wire::proto::ResponseCode;

#[test]
fn a_fork_replaces_blocks_and_keeps_transactions() {
    let node = crate::common::node();
    let (key, pool, receiver) = crate::common::pool();
    node.mine_many(3).unwrap();
    let base = node.chain().head().id;
    let delegated = done(&node, &key, &delegate(pool, receiver, trx(10)));
    node.mine().unwrap();
    let old = node.chain().head().id;

    let report = node.fork(&ForkPlan::of_depth(2)).unwrap();
    assert_eq!((report.common, report.undone, report.head), (3, 2, 6));
    let chain = node.chain();
    assert_eq!(chain.block(3).unwrap().id, base);
    assert_ne!(chain.block(5).unwrap().id, old);
    for number in 1..=6 {
        assert_eq!(chain.block(number).unwrap().raw.parent_hash, chain.block(number - 1).unwrap().id.bytes());
    }
    assert_eq!(chain.transaction(&delegated.tx_id).unwrap().0.number(), 4);
    assert_eq!(chain.delegation(View::Head, pool, receiver)[0].unwrap().energy, trx(10));
}

#[test]
fn what_is_forgotten_leaves_no_trace() {
    let node = crate::common::node();
    let (key, pool, receiver) = crate::common::pool();
    node.mine_many(2).unwrap();
    let before = node.chain().account(View::Head, &pool).unwrap().clone();
    let delegated = done(&node, &key, &delegate(pool, receiver, trx(10)));
    node.fork(&ForkPlan::of_depth(1).keeping(Keep::Nothing)).unwrap();
    let chain = node.chain();
    assert!(chain.transaction(&delegated.tx_id).is_none());
    assert_eq!(chain.account(View::Head, &pool).unwrap(), &before);
    assert_eq!(chain.pending().count(), 0);
}

/// A transaction bound to a block that is undone can never come back.
#[test]
fn a_transaction_dies_with_the_block_it_is_bound_to() {
    let node = crate::common::node();
    node.mine_many(2).unwrap();
    let key = keys::test_key(0);
    let paid = node.transfer(&key, keys::test_address(1), 5).unwrap();
    node.mine().unwrap();
    assert!(node.chain().transaction(&paid.tx_id).is_some());
    // The block before the one it is in is undone too, and that is the one it refers to.
    node.fork(&ForkPlan::of_depth(2)).unwrap();
    assert!(node.chain().transaction(&paid.tx_id).is_none());
    assert_eq!(node.chain().pending().count(), 0);
}

#[test]
fn the_earlier_branch_comes_back() {
    let node = crate::common::node();
    let (key, pool, receiver) = crate::common::pool();
    node.mine_many(2).unwrap();
    let delegated = done(&node, &key, &delegate(pool, receiver, trx(10)));
    let old = node.chain().head().id;
    let account = node.chain().account(View::Head, &pool).unwrap().clone();
    node.fork(&ForkPlan::of_depth(1).keeping(Keep::Nothing)).unwrap();
    let other = node.transfer(&keys::test_key(0), stranger(1), trx(2)).unwrap();
    node.mine().unwrap();

    let report = node.flip_back(&Keep::Nothing).unwrap();
    assert_eq!(report.common, 2);
    let chain = node.chain();
    assert_eq!(chain.block(3).unwrap().id, old, "the very same block");
    assert!(chain.transaction(&delegated.tx_id).is_some());
    assert!(chain.transaction(&other.tx_id).is_none());
    assert_eq!(chain.account(View::Head, &pool).unwrap(), &account);
    assert_eq!(chain.account(View::Head, &stranger(1)), None);
}

#[test]
fn solid_blocks_stay_unless_forced() {
    let node = crate::common::node();
    node.mine_many(30).unwrap();
    assert_eq!(node.chain().solid_number(), 12);
    assert_eq!(node.fork(&ForkPlan::of_depth(19)), Err(SimError::BelowSolid { depth: 19, solid: 12 }));
    // Also where the chain becomes shorter, what was solid stays solid.
    node.fork(&ForkPlan { blocks: 0, ..ForkPlan::of_depth(18) }).unwrap();
    assert_eq!(node.chain().head().number(), 12);
    assert_eq!(node.chain().solid_number(), 12);
    node.mine_many(18).unwrap();
    assert_eq!(node.chain().solid_number(), 12);
    let mut forced = ForkPlan::of_depth(25);
    forced.force = true;
    node.fork(&forced).unwrap();
    assert!(matches!(
        node.fork(&ForkPlan { depth: 1_000, force: true, ..ForkPlan::of_depth(0) }),
        Err(SimError::TooDeep { .. })
    ));
}

#[test]
fn the_past_can_be_looked_at() {
    let node = crate::common::node();
    let (key, pool, receiver) = crate::common::pool();
    node.mine_many(5).unwrap();
    done(&node, &key, &delegate(pool, receiver, trx(10)));
    let lent = |view| node.chain().delegation(view, pool, receiver)[0].map(|record| record.energy);
    assert_eq!((lent(View::Head), lent(View::Solid)), (Some(trx(10)), None));
    assert_eq!(node.chain().partners(View::Solid, pool).1.len(), 0);
    node.mine_many(17).unwrap();
    assert_eq!(lent(View::Solid), None);
    node.mine().unwrap();
    assert_eq!(lent(View::Solid), Some(trx(10)));
    assert!(node.chain().partners(View::Solid, pool).1.contains(&receiver));
    // What waits is seen by the full node only.
    let more = node.send(&key, &delegate(pool, receiver, trx(1)), Options::default()).unwrap();
    assert_eq!(more.code, ResponseCode::Success);
    assert_eq!((lent(View::Pending), lent(View::Head)), (Some(trx(11)), Some(trx(10))));
    assert!(node.chain().delegatable(View::Pending, &pool, Resource::Energy) < trx(10_000_000));
}

/// What was given from outside stays given.
#[test]
fn funding_survives_a_fork() {
    let node = crate::common::node();
    node.mine_many(2).unwrap();
    node.fund(stranger(2), trx(5)).unwrap();
    node.mine().unwrap();
    node.fund(stranger(2), trx(1)).unwrap();
    node.fork(&ForkPlan::of_depth(2)).unwrap();
    assert_eq!(node.chain().account(View::Head, &stranger(2)).unwrap().balance, trx(6));
    node.flip_back(&Keep::All).unwrap();
    assert_eq!(node.chain().account(View::Head, &stranger(2)).unwrap().balance, trx(6));
}
