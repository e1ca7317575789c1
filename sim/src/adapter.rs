//! The chain ports straight onto the state machine: no sockets, no JSON, so a whole service can run against it in
//! one thread and in virtual time.

use crate::{
    chain::Chain,
    faults::{ReadFault, refusal_code},
    node::{OfferError, SimNode},
    tx::Action,
    view,
    world::View,
};
use async_trait::async_trait;
use leyden_domain::{
    Address, Bandwidth, Energy, EnergyRatio, Height, Span, Sun, TxId,
    chain::{Block, BroadcastAnswer, Head, Resource, SignedTransaction},
};
use leyden_ports::{AccountInfo, ChainError, ChainReader, ChainWriter, PoolChainState, Sighting};
use leyden_tron::wire::proto::ResponseCode;
use std::sync::MutexGuard;

/// What the node shows of the chain: a stale node ends earlier.
struct Shown<'a> {
    chain: MutexGuard<'a, Chain>,
    stale_by: i64,
    without_receipts: bool,
    lies: bool,
}

impl SimNode {
    /// Uses up a fault of a question, or lets it be answered.
    fn ask(&self) -> Result<Shown<'_>, ChainError> {
        let mut faults = self.faults();
        match faults.reads.pop_front() {
            Some(ReadFault::Unavailable) => Err(ChainError::Unavailable("simulated".to_owned())),
            Some(ReadFault::RateLimited { seconds }) => {
                Err(ChainError::RateLimited { retry_after: Some(Span::from_secs(seconds.into())) })
            }
            None => Ok(Shown {
                chain: self.chain(),
                stale_by: faults.stale_by.into(),
                without_receipts: faults.without_receipts,
                lies: faults.lie_about_amounts != 0,
            }),
        }
    }
}

impl Shown<'_> {
    /// The number of the newest block that is shown.
    fn head(&self) -> i64 {
        (self.chain.head().number() - self.stale_by).max(0)
    }

    /// The number of the newest solid block that is shown.
    fn solid(&self) -> i64 {
        (self.head() - i64::from(self.chain.config().solid_depth)).max(0)
    }

    /// A block's place and time.
    fn place(&self, number: i64) -> Head {
        self.chain.block(number).unwrap_or_else(|| self.chain.head()).head()
    }

    /// A block, or why it cannot be shown.
    fn block(&self, number: i64) -> Result<Option<Block>, ChainError> {
        if number > self.head() {
            return Ok(None);
        }
        let Some(stored) = self.chain.block(number) else { return Ok(None) };
        let has = |wanted: fn(&Action) -> bool| stored.transactions.iter().any(|one| wanted(&one.tx.action));
        if self.lies && has(|action| matches!(action, Action::Transfer(_))) {
            return Err(ChainError::Unverified("a transaction is not what its id says".to_owned()));
        }
        if self.without_receipts && has(|action| matches!(action, Action::Trigger(_))) {
            return Err(ChainError::Malformed("receipts are missing".to_owned()));
        }
        Ok(Some(view::block(stored, self.chain.config().usdt)))
    }
}

#[async_trait]
impl ChainReader for SimNode {
    async fn head(&self) -> Result<Head, ChainError> {
        let shown = self.ask()?;
        Ok(shown.place(shown.head()))
    }

    async fn solid(&self) -> Result<Head, ChainError> {
        let shown = self.ask()?;
        Ok(shown.place(shown.solid()))
    }

    async fn block(&self, height: Height) -> Result<Option<Block>, ChainError> {
        self.ask()?.block(height.get())
    }

    async fn blocks(&self, from: Height, count: u32) -> Result<Vec<Block>, ChainError> {
        let shown = self.ask()?;
        let mut found = Vec::new();
        for n in 0..i64::from(count) {
            match shown.block(from.offset(n).get())? {
                Some(block) => found.push(block),
                None => break,
            }
        }
        Ok(found)
    }

    async fn account(&self, address: Address) -> Result<Option<AccountInfo>, ChainError> {
        let shown = self.ask()?;
        Ok(shown.chain.account(View::Pending, &address).map(|account| AccountInfo {
            balance: Sun::new(account.balance),
            is_contract: account.is_contract,
        }))
    }

    async fn pool_account(&self, address: Address) -> Result<PoolChainState, ChainError> {
        let shown = self.ask()?;
        let chain = &shown.chain;
        let resources = chain.resources(View::Pending, &address);
        let account = chain.account(View::Pending, &address);
        let bandwidth = (resources.net_limit - resources.net_used).max(0)
            + (resources.free_limit - resources.free_used).max(0);
        Ok(PoolChainState {
            observed_at: Height::new(shown.head()),
            staked: Sun::new(account.map_or(0, |account| account.energy.owned())),
            delegated: Sun::new(account.map_or(0, |account| account.energy.delegated)),
            delegatable: Sun::new(chain.delegatable(View::Pending, &address, Resource::Energy)),
            balance: Sun::new(account.map_or(0, |account| account.balance)),
            bandwidth: Bandwidth::new(bandwidth),
            recovering: Energy::new(resources.energy_used),
            ratio: EnergyRatio {
                total_limit: resources.total_energy_limit,
                total_weight_trx: resources.total_energy_weight,
            },
        })
    }

    async fn holds_usdt(&self, address: Address) -> Result<bool, ChainError> {
        Ok(self.ask()?.chain.usdt_balance(View::Pending, &address) > 0)
    }

    async fn delegated(&self, owner: Address, receiver: Address) -> Result<Sun, ChainError> {
        let shown = self.ask()?;
        let records = shown.chain.delegation(View::Pending, owner, receiver);
        Ok(Sun::new(records.iter().flatten().map(|record| record.energy).sum()))
    }

    async fn sighting(&self, tx_id: TxId) -> Result<Option<Sighting>, ChainError> {
        let shown = self.ask()?;
        Ok(shown
            .chain
            .transaction(&tx_id)
            .map(|(block, _)| block.number())
            .filter(|number| *number <= shown.head())
            .map(|number| Sighting { height: Height::new(number), solid: number <= shown.solid() }))
    }
}

#[async_trait]
impl ChainWriter for SimNode {
    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<BroadcastAnswer, ChainError> {
        match self.offer(&transaction.bytes) {
            Ok(offer) => Ok(match offer.code {
                ResponseCode::Success => BroadcastAnswer::Accepted,
                ResponseCode::DupTransactionError => BroadcastAnswer::Duplicate,
                code => BroadcastAnswer::Refused { code: refusal_code(code), message: offer.message },
            }),
            Err(OfferError::Lost) => Err(ChainError::Unavailable("simulated".to_owned())),
            Err(OfferError::Unreadable(why)) => Err(ChainError::Refused(why)),
        }
    }
}
