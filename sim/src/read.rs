//! Looking at the chain: accounts, resources, delegations and token balances as of the pending state, the head or
//! the solid block.

use crate::{
    account::Account,
    chain::Chain,
    config::{SLOT_MS, TRX},
    resource,
    token::{self, Call},
    world::{Delegation, Totals, View},
};
use leyden_domain::{Address, chain::Resource};
use std::collections::BTreeSet;

/// What a delegation of bandwidth costs its own owner in bandwidth: java-tron `DELEGATE_COST_BASE_SIZE`.
const DELEGATE_COST: i64 = 275;

/// What an account may use and has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    /// Free bandwidth used.
    pub free_used: i64,
    /// Free bandwidth per 24 hours.
    pub free_limit: i64,
    /// Staked bandwidth used.
    pub net_used: i64,
    /// Staked bandwidth per 24 hours.
    pub net_limit: i64,
    /// Energy used.
    pub energy_used: i64,
    /// Energy per 24 hours.
    pub energy_limit: i64,
    /// Bandwidth that the network shares out.
    pub total_net_limit: i64,
    /// Whole TRX staked for bandwidth.
    pub total_net_weight: i64,
    /// Energy that the network shares out.
    pub total_energy_limit: i64,
    /// Whole TRX staked for energy.
    pub total_energy_weight: i64,
}

/// What a call that changes nothing would do.
#[derive(Debug, Clone, PartialEq)]
pub struct CallResult {
    /// Energy it would use, penalty included.
    pub energy: i64,
    /// The penalty in it.
    pub penalty: i64,
    /// Whether it would revert.
    pub reverted: bool,
    /// What it returns.
    pub returned: Vec<u8>,
    /// The logs it would leave.
    pub logs: Vec<leyden_tron::wire::proto::Log>,
}

impl Chain {
    /// How many layers of changes lie above a view.
    fn layers(&self, view: View) -> usize {
        match view {
            View::Pending => 0,
            View::Head => 1,
            View::Solid => {
                let above = self.head().number() - self.solid_number();
                usize::try_from(above).unwrap_or(0).min(self.remembered) + 1
            }
        }
    }

    /// The time of the block that a view looks from.
    pub fn time(&self, view: View) -> i64 {
        match view {
            View::Pending | View::Head => self.head().timestamp(),
            View::Solid => self.solid().timestamp(),
        }
    }

    /// The slot of the block that a view looks from.
    pub fn slot(&self, view: View) -> i64 {
        self.time(view) / SLOT_MS
    }

    /// An account.
    pub fn account(&self, view: View, address: &Address) -> Option<&Account> {
        self.world.accounts.get_before(address, self.layers(view))
    }

    /// Every account of the pending state.
    pub fn accounts(&self) -> impl Iterator<Item = (&Address, &Account)> {
        self.world.accounts.iter()
    }

    /// Every delegation of the pending state: owner, receiver, whether it is the locked record.
    pub fn delegations(&self) -> impl Iterator<Item = (&(Address, Address, bool), &Delegation)> {
        self.world.delegations.iter()
    }

    /// USDT held, in millionths.
    pub fn usdt_balance(&self, view: View, address: &Address) -> i64 {
        self.world.tokens.get_before(address, self.layers(view)).copied().unwrap_or(0)
    }

    /// Sums over the pending state.
    pub fn totals(&self) -> Totals {
        self.world.totals()
    }

    /// What one account lends another: the unlocked and the locked record.
    pub fn delegation(&self, view: View, from: Address, to: Address) -> [Option<Delegation>; 2] {
        let layers = self.layers(view);
        [false, true].map(|locked| self.world.delegations.get_before(&(from, to, locked), layers).copied())
    }

    /// Who lends to an account, and to whom it lends.
    pub fn partners(&self, view: View, address: Address) -> (BTreeSet<Address>, BTreeSet<Address>) {
        let layers = self.layers(view);
        let (mut from, mut to) = (BTreeSet::new(), BTreeSet::new());
        for key in self.world.delegations.keys_ever() {
            if (key.0 == address || key.1 == address)
                && self.world.delegations.get_before(key, layers).is_some()
            {
                if key.0 == address {
                    to.insert(key.1);
                } else {
                    from.insert(key.0);
                }
            }
        }
        (from, to)
    }

    /// What an account may use and has used; an account that does not exist has nothing of its own.
    pub fn resources(&self, view: View, address: &Address) -> Resources {
        let config = self.config();
        let totals = Resources {
            total_net_limit: config.parameters.total_net_limit,
            total_net_weight: self.world.weight(config, Resource::Bandwidth),
            total_energy_limit: config.parameters.total_energy_limit,
            total_energy_weight: self.world.weight(config, Resource::Energy),
            ..Resources::default()
        };
        let Some(account) = self.account(view, address) else { return totals };
        let slot = self.slot(view);
        Resources {
            free_used: account.free_used_at(slot),
            free_limit: config.parameters.free_net_limit,
            net_used: account.net.usage.recovered(slot),
            net_limit: self.world.limit(config, account, Resource::Bandwidth),
            energy_used: account.energy.usage.recovered(slot),
            energy_limit: self.world.limit(config, account, Resource::Energy),
            ..totals
        }
    }

    /// How much of its own stake an account may lend, in sun; less than one TRX counts as nothing.
    pub fn delegatable(&self, view: View, address: &Address, resource: Resource) -> i64 {
        let Some(account) = self.account(view, address) else { return 0 };
        let own_cost = if resource == Resource::Bandwidth { DELEGATE_COST } else { 0 };
        let sun = self.world.delegatable(self.config(), account, resource, self.slot(view), own_cost);
        if sun < TRX { 0 } else { sun }
    }

    /// The smallest stake, in sun, that yields an amount of energy at the present weight.
    pub fn stake_for_energy(&self, energy: i64) -> i64 {
        let (limit, weight) =
            (self.config().total_limit(Resource::Energy), self.world.weight(self.config(), Resource::Energy));
        let mut enough = 1_i64;
        while resource::limit_of_stake(enough, limit, weight) < energy && enough < i64::MAX / 2 {
            enough *= 2;
        }
        let mut short = 0;
        while enough - short > 1 {
            let middle = short + (enough - short) / 2;
            if resource::limit_of_stake(middle, limit, weight) < energy {
                short = middle;
            } else {
                enough = middle;
            }
        }
        enough
    }

    /// Whether a contract lives at an address.
    pub fn is_contract(&self, address: Address) -> bool {
        token::exists(self.config(), address)
    }

    /// A call that changes nothing; `None` where no contract lives at the address.
    pub fn constant_call(
        &self,
        caller: Address,
        contract: Address,
        value: i64,
        data: &[u8],
    ) -> Option<CallResult> {
        if !token::exists(self.config(), contract) {
            return None;
        }
        let run = token::run(&self.world, self.config(), Call { caller, contract, value, data });
        Some(CallResult {
            energy: run.energy,
            penalty: run.penalty,
            reverted: run.reverted,
            returned: run.returned,
            logs: run.logs,
        })
    }
}
