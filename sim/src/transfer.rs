//! Moving TRX, activating accounts, setting permissions: java-tron `TransferActuator`, `CreateAccountActuator`,
//! `AccountPermissionUpdateActuator`. Errors are the actuators' own texts.

use crate::{
    exec::{Context, Effects},
    permission,
    world::World,
};
use leyden_domain::Address;
use leyden_tron::wire::proto::{
    AccountCreateContract, AccountPermissionUpdateContract, PermissionType, TransferContract,
};

/// Why TRX cannot be sent to a contract without calling it; the blank at the end is the node's.
const TO_CONTRACT: &str =
    "Cannot transfer TRX to a smartContract which version is one. Instead please use TriggerSmartContract ";

/// Moves TRX; activates the recipient where it does not exist yet.
pub(crate) fn transfer(
    world: &mut World,
    context: Context<'_>,
    message: &TransferContract,
    effects: &mut Effects,
) -> Result<(), String> {
    let owner = Address::from_bytes(&message.owner_address).or(Err("Invalid ownerAddress!"))?;
    let to = Address::from_bytes(&message.to_address).or(Err("Invalid toAddress!"))?;
    if to == owner {
        return Err("Cannot transfer TRX to yourself.".to_owned());
    }
    let balance = world.account(&owner).ok_or("Validate TransferContract error, no OwnerAccount.")?.balance;
    if message.amount <= 0 {
        return Err("Amount must be greater than 0.".to_owned());
    }
    let fee = if world.account(&to).is_none() { context.config.parameters.create_new_account_fee } else { 0 };
    let needed = message.amount.checked_add(fee).ok_or("long overflow")?;
    if balance < needed {
        return Err("Validate TransferContract error, balance is not sufficient.".to_owned());
    }
    // Every contract here is one of version 1, as all are that were deployed since proposal 60.
    if world.account(&to).is_some_and(|account| account.is_contract) {
        return Err(TO_CONTRACT.to_owned());
    }
    world
        .account(&to)
        .map_or(Some(0), |account| account.balance.checked_add(message.amount))
        .ok_or("long overflow")?;
    world.activate(to, context.head_time);
    world.debit(owner, message.amount);
    world.burn(owner, fee);
    world.credit(to, message.amount);
    effects.fee = effects.fee.saturating_add(fee);
    Ok(())
}

/// Activates an account with nothing on it.
pub(crate) fn create(
    world: &mut World,
    context: Context<'_>,
    message: &AccountCreateContract,
    effects: &mut Effects,
) -> Result<(), String> {
    let owner = Address::from_bytes(&message.owner_address).or(Err("Invalid ownerAddress"))?;
    let fee = context.config.parameters.create_new_account_fee;
    let balance =
        world.account(&owner).ok_or_else(|| format!("Account[{}] not exists", owner.to_hex()))?.balance;
    if balance < fee {
        return Err("Validate CreateAccountActuator error, insufficient fee.".to_owned());
    }
    let address = Address::from_bytes(&message.account_address).or(Err("Invalid account address"))?;
    if world.account(&address).is_some() {
        return Err("Account has existed".to_owned());
    }
    world.activate(address, context.head_time);
    world.burn(owner, fee);
    effects.fee = effects.fee.saturating_add(fee);
    Ok(())
}

/// Replaces an account's permissions; active ones are numbered from 2 in the order given.
pub(crate) fn permissions(
    world: &mut World,
    context: Context<'_>,
    message: &AccountPermissionUpdateContract,
    effects: &mut Effects,
) -> Result<(), String> {
    let owner = Address::from_bytes(&message.owner_address).or(Err("invalidate ownerAddress"))?;
    if world.account(&owner).is_none() {
        return Err("ownerAddress account does not exist".to_owned());
    }
    let owner_permission = message.owner.as_ref().ok_or("owner permission is missed")?;
    if message.witness.is_some() {
        return Err("account isn't witness can't set witness permission".to_owned());
    }
    if message.actives.is_empty() {
        return Err("active permission is missed".to_owned());
    }
    if message.actives.len() > 8 {
        return Err("active permission is too many".to_owned());
    }
    if owner_permission.r#type != i32::from(PermissionType::Owner) {
        return Err("owner permission type is error".to_owned());
    }
    permission::validate(owner_permission)?;
    for active in &message.actives {
        if active.r#type != i32::from(PermissionType::Active) {
            return Err("active permission type is error".to_owned());
        }
        permission::validate(active)?;
    }
    let fee = context.config.parameters.update_permission_fee;
    if !world.burn(owner, fee) {
        return Err(format!("{} insufficient balance, balance: less than {fee}", owner.to_hex()));
    }
    effects.fee = effects.fee.saturating_add(fee);
    let mut actives = message.actives.clone();
    for (id, active) in (2..).zip(&mut actives) {
        active.id = id;
    }
    let mut owner_permission = owner_permission.clone();
    owner_permission.id = 0;
    world.update(owner, |account| {
        account.owner_permission = Some(owner_permission);
        account.active_permissions = actives;
    });
    Ok(())
}
