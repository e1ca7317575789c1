//! The resource rules against numbers worked out independently of this code.

use crate::common::{START, delegate, done, offer, trx, undelegate};
use leyden_domain::chain::Resource;
use leyden_sim::{
    ChainConfig, GenesisAccount, SimNode, View, keys,
    resource::{Usage, limit_of_stake},
};

const LIMIT: i64 = 180_000_000_000;
const WEIGHT: i64 = 19_125_511_029;

#[test]
fn stake_yields_energy() {
    for (sun, energy) in [
        (0, 0),
        (1, 0),
        (1_000_000, 9),
        (7_000_000_000, 65_880),
        (6_830_496_796, 64_285),
        (14_000_000_000, 131_761),
        (100_000_000_000, 941_151),
        (999_999_999_999, 9_411_513),
        (123_456_789_012_345, 1_161_915_202),
    ] {
        assert_eq!(limit_of_stake(sun, LIMIT, WEIGHT), energy, "{sun} sun");
    }
}

#[test]
fn the_smallest_stake_for_an_energy() {
    let node = crate::common::node_of(Vec::new());
    for (energy, sun) in [
        (1, 106_253),
        (64_285, 6_830_463_759),
        (65_000, 6_906_434_539),
        (130_285, 13_843_151_136),
        (131_000, 13_919_121_916),
        (1_000_000, 106_252_839_051),
    ] {
        assert_eq!(node.chain().stake_for_energy(energy), sun, "{energy} energy");
    }
}

#[test]
fn usage_recovers_over_a_day() {
    let mut usage = Usage::default();
    usage.increase(64_285, 1_000);
    for (later, left) in [
        (0, 64_285),
        (1, 64_282),
        (100, 64_061),
        (1_200, 61_606),
        (7_200, 48_213),
        (14_400, 32_142),
        (21_600, 16_071),
        (28_799, 2),
        (28_800, 0),
        (40_000, 0),
    ] {
        assert_eq!(usage.recovered(1_000 + later), left, "{later} slots later");
    }
}

#[test]
fn usages_merge_their_windows_by_weight() {
    let mut usage = Usage::default();
    for (slot, amount, used, window) in [
        (1_000, 64_285, 64_285, 28_800_000),
        (2_200, 64_285, 125_891, 28_212_769),
        (15_400, 130_285, 197_273, 24_118_270),
        (41_000, 64_285, 64_285, 28_800_000),
    ] {
        usage.increase(amount, slot);
        assert_eq!((usage.used, usage.window), (used, window), "at slot {slot}");
    }
}

/// Lend, have it used, take it back after a while: what the owner gets back with it, and when it can lend again.
#[test]
fn a_rental_round_trip() {
    const LENT: i64 = 6_906_434_539;
    for (undelegate_at, returned, window, delegatable) in [
        (1_100, 64_106, 28_720_000, [993_188_555_500, 994_896_251_130, 996_603_840_506, 1_000_000_000_000]),
        (2_200, 61_651, 27_620_000, [993_449_406_220, 995_157_101_849, 996_864_691_226, 1_000_000_000_000]),
        (8_200, 48_258, 21_620_000, [994_872_450_494, 996_580_146_123, 998_287_735_499, 1_000_000_000_000]),
        (29_800, 44, 20_000, [999_995_324_876, 1_000_000_000_000, 1_000_000_000_000, 1_000_000_000_000]),
    ] {
        let (pool, receiver) = (keys::pool_address(0), keys::test_address(0));
        let key = keys::pool_key(0);
        let slot = |n: i64| START + (n - 1_000) * 3_000;
        let node = SimNode::new(ChainConfig {
            genesis_time: START,
            network_energy_weight: WEIGHT - 1_000_000,
            accounts: vec![
                GenesisAccount {
                    staked_energy: trx(1_000_000),
                    ..GenesisAccount::with_balance(pool, trx(100))
                },
                GenesisAccount::with_balance(receiver, trx(1)),
            ],
            ..ChainConfig::default()
        });
        done(&node, &key, &delegate(pool, receiver, LENT));
        node.mine_at(slot(1_020)).unwrap();
        node.use_energy(receiver, 64_285).unwrap();
        node.mine_at(slot(undelegate_at)).unwrap();
        // Before the next block the node shows the effect at the slot it was judged at.
        assert_eq!(offer(&node, &key, &undelegate(pool, receiver, LENT)).message, "");
        let usage = node.chain().account(View::Pending, &pool).unwrap().energy.usage;
        assert_eq!((usage.used, usage.window), (returned, window), "taken back at slot {undelegate_at}");
        assert_eq!(usage.last_slot * 3_000, slot(undelegate_at));
        let [at_once, later @ ..] = delegatable;
        assert_eq!(node.chain().delegatable(View::Pending, &pool, Resource::Energy), at_once);
        node.mine().unwrap();
        for (later, sun) in [7_200, 14_400, 28_800].into_iter().zip(later) {
            node.mine_at(slot(undelegate_at + later)).unwrap();
            let most = node.chain().delegatable(View::Head, &pool, Resource::Energy);
            assert_eq!(most, sun, "taken back at slot {undelegate_at}, {later} slots later");
        }
    }
}

#[test]
fn what_came_back_cannot_be_lent_at_once() {
    let (key, pool, receiver) = crate::common::pool();
    let node = crate::common::node();
    let before = node.chain().delegatable(View::Head, &pool, Resource::Energy);
    done(&node, &key, &delegate(pool, receiver, trx(7_000)));
    node.use_energy(receiver, 64_285).unwrap();
    done(&node, &key, &undelegate(pool, receiver, trx(7_000)));
    let after = node.chain().delegatable(View::Head, &pool, Resource::Energy);
    assert!(before - after > trx(6_700), "only {} sun less", before - after);
    node.skip(24 * 3_600_000).unwrap();
    assert_eq!(node.chain().delegatable(View::Head, &pool, Resource::Energy), before);
}
