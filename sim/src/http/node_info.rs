//! The node itself: what it is at, what the chain's parameters are.

use super::{
    blocks::{place, witness},
    call::{Answer, Call},
    json::Object,
};
use serde_json::{Value, json};

/// Milliseconds between two maintenances.
const MAINTENANCE_MS: i64 = 21_600_000;

pub(super) fn answer(call: &Call<'_>) -> Option<Answer> {
    Some(match call.method.as_str() {
        "getnodeinfo" => info(call),
        "getchainparameters" => parameters(call),
        "getenergyprices" => {
            let price = call.node.chain().config().parameters.energy_fee;
            Ok(json!({ "prices": format!("0:{price}") }))
        }
        "getbandwidthprices" => {
            let price = call.node.chain().config().parameters.transaction_fee;
            Ok(json!({ "prices": format!("0:{price}") }))
        }
        "getmemofee" => {
            let price = call.node.chain().config().parameters.memo_fee;
            Ok(json!({ "prices": format!("0:{price}") }))
        }
        "listwitnesses" => witnesses(call),
        "listnodes" => Ok(json!({})),
        "getnextmaintenancetime" => call.lens().map(|lens| {
            let now = lens.head().timestamp();
            json!({ "num": (now / MAINTENANCE_MS + 1) * MAINTENANCE_MS })
        }),
        "getburntrx" => Ok(json!({ "burnTrxAmount": call.node.chain().totals().burnt })),
        _ => return None,
    })
}

fn info(call: &Call<'_>) -> Answer {
    let lens = call.lens()?;
    Ok(json!({
        "activeConnectCount": 0,
        "beginSyncNum": lens.head_number(),
        "block": place(lens.head()),
        "solidityBlock": place(lens.solid()),
        "currentConnectCount": 0,
        "passiveConnectCount": 0,
        "totalFlow": 0,
        "peerList": [],
        "cheatWitnessInfoMap": {},
        "configNodeInfo": {
            "codeVersion": "4.8.2",
            "versionNum": env!("CARGO_PKG_VERSION"),
            "p2pVersion": "11111",
            "listenPort": 0,
            "discoverEnable": false,
            "maxConnectCount": 0,
            "supportConstant": call.abilities.constant_calls,
            "dbVersion": 2,
        },
        "machineInfo": { "threadCount": 1, "deadLockThreadCount": 0, "cpuCount": 1 },
    }))
}

fn witnesses(call: &Call<'_>) -> Answer {
    let lens = call.lens()?;
    let all: Vec<Value> = lens
        .chain
        .witnesses()
        .map(|address| {
            let latest = (0..=lens.head_number().min(64))
                .filter_map(|back| lens.block(lens.head_number() - back))
                .find(|block| witness(block) == Some(address))
                .map_or(0, |block| block.number());
            Object::new()
                .address("address", &address.to_bytes(), call.visible)
                .put("voteCount", 1)
                .put("url", "http://witness.invalid")
                .number("latestBlockNum", latest)
                .put("isJobs", true)
                .done()
        })
        .collect();
    Ok(json!({ "witnesses": all }))
}

fn parameters(call: &Call<'_>) -> Answer {
    let lens = call.lens()?;
    let p = &lens.chain.config().parameters;
    let all: Vec<Value> = [
        ("getMaintenanceTimeInterval", MAINTENANCE_MS),
        ("getAccountUpgradeCost", 9_999_000_000),
        ("getCreateAccountFee", p.create_account_fee),
        ("getTransactionFee", p.transaction_fee),
        ("getAssetIssueFee", 1_024_000_000),
        ("getWitnessPayPerBlock", 8_000_000),
        ("getWitnessStandbyAllowance", 115_200_000_000),
        ("getCreateNewAccountFeeInSystemContract", p.create_new_account_fee),
        ("getCreateNewAccountBandwidthRate", 1),
        ("getAllowCreationOfContracts", 1),
        ("getRemoveThePowerOfTheGr", 1),
        ("getEnergyFee", p.energy_fee),
        ("getExchangeCreateFee", 1_024_000_000),
        ("getMaxCpuTimeOfOneTx", 80),
        ("getAllowUpdateAccountName", 0),
        ("getAllowSameTokenName", 1),
        ("getAllowDelegateResource", 1),
        ("getTotalEnergyLimit", p.total_energy_limit),
        ("getAllowTvmTransferTrc10", 1),
        ("getTotalEnergyCurrentLimit", p.total_energy_limit),
        ("getAllowMultiSign", 1),
        ("getAllowAdaptiveEnergy", 0),
        ("getUpdateAccountPermissionFee", p.update_permission_fee),
        ("getMultiSignFee", p.multi_sign_fee),
        ("getMaxFeeLimit", p.max_fee_limit),
        ("getFreeNetLimit", p.free_net_limit),
        ("getTotalNetLimit", p.total_net_limit),
        ("getMemoFee", p.memo_fee),
        ("getAllowDelegateOptimization", 1),
        ("getUnfreezeDelayDays", p.unfreeze_delay_days),
        ("getAllowDynamicEnergy", 1),
        ("getDynamicEnergyThreshold", 5_000_000_000),
        ("getDynamicEnergyIncreaseFactor", 2_000),
        ("getDynamicEnergyMaxFactor", 34_000),
        ("getAllowCancelAllUnfreezeV2", 1),
        ("getMaxDelegateLockPeriod", p.max_delegate_lock_period),
        ("getMaxCreateAccountTxSize", p.max_create_account_tx_size),
        ("getForbidTransferToContract", 0),
        ("getAllowNewResourceModel", 0),
    ]
    .into_iter()
    .map(|(key, value)| Object::new().put("key", key).number("value", value).done())
    .collect();
    Ok(json!({ "chainParameter": all }))
}
