//! Calling contracts and looking at them.

use super::{
    builders::{printed, unsigned},
    call::{Answer, Call, Failure},
    json::{self, Object},
    parse::{Fields, FromFields},
};
use crate::{
    abi,
    build::Options,
    config::forwarder_address,
    token::{self, REVERT_TEXT},
};
use leyden_domain::Address;
use leyden_tron::{crypto::keccak256, wire::proto::TriggerSmartContract};
use serde_json::{Value, json};

pub(super) fn answer(call: &Call<'_>) -> Option<Answer> {
    Some(match call.method.as_str() {
        "triggersmartcontract" => trigger(call),
        "triggerconstantcontract" => constant(call),
        "estimateenergy" => estimate(call),
        "getcontract" => contract(call),
        "getcontractinfo" => contract_info(call),
        _ => return None,
    })
}

/// Stands for the code of contracts that have none.
const CODE: &str = "60";

/// The call that a request describes: by selector and parameters, or by data.
fn message(call: &Call<'_>) -> Result<TriggerSmartContract, Failure> {
    let fields = Fields::new(&call.params, call.visible);
    let mut message = TriggerSmartContract::from_fields(&fields)?;
    let selector = call.text("function_selector");
    if !selector.is_empty() {
        message.data = [abi::selector(&selector).to_vec(), fields.hex("parameter")?].concat();
    }
    Ok(message)
}

/// What a node says where there is no contract.
fn no_contract(call: &Call<'_>) -> Value {
    let message = json::text(b"Smart contract is not exist.", call.visible);
    json!({ "result": { "code": "CONTRACT_VALIDATE_ERROR", "message": message } })
}

/// What a node says that answers no constant calls: java-tron `Wallet.triggerConstantContract`, `estimateEnergy`.
fn switched_off(call: &Call<'_>, text: &str) -> Value {
    let message = json::text(text.as_bytes(), call.visible);
    json!({ "result": { "code": "CONTRACT_VALIDATE_ERROR", "message": message } })
}

/// The addresses of a call.
fn parties(message: &TriggerSmartContract) -> Result<(Address, Address), Failure> {
    let address = |bytes: &[u8]| Address::from_bytes(bytes).or(Err(Failure::null()));
    Ok((address(&message.owner_address)?, address(&message.contract_address)?))
}

fn trigger(call: &Call<'_>) -> Answer {
    let message = message(call)?;
    let (_, contract) = parties(&message)?;
    if !call.lens()?.chain.is_contract(contract) {
        return Ok(no_contract(call));
    }
    let options = Options { fee_limit: call.number("fee_limit")?, ..Options::default() };
    let tx = unsigned(call, &message, options)?;
    Ok(json!({ "result": { "result": true }, "transaction": printed(call, &tx) }))
}

fn constant(call: &Call<'_>) -> Answer {
    let message = message(call)?;
    if !call.abilities.constant_calls {
        return Ok(switched_off(call, "this node does not support constant"));
    }
    let (caller, contract) = parties(&message)?;
    let outcome = call.lens()?.chain.constant_call(caller, contract, message.call_value, &message.data);
    let Some(run) = outcome else { return Ok(no_contract(call)) };
    let tx = unsigned(call, &message, Options::default())?;
    let (result, ret) = if run.reverted {
        (
            json!({ "result": true, "message": json::text(REVERT_TEXT.as_bytes(), call.visible) }),
            json!([{ "ret": "FAILED" }]),
        )
    } else {
        (json!({ "result": true }), json!([{}]))
    };
    let transaction =
        json::transaction(&tx, call.visible).put("visible", call.visible).put("ret", ret).done();
    Ok(Object::new()
        .put("result", result)
        .number("energy_used", run.energy)
        .number("energy_penalty", run.penalty)
        .put("constant_result", vec![hex::encode(run.returned)])
        .list("logs", run.logs.iter().map(|one| json::log(one, call.visible)).collect())
        .put("transaction", transaction)
        .done())
}

fn estimate(call: &Call<'_>) -> Answer {
    let message = message(call)?;
    if !call.abilities.constant_calls {
        return Ok(switched_off(call, "this node does not estimate energy"));
    }
    let (caller, contract) = parties(&message)?;
    let outcome = call.lens()?.chain.constant_call(caller, contract, message.call_value, &message.data);
    Ok(match outcome {
        None => no_contract(call),
        Some(run) if run.reverted => json!({
            "result": { "code": "CONTRACT_EXE_ERROR", "message": json::text(REVERT_TEXT.as_bytes(), call.visible) }
        }),
        Some(run) => json!({ "result": { "result": true }, "energy_required": run.energy }),
    })
}

/// A function of the token as its ABI lists it.
fn function(name: &str, inputs: &[(&str, &str)], output: &str, constant: bool) -> Value {
    let inputs: Vec<Value> =
        inputs.iter().map(|(name, kind)| json!({ "name": name, "type": kind })).collect();
    let object = Object::new()
        .list("inputs", inputs)
        .put("outputs", json!([{ "type": output }]))
        .flag("constant", constant)
        .put("name", name)
        .put("stateMutability", if constant { "View" } else { "Nonpayable" })
        .put("type", "Function");
    object.done()
}

fn described(call: &Call<'_>, address: Address) -> Value {
    let bytes = address.to_bytes();
    let forwards = address == forwarder_address();
    let entries = if forwards {
        vec![json!({
            "inputs": [{ "name": "to", "type": "address" }],
            "name": "forward",
            "payable": true,
            "stateMutability": "Payable",
            "type": "Function",
        })]
    } else {
        vec![
            function("name", &[], "string", true),
            function("symbol", &[], "string", true),
            function("decimals", &[], "uint256", true),
            function("totalSupply", &[], "uint256", true),
            function("balanceOf", &[("who", "address")], "uint256", true),
            function("allowance", &[("owner", "address"), ("spender", "address")], "uint256", true),
            function("transfer", &[("to", "address"), ("value", "uint256")], "bool", false),
            function("approve", &[("spender", "address"), ("value", "uint256")], "bool", false),
            function(
                "transferFrom",
                &[("from", "address"), ("to", "address"), ("value", "uint256")],
                "bool",
                false,
            ),
        ]
    };
    Object::new()
        .address("origin_address", &bytes, call.visible)
        .address("contract_address", &bytes, call.visible)
        .put("abi", json!({ "entrys": entries }))
        .put("bytecode", CODE)
        .put("code_hash", hex::encode(keccak256(CODE.as_bytes())))
        .put("version", 1)
        .put("consume_user_resource_percent", 100)
        .put("name", token::name(address))
        .put("origin_energy_limit", 1_000_000_000)
        .done()
}

fn contract(call: &Call<'_>) -> Answer {
    let address = call.address("value")?;
    let known = call.lens()?.chain.is_contract(address);
    Ok(if known { described(call, address) } else { json!({}) })
}

fn contract_info(call: &Call<'_>) -> Answer {
    let address = call.address("value")?;
    let lens = call.lens()?;
    if !lens.chain.is_contract(address) {
        return Ok(json!({}));
    }
    let prices = &lens.chain.config().token_prices;
    let base = (prices.transfer_to_holder - prices.transfer_to_holder_penalty).max(1);
    // The penalty as a share of the price without it, in ten-thousandths; mainnet caps it at 34,000.
    let factor = prices.transfer_to_holder_penalty * 10_000 / base;
    Ok(json!({
        "smart_contract": described(call, address),
        "runtimecode": CODE,
        "contract_state": { "energy_usage": 0, "energy_factor": factor, "update_cycle": 1 },
    }))
}
