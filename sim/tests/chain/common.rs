//! What the tests of the chain share.

use leyden_domain::Address;
use leyden_sim::{ChainConfig, GenesisAccount, Offer, SimNode, build::Options, config::TRX, keys};
use leyden_tron::{
    crypto::{SecretKey, sha256},
    wire::proto::{
        ContractMessage, DelegateResourceContract, FreezeBalanceV2Contract, ResourceCode, ResponseCode,
        UnDelegateResourceContract, UnfreezeBalanceV2Contract,
    },
};

/// A slot boundary to start at, so that slots are easy to count.
pub(crate) const START: i64 = 1_780_000_002_000;

/// A chain with the default accounts.
pub(crate) fn node() -> SimNode {
    SimNode::new(ChainConfig { genesis_time: START, ..ChainConfig::default() })
}

/// A chain with these accounts only.
pub(crate) fn node_of(accounts: Vec<GenesisAccount>) -> SimNode {
    SimNode::new(ChainConfig { genesis_time: START, accounts, ..ChainConfig::default() })
}

/// An address that nobody has used.
pub(crate) fn stranger(n: u8) -> Address {
    SecretKey::from_bytes(&sha256(&[b's', n])).unwrap().address()
}

pub(crate) fn bytes(address: Address) -> Vec<u8> {
    address.to_bytes().to_vec()
}

/// Offers a transaction.
pub(crate) fn offer<M: ContractMessage>(node: &SimNode, key: &SecretKey, message: &M) -> Offer {
    node.send(key, message, Options::default()).unwrap()
}

/// Offers a transaction that must be taken, and makes a block with it.
pub(crate) fn done<M: ContractMessage>(node: &SimNode, key: &SecretKey, message: &M) -> Offer {
    let offer = offer(node, key, message);
    assert_eq!((offer.code, offer.message.as_str()), (ResponseCode::Success, ""));
    node.mine().unwrap();
    assert!(node.chain().transaction(&offer.tx_id).is_some(), "not in a block");
    offer
}

/// Offers a transaction that must be refused by its contract, and gives the contract's words.
pub(crate) fn refused<M: ContractMessage>(node: &SimNode, key: &SecretKey, message: &M) -> String {
    let offer = offer(node, key, message);
    assert_eq!(offer.code, ResponseCode::ContractValidateError, "{}", offer.message);
    let words = offer.message.strip_prefix("Contract validate error : ").expect("the node's prefix");
    words.to_owned()
}

pub(crate) fn delegate(from: Address, to: Address, sun: i64) -> DelegateResourceContract {
    DelegateResourceContract {
        owner_address: bytes(from),
        resource: ResourceCode::Energy.into(),
        balance: sun,
        receiver_address: bytes(to),
        lock: false,
        lock_period: 0,
    }
}

pub(crate) fn undelegate(from: Address, to: Address, sun: i64) -> UnDelegateResourceContract {
    UnDelegateResourceContract {
        owner_address: bytes(from),
        resource: ResourceCode::Energy.into(),
        balance: sun,
        receiver_address: bytes(to),
    }
}

pub(crate) fn freeze(owner: Address, sun: i64) -> FreezeBalanceV2Contract {
    FreezeBalanceV2Contract {
        owner_address: bytes(owner),
        frozen_balance: sun,
        resource: ResourceCode::Energy.into(),
    }
}

pub(crate) fn unfreeze(owner: Address, sun: i64) -> UnfreezeBalanceV2Contract {
    UnfreezeBalanceV2Contract {
        owner_address: bytes(owner),
        unfreeze_balance: sun,
        resource: ResourceCode::Energy.into(),
    }
}

/// The pool account that the default chain has, and a receiver.
pub(crate) fn pool() -> (SecretKey, Address, Address) {
    (keys::pool_key(0), keys::pool_address(0), keys::test_address(0))
}

pub(crate) const fn trx(amount: i64) -> i64 {
    amount * TRX
}
