//! The chain as it is: the canonical blocks since the world began, with what concerns the service. Read from the simulated
//! chain itself, past everything that nodes may say.

use super::Oracle;
use leyden_domain::{
    Address, BlockId, Sun, Timestamp, TxId,
    chain::{Head, Resource, ResourceAction, Transfer},
};
use leyden_sim::{SimNode, view};

/// What one block holds for us.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) id: BlockId,
    pub(super) height: i64,
    pub(super) time: Timestamp,
    pub(super) payments: Vec<Transfer>,
    pub(super) moves: Vec<Move>,
    /// What went back to customers.
    pub(super) refunds: Vec<Transfer>,
}

/// Stake for energy that a pool account gave or took back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Move {
    pub(super) tx_id: TxId,
    pub(super) owner: Address,
    pub(super) receiver: Address,
    pub(super) balance: Sun,
    /// Given, as opposed to taken back.
    pub(super) out: bool,
}

impl Facts {
    /// A block before anything happened.
    pub(super) fn first(head: Head) -> Self {
        Self {
            id: *head.block.id(),
            height: head.height().get(),
            time: head.timestamp,
            payments: Vec::new(),
            moves: Vec::new(),
            refunds: Vec::new(),
        }
    }
}

impl Oracle {
    /// Reads what is new on the chain.
    pub(crate) fn read_chain(&mut self, node: &SimNode, forked: bool) {
        self.forked |= forked;
        let chain = node.chain();
        let usdt = chain.config().usdt;
        while self.blocks.len() > 1
            && let Some(last) = self.blocks.last()
            && chain.block(last.height).is_none_or(|block| block.id != last.id)
        {
            self.blocks.pop();
        }
        let from = self.blocks.last().map_or(0, |block| block.height) + 1;
        let newest = chain.head().number();
        for number in from..=newest {
            let Some(stored) = chain.block(number) else { continue };
            let block = view::block(stored, usdt);
            let refunds: Vec<Transfer> =
                block.transfers.iter().filter(|t| t.from == self.refunder).cloned().collect();
            for refund in &refunds {
                self.refunded_at.entry(refund.tx_id).or_insert(newest);
            }
            let payments: Vec<Transfer> =
                block.transfers.into_iter().filter(|t| t.to == self.payee && t.amount > 0).collect();
            for payment in &payments {
                let first = self.first_in.entry(payment.tx_id).or_insert(block.timestamp);
                *first = block.timestamp.min(*first);
            }
            let moves = block
                .resource_events
                .iter()
                .filter(|event| self.pool.contains(&event.owner))
                .filter_map(|event| {
                    match event.action {
                        ResourceAction::Delegate {
                            receiver, resource: Resource::Energy, balance, ..
                        } => Some((receiver, balance, true)),
                        ResourceAction::Undelegate { receiver, resource: Resource::Energy, balance } => {
                            Some((receiver, balance, false))
                        }
                        _ => None,
                    }
                    .map(|(receiver, balance, out)| Move {
                        tx_id: event.tx_id,
                        owner: event.owner,
                        receiver,
                        balance,
                        out,
                    })
                })
                .collect();
            self.blocks.push(Facts {
                id: block.id,
                height: number,
                time: block.timestamp,
                payments,
                moves,
                refunds,
            });
        }
    }

    /// The chain was turned below a solid block: what the books say is not what it says any more.
    pub(crate) fn lose_faith(&mut self) {
        self.lost_faith = true;
    }
}
