//! The chain's word on it. What our pool accounts have delegated, in all and to each receiver of ours, must be what the books
//! say is delivered and not taken back: at solid blocks that both have, where the books are kept up (`solid`). Books that
//! end before are laid beside the nodes' newest block; what differs is asked about again, and what goes on differing while
//! nothing moves is a difference.

use super::solid;
use leyden_domain::{
    Address, Asset, Height, Sun,
    book::Book,
    operation::{Operation, OperationKind, OperationState},
};
use leyden_ports::{ChainError, ChainReader, Store, StoreError};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

/// How often something that differs is asked about.
const ROUNDS: u32 = 4;
/// Books that end so many blocks before the nodes' solid one are not being kept up.
const CATCHES_UP: i64 = 20;
/// How long between two of them: what is under way is in a block then.
const PAUSE: Duration = Duration::from_secs(4);

/// What the chain shows.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Online {
    /// Pool accounts.
    pub(super) accounts: usize,
    /// Pairs of a pool account and a receiver that have a delegation of ours.
    pub(super) receivers: usize,
    /// The lowest solid block that was compared; where the books end before, their newest one.
    pub(super) height: Option<i64>,
    /// What is on the payment addresses. Owners take money away, so this is shown and not judged.
    pub(super) payment_addresses: Vec<Held>,
}

/// What is on a payment address.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Held {
    pub(super) address: String,
    pub(super) balance_trx: String,
    /// The sum of all TRX payments to it whose blocks are on the chain.
    pub(super) credited_trx: String,
}

/// Why the chain could not be called in agreement.
#[derive(Debug)]
pub(super) enum OnlineError {
    /// It is not.
    Difference(String),
    /// The books could not be read.
    Store(StoreError),
    /// No node answered.
    Chain(ChainError),
}

impl From<StoreError> for OnlineError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ChainError> for OnlineError {
    fn from(error: ChainError) -> Self {
        Self::Chain(error)
    }
}

/// How much may be delegated now as far as the books know. The two differ while a transaction is signed and not yet seen in
/// a block: it may be there or not.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Range {
    least: i64,
    most: i64,
}

impl Range {
    /// Counts an operation in.
    fn add(&mut self, operation: &Operation) {
        let balance = operation.balance.get();
        let (certain, possible) = match operation.state {
            OperationState::Included | OperationState::Solid => (balance, balance),
            OperationState::Signed => (0, balance),
            OperationState::Intended | OperationState::Failed | OperationState::Cancelled => (0, 0),
        };
        match operation.kind {
            OperationKind::Delegate { .. } => {
                self.least = self.least.saturating_add(certain);
                self.most = self.most.saturating_add(possible);
            }
            OperationKind::Undelegate { .. } => {
                self.least = self.least.saturating_sub(possible);
                self.most = self.most.saturating_sub(certain);
            }
            OperationKind::Retake { .. } | OperationKind::Refund { .. } => {}
        }
    }

    const fn contains(self, found: Sun) -> bool {
        self.least <= found.get() && found.get() <= self.most
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Sun::new(self.least))?;
        if self.least == self.most { Ok(()) } else { write!(f, " to {}", Sun::new(self.most)) }
    }
}

/// What is delegated now as far as the books know: by pool account and receiver, where there may be anything.
fn delegated(book: &Book) -> BTreeMap<(Address, Address), Range> {
    let mut live: BTreeMap<_, Range> = BTreeMap::new();
    for operation in &book.operations {
        if !matches!(operation.kind, OperationKind::Refund { .. }) {
            live.entry((operation.owner, operation.receiver)).or_default().add(operation);
        }
    }
    // Whatever else is with a receiver of old shows in the account's sum.
    live.retain(|_, range| range.most != 0);
    live
}

/// Compares chain and books.
pub(super) async fn compare(
    store: &dyn Store,
    chain: &dyn ChainReader,
    payees: &BTreeSet<Address>,
    fee_limit: i64,
) -> Result<Online, OnlineError> {
    for round in 0..ROUNDS {
        let read = store.chain_position().await?.map(|position| position.view.head.height().get());
        let behind = chain.solid().await?.height().get().saturating_sub(read.unwrap_or(0));
        if read.is_none() || behind > CATCHES_UP {
            break;
        }
        if round > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        if let Some(done) = solid::compare(store, chain, payees, fee_limit).await? {
            let book = store.book().await?;
            let shown = shown(&book, &BTreeMap::new(), chain, payees).await?;
            return Ok(Online {
                accounts: done.accounts,
                receivers: done.receivers,
                height: done.height.map(Height::get),
                ..shown
            });
        }
    }
    compare_newest(store, chain, payees).await
}

