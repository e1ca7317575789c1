//! The judge of a demonstration. It does not believe the service: it reads the chain block by block and counts what
//! really reached each customer and what really came back.

use leyden_domain::{
    Address, EnergyRatio, Height, Sun, Timestamp, TxId,
    chain::{Resource, ResourceAction},
};
use leyden_ports::{ChainError, ChainReader};
use std::collections::BTreeMap;

/// What the chain says about one address.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Stake delegated to it for energy.
    pub(super) out: Sun,
    /// Stake taken back from it.
    pub(super) back: Sun,
    /// Block and slot time of the last delegation.
    pub(super) delivered: Option<(Height, Timestamp)>,
    /// How many delegations.
    pub(super) delegations: u32,
}

/// Everything the chain says.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// By receiver.
    pub(super) receivers: BTreeMap<Address, Seen>,
    /// In which block each transfer to the payment address is.
    pub(super) payments: BTreeMap<TxId, (Height, Timestamp)>,
    next: Height,
}

impl Audit {
    /// Reads the blocks that were not read before, up to the head. Only what is solid is final; the caller waits.
    pub(super) async fn read_on(
        &mut self,
        chain: &dyn ChainReader,
        payment_address: Address,
    ) -> Result<(), ChainError> {
        let head = chain.solid().await?;
        self.next = self.next.max(Height::new(1));
        while self.next <= head.height() {
            let blocks = chain.blocks(self.next, 50).await?;
            if blocks.is_empty() {
                return Ok(());
            }
            for block in blocks.into_iter().take_while(|block| block.height() <= head.height()) {
                self.next = block.height().next();
                let place = (block.height(), block.timestamp);
                for transfer in block.transfers.iter().filter(|t| t.to == payment_address) {
                    self.payments.insert(transfer.tx_id, place);
                }
                for event in block.resource_events {
                    match event.action {
                        ResourceAction::Delegate {
                            receiver, resource: Resource::Energy, balance, ..
                        } => {
                            let seen = self.receivers.entry(receiver).or_default();
                            seen.out = seen.out.plus(balance).unwrap_or(seen.out);
                            seen.delegations = seen.delegations.saturating_add(1);
                            seen.delivered = Some(place);
                        }
                        ResourceAction::Undelegate { receiver, resource: Resource::Energy, balance } => {
                            let seen = self.receivers.entry(receiver).or_default();
                            seen.back = seen.back.plus(balance).unwrap_or(seen.back);
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// What the chain says about one address.
    pub(super) fn of(&self, address: Address) -> Seen {
        self.receivers.get(&address).cloned().unwrap_or_default()
    }
}

/// Whether stake is worth so much more than was bought that something must have been delegated twice. A tenth of
/// one transfer is more than any margin and less than any second delegation.
pub(super) fn is_doubled(out: Sun, bought: i64, per_transfer: i64, ratio: EnergyRatio) -> bool {
    let margin = bought.checked_div(50).unwrap_or(0).max(per_transfer.checked_div(10).unwrap_or(0));
    ratio.energy_of(out).get() > bought.saturating_add(margin)
}
