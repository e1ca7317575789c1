//! Bandwidth, energy, delegations.

use super::{
    call::{Answer, Call},
    json::{self, Object},
};
use crate::{View, config::TRX};
use leyden_domain::{Address, chain::Resource};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) fn answer(call: &Call<'_>) -> Option<Answer> {
    Some(match call.method.as_str() {
        "getaccountresource" => resource(call, true),
        "getaccountnet" => resource(call, false),
        "getdelegatedresourcev2" => delegated(call),
        "getdelegatedresourceaccountindexv2" => index(call),
        "getcandelegatedmaxsize" => most(call),
        _ => return None,
    })
}

fn resource(call: &Call<'_>, with_energy: bool) -> Answer {
    let address = call.address("address")?;
    let lens = call.lens()?;
    let Some(account) = lens.chain.account(View::Pending, &address) else { return Ok(json!({})) };
    let found = lens.chain.resources(View::Pending, &address);
    let object = Object::new()
        .number("freeNetUsed", found.free_used)
        .number("freeNetLimit", found.free_limit)
        .number("NetUsed", found.net_used)
        .number("NetLimit", found.net_limit)
        .number("TotalNetLimit", found.total_net_limit)
        .number("TotalNetWeight", found.total_net_weight);
    if !with_energy {
        return Ok(object.done());
    }
    let power = (account.net.owned() + account.energy.owned()) / TRX;
    Ok(object
        .number("tronPowerLimit", power)
        .number("EnergyUsed", found.energy_used)
        .number("EnergyLimit", found.energy_limit)
        .number("TotalEnergyLimit", found.total_energy_limit)
        .number("TotalEnergyWeight", found.total_energy_weight)
        .done())
}

/// The unlocked record, then the locked one.
fn delegated(call: &Call<'_>) -> Answer {
    let (from, to) = (call.address("fromAddress")?, call.address("toAddress")?);
    let lens = call.lens()?;
    let records: Vec<Value> = lens
        .chain
        .delegation(call.view(), from, to)
        .into_iter()
        .flatten()
        .map(|record| {
            Object::new()
                .address("from", &from.to_bytes(), call.visible)
                .address("to", &to.to_bytes(), call.visible)
                .number("frozen_balance_for_bandwidth", record.net)
                .number("frozen_balance_for_energy", record.energy)
                .number("expire_time_for_bandwidth", record.net_expires_at)
                .number("expire_time_for_energy", record.energy_expires_at)
                .done()
        })
        .collect();
    Ok(Object::new().list("delegatedResource", records).done())
}

fn index(call: &Call<'_>) -> Answer {
    let address = call.address("value")?;
    let lens = call.lens()?;
    let (from, to) = lens.chain.partners(call.view(), address);
    let printed = |all: BTreeSet<Address>| -> Vec<Value> {
        all.into_iter().map(|one| json::address(&one.to_bytes(), call.visible).into()).collect()
    };
    Ok(Object::new()
        .address("account", &address.to_bytes(), call.visible)
        .list("fromAccounts", printed(from))
        .list("toAccounts", printed(to))
        .done())
}

fn most(call: &Call<'_>) -> Answer {
    let address = call.address("owner_address")?;
    let resource = if call.number("type")? == 1 { Resource::Energy } else { Resource::Bandwidth };
    let lens = call.lens()?;
    Ok(Object::new().number("max_size", lens.chain.delegatable(call.view(), &address, resource)).done())
}
