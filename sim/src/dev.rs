//! Changing the state from outside, as a development chain allows: give TRX, mint USDT, stake, use up energy. The
//! actions belong to the block that was the head when they happened; a fork below it carries them over, so that
//! what a test was given stays given.

use crate::{exec::Context, world::World};
use leyden_domain::{Address, chain::Resource};
use serde::{Deserialize, Serialize};

/// A change from outside. Amounts in sun, or in millionths of USDT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum DevAction {
    /// Gives TRX, activating the account where needed.
    Fund {
        /// To whom.
        address: Address,
        /// How much.
        sun: i64,
    },
    /// Gives USDT.
    MintUsdt {
        /// To whom.
        address: Address,
        /// How much.
        amount: i64,
    },
    /// Gives stake, as if the TRX had been given and staked.
    Stake {
        /// To whom.
        address: Address,
        /// For which resource.
        resource: Resource,
        /// How much.
        sun: i64,
    },
    /// Uses up a resource, as a contract call or a transaction would.
    Use {
        /// Whose.
        address: Address,
        /// Which.
        resource: Resource,
        /// How much energy or bandwidth.
        amount: i64,
    },
}

/// Performs an action.
pub(crate) fn apply(world: &mut World, context: Context<'_>, action: &DevAction) {
    match action {
        DevAction::Fund { address, sun } => {
            world.activate(*address, context.head_time);
            world.credit(*address, *sun);
            world.change_totals(|totals| totals.issued = totals.issued.saturating_add(*sun));
        }
        DevAction::MintUsdt { address, amount } => {
            let held = world.tokens.get(address).copied().unwrap_or(0).saturating_add(*amount);
            world.tokens.put(*address, (held != 0).then_some(held));
            world.change_totals(|totals| totals.usdt_supply = totals.usdt_supply.saturating_add(*amount));
        }
        DevAction::Stake { address, resource, sun } => {
            world.activate(*address, context.head_time);
            world.change_stake(*address, *resource, |account| account.stake_mut(*resource).frozen += *sun);
            world.change_totals(|totals| totals.issued = totals.issued.saturating_add(*sun));
        }
        DevAction::Use { address, resource, amount } => {
            world.update(*address, |account| {
                account.stake_mut(*resource).usage.increase(*amount, context.slot);
            });
        }
    }
}
