//! Blocks and receipts in the HTTP API's JSON.

use super::{DecodeError, Form, Header, RawBlock, Receipt, TxFacts, protobuf::bare_transaction};
use crate::wire::{hexadecimal, json, json_raw, proto};
use leyden_domain::{Timestamp, TxId};
use prost::{Message as _, encoding};

/// Reads a block; `None` for `{}`, a node's way to say that there is none.
pub fn block_from_json(block: &json::Block<'_>) -> Result<Option<RawBlock>, DecodeError> {
    let Some(header) = header_from_json(block)? else {
        return Ok(None);
    };
    let mut transactions = Vec::with_capacity(block.transactions.len());
    let mut scratch = Vec::new();
    for (index, transaction) in block.transactions.iter().enumerate() {
        let read = read_transaction(transaction, &mut scratch);
        transactions.push(read.map_err(|error| error.in_transaction(index))?);
    }
    Ok(Some(RawBlock { form: Form::Json, header, transactions }))
}

/// Reads a block's header alone; `None` for `{}`.
pub fn header_from_json(block: &json::Block<'_>) -> Result<Option<Header>, DecodeError> {
    block.block_header.as_ref().map(|header| Header::from_json(block.block_id.as_deref(), header)).transpose()
}

/// Reads one transaction on its own; `None` for `{}`, a node's way to say that it knows none. With it the time at which it
/// expires, where its signed bytes are shown.
pub fn transaction_from_json(
    transaction: &json::Transaction<'_>,
) -> Result<Option<(TxFacts, Option<Timestamp>)>, DecodeError> {
    if transaction.raw_data_hex.is_none() && transaction.raw_data.is_none() {
        return Ok(None);
    }
    let facts = read_transaction(transaction, &mut Vec::new())?;
    let expires_at = transaction.raw_data_hex.as_ref().and_then(|text| {
        let raw = proto::TransactionRaw::decode(hexadecimal::decode(text).ok()?.as_slice()).ok()?;
        (raw.expiration > 0).then(|| Timestamp::from_ms(raw.expiration))
    });
    Ok(Some((facts, expires_at)))
}

/// Reads the receipts of a block.
pub fn receipts_from_json(infos: &[json::TransactionInfo<'_>]) -> Result<Vec<Receipt>, DecodeError> {
    infos
        .iter()
        .enumerate()
        .map(|(index, info)| Receipt::from_json(info).map_err(|error| error.in_transaction(index)))
        .collect()
}

/// Reads a transaction. Its bytes are put together first, in `scratch`, and everything is read from them as from
/// a block in protobuf: what is hashed and what is believed cannot differ.
fn read_transaction(
    transaction: &json::Transaction<'_>,
    scratch: &mut Vec<u8>,
) -> Result<TxFacts, DecodeError> {
    scratch.clear();
    match (&transaction.raw_data_hex, transaction.raw_data) {
        (Some(text), _) => put_hexadecimal(1, "raw_data_hex", text, scratch)?,
        (None, Some(shown)) => {
            let raw = json_raw::rebuild(shown.get())
                .map_err(|error| DecodeError::new(format!("raw_data: {error}")))?
                .ok_or_else(|| DecodeError::new("no raw_data_hex, and raw_data cannot be rebuilt"))?;
            encoding::message::encode(1, &raw, scratch);
        }
        (None, None) => return Err(DecodeError::new("transaction without raw data")),
    }
    for signature in &transaction.signature {
        put_hexadecimal(2, "signature", signature, scratch)?;
    }
    for result in &transaction.ret {
        encoding::message::encode(5, &read_result(result), scratch);
    }
    // Places in these bytes are no places of the input.
    let mut facts = bare_transaction(scratch, 0).map_err(DecodeError::without_offset)?;
    facts.claimed_id = transaction
        .tx_id
        .as_deref()
        .map(|text| hexadecimal::decode_array(text).map(TxId::new))
        .transpose()
        .map_err(|error| DecodeError::new(format!("txID: {error}")))?;
    Ok(facts)
}

/// Writes a field of bytes from its hexadecimal text.
fn put_hexadecimal(tag: u32, name: &str, text: &str, into: &mut Vec<u8>) -> Result<(), DecodeError> {
    let bytes = text.len() / 2;
    encoding::encode_key(tag, encoding::WireType::LengthDelimited, into);
    encoding::encode_varint(bytes.try_into().unwrap_or(u64::MAX), into);
    hexadecimal::append(text, into).map_err(|error| DecodeError::new(format!("{name}: {error}")))
}

fn read_result(result: &json::TransactionResult<'_>) -> proto::TransactionResult {
    let contract_ret = match result.contract_ret.as_deref() {
        None => proto::ContractResult::Default.into(),
        Some(name) => contract_result(name).map_or_else(|| unknown_number(name), Into::into),
    };
    let ret = match result.ret.as_deref() {
        None | Some("SUCESS" | "SUCCESS") => proto::ResultCode::Success.into(),
        Some("FAILED") => proto::ResultCode::Failed.into(),
        Some(name) => unknown_number(name),
    };
    proto::TransactionResult {
        fee: result.fee,
        ret,
        contract_ret,
        asset_issue_id: result.asset_issue_id.to_string(),
        withdraw_amount: result.withdraw_amount,
        unfreeze_amount: result.unfreeze_amount,
        exchange_received_amount: result.exchange_received_amount,
        exchange_inject_another_amount: result.exchange_inject_another_amount,
        exchange_withdraw_another_amount: result.exchange_withdraw_another_amount,
        exchange_id: result.exchange_id,
        shielded_transaction_fee: result.shielded_transaction_fee,
        withdraw_expire_amount: result.withdraw_expire_amount,
        cancel_unfreeze_v2_amount: result
            .cancel_unfreeze_v2_amount
            .iter()
            .map(|entry| (entry.key.to_string(), entry.value))
            .collect(),
        ..proto::TransactionResult::default()
    }
}

/// The number of a result that has no name here. A node that does not know it either prints the number behind its own
/// words (`UNKNOWN_ENUM_VALUE_contractResult_16`); a name from a newer protocol has a number that is not known, so the
/// leaf stays unknown too, and any number will do that is no known one.
fn unknown_number(name: &str) -> i32 {
    let number = name.strip_prefix("UNKNOWN_ENUM_VALUE_").and_then(|rest| rest.rsplit_once('_'));
    number.and_then(|(_, digits)| digits.parse().ok()).unwrap_or(i32::MAX)
}

/// A contract's result from its name.
fn contract_result(name: &str) -> Option<proto::ContractResult> {
    use proto::ContractResult as R;
    Some(match name {
        "DEFAULT" => R::Default,
        "SUCCESS" => R::Success,
        "REVERT" => R::Revert,
        "BAD_JUMP_DESTINATION" => R::BadJumpDestination,
        "OUT_OF_MEMORY" => R::OutOfMemory,
        "PRECOMPILED_CONTRACT" => R::PrecompiledContract,
        "STACK_TOO_SMALL" => R::StackTooSmall,
        "STACK_TOO_LARGE" => R::StackTooLarge,
        "ILLEGAL_OPERATION" => R::IllegalOperation,
        "STACK_OVERFLOW" => R::StackOverflow,
        "OUT_OF_ENERGY" => R::OutOfEnergy,
        "OUT_OF_TIME" => R::OutOfTime,
        "JVM_STACK_OVER_FLOW" => R::JvmStackOverFlow,
        "UNKNOWN" => R::Unknown,
        "TRANSFER_FAILED" => R::TransferFailed,
        "INVALID_CODE" => R::InvalidCode,
        _ => return None,
    })
}
