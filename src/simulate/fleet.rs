//! Several machines behind one pool of nodes, as an operator has them: they differ honestly (one keeps internal
//! transactions, another does not), stay on a branch that the network left, are late, and are started anew. The service
//! reaches them over the client that it has for real nodes.

use super::{dice::Dice, network::News, profile::Profile};
use async_trait::async_trait;
use leyden_domain::{Sun, Timestamp};
use leyden_ports::ChainError;
use leyden_sim::{
    SimNode, WireFault,
    http::{Abilities, Face, inside},
};
use leyden_tron::node::{
    NodePool, NodeSettings, PoolSettings, Wire, WireAnswer,
    pool::{Agreement, PooledNode},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// All machines.
#[derive(Debug)]
pub(super) struct Fleet {
    machines: Vec<Arc<Machine>>,
    network: SimNode,
    profile: Profile,
    dice: Dice,
    faulty: bool,
    slot: u64,
    /// Whether two must agree.
    agreement: Agreement,
}

/// One machine.
#[derive(Debug)]
struct Machine {
    name: String,
    network: SimNode,
    face: Face,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// It is being started anew until this slot.
    down_until: u64,
    /// It is late until this slot.
    late_until: u64,
    /// The branch that it has not left yet, until when, and the branch's first block.
    branch: Option<(SimNode, u64, i64)>,
}

impl Machine {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Wire for Machine {
    async fn post(&self, path: &str, body: Vec<u8>) -> Result<WireAnswer, ChainError> {
        let node = {
            let state = self.state();
            if state.down_until > 0 {
                return Err(ChainError::Unavailable(format!("{path}: no connection")));
            }
            state.branch.as_ref().map_or_else(|| self.network.clone(), |(branch, ..)| branch.clone())
        };
        let (status, body) = inside::ask(&node, &self.face, path, &body);
        Ok(WireAnswer { status, retry_after: None, body })
    }
}

impl Fleet {
    /// Two or three machines. The first keeps internal transactions and is away for moments only, so that no payment by a
    /// contract is hidden for longer than the pool waits; another may keep them or not.
    pub(super) fn new(network: SimNode, profile: Profile, dice: Dice) -> Self {
        let count = dice.between(2, 3);
        let machines = (0..count)
            .map(|number| {
                let internal_transactions = number == 0 || dice.happens(4_000);
                Arc::new(Machine {
                    name: format!("machine-{number}"),
                    network: network.clone(),
                    face: Face::with(Abilities { internal_transactions, ..Abilities::default() }),
                    state: Mutex::default(),
                })
            })
            .collect();
        let agreement = if dice.happens(5_000) { Agreement::Required } else { Agreement::WhenPossible };
        Self { machines, network, profile, dice, faulty: false, slot: 0, agreement }
    }

    /// Whether one alone keeps internal transactions.
    pub(super) fn has_one_keeper(&self) -> bool {
        self.machines.iter().filter(|machine| machine.face.abilities().internal_transactions).count() == 1
    }

    /// A pool over them that remembers nothing, as the service makes one at its start.
    pub(super) fn pool(
        &self,
        limit: Sun,
        watched: BTreeSet<leyden_domain::Address>,
    ) -> Result<NodePool, String> {
        let nodes = (1..)
            .zip(&self.machines)
            .map(|(priority, machine)| PooledNode {
                node: NodeSettings {
                    name: machine.name.clone(),
                    wire: Some(Arc::clone(machine) as Arc<dyn Wire>),
                    // Blocks of these worlds are not signed.
                    verify: false,
                    ..NodeSettings::new("http://simulated")
                },
                priority,
                broadcast: true,
            })
            .collect();
        let settings = PoolSettings {
            agreement_above: limit,
            agreement: self.agreement,
            address_ttl: Duration::ZERO,
            ..PoolSettings::new(nodes, watched)
        };
        NodePool::new(settings).map_err(|error| error.to_string())
    }

    pub(super) fn set_faulty(&mut self, faulty: bool) {
        self.faulty = faulty;
        if !faulty {
            for machine in &self.machines {
                *machine.state() = State::default();
                machine.face.set(None);
            }
        }
    }

    /// The chain as it is, where a fork may follow that some machine does not see at once.
    pub(super) fn before_fork(&self) -> Option<SimNode> {
        (self.faulty && self.dice.happens(7_000)).then(|| self.network.copy())
    }

    /// The network has turned to another branch above this block; some machines stay on the one that it left.
    pub(super) fn after_fork(&self, left: &SimNode, common: i64, news: &mut News) {
        for (number, machine) in self.machines.iter().enumerate() {
            if !self.dice.happens(5_000) {
                continue;
            }
            let until = self.slot + self.dice.between(1, if number == 0 { 3 } else { 12 });
            machine.state().branch = Some((left.copy(), until, common + 1));
            news.lines.push(format!("{} stays on the branch that was left", machine.name));
        }
    }

    /// One slot.
    pub(super) fn slot(&mut self, now: Timestamp, news: &mut News) {
        self.slot += 1;
        if !self.faulty {
            return;
        }
        let solid = self.network.chain().solid_number();
        for (number, machine) in self.machines.iter().enumerate() {
            let is_keeper = number == 0;
            let mut state = machine.state();
            if state.down_until <= self.slot {
                state.down_until = 0;
            }
            if state.late_until > 0 && state.late_until <= self.slot {
                state.late_until = 0;
                machine.face.set(None);
            }
            // Nobody stays on a branch that is below what the network has made solid.
            if let Some((branch, until, first)) = &state.branch {
                let slot_time = now.ms() - now.ms().rem_euclid(3_000);
                if *until <= self.slot || *first <= solid + 1 {
                    state.branch = None;
                } else if self.dice.happens(4_000) && slot_time > branch.chain().head().timestamp() {
                    // Its part of the network goes on, more slowly. In memory nothing can refuse it.
                    drop(branch.mine_at(slot_time));
                }
            }
            if !self.dice.happens(self.profile.node_moods) {
                continue;
            }
            match self.dice.below(3) {
                0 if !is_keeper => {
                    state.down_until = self.slot + self.dice.between(1, 8);
                    state.branch = None;
                    news.lines.push(format!("{} is started anew", machine.name));
                }
                1 if !is_keeper && self.dice.happens(5_000) => {
                    let keeps = !machine.face.abilities().internal_transactions;
                    // Who alone keeps them does so throughout: the oracle wants to know.
                    if !keeps {
                        machine.face.tell_internal_transactions(keeps);
                        news.lines.push(format!("{} keeps no internal transactions any more", machine.name));
                    }
                }
                _ => {
                    let most = if is_keeper { 3 } else { 25 };
                    let blocks = u32::try_from(self.dice.between(1, most)).unwrap_or(1);
                    state.late_until = self.slot + self.dice.between(1, if is_keeper { 3 } else { 12 });
                    machine.face.set(Some(WireFault::Stale { blocks }));
                    news.lines.push(format!("{} is {blocks} blocks late", machine.name));
                }
            }
        }
    }
}
