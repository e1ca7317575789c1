//! Lending resources and taking them back: java-tron `DelegateResourceActuator`, `UnDelegateResourceActuator`,
//! `DelegatedResourceStore`. Errors are the actuators' own texts.

use crate::{
    config::{SLOT_MS, TRX},
    exec::{Context, stakeable},
    resource::usage_to_return,
    stake::owner,
    world::World,
};
use leyden_domain::{Address, chain::Resource};
use leyden_tron::wire::proto::{DelegateResourceContract, UnDelegateResourceContract};

/// Three days: the lock of a delegation that asks for one without saying how long.
const DEFAULT_LOCK_BLOCKS: i64 = 86_400;

/// Lends.
pub(crate) fn delegate(
    world: &mut World,
    context: Context<'_>,
    message: &DelegateResourceContract,
) -> Result<(), String> {
    let (from, account) = owner(world, &message.owner_address, "not exists")?;
    let amount = message.balance;
    if amount < TRX {
        return Err("delegateBalance must be greater than or equal to 1 TRX".to_owned());
    }
    let resource =
        stakeable(message.resource).ok_or("ResourceCode error, valid ResourceCode[BANDWIDTH、ENERGY]")?;
    if world.delegatable(context.config, &account, resource, context.slot, 0) < amount {
        return Err(format!(
            "delegateBalance must be less than or equal to available {} balance",
            match resource {
                Resource::Energy => "FreezeEnergyV2",
                Resource::Bandwidth | Resource::TronPower => "FreezeBandwidthV2",
            }
        ));
    }
    let to = Address::from_bytes(&message.receiver_address).or(Err("Invalid receiverAddress"))?;
    if to == from {
        return Err("receiverAddress must not be the same as ownerAddress".to_owned());
    }
    let receiver = world.account(&to).ok_or_else(|| format!("Account[{}] not exists", to.to_hex()))?.clone();
    let period = if message.lock_period == 0 { DEFAULT_LOCK_BLOCKS } else { message.lock_period };
    if message.lock {
        validate_lock(world, context, (from, to), resource, period)?;
    }
    if receiver.is_contract {
        return Err("Do not allow delegate resources to contract addresses".to_owned());
    }

    release_expired(world, (from, to), context.head_time);
    let expires_at = if message.lock { context.head_time + period * SLOT_MS } else { 0 };
    let key = (from, to, message.lock);
    let mut record = world.delegations.get(&key).copied().unwrap_or_default();
    record.add(resource, amount, expires_at);
    world.put_delegation(key, record);
    world.update(to, |account| account.stake_mut(resource).acquired += amount);
    world.update(from, |account| {
        account.stake_mut(resource).frozen -= amount;
        account.stake_mut(resource).delegated += amount;
    });
    Ok(())
}

/// A lock must be short enough, and must not shorten the one that runs already.
fn validate_lock(
    world: &World,
    context: Context<'_>,
    (from, to): (Address, Address),
    resource: Resource,
    period: i64,
) -> Result<(), String> {
    let longest = context.config.parameters.max_delegate_lock_period;
    if period < 0 || period > longest {
        return Err(format!(
            "The lock period of delegate resource cannot be less than 0 and cannot exceed {longest}!"
        ));
    }
    if let Some(record) = world.delegations.get(&(from, to, true)) {
        let remaining = record.expires_at(resource) - context.head_time;
        if period * SLOT_MS < remaining {
            let name = resource.name();
            return Err(format!(
                "The lock period for {name} this time cannot be less than the remaining time[{remaining}ms] of the last lock period for {name}!"
            ));
        }
    }
    Ok(())
}

/// Takes back; the part of the receiver's usage that the stake stood for comes back with it.
pub(crate) fn undelegate(
    world: &mut World,
    context: Context<'_>,
    message: &UnDelegateResourceContract,
) -> Result<(), String> {
    let (from, _) = owner(world, &message.owner_address, "does not exist")?;
    let to = Address::from_bytes(&message.receiver_address).or(Err("Invalid receiverAddress"))?;
    if to == from {
        return Err("receiverAddress must not be the same as ownerAddress".to_owned());
    }
    let unlocked = world.delegations.get(&(from, to, false)).copied();
    let locked = world.delegations.get(&(from, to, true)).copied();
    if unlocked.is_none() && locked.is_none() {
        return Err("delegated Resource does not exist".to_owned());
    }
    let amount = message.balance;
    if amount <= 0 {
        return Err("unDelegateBalance must be more than 0 TRX".to_owned());
    }
    let resource =
        stakeable(message.resource).ok_or("ResourceCode error.valid ResourceCode[BANDWIDTH、Energy]")?;
    let free = locked
        .filter(|record| record.expires_at(resource) < context.head_time)
        .map_or(0, |record| record.amount(resource))
        + unlocked.map_or(0, |record| record.amount(resource));
    if free < amount {
        return Err(match resource {
            Resource::Energy => {
                format!("insufficient delegateFrozenBalance(Energy), request={amount}, unlock_balance={free}")
            }
            Resource::Bandwidth | Resource::TronPower => format!(
                "insufficient delegatedFrozenBalance(BANDWIDTH), request={amount}, unlock_balance={free}"
            ),
        });
    }

    let (returned, window) = reclaim_usage(world, context, to, resource, amount);
    release_expired(world, (from, to), context.head_time);
    let key = (from, to, false);
    let mut record = world.delegations.get(&key).copied().unwrap_or_default();
    record.add(resource, -amount, 0);
    world.put_delegation(key, record);
    world.update(from, |account| {
        let stake = account.stake_mut(resource);
        stake.delegated -= amount;
        stake.frozen += amount;
        if returned > 0 {
            stake.usage.take_over(returned, window, context.slot);
        }
    });
    Ok(())
}

/// Takes the stake and its share of usage from the receiver; gives the usage and the window it recovers in.
fn reclaim_usage(
    world: &mut World,
    context: Context<'_>,
    receiver: Address,
    resource: Resource,
    amount: i64,
) -> (i64, i64) {
    let (limit, weight) = (context.config.total_limit(resource), world.weight(context.config, resource));
    let mut returned = (0, 0);
    world.update(receiver, |account| {
        let stake = account.stake_mut(resource);
        let all = stake.effective();
        stake.usage.increase(0, context.slot);
        if stake.acquired < amount {
            stake.acquired = 0;
            returned = (0, stake.usage.window_thousandths());
            return;
        }
        let usage = usage_to_return(stake.usage.used, amount, all, limit, weight);
        stake.acquired -= amount;
        stake.usage.used -= usage;
        returned = (usage, stake.usage.window_thousandths());
    });
    returned
}

/// Moves what is no longer locked to the unlocked record.
fn release_expired(world: &mut World, (from, to): (Address, Address), now: i64) {
    let Some(mut locked) = world.delegations.get(&(from, to, true)).copied() else { return };
    let mut unlocked = world.delegations.get(&(from, to, false)).copied().unwrap_or_default();
    for resource in [Resource::Energy, Resource::Bandwidth] {
        if locked.expires_at(resource) < now {
            let amount = locked.amount(resource);
            unlocked.add(resource, amount, 0);
            locked.add(resource, -amount, 0);
        }
    }
    world.put_delegation((from, to, true), locked);
    world.put_delegation((from, to, false), unlocked);
}
