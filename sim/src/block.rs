//! Blocks: how they are put together, hashed, signed and read back. Hashes are the real ones, so a client that
//! verifies what a node tells it can verify this node too.

use crate::{
    config::GenesisAccount,
    tx::{Action, BlockEnvelope, SignedTx},
};
use leyden_domain::{Address, BlockId, BlockRef, Timestamp, address::ADDRESS_PREFIX, chain::Head};
use leyden_tron::{
    crypto::{self, SecretKey, sha256},
    wire::proto::{
        Any, BlockHeader, BlockHeaderRaw, Contract, ContractMessage, TYPE_URL_PREFIX, TransactionInfo,
        TransactionRaw, TransactionResult, TransferContract,
    },
};
use prost::Message;

/// The header version that mainnet's blocks carried in July 2026.
const VERSION: i32 = 35;

/// Who pays in the first block: text where others have an address.
const NOBODY: &[u8; 23] = b"0x000000000000000000000";

/// What the first block names as its witness, behind the byte that addresses begin with.
const WITNESS: &str = "a chain that is made up, of which every key is known to everybody";

/// What is hashed to be the first block's parent.
const PARENT: &[u8] = b"leyden built-in chain";

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
        self.tx.encode((!self.is_of_the_beginning()).then(|| self.result.encode_to_vec()))
    }

    /// Whether it is one of the first block's: nobody signed those, and none has a result.
    pub fn is_of_the_beginning(&self) -> bool {
        self.tx.signatures.is_empty() && self.result == TransactionResult::default()
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
    /// Its slot time, milliseconds since the epoch: what its header says, but of the first block, whose header says
    /// nothing.
    time: i64,
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
        self.time
    }

    /// Its place and time.
    pub const fn head(&self) -> Head {
        Head { block: BlockRef::new(self.id), timestamp: Timestamp::from_ms(self.time) }
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
        Self { id: crypto::block_id(raw.number, &bytes), header, raw, transactions, time: timestamp }
    }

    /// The first block of a chain that begins at a time, as every network has it: without time, version and signature,
    /// a sentence where the witness would be, and a transfer to each account out of nothing.
    pub(crate) fn first(time: i64, accounts: &[GenesisAccount]) -> Self {
        let transactions: Vec<Included> = accounts.iter().map(endowment).collect();
        let raw = BlockHeaderRaw {
            tx_trie_root: merkle_root(transactions.iter().map(|one| sha256(&one.bytes())).collect()).to_vec(),
            // Chains that begin at other times are others, although their headers do not say when.
            parent_hash: sha256(&[PARENT, time.to_be_bytes().as_slice()].concat()).to_vec(),
            witness_address: [&[ADDRESS_PREFIX], WITNESS.as_bytes()].concat(),
            ..BlockHeaderRaw::default()
        };
        let header = BlockHeader { raw_data: Some(raw.clone()), witness_signature: Vec::new() };
        Self { id: crypto::block_id(0, &raw.encode_to_vec()), header, raw, transactions, time }
    }

    /// The same block with other receipts: from its header as it came.
    pub(crate) fn from_header(header: BlockHeader, transactions: Vec<Included>) -> Option<Self> {
        let raw = header.raw_data.clone()?;
        let (id, time) = (crypto::block_id(raw.number, &raw.encode_to_vec()), raw.timestamp);
        Some(Self { id, header, raw, time, transactions })
    }
}

/// What an account has in the first block.
fn endowment(account: &GenesisAccount) -> Included {
    let message = TransferContract {
        owner_address: NOBODY.to_vec(),
        to_address: account.address.to_bytes().to_vec(),
        amount: account.balance,
    };
    let raw = TransactionRaw {
        contract: vec![Contract {
            r#type: TransferContract::TYPE.into(),
            parameter: Some(Any {
                type_url: format!("{TYPE_URL_PREFIX}{}", TransferContract::NAME),
                value: message.encode_to_vec(),
            }),
            ..Contract::default()
        }],
        ..TransactionRaw::default()
    };
    let raw_bytes = raw.encode_to_vec();
    let tx = SignedTx {
        id: crypto::tx_id(&raw_bytes),
        raw_bytes,
        raw,
        signatures: Vec::new(),
        action: Action::Transfer(message),
        contract_type: TransferContract::TYPE.into(),
        // Nobody acts; a transaction of this chain must have somebody.
        owner: account.address,
        permission_id: 0,
    };
    Included { tx, result: TransactionResult::default(), info: TransactionInfo::default() }
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
