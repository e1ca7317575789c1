//! The state that transactions change: accounts, delegations, token balances, totals. Everything lives in
//! tables, so any change can be undone and any recent state looked at.

use crate::{account::Account, config::ChainConfig, resource, table::Table};
use leyden_domain::{Address, chain::Resource};

/// Stake lent by one account to another; locked and unlocked amounts are separate records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delegation {
    /// For bandwidth, in sun.
    pub net: i64,
    /// For energy, in sun.
    pub energy: i64,
    /// Until when the bandwidth part is locked, milliseconds since the epoch; 0 where it is not.
    pub net_expires_at: i64,
    /// Until when the energy part is locked, milliseconds since the epoch; 0 where it is not.
    pub energy_expires_at: i64,
}

impl Delegation {
    /// The amount for one resource.
    pub const fn amount(&self, resource: Resource) -> i64 {
        match resource {
            Resource::Energy => self.energy,
            Resource::Bandwidth | Resource::TronPower => self.net,
        }
    }

    /// The expiry for one resource.
    pub const fn expires_at(&self, resource: Resource) -> i64 {
        match resource {
            Resource::Energy => self.energy_expires_at,
            Resource::Bandwidth | Resource::TronPower => self.net_expires_at,
        }
    }

    /// Adds to one resource's amount and sets its expiry: a new lock moves the expiry of the whole amount.
    pub(crate) const fn add(&mut self, resource: Resource, amount: i64, expires_at: i64) {
        match resource {
            Resource::Energy => {
                self.energy = self.energy.saturating_add(amount);
                self.energy_expires_at = expires_at;
            }
            Resource::Bandwidth | Resource::TronPower => {
                self.net = self.net.saturating_add(amount);
                self.net_expires_at = expires_at;
            }
        }
    }

    /// Whether nothing is lent.
    pub const fn is_empty(&self) -> bool {
        self.net == 0 && self.energy == 0
    }
}

/// Owner, receiver, and whether the record is the locked one.
pub type DelegationKey = (Address, Address, bool);

/// Sums over the whole chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Whole TRX staked for bandwidth on this chain.
    pub net_weight: i64,
    /// Whole TRX staked for energy on this chain.
    pub energy_weight: i64,
    /// Sun burnt since the start.
    pub burnt: i64,
    /// Sun that came into being: genesis and funding.
    pub issued: i64,
    /// USDT millionths that came into being.
    pub usdt_supply: i64,
}

/// How far back to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The head with the pending transactions applied, as a full node answers under `/wallet`.
    Pending,
    /// The head block.
    Head,
    /// The newest solid block, as under `/walletsolidity`.
    Solid,
}

/// The state.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) accounts: Table<Address, Account>,
    pub(crate) delegations: Table<DelegationKey, Delegation>,
    pub(crate) tokens: Table<Address, i64>,
    pub(crate) allowances: Table<(Address, Address), i64>,
    totals: Table<(), Totals>,
}

impl World {
    /// An empty state.
    pub(crate) const fn new() -> Self {
        Self {
            accounts: Table::new(),
            delegations: Table::new(),
            tokens: Table::new(),
            allowances: Table::new(),
            totals: Table::new(),
        }
    }

    /// Starts a layer of changes.
    pub(crate) fn push(&mut self) {
        self.accounts.push();
        self.delegations.push();
        self.tokens.push();
        self.allowances.push();
        self.totals.push();
    }

    /// Undoes the topmost layer.
    pub(crate) fn undo(&mut self) {
        self.accounts.undo();
        self.delegations.undo();
        self.tokens.undo();
        self.allowances.undo();
        self.totals.undo();
    }

    /// Makes the topmost layer part of the one below.
    pub(crate) fn fold(&mut self) {
        self.accounts.fold();
        self.delegations.fold();
        self.tokens.fold();
        self.allowances.fold();
        self.totals.fold();
    }

    /// Forgets how to undo the oldest layer.
    pub(crate) fn forget_oldest(&mut self) {
        self.accounts.forget_oldest();
        self.delegations.forget_oldest();
        self.tokens.forget_oldest();
        self.allowances.forget_oldest();
        self.totals.forget_oldest();
    }

    /// An account.
    pub(crate) fn account(&self, address: &Address) -> Option<&Account> {
        self.accounts.get(address)
    }

