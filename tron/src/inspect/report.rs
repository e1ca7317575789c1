//! What is said about a block.

use super::{InspectOptions, input::InputBlock};
use crate::{
    decode::to_domain,
    verify::{Verified, verify},
};
use leyden_domain::{
    Address, Asset, BlockId, TxId,
    chain::{Evidence, Lock, Resource, ResourceAction, ResourceEvent, Transfer},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// A block, in the words of the JSON output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlockReport {
    /// Its number.
    pub number: i64,
    /// Its id, computed from its header.
    pub block_id: BlockId,
    /// Its slot time.
    pub timestamp_ms: i64,
    /// How many transactions of each contract type it holds.
    pub transactions: BTreeMap<String, u32>,
    /// Successful delegations, in block order.
    pub delegations: Vec<DelegationReport>,
    /// Successful take-backs, in block order.
    pub undelegations: Vec<DelegationReport>,
    /// Successful transfers, in block order.
    pub transfers: Vec<TransferReport>,
    /// What could be proven.
    pub verified: Verified,
}

/// A delegation, or a take-back of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DelegationReport {
    /// The transaction.
    pub tx_id: TxId,
    /// Whose stake.
    pub owner: Address,
    /// Who may use it, or no longer.
    pub receiver: Address,
    /// `ENERGY`, `BANDWIDTH` or `TRON_POWER`.
    pub resource: Resource,
    /// The stake, in sun.
    pub balance_sun: i64,
    /// Whether it cannot be taken back for a while.
    pub lock: bool,
    /// For how many blocks, where it is locked; 0 is the chain's default of three days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_period_blocks: Option<i64>,
}

/// A transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TransferReport {
    /// The transaction.
    pub tx_id: TxId,
    /// What was moved.
    pub asset: Asset,
    /// Who paid.
    pub from: Address,
    /// Who received.
    pub to: Address,
    /// How much, in sun or millionths of USDT.
    pub amount: i64,
    /// What it was read from; call data says what was asked for, not what happened.
    pub evidence: Evidence,
}

/// Reports on a block.
pub(super) fn report(input: &InputBlock, previous: Option<BlockId>, options: &InspectOptions) -> BlockReport {
    let raw = &input.block;
    let mut verified = verify(raw, previous, &options.witness_keys);
    if input.shows_otherwise {
        verified.tx_ids = Some(false);
    }
    let mut report = BlockReport {
        number: raw.header.height().get(),
        block_id: raw.header.id,
        timestamp_ms: raw.header.timestamp.ms(),
        transactions: BTreeMap::new(),
        delegations: Vec::new(),
        undelegations: Vec::new(),
        transfers: Vec::new(),
        verified,
    };
    // Without receipts there is none that could be missing.
    if let Ok(block) = to_domain(raw, options.usdt, None) {
        for (kind, count) in block.transactions {
            let total = report.transactions.entry(kind.name().to_owned()).or_insert(0);
            *total = total.saturating_add(count);
        }
        report.transfers = block.transfers.iter().map(transfer).collect();
        block.resource_events.into_iter().for_each(|event| delegation(&mut report, event));
    }
    report
}

fn transfer(transfer: &Transfer) -> TransferReport {
    let Transfer { tx_id, asset, from, to, amount, evidence, .. } = *transfer;
    TransferReport { tx_id, asset, from, to, amount, evidence }
}

fn delegation(report: &mut BlockReport, event: ResourceEvent) {
    let ResourceEvent { tx_id, owner, action } = event;
    let entry = |receiver, resource, balance: leyden_domain::Sun, lock: Option<Lock>| DelegationReport {
        tx_id,
        owner,
        receiver,
        resource,
        balance_sun: balance.get(),
        lock: lock.is_some(),
        lock_period_blocks: lock.map(|lock| lock.period_blocks),
    };
    match action {
        ResourceAction::Delegate { receiver, resource, balance, lock } => {
            report.delegations.push(entry(receiver, resource, balance, lock));
        }
        ResourceAction::Undelegate { receiver, resource, balance } => {
            report.undelegations.push(entry(receiver, resource, balance, None));
        }
        ResourceAction::Stake { .. }
        | ResourceAction::Unstake { .. }
        | ResourceAction::Withdraw
        | ResourceAction::CancelUnstake => {}
    }
}
