//! A node over a chain: a handle that many can hold, with faults to switch on, and everything a test needs to make
//! the chain do something.

use crate::{
    abi,
    block::StoredBlock,
    build::{self, Options},
    chain::Chain,
    config::{ChainConfig, TRX, forwarder_address},
    dev::DevAction,
    error::SimError,
    faults::{BroadcastFault, Faults},
    fork::{ForkPlan, ForkReport, Keep},
    tx::SignedTx,
};
use leyden_domain::{Address, TxId, chain::Resource};
use leyden_tron::{
    crypto::SecretKey,
    wire::proto::{ContractMessage, ResponseCode, TransferContract, TriggerSmartContract},
};
use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};
use tokio::sync::Notify;

/// How long transactions made here may wait, in milliseconds.
const LIFE_MS: i64 = 60_000;

/// A handle on a node. Cloning it gives another handle on the same node.
#[derive(Debug, Clone)]
pub struct SimNode(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    chain: Mutex<Chain>,
    faults: Mutex<Faults>,
    /// Wakes the producer of an instant chain.
    offered: Notify,
    /// Makes otherwise equal transactions of the helpers different.
    nonce: AtomicI64,
}

/// A node's answer to an offered transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The transaction's id.
    pub tx_id: TxId,
    /// The answer's code.
    pub code: ResponseCode,
    /// The answer's text; empty on success.
    pub message: String,
}

/// Why an offered transaction got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// The bytes are no transaction.
    #[error("{0}")]
    Unreadable(String),
    /// The answer was lost on the way: a fault.
    #[error("no answer")]
    Lost,
}

impl SimNode {
    /// A node over a new chain that lives as long as its process.
    pub fn new(config: ChainConfig) -> Self {
        Self::over(Chain::new(config))
    }

