//! The chain: blocks in a row, the state after the newest of them, and the transactions that wait for the next.
//! It is a state machine without a clock: every moment is given by the caller, so equal inputs give equal chains.

use crate::{
    account::Account,
    block::{Included, StoredBlock},
    config::{ChainConfig, TRX, forwarder_address},
    dev::{self, DevAction},
    error::SimError,
    exec::{self, Context, Effects, Refusal},
    fork::Branch,
    journal::{Journal, Record},
    keys,
    mempool::{Mempool, Waiting},
    token,
    tx::{BlockEnvelope, Envelope, SignedTx},
    validate,
    world::World,
};
use leyden_domain::{Address, TxId, chain::Resource};
use leyden_tron::{crypto::SecretKey, wire::proto::TransactionResult};
use prost::Message;
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// How many blocks can be undone: more than any fork that respects solidity needs.
const REMEMBERED: usize = 256;

/// The most bytes of transactions in one block: java-tron `ChainConstant.BLOCK_SIZE`.
const BLOCK_SIZE: usize = 2_000_000;

/// A simulated chain.
#[derive(Debug)]
pub struct Chain {
    pub(crate) config: ChainConfig,
    pub(crate) world: World,
    pub(crate) blocks: Vec<Arc<StoredBlock>>,
    /// Where each transaction is: its block's number and its place in it.
    pub(crate) included: BTreeMap<TxId, (i64, usize)>,
    pub(crate) pool: Mempool,
    /// How many of the newest blocks have a layer of undo information.
    pub(crate) remembered: usize,
    /// What was changed from outside while the block of that height was the head.
    pub(crate) actions: BTreeMap<i64, Vec<DevAction>>,
    pub(crate) abandoned: Vec<Branch>,
    /// The newest solid height; a fork that makes the chain shorter does not take solidity back.
    pub(crate) solid: i64,
    /// How many times blocks were abandoned: other witnesses sign the replacements, so their ids differ.
    pub(crate) rewinds: usize,
    witnesses: Arc<Vec<(Address, SecretKey)>>,
    /// Blocks are made without their witness's signature.
    is_unsigned: bool,
    journal: Option<Journal>,
}

impl Chain {
    /// A chain that lives as long as its process.
    pub fn new(config: ChainConfig) -> Self {
        let witnesses: Vec<(Address, SecretKey)> = (0..keys::WITNESSES)
            .map(|n| {
                let key = keys::witness_key(n);
                (key.address(), key)
            })
            .collect();
        let mut world = World::new();
        genesis(&mut world, &config);
        let mut chain = Self {
            config,
            world,
            blocks: Vec::new(),
            included: BTreeMap::new(),
            pool: Mempool::default(),
            remembered: 0,
            actions: BTreeMap::new(),
            abandoned: Vec::new(),
            solid: 0,
            rewinds: 0,
            witnesses: Arc::new(witnesses),
            is_unsigned: false,
            journal: None,
        };
        let first = StoredBlock::first(chain.config.genesis_time, &chain.config.accounts);
        chain.blocks.push(Arc::new(first));
        chain.world.push();
        chain
    }

