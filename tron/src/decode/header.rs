//! A block's header and its id.

use super::DecodeError;
use crate::{
    crypto,
    wire::{hexadecimal, json, proto},
};
use leyden_domain::{Address, BlockId, Height, Timestamp};
use prost::Message as _;

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
    /// Who produced it.
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

    /// From the serialized raw header.
    pub(super) fn from_raw(raw: &[u8], signature: Option<Vec<u8>>) -> Result<Self, DecodeError> {
        let message = proto::BlockHeaderRaw::decode(raw)
            .map_err(|error| DecodeError::new(format!("block header: {error}")))?;
        let merkle_root = match message.tx_trie_root.as_slice() {
            [] => [0; 32],
            bytes => {
                bytes.try_into().or(Err(DecodeError::new("block header: Merkle root is not 32 bytes")))?
            }
        };
        Ok(Self {
            id: crypto::block_id(message.number, raw),
            claimed_id: None,
            parent: BlockId::from_slice(&message.parent_hash)
                .or(Err(DecodeError::new("block header: parent is not 32 bytes")))?,
            timestamp: Timestamp::from_ms(message.timestamp),
            witness: Address::from_bytes(&message.witness_address)
                .map_err(|error| DecodeError::new(format!("block header: witness: {error}")))?,
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
    if text.starts_with('T') {
        return Address::from_base58(text)
            .map(|address| address.to_bytes().to_vec())
            .map_err(|error| DecodeError::new(format!("witness_address: {error}")));
    }
    bytes("witness_address", text)
}