    /// A node over another chain that begins as this one's is, without its faults.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self::over(self.chain().copy())
    }

    /// A node over a chain that is kept in a file.
    pub fn open(path: &Path, config: ChainConfig) -> Result<Self, SimError> {
        Ok(Self::over(Chain::open(path, config)?))
    }

    fn over(chain: Chain) -> Self {
        Self(Arc::new(Inner {
            chain: Mutex::new(chain),
            faults: Mutex::new(Faults::default()),
            offered: Notify::new(),
            nonce: AtomicI64::new(0),
        }))
    }

    /// The chain, for as long as the guard lives. Never keep it across an await, and never ask for it twice in one
    /// statement: the second waits for the first.
    pub fn chain(&self) -> MutexGuard<'_, Chain> {
        // A panic elsewhere leaves the chain between two operations at worst: its tables are still consistent
        // enough to read, and tests want to see them.
        self.0.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The switchboard of faults.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that was not given before.
    pub(crate) fn next_nonce(&self) -> i64 {
        self.0.nonce.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits until a transaction is offered.
    pub(crate) async fn wait_for_offer(&self) {
        self.0.offered.notified().await;
    }

    /// Offers a serialized transaction, faults included.
    pub fn offer(&self, bytes: &[u8]) -> Result<Offer, OfferError> {
        let tx = SignedTx::decode(bytes).map_err(|error| OfferError::Unreadable(error.to_string()))?;
        let tx_id = tx.id;
        let fault = self.faults().broadcasts.pop_front();
        match fault {
            Some(BroadcastFault::LostRequest) => return Err(OfferError::Lost),
            Some(BroadcastFault::Forgotten) => {
                return Ok(Offer { tx_id, code: ResponseCode::Success, message: String::new() });
            }
            Some(BroadcastFault::FalseDuplicate) => {
                let message = "Transaction already exists.".to_owned();
                return Ok(Offer { tx_id, code: ResponseCode::DupTransactionError, message });
            }
            Some(BroadcastFault::Refuse { code, message }) => {
                let code = ResponseCode::try_from(code).unwrap_or(ResponseCode::OtherError);
                return Ok(Offer { tx_id, code, message });
            }
            Some(BroadcastFault::LostAnswer) | None => {}
        }
        let answer = match self.chain().submit(tx) {
            Ok(()) => Offer { tx_id, code: ResponseCode::Success, message: String::new() },
            Err(refusal) => Offer { tx_id, code: refusal.code, message: refusal.message },
        };
        if answer.code == ResponseCode::Success {
            self.0.offered.notify_one();
        }
        if fault == Some(BroadcastFault::LostAnswer) {
            return Err(OfferError::Lost);
        }
        Ok(answer)
    }

    /// Makes the next block, one block time after the head.
    pub fn mine(&self) -> Result<Arc<StoredBlock>, SimError> {
        let mut chain = self.chain();
        let next = chain.head().timestamp() + chain.config().block_time_ms;
        chain.produce_block(next)
    }

    /// Makes the next block at a time.
    pub fn mine_at(&self, timestamp_ms: i64) -> Result<Arc<StoredBlock>, SimError> {
        self.chain().produce_block(timestamp_ms)
    }

    /// Makes several blocks, one block time apart.
    pub fn mine_many(&self, count: u32) -> Result<(), SimError> {
        (0..count).try_for_each(|_| self.mine().map(|_| ()))
    }

    /// Makes blocks until what is the head now is solid.
    pub fn mine_until_solid(&self) -> Result<(), SimError> {
        let depth = self.chain().config().solid_depth;
        self.mine_many(depth)
    }

    /// Makes blocks until the chain is as wanted; gives up after `most` of them.
    pub fn mine_until(&self, most: u32, wanted: impl Fn(&Chain) -> bool) -> Result<bool, SimError> {
        for _ in 0..most {
            if wanted(&self.chain()) {
                return Ok(true);
            }
            self.mine()?;
        }
        Ok(wanted(&self.chain()))
    }

    /// Moves the chain's clock: one block that far after the head.
    pub fn skip(&self, milliseconds: i64) -> Result<(), SimError> {
        let later = self.chain().head().timestamp() + milliseconds;
        self.mine_at(later).map(|_| ())
    }

    /// Replaces the newest blocks.
    pub fn fork(&self, plan: &ForkPlan) -> Result<ForkReport, SimError> {
        self.chain().fork(plan)
    }

    /// Brings back the branch that was abandoned last.
    pub fn flip_back(&self, keep: &Keep) -> Result<ForkReport, SimError> {
        self.chain().flip_back(keep)
    }

    /// Gives TRX, activating the account where needed.
    pub fn fund(&self, address: Address, sun: i64) -> Result<(), SimError> {
        self.chain().act(DevAction::Fund { address, sun })
    }

    /// Gives USDT, in millionths.
    pub fn mint_usdt(&self, address: Address, amount: i64) -> Result<(), SimError> {
        self.chain().act(DevAction::MintUsdt { address, amount })
    }

    /// Gives stake for energy, in sun.
    pub fn stake_energy(&self, address: Address, sun: i64) -> Result<(), SimError> {
        self.chain().act(DevAction::Stake { address, resource: Resource::Energy, sun })
    }

    /// Gives stake for bandwidth, in sun.
    pub fn stake_bandwidth(&self, address: Address, sun: i64) -> Result<(), SimError> {
        self.chain().act(DevAction::Stake { address, resource: Resource::Bandwidth, sun })
    }

    /// Uses up energy of an account, as a contract call would.
    pub fn use_energy(&self, address: Address, amount: i64) -> Result<(), SimError> {
        self.chain().act(DevAction::Use { address, resource: Resource::Energy, amount })
    }

    /// Builds, signs and offers a transaction bound to the head.
    pub fn send<M: ContractMessage>(
        &self,
        key: &SecretKey,
        message: &M,
        options: Options,
    ) -> Result<Offer, OfferError> {
        let bytes = self.signed(key, message, options);
        self.offer(&bytes)
    }

    /// Builds and signs a transaction bound to the head; times that are 0 are filled in.
    pub fn signed<M: ContractMessage>(&self, key: &SecretKey, message: &M, mut options: Options) -> Vec<u8> {
        let head = Arc::clone(self.chain().head());
        if options.timestamp == 0 {
            options.timestamp = head.timestamp() + self.next_nonce();
        }
        if options.expiration == 0 {
            options.expiration = head.timestamp() + LIFE_MS;
        }
        build::sign(&build::raw(message, &head, &options), &[key])
    }

    /// Sends TRX.
    pub fn transfer(&self, key: &SecretKey, to: Address, sun: i64) -> Result<Offer, OfferError> {
        let message = TransferContract {
            owner_address: key.address().to_bytes().to_vec(),
            to_address: to.to_bytes().to_vec(),
            amount: sun,
        };
        self.send(key, &message, Options::default())
    }

    /// Sends USDT, in millionths.
    pub fn transfer_usdt(&self, key: &SecretKey, to: Address, amount: i64) -> Result<Offer, OfferError> {
        let usdt = self.chain().config().usdt;
        self.call(key, usdt, 0, abi::transfer_call(to, amount))
    }

    /// Sends TRX through the forwarding contract: the recipient sees an internal transaction.
    pub fn transfer_by_contract(&self, key: &SecretKey, to: Address, sun: i64) -> Result<Offer, OfferError> {
        self.call(key, forwarder_address(), sun, abi::forward_call(to))
    }

    /// Calls a contract with a fee limit of 100 TRX.
    pub fn call(
        &self,
        key: &SecretKey,
        contract: Address,
        call_value: i64,
        data: Vec<u8>,
    ) -> Result<Offer, OfferError> {
        let message = TriggerSmartContract {
            owner_address: key.address().to_bytes().to_vec(),
            contract_address: contract.to_bytes().to_vec(),
            call_value,
            data,
            ..Default::default()
        };
        self.send(key, &message, Options { fee_limit: 100 * TRX, ..Options::default() })
    }
}
