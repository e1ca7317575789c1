//! What the refund account's key may sign: a transfer that a refund in the books is exactly for, once, as long as the spend
//! guard, asked once more, agrees. Whatever an actor asks for, nothing else leaves.

use async_trait::async_trait;
use leyden_domain::{
    Address, Asset, OperationId, Span, Sun, Timestamp,
    chain::{ChainAction, TransactionIntent},
    refund::SpendGuard,
};
use leyden_ports::{
    SignError, Store, Warrants,
    store::{Transfer, Warrant, WarrantError},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Warrants by the books.
#[derive(Debug)]
pub struct RefundWarrants {
    store: Arc<dyn Store>,
    limits: Limits,
    given: Given,
}

/// What bounds every warrant.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How much may leave.
    pub guard: SpendGuard,
    /// The only token that is sent.
    pub usdt_contract: Address,
    /// Most TRX that may be burnt for one transfer of it.
    pub fee_limit: Sun,
    /// How long a transaction may live, counted from the newest block in the books.
    pub lifetime: Span,
}

/// Blocks that the caller has read and the books have not shown yet: a block's time and a little more.
const AHEAD: Span = Span::from_secs(30);

/// Most operations whose warrants are remembered at once. Far more than are ever intended and not signed; those that are
/// dead are forgotten first.
const REMEMBERED: usize = 10_000;

/// What was let through for the newest attempt at each operation. Signed bytes that are not in the books yet may be
/// anywhere: until they are, or are provably dead, no others are made.
#[derive(Debug, Default)]
struct Given(Mutex<BTreeMap<OperationId, Pass>>);

/// One that was let through.
#[derive(Debug)]
struct Pass {
    attempts: u32,
    intent: TransactionIntent,
}

impl Pass {
    /// Whether no block can hold it any more, whoever has it.
    fn is_dead(&self, now: Timestamp) -> bool {
        now > self.intent.expiration
    }
}

impl Given {
    /// Uses a warrant up.
    fn give(&self, warrant: &Warrant, intent: &TransactionIntent, lifetime: Span) -> Result<(), SignError> {
        let refused = |why: &str| Err(SignError::Refused(why.to_owned()));
        if warrant.permission_id != intent.permission_id {
            return refused("the account's row names another permission");
        }
        if intent.expiration > warrant.now.plus(lifetime).plus(AHEAD) {
            return refused("it would live too long");
        }
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = given.get(&warrant.operation) {
            // The same bytes again are no second transaction.
            let is_the_same = before.intent == *intent;
            let is_recorded = before.attempts < warrant.attempts;
            if !is_the_same && !is_recorded && !before.is_dead(warrant.now) {
                return Err(SignError::Unavailable(
                    "another transaction was signed for this and may be alive".to_owned(),
                ));
            }
        }
        if given.len() >= REMEMBERED {
            given.retain(|_, pass| !pass.is_dead(warrant.now));
        }
        given.insert(warrant.operation, Pass { attempts: warrant.attempts, intent: intent.clone() });
        Ok(())
    }
}

impl RefundWarrants {
    /// Warrants by these books.
    pub fn new(store: Arc<dyn Store>, limits: Limits) -> Self {
        Self { store, limits, given: Given::default() }
    }

    /// The transfer that an action is; `None` for any other action.
    fn transfer(&self, action: &ChainAction) -> Option<Transfer> {
        match action {
            ChainAction::Transfer { owner, to, amount } => {
                Some(Transfer { asset: Asset::Trx, from: *owner, to: *to, amount: amount.get() })
            }
            ChainAction::TransferToken { owner, contract, to, amount, fee_limit }
                if *contract == self.limits.usdt_contract && *fee_limit <= self.limits.fee_limit =>
            {
                Some(Transfer { asset: Asset::Usdt, from: *owner, to: *to, amount: amount.get() })
            }
            _ => None,
        }
    }
}

#[async_trait]
impl Warrants for RefundWarrants {
    async fn may_sign(&self, intent: &TransactionIntent) -> Result<(), SignError> {
        let transfer = self
            .transfer(&intent.action)
            .ok_or_else(|| SignError::Refused("this is no refund".to_owned()))?;
        match self.store.warrant(transfer, self.limits.guard).await {
            Ok(warrant) => self.given.give(&warrant, intent, self.limits.lifetime),
            // What another generation of the asker has signed meanwhile speaks against no key: the next look sees it.
            Err(error @ (WarrantError::Store(_) | WarrantError::Halted(_) | WarrantError::Signed)) => {
                Err(SignError::Unavailable(error.to_string()))
            }
            Err(WarrantError::Guard(trip)) => Err(SignError::Guarded(trip)),
            Err(error @ WarrantError::None) => Err(SignError::Refused(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leyden_domain::{BlockId, BlockRef};

    const LIFETIME: Span = Span::from_secs(60);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_ms(1_000_000).plus(Span::from_secs(secs))
    }

    fn warrant(attempts: u32, now: Timestamp) -> Warrant {
        let operation = OperationId::new(at(0), [1; 10]);
        Warrant { operation, attempts, permission_id: Some(2), now }
    }

    fn intent(reference: u8, expiration: Timestamp) -> TransactionIntent {
        let (owner, to) = (Address::from_evm([1; 20]), Address::from_evm([2; 20]));
        TransactionIntent {
            action: ChainAction::Transfer { owner, to, amount: Sun::TRX },
            permission_id: Some(2),
            reference: BlockRef::new(BlockId::new([reference; 32])),
            timestamp: at(0),
            expiration,
        }
    }

    #[test]
    fn one_transaction_for_one_attempt() {
        let given = Given::default();
        let first = intent(1, at(60));
        assert_eq!(given.give(&warrant(0, at(0)), &first, LIFETIME), Ok(()));
        assert_eq!(given.give(&warrant(0, at(1)), &first, LIFETIME), Ok(()), "the same bytes");
        let other = intent(2, at(61));
        let refused = given.give(&warrant(0, at(1)), &other, LIFETIME);
        assert!(matches!(refused, Err(SignError::Unavailable(_))), "{refused:?}");
        // Dead by the chain's clock, or recorded and dead by the books'.
        assert_eq!(given.give(&warrant(0, at(61)), &other, LIFETIME), Ok(()));
        assert_eq!(given.give(&warrant(1, at(62)), &intent(3, at(100)), LIFETIME), Ok(()));
    }

    #[test]
    fn no_long_life_and_no_other_permission() {
        let given = Given::default();
        let long = given.give(&warrant(0, at(0)), &intent(1, at(91)), LIFETIME);
        assert!(matches!(long, Err(SignError::Refused(_))), "{long:?}");
        let owner = TransactionIntent { permission_id: None, ..intent(1, at(60)) };
        let refused = given.give(&warrant(0, at(0)), &owner, LIFETIME);
        assert!(matches!(refused, Err(SignError::Refused(_))), "{refused:?}");
        assert_eq!(given.give(&warrant(0, at(0)), &intent(1, at(60)), LIFETIME), Ok(()));
    }
}
