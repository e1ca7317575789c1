//! From a checked block and its receipts to the block that the rules read.

use super::{RawBlock, Receipt, TxAction, TxFacts};
use leyden_domain::{
    Address, Asset, TxId,
    chain::{Block, Evidence, ResourceEvent, TokenCall, Transfer},
};
use std::{
    cell::LazyCell,
    collections::{BTreeMap, HashMap},
};

/// The receipts do not fit the block, so payments could be missing from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MissingReceipt {
    /// No receipt for one of the transactions.
    #[error("no receipt for transaction {0}")]
    Absent(TxId),
    /// A receipt from another block.
    #[error("receipt of {0} is from another block")]
    OtherBlock(TxId),
    /// The block says that it succeeded, the receipt that it did not, or the other way round.
    #[error("receipt of {0} contradicts the block")]
    Contradiction(TxId),
}

/// Turns a block into domain terms. With receipts, every transaction must have its own, and token transfers and
/// TRX sent by contracts come from them; without, token transfers are what call data asks for, which proves
/// nothing. What the block leaves undecided is not in it, and is named in the log.
pub fn to_domain(
    block: &RawBlock,
    usdt: Address,
    receipts: Option<&[Receipt]>,
) -> Result<Block, MissingReceipt> {
    let by_id: Option<HashMap<TxId, &Receipt>> =
        receipts.map(|receipts| receipts.iter().map(|receipt| (receipt.tx_id, receipt)).collect());
    let mut transactions = BTreeMap::new();
    let mut transfers = Vec::new();
    let mut resource_events = Vec::new();
    let mut token_calls = Vec::new();
    name_undecided(block);
    let is_proven = LazyCell::new(|| block.proves_transactions());
    for tx in &block.transactions {
        let count = transactions.entry(tx.kind).or_insert(0_u32);
        *count = count.saturating_add(1);
        let receipt = match &by_id {
            None => None,
            Some(by_id) => Some(fitting_receipt(block, tx, by_id)?),
        };
        token_calls.extend(token_call(tx, usdt));
        if tx.took_effect(|| *is_proven) != Ok(true) {
            continue;
        }
        if let TxAction::Resource { owner, action } = &tx.action {
            resource_events.push(ResourceEvent { tx_id: tx.id, owner: *owner, action: action.clone() });
        }
        transfers.extend(own_transfer(tx, usdt, receipt.is_some()));
        if let Some(receipt) = receipt.filter(|receipt| receipt.counts()) {
            transfers.extend(proven_transfers(receipt, usdt));
        }
    }
    Ok(Block {
        id: block.header.id,
        parent: block.header.parent,
        timestamp: block.header.timestamp,
        witness: block.header.witness,
        transactions,
        transfers,
        resource_events,
        token_calls,
    })
}

/// Names what is neither counted nor known to have had no effect, so that it can be looked for. What a chain's first block
/// gives out is no payment.
fn name_undecided(block: &RawBlock) {
    let height = block.header.height();
    if height.get() == 0 {
        return;
    }
    for (index, tx_id, why) in block.undecided() {
        tracing::warn!(%height, index, %tx_id, ?why, "what became of a transaction is not known; it counts for nothing");
    }
}

fn fitting_receipt<'a>(
    block: &RawBlock,
    tx: &TxFacts,
    by_id: &HashMap<TxId, &'a Receipt>,
) -> Result<&'a Receipt, MissingReceipt> {
    let receipt = *by_id.get(&tx.id).ok_or(MissingReceipt::Absent(tx.id))?;
    if receipt.height != block.header.height() {
        return Err(MissingReceipt::OtherBlock(tx.id));
    }
    let is_call = matches!(tx.action, TxAction::Call { .. });
    if tx.succeeded() && (receipt.failed || (is_call && !receipt.call_succeeded)) {
        return Err(MissingReceipt::Contradiction(tx.id));
    }
    Ok(receipt)
}

/// The call of the token that the transaction is, where it asks for a transfer of the caller's own tokens.
fn token_call(tx: &TxFacts, usdt: Address) -> Option<TokenCall> {
    match &tx.action {
        TxAction::Call { owner, contract, token: Some(token) }
            if *contract == usdt && token.from.is_none() =>
        {
            Some(TokenCall {
                tx_id: tx.id,
                owner: *owner,
                to: token.to,
                amount: token.amount?,
                succeeded: tx.succeeded(),
            })
        }
        _ => None,
    }
}

/// The transfer that the transaction itself is.
fn own_transfer(tx: &TxFacts, usdt: Address, has_receipt: bool) -> Option<Transfer> {
    match &tx.action {
        TxAction::Transfer { from, to, amount } => Some(Transfer {
            tx_id: tx.id,
            index: 0,
            asset: Asset::Trx,
            from: *from,
            to: *to,
            amount: *amount,
            evidence: Evidence::Contract,
        }),
        TxAction::Call { owner, contract, token: Some(token) } if *contract == usdt && !has_receipt => {
            Some(Transfer {
                tx_id: tx.id,
                index: 0,
                asset: Asset::Usdt,
                from: token.from.unwrap_or(*owner),
                to: token.to,
                amount: token.amount?,
                evidence: Evidence::CallData,
            })
        }
        _ => None,
    }
}

/// The transfers that a successful receipt proves.
fn proven_transfers(receipt: &Receipt, usdt: Address) -> impl Iterator<Item = Transfer> {
    let logs = receipt.logs.iter().filter(move |log| log.contract == usdt).filter_map(|log| {
        Some(Transfer {
            tx_id: receipt.tx_id,
            index: log.index,
            asset: Asset::Usdt,
            from: log.from,
            to: log.to,
            amount: log.amount?,
            evidence: Evidence::Log,
        })
    });
    let internals = receipt.internals.iter().map(|internal| Transfer {
        tx_id: receipt.tx_id,
        index: Transfer::INTERNAL_INDEX.saturating_add(internal.index),
        asset: Asset::Trx,
        from: internal.from,
        to: internal.to,
        amount: internal.amount,
        evidence: Evidence::Internal,
    });
    logs.chain(internals)
}
