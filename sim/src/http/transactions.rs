//! Transactions and receipts, in blocks and waiting.

use super::{
    call::{Answer, Call, Scope},
    json, lies,
};
use crate::block::{Included, StoredBlock};
use crate::lens::Lens;
use leyden_domain::TxId;
use leyden_tron::wire::proto::TransactionInfo;
use serde_json::{Value, json};

pub(super) fn answer(call: &Call<'_>) -> Option<Answer> {
    Some(match call.method.as_str() {
        "gettransactionbyid" => by_id(call),
        "gettransactioninfobyid" => info(call),
        "gettransactioninfobyblocknum" => infos(call),
        "gettransactionlistfrompending" => pending_ids(call),
        "gettransactionfrompending" => pending(call),
        "getpendingsize" => pending_size(call),
        _ => return None,
    })
}

/// A transaction in a block that this path shows.
fn found<'a>(call: &Call<'_>, lens: &'a Lens<'_>, id: &TxId) -> Option<(&'a StoredBlock, &'a Included)> {
    let newest = call.newest(lens);
    lens.transaction(id)
        .filter(|(block, _)| block.number() <= newest)
        .map(|(block, one)| (block.as_ref(), one))
}

fn by_id(call: &Call<'_>) -> Answer {
    let lens = call.lens()?;
    let Some(id) = call.tx_id("value")? else { return Ok(json!({})) };
    if let Some((_, one)) = found(call, &lens, &id) {
        return Ok(json::included(one, call.visible));
    }
    // A full node shows what waits as well, with how it would end.
    let waiting = if call.scope == Scope::Wallet { lens.chain.waiting(&id) } else { None };
    Ok(waiting.map_or_else(|| json!({}), |(tx, ended)| json::with_result(tx, ended, call.visible)))
}

/// A receipt as this node tells it.
fn told(call: &Call<'_>, info: &TransactionInfo) -> Value {
    if call.abilities.internal_transactions || info.internal_transactions.is_empty() {
        return json::info(info, call.visible);
    }
    json::info(&TransactionInfo { internal_transactions: Vec::new(), ..info.clone() }, call.visible)
}

fn info(call: &Call<'_>) -> Answer {
    let lens = call.lens()?;
    let id = call.tx_id("value")?;
    if lens.faults.without_receipts {
        return Ok(json!({}));
    }
    let found = id.and_then(|id| found(call, &lens, &id).map(|(_, one)| one));
    Ok(found.map_or_else(|| json!({}), |one| told(call, &one.info)))
}

fn infos(call: &Call<'_>) -> Answer {
    let lens = call.lens()?;
    let number = call.number("num")?;
    if number <= 0 {
        return Ok(json!({}));
    }
    let block = lens.block(number).filter(|_| number <= call.newest(&lens) && !lens.faults.without_receipts);
    let shown = block.map(|block| match call.lie {
        Some(lie) => lies::block(block, lie, lens.chain.config().usdt),
        None => block.as_ref().clone(),
    });
    let all: Vec<Value> = shown
        .map(|block| block.transactions.iter().map(|one| told(call, &one.info)).collect())
        .unwrap_or_default();
    Ok(Value::Array(all))
}

fn pending_ids(call: &Call<'_>) -> Answer {
    let lens = call.lens()?;
    let ids = lens.chain.pending().map(|tx| tx.id.to_string().into()).collect();
    Ok(json::Object::new().list("txId", ids).done())
}

fn pending(call: &Call<'_>) -> Answer {
    let lens = call.lens()?;
    let id = call.tx_id("value")?;
    let found = lens.chain.pending().find(|tx| Some(tx.id) == id);
    Ok(found.map_or_else(|| json!({}), |tx| json::transaction(tx, call.visible).done()))
}

fn pending_size(call: &Call<'_>) -> Answer {
    Ok(json!({ "pendingSize": call.lens()?.chain.pending().count() }))
}
