//! The chain ports straight onto the state machine: no sockets, no JSON, so a whole service can run against it in
//! one thread and in virtual time.

use crate::{
    faults::{ReadFault, refusal_code},
    lens::Lens,
    node::{OfferError, SimNode},
    tx::Action,
    view,
    world::View,
};
use async_trait::async_trait;
use leyden_domain::{
    Address, Bandwidth, Energy, EnergyRatio, Height, Span, Sun, TxId, UsdtMicro,
    chain::{Block, BroadcastAnswer, Evidence, Head, Resource, SignedTransaction, TransactionReport},
};
use leyden_ports::{AccountInfo, ChainError, ChainReader, ChainWriter, Holdings, PoolChainState, Sighting};
use leyden_tron::wire::proto::ResponseCode;

/// How the port names what goes wrong with a question.
fn failed(fault: ReadFault) -> ChainError {
    match fault {
        ReadFault::Unavailable => ChainError::Unavailable("simulated".to_owned()),
        ReadFault::RateLimited { seconds } => {
            ChainError::RateLimited { retry_after: Some(Span::from_secs(seconds.into())) }
        }
    }
}

/// A block, or why it cannot be shown.
fn block(lens: &Lens<'_>, number: i64) -> Result<Option<Block>, ChainError> {
    let Some(stored) = lens.block(number) else { return Ok(None) };
    let has = |wanted: fn(&Action) -> bool| stored.transactions.iter().any(|one| wanted(&one.tx.action));
    if lens.faults.lie_about_amounts != 0 && has(|action| matches!(action, Action::Transfer(_))) {
        return Err(ChainError::Unverified("a transaction is not what its id says".to_owned()));
    }
    if lens.faults.without_receipts && has(|action| matches!(action, Action::Trigger(_))) {
        return Err(ChainError::Malformed("receipts are missing".to_owned()));
    }
    let mut block = view::block(stored, lens.chain.config().usdt);
    if lens.faults.without_internals {
        block.transfers.retain(|transfer| transfer.evidence != Evidence::Internal);
    }
    Ok(Some(block))
}

#[async_trait]
impl ChainReader for SimNode {
    async fn head(&self) -> Result<Head, ChainError> {
        Ok(self.ask().map_err(failed)?.head().head())
    }

    async fn solid(&self) -> Result<Head, ChainError> {
        Ok(self.ask().map_err(failed)?.solid().head())
    }

    async fn block(&self, height: Height) -> Result<Option<Block>, ChainError> {
        block(&self.ask().map_err(failed)?, height.get())
    }

    async fn blocks(&self, from: Height, count: u32) -> Result<Vec<Block>, ChainError> {
        let shown = self.ask().map_err(failed)?;
        let mut found = Vec::new();
        for n in 0..i64::from(count) {
            match block(&shown, from.offset(n).get())? {
                Some(block) => found.push(block),
                None => break,
            }
        }
        Ok(found)
    }

    async fn account(&self, address: Address) -> Result<Option<AccountInfo>, ChainError> {
        let shown = self.ask().map_err(failed)?;
        Ok(shown.chain.account(View::Pending, &address).map(|account| AccountInfo {
            balance: Sun::new(account.balance),
            is_contract: account.is_contract,
        }))
    }

    async fn pool_account(&self, address: Address) -> Result<PoolChainState, ChainError> {
        let shown = self.ask().map_err(failed)?;
        let chain = &shown.chain;
        let resources = chain.resources(View::Pending, &address);
        let account = chain.account(View::Pending, &address);
        // A transaction is paid from one of the two, never from both together.
        let bandwidth =
            (resources.net_limit - resources.net_used).max(resources.free_limit - resources.free_used);
        Ok(PoolChainState {
            observed_at: Height::new(shown.head_number()),
            staked: Sun::new(account.map_or(0, |account| account.energy.owned())),
            delegated: Sun::new(account.map_or(0, |account| account.energy.delegated)),
            delegatable: Sun::new(chain.delegatable(View::Pending, &address, Resource::Energy)),
            balance: Sun::new(account.map_or(0, |account| account.balance)),
            bandwidth: Bandwidth::new(bandwidth.max(0)),
            recovering: Energy::new(resources.energy_used),
            ratio: EnergyRatio {
                total_limit: resources.total_energy_limit,
                total_weight_trx: resources.total_energy_weight,
            },
        })
    }

    async fn holds_usdt(&self, address: Address) -> Result<bool, ChainError> {
        Ok(ChainReader::usdt_balance(self, address).await? > UsdtMicro::ZERO)
    }

    async fn usdt_balance(&self, address: Address) -> Result<UsdtMicro, ChainError> {
        let shown = self.ask().map_err(failed)?;
        if shown.faults.without_constant_calls {
            // java-tron's text (`Wallet.triggerConstantContract`).
            return Err(ChainError::Unsupported("this node does not support constant".to_owned()));
        }
        Ok(UsdtMicro::new(shown.chain.usdt_balance(View::Pending, &address)))
    }

    async fn delegated(&self, owner: Address, receiver: Address) -> Result<Sun, ChainError> {
        let shown = self.ask().map_err(failed)?;
        let records = shown.chain.delegation(View::Pending, owner, receiver);
        Ok(Sun::new(records.iter().flatten().map(|record| record.energy).sum()))
    }

    async fn holdings(&self, address: Address) -> Result<Holdings, ChainError> {
        let shown = self.ask().map_err(failed)?;
        let account = shown.chain.account(View::Solid, &address);
        Ok(Holdings {
            // The block whose state is read, also where the node shows older ones.
            at: shown.chain.solid().head(),
            balance: Sun::new(account.map_or(0, |account| account.balance)),
            staked: Sun::new(account.map_or(0, |account| account.energy.owned())),
            delegated: Sun::new(account.map_or(0, |account| account.energy.delegated)),
            receivers: shown.chain.partners(View::Solid, address).1,
        })
    }

    async fn lent(&self, owner: Address, receiver: Address) -> Result<(Head, Sun), ChainError> {
        let shown = self.ask().map_err(failed)?;
        let records = shown.chain.delegation(View::Solid, owner, receiver);
        let sum = records.iter().flatten().map(|record| record.energy).sum();
        Ok((shown.chain.solid().head(), Sun::new(sum)))
    }

    async fn sighting(&self, tx_id: TxId) -> Result<Option<Sighting>, ChainError> {
        let shown = self.ask().map_err(failed)?;
        Ok(shown.transaction(&tx_id).map(|(block, _)| Sighting {
            height: Height::new(block.number()),
            solid: block.number() <= shown.solid_number(),
        }))
    }

    async fn transaction(&self, tx_id: TxId) -> Result<Option<TransactionReport>, ChainError> {
        let shown = self.ask().map_err(failed)?;
        let usdt = shown.chain.config().usdt;
        if let Some((_, one)) = shown.transaction(&tx_id) {
            let mut one = one.clone();
            if shown.faults.without_internals {
                one.info.internal_transactions.clear();
            }
            return Ok(view::report(&one, usdt));
        }
        let waiting = shown.chain.pending().find(|tx| tx.id == tx_id);
        Ok(waiting.and_then(|tx| view::report_waiting(tx, usdt)))
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
