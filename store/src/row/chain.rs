//! Blocks and what was read from them.

use super::{Place, row};
use leyden_domain::{
    BlockId, Sun, Timestamp,
    chain::{Head, Lock, Resource, ResourceAction, ResourceEvent},
};
use leyden_ports::store::StoreError;

row!(
    /// A block's place and time.
    BlockRow { height: i64, block_id: String, parent_id: String, block_time: i64 }
);

impl BlockRow {
    /// Its place and time.
    pub(crate) fn head(&self) -> Result<Head, StoreError> {
        let place = Place::new("blocks", &self.block_id);
        let block = place.block("block_id", &self.block_id, self.height)?;
        Ok(Head { block, timestamp: Timestamp::from_ms(self.block_time) })
    }

    /// The block before it.
    pub(crate) fn parent(&self) -> Result<BlockId, StoreError> {
        Place::new("blocks", &self.block_id).parse("parent_id", &self.parent_id)
    }
}

row!(
    /// A change of stake or delegation.
    EventRow {
        height: i64,
        block_id: String,
        block_time: i64,
        tx_id: String,
        owner: String,
        action: String,
        receiver: Option<String>,
        resource: Option<String>,
        balance: Option<i64>,
        lock_blocks: Option<i64>,
    }
);

impl EventRow {
    /// The event with its block.
    pub(crate) fn event(&self) -> Result<(Head, ResourceEvent), StoreError> {
        let place = Place::new("resource_events", &self.tx_id);
        let head = Head {
            block: place.block("block_id", &self.block_id, self.height)?,
            timestamp: Timestamp::from_ms(self.block_time),
        };
        let resource =
            || place.parse::<Resource>("resource", place.some("resource", self.resource.as_deref())?);
        let balance = || place.some("balance", self.balance).map(Sun::new);
        let receiver = || place.parse("receiver", place.some("receiver", self.receiver.as_deref())?);
        let action = match self.action.as_str() {
            "stake" => ResourceAction::Stake { resource: resource()?, balance: balance()? },
            "unstake" => ResourceAction::Unstake { resource: resource()?, balance: balance()? },
            "withdraw" => ResourceAction::Withdraw,
            "cancel_unstake" => ResourceAction::CancelUnstake,
            "delegate" => ResourceAction::Delegate {
                receiver: receiver()?,
                resource: resource()?,
                balance: balance()?,
                lock: self.lock_blocks.map(|period_blocks| Lock { period_blocks }),
            },
            "undelegate" => ResourceAction::Undelegate {
                receiver: receiver()?,
                resource: resource()?,
                balance: balance()?,
            },
            _ => return Err(place.bad("action")),
        };
        let event = ResourceEvent {
            tx_id: place.parse("tx_id", &self.tx_id)?,
            owner: place.parse("owner", &self.owner)?,
            action,
        };
        Ok((head, event))
    }
}
