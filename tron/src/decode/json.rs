//! Blocks and receipts in the HTTP API's JSON.

use super::{
    DecodeError, Form, Header, RawBlock, Receipt, TxFacts,
    header::bytes,
    transaction::{read_raw, succeeded},
};
use crate::wire::{json, json_raw, proto};
use leyden_domain::TxId;
use prost::{Message as _, encoding};
use sha2::{Digest as _, Sha256};

/// Reads a block; `None` for `{}`, a node's way to say that there is none.
pub fn block_from_json(block: &json::Block<'_>) -> Result<Option<RawBlock>, DecodeError> {
    let Some(header) = header_from_json(block)? else {
        return Ok(None);
    };
    let transactions = block
        .transactions
        .iter()
        .enumerate()
        .map(|(index, transaction)| {
            read_transaction(transaction).map_err(|error| error.in_transaction(index))
        })
        .collect::<Result<_, _>>()?;
    Ok(Some(RawBlock { form: Form::Json, header, transactions }))
}

/// Reads a block's header alone; `None` for `{}`.
pub fn header_from_json(block: &json::Block<'_>) -> Result<Option<Header>, DecodeError> {
    block.block_header.as_ref().map(|header| Header::from_json(block.block_id.as_deref(), header)).transpose()
}

/// Reads the receipts of a block.
pub fn receipts_from_json(infos: &[json::TransactionInfo<'_>]) -> Result<Vec<Receipt>, DecodeError> {
    infos
        .iter()
        .enumerate()
        .map(|(index, info)| Receipt::from_json(info).map_err(|error| error.in_transaction(index)))
        .collect()
}

fn read_transaction(transaction: &json::Transaction<'_>) -> Result<TxFacts, DecodeError> {
    let raw = match (&transaction.raw_data_hex, transaction.raw_data) {
        (Some(text), _) => bytes("raw_data_hex", text)?,
        (None, Some(shown)) => json_raw::rebuild(shown.get())
            .map_err(|error| DecodeError::new(format!("raw_data: {error}")))?
            .ok_or_else(|| DecodeError::new("no raw_data_hex, and raw_data cannot be rebuilt"))?
            .encode_to_vec(),
        (None, None) => return Err(DecodeError::new("transaction without raw data")),
    };
    let facts = read_raw(&raw)?;
    let signatures: Vec<Vec<u8>> =
        transaction.signature.iter().map(|text| bytes("signature", text)).collect::<Result<_, _>>()?;
    let results: Vec<proto::TransactionResult> = transaction.ret.iter().map(read_result).collect();
    let claimed_id: Option<TxId> = transaction
        .tx_id
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error| DecodeError::new(format!("txID: {error}")))?;
    Ok(TxFacts {
        id: facts.id,
        claimed_id,
        leaf: leaf(&raw, &signatures, &results),
        kind: facts.kind,
        success: succeeded(&results),
        action: facts.action,
    })
}

/// The Merkle leaf of a transaction put together again from its parts.
fn leaf(raw: &[u8], signatures: &[Vec<u8>], results: &[proto::TransactionResult]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut head = Vec::with_capacity(16);
    let mut part = |tag: u32, bytes: &[u8]| {
        head.clear();
        encoding::encode_key(tag, encoding::WireType::LengthDelimited, &mut head);
        encoding::encode_varint(bytes.len().try_into().unwrap_or(u64::MAX), &mut head);
        hasher.update(&head);
        hasher.update(bytes);
    };
    part(1, raw);
    for signature in signatures {
        part(2, signature);
    }
    for result in results {
        part(5, &result.encode_to_vec());
    }
    hasher.finalize().into()
}

fn read_result(result: &json::TransactionResult<'_>) -> proto::TransactionResult {
    let contract_ret = match result.contract_ret.as_deref() {
        None => proto::ContractResult::Default,
        // A name from a newer protocol is no success, and its number, so the leaf too, stays unknown.
        Some(name) => contract_result(name).unwrap_or(proto::ContractResult::Unknown),
    };
    let ret = match result.ret.as_deref() {
        None | Some("SUCESS" | "SUCCESS") => proto::ResultCode::Success,
        Some(_) => proto::ResultCode::Failed,
    };
    proto::TransactionResult {
        fee: result.fee,
        ret: ret.into(),
        contract_ret: contract_ret.into(),
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
