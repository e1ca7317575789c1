//! A block of this chain in domain terms, as a reader that checked everything would hand it on.

use crate::{
    block::{Included, StoredBlock},
    exec::stakeable,
    tx::{Action, SignedTx},
};
use leyden_domain::{
    Address, Asset, BlockId, Sun, Timestamp,
    chain::{
        Block, ContractKind, Evidence, Lock, Resource, ResourceAction, ResourceEvent, TokenCall,
        TransactionReport, Transfer,
    },
};
use leyden_tron::{
    decode::{self, Whereabouts},
    wire::proto::{ContractResult, Log, TransactionInfoList},
};
use prost::Message as _;
use std::collections::BTreeMap;

/// The block with its transfers and its changes of stake. `usdt` is the token whose logs count.
pub fn block(stored: &StoredBlock, usdt: Address) -> Block {
    let mut transactions: BTreeMap<ContractKind, u32> = BTreeMap::new();
    let mut transfers = Vec::new();
    let mut resource_events = Vec::new();
    let mut token_calls = Vec::new();
    for one in &stored.transactions {
        *transactions.entry(ContractKind::from_number(one.tx.contract_type)).or_default() += 1;
        let succeeded = one.result.contract_ret == i32::from(ContractResult::Success);
        token_calls.extend(token_call(one, usdt, succeeded));
        if !succeeded {
            continue;
        }
        transfers.extend(transfers_of(one, usdt));
        resource_events.extend(action_of(&one.tx.action).map(|action| ResourceEvent {
            tx_id: one.tx.id,
            owner: one.tx.owner,
            action,
        }));
    }
    Block {
        id: stored.id,
        parent: BlockId::from_slice(&stored.raw.parent_hash).unwrap_or(BlockId::new([0; 32])),
        timestamp: Timestamp::from_ms(stored.timestamp()),
        // The first block has none.
        witness: Address::from_bytes(&stored.raw.witness_address).unwrap_or(Address::from_evm([0; 20])),
        transactions,
        transfers,
        resource_events,
        token_calls,
    }
}

/// A transaction as a reader that looks it up by its id would hand it on; `None` for one that cannot be read.
pub fn report(one: &Included, usdt: Address) -> Option<TransactionReport> {
    let facts = decode::transaction_from_protobuf(&one.bytes()).ok()?;
    let list = TransactionInfoList { transaction_info: vec![one.info.clone()] };
    let receipts = decode::receipts_from_protobuf(&list.encode_to_vec()).ok()?;
    Some(decode::report(&facts, Whereabouts::InBlock(receipts.first()?), usdt))
}

/// The same of one that waits for a block.
pub fn report_waiting(tx: &SignedTx, usdt: Address) -> Option<TransactionReport> {
    let facts = decode::transaction_from_protobuf(&tx.encode(None)).ok()?;
    let expires_at = Some(Timestamp::from_ms(tx.raw.expiration));
    Some(decode::report(&facts, Whereabouts::Waiting(expires_at), usdt))
}

/// The call of the token that a transaction is, where it asks for a transfer of the caller's own tokens.
fn token_call(one: &Included, usdt: Address, succeeded: bool) -> Option<TokenCall> {
    let Action::Trigger(message) = &one.tx.action else { return None };
    if message.contract_address != usdt.to_bytes() {
        return None;
    }
    let asked = leyden_tron::abi::decode_token_call(&message.data).filter(|asked| asked.from.is_none())?;
    let (to, amount) = (asked.to, asked.amount?);
    Some(TokenCall { tx_id: one.tx.id, owner: one.tx.owner, to, amount, succeeded })
}

/// The transfers of one successful transaction.
fn transfers_of(one: &Included, usdt: Address) -> Vec<Transfer> {
    let tx_id = one.tx.id;
    let mut found = Vec::new();
    if let Action::Transfer(message) = &one.tx.action
        && let Ok(to) = Address::from_bytes(&message.to_address)
    {
        found.push(Transfer {
            tx_id,
            index: 0,
            asset: Asset::Trx,
            from: one.tx.owner,
            to,
            amount: message.amount,
            evidence: Evidence::Contract,
        });
    }
    for (index, log) in (0..).zip(&one.info.log) {
        if let Some((from, to, amount)) = token_transfer(log, usdt) {
            found.push(Transfer {
                tx_id,
                index,
                asset: Asset::Usdt,
                from,
                to,
                amount,
                evidence: Evidence::Log,
            });
        }
    }
    for (n, internal) in (0..).zip(&one.info.internal_transactions) {
        let value = internal.call_value_info.iter().find(|value| value.token_id.is_empty());
        if let (false, Some(value), Ok(from), Ok(to)) = (
            internal.rejected,
            value.filter(|value| value.call_value > 0),
            Address::from_bytes(&internal.caller_address),
            Address::from_bytes(&internal.transfer_to_address),
        ) {
            found.push(Transfer {
                tx_id,
                index: Transfer::INTERNAL_INDEX + n,
                asset: Asset::Trx,
                from,
                to,
                amount: value.call_value,
                evidence: Evidence::Internal,
            });
        }
    }
    found
}

/// The token's `Transfer` log: from, to, amount.
fn token_transfer(log: &Log, usdt: Address) -> Option<(Address, Address, i64)> {
    let [event, from, to] = log.topics.as_slice() else { return None };
    if log.address != usdt.evm() || *event != crate::abi::topic("Transfer(address,address,uint256)") {
        return None;
    }
    let address = |word: &[u8]| word.last_chunk::<20>().copied().map(Address::from_evm);
    let amount = crate::abi::amount_argument(&log.data, 0)?;
    Some((address(from)?, address(to)?, amount))
}

/// The change of stake that a transaction asks for.
fn action_of(action: &Action) -> Option<ResourceAction> {
    let resource = |code| stakeable(code).unwrap_or(Resource::TronPower);
    Some(match action {
        Action::Freeze(m) => {
            ResourceAction::Stake { resource: resource(m.resource), balance: Sun::new(m.frozen_balance) }
        }
        Action::Unfreeze(m) => {
            ResourceAction::Unstake { resource: resource(m.resource), balance: Sun::new(m.unfreeze_balance) }
        }
        Action::Withdraw(_) => ResourceAction::Withdraw,
        Action::CancelUnfreeze(_) => ResourceAction::CancelUnstake,
        Action::Delegate(m) => ResourceAction::Delegate {
            receiver: Address::from_bytes(&m.receiver_address).ok()?,
            resource: resource(m.resource),
            balance: Sun::new(m.balance),
            lock: m.lock.then_some(Lock { period_blocks: m.lock_period }),
        },
        Action::Undelegate(m) => ResourceAction::Undelegate {
            receiver: Address::from_bytes(&m.receiver_address).ok()?,
            resource: resource(m.resource),
            balance: Sun::new(m.balance),
        },
        Action::Create(_) | Action::Transfer(_) | Action::Trigger(_) | Action::Permissions(_) => return None,
    })
}
