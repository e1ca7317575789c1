//! The node itself: what it is at, what things cost, who makes blocks.

use super::{
    blocks::{place, witness},
    call::{Answer, Call},
    json::Object,
};
use crate::{block::StoredBlock, config::SLOT_MS};
use serde_json::{Value, json};
use std::sync::Arc;

/// Which java-tron answers like this, and the number of its build.
const CODE_VERSION: &str = "4.8.2";
const VERSION_NUM: &str = "18649";

/// Milliseconds between two maintenances.
pub(super) const MAINTENANCE_MS: i64 = 21_600_000;

pub(super) fn answer(call: &Call<'_>) -> Option<Answer> {
    Some(match call.method.as_str() {
        "getnodeinfo" => info(call),
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
        "configNodeInfo": config(call),
        "machineInfo": machine(),
    }))
}

/// How the node is set up. There are no peers and no backup.
fn config(call: &Call<'_>) -> Value {
    json!({
        "codeVersion": CODE_VERSION,
        "versionNum": VERSION_NUM,
        "p2pVersion": "11111",
        "listenPort": 0,
        "discoverEnable": false,
        "activeNodeSize": 0,
        "passiveNodeSize": 0,
        "sendNodeSize": 0,
        "maxConnectCount": 0,
        "sameIpMaxConnectCount": 0,
        "backupListenPort": 0,
        "backupMemberSize": 0,
        "backupPriority": 0,
        "dbVersion": 2,
        "minParticipationRate": 0,
        "supportConstant": call.abilities.constant_calls,
        "minTimeRatio": 0.0,
        "maxTimeRatio": 5.0,
        "allowCreationOfContracts": 1,
        "allowAdaptiveEnergy": 0,
    })
}

/// The machine, which nobody needs to know about here: the shape of it.
fn machine() -> Value {
    json!({
        "threadCount": 1,
        "deadLockThreadCount": 0,
        "cpuCount": 1,
        "totalMemory": 1,
        "freeMemory": 1,
        "cpuRate": 0.0,
        "javaVersion": "17",
        "osName": "Linux",
        "jvmTotalMemory": 1,
        "jvmFreeMemory": 1,
        "processCpuRate": 0.0,
        "memoryDescInfoList": [
            { "name": "Metaspace", "initSize": 0, "useSize": 1, "maxSize": 1, "useRate": 1.0 },
        ],
        "deadLockThreadInfoList": [],
    })
}

fn witnesses(call: &Call<'_>) -> Answer {
    let lens = call.lens()?;
    let all: Vec<Value> = lens
        .chain
        .witnesses()
        .map(|address| {
            let made = |block: &&Arc<StoredBlock>| witness(block) == Some(address);
            let latest = (1..=lens.head_number()).rev().filter_map(|number| lens.block(number)).find(made);
            let produced =
                (1..=lens.head_number()).filter_map(|number| lens.block(number)).filter(made).count();
            Object::new()
                .address("address", &address.to_bytes(), call.visible)
                .put("voteCount", 1)
                .put("url", "http://witness.invalid")
                .number("totalProduced", i64::try_from(produced).unwrap_or(i64::MAX))
                .number("latestBlockNum", latest.map_or(0, |block| block.number()))
                .number("latestSlotNum", latest.map_or(0, |block| block.timestamp() / SLOT_MS))
                .put("isJobs", true)
                .done()
        })
        .collect();
    Ok(json!({ "witnesses": all }))
}
