//! Who the well-known accounts of a simulated chain are. Their private keys are hashes of their names, so every
//! chain has the same ones and anybody can sign for them: never send them anything of value.

use crate::config::{GenesisAccount, TRX, USDT_MAINNET, forwarder_address};
use leyden_domain::Address;
use leyden_tron::crypto::{SecretKey, sha256};

/// How many test accounts are funded by default.
pub const TEST_ACCOUNTS: u32 = 10;

/// How many pool accounts with stake there are by default.
pub const POOL_ACCOUNTS: u32 = 3;

/// How many witnesses produce blocks in turn.
pub const WITNESSES: u32 = 27;

/// The private key that belongs to a name, and its bytes.
fn derived(name: &str) -> ([u8; 32], SecretKey) {
    let mut bytes = sha256(name.as_bytes());
    loop {
        // All but one in 2^128 hashes are keys; the others are hashed again.
        match SecretKey::from_bytes(&bytes) {
            Ok(key) => return (bytes, key),
            Err(_) => bytes = sha256(&bytes),
        }
    }
}

/// The address that belongs to a name.
pub(crate) fn derived_address(name: &str) -> Address {
    derived(name).1.address()
}

/// The key of test account `n`, counted from 0.
pub fn test_key(n: u32) -> SecretKey {
    derived(&format!("leyden test account {n}")).1
}

/// The private key of test account `n` in hexadecimal, for wallets and scripts.
pub fn test_key_hex(n: u32) -> String {
    hex::encode(derived(&format!("leyden test account {n}")).0)
}

/// The address of test account `n`.
pub fn test_address(n: u32) -> Address {
    test_key(n).address()
}

/// The key of pool account `n`, counted from 0: funded and staked at genesis.
pub fn pool_key(n: u32) -> SecretKey {
    derived(&format!("leyden pool account {n}")).1
}

/// The private key of pool account `n` in hexadecimal.
pub fn pool_key_hex(n: u32) -> String {
    hex::encode(derived(&format!("leyden pool account {n}")).0)
}

/// The address of pool account `n`.
pub fn pool_address(n: u32) -> Address {
    pool_key(n).address()
}

/// The key of witness `n`.
pub(crate) fn witness_key(n: u32) -> SecretKey {
    derived(&format!("leyden witness {n}")).1
}

/// Mainnet's USDT address.
pub(crate) fn usdt_address() -> Address {
    // The text is a constant of this crate; the fallback keeps the function total.
    Address::from_base58(USDT_MAINNET).unwrap_or_else(|_| forwarder_address())
}

/// Test accounts with 1,000,000 TRX and 100,000 USDT each; pool accounts with 100,000 TRX, 10,000,000 TRX staked
/// for energy and 100,000 TRX staked for bandwidth.
pub fn default_genesis() -> Vec<GenesisAccount> {
    let test = (0..TEST_ACCOUNTS).map(|n| GenesisAccount {
        address: test_address(n),
        balance: 1_000_000 * TRX,
        staked_energy: 0,
        staked_net: 0,
        usdt: 100_000 * TRX,
    });
    let pool = (0..POOL_ACCOUNTS).map(|n| GenesisAccount {
        address: pool_address(n),
        balance: 100_000 * TRX,
        staked_energy: 10_000_000 * TRX,
        staked_net: 100_000 * TRX,
        usdt: 0,
    });
    test.chain(pool).collect()
}
