//! What a simulated chain is made of: its parameters (the documented mainnet values by default), its prices, and
//! who owns what in the first block.

use crate::keys;
use leyden_domain::{Address, chain::Resource};
use serde::{Deserialize, Serialize};

/// Sun in one TRX.
pub const TRX: i64 = 1_000_000;

/// Milliseconds of one slot by which usage recovers, whatever the block time: java-tron `BLOCK_PRODUCED_INTERVAL`.
pub const SLOT_MS: i64 = 3_000;

/// Where mainnet's USDT lives; the simulated token answers there, so that clients need no other configuration.
pub const USDT_MAINNET: &str = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";

/// The chain parameters that the rules read. Amounts in sun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    /// Sun per byte where bandwidth is burnt.
    pub transaction_fee: i64,
    /// Burnt instead of bandwidth by a transaction that activates an account.
    pub create_account_fee: i64,
    /// Burnt by a transfer that activates its recipient.
    pub create_new_account_fee: i64,
    /// Sun per unit of energy.
    pub energy_fee: i64,
    /// Burnt by a change of permissions.
    pub update_permission_fee: i64,
    /// Burnt once by a transaction with more than one signature.
    pub multi_sign_fee: i64,
    /// Burnt by a transaction with a memo.
    pub memo_fee: i64,
    /// Energy shared out over all stake per 24 hours.
    pub total_energy_limit: i64,
    /// Bandwidth shared out over all stake per 24 hours.
    pub total_net_limit: i64,
    /// Bandwidth every account has for nothing per 24 hours.
    pub free_net_limit: i64,
    /// The largest `fee_limit`.
    pub max_fee_limit: i64,
    /// Days until unstaked TRX can be withdrawn.
    pub unfreeze_delay_days: i64,
    /// The longest lock of a delegation, in blocks of three seconds.
    pub max_delegate_lock_period: i64,
    /// The longest transaction that activates an account, in bytes without signatures.
    pub max_create_account_tx_size: i64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            transaction_fee: 1_000,
            create_account_fee: 100_000,
            create_new_account_fee: TRX,
            energy_fee: 100,
            update_permission_fee: 100 * TRX,
            multi_sign_fee: TRX,
            memo_fee: TRX,
            total_energy_limit: 180_000_000_000,
            total_net_limit: 43_200_000_000,
            free_net_limit: 600,
            max_fee_limit: 15_000 * TRX,
            unfreeze_delay_days: 14,
            max_delegate_lock_period: 864_000,
            max_create_account_tx_size: 1_000,
        }
    }
}

/// What a call of the token costs, penalty included, as receipts of July 2026 show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPrices {
    /// A transfer to somebody who holds the token already.
    pub transfer_to_holder: i64,
    /// Which part of it is the dynamic penalty.
    pub transfer_to_holder_penalty: i64,
    /// A transfer to somebody who holds none.
    pub transfer_to_stranger: i64,
    /// Which part of it is the dynamic penalty.
    pub transfer_to_stranger_penalty: i64,
    /// A call that reverts.
    pub revert: i64,
    /// Which part of it is the dynamic penalty.
    pub revert_penalty: i64,
    /// A call that only reads.
    pub read: i64,
    /// An approval.
    pub approve: i64,
    /// A call of the forwarding contract.
    pub forward: i64,
}

impl Default for TokenPrices {
    fn default() -> Self {
        Self {
            transfer_to_holder: 64_285,
            transfer_to_holder_penalty: 49_635,
            transfer_to_stranger: 130_285,
            transfer_to_stranger_penalty: 100_635,
            revert: 4_845,
            revert_penalty: 3_732,
            read: 935,
            approve: 99_764,
            forward: 24_300,
        }
    }
}

/// What one account has in the first block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenesisAccount {
    /// Whose.
    pub address: Address,
    /// TRX to spend, in sun.
    pub balance: i64,
    /// Stake for energy, in sun.
    pub staked_energy: i64,
    /// Stake for bandwidth, in sun.
    pub staked_net: i64,
    /// USDT, in millionths.
    pub usdt: i64,
}

impl GenesisAccount {
    /// An account with nothing but TRX.
    pub const fn with_balance(address: Address, sun: i64) -> Self {
        Self { address, balance: sun, staked_energy: 0, staked_net: 0, usdt: 0 }
    }
}

/// Everything that fixes a chain: the same configuration and the same inputs always give the same blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainConfig {
    /// Slot time of the first block, milliseconds since the epoch.
    pub genesis_time: i64,
    /// Milliseconds between two blocks: what the next slot is computed with.
    pub block_time_ms: i64,
    /// How many blocks the newest solid one lies behind the head.
    pub solid_depth: u32,
    /// Whole TRX that the rest of the network has staked for energy.
    pub network_energy_weight: i64,
    /// Whole TRX that the rest of the network has staked for bandwidth.
    pub network_net_weight: i64,
    /// The parameters.
    pub parameters: Parameters,
    /// What token calls cost.
    pub token_prices: TokenPrices,
    /// Where the USDT token lives.
    pub usdt: Address,
    /// Who owns what at the start.
    pub accounts: Vec<GenesisAccount>,
    /// Whether receipts carry the internal transactions of contracts (`vm.saveInternalTx`).
    pub internal_transactions: bool,
}

/// Where the built-in forwarding contract lives.
pub fn forwarder_address() -> Address {
    keys::derived_address("leyden forwarder contract")
}

impl Default for ChainConfig {
    fn default() -> Self {
        Self {
            genesis_time: 1_780_000_002_000,
            block_time_ms: SLOT_MS,
            solid_depth: 18,
            network_energy_weight: 19_125_511_029,
            network_net_weight: 26_677_115_436,
            parameters: Parameters::default(),
            token_prices: TokenPrices::default(),
            usdt: keys::usdt_address(),
            accounts: keys::default_genesis(),
            internal_transactions: true,
        }
    }
}

impl ChainConfig {
    /// The documented default with another start and another block time.
    #[must_use]
    pub fn starting_at(genesis_time: i64, block_time_ms: i64) -> Self {
        Self { genesis_time, block_time_ms: block_time_ms.max(1), ..Self::default() }
    }

    /// The network's weight of a resource before anybody on this chain staked, in whole TRX.
    pub const fn network_weight(&self, resource: Resource) -> i64 {
        match resource {
            Resource::Bandwidth => self.network_net_weight,
            Resource::Energy => self.network_energy_weight,
            Resource::TronPower => 0,
        }
    }

    /// What is shared out of a resource per 24 hours.
    pub const fn total_limit(&self, resource: Resource) -> i64 {
        match resource {
            Resource::Bandwidth => self.parameters.total_net_limit,
            Resource::Energy => self.parameters.total_energy_limit,
            Resource::TronPower => 0,
        }
    }
}