/// Compares what is delegated now with what the books say. What differs is asked about again, and counts only if it stays
/// the same to the sun.
async fn compare_newest(
    store: &dyn Store,
    chain: &dyn ChainReader,
    payees: &BTreeSet<Address>,
) -> Result<Online, OnlineError> {
    let mut lasting: Option<BTreeSet<String>> = None;
    for round in 0..ROUNDS {
        if round > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let book = store.book().await?;
        let expected = delegated(&book);
        let found = differences(&book, &expected, chain).await?;
        let still = match lasting {
            None => found,
            Some(before) => before.intersection(&found).cloned().collect(),
        };
        if still.is_empty() {
            return shown(&book, &expected, chain, payees).await;
        }
        lasting = Some(still);
    }
    let first = lasting.and_then(|lasting| lasting.into_iter().next());
    Err(OnlineError::Difference(first.unwrap_or_default()))
}

/// The accounts and receivers for which chain and books differ.
async fn differences(
    book: &Book,
    expected: &BTreeMap<(Address, Address), Range>,
    chain: &dyn ChainReader,
) -> Result<BTreeSet<String>, ChainError> {
    let mut found = BTreeSet::new();
    for ((owner, receiver), ours) in expected {
        let theirs = chain.delegated(*owner, *receiver).await?;
        if !ours.contains(theirs) {
            found.insert(format!(
                "chain: {owner} has delegated {theirs} TRX to {receiver}, and the books say {ours} TRX"
            ));
        }
    }
    for account in &book.accounts {
        let mut ours = Range::default();
        let of_account = book.operations.iter().filter(|operation| operation.owner == account.address);
        of_account.for_each(|operation| ours.add(operation));
        let theirs = chain.pool_account(account.address).await?.delegated;
        if !ours.contains(theirs) {
            found.insert(format!(
                "chain: {} has delegated {theirs} TRX in all, and the books know of {ours} TRX",
                account.address
            ));
        }
    }
    Ok(found)
}

async fn shown(
    book: &Book,
    expected: &BTreeMap<(Address, Address), Range>,
    chain: &dyn ChainReader,
    payees: &BTreeSet<Address>,
) -> Result<Online, OnlineError> {
    let mut payment_addresses = Vec::with_capacity(payees.len());
    for address in payees {
        let balance = chain.account(*address).await?.map_or(Sun::ZERO, |account| account.balance);
        let credited = book
            .payments
            .iter()
            .filter(|payment| {
                payment.asset == Asset::Trx && payment.to == *address && payment.block.is_some()
            })
            .fold(0_i64, |sum, payment| sum.saturating_add(payment.amount));
        payment_addresses.push(Held {
            address: address.to_string(),
            balance_trx: balance.to_string(),
            credited_trx: Sun::new(credited).to_string(),
        });
    }
    Ok(Online {
        accounts: book.accounts.len(),
        receivers: expected.len(),
        height: book.blocks.last().map(|(head, _)| head.height().get()),
        payment_addresses,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use leyden_domain::{
        AccountId, Energy, OperationId, OrderId, ReservationId, Timestamp, operation::OperationState as S,
    };

    const AT: Timestamp = Timestamp::from_ms(1);

    fn operation(n: u8, state: S, ends: Option<u8>) -> Operation {
        let address: Address = "TMuA6YqfCeX8EhbfYEg5y7S4DqzSJireY9".parse().unwrap();
        let id = |n| OperationId::new(AT, [n; 10]);
        let kind = match ends {
            None => OperationKind::Delegate { reservation: ReservationId::new(AT, [n; 10]), lock: None },
            Some(delegation) => OperationKind::Undelegate { delegation: id(delegation) },
        };
        Operation {
            id: id(n),
            order: Some(OrderId::standard(AT, [n; 10])),
            account: AccountId::new(AT, [0; 10]),
            owner: address,
            receiver: address,
            balance: Sun::new(10),
            energy: Energy::new(1),
            kind,
            state,
            attempts: 1,
            delivery: None,
            failure: None,
            version: 1,
            created_at: AT,
        }
    }

    #[test]
    fn what_is_under_way_may_be_there_or_not() {
        let range = |operations: &[Operation]| {
            let book = Book { operations: operations.to_vec(), ..Book::default() };
            delegated(&book).into_values().next().map(|range| (range.least, range.most))
        };
        assert_eq!(range(&[]), None);
        assert_eq!(range(&[operation(1, S::Intended, None)]), None);
        assert_eq!(range(&[operation(1, S::Failed, None)]), None);
        assert_eq!(range(&[operation(1, S::Signed, None)]), Some((0, 10)));
        let there = operation(1, S::Included, None);
        assert_eq!(range(std::slice::from_ref(&there)), Some((10, 10)));
        assert_eq!(range(&[there.clone(), operation(2, S::Signed, Some(1))]), Some((0, 10)));
        assert_eq!(range(&[there.clone(), operation(2, S::Solid, Some(1))]), None);
        let both = [there, operation(2, S::Intended, Some(1)), operation(3, S::Solid, None)];
        assert_eq!(range(&both), Some((20, 20)));
        let range = Range { least: 10, most: 20 };
        assert!(range.contains(Sun::new(10)) && range.contains(Sun::new(20)));
        assert!(!range.contains(Sun::new(9)) && !range.contains(Sun::new(21)));
    }
}
