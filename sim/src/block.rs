//! Blocks: how they are put together, hashed, signed and read back. Hashes are the real ones, so a client that
//! verifies what a node tells it can verify this node too.

use crate::tx::{BlockEnvelope, SignedTx};
use leyden_domain::{Address, BlockId, BlockRef, Timestamp, chain::Head};
use leyden_tron::{
    crypto::{self, SecretKey, sha256},
    wire::proto::{BlockHeader, BlockHeaderRaw, TransactionInfo, TransactionResult},
};
use prost::Message;

/// The header version that mainnet's blocks carried in July 2026.
const VERSION: i32 = 35;

/// A transaction in a block.
#[derive(Debug, Clone, PartialEq)]
pub struct Included {
    /// The transaction.
    pub tx: SignedTx,
    /// How it ended.
    pub result: TransactionResult,
    /// Its receipt.
    pub info: TransactionInfo,
}

impl Included {
    /// The whole serialized `Transaction` with its result, as the block holds it.
    pub fn bytes(&self) -> Vec<u8> {
        self.tx.encode(Some(self.result.encode_to_vec()))
    }
}

/// A block on the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredBlock {
    /// Its id.
    pub id: BlockId,
    /// Its header.
    pub header: BlockHeader,
    /// What the header says, taken out for convenience.
    pub raw: BlockHeaderRaw,
    /// Its transactions.
    pub transactions: Vec<Included>,
}

impl StoredBlock {
    /// Its number.
    pub const fn number(&self) -> i64 {
        self.raw.number
    }

    /// Its slot time, milliseconds since the epoch.
    pub const fn timestamp(&self) -> i64 {
        self.raw.timestamp
    }

    /// Its place and time.
    pub const fn head(&self) -> Head {
        Head { block: BlockRef::new(self.id), timestamp: Timestamp::from_ms(self.raw.timestamp) }
    }

    /// The whole serialized `Block`.
    pub fn bytes(&self) -> Vec<u8> {
        BlockEnvelope {
            transactions: self.transactions.iter().map(Included::bytes).collect(),
            block_header: Some(self.header.clone()),
        }
        .encode_to_vec()
    }

    /// Makes a new block over `transactions`, signed where there is a key.
    pub(crate) fn seal(
        parent: Option<&Self>,
        timestamp: i64,
        (witness, key): (Address, Option<&SecretKey>),
        transactions: Vec<Included>,
    ) -> Self {
        let raw = BlockHeaderRaw {
            timestamp,
            tx_trie_root: merkle_root(transactions.iter().map(|one| sha256(&one.bytes())).collect()).to_vec(),
            parent_hash: parent.map_or_else(|| vec![0; 32], |parent| parent.id.bytes().to_vec()),
            number: parent.map_or(0, |parent| parent.number() + 1),
            witness_id: 0,
            witness_address: witness.to_bytes().to_vec(),
            version: VERSION,
            account_state_root: Vec::new(),
        };
        let bytes = raw.encode_to_vec();
        let witness_signature = key.map_or_else(Vec::new, |key| key.sign(&sha256(&bytes)).to_vec());
        let header = BlockHeader { raw_data: Some(raw.clone()), witness_signature };
        Self { id: crypto::block_id(raw.number, &bytes), header, raw, transactions }
    }

    /// The same block with other receipts: from its header as it came.
    pub(crate) fn from_header(header: BlockHeader, transactions: Vec<Included>) -> Option<Self> {
        let raw = header.raw_data.clone()?;
        Some(Self { id: crypto::block_id(raw.number, &raw.encode_to_vec()), header, raw, transactions })
    }
}

/// The root over the hashes of a block's transactions: an odd one is carried up as it is, and an empty block has
/// zeros.
pub fn merkle_root(mut hashes: Vec<[u8; 32]>) -> [u8; 32] {
    while hashes.len() > 1 {
        hashes = hashes
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => sha256(&[*left, *right].concat()),
                [odd] => *odd,
                _ => [0; 32],
            })
            .collect();
    }
    hashes.first().copied().unwrap_or([0; 32])
}
