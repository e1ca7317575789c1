//! How long it takes to make a domain block of the bytes that a node sends, on a real mainnet block of 619
//! transactions, beside the least that any decoder must do: parse the same bytes into borrowed fields and stop.
//!
//! Needs the recorded chain data: set `LEYDEN_CHAIN_DATA`.

use crate::measure::{line, micros, now, percentiles, ratio};
use leyden_tron::{decode, inspect::MAINNET_USDT, verify, wire::json};
use serde::Deserialize;
use std::{borrow::Cow, hint::black_box, path::PathBuf, time::Duration};

/// The least: what a payment detector has to see of a block, borrowed, no checks, no hashes.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only parsed")]
struct Bare<'a> {
    #[serde(borrow, rename = "blockID")]
    id: Cow<'a, str>,
    #[serde(borrow)]
    transactions: Vec<BareTransaction<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only parsed")]
struct BareTransaction<'a> {
    #[serde(borrow, rename = "txID")]
    id: Cow<'a, str>,
    #[serde(borrow)]
    raw_data: BareRaw<'a>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only parsed")]
struct BareRaw<'a> {
    #[serde(borrow)]
    contract: Vec<BareContract<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only parsed")]
struct BareContract<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    parameter: &'a serde_json::value::RawValue,
}

const ROUNDS: u32 = 60;

fn times(rounds: u32, mut work: impl FnMut()) -> Vec<Duration> {
    (0..rounds)
        .map(|_| {
            let start = now();
            work();
            start.elapsed()
        })
        .collect()
}

pub(crate) fn run() {
    let Some(folder) = crate::measure::variable("LEYDEN_CHAIN_DATA").map(PathBuf::from) else {
        line("decode: LEYDEN_CHAIN_DATA is not set; nothing measured");
        return;
    };
    let read = |name: &str| std::fs::read(folder.join("blocks").join(name)).unwrap_or_default();
    let (json_bytes, proto_bytes) = (read("mainnet_79072107.json"), read("mainnet_79072107.block.pb"));
    let (mut ours, mut verified, mut bare, mut value, mut proto) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // In turn, so that a drift of the machine meets all of them.
    for _ in 0..5 {
        ours.extend(times(ROUNDS, || {
            let wire: json::Block<'_> = serde_json::from_slice(&json_bytes).unwrap_or_default();
            let raw = decode::block_from_json(&wire).ok().flatten();
            black_box(raw.map(|raw| decode::to_domain(&raw, MAINNET_USDT, None)));
        }));
        bare.extend(times(ROUNDS, || {
            black_box(serde_json::from_slice::<Bare<'_>>(&json_bytes).is_ok());
        }));
        value.extend(times(ROUNDS / 3, || {
            black_box(serde_json::from_slice::<serde_json::Value>(&json_bytes).is_ok());
        }));
        verified.extend(times(ROUNDS / 3, || {
            let wire: json::Block<'_> = serde_json::from_slice(&json_bytes).unwrap_or_default();
            let raw = decode::block_from_json(&wire).ok().flatten();
            black_box(raw.map(|raw| verify::verify(&raw, None, &verify::WitnessKeys::default())));
        }));
        proto.extend(times(ROUNDS, || {
            let raw = decode::block_from_protobuf(&proto_bytes).ok();
            black_box(raw.map(|raw| decode::to_domain(&raw, MAINNET_USDT, None)));
        }));
    }
    let (bare, _) = percentiles(bare);
    line(&format!("block 79,072,107, {} bytes of JSON, median of 300", json_bytes.len()));
    for (name, all) in [
        ("JSON, bare typed parse (reference)", vec![bare]),
        ("JSON to domain block, ids recomputed", ours),
        ("JSON to verified block (root, witness)", verified),
        ("JSON to serde_json::Value", value),
        ("protobuf to domain block", proto),
    ] {
        let (median, p99) = percentiles(all);
        line(&format!("{name:<42} {:>12} {:>12} {:>8}", micros(median), micros(p99), ratio(median, bare)));
    }
}
