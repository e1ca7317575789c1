//! What goes wrong with nodes: silence, lateness, other forks, and answers to broadcasts that mean nothing.

use super::{dice::Dice, profile::Profile};
use async_trait::async_trait;
use leyden_domain::{
    Address, Height, Sun, TxId, UsdtMicro,
    chain::{Block, BroadcastAnswer, Head, SignedTransaction, TransactionReport},
};
use leyden_ports::{AccountInfo, ChainError, ChainReader, ChainWriter, Holdings, PoolChainState, Sighting};
use leyden_sim::{BroadcastFault, SimNode};
use leyden_tron::wire::proto::ResponseCode;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// How some of the machines behind the node's address are for a while.
#[derive(Debug, Clone, Default)]
pub(super) enum Mood {
    /// As they should be.
    #[default]
    Fine,
    /// None answers.
    Down,
    /// This many blocks behind.
    Stale(u32),
    /// On a branch that the others have left: its blocks from the first that differs.
    OtherFork(Arc<Vec<Block>>),
}

/// The chain as the service reaches it.
#[derive(Debug)]
pub(super) struct SimNodes {
    node: SimNode,
    profile: Profile,
    dice: Dice,
    faulty: AtomicBool,
    mood: Mutex<Mood>,
    questions: AtomicU64,
}

impl SimNodes {
    pub(super) fn new(node: SimNode, profile: Profile, dice: Dice) -> Self {
        Self {
            node,
            profile,
            dice,
            faulty: AtomicBool::new(false),
            mood: Mutex::default(),
            questions: AtomicU64::new(0),
        }
    }

    /// From now on things go wrong, or no more.
    pub(super) fn set_faulty(&self, faulty: bool) {
        self.faulty.store(faulty, Relaxed);
        if !faulty {
            self.set_mood(Mood::Fine);
        }
    }

    /// How some machines are from now on.
    pub(super) fn set_mood(&self, mood: Mood) {
        *self.mood() = mood;
    }

    fn mood(&self) -> MutexGuard<'_, Mood> {
        self.mood.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many questions were asked.
    pub(super) fn questions(&self) -> u64 {
        self.questions.load(Relaxed)
    }

    /// Lets a question through, or not; and how the machine is that answers it.
    async fn ask(&self) -> Result<Mood, ChainError> {
        self.questions.fetch_add(1, Relaxed);
        if !self.faulty.load(Relaxed) {
            return Ok(Mood::Fine);
        }
        if self.dice.happens(self.profile.node_errors) {
            let silence = || ChainError::Unavailable("simulated".to_owned());
            return Err(match self.dice.below(4) {
                0 => {
                    tokio::time::sleep(Duration::from_millis(self.dice.between(1_000, 10_000))).await;
                    silence()
                }
                1 => ChainError::RateLimited { retry_after: None },
                2 => ChainError::Malformed("simulated".to_owned()),
                _ => silence(),
            });
        }
        let mood = self.mood().clone();
        match mood {
            Mood::Down => Err(ChainError::Unavailable("simulated".to_owned())),
            // Not every machine is.
            Mood::Stale(_) | Mood::OtherFork(_) if self.dice.below(2) == 0 => Ok(Mood::Fine),
            Mood::Fine | Mood::Stale(_) | Mood::OtherFork(_) => Ok(mood),
        }
    }

    /// Asks the node as it looks in a mood.
    async fn in_mood<T>(&self, mood: &Mood, question: impl Future<Output = T>) -> T {
        let behind = if let Mood::Stale(blocks) = mood { *blocks } else { 0 };
        self.node.faults().stale_by = behind;
        let answer = question.await;
        self.node.faults().stale_by = 0;
        answer
    }
}

/// What another fork has at a height: `None` where both have the same.
#[expect(clippy::option_option, reason = "the same block, none, or another")]
fn on_other_fork(mood: &Mood, height: Height) -> Option<Option<Block>> {
    let Mood::OtherFork(branch) = mood else { return None };
    let first = branch.first()?.height();
    (height >= first).then(|| branch.iter().find(|block| block.height() == height).cloned())
}

#[async_trait]
impl ChainReader for SimNodes {
    async fn head(&self) -> Result<Head, ChainError> {
        let mood = self.ask().await?;
        if let Mood::OtherFork(branch) = &mood
            && let Some(last) = branch.last()
        {
            return Ok(last.head());
        }
        self.in_mood(&mood, self.node.head()).await
    }