    /// Another chain that begins as this one is, in memory alone: cheaper than making the same blocks again.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self {
            config: self.config.clone(),
            world: self.world.clone(),
            blocks: self.blocks.clone(),
            included: self.included.clone(),
            pool: self.pool.clone(),
            remembered: self.remembered,
            actions: self.actions.clone(),
            abandoned: self.abandoned.clone(),
            solid: self.solid,
            rewinds: self.rewinds,
            witnesses: Arc::clone(&self.witnesses),
            is_unsigned: self.is_unsigned,
            journal: None,
        }
    }

    /// A chain that is kept in a file. An existing file says itself what the chain is made of, and `config` is
    /// then ignored.
    pub fn open(path: &Path, config: ChainConfig) -> Result<Self, SimError> {
        let (mut journal, records) = Journal::open(path)?;
        let mut records = records.into_iter();
        let mut chain = match records.next() {
            None => {
                journal.append(&Record::Genesis(Box::new(config.clone())))?;
                Self::new(config)
            }
            Some(Record::Genesis(stored)) => Self::new(*stored),
            Some(_) => return Err(SimError::Journal("the first line is not the genesis".to_owned())),
        };
        for record in records {
            match record {
                Record::Genesis(_) => return Err(SimError::Journal("a second genesis".to_owned())),
                Record::Block(text) => {
                    let bytes = hex::decode(text).map_err(|error| SimError::Journal(error.to_string()))?;
                    chain.apply_bytes(&bytes)?;
                }
                Record::Rewind(height) => {
                    chain.rewind(height)?;
                }
                Record::Dev(action) => chain.act(action)?,
            }
        }
        chain.journal = Some(journal);
        Ok(chain)
    }

    /// What the chain is made of.
    pub const fn config(&self) -> &ChainConfig {
        &self.config
    }

    /// The newest block.
    pub fn head(&self) -> &Arc<StoredBlock> {
        // There is always a first block: `new` puts it there and `rewind` never goes below it.
        let [.., newest] = self.blocks.as_slice() else { unreachable!("a chain has a genesis block") };
        newest
    }

    /// The number of the newest solid block.
    pub const fn solid_number(&self) -> i64 {
        self.solid
    }

    /// The newest solid block.
    pub fn solid(&self) -> &Arc<StoredBlock> {
        self.block(self.solid_number()).unwrap_or_else(|| self.head())
    }

    /// A block by its number.
    pub fn block(&self, number: i64) -> Option<&Arc<StoredBlock>> {
        usize::try_from(number).ok().and_then(|n| self.blocks.get(n))
    }

    /// A transaction in a block, and the block.
    pub fn transaction(&self, id: &TxId) -> Option<(&Arc<StoredBlock>, &Included)> {
        let (number, place) = self.included.get(id)?;
        let block = self.block(*number)?;
        Some((block, block.transactions.get(*place)?))
    }

    /// The transactions that wait, oldest first.
    pub fn pending(&self) -> impl Iterator<Item = &SignedTx> {
        self.pool.iter().map(|waiting| &waiting.tx)
    }

    /// A transaction that waits, with how it would end.
    pub fn waiting(&self, id: &TxId) -> Option<(&SignedTx, &TransactionResult)> {
        self.pool.iter().find(|one| one.tx.id == *id).map(|one| (&one.tx, &one.result))
    }

    /// Offers a transaction. Accepted means that it waits for the next block, no more.
    pub fn submit(&mut self, tx: SignedTx) -> Result<(), Refusal> {
        validate::offered(self, &tx)?;
        let received_at = self.head().timestamp();
        let context = Context::at(&self.config, received_at);
        let effects = exec::execute(&mut self.world, context, &tx)?;
        self.pool.push(Waiting { tx, received_at, result: effects.result() });
        Ok(())
    }

    /// Whether a transaction would be taken, apart from its signatures; used by the builders of the HTTP API.
    pub fn dry_run(&mut self, tx: &SignedTx) -> Result<(), String> {
        let head_time = self.head().timestamp();
        let context = Context::at(&self.config, head_time);
        self.world.push();
        let checked = exec::contract(&mut self.world, context, tx, &mut Effects::default());
        self.world.undo();
        checked
    }

    /// Makes the next block out of what waits. Its time is `timestamp`, or just after the head's where that is
    /// not later.
    pub fn produce_block(&mut self, timestamp: i64) -> Result<Arc<StoredBlock>, SimError> {
        self.produce(timestamp, true)
    }

    /// Makes the next block, with or without what waits.
    pub(crate) fn produce(&mut self, timestamp: i64, take: bool) -> Result<Arc<StoredBlock>, SimError> {
        let timestamp = timestamp.max(self.head().timestamp() + 1);
        self.world.undo();
        self.world.push();
        let mut included = Vec::new();
        let mut later = Vec::new();
        let mut size = 0;
        for waiting in self.pool.take() {
            if waiting.is_stale(timestamp) {
                continue;
            }
            let bytes = waiting.tx.raw_bytes.len() + 200;
            if !take || size + bytes > BLOCK_SIZE {
                later.push(waiting);
                continue;
            }
            // What no longer holds in this state is dropped, as a node does.
            if let Ok(effects) = self.execute_now(&waiting.tx) {
                size += bytes;
                included.push(included_as(&waiting.tx, &effects, self.head().number() + 1, timestamp));
            }
        }
        let block = self.seal(timestamp, included);
        if let Err(error) = self.record(&Record::Block(hex::encode(block.bytes()))) {
            self.world.undo();
            self.world.push();
            let back = block.transactions.into_iter().map(|one| Waiting {
                tx: one.tx,
                result: one.result,
                received_at: self.blocks.last().map_or(0, |head| head.timestamp()),
            });
            self.requeue(back.chain(later).collect());
            return Err(error);
        }
        self.connect(block);
        self.requeue(later);
        Ok(Arc::clone(self.head()))
    }

    /// Changes the state from outside.
    pub fn act(&mut self, action: DevAction) -> Result<(), SimError> {
        self.record(&Record::Dev(action.clone()))?;
        self.world.undo();
        self.apply_action(action);
        self.world.push();
        let waiting = self.pool.take();
        self.requeue(waiting);
        Ok(())
    }

    /// Performs an action on the head's own layer; no pending layer may be on top.
    pub(crate) fn apply_action(&mut self, action: DevAction) {
        let head_time = self.head().timestamp();
        let context = Context::at(&self.config, head_time);
        dev::apply(&mut self.world, context, &action);
        self.actions.entry(self.head().number()).or_default().push(action);
    }

    /// Lets transactions wait (again), in this order, dropping those that do not hold any more. The pending layer
    /// must be on top and empty.
    pub(crate) fn requeue(&mut self, transactions: Vec<Waiting>) {
        for waiting in transactions {
            if !self.included.contains_key(&waiting.tx.id)
                && let Ok(effects) = self.execute_now(&waiting.tx)
            {
                self.pool.push(Waiting { result: effects.result(), ..waiting });
            }
        }
    }

    /// Appends a serialized block that was made earlier, executing its transactions again.
    pub(crate) fn apply_bytes(&mut self, bytes: &[u8]) -> Result<(), SimError> {
        let number = self.head().number() + 1;
        let failed = |why: String| SimError::Replay { number, why };
        let envelope = BlockEnvelope::decode(bytes).map_err(|error| failed(error.to_string()))?;
        let header = envelope.block_header.ok_or_else(|| failed("no header".to_owned()))?;
        let timestamp = header.raw_data.as_ref().map_or(0, |raw| raw.timestamp);
        self.world.undo();
        self.world.push();
        let included = envelope
            .transactions
            .iter()
            .map(|bytes| self.apply_transaction(bytes, number, timestamp))
            .collect::<Result<Vec<_>, String>>();
        let block = included.and_then(|included| {
            StoredBlock::from_header(header, included)
                .filter(|block| block.number() == number && block.raw.parent_hash == self.head().id.bytes())
                .ok_or_else(|| "not the next block".to_owned())
        });
        match block {
            Ok(block) => {
                self.connect(block);
                let waiting = self.pool.take();
                self.requeue(waiting);
                Ok(())
            }
            Err(why) => {
                self.world.undo();
                self.world.push();
                Err(failed(why))
            }
        }
    }

    /// Executes a transaction of a serialized block; the result in its bytes stays.
    fn apply_transaction(&mut self, bytes: &[u8], number: i64, timestamp: i64) -> Result<Included, String> {
        let tx = SignedTx::decode(bytes).map_err(|error| error.to_string())?;
        let envelope = Envelope::decode(bytes).map_err(|error| error.to_string())?;
        let effects = self.execute_now(&tx).map_err(|refusal| refusal.message)?;
        let mut included = included_as(&tx, &effects, number, timestamp);
        if let Some(result) = envelope.ret.first() {
            included.result =
                TransactionResult::decode(result.as_slice()).map_err(|error| error.to_string())?;
        }
        Ok(included)
    }

    /// Executes a transaction at the head.
    fn execute_now(&mut self, tx: &SignedTx) -> Result<Effects, Refusal> {
        validate::at_head(self, tx)?;
        let head_time = self.head().timestamp();
        let context = Context::at(&self.config, head_time);
        exec::execute(&mut self.world, context, tx)
    }

    /// Makes a block the head. Its layer is on top; the pending layer is put above it.
    fn connect(&mut self, block: StoredBlock) {
        for (place, one) in block.transactions.iter().enumerate() {
            self.included.insert(one.tx.id, (block.number(), place));
        }
        self.solid = self.solid.max(block.number() - i64::from(self.config.solid_depth));
        self.blocks.push(Arc::new(block));
        self.remembered += 1;
        if self.remembered > REMEMBERED {
            self.world.forget_oldest();
            self.remembered -= 1;
        }
        self.world.push();
    }

    /// From now on blocks carry no signature of their witness, which is what most of the time of making one goes to.
    /// For a chain whose blocks are read as they are here and not over a wire.
    pub const fn leave_unsigned(&mut self) {
        self.is_unsigned = true;
    }

    /// Signs the block after the head, by the witness whose turn it is.
    fn seal(&self, timestamp: i64, included: Vec<Included>) -> StoredBlock {
        let slot = usize::try_from(timestamp / self.config.block_time_ms.max(1)).unwrap_or(0);
        let turn = slot.wrapping_add(self.rewinds) % self.witnesses.len().max(1);
        let [first, ..] = self.witnesses.as_slice() else { unreachable!("there are 27 witnesses") };
        let (address, key) = self.witnesses.get(turn).unwrap_or(first);
        StoredBlock::seal(
            self.blocks.last().map(AsRef::as_ref),
            timestamp,
            (*address, (!self.is_unsigned).then_some(key)),
            included,
        )
    }

    /// Writes to the journal where there is one.
    pub(crate) fn record(&mut self, record: &Record) -> Result<(), SimError> {
        self.journal.as_mut().map_or(Ok(()), |journal| journal.append(record))
    }

    /// The addresses of the witnesses, in the order of their turns.
    pub fn witnesses(&self) -> impl Iterator<Item = Address> {
        self.witnesses.iter().map(|(address, _)| *address)
    }
}

