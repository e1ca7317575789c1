//! A block's header and its id.

use super::DecodeError;
use crate::{
    crypto,
    wire::{
        hexadecimal, json, proto,
        walk::{Value, Walk},
    },
};
use leyden_domain::{Address, BlockId, Height, Timestamp};
use prost::Message as _;

/// Stands for the witness of a chain's first block, which names none: a sentence stands in its place, 113 bytes long on
/// every TRON network (java-tron `BlockUtil.newGenesisBlockCapsule`). Nobody has the key of this address.
pub const NOBODY: Address = Address::from_evm([0; 20]);

/// A block's header with what is needed to check it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its id, computed from its bytes.
    pub id: BlockId,
    /// Its id as the input says, where it says so.
    pub claimed_id: Option<BlockId>,
    /// The id of the block before it.
    pub parent: BlockId,
    /// Its slot time.
    pub timestamp: Timestamp,
    /// Who produced it; [`NOBODY`] for a chain's first block.
    pub witness: Address,
    /// Merkle root over its transactions; zeros in an empty block.
    pub merkle_root: [u8; 32],
    /// What the witness signed: SHA-256 of the raw header.
    pub hash: [u8; 32],
    /// The witness's signature, where the input has it.
    pub signature: Option<Vec<u8>>,
}

impl Header {
    /// Its number.
    pub fn height(&self) -> Height {
        self.id.height()
    }

    /// Whether it is the first of a chain as java-tron makes it from its configuration: without a signature, because
    /// nobody has produced it. Its parent is whatever that configuration says.
    pub fn is_unsigned_first(&self) -> bool {
        self.height() == Height::new(0) && self.signature.is_none()
    }

    /// From the serialized raw header. In place and by the chain's own rules, as transactions are: what a later version
    /// of the protocol adds changes nothing but the hash.
    pub(super) fn from_raw(raw: &[u8], signature: Option<Vec<u8>>) -> Result<Self, DecodeError> {
        let wrong = |what: &str| DecodeError::new(format!("block header: {what}"));
        let (mut timestamp, mut number) = (0_i64, 0_i64);
        let (mut root, mut parent, mut witness): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
        for field in Walk::new(raw, 0) {
            let field = field.map_err(|error| wrong(error.reason))?;
            match (field.number, field.value) {
                (1, Value::Varint(value)) => timestamp = value.cast_signed(),
                (2, Value::Bytes(bytes)) => root = bytes,
                (3, Value::Bytes(bytes)) => parent = bytes,
                (7, Value::Varint(value)) => number = value.cast_signed(),
                (9, Value::Bytes(bytes)) => witness = bytes,
                _ => {}
            }
        }
        let merkle_root = match root {
            [] => [0; 32],
            bytes => bytes.try_into().or(Err(wrong("Merkle root is not 32 bytes")))?,
        };
        let witness = match Address::from_bytes(witness) {
            Ok(address) => address,
            Err(_) if number == 0 => NOBODY,
            Err(error) => return Err(wrong(&format!("witness: {error}"))),
        };
        Ok(Self {
            id: crypto::block_id(number, raw),
            claimed_id: None,
            parent: BlockId::from_slice(parent).or(Err(wrong("parent is not 32 bytes")))?,
            timestamp: Timestamp::from_ms(timestamp),
            witness,
            merkle_root,
            hash: crypto::sha256(raw),
            signature: signature.filter(|bytes| !bytes.is_empty()),
        })
    }

    /// From the JSON form: the raw header is rebuilt, so its hash proves that nothing was lost or changed.
    pub(super) fn from_json(
        block_id: Option<&str>,
        header: &json::BlockHeader<'_>,
    ) -> Result<Self, DecodeError> {
        let raw = &header.raw_data;
        let message = proto::BlockHeaderRaw {
            timestamp: raw.timestamp,
            tx_trie_root: bytes("txTrieRoot", &raw.tx_trie_root)?,
            parent_hash: bytes("parentHash", &raw.parent_hash)?,
            number: raw.number,
            witness_id: raw.witness_id,
            witness_address: address_bytes(&raw.witness_address)?,
            version: raw.version,
            account_state_root: bytes("accountStateRoot", &raw.account_state_root)?,
        };
        let signature =
            header.witness_signature.as_deref().map(|text| bytes("witness_signature", text)).transpose()?;
        let mut read = Self::from_raw(&message.encode_to_vec(), signature)?;
        read.claimed_id = block_id
            .map(str::parse)
            .transpose()
            .map_err(|error| DecodeError::new(format!("blockID: {error}")))?;
        Ok(read)
    }
}

/// Hexadecimal text to bytes.
pub(super) fn bytes(name: &str, text: &str) -> Result<Vec<u8>, DecodeError> {
    hexadecimal::decode(text).map_err(|error| DecodeError::new(format!("{name}: {error}")))
}

/// An address in either of the forms that the HTTP API prints.
fn address_bytes(text: &str) -> Result<Vec<u8>, DecodeError> {
    hexadecimal::decode_address(text).map_err(|error| DecodeError::new(format!("witness_address: {error}")))
}
