//! The chain's word on it. What our pool accounts have delegated, in all and to each receiver of ours, must be what the books
//! say is delivered and not taken back. Nodes answer for their newest block and the books for another, so what differs is
//! asked about again; what goes on differing while nothing moves is a difference.

use leyden_domain::{
    Address, Asset, Sun,
    book::Book,
    operation::{Operation, OperationKind, OperationState},
};
use leyden_ports::{ChainError, ChainReader, Store, StoreError};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How often something that differs is asked about.
const ROUNDS: u32 = 5;
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
    /// The newest block of the books while the chain was asked.
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

/// Whether an operation's effect is on the chain.
const fn is_done(operation: &Operation) -> bool {
    matches!(operation.state, OperationState::Included | OperationState::Solid)
}

/// What is delegated now as far as the books know: by pool account and receiver.
fn delegated(book: &Book) -> BTreeMap<(Address, Address), Sun> {
    let ended: BTreeSet<_> = book
        .operations
        .iter()
        .filter(|operation| is_done(operation))
        .filter_map(|operation| match operation.kind {
            OperationKind::Undelegate { delegation } => Some(delegation),
            OperationKind::Delegate { .. } | OperationKind::Refund { .. } => None,
        })
        .collect();
    let mut live = BTreeMap::new();
    let delegations = book.operations.iter().filter(|operation| {
        matches!(operation.kind, OperationKind::Delegate { .. })
            && is_done(operation)
            && !ended.contains(&operation.id)
    });
    for operation in delegations {
        let sum: &mut Sun = live.entry((operation.owner, operation.receiver)).or_insert(Sun::ZERO);
        *sum = Sun::new(sum.get().saturating_add(operation.balance.get()));
    }
    live
}

/// Compares what is delegated with what the books say.
pub(super) async fn compare(
    store: &dyn Store,
    chain: &dyn ChainReader,
    payees: &BTreeSet<Address>,
) -> Result<Online, OnlineError> {
    let mut last = String::new();
    for round in 0..ROUNDS {
        if round > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let book = store.book().await?;
        let expected = delegated(&book);
        match first_difference(&book, &expected, chain).await? {
            Some(difference) => last = difference,
            None => return shown(&book, &expected, chain, payees).await,
        }
    }
    Err(OnlineError::Difference(last))
}

/// The first account or receiver for which chain and books differ.
async fn first_difference(
    book: &Book,
    expected: &BTreeMap<(Address, Address), Sun>,
    chain: &dyn ChainReader,
) -> Result<Option<String>, ChainError> {
    for ((owner, receiver), ours) in expected {
        let theirs = chain.delegated(*owner, *receiver).await?;
        if theirs != *ours {
            return Ok(Some(format!(
                "chain: {owner} has delegated {theirs} TRX to {receiver}, and the books say {ours} TRX"
            )));
        }
    }
    for account in &book.accounts {
        let ours: i64 = expected
            .iter()
            .filter(|((owner, _), _)| *owner == account.address)
            .map(|(_, sum)| sum.get())
            .fold(0, i64::saturating_add);
        let theirs = chain.pool_account(account.address).await?.delegated;
        if theirs != Sun::new(ours) {
            return Ok(Some(format!(
                "chain: {} has delegated {theirs} TRX in all, and the books know of {} TRX",
                account.address,
                Sun::new(ours)
            )));
        }
    }
    Ok(None)
}

async fn shown(
    book: &Book,
    expected: &BTreeMap<(Address, Address), Sun>,
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