/// An executed transaction as a block holds it.
fn included_as(tx: &SignedTx, effects: &Effects, number: i64, timestamp: i64) -> Included {
    Included { tx: tx.clone(), result: effects.result(), info: effects.receipt(tx, number, timestamp) }
}

/// The state of the first block.
fn genesis(world: &mut World, config: &ChainConfig) {
    for contract in [config.usdt, forwarder_address()] {
        world.accounts.put(contract, Some(Account::contract(token::name(contract))));
    }
    for (n, one) in config.accounts.iter().enumerate() {
        if world.account(&one.address).is_none() {
            world.accounts.put(one.address, Some(Account::named(format!("genesis{n}"))));
        }
        world.credit(one.address, one.balance);
        for (resource, stake) in
            [(Resource::Energy, one.staked_energy), (Resource::Bandwidth, one.staked_net)]
        {
            world.change_stake(one.address, resource, |account| account.stake_mut(resource).frozen += stake);
        }
        if one.usdt > 0 {
            world.tokens.put(one.address, Some(one.usdt));
        }
        world.change_totals(|totals| {
            totals.issued += one.balance + one.staked_energy + one.staked_net;
            totals.usdt_supply += one.usdt;
        });
    }
    debug_assert!(config.accounts.iter().all(|one| one.balance < i64::MAX / TRX));
}
