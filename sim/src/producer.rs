//! Makes blocks as time goes by. The caller runs it and says what time it is.

use crate::{error::SimError, node::SimNode};
use leyden_ports::Clock;
use std::{str::FromStr, sync::Arc, time::Duration};

/// How often an instant chain makes a block when nobody wants one, so that solidity and recovery go on.
const IDLE: Duration = Duration::from_secs(1);

/// When blocks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockTime {
    /// As soon as a transaction waits, and now and then an empty one.
    Instant,
    /// Every so many milliseconds.
    Every(u32),
}

impl BlockTime {
    /// What the chain's configuration calls the time between two blocks.
    pub const fn slot_ms(self) -> i64 {
        match self {
            Self::Instant | Self::Every(0) => 1,
            Self::Every(ms) => ms as i64,
        }
    }
}

impl FromStr for BlockTime {
    type Err = String;

    /// `instant`, `3s` or `250ms`.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |digits: &str| digits.parse::<u32>().map_err(|error| format!("{text}: {error}"));
        if text == "instant" {
            Ok(Self::Instant)
        } else if let Some(ms) = text.strip_suffix("ms") {
            number(ms).map(Self::Every)
        } else if let Some(seconds) = text.strip_suffix('s') {
            number(seconds).map(|seconds| Self::Every(seconds.saturating_mul(1_000)))
        } else {
            Err(format!("{text}: neither `instant` nor a time such as `3s` or `250ms`"))
        }
    }
}

/// Makes blocks for ever. Ends only where the journal cannot be written.
pub async fn run_producer(node: SimNode, clock: Arc<dyn Clock>, block_time: BlockTime) -> SimError {
    loop {
        let now = clock.now().ms();
        let made = match block_time {
            BlockTime::Instant => {
                let waits = node.chain().pending().next().is_some();
                if !waits {
                    // A tick without transactions is no error: it is when the empty block is made.
                    let _idle = tokio::time::timeout(IDLE, node.wait_for_offer()).await;
                }
                node.mine_at(clock.now().ms())
            }
            BlockTime::Every(_) => {
                let slot = block_time.slot_ms();
                let wait = slot - now.rem_euclid(slot);
                tokio::time::sleep(Duration::from_millis(u64::try_from(wait).unwrap_or(1))).await;
                let due = clock.now().ms();
                node.mine_at(due - due.rem_euclid(slot))
            }
        };
        if let Err(error) = made {
            return error;
        }
    }
}
