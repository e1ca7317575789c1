//! An account: what it owns, what it has staked, lent and borrowed, what it has used, and who may sign for it.

use crate::{
    permission,
    resource::{Usage, free_usage},
};
use leyden_domain::{Address, chain::Resource};
use leyden_tron::wire::proto::Permission;

/// Stake on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfreezing {
    /// What it was staked for.
    pub resource: Resource,
    /// How much, in sun.
    pub amount: i64,
    /// From when it can be withdrawn, milliseconds since the epoch.
    pub expires_at: i64,
}

/// Everything about one resource of an account. Amounts in sun.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stake {
    /// Own stake that is not lent.
    pub frozen: i64,
    /// Own stake that is lent.
    pub delegated: i64,
    /// Others' stake that is lent to this account.
    pub acquired: i64,
    /// What was used of the resource.
    pub usage: Usage,
}

impl Stake {
    /// The stake whose resource this account may use.
    pub const fn effective(&self) -> i64 {
        self.frozen.saturating_add(self.acquired)
    }

    /// Own stake, lent or not.
    pub const fn owned(&self) -> i64 {
        self.frozen.saturating_add(self.delegated)
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Its name: of those of the first block and of contracts.
    pub name: String,
    /// TRX to spend, in sun.
    pub balance: i64,
    /// Whether it is a contract.
    pub is_contract: bool,
    /// When it was activated, milliseconds since the epoch; 0 where nobody activated it: in the first block, and of
    /// contracts.
    pub create_time: i64,
    /// When it last acted, milliseconds since the epoch.
    pub latest_operation_time: i64,
    /// Bandwidth.
    pub net: Stake,
    /// Energy.
    pub energy: Stake,
    /// Free bandwidth used as of `free_slot`.
    pub free_used: i64,
    /// The slot of the last use of free bandwidth.
    pub free_slot: i64,
    /// Stake on its way out.
    pub unfreezing: Vec<Unfreezing>,
    /// Who may do anything. An account that nobody activated has none, and its own key is its owner.
    pub owner_permission: Option<Permission>,
    /// Who may do some things.
    pub active_permissions: Vec<Permission>,
}

impl Account {
    /// A newly activated account.
    pub fn new(address: Address, create_time: i64) -> Self {
        Self {
            create_time,
            owner_permission: Some(permission::default_owner(address)),
            active_permissions: vec![permission::default_active(address)],
            ..Self::named(String::new())
        }
    }

    /// An account that is there without anybody having activated it.
    pub fn named(name: String) -> Self {
        Self {
            name,
            balance: 0,
            is_contract: false,
            create_time: 0,
            latest_operation_time: 0,
            net: Stake::default(),
            energy: Stake::default(),
            free_used: 0,
            free_slot: 0,
            unfreezing: Vec::new(),
            owner_permission: None,
            active_permissions: Vec::new(),
        }
    }

    /// A contract's account.
    pub fn contract(name: &str) -> Self {
        Self { is_contract: true, ..Self::named(name.to_owned()) }
    }

    /// One resource; voting power has none and reads as bandwidth's.
    pub const fn stake(&self, resource: Resource) -> &Stake {
        match resource {
            Resource::Energy => &self.energy,
            Resource::Bandwidth | Resource::TronPower => &self.net,
        }
    }

    /// One resource, to change it.
    pub const fn stake_mut(&mut self, resource: Resource) -> &mut Stake {
        match resource {
            Resource::Energy => &mut self.energy,
            Resource::Bandwidth | Resource::TronPower => &mut self.net,
        }
    }

    /// Free bandwidth still used at `slot`.
    pub fn free_used_at(&self, slot: i64) -> i64 {
        free_usage(self.free_used, self.free_slot, 0, slot)
    }

    /// How many unstakings are still waiting at `now`.
    pub fn waiting_unfreezings(&self, now: i64) -> usize {
        self.unfreezing.iter().filter(|one| one.expires_at > now).count()
    }

    /// What could be withdrawn at `now`.
    pub fn withdrawable(&self, now: i64) -> i64 {
        self.unfreezing
            .iter()
            .filter(|one| one.expires_at <= now)
            .fold(0, |sum, one| sum.saturating_add(one.amount))
    }

    /// Moves what can be withdrawn to the balance and says how much it was.
    pub fn withdraw(&mut self, now: i64) -> i64 {
        let amount = self.withdrawable(now);
        self.unfreezing.retain(|one| one.expires_at > now);
        self.balance = self.balance.saturating_add(amount);
        amount
    }
}
