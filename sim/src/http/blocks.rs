//! Blocks by number, id, range, and the newest.

use super::{
    call::{Answer, Call, Failure},
    json, lies,
};
use crate::{block::StoredBlock, faults::Lie, lens::Lens};
use leyden_domain::{Address, BlockId};
use serde_json::{Value, json};

/// The most blocks of one answer: java-tron `Wallet.BLOCK_LIMIT_NUM`.
const MOST: i64 = 100;

pub(super) fn answer(call: &Call<'_>) -> Option<Answer> {
    Some(match call.method.as_str() {
        "getblock" => one(call),
        "getnowblock" => now(call),
        "getblockbynum" => by_number(call),
        "getblockbyid" => by_id(call),
        "getblockbylimitnext" => range(call),
        "getblockbylatestnum" => latest(call),
        "gettransactioncountbyblocknum" => count(call),
        _ => return None,
    })
}

/// A block as this node tells it.
fn told(call: &Call<'_>, lens: &Lens<'_>, block: &StoredBlock, detail: bool) -> Value {
    let amounts = lens.faults.lie_about_amounts;
    let lie = call.lie.or((amounts != 0).then_some(Lie::ChangedAmount { by: amounts }));
    match lie {
        Some(lie) if detail => {
            json::block(&lies::block(block, lie, lens.chain.config().usdt), detail, call.visible)
        }
        _ => json::block(block, detail, call.visible),
    }
}

/// A block by number, if this path shows it.
fn shown<'a>(call: &Call<'_>, lens: &'a Lens<'_>, number: i64) -> Option<&'a StoredBlock> {
    if number > call.newest(lens) { None } else { lens.block(number).map(AsRef::as_ref) }
}

/// A block by its id, if this path shows it.
fn with_id<'a>(call: &Call<'_>, lens: &'a Lens<'_>, text: &str) -> Option<&'a StoredBlock> {
    let id: BlockId = text.parse().ok()?;
    shown(call, lens, id.height().get()).filter(|block| block.id == id)
}

fn one(call: &Call<'_>) -> Answer {
    let lens = call.lens()?;
    let wanted = call.text("id_or_num");
    let block = if wanted.is_empty() {
        shown(call, &lens, call.newest(&lens))
    } else if let Ok(number) = wanted.parse() {
        shown(call, &lens, number)
    } else if wanted.len() == 64 {
        with_id(call, &lens, &wanted)
    } else {
        return Err(Failure::argument(format!("id_or_num is illegal {wanted}")));
    };
    Ok(block.map_or_else(|| json!({}), |block| told(call, &lens, block, call.flag("detail"))))
}

fn now(call: &Call<'_>) -> Answer {
    let lens = call.lens()?;
    let block = shown(call, &lens, call.newest(&lens));
    // This one looks for `visible` in the query alone: java-tron `GetNowBlockServlet.doPost` is its `doGet`.
    let call = &Call { visible: call.visible_in_query, ..call.clone() };
    Ok(block.map_or_else(|| json!({}), |block| told(call, &lens, block, true)))
}

fn by_number(call: &Call<'_>) -> Answer {
    let lens = call.lens()?;
    let block = shown(call, &lens, call.number("num")?);
    Ok(block.map_or_else(|| json!({}), |block| told(call, &lens, block, true)))
}

fn by_id(call: &Call<'_>) -> Answer {
    let lens = call.lens()?;
    let block = with_id(call, &lens, &call.text("value"));
    Ok(block.map_or_else(|| json!({}), |block| told(call, &lens, block, true)))
}

/// Blocks in the half-open range.
fn range(call: &Call<'_>) -> Answer {
    let lens = call.lens()?;
    let (start, end) = (call.number("startNum")?, call.number("endNum")?);
    if end <= 0 || end <= start || end - start > MOST {
        return Ok(json!({}));
    }
    Ok(list(call, &lens, (start..end).collect()))
}

/// The newest blocks, newest first.
fn latest(call: &Call<'_>) -> Answer {
    let lens = call.lens()?;
    let wanted = call.number("num")?;
    if wanted <= 0 || wanted >= MOST {
        return Ok(json!({}));
    }
    let newest = call.newest(&lens);
    Ok(list(call, &lens, (newest - wanted + 1..=newest).rev().collect()))
}

fn list(call: &Call<'_>, lens: &Lens<'_>, numbers: Vec<i64>) -> Value {
    let found: Vec<Value> = numbers
        .into_iter()
        .filter_map(|number| shown(call, lens, number))
        .map(|block| told(call, lens, block, true))
        .collect();
    if found.is_empty() { json!({}) } else { json!({ "block": found }) }
}

fn count(call: &Call<'_>) -> Answer {
    let lens = call.lens()?;
    let count = shown(call, &lens, call.number("num")?)
        .map_or(-1, |block| i64::try_from(block.transactions.len()).unwrap_or(i64::MAX));
    Ok(json!({ "count": count }))
}

/// Text of a block for `getnodeinfo`.
pub(super) fn place(block: &StoredBlock) -> String {
    format!("Num:{},ID:{}", block.number(), block.id)
}

/// Who made a block.
pub(super) fn witness(block: &StoredBlock) -> Option<Address> {
    Address::from_bytes(&block.raw.witness_address).ok()
}
