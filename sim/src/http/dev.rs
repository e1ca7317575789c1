//! What only a development chain can do: blocks on demand, money for nothing, forks, faults. Nothing of this exists
//! on a real node.

use super::call::{Answer, Call, Failure};
use crate::{
    ForkPlan, Keep, SimError,
    dev::DevAction,
    faults::{BroadcastFault, ReadFault},
    keys,
};
use leyden_domain::{Address, chain::Resource};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn answer(call: &Call<'_>) -> Option<Answer> {
    Some(match call.method.as_str() {
        "accounts" => Ok(accounts()),
        "head" => Ok(head(call)),
        "mine" => mine(call),
        "time" => done(call, call.number("ms").and_then(|ms| call.node.skip(ms).map_err(refused))),
        "fund" => act(call, |address, amount| DevAction::Fund { address, sun: amount }),
        "usdt" => act(call, |address, amount| DevAction::MintUsdt { address, amount }),
        "stake" => {
            let resource = resource(call);
            act(call, move |address, amount| DevAction::Stake { address, resource, sun: amount })
        }
        "use" => {
            let resource = resource(call);
            act(call, move |address, amount| DevAction::Use { address, resource, amount })
        }
        "fork" => fork(call),
        "flip" => done(call, call.node.flip_back(&keep(call)).map(|_| ()).map_err(refused)),
        "faults" => faults(call),
        _ => return None,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err hands over")]
fn refused(error: SimError) -> Failure {
    Failure::argument(error.to_string())
}

/// The well-known accounts and their private keys.
fn accounts() -> Value {
    let list = |count: u32, address: fn(u32) -> Address, key: fn(u32) -> String| -> Vec<Value> {
        (0..count)
            .map(|n| {
                json!({
                    "address": address(n).to_string(),
                    "hex": address(n).to_hex(),
                    "privateKey": key(n),
                })
            })
            .collect()
    };
    json!({
        "accounts": list(keys::TEST_ACCOUNTS, keys::test_address, keys::test_key_hex),
        "pool": list(keys::POOL_ACCOUNTS, keys::pool_address, keys::pool_key_hex),
    })
}

fn head(call: &Call<'_>) -> Value {
    let chain = call.node.chain();
    let head = chain.head();
    json!({
        "number": head.number(),
        "blockID": head.id.to_string(),
        "timestamp": head.timestamp(),
        "solid": chain.solid_number(),
        "pending": chain.pending().count(),
    })
}

/// The head after something was done.
fn done(call: &Call<'_>, result: Result<(), Failure>) -> Answer {
    result.map(|()| head(call))
}

fn mine(call: &Call<'_>) -> Answer {
    let blocks = u32::try_from(call.number("blocks")?.clamp(1, 10_000)).unwrap_or(1);
    done(call, call.node.mine_many(blocks).map_err(refused))
}

/// An address in either form.
fn any_address(call: &Call<'_>) -> Result<Address, Failure> {
    let text = call.text("address");
    Address::from_base58(&text)
        .or_else(|_| Address::from_hex(&text))
        .map_err(|error| Failure::argument(error.to_string()))
}

fn resource(call: &Call<'_>) -> Resource {
    call.text("resource").to_uppercase().parse().unwrap_or(Resource::Energy)
}

fn act(call: &Call<'_>, action: impl FnOnce(Address, i64) -> DevAction) -> Answer {
    let action = action(any_address(call)?, call.number("amount")?);
    let result = call.node.chain().act(action);
    done(call, result.map_err(refused))
}

fn keep(call: &Call<'_>) -> Keep {
    if call.text("keep") == "nothing" { Keep::Nothing } else { Keep::All }
}

fn fork(call: &Call<'_>) -> Answer {
    let small = |name: &str| call.number(name).map(|n| u32::try_from(n.max(0)).unwrap_or(u32::MAX));
    let mut plan = ForkPlan::of_depth(small("depth")?).keeping(keep(call));
    if call.params.contains_key("blocks") {
        plan.blocks = small("blocks")?;
    }
    plan.empty_first = small("empty_first")?;
    plan.force = call.flag("force");
    done(call, call.node.fork(&plan).map(|_| ()).map_err(refused))
}

/// The switchboard as it is set from outside; what is left out is off.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Board {
    broadcasts: Vec<BroadcastFault>,
    reads: Vec<ReadFault>,
    stale_by: u32,
    without_receipts: bool,
    lie_about_amounts: i64,
}

fn faults(call: &Call<'_>) -> Answer {
    let board: Board = serde_json::from_value(Value::Object(call.params.clone()))
        .map_err(|error| Failure::argument(error.to_string()))?;
    let mut faults = call.node.faults();
    faults.broadcasts = board.broadcasts.into();
    faults.reads = board.reads.into();
    faults.stale_by = board.stale_by;
    faults.without_receipts = board.without_receipts;
    faults.lie_about_amounts = board.lie_about_amounts;
    Ok(json!({}))
}