    /// Changes an account that exists; does nothing to one that does not.
    pub(crate) fn update(&mut self, address: Address, change: impl FnOnce(&mut Account)) {
        if let Some(mut account) = self.accounts.get(&address).cloned() {
            change(&mut account);
            self.accounts.put(address, Some(account));
        }
    }

    /// Activates an account unless it exists.
    pub(crate) fn activate(&mut self, address: Address, now: i64) {
        if self.account(&address).is_none() {
            self.accounts.put(address, Some(Account::new(address, now)));
        }
    }

    /// Adds TRX to an account that exists.
    pub(crate) fn credit(&mut self, address: Address, sun: i64) {
        self.update(address, |account| account.balance = account.balance.saturating_add(sun));
    }

    /// Takes TRX from an account, or says that it has not enough.
    pub(crate) fn debit(&mut self, address: Address, sun: i64) -> bool {
        let enough = self.account(&address).is_some_and(|account| account.balance >= sun);
        if enough {
            self.update(address, |account| account.balance -= sun);
        }
        enough
    }

    /// Takes TRX from an account and burns it, or says that it has not enough.
    pub(crate) fn burn(&mut self, address: Address, sun: i64) -> bool {
        let paid = self.debit(address, sun);
        if paid {
            self.change_totals(|totals| totals.burnt = totals.burnt.saturating_add(sun));
        }
        paid
    }

    /// The totals.
    pub(crate) fn totals(&self) -> Totals {
        self.totals.get(&()).copied().unwrap_or_default()
    }

    /// Changes the totals.
    pub(crate) fn change_totals(&mut self, change: impl FnOnce(&mut Totals)) {
        let mut totals = self.totals();
        change(&mut totals);
        self.totals.put((), Some(totals));
    }

    /// Changes the stake of an account and the network's weight with it.
    pub(crate) fn change_stake(
        &mut self,
        address: Address,
        resource: Resource,
        change: impl FnOnce(&mut Account),
    ) {
        let weight = |world: &Self| {
            world.account(&address).map_or(0, |account| account.stake(resource).owned() / crate::config::TRX)
        };
        let before = weight(self);
        self.update(address, change);
        let grown = weight(self) - before;
        self.change_totals(|totals| match resource {
            Resource::Energy => totals.energy_weight += grown,
            Resource::Bandwidth => totals.net_weight += grown,
            Resource::TronPower => {}
        });
    }

    /// Sets a delegation, or removes it where nothing is lent any more.
    pub(crate) fn put_delegation(&mut self, key: DelegationKey, delegation: Delegation) {
        self.delegations.put(key, (!delegation.is_empty()).then_some(delegation));
    }

    /// The network's weight of a resource, in whole TRX.
    pub(crate) fn weight(&self, config: &ChainConfig, resource: Resource) -> i64 {
        let totals = self.totals();
        config.network_weight(resource).saturating_add(match resource {
            Resource::Energy => totals.energy_weight,
            Resource::Bandwidth => totals.net_weight,
            Resource::TronPower => 0,
        })
    }

    /// How much of a resource an account may use per 24 hours.
    pub(crate) fn limit(&self, config: &ChainConfig, account: &Account, resource: Resource) -> i64 {
        resource::limit_of_stake(
            account.stake(resource).effective(),
            config.total_limit(resource),
            self.weight(config, resource),
        )
    }

    /// How much of a resource an account has left at a slot.
    pub(crate) fn left(&self, config: &ChainConfig, account: &Account, resource: Resource, slot: i64) -> i64 {
        let used = account.stake(resource).usage.recovered(slot);
        self.limit(config, account, resource).saturating_sub(used).max(0)
    }

    /// How much of its own stake an account may lend at a slot, in sun: what usage still occupies stays, except
    /// what borrowed stake covers. `extra_used` is usage that is about to happen.
    pub(crate) fn delegatable(
        &self,
        config: &ChainConfig,
        account: &Account,
        resource: Resource,
        slot: i64,
        extra_used: i64,
    ) -> i64 {
        let stake = account.stake(resource);
        let used = stake.usage.recovered(slot).saturating_add(extra_used);
        let occupied =
            resource::stake_of_usage(used, config.total_limit(resource), self.weight(config, resource));
        stake.frozen - occupied.saturating_sub(stake.acquired).max(0)
    }
}
