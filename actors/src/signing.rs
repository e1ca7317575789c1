//! What is signed for an operation. Used by the agents, and when a payment is served in the commit of its block.

use crate::{settings::RefundSettings, shared::Shared};
use leyden_domain::planted::{Fault, planted};
use leyden_domain::{
    AccountId, Asset, BlockRef, Span, Timestamp, UsdtMicro,
    chain::{ChainAction, Resource, SignedTransaction, TransactionIntent},
    operation::{Attempt, Operation, OperationKind},
};
use leyden_ports::store::AttemptCommit;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// The newest timestamp that each account has signed with: each transaction gets its own millisecond, so that equal
/// intents differ.
#[derive(Debug, Default)]
pub(crate) struct Milliseconds(Mutex<BTreeMap<AccountId, Timestamp>>);

impl Milliseconds {
    /// Not before `wanted`, and never the same twice.
    fn own(&self, account: AccountId, wanted: Timestamp) -> Timestamp {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = newest.entry(account).or_default();
        *newest = wanted.max(newest.plus(Span::from_ms(1)));
        *newest
    }
}

impl Shared {
    /// The transaction to be signed for an operation. Its timestamp is the wall clock's millisecond, but wherever the
    /// wall clock stands well before the expiration: the chain only asks that it differ.
    pub(crate) fn intent_of(
        &self,
        operation: &Operation,
        permission_id: Option<u8>,
        reference: BlockRef,
        expiration: Timestamp,
    ) -> TransactionIntent {
        let half_a_life = Span::from_ms(self.settings.operations.lifetime.ms().max(2) / 2);
        let wanted = self.ports.clock.now().min(expiration.minus(half_a_life));
        let timestamp = self.milliseconds.own(operation.account, wanted);
        TransactionIntent {
            action: action_of(operation, &self.settings.refunds),
            permission_id,
            reference,
            timestamp,
            expiration,
        }
    }

    /// A signed transaction as it is stored before anybody sees it.
    pub(crate) fn attempt_of(&self, operation: &Operation, transaction: &SignedTransaction) -> AttemptCommit {
        AttemptCommit {
            operation_version: operation.version,
            attempt: Attempt {
                tx_id: transaction.tx_id,
                operation: operation.id,
                number: operation.attempts.saturating_add(1),
                bytes: transaction.bytes.clone(),
                reference: transaction.reference,
                expiration: transaction.expiration,
                signed_at: self.ports.clock.now(),
                refusal: None,
                dead: false,
            },
        }
    }
}

/// What an operation asks of the chain.
fn action_of(operation: &Operation, refunds: &RefundSettings) -> ChainAction {
    let Operation { owner, receiver, balance, .. } = *operation;
    match operation.kind {
        OperationKind::Delegate { lock, .. } => {
            ChainAction::Delegate { owner, receiver, resource: Resource::Energy, balance, lock }
        }
        OperationKind::Undelegate { .. } => {
            let balance =
                if planted(Fault::MergedReclaim) { balance.times(2).unwrap_or(balance) } else { balance };
            ChainAction::Undelegate { owner, receiver, resource: Resource::Energy, balance }
        }
        OperationKind::Retake { .. } => {
            ChainAction::Undelegate { owner, receiver, resource: Resource::Energy, balance }
        }
        OperationKind::Refund { asset: Asset::Trx, .. } => {
            ChainAction::Transfer { owner, to: receiver, amount: balance }
        }
        OperationKind::Refund { asset: Asset::Usdt, .. } => ChainAction::TransferToken {
            owner,
            contract: refunds.usdt_contract,
            to: receiver,
            amount: UsdtMicro::new(balance.get()),
            fee_limit: refunds.fee_limit,
        },
    }
}
