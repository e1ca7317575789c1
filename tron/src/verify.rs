//! Checks a block against itself: ids are the hashes they should be, the Merkle root covers exactly these
//! transactions, and the witness signed this header. A node that invents, hides or changes a transaction would
//! have to forge the witness's signature (java-tron `BlockCapsule.calcMerkleRoot`, `validateSignature`).
//!
//! Receipts are not under the root, so what only they show (token transfers) is believed of the node that sent it.

use crate::{
    crypto,
    decode::{Form, Header, RawBlock},
};
use leyden_domain::{Address, BlockId, TxId};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Which keys sign for which witness. A witness signs with its own key unless it gave another the witness
/// permission; such keys must be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WitnessKeys(BTreeMap<Address, BTreeSet<Address>>);

impl WitnessKeys {
    /// From pairs of a witness and the address of a key that signs for it.
    pub fn new(pairs: impl IntoIterator<Item = (Address, Address)>) -> Self {
        let mut keys = Self::default();
        for (witness, signer) in pairs {
            keys.allow(witness, signer);
        }
        keys
    }

    /// Adds a key.
    pub fn allow(&mut self, witness: Address, signer: Address) {
        self.0.entry(witness).or_default().insert(signer);
    }

    /// Whether `signer` signs for `witness`.
    pub fn accepts(&self, witness: Address, signer: Address) -> bool {
        witness == signer || self.0.get(&witness).is_some_and(|signers| signers.contains(&signer))
    }
}

/// What was found out about a block. `None` where the input cannot tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Verified {
    /// Every transaction's id is the hash of its raw data: the id given with it or, where none is given, the one
    /// under the Merkle root.
    pub tx_ids: Option<bool>,
    /// The root in the header is the root of these transactions. JSON can hide parts of a transaction, so there
    /// a difference proves nothing.
    pub merkle_root: Option<bool>,
    /// The id is the one of this header.
    pub block_id: Option<bool>,
    /// The header's witness signed it. The first block of a chain is nobody's.
    pub witness: Option<bool>,
    /// It names the block before it as its parent.
    pub parent: Option<bool>,
}

/// Checks a block, and its link to the one before it where that is known.
pub fn verify(block: &RawBlock, previous: Option<BlockId>, keys: &WitnessKeys) -> Verified {
    let merkle_root = check_merkle_root(block);
    Verified {
        tx_ids: check_tx_ids(block, merkle_root),
        merkle_root,
        block_id: block.header.claimed_id.map(|claimed| claimed == block.header.id),
        witness: check_witness(&block.header, keys),
        parent: previous.and_then(|previous| check_parent(&block.header, previous)),
    }
}

fn check_tx_ids(block: &RawBlock, merkle_root: Option<bool>) -> Option<bool> {
    if wrong_ids(block).next().is_some() {
        return Some(false);
    }
    let all_claimed = block.transactions.iter().all(|tx| tx.claimed_id.is_some());
    let told = (all_claimed && !block.transactions.is_empty()) || merkle_root == Some(true);
    told.then_some(true)
}

fn check_merkle_root(block: &RawBlock) -> Option<bool> {
    let expected = block.header.merkle_root;
    if block.transactions.is_empty() {
        // No transactions although there is a root: the input may be of headers only.
        return (expected == [0; 32]).then_some(true);
    }
    if merkle_root(block.transactions.iter().map(|tx| tx.leaf)) == expected {
        return Some(true);
    }
    (block.form == Form::Protobuf || expected == [0; 32]).then_some(false)
}

fn check_witness(header: &Header, keys: &WitnessKeys) -> Option<bool> {
    header.signature.as_ref()?;
    Some(signer(header).is_some_and(|signer| keys.accepts(header.witness, signer)))
}

/// `None` where blocks in between are missing.
fn check_parent(header: &Header, previous: BlockId) -> Option<bool> {
    let next = previous.height().next();
    (header.height() <= next).then_some(header.height() == next && header.parent == previous)
}

/// Whose key signed a header; `None` where there is no signature or nobody's.
pub fn signer(header: &Header) -> Option<Address> {
    crypto::recover(&header.hash, header.signature.as_deref()?).ok()
}

/// The transactions, by their place, whose ids as the input has them are not their hashes.
pub fn wrong_ids(block: &RawBlock) -> impl Iterator<Item = (usize, TxId)> {
    let transactions = block.transactions.iter().enumerate();
    transactions.filter_map(|(index, tx)| Some((index, tx.claimed_id.filter(|claimed| *claimed != tx.id)?)))
}

/// The Merkle root of these leaves: pairs are hashed together, an odd one moves up as it is. Zeros for none.
pub fn merkle_root(leaves: impl IntoIterator<Item = [u8; 32]>) -> [u8; 32] {
    let mut level: Vec<[u8; 32]> = leaves.into_iter().collect();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => crypto::sha256_of_both(left, right),
                odd => odd.first().copied().unwrap_or_default(),
            })
            .collect();
    }
    level.first().copied().unwrap_or_default()
}
