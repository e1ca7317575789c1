//! A chain on which the same accounts do what those of the recorded one had done, so that the same members are there:
//! one with stake that lends, one that borrows, one that borrows locked, one that calls contracts, and a stranger.

use super::shape::Names;
use leyden_domain::Address;
use leyden_sim::{
    ChainConfig, GenesisAccount, Offer, SimNode,
    build::Options,
    config::{TRX, TokenPrices},
    keys,
};
use leyden_tron::{
    crypto::SecretKey,
    wire::proto::{
        ContractMessage, DelegateResourceContract, FreezeBalanceV2Contract, ResponseCode,
        UnDelegateResourceContract, UnfreezeBalanceV2Contract,
    },
};
use std::collections::BTreeMap;

/// The parts: the name, the recorded address, and the number of the key that plays it here.
const PARTS: [(&str, &str, u32); 9] = [
    ("owner", "418fadc7efa836484857b59266253933908d739fbb", 0),
    ("recv", "410040e914c09c50cbe4ec287240b328a56bdbf927", 1),
    ("recv2", "410e14b51ad12fcc07eeb9f91142e7ea3d50fa22b8", 2),
    ("other", "41fd6e892df6c4c7868b16346d22da2fecf5df7abf", 3),
    ("stranger", "4155146b7dd7da5f06a74cb8bcdc3e29d3af037658", 4),
    ("f1", "416aa0a99d85748767b9a5b2db4d33173210ccc159", 5),
    ("f2", "418b1d89055e2fca3972fdf3ab79664e99a05f7d33", 6),
    ("pool", "41213a9613b147fba5ac5e2d05a490b4b5a05bb5cf", POOL),
    ("hot", "416277b8696f801f01d8b474360379a681124e913f", 9),
];
/// Where the recorded token lives.
const CONTRACT: &str = "413ff15905730892e1253d243f7b6a55299dfe3159";
/// Who lends to the caller of contracts, and pays for new accounts with bandwidth of its own.
const POOL: u32 = 7;
/// The recorded transactions that the requests ask for.
const TRANSACTIONS: [(&str, &str); 5] = [
    ("transfer", "93a80e20e7f5340b6ce3494cdb5cc2d97eb280d901e75b897460af30d92c762a"),
    ("delegate", "8dc9b663a320b7cff5b319b7fac18c89daa68be794a0a188d1e2d67b39480073"),
    ("delegate_locked", "c4d9a8e2be9d26da34a9a9ad8b27a44f28ec9a43b6324e0b26d078f441d573aa"),
    ("trigger", "fba76d35af601b2108508e92bb58ff175e3e134fa1c0ffabcd839b8d13f92920"),
    ("freeze", "573a642a0ae586019698fd80f601f3ce38fd34581bc1f5c791047be97944b005"),
];
/// The recorded block that holds them.
const BLOCK: i64 = 177;

/// Who plays a part.
pub(crate) fn key(part: &str) -> SecretKey {
    keys::test_key(PARTS.iter().find(|(name, ..)| *name == part).unwrap().2)
}

/// Whose address a part has here.
pub(crate) fn address(part: &str) -> Address {
    key(part).address()
}

/// The chain, and what of the recorded one is what here.
pub(crate) struct World {
    pub(crate) node: SimNode,
    pub(crate) names: Names,
    /// Recorded texts (addresses, transactions) and those that stand for them here.
    pub(crate) texts: BTreeMap<String, String>,
    /// How much smaller the numbers of the blocks are here.
    pub(crate) shift: i64,
}

impl World {
    /// The accounts, and one empty block.
    pub(crate) fn begin() -> Self {
        let with = |n, trx: i64| GenesisAccount::with_balance(keys::test_address(n), trx * TRX);
        let accounts = vec![
            with(0, 3_000_000),
            with(1, 10_000),
            with(2, 10_000),
            GenesisAccount { usdt: 1_000_000, ..with(3, 10_000) },
            GenesisAccount { staked_energy: 100_000 * TRX, staked_net: 1_000 * TRX, ..with(POOL, 100_000) },
        ];
        let node = SimNode::new(ChainConfig {
            accounts,
            solid_depth: 1,
            network_energy_weight: 18_902_000_000,
            network_net_weight: 26_700_400_000,
            // The recorded network had no dynamic energy.
            token_prices: TokenPrices {
                transfer_to_holder_penalty: 0,
                transfer_to_stranger_penalty: 0,
                revert_penalty: 0,
                ..TokenPrices::default()
            },
            ..ChainConfig::default()
        });
        node.mine().unwrap();
        let contract = node.chain().config().usdt;
        let (mut names, mut texts) = (Names::default(), BTreeMap::new());
        let recorded = PARTS.iter().map(|(name, hex, _)| (*name, *hex, address(name)));
        for (name, hex, ours) in recorded.chain([("contract", CONTRACT, contract)]) {
            let theirs = Address::from_hex(hex).unwrap();
            names.add(name, theirs);
            names.add(name, ours);
            texts.insert(theirs.to_hex(), ours.to_hex());
            texts.insert(theirs.to_string(), ours.to_string());
        }
        Self { node, names, texts, shift: 0 }
    }

    /// Sends something that must be taken, and makes a block of it.
    pub(crate) fn done<M: ContractMessage>(&self, key: &SecretKey, message: &M) {
        taken(&self.node.send(key, message, Options::default()).unwrap());
        self.node.mine().unwrap();
    }

