//! Who serves an order: plans checked against trying every set of accounts, and stake against energy by the
//! chain's own formula.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "each test uses a part of the kit")]
mod kit;

use kit::{RATIO, account, account_id, slot};
use leyden_domain::{
    Bandwidth, Energy, EnergyRatio, Span, Sun,
    pool::{
        AccountState, InvalidReservationStep, PlanPolicy, PoolAccount, ReservationState, capacity_of, plan,
    },
};
use proptest::prelude::*;

/// Stake and the energy it yields under [`RATIO`], computed with java-tron's formula.
const ENERGY_OF: [(i64, i64); 9] = [
    (0, 0),
    (1, 0),
    (1_000_000, 9),
    (7_000_000_000, 65_880),
    (6_830_496_796, 64_285),
    (14_000_000_000, 131_761),
    (100_000_000_000, 941_151),
    (999_999_999_999, 9_411_513),
    (123_456_789_012_345, 1_161_915_202),
];

/// Energy and the least stake that yields it under [`RATIO`].
const STAKE_FOR: [(i64, i64); 6] = [
    (1, 106_253),
    (64_285, 6_830_463_759),
    (65_000, 6_906_434_539),
    (130_285, 13_843_151_136),
    (131_000, 13_919_121_916),
    (1_000_000, 106_252_839_051),
];

#[test]
fn energy_of_stake_is_the_chains() {
    for (stake, energy) in ENERGY_OF {
        assert_eq!(RATIO.energy_of(Sun::new(stake)), Energy::new(energy), "{stake}");
    }
    assert_eq!(EnergyRatio { total_weight_trx: 0, ..RATIO }.energy_of(Sun::TRX), Energy::ZERO);
    assert_eq!(RATIO.energy_of(Sun::new(-1)), Energy::ZERO);
}

#[test]
fn stake_for_energy_is_the_least() {
    for (energy, stake) in STAKE_FOR {
        assert_eq!(RATIO.stake_for(Energy::new(energy)), Some(Sun::new(stake)), "{energy}");
    }
    assert_eq!(RATIO.stake_for(Energy::ZERO), Some(Sun::ZERO));
    assert_eq!(EnergyRatio { total_weight_trx: 0, ..RATIO }.stake_for(Energy::new(1)), None);
    assert_eq!(EnergyRatio { total_limit: 0, ..RATIO }.stake_for(Energy::new(1)), None);
    // One per cent more, rounded up.
    assert_eq!(RATIO.stake_for_with_margin(Energy::new(65_000), 100), Some(Sun::new(6_975_498_885)));
}

#[test]
fn a_reservation_moves_only_so() {
    use ReservationState as S;
    let allowed =
        [(S::Pending, S::Posted), (S::Pending, S::Voided), (S::Posted, S::Pending), (S::Posted, S::Returned)];
    for from in S::ALL {
        for to in S::ALL {
            let expected =
                if allowed.contains(&(from, to)) { Ok(to) } else { Err(InvalidReservationStep { from, to }) };
            assert_eq!(from.become_state(to), expected);
        }
        assert_eq!(from.name().parse(), Ok(from));
        // What lets go of capacity never takes it again.
        if !from.holds_capacity() {
            assert!(S::ALL.iter().all(|to| from.become_state(*to).is_err()));
        }
    }
}

#[test]
fn who_may_not_serve_is_left_out() {
    let rich = account(1, Sun::from_trx(100_000));
    let observed = rich.observed.unwrap();
    let demand = Energy::new(65_000);
    let serves = |account: PoolAccount| plan(&[account], demand, slot(0), &PlanPolicy::default()).is_ok();
    assert!(serves(rich.clone()));
    for state in
        [AccountState::Disabled, AccountState::Broke, AccountState::KeyUnfit, AccountState::AgentQuarantined]
    {
        assert!(!serves(PoolAccount { state, ..rich.clone() }));
    }
    assert!(!serves(PoolAccount { observed: None, ..rich.clone() }));
    let broke = leyden_domain::pool::Observed { bandwidth: Bandwidth::ZERO, balance: Sun::ZERO, ..observed };
    assert!(!serves(PoolAccount { observed: Some(broke), ..rich.clone() }));
    let burns = leyden_domain::pool::Observed { bandwidth: Bandwidth::ZERO, ..observed };
    assert!(serves(PoolAccount { observed: Some(burns), ..rich.clone() }));
    assert!(!serves(PoolAccount { held: Sun::from_trx(95_000), ..rich.clone() }));
    assert!(!serves(PoolAccount { unseen: Sun::from_trx(95_000), ..rich }));
}

