//! Finds out in which form blocks are and reads them.

use super::InspectError;
use crate::{
    decode::{DecodeError, RawBlock, block_from_json, block_from_protobuf, blocks_from_block_list},
    wire::{
        hexadecimal,
        json::{self, Text},
        json_raw,
        walk::Walk,
    },
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A block of the input.
pub(super) struct InputBlock {
    /// The block.
    pub(super) block: RawBlock,
    /// The transactions, by their place, of which its JSON shows people something else than it gives the bytes of.
    pub(super) shows_otherwise: Vec<usize>,
}

/// An object that may be a block or hold blocks.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Outline<'a> {
    #[serde(borrow)]
    block: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    block_header: Option<&'a RawValue>,
    #[serde(borrow, rename = "Error")]
    error: Option<Text<'a>>,
}

/// Reads all blocks of the input.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<InputBlock>, InspectError> {
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace());
    let Some(start) = start else {
        return Err(DecodeError::new("nothing in it").at(bytes.len()));
    };
    let looks_like_json = matches!(bytes.get(start), Some(b'{' | b'['));
    if !looks_like_json {
        return read_protobuf(bytes);
    }
    // A block whose first transaction has 91 or 123 bytes starts like a line break and a bracket.
    if start > 0 && std::str::from_utf8(bytes).is_err() {
        return read_protobuf(bytes);
    }
    read_json(bytes)
}

fn read_protobuf(bytes: &[u8]) -> Result<Vec<InputBlock>, InspectError> {
    let blocks = if is_list(bytes) {
        blocks_from_block_list(bytes)?
    } else {
        vec![block_from_protobuf(bytes).map_err(|error| error.in_block(0))?]
    };
    Ok(blocks.into_iter().map(|block| InputBlock { block, shows_otherwise: Vec::new() }).collect())
}

/// Whether this is a list of blocks and not one block. A block has a header behind its transactions; where the
/// end is lost, what stands first tells.
fn is_list(bytes: &[u8]) -> bool {
    let mut fields = Walk::new(bytes, 0);
    fields.clone().all(|field| field.is_ok_and(|field| field.number == 1))
        || fields
            .next()
            .and_then(|field| field.ok()?.bytes().ok())
            .is_some_and(|first| block_from_protobuf(first).is_ok())
}

fn read_json(bytes: &[u8]) -> Result<Vec<InputBlock>, InspectError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| DecodeError::new("neither protobuf nor UTF-8 text").at(error.valid_up_to()))?;
    let mut blocks = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
        let value = value.map_err(|error| json_error(&error, text, text).in_block(blocks.len()))?;
        read_value(value.get(), text, &mut blocks)?;
    }
    Ok(blocks)
}

/// Reads one JSON value: a block, an array of blocks or an object that holds such an array.
fn read_value(value: &str, text: &str, blocks: &mut Vec<InputBlock>) -> Result<(), InspectError> {
    let here = |error: DecodeError, index: usize| error.at(offset_in(value, text)).in_block(index);
    if value.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(value)
            .map_err(|error| json_error(&error, value, text).in_block(blocks.len()))?;
        return items.into_iter().try_for_each(|item| read_block(item.get(), text, blocks));
    }
    let outline: Outline<'_> = serde_json::from_str(value)
        .map_err(|error| json_error(&error, value, text).in_block(blocks.len()))?;
    match outline {
        Outline { block: Some(items), .. } => {
            items.into_iter().try_for_each(|item| read_block(item.get(), text, blocks))
        }
        Outline { block_header: Some(_), .. } => read_block(value, text, blocks),
        Outline { error: Some(message), .. } => {
            Err(here(DecodeError::new(format!("an error of a node: {message:.200}")), blocks.len()))
        }
        Outline { .. } => Err(here(DecodeError::new("no block: block_header is missing"), blocks.len())),
    }
}

fn read_block(value: &str, text: &str, blocks: &mut Vec<InputBlock>) -> Result<(), InspectError> {
    let index = blocks.len();
    let block: json::Block<'_> =
        serde_json::from_str(value).map_err(|error| json_error(&error, value, text).in_block(index))?;
    let transactions = block.transactions.iter().enumerate();
    let shows_otherwise = transactions
        .filter(|(_, transaction)| shows_otherwise(transaction))
        .map(|(index, _)| index)
        .collect();
    let block = block_from_json(&block)
        .and_then(|block| block.ok_or_else(|| DecodeError::new("no block: block_header is missing")))
        .map_err(|error| error.at(offset_in(value, text)).in_block(index))?;
    blocks.push(InputBlock { block, shows_otherwise });
    Ok(())
}

/// Whether a transaction's `raw_data` and its bytes say different things.
fn shows_otherwise(transaction: &json::Transaction<'_>) -> bool {
    let (Some(shown), Some(bytes)) = (transaction.raw_data, transaction.raw_data_hex.as_deref()) else {
        return false;
    };
    hexadecimal::decode(bytes).is_ok_and(|bytes| json_raw::agrees(shown.get(), &bytes) == Some(false))
}

/// Where a part of the input starts.
fn offset_in(part: &str, text: &str) -> usize {
    part.as_ptr().addr().saturating_sub(text.as_ptr().addr())
}

/// A syntax error in a part of the input, with its place in the whole.
fn json_error(error: &serde_json::Error, part: &str, text: &str) -> InspectError {
    let line_start = part
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .fold(offset_in(part, text), usize::saturating_add);
    DecodeError::new(format!("JSON: {error}")).at(line_start.saturating_add(error.column().saturating_sub(1)))
}
