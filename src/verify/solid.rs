//! Books and chain at solid blocks that both have: what is lent in all and to each receiver, and what is on
//! our accounts against what was there when it was last compared. Every figure of the chain comes with its block, and
//! the books are asked what they say of that block, so what differs differs; nothing need be asked twice.

use super::online::OnlineError;
use leyden_domain::{
    Address, BlockRef, Height,
    reconcile::{Holding, Till, Verdict, classify, classify_outgoings, classify_till},
};
use leyden_ports::{ChainReader, Store};
use std::collections::BTreeSet;

/// What was compared.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Compared {
    /// Pool accounts.
    pub(super) accounts: usize,
    /// Receivers of theirs.
    pub(super) receivers: usize,
    /// The lowest block that anything was compared at.
    pub(super) height: Option<Height>,
}

impl Compared {
    fn at(&mut self, height: Height) {
        self.height = Some(self.height.map_or(height, |lowest| lowest.min(height)));
    }
}

/// Compares all of it. `None`: the nodes speak of a block that the books do not hold, or not yet.
pub(super) async fn compare(
    store: &dyn Store,
    chain: &dyn ChainReader,
    payees: &BTreeSet<Address>,
    fee_limit: i64,
) -> Result<Option<Compared>, OnlineError> {
    let mut compared = Compared::default();
    if !lent(store, chain, &mut compared).await? {
        return Ok(None);
    }
    // Both of these begin where the last comparison ended: what that found is no less a difference.
    if let Some(open) = store.open_differences().await?.first() {
        return Err(OnlineError::Difference(format!("chain: nobody has explained or closed {}", open.left)));
    }
    if !paid_in(store, chain, payees, &mut compared).await? {
        return Ok(None);
    }
    Ok(not_taken(store, chain, payees, fee_limit, &mut compared).await?.then_some(compared))
}

async fn holds(store: &dyn Store, block: BlockRef) -> Result<bool, OnlineError> {
    Ok(store.is_canonical(block).await?)
}

/// What each pool account has lent, in all and to each receiver that either side knows.
async fn lent(
    store: &dyn Store,
    chain: &dyn ChainReader,
    compared: &mut Compared,
) -> Result<bool, OnlineError> {
    for account in store.pool_accounts().await? {
        let owner = account.address;
        let held = chain.holdings(owner).await?;
        if !holds(store, held.at.block).await? {
            return Ok(false);
        }
        compared.accounts = compared.accounts.saturating_add(1);
        compared.at(held.at.height());
        let expected = store.lent_by(account.id, owner, held.at.height()).await?;
        let receivers: BTreeSet<Address> = expected.keys().copied().chain(held.receivers).collect();
        for receiver in receivers {
            let (at, theirs) = chain.lent(owner, receiver).await?;
            if !holds(store, at.block).await? {
                return Ok(false);
            }
            let mut pair = store.pair(account.id, owner, receiver, at.height()).await?;
            pair.theirs = theirs.get();
            compared.receivers = compared.receivers.saturating_add(1);
            compared.at(at.height());
            if let Verdict::Differs(class) = classify(&pair) {
                return Err(OnlineError::Difference(format!(
                    "chain: {owner} has lent {theirs} TRX to {receiver} at block {}, and the books say {} sun: {}",
                    at.height(),
                    pair.expected(),
                    class.name()
                )));
            }
        }
        let sum = expected.values().copied().fold(0_i64, i64::saturating_add);
        if sum != held.delegated.get() {
            return Err(OnlineError::Difference(format!(
                "chain: {owner} has lent {} TRX in all at block {}, and the books say {sum} sun",
                held.delegated,
                held.at.height()
            )));
        }
    }
    Ok(true)
}

/// What is on the payment addresses: no more than what was there and what was recorded as come since. Less there may be:
/// their owner takes it away.
async fn paid_in(
    store: &dyn Store,
    chain: &dyn ChainReader,
    payees: &BTreeSet<Address>,
    compared: &mut Compared,
) -> Result<bool, OnlineError> {
    let (mut block, mut now) = (None, 0_i64);
    for address in payees {
        let held = chain.holdings(*address).await?;
        let is_same = block.is_none_or(|block| block == held.at.block);
        if !is_same || !holds(store, held.at.block).await? {
            return Ok(false);
        }
        block = Some(held.at.block);
        now = now.saturating_add(held.balance.get());
    }
    let (Some(block), Some((since, before))) = (block, store.last_till().await?) else { return Ok(true) };
    let to = block.height();
    if since > to {
        return Ok(true);
    }
    compared.at(to);
    let flow = store.till_between(payees, since, to).await?;
    let till = Till { before, now, came: flow.came.get(), left: flow.left.get() };
    let expected = till.most();
    match classify_till(&till) {
        Verdict::Differs(_) if now > expected => Err(OnlineError::Difference(format!(
            "chain: {now} sun are on the payment addresses at block {to}, and the books know of {expected}"
        ))),
        _ => Ok(true),
    }
}

/// What is on the accounts of the pool and those that refunds are paid from: no less than what was there and did not leave
/// by recorded blocks since.
async fn not_taken(
    store: &dyn Store,
    chain: &dyn ChainReader,
    payees: &BTreeSet<Address>,
    fee_limit: i64,
    compared: &mut Compared,
) -> Result<bool, OnlineError> {
    let Some(last) = store.last_reconciliation().await? else { return Ok(true) };
    let known = last.pool_accounts.into_iter().chain(last.refund_accounts);
    for Holding { address, height: since, balance: before } in known {
        let held = chain.holdings(address).await?;
        if !holds(store, held.at.block).await? {
            return Ok(false);
        }
        let (to, now) = (held.at.height(), held.balance.get());
        if payees.contains(&address) || since > to {
            continue;
        }
        compared.at(to);
        let floor = store.left_between(address, since, to).await?.least(before, fee_limit);
        if classify_outgoings(floor, now) != Verdict::Agrees {
            return Err(OnlineError::Difference(format!(
                "chain: {now} sun are on {address} at block {to}, and at least {floor} should be"
            )));
        }
    }
    Ok(true)
}
