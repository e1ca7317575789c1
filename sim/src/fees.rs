//! What a transaction costs before it does anything: bandwidth from stake, else the free allowance, else TRX; more
//! for several signatures and for a memo. java-tron `BandwidthProcessor`, `Manager.consumeMultiSignFee`,
//! `Manager.consumeMemoFee`.

use crate::{
    exec::{Context, Effects, Refusal},
    resource::free_usage,
    tx::{Action, SignedTx},
    world::World,
};
use leyden_domain::{Address, chain::Resource};
use leyden_tron::wire::proto::ResponseCode;

/// Charges bandwidth.
pub(crate) fn bandwidth(
    world: &mut World,
    context: Context<'_>,
    tx: &SignedTx,
    effects: &mut Effects,
) -> Result<(), Refusal> {
    let bytes = tx.bandwidth();
    let parameters = &context.config.parameters;
    if world.account(&tx.owner).is_none() {
        return Err(Refusal::contract(&format!("account [{}] does not exist", tx.owner)));
    }
    if activates(world, tx) {
        let unsigned = tx.raw_bytes.len().saturating_add(4);
        if i64::try_from(unsigned).unwrap_or(i64::MAX) > parameters.max_create_account_tx_size {
            return Err(Refusal::new(
                ResponseCode::TooBigTransactionError,
                format!(
                    "Too big new account transaction, TxId {}, the size is {unsigned} bytes, maxTxSize {}",
                    tx.id, parameters.max_create_account_tx_size
                ),
            ));
        }
        if use_staked(world, context, tx.owner, bytes) {
            effects.net_usage = bytes;
        } else if world.burn(tx.owner, parameters.create_account_fee) {
            effects.net_fee = parameters.create_account_fee;
        } else {
            return Err(Refusal::resources());
        }
        return Ok(());
    }
    if use_staked(world, context, tx.owner, bytes) || use_free(world, context, tx.owner, bytes) {
        effects.net_usage = bytes;
        return Ok(());
    }
    let fee = bytes.saturating_mul(parameters.transaction_fee);
    if world.burn(tx.owner, fee) {
        effects.net_fee = fee;
        return Ok(());
    }
    Err(Refusal::resources())
}

/// Charges for more than one signature and for a memo.
pub(crate) fn multi_sign_and_memo(
    world: &mut World,
    context: Context<'_>,
    tx: &SignedTx,
    effects: &mut Effects,
) -> Result<(), Refusal> {
    let parameters = &context.config.parameters;
    let multi = if tx.signatures.len() > 1 { parameters.multi_sign_fee } else { 0 };
    let memo = if tx.raw.data.is_empty() { 0 } else { parameters.memo_fee };
    let fee = multi.saturating_add(memo);
    if fee > 0 && !world.burn(tx.owner, fee) {
        return Err(Refusal::resources());
    }
    effects.fee = effects.fee.saturating_add(fee);
    Ok(())
}

/// Whether a transaction brings an account into being.
fn activates(world: &World, tx: &SignedTx) -> bool {
    match &tx.action {
        Action::Create(_) => true,
        Action::Transfer(message) => {
            Address::from_bytes(&message.to_address).is_ok_and(|to| world.account(&to).is_none())
        }
        _ => false,
    }
}

/// Takes all of it from staked bandwidth, or nothing.
fn use_staked(world: &mut World, context: Context<'_>, owner: Address, bytes: i64) -> bool {
    let enough = world.account(&owner).is_some_and(|account| {
        world.left(context.config, account, Resource::Bandwidth, context.slot) >= bytes
    });
    if enough {
        world.update(owner, |account| account.net.usage.increase(bytes, context.slot));
    }
    enough
}

/// Takes all of it from the free allowance, or nothing.
fn use_free(world: &mut World, context: Context<'_>, owner: Address, bytes: i64) -> bool {
    let enough = world.account(&owner).is_some_and(|account| {
        context.config.parameters.free_net_limit - account.free_used_at(context.slot) >= bytes
    });
    if enough {
        world.update(owner, |account| {
            account.free_used = free_usage(account.free_used, account.free_slot, bytes, context.slot);
            account.free_slot = context.slot;
        });
    }
    enough
}
