//! Whatever happens: no TRX comes from nowhere or vanishes, what one lends another has borrowed, and undoing a
//! block really undoes it.

use crate::common::{delegate, freeze, node, stranger, trx, undelegate, unfreeze};
use leyden_domain::Address;
use leyden_sim::{Chain, ForkPlan, Keep, SimNode, View, build::Options, keys};
use leyden_tron::wire::proto::{CancelAllUnfreezeV2Contract, DelegateResourceContract};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Something that may happen; what is impossible is refused and must change nothing.
#[derive(Debug, Clone)]
enum Step {
    Transfer(u32, u8, i64),
    Token(u32, u8, i64),
    Forward(u32, u8, i64),
    Stake(u32, i64),
    Unstake(u32, i64),
    Cancel(u32),
    Delegate(u32, u32, i64, bool),
    Undelegate(u32, u32, i64),
    Use(u32, i64),
    Mine,
    Skip(i64),
    Fork(u32, bool),
    Flip,
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..4_u32;
    let sun = prop_oneof![1_i64..trx(10), trx(10)..trx(600_000)];
    prop_oneof![
        (who.clone(), 0..6_u8, sun.clone()).prop_map(|(a, b, n)| Step::Transfer(a, b, n)),
        (who.clone(), 0..6_u8, sun.clone()).prop_map(|(a, b, n)| Step::Token(a, b, n)),
        (who.clone(), 0..6_u8, sun.clone()).prop_map(|(a, b, n)| Step::Forward(a, b, n)),
        (who.clone(), sun.clone()).prop_map(|(a, n)| Step::Stake(a, n)),
        (who.clone(), sun.clone()).prop_map(|(a, n)| Step::Unstake(a, n)),
        who.clone().prop_map(Step::Cancel),
        (who.clone(), who.clone(), sun.clone(), any::<bool>())
            .prop_map(|(a, b, n, lock)| Step::Delegate(a, b, n, lock)),
        (who.clone(), who.clone(), sun.clone()).prop_map(|(a, b, n)| Step::Undelegate(a, b, n)),
        (who, 1..200_000_i64).prop_map(|(a, n)| Step::Use(a, n)),
        Just(Step::Mine),
        Just(Step::Mine),
        (1..20 * 86_400_000_i64).prop_map(Step::Skip),
        (1..4_u32, any::<bool>()).prop_map(|(depth, keep)| Step::Fork(depth, keep)),
        Just(Step::Flip),
    ]
}

/// A test account for small numbers, a stranger for the others.
fn address(n: u8) -> Address {
    if n < 4 { keys::test_address(n.into()) } else { stranger(n) }
}

/// Performs a step; refusals and impossible forks are fine.
fn perform(node: &SimNode, step: &Step) {
    let key = keys::test_key;
    let of = keys::test_address;
    let options = Options::default;
    let tried = match *step {
        Step::Transfer(a, b, n) => node.transfer(&key(a), address(b), n),
        Step::Token(a, b, n) => node.transfer_usdt(&key(a), address(b), n),
        Step::Forward(a, b, n) => node.transfer_by_contract(&key(a), address(b), n),
        Step::Stake(a, n) => node.send(&key(a), &freeze(of(a), n), options()),
        Step::Unstake(a, n) => node.send(&key(a), &unfreeze(of(a), n), options()),
        Step::Cancel(a) => {
            let message = CancelAllUnfreezeV2Contract { owner_address: of(a).to_bytes().to_vec() };
            node.send(&key(a), &message, options())
        }
        Step::Delegate(a, b, n, lock) => {
            let message = DelegateResourceContract { lock, lock_period: 10, ..delegate(of(a), of(b), n) };
            node.send(&key(a), &message, options())
        }
        Step::Undelegate(a, b, n) => node.send(&key(a), &undelegate(of(a), of(b), n), options()),
        Step::Use(a, n) => return node.use_energy(of(a), n).unwrap(),
        Step::Mine => return drop(node.mine().unwrap()),
        Step::Skip(ms) => return node.skip(ms).unwrap(),
        Step::Fork(depth, keep) => {
            let keep = if keep { Keep::All } else { Keep::Nothing };
            return drop(node.fork(&ForkPlan::of_depth(depth).keeping(keep)));
        }
        Step::Flip => return drop(node.flip_back(&Keep::All)),
    };
    drop(tried.unwrap());
}

/// The books balance.
fn check(chain: &Chain) {
    let totals = chain.totals();
    let mut sun = totals.burnt;
    let (mut net_weight, mut energy_weight) = (0, 0);
    let (mut lent, mut borrowed) = (BTreeMap::new(), BTreeMap::new());
    for (address, account) in chain.accounts() {
        assert!(account.balance >= 0, "{address} has {}", account.balance);
        for stake in [&account.net, &account.energy] {
            assert!(stake.frozen >= 0 && stake.delegated >= 0 && stake.acquired >= 0, "{address}: {stake:?}");
            assert!(stake.usage.used >= 0, "{address}: {stake:?}");
        }
        sun += account.balance + account.net.owned() + account.energy.owned();
        sun += account.unfreezing.iter().map(|one| one.amount).sum::<i64>();
        net_weight += account.net.owned() / 1_000_000;
        energy_weight += account.energy.owned() / 1_000_000;
        lent.insert(*address, account.energy.delegated);
        borrowed.insert(*address, account.energy.acquired);
    }
    assert_eq!(sun, totals.issued, "TRX came from nowhere or vanished");
    assert_eq!((net_weight, energy_weight), (totals.net_weight, totals.energy_weight), "network weights");
    for ((from, to, _), record) in chain.delegations() {
        assert!(record.energy > 0, "{from} lends {to} {record:?}");
        *lent.get_mut(from).unwrap() -= record.energy;
        *borrowed.get_mut(to).unwrap() -= record.energy;
    }
    assert!(lent.values().chain(borrowed.values()).all(|left| *left == 0), "delegations do not add up");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_books_balance(steps in prop::collection::vec(step(), 1..60)) {
        let node = node();
        for step in &steps {
            perform(&node, step);
            check(&node.chain());
        }
    }

    /// Equal inputs give equal chains, and a fork that forgets everything leads back to the same state.
    #[test]
    fn deterministic_and_undoable(steps in prop::collection::vec(step(), 1..30)) {
        let (one, other) = (node(), node());
        for step in &steps {
            perform(&one, step);
            perform(&other, step);
        }
        prop_assert_eq!(one.chain().head().id, other.chain().head().id);

        let state = |node: &SimNode| -> Vec<_> {
            node.chain().accounts().map(|(address, account)| (*address, account.clone())).collect()
        };
        one.mine().unwrap();
        let before = state(&one);
        drop(one.transfer(&keys::test_key(0), stranger(200), trx(1)).unwrap());
        one.mine().unwrap();
        let undo = ForkPlan { blocks: 0, ..ForkPlan::of_depth(1).keeping(Keep::Nothing) };
        one.fork(&undo).unwrap();
        prop_assert_eq!(before, state(&one));
        prop_assert!(one.chain().account(View::Head, &stranger(200)).is_none());
    }
}
