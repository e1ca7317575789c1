//! Blocks and receipts in protobuf: `Block`, `BlockExtention`, `BlockListExtention`, `TransactionInfoList`.
//! Every hash is over a slice of the input.

use super::{
    DecodeError, Form, Header, RawBlock, Receipt, TxFacts,
    transaction::{Outcome, outcome, read_raw},
};
use crate::{
    crypto,
    wire::{
        proto,
        walk::{Field, Walk},
    },
};
use leyden_domain::{BlockId, TxId};
use prost::Message as _;

/// Reads a `Block` or a `BlockExtention`; only the latter carries its block id.
pub fn block_from_protobuf(bytes: &[u8]) -> Result<RawBlock, DecodeError> {
    block_at(bytes, 0)
}

/// Reads a `BlockListExtention`.
pub fn blocks_from_block_list(bytes: &[u8]) -> Result<Vec<RawBlock>, DecodeError> {
    let mut blocks = Vec::new();
    for field in Walk::new(bytes, 0) {
        let field = field.map_err(|error| DecodeError::from(error).in_block(blocks.len()))?;
        if field.number != 1 {
            return Err(DecodeError::new("neither a block nor a list of blocks").at(field.offset));
        }
        let block = field.bytes().map_err(DecodeError::from).and_then(|slice| block_at(slice, field.offset));
        blocks.push(block.map_err(|error| error.in_block(blocks.len()))?);
    }
    Ok(blocks)
}

/// Reads the receipts of a block.
pub fn receipts_from_protobuf(bytes: &[u8]) -> Result<Vec<Receipt>, DecodeError> {
    let list = proto::TransactionInfoList::decode(bytes)
        .map_err(|error| DecodeError::new(format!("receipts: {error}")))?;
    list.transaction_info
        .iter()
        .enumerate()
        .map(|(index, info)| Receipt::from_proto(info).map_err(|error| error.in_transaction(index)))
        .collect()
}

fn block_at(bytes: &[u8], offset: usize) -> Result<RawBlock, DecodeError> {
    let mut header = None;
    let mut claimed_id = None;
    let mut fields = Vec::new();
    for field in Walk::new(bytes, offset) {
        let field = field.map_err(|error| DecodeError::from(error).in_transaction(fields.len()))?;
        match field.number {
            1 => fields.push(field),
            2 if header.is_none() => header = Some(header_at(&field)?),
            3 => {
                let id = field.bytes()?;
                let id = BlockId::from_slice(id)
                    .or(Err(DecodeError::new("block id is not 32 bytes").at(field.offset)))?;
                claimed_id = Some(id);
            }
            2 => return Err(DecodeError::new("a second block header").at(field.offset)),
            _ => {}
        }
    }
    let mut header = header.ok_or_else(|| DecodeError::new("no block header").at(offset))?;
    header.claimed_id = claimed_id;
    let mut transactions = Vec::with_capacity(fields.len());
    for (index, field) in fields.iter().enumerate() {
        let transaction = transaction_at(field, claimed_id.is_some());
        transactions.push(transaction.map_err(|error| error.at(field.offset).in_transaction(index))?);
    }
    Ok(RawBlock { form: Form::Protobuf, header, transactions })
}

fn header_at(field: &Field<'_>) -> Result<Header, DecodeError> {
    let mut raw = None;
    let mut signature = None;
    for part in Walk::new(field.bytes()?, field.offset) {
        let part = part?;
        match part.number {
            1 if raw.is_none() => raw = Some(part.bytes()?),
            1 => return Err(DecodeError::new("a second raw header").at(part.offset)),
            2 => signature = Some(part.bytes()?.to_vec()),
            _ => {}
        }
    }
    let raw = raw.ok_or_else(|| DecodeError::new("block header without raw data").at(field.offset))?;
    Header::from_raw(raw, signature).map_err(|error| error.at(field.offset))
}

/// Reads a `TransactionExtention` where `wrapped`, a `Transaction` otherwise.
fn transaction_at(field: &Field<'_>, wrapped: bool) -> Result<TxFacts, DecodeError> {
    if !wrapped {
        return bare_transaction(field.bytes()?, field.offset);
    }
    let mut facts = None;
    let mut claimed_id = None;
    for part in Walk::new(field.bytes()?, field.offset) {
        let part = part?;
        match part.number {
            1 if facts.is_none() => facts = Some(bare_transaction(part.bytes()?, part.offset)?),
            1 => return Err(DecodeError::new("a second transaction").at(part.offset)),
            2 => {
                let id = TxId::from_slice(part.bytes()?);
                claimed_id =
                    Some(id.or(Err(DecodeError::new("transaction id is not 32 bytes").at(part.offset)))?);
            }
            _ => {}
        }
    }
    let mut facts = facts.ok_or_else(|| DecodeError::new("no transaction"))?;
    facts.claimed_id = claimed_id;
    Ok(facts)
}

/// Reads a whole serialized `Transaction` on its own.
pub fn transaction_from_protobuf(bytes: &[u8]) -> Result<TxFacts, DecodeError> {
    bare_transaction(bytes, 0)
}

/// Reads a whole serialized `Transaction` that starts at `offset` of the input.
pub(super) fn bare_transaction(bytes: &[u8], offset: usize) -> Result<TxFacts, DecodeError> {
    let mut raw = None;
    let mut first_outcome = None;
    for part in Walk::new(bytes, offset) {
        let part = part?;
        match part.number {
            1 if raw.is_none() => raw = Some(part),
            // A reader that merges the two would see another transaction than one that takes the last.
            1 => return Err(DecodeError::new("a second raw data").at(part.offset)),
            5 => {
                let outcome = outcome(part.bytes()?, part.offset)?;
                first_outcome.get_or_insert(outcome);
            }
            _ => {}
        }
    }
    let raw = raw.ok_or_else(|| DecodeError::new("transaction without raw data"))?;
    let facts = read_raw(raw.bytes()?, raw.offset)?;
    Ok(TxFacts {
        id: facts.id,
        claimed_id: None,
        leaf: crypto::sha256(bytes),
        kind: facts.kind,
        outcome: first_outcome.unwrap_or(Outcome::Unsaid),
        action: facts.action,
    })
}