#[test]
fn the_smallest_sufficient_account_serves_and_crumbs_are_avoided() {
    let chosen = |stakes: &[i64]| {
        let accounts: Vec<_> = (1..).zip(stakes).map(|(n, trx)| account(n, Sun::from_trx(*trx))).collect();
        let allocation = plan(&accounts, Energy::new(65_000), slot(0), &PlanPolicy::default()).unwrap();
        allocation.legs.iter().map(|leg| leg.account).collect::<Vec<_>>()
    };
    assert_eq!(chosen(&[100_000, 50_000, 6_000]), [account_id(2)]);
    // 7_000 TRX would leave crumbs, 20_000 leaves enough for another order.
    assert_eq!(chosen(&[7_000, 20_000]), [account_id(2)]);
    assert_eq!(chosen(&[7_000, 8_000]), [account_id(1)]);
    assert_eq!(chosen(&[5_000, 4_000, 3_000]), [account_id(1), account_id(3)]);
}

#[test]
fn to_the_sun_all_of_it_is_no_crumb_and_neither_is_what_can_be_sold_again() {
    let (demand, policy) = (Energy::new(65_000), PlanPolicy::default());
    let needed = RATIO.stake_for_with_margin(demand, policy.margin_bps).unwrap().get();
    let chosen = |left: &[i64]| {
        let accounts: Vec<_> = (1..).zip(left).map(|(n, left)| account(n, Sun::new(needed + left))).collect();
        let allocation = plan(&accounts, demand, slot(0), &policy).unwrap();
        allocation.legs.iter().map(|leg| (leg.account, leg.balance.get())).collect::<Vec<_>>()
    };
    let spare = policy.spare_remainder.get();
    assert_eq!(chosen(&[0]), [(account_id(1), needed)], "exactly enough is enough");
    assert_eq!(chosen(&[spare + 9, 0]), [(account_id(2), needed)]);
    assert_eq!(chosen(&[spare + 9, 1]), [(account_id(1), needed)]);
    assert_eq!(chosen(&[spare + 9, spare]), [(account_id(2), needed)]);
    assert_eq!(chosen(&[spare + 9, spare - 1]), [(account_id(1), needed)]);
}

#[test]
fn what_recovers_within_a_day_is_waited_for() {
    let demand = Energy::new(65_000);
    let expected_at = |recovering: &[i64]| {
        let mut accounts = Vec::new();
        for (n, recovering) in (1..).zip(recovering) {
            let mut empty = account(n, Sun::ZERO);
            empty.observed.as_mut().unwrap().recovering = Energy::new(*recovering);
            accounts.push(empty);
        }
        plan(&accounts, demand, slot(0), &PlanPolicy::default()).unwrap_err().expected_at
    };
    let day = Span::from_hours(24);
    assert_eq!(expected_at(&[65_000]), Some(slot(0).plus(day)));
    assert_eq!(expected_at(&[130_000]), Some(slot(0).plus(Span::from_hours(12))));
    assert_eq!(expected_at(&[64_999, 1]), Some(slot(0).plus(day)), "all accounts together");
    assert_eq!((expected_at(&[64_999]), expected_at(&[0]), expected_at(&[])), (None, None, None));
}

#[test]
fn a_shortfall_names_the_moment_of_recovery() {
    let mut small = account(1, Sun::from_trx(1_000));
    small.observed.as_mut().unwrap().recovering = Energy::new(1_000_000);
    let shortfall = plan(&[small], Energy::new(65_000), slot(0), &PlanPolicy::default()).unwrap_err();
    let expected = 86_400_000 * shortfall.missing.get() / 1_000_000;
    assert_eq!(shortfall.expected_at.unwrap().since(slot(0)).ms(), expected);
    let none = plan(&[], Energy::new(65_000), slot(0), &PlanPolicy::default()).unwrap_err();
    assert_eq!((none.missing, none.expected_at), (Energy::new(65_000), None));
}

fn pool() -> impl Strategy<Value = Vec<PoolAccount>> {
    let one =
        (0..40_000_000_000_i64, 0..10_000_000_000_i64, 0..10_000_000_000_i64, prop::bool::weighted(0.9));
    prop::collection::vec(one, 0..6).prop_map(|rows| {
        (1..)
            .zip(rows)
            .map(|(n, (staked, held, unseen, ready))| {
                let state = if ready { AccountState::Ready } else { AccountState::Disabled };
                let unseen = Sun::new(unseen.min(held));
                PoolAccount { held: Sun::new(held), unseen, state, ..account(n, Sun::new(staked)) }
            })
            .collect()
    })
}

