//! Staking and unstaking: java-tron `FreezeBalanceV2Actuator`, `UnfreezeBalanceV2Actuator`,
//! `WithdrawExpireUnfreezeActuator`, `CancelAllUnfreezeV2Actuator`. Errors are the actuators' own texts.

use crate::{
    account::{Account, Unfreezing},
    config::TRX,
    exec::{Context, Effects, stakeable},
    world::World,
};
use leyden_domain::{Address, chain::Resource};
use leyden_tron::wire::proto::{
    CancelAllUnfreezeV2Contract, FreezeBalanceV2Contract, UnfreezeBalanceV2Contract,
    WithdrawExpireUnfreezeContract,
};

/// The most unstakings that may wait at once.
pub(crate) const MAX_UNFREEZINGS: usize = 32;

/// Milliseconds of the chain's day.
const DAY_MS: i64 = 86_400_000;

/// Stakes.
pub(crate) fn freeze(world: &mut World, message: &FreezeBalanceV2Contract) -> Result<(), String> {
    let (owner, account) = owner(world, &message.owner_address, "not exists")?;
    let amount = message.frozen_balance;
    if amount <= 0 {
        return Err("frozenBalance must be positive".to_owned());
    }
    if amount < TRX {
        return Err("frozenBalance must be greater than or equal to 1 TRX".to_owned());
    }
    if amount > account.balance {
        return Err("frozenBalance must be less than or equal to accountBalance".to_owned());
    }
    let resource =
        stakeable(message.resource).ok_or("ResourceCode error, valid ResourceCode[BANDWIDTH、ENERGY]")?;
    world.change_stake(owner, resource, |account| {
        account.balance -= amount;
        account.stake_mut(resource).frozen += amount;
    });
    Ok(())
}

/// Unstakes: the amount can be withdrawn after the delay. What was unstaked long enough ago is withdrawn along the
/// way.
pub(crate) fn unfreeze(
    world: &mut World,
    context: Context<'_>,
    message: &UnfreezeBalanceV2Contract,
    effects: &mut Effects,
) -> Result<(), String> {
    let (owner, account) = owner(world, &message.owner_address, "does not exist")?;
    let now = context.head_time;
    let resource =
        stakeable(message.resource).ok_or("ResourceCode error.valid ResourceCode[BANDWIDTH、Energy]")?;
    let frozen = account.stake(resource).frozen;
    if frozen <= 0 {
        return Err(match resource {
            Resource::Energy => "no frozenBalance(Energy)".to_owned(),
            Resource::Bandwidth | Resource::TronPower => "no frozenBalance(BANDWIDTH)".to_owned(),
        });
    }
    let amount = message.unfreeze_balance;
    if amount <= 0 || amount > frozen {
        return Err(format!("Invalid unfreeze_balance, [{amount}] is error"));
    }
    if account.waiting_unfreezings(now) >= MAX_UNFREEZINGS {
        return Err("Invalid unfreeze operation, unfreezing times is over limit".to_owned());
    }
    effects.withdrawn = account.withdrawable(now);
    let expires_at = now + context.config.parameters.unfreeze_delay_days * DAY_MS;
    world.change_stake(owner, resource, |account| {
        account.withdraw(now);
        account.stake_mut(resource).frozen -= amount;
        account.unfreezing.push(Unfreezing { resource, amount, expires_at });
    });
    Ok(())
}

/// Takes out what was unstaked long enough ago.
pub(crate) fn withdraw(
    world: &mut World,
    context: Context<'_>,
    message: &WithdrawExpireUnfreezeContract,
    effects: &mut Effects,
) -> Result<(), String> {
    let (owner, account) = owner(world, &message.owner_address, "not exists")?;
    effects.withdrawn = account.withdrawable(context.head_time);
    if effects.withdrawn <= 0 {
        return Err("no unFreeze balance to withdraw ".to_owned());
    }
    world.update(owner, |account| {
        account.withdraw(context.head_time);
    });
    Ok(())
}

/// Stakes again everything that waits, and takes out what no longer does.
pub(crate) fn cancel(
    world: &mut World,
    context: Context<'_>,
    message: &CancelAllUnfreezeV2Contract,
    effects: &mut Effects,
) -> Result<(), String> {
    let (owner, account) = owner(world, &message.owner_address, "not exists")?;
    if account.unfreezing.is_empty() {
        return Err("No unfreezeV2 list to cancel".to_owned());
    }
    effects.withdrawn = account.withdrawable(context.head_time);
    let waiting: Vec<Unfreezing> =
        account.unfreezing.iter().filter(|one| one.expires_at > context.head_time).cloned().collect();
    for resource in [Resource::Bandwidth, Resource::Energy, Resource::TronPower] {
        let amount = waiting.iter().filter(|one| one.resource == resource).map(|one| one.amount).sum();
        effects.cancelled.insert(resource.name().to_owned(), amount);
        if amount > 0 {
            world.change_stake(owner, resource, |account| account.stake_mut(resource).frozen += amount);
        }
    }
    world.update(owner, |account| {
        account.withdraw(context.head_time);
        account.unfreezing.clear();
    });
    Ok(())
}

/// The account that acts, or the text that says it is none.
pub(crate) fn owner(world: &World, bytes: &[u8], missing: &str) -> Result<(Address, Account), String> {
    let address = Address::from_bytes(bytes).or(Err("Invalid address"))?;
    let account =
        world.account(&address).ok_or_else(|| format!("Account[{}] {missing}", address.to_hex()))?;
    Ok((address, account.clone()))
}
