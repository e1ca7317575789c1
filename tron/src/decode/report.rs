//! One transaction on its own, as a node shows it to whoever asks for it by its id.

use super::{Outcome, Receipt, TxAction, TxFacts};
use leyden_domain::{
    Address, Asset, Timestamp,
    chain::{ContractKind, Moved, Movement, TransactionReport, Transfer},
};

/// Where a transaction is.
#[derive(Debug, Clone, Copy)]
pub enum Whereabouts<'a> {
    /// It waits for a block until then, where that is known.
    Waiting(Option<Timestamp>),
    /// It is in a block, with this receipt.
    InBlock(&'a Receipt),
}

/// Says what a transaction does or did. `usdt` is the token whose transfers are USDT.
pub fn report(facts: &TxFacts, place: Whereabouts<'_>, usdt: Address) -> TransactionReport {
    let token = |contract: Address| {
        if contract == usdt { Moved::Asset(Asset::Usdt) } else { Moved::Token(contract) }
    };
    let mut movements: Vec<Movement> = Vec::new();
    match &facts.action {
        TxAction::Transfer { from, to, amount } => movements.push(Movement {
            index: 0,
            what: Moved::Asset(Asset::Trx),
            from: *from,
            to: *to,
            amount: Some(*amount),
        }),
        TxAction::Call { owner, contract, token: call } => match place {
            Whereabouts::InBlock(receipt) if facts.succeeded() && receipt.counts() => {
                movements.extend(receipt.logs.iter().map(|log| Movement {
                    index: log.index,
                    what: token(log.contract),
                    from: log.from,
                    to: log.to,
                    amount: log.amount,
                }));
                movements.extend(receipt.internals.iter().map(|internal| Movement {
                    index: Transfer::INTERNAL_INDEX.saturating_add(internal.index),
                    what: Moved::Asset(Asset::Trx),
                    from: internal.from,
                    to: internal.to,
                    amount: Some(internal.amount),
                }));
            }
            // What is asked for, of one that waits or failed.
            _ => movements.extend(call.map(|call| Movement {
                index: 0,
                what: token(*contract),
                from: call.from.unwrap_or(*owner),
                to: call.to,
                amount: call.amount,
            })),
        },
        TxAction::Resource { .. } | TxAction::Other => {}
    }
    let (height, failed, expires_at) = match place {
        Whereabouts::Waiting(expires_at) => (None, false, expires_at),
        Whereabouts::InBlock(receipt) => (Some(receipt.height), has_failed(facts, receipt), None),
    };
    // A node that keeps what contracts send shows all that one transaction sent. The token itself sends none.
    let sends_nothing = matches!(
        facts.action,
        TxAction::Call { contract, token: Some(_), .. } if contract == usdt
    );
    let runs = matches!(facts.kind, ContractKind::TriggerSmartContract | ContractKind::CreateSmartContract);
    let may_hide = match place {
        Whereabouts::InBlock(receipt) => {
            runs && !sends_nothing
                && facts.outcome == Outcome::Succeeded
                && receipt.counts()
                && receipt.internals.is_empty()
        }
        Whereabouts::Waiting(_) => false,
    };
    TransactionReport { height, failed, kind: facts.kind, expires_at, movements, may_hide }
}

/// Whether a transaction in a block has failed. Where its own result says nothing, its receipt does: one that runs no code
/// would not be in a block.
const fn has_failed(facts: &TxFacts, receipt: &Receipt) -> bool {
    match facts.outcome {
        Outcome::Succeeded => receipt.failed,
        Outcome::Unsaid => receipt.failed || (facts.runs_code() && !receipt.call_succeeded),
        Outcome::Failed | Outcome::Unknown => true,
    }
}
