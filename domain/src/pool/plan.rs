//! Who serves an order? A pure plan that leaves the executor nothing to choose: fewest accounts first, then the
//! best fit, sparing remainders too small to sell.

use super::PoolAccount;
use crate::{
    amount::Sun,
    energy::{Bandwidth, Energy, EnergyRatio},
    id::AccountId,
    time::{Span, Timestamp},
};
use serde::{Deserialize, Serialize};

/// How plans are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPolicy {
    /// Extra stake, in parts per ten thousand, against growth of the network's stake before the delegation lands.
    pub margin_bps: u32,
    /// Most accounts that may share one order.
    pub max_accounts_per_order: u32,
    /// The chain's least delegation (java-tron `DelegateResourceActuator`: 1 TRX).
    pub min_delegation: Sun,
    /// What a delegation and its reclaim cost in bandwidth.
    pub bandwidth_per_rental: Bandwidth,
    /// What they cost in TRX when there is no bandwidth left.
    pub trx_per_rental: Sun,
    /// A remainder below this is not worth keeping apart: prefer a plan that leaves none such.
    pub spare_remainder: Sun,
}

impl Default for PlanPolicy {
    fn default() -> Self {
        Self {
            margin_bps: 100,
            max_accounts_per_order: 4,
            min_delegation: Sun::TRX,
            bandwidth_per_rental: Bandwidth::new(600),
            trx_per_rental: Sun::new(600_000),
            spare_remainder: Sun::from_trx(7_000),
        }
    }
}

/// One account's part in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// Which account.
    pub account: AccountId,
    /// The stake to delegate.
    pub balance: Sun,
    /// The energy it stands for.
    pub energy: Energy,
}

/// Who serves an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// At least one; the energies add up to the demand exactly.
    pub legs: Vec<Leg>,
}

/// The pool cannot serve an order now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the pool lacks {missing} energy")]
pub struct Shortfall {
    /// How much is missing with the most accounts allowed.
    pub missing: Energy,
    /// When recovery alone is expected to have mended it; `None` where not within a day.
    pub expected_at: Option<Timestamp>,
}

/// The most energy that `available` stake can be promised for, the margin kept aside.
pub fn capacity_of(available: Sun, ratio: EnergyRatio, margin_bps: u32) -> Energy {
    let with_margin =
        |energy| ratio.stake_for_with_margin(energy, margin_bps).is_some_and(|s| s <= available);
    // Bounds by halving: the inverse with margin is monotone in the energy.
    let mut fits = 0_i64;
    let mut beyond = ratio.energy_of(available).get().saturating_add(1);
    while beyond.saturating_sub(fits) > 1 {
        let middle = fits.saturating_add(beyond.saturating_sub(fits).checked_div(2).unwrap_or(0));
        if with_margin(Energy::new(middle)) {
            fits = middle;
        } else {
            beyond = middle;
        }
    }
    Energy::new(fits)
}

/// An account that could serve, with what it could give.
struct Candidate<'a> {
    account: &'a PoolAccount,
    ratio: EnergyRatio,
    available: Sun,
    capacity: Energy,
}

/// Plans who delegates `demand`, from what the books know now.
pub fn plan(
    accounts: &[PoolAccount],
    demand: Energy,
    now: Timestamp,
    policy: &PlanPolicy,
) -> Result<Allocation, Shortfall> {
    let mut candidates: Vec<Candidate<'_>> =
        accounts.iter().filter_map(|account| candidate(account, policy)).collect();
    // Largest first; ids break ties so that the same books always give the same plan.
    candidates.sort_by(|a, b| b.capacity.cmp(&a.capacity).then_with(|| a.account.id.cmp(&b.account.id)));

    let mut legs = Vec::new();
    let mut missing = demand;
    let mut used = 0_u32;
    while missing > Energy::ZERO && used < policy.max_accounts_per_order {
        // Whoever can finish it alone ends the plan; else the largest takes all it can.
        let finisher = best_fit(&candidates, missing, policy);
        let Some(index) = finisher.or(if candidates.is_empty() { None } else { Some(0) }) else { break };
        let taken = candidates.remove(index);
        let energy = missing.min(taken.capacity);
        let Some(balance) = taken.ratio.stake_for_with_margin(energy, policy.margin_bps) else { break };
        let balance = balance.max(policy.min_delegation);
        if balance > taken.available {
            continue;
        }
        legs.push(Leg { account: taken.account.id, balance, energy });
        missing = missing.saturating_sub(energy);
        used = used.saturating_add(1);
    }
    if missing == Energy::ZERO && !legs.is_empty() {
        return Ok(Allocation { legs });
    }
    Err(Shortfall { missing, expected_at: recovery(accounts, missing, now) })
}

/// What an account could give; `None` where it may not serve or cannot pay for its own transactions.
fn candidate<'a>(account: &'a PoolAccount, policy: &PlanPolicy) -> Option<Candidate<'a>> {
    let observed = account.observed.as_ref()?;
    let available = account.available();
    let pays = observed.bandwidth >= policy.bandwidth_per_rental || observed.balance >= policy.trx_per_rental;
    let capacity = capacity_of(available, observed.ratio, policy.margin_bps);
    (pays && available >= policy.min_delegation && capacity > Energy::ZERO).then_some(Candidate {
        account,
        ratio: observed.ratio,
        available,
        capacity,
    })
}

/// The account that covers `missing` alone and leaves the least that is still worth having, or nothing.
fn best_fit(candidates: &[Candidate<'_>], missing: Energy, policy: &PlanPolicy) -> Option<usize> {
    candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| candidate.capacity >= missing)
        .filter_map(|(index, candidate)| {
            let needed = candidate.ratio.stake_for_with_margin(missing, policy.margin_bps)?;
            let remainder = candidate.available.get().saturating_sub(needed.get());
            let crumbs = remainder > 0 && remainder < policy.spare_remainder.get();
            Some((crumbs, remainder, candidate.account.id, index))
        })
        .min()
        .map(|(_, _, _, index)| index)
}

/// When linear recovery over 24 hours makes up for what is missing.
fn recovery(accounts: &[PoolAccount], missing: Energy, now: Timestamp) -> Option<Timestamp> {
    const DAY_MS: i64 = 86_400_000;
    let recovering = accounts
        .iter()
        .filter_map(|account| account.observed.as_ref())
        .fold(0_i64, |sum, observed| sum.saturating_add(observed.recovering.get()));
    if recovering < missing.get() || recovering == 0 {
        return None;
    }
    let wait =
        i128::from(missing.get()).checked_mul(i128::from(DAY_MS))?.checked_div(i128::from(recovering))?;
    Some(now.plus(Span::from_ms(i64::try_from(wait).ok()?)))
}