    async fn solid(&self) -> Result<Head, ChainError> {
        let mood = self.ask().await?;
        let solid = self.in_mood(&mood, self.node.solid()).await?;
        // On its own branch nothing is solid that the others do not share.
        if let Mood::OtherFork(branch) = &mood
            && let Some(first) = branch.first()
            && solid.height() >= first.height()
            && let Some(block) = self.node.block(first.height().offset(-1)).await?
        {
            return Ok(block.head());
        }
        Ok(solid)
    }

    async fn block(&self, height: Height) -> Result<Option<Block>, ChainError> {
        let mood = self.ask().await?;
        match on_other_fork(&mood, height) {
            Some(block) => Ok(block),
            None => self.in_mood(&mood, self.node.block(height)).await,
        }
    }

    async fn blocks(&self, from: Height, count: u32) -> Result<Vec<Block>, ChainError> {
        let mood = self.ask().await?;
        if let Mood::OtherFork(_) = &mood {
            let mut found = Vec::new();
            for n in 0..i64::from(count) {
                let height = from.offset(n);
                let block = match on_other_fork(&mood, height) {
                    Some(block) => block,
                    None => self.node.block(height).await?,
                };
                let Some(block) = block else { break };
                found.push(block);
            }
            return Ok(found);
        }
        self.in_mood(&mood, self.node.blocks(from, count)).await
    }

    async fn account(&self, address: Address) -> Result<Option<AccountInfo>, ChainError> {
        let mood = self.ask().await?;
        self.in_mood(&mood, self.node.account(address)).await
    }

    async fn pool_account(&self, address: Address) -> Result<PoolChainState, ChainError> {
        let mood = self.ask().await?;
        self.in_mood(&mood, self.node.pool_account(address)).await
    }

    async fn holds_usdt(&self, address: Address) -> Result<bool, ChainError> {
        let mood = self.ask().await?;
        self.in_mood(&mood, self.node.holds_usdt(address)).await
    }

    async fn usdt_balance(&self, address: Address) -> Result<UsdtMicro, ChainError> {
        let mood = self.ask().await?;
        self.in_mood(&mood, self.node.usdt_balance(address)).await
    }

    async fn delegated(&self, owner: Address, receiver: Address) -> Result<Sun, ChainError> {
        let mood = self.ask().await?;
        self.in_mood(&mood, self.node.delegated(owner, receiver)).await
    }

    async fn holdings(&self, address: Address) -> Result<Holdings, ChainError> {
        let mood = self.ask().await?;
        self.in_mood(&mood, self.node.holdings(address)).await
    }

    async fn lent(&self, owner: Address, receiver: Address) -> Result<(Head, Sun), ChainError> {
        let mood = self.ask().await?;
        self.in_mood(&mood, self.node.lent(owner, receiver)).await
    }

    async fn transaction(&self, tx_id: TxId) -> Result<Option<TransactionReport>, ChainError> {
        let mood = self.ask().await?;
        self.in_mood(&mood, self.node.transaction(tx_id)).await
    }

    async fn sighting(&self, tx_id: TxId) -> Result<Option<Sighting>, ChainError> {
        let mood = self.ask().await?;
        self.in_mood(&mood, self.node.sighting(tx_id)).await
    }
}

/// What a node says of a delegation that its state has no room for: java-tron `DelegateResourceActuator`.
const NO_ROOM: &str = "Contract validate error : delegateBalance must be less than or equal to available FreezeEnergyV2 balance";

#[async_trait]
impl ChainWriter for SimNodes {
    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<BroadcastAnswer, ChainError> {
        self.questions.fetch_add(1, Relaxed);
        if self.faulty.load(Relaxed) && self.dice.happens(self.profile.broadcasts) {
            let fault = match self.dice.below(8) {
                0 | 1 => BroadcastFault::LostAnswer,
                2 => BroadcastFault::LostRequest,
                3 => BroadcastFault::Forgotten,
                4 => BroadcastFault::FalseDuplicate,
                5 => BroadcastFault::refuse(ResponseCode::TaposError, "Tapos check error."),
                6 => BroadcastFault::refuse(ResponseCode::ServerBusy, "Server busy."),
                _ => BroadcastFault::refuse(ResponseCode::ContractValidateError, NO_ROOM),
            };
            if fault == BroadcastFault::LostAnswer || fault == BroadcastFault::LostRequest {
                tokio::time::sleep(Duration::from_millis(self.dice.between(10, 10_000))).await;
            }
            self.node.faults().broadcasts.push_back(fault);
        }
        self.node.broadcast(transaction).await
    }
}
