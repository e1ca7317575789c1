//! Accounts, addresses, and what their stake is doing.

use super::{
    call::{Answer, Call},
    json::{self, Object},
};
use crate::{
    View,
    account::{Account, Stake},
    config::SLOT_MS,
};
use leyden_domain::{Address, ParseError, chain::Resource};
use serde_json::{Value, json};

pub(super) fn answer(call: &Call<'_>) -> Option<Answer> {
    Some(match call.method.as_str() {
        "getaccount" => account(call),
        "validateaddress" => Ok(validate(call)),
        "getavailableunfreezecount" => unfreeze_count(call),
        "getcanwithdrawunfreezeamount" => withdrawable(call),
        "getReward" => Ok(json!({ "reward": 0 })),
        _ => return None,
    })
}

fn account(call: &Call<'_>) -> Answer {
    let address = call.address("address")?;
    let lens = call.lens()?;
    let view = call.view();
    let slot = lens.chain.slot(view);
    Ok(lens.chain.account(view, &address).map_or_else(
        || json!({}),
        |account| {
            // The flag is put on an account when its state is written down for good, which is when it is solid.
            let is_settled = lens.chain.account(View::Solid, &address).is_some();
            let object = printed(address, account, slot, call.visible);
            if is_settled { object.put("asset_optimized", true).done() } else { object.done() }
        },
    ))
}

/// A usage brought up to a slot, with its window: used, time of the last use in milliseconds, thousandths.
fn recovered(stake: &Stake, slot: i64) -> (i64, i64, i64) {
    let mut usage = stake.usage;
    let last = usage.last_slot * SLOT_MS;
    usage.increase(0, slot);
    (usage.used, last, usage.window)
}

fn printed(address: Address, account: &Account, slot: i64, visible: bool) -> Object {
    let (net_used, net_last, net_window) = recovered(&account.net, slot);
    let (energy_used, energy_last, energy_window) = recovered(&account.energy, slot);
    let resource = Object::new()
        .number("energy_usage", energy_used)
        .number("latest_consume_time_for_energy", energy_last)
        .number("energy_window_size", energy_window)
        .number("delegated_frozenV2_balance_for_energy", account.energy.delegated)
        .number("acquired_delegated_frozenV2_balance_for_energy", account.energy.acquired)
        .put("energy_window_optimized", true)
        .done();
    let frozen = [("BANDWIDTH", account.net.frozen), ("ENERGY", account.energy.frozen), ("TRON_POWER", 0)]
        .into_iter()
        .map(|(name, amount)| Object::new().name("type", name, "BANDWIDTH").number("amount", amount).done())
        .collect();
    let unfrozen = account
        .unfreezing
        .iter()
        .map(|one| {
            Object::new()
                .name("type", one.resource.name(), Resource::Bandwidth.name())
                .number("unfreeze_amount", one.amount)
                .number("unfreeze_expire_time", one.expires_at)
                .done()
        })
        .collect();
    let object = Object::new()
        .text("account_name", account.name.as_bytes(), visible)
        .address("address", &address.to_bytes(), visible)
        .number("balance", account.balance)
        .number("create_time", account.create_time)
        .number("latest_opration_time", account.latest_operation_time)
        .number("net_usage", net_used)
        .number("free_net_usage", account.free_used_at(slot))
        .number("latest_consume_time", net_last)
        .number("latest_consume_free_time", account.free_slot * SLOT_MS)
        .number("net_window_size", net_window)
        .put("net_window_optimized", true)
        .put("account_resource", resource)
        .number("delegated_frozenV2_balance_for_bandwidth", account.net.delegated)
        .number("acquired_delegated_frozenV2_balance_for_bandwidth", account.net.acquired)
        .list(
            "active_permission",
            account.active_permissions.iter().map(|one| json::permission(one, visible)).collect(),
        )
        .list("frozenV2", frozen)
        .list("unfrozenV2", unfrozen);
    let object = match &account.owner_permission {
        Some(owner) => object.put("owner_permission", json::permission(owner, visible)),
        None => object,
    };
    if account.is_contract { object.put("type", "Contract") } else { object }
}

fn validate(call: &Call<'_>) -> Value {
    let text = call.text("address");
    let read = match text.len() {
        42 => Address::from_hex(&text).map(|_| "Hex string format"),
        34 => Address::from_base58(&text).map(|_| "Base58check format"),
        28 => Err(ParseError::Address("Base64 is not simulated")),
        _ => return json!({ "result": false, "message": "Length error" }),
    };
    let (valid, message) = read.map_or((false, "Invalid address"), |form| (true, form));
    json!({ "result": valid, "message": message })
}

fn unfreeze_count(call: &Call<'_>) -> Answer {
    let address = call.address("owner_address")?;
    let lens = call.lens()?;
    let view = call.view();
    let waiting = lens
        .chain
        .account(view, &address)
        .map_or(crate::stake::MAX_UNFREEZINGS, |account| account.waiting_unfreezings(lens.chain.time(view)));
    let left = crate::stake::MAX_UNFREEZINGS.saturating_sub(waiting);
    Ok(Object::new().number("count", i64::try_from(left).unwrap_or(0)).done())
}

fn withdrawable(call: &Call<'_>) -> Answer {
    let address = call.address("owner_address")?;
    let at = call.number("timestamp")?;
    let lens = call.lens()?;
    let amount = lens.chain.account(call.view(), &address).map_or(0, |account| account.withdrawable(at));
    Ok(Object::new().number("amount", amount).done())
}
