//! What the chain says about a demonstration. Nobody asks the service here: the blocks are read one by one, and what
//! really reached each customer and what really came back is written down transaction by transaction.

use leyden_domain::{
    Address, Height, Sun, Timestamp, TxId,
    chain::{Resource, ResourceAction},
};
use leyden_ports::{ChainError, ChainReader};
use std::collections::BTreeMap;

/// One delegation of energy.
#[derive(Debug, Clone)]
pub(super) struct Delegation {
    pub(super) tx_id: TxId,
    /// Whose stake.
    pub(super) owner: Address,
    pub(super) balance: Sun,
    pub(super) place: (Height, Timestamp),
}

/// What the chain says about one address.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// What was delegated to it.
    pub(super) out: Vec<Delegation>,
    /// What was taken back from it: whose stake and how much.
    pub(super) back: Vec<(Address, Sun)>,
    /// The payments it made.
    pub(super) payments: Vec<TxId>,
    /// What the refund account sent to it, transfer by transfer.
    pub(super) refunds: Vec<Sun>,
}

impl Seen {
    /// Stake delegated to it, all in all.
    pub(super) fn stake(&self) -> Sun {
        self.out.iter().fold(Sun::ZERO, |sum, one| sum.plus(one.balance).unwrap_or(sum))
    }

    /// Whether each delegation was taken back once, for exactly its own amount.
    pub(super) fn is_all_back(&self) -> bool {
        let mut out: Vec<_> = self.out.iter().map(|one| (one.owner, one.balance)).collect();
        let mut back = self.back.clone();
        out.sort_unstable();
        back.sort_unstable();
        out == back
    }

    /// Block and slot time of the last delegation.
    pub(super) fn delivered(&self) -> Option<(Height, Timestamp)> {
        self.out.iter().map(|one| one.place).max()
    }
}

/// Everything the chain says.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// By address.
    pub(super) seen: BTreeMap<Address, Seen>,
    /// In which block each transfer to the payment address is.
    pub(super) payments: BTreeMap<TxId, (Height, Timestamp)>,
}

impl Audit {
    /// Reads the whole chain. The demonstration's chain has no forks: what is in a block stays there.
    pub(super) async fn read(
        chain: &dyn ChainReader,
        payment_address: Address,
        refund_address: Address,
    ) -> Result<Self, ChainError> {
        let mut audit = Self::default();
        let head = chain.head().await?;
        let mut next = Height::new(1);
        while next <= head.height() {
            let blocks = chain.blocks(next, 50).await?;
            if blocks.is_empty() {
                break;
            }
            for block in blocks {
                next = block.height().next();
                let place = (block.height(), block.timestamp);
                for transfer in block.transfers.iter().filter(|t| t.to == payment_address) {
                    audit.payments.insert(transfer.tx_id, place);
                    audit.seen.entry(transfer.from).or_default().payments.push(transfer.tx_id);
                }
                for transfer in block.transfers.iter().filter(|t| t.from == refund_address) {
                    audit.seen.entry(transfer.to).or_default().refunds.push(Sun::new(transfer.amount));
                }
                for event in block.resource_events {
                    match event.action {
                        ResourceAction::Delegate {
                            receiver, resource: Resource::Energy, balance, ..
                        } => audit.seen.entry(receiver).or_default().out.push(Delegation {
                            tx_id: event.tx_id,
                            owner: event.owner,
                            balance,
                            place,
                        }),
                        ResourceAction::Undelegate { receiver, resource: Resource::Energy, balance } => {
                            audit.seen.entry(receiver).or_default().back.push((event.owner, balance));
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(audit)
    }

    /// What the chain says about one address.
    pub(super) fn of(&self, address: Address) -> Seen {
        self.seen.get(&address).cloned().unwrap_or_default()
    }
}