/// The most energy that any `most` of these accounts can give, and the fewest that can give `demand`, by trying
/// every set.
fn by_trying(accounts: &[PoolAccount], demand: Energy, policy: &PlanPolicy) -> (i64, Option<u32>) {
    let capacities: Vec<i64> = accounts
        .iter()
        .map(|account| {
            let available = account.available();
            let usable = available >= policy.min_delegation;
            if usable { capacity_of(available, RATIO, policy.margin_bps).get() } else { 0 }
        })
        .collect();
    let mut best = 0;
    let mut fewest = None;
    for set in 0..1_u32 << capacities.len() {
        let size = set.count_ones();
        if size > policy.max_accounts_per_order {
            continue;
        }
        let sum: i64 = capacities
            .iter()
            .enumerate()
            .filter(|(i, _)| set & (1 << i) != 0)
            .map(|(_, energy)| energy)
            .sum();
        best = best.max(sum);
        if sum >= demand.get() {
            fewest = Some(fewest.map_or(size, |known: u32| known.min(size)));
        }
    }
    (best, fewest)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: kit::cases(400), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_is_right_or_the_shortfall_is(accounts in pool(), demand in 1..500_000_i64, most in 1..5_u32) {
        let policy = PlanPolicy { max_accounts_per_order: most, ..PlanPolicy::default() };
        let demand = Energy::new(demand);
        let (best, fewest) = by_trying(&accounts, demand, &policy);
        let planned = plan(&accounts, demand, slot(0), &policy);
        prop_assert_eq!(&planned, &plan(&accounts, demand, slot(0), &policy));
        match planned {
            Ok(allocation) => {
                let legs = &allocation.legs;
                prop_assert_eq!(legs.iter().map(|leg| leg.energy.get()).sum::<i64>(), demand.get());
                prop_assert_eq!(u32::try_from(legs.len()).ok(), fewest);
                let mut used: Vec<_> = legs.iter().map(|leg| leg.account).collect();
                used.sort_unstable();
                used.dedup();
                prop_assert_eq!(used.len(), legs.len());
                for leg in legs {
                    let account = accounts.iter().find(|account| account.id == leg.account).unwrap();
                    prop_assert!(leg.energy > Energy::ZERO);
                    prop_assert!(leg.balance <= account.available());
                    prop_assert!(leg.balance >= policy.min_delegation);
                    // By the chain's formula each leg alone delivers its part, with the network 1 % larger too.
                    let grown = EnergyRatio { total_weight_trx: RATIO.total_weight_trx / 1_000 * 1_009, ..RATIO };
                    prop_assert!(RATIO.energy_of(leg.balance) >= leg.energy);
                    prop_assert!(grown.energy_of(leg.balance) >= leg.energy);
                }
            }
            Err(shortfall) => {
                prop_assert_eq!(fewest, None);
                prop_assert_eq!(shortfall.missing.get(), demand.get() - best);
            }
        }
    }

    #[test]
    fn the_order_of_accounts_does_not_matter(accounts in pool(), demand in 1..500_000_i64) {
        let reversed: Vec<_> = accounts.iter().rev().cloned().collect();
        let planned = plan(&accounts, Energy::new(demand), slot(0), &PlanPolicy::default());
        prop_assert_eq!(planned, plan(&reversed, Energy::new(demand), slot(0), &PlanPolicy::default()));
    }

    #[test]
    fn no_smaller_stake_yields_as_much(
        energy in 1..10_000_000_000_i64,
        total_limit in 1..1_000_000_000_000_i64,
        total_weight_trx in 1..100_000_000_000_i64,
    ) {
        let ratio = EnergyRatio { total_limit, total_weight_trx };
        if let Some(stake) = ratio.stake_for(Energy::new(energy)) {
            prop_assert!(ratio.energy_of(stake) >= Energy::new(energy));
            prop_assert!(ratio.energy_of(Sun::new(stake.get() - 1)) < Energy::new(energy));
        }
    }

    #[test]
    fn capacity_is_the_most_that_fits(available in 0..10_000_000_000_000_i64, margin in 0..2_000_u32) {
        let capacity = capacity_of(Sun::new(available), RATIO, margin);
        prop_assert!(RATIO.stake_for_with_margin(capacity, margin).unwrap().get() <= available);
        let more = Energy::new(capacity.get() + 1);
        prop_assert!(RATIO.stake_for_with_margin(more, margin).unwrap().get() > available);
    }

    #[test]
    fn no_numbers_break_it(staked: i64, held: i64, unseen: i64, demand: i64, limit: i64, weight: i64, margin: u32) {
        let mut account = PoolAccount { held: Sun::new(held), unseen: Sun::new(unseen), ..account(1, Sun::new(staked)) };
        account.observed.as_mut().unwrap().ratio = EnergyRatio { total_limit: limit, total_weight_trx: weight };
        let policy = PlanPolicy { margin_bps: margin, ..PlanPolicy::default() };
        if let Ok(allocation) = plan(&[account.clone()], Energy::new(demand), slot(0), &policy) {
            prop_assert!(allocation.legs.iter().all(|leg| leg.balance <= account.available()));
        }
    }
}
