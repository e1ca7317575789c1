//! What is said about a block.

use super::{InspectOptions, input::InputBlock};
use crate::{
    decode::{Undecided, to_domain},
    verify::{self, Verified},
};
use leyden_domain::{
    Address, Asset, BlockId, TxId,
    chain::{ContractKind, Evidence, Lock, Resource, ResourceAction, ResourceEvent, Transfer},
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
    /// Transactions of which it is not known what they did, in block order.
    pub undecided: Vec<UndecidedReport>,
    /// What could be proven.
    pub verified: Verified,
    /// What of it was proven to be false, and where.
    pub wrong: Vec<Wrong>,
}

/// A transaction that is in none of the lists and may have had an effect all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UndecidedReport {
    /// Its place in the block, counted from 0.
    pub index: usize,
    /// The transaction.
    pub tx_id: TxId,
    /// The protocol's name for the kind of its contract, or its number.
    pub kind: String,
    /// Why.
    pub why: Undecided,
}

/// Something that is not so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// What.
    pub what: Falsehood,
    /// The place of the transaction in the block, counted from 0, where it is one transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<usize>,
    /// The hash of its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tx_id: Option<TxId>,
    /// The same for people.
    pub text: String,
}

/// What can be proven to be false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Falsehood {
    /// An id that is not the hash of its transaction.
    TxId,
    /// A `raw_data` that says something else than the bytes beside it.
    Shown,
    /// The root in the header.
    MerkleRoot,
    /// The block's id.
    BlockId,
    /// The signature.
    Witness,
    /// The block that it names as the one before it.
    Parent,
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

impl BlockReport {
    /// Whether nothing of it was proven to be false.
    pub const fn is_sound(&self) -> bool {
        self.wrong.is_empty()
    }
}

/// The name of a kind of contract; of one that is not known, with its number.
fn kind_name(kind: ContractKind) -> String {
    match kind {
        ContractKind::Other(number) => format!("{}({number})", kind.name()),
        kind => kind.name().to_owned(),
    }
}

/// Reports on a block.
pub(super) fn report(input: &InputBlock, previous: Option<BlockId>, options: &InspectOptions) -> BlockReport {
    let raw = &input.block;
    let mut verified = verify::verify(raw, previous, &options.witness_keys);
    let wrong = wrong(input, previous, verified);
    if !input.shows_otherwise.is_empty() {
        verified.tx_ids = Some(false);
    }
    let kind = |index: usize| raw.transactions.get(index).map_or_else(String::new, |tx| kind_name(tx.kind));
    let mut report = BlockReport {
        number: raw.header.height().get(),
        block_id: raw.header.id,
        timestamp_ms: raw.header.timestamp.ms(),
        transactions: BTreeMap::new(),
        delegations: Vec::new(),
        undelegations: Vec::new(),
        transfers: Vec::new(),
        undecided: raw
            .undecided()
            .into_iter()
            .map(|(index, tx_id, why)| UndecidedReport { index, tx_id, kind: kind(index), why })
            .collect(),
        verified,
        wrong,
    };
    // Without receipts there is none that could be missing.
    if let Ok(block) = to_domain(raw, options.usdt, None) {
        for (kind, count) in block.transactions {
            let total = report.transactions.entry(kind_name(kind)).or_insert(0);
            *total = total.saturating_add(count);
        }
        report.transfers = block.transfers.iter().map(transfer).collect();
        block.resource_events.into_iter().for_each(|event| delegation(&mut report, event));
    }
    report
}

/// Says what is false and where.
fn wrong(input: &InputBlock, previous: Option<BlockId>, verified: Verified) -> Vec<Wrong> {
    let InputBlock { block, shows_otherwise } = input;
    let of_block = |what, text: String| Wrong { what, transaction: None, tx_id: None, text };
    let of_transaction = |what, index: usize, text: String| {
        let tx_id = block.transactions.get(index).map(|tx| tx.id);
        Wrong { what, transaction: Some(index), tx_id, text }
    };
    let mut wrong = Vec::new();
    wrong.extend(verify::wrong_ids(block).map(|(index, claimed)| {
        let text =
            format!("transaction {index} is given the id {claimed}, which is not the hash of its bytes");
        of_transaction(Falsehood::TxId, index, text)
    }));
    wrong.extend(shows_otherwise.iter().map(|index| {
        let text = format!("transaction {index} is shown with other contents than its bytes have");
        of_transaction(Falsehood::Shown, *index, text)
    }));
    if verified.merkle_root == Some(false) {
        let count = block.transactions.len();
        let ids_hold =
            verified.tx_ids == Some(true) && block.transactions.iter().all(|tx| tx.claimed_id.is_some());
        let text = if ids_hold {
            format!(
                "the Merkle root is not that of these {count} transactions: every id is right, so a signature, a result, \
                 their number or their order is not"
            )
        } else {
            format!("the Merkle root is not that of these {count} transactions")
        };
        wrong.push(of_block(Falsehood::MerkleRoot, text));
    }
    if let (Some(false), Some(claimed)) = (verified.block_id, block.header.claimed_id) {
        wrong.push(of_block(Falsehood::BlockId, format!("the id {claimed} is not that of this header")));
    }
    if verified.witness == Some(false) {
        let text = verify::signer(&block.header).map_or_else(
            || "the signature is nobody's".to_owned(),
            |signer| {
                format!(
                    "the header is signed by {signer}, and not by a known key of {}",
                    block.header.witness
                )
            },
        );
        wrong.push(of_block(Falsehood::Witness, text));
    }
    if let (Some(false), Some(previous)) = (verified.parent, previous) {
        let text =
            format!("the block before it is {previous}, and it names {} as its parent", block.header.parent);
        wrong.push(of_block(Falsehood::Parent, text));
    }
    wrong
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