    /// What had happened when most of the requests were made.
    pub(crate) fn with_history() -> Self {
        let mut world = Self::begin();
        let node = world.node.clone();
        world.done(&keys::test_key(POOL), &delegation(keys::test_address(POOL), "other", 13_787, 0));
        world.done(&key("owner"), &freeze("owner", 1_000_000, 1));
        for from in ["recv", "recv2"] {
            let to = if from == "recv" { "recv2" } else { "recv" };
            taken(&node.transfer(&key(from), address(to), 5).unwrap());
        }
        taken(&node.transfer(&key("recv2"), address("recv"), 6).unwrap());
        taken(&node.transfer(&key("other"), address("recv"), 7).unwrap());
        taken(&node.transfer(&key("other"), address("recv"), 8).unwrap());
        let contract = node.chain().config().usdt;
        node.fund(contract, 3_500_000).unwrap();
        node.mine().unwrap();

        let ids = [
            node.transfer(&key("recv"), address("recv2"), 1_234_567).unwrap(),
            node.send(&key("owner"), &delegation(address("owner"), "recv", 100, 0), Options::default())
                .unwrap(),
            node.send(&key("owner"), &delegation(address("owner"), "recv2", 50, 100), Options::default())
                .unwrap(),
            node.transfer_usdt(&key("other"), address("recv"), 7).unwrap(),
            node.send(&key("owner"), &freeze("owner", 2, 1), Options::default()).unwrap(),
        ];
        for offer in &ids {
            taken(offer);
        }
        let block = node.mine().unwrap();
        assert_eq!(block.transactions.len(), ids.len());
        world.shift = BLOCK - block.number();
        for ((_, recorded), offer) in TRANSACTIONS.iter().zip(&ids) {
            world.texts.insert((*recorded).to_owned(), offer.tx_id.to_string());
        }
        node.mine_many(3).unwrap();
        world
    }

    /// The two accounts that were new, up to a moment of their lives; everything is as it was recorded.
    pub(crate) fn with_new_accounts() -> Self {
        let world = Self::begin();
        for (part, trx) in [("f1", 9_000), ("f2", 200)] {
            let offer = world.node.transfer(&keys::test_key(POOL), address(part), trx * TRX).unwrap();
            taken(&offer);
            world.node.mine().unwrap();
            // Who has staked bandwidth pays 1 TRX for a new account, and bandwidth for the transaction as always.
            let chain = world.node.chain();
            let info = &chain.transaction(&offer.tx_id).unwrap().1.info;
            let receipt = info.receipt.as_ref().unwrap();
            assert_eq!((info.fee, receipt.net_fee), (TRX, 0), "{part}: {info:?}");
            assert!(receipt.net_usage > 0, "{part}: {info:?}");
        }
        world
    }

    /// The next moment of their lives.
    pub(crate) fn live(&self, moment: &str) {
        let (f1, lend) = (key("f1"), |trx, blocks| delegation(address("f1"), "f2", trx, blocks));
        match moment {
            "fresh" => {}
            "frozen" => {
                self.done(&f1, &freeze("f1", 5_000, 1));
                self.done(&f1, &freeze("f1", 1_000, 0));
            }
            "delegated" => {
                self.done(&f1, &lend(2_000, 0));
                self.done(&f1, &lend(1_500, 0));
            }
            "locked" => {
                self.done(&f1, &lend(100, 6));
                self.done(&f1, &DelegateResourceContract { resource: 0, ..lend(100, 0) });
            }
            "used" => {
                let contract = self.node.chain().config().usdt;
                let question = leyden_sim::abi::selector("symbol()").to_vec();
                taken(&self.node.call(&key("f2"), contract, 0, question).unwrap());
                self.node.mine().unwrap();
            }
            "undelegated" => self.done(&f1, &back(1_000, 1)),
            "unfrozen" => {
                let message = UnfreezeBalanceV2Contract {
                    owner_address: f1.address().to_bytes().to_vec(),
                    unfreeze_balance: 100 * TRX,
                    resource: 1,
                };
                self.done(&f1, &message);
            }
            "all_back" => {
                self.node.mine().unwrap();
                self.done(&f1, &back(2_500, 1));
                self.done(&f1, &back(100, 0));
                self.node.mine_many(3).unwrap();
                self.done(&f1, &back(100, 1));
            }
            other => panic!("no moment {other}"),
        }
    }
}

pub(crate) fn taken(offer: &Offer) {
    assert_eq!((offer.code, offer.message.as_str()), (ResponseCode::Success, ""));
}

/// Lends energy; a lock of 0 blocks is none.
pub(crate) fn delegation(owner: Address, to: &str, trx: i64, lock: i64) -> DelegateResourceContract {
    DelegateResourceContract {
        owner_address: owner.to_bytes().to_vec(),
        resource: 1,
        balance: trx * TRX,
        receiver_address: address(to).to_bytes().to_vec(),
        lock: lock > 0,
        lock_period: lock,
    }
}

pub(crate) fn freeze(owner: &str, trx: i64, resource: i32) -> FreezeBalanceV2Contract {
    FreezeBalanceV2Contract {
        owner_address: address(owner).to_bytes().to_vec(),
        frozen_balance: trx * TRX,
        resource,
    }
}

fn back(trx: i64, resource: i32) -> UnDelegateResourceContract {
    UnDelegateResourceContract {
        owner_address: address("f1").to_bytes().to_vec(),
        resource,
        balance: trx * TRX,
        receiver_address: address("f2").to_bytes().to_vec(),
    }
}
