//! Names of things on the chain: addresses, transactions, blocks.
//! Address rules: java-tron `Commons`/`DecodeUtil` (21 bytes, first 0x41, Base58Check).

use crate::error::ParseError;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// The first byte of every TRON address.
pub const ADDRESS_PREFIX: u8 = 0x41;

/// A TRON address: `0x41` and the 20 bytes that an EVM would call the address. The invariant holds by construction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address([u8; 20]);

impl Address {
    /// From the 20 bytes behind the prefix, as event logs and ABI words carry them.
    pub const fn from_evm(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes behind the prefix.
    pub const fn evm(&self) -> &[u8; 20] {
        &self.0
    }

    /// From the 21 bytes of the protobuf messages.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ParseError> {
        match bytes {
            [ADDRESS_PREFIX, rest @ ..] => {
                <[u8; 20]>::try_from(rest).map(Self).or(Err(ParseError::Address("length is not 21 bytes")))
            }
            _ => Err(ParseError::Address("first byte is not 0x41")),
        }
    }

    /// The 21 bytes of the protobuf messages.
    pub fn to_bytes(self) -> [u8; 21] {
        let mut bytes = [ADDRESS_PREFIX; 21];
        if let Some((_, tail)) = bytes.split_first_mut() {
            tail.copy_from_slice(&self.0);
        }
        bytes
    }

    /// From Base58Check: 34 characters, right checksum, right prefix. What customers type.
    pub fn from_base58(text: &str) -> Result<Self, ParseError> {
        if text.len() != 34 {
            return Err(ParseError::Address("length is not 34 characters"));
        }
        let bytes = bs58::decode(text).with_check(None).into_vec().map_err(|error| match error {
            bs58::decode::Error::InvalidChecksum { .. } => ParseError::Address("checksum does not match"),
            _ => ParseError::Address("not Base58"),
        })?;
        Self::from_bytes(&bytes)
    }

    /// From 42 hexadecimal digits starting with `41`. What nodes print with `visible=false`.
    pub fn from_hex(text: &str) -> Result<Self, ParseError> {
        let bytes = hex::decode(text).or(Err(ParseError::Address("not hexadecimal")))?;
        Self::from_bytes(&bytes)
    }

    /// 42 lower-case hexadecimal digits.
    pub fn to_hex(self) -> String {
        hex::encode(self.to_bytes())
    }
}

impl fmt::Display for Address {
    /// Base58Check.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(self.to_bytes()).with_check().into_string())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Address {
    type Err = ParseError;

    /// Base58Check only; the hexadecimal form is for operators and asks for [`Address::from_hex`].
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::from_base58(text)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Defines a 32-byte hash that prints as 64 hexadecimal digits.
macro_rules! hash32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// From its bytes.
            pub const fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            pub const fn bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// From a slice of 32 bytes.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, ParseError> {
                <[u8; 32]>::try_from(bytes).map(Self).or(Err(ParseError::Hash))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                let mut bytes = [0_u8; 32];
                hex::decode_to_slice(text, &mut bytes).or(Err(ParseError::Hash))?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

hash32!(
    /// A transaction's id: SHA-256 of its raw data. No `0x`, 64 hexadecimal digits.
    TxId
);
hash32!(
    /// A block's id: its number in the first eight bytes, then the last 24 of the SHA-256 of its raw header.
    BlockId
);

impl BlockId {
    /// The number that the id carries in its first eight bytes.
    pub fn height(&self) -> Height {
        let mut number = [0_u8; 8];
        for (to, from) in number.iter_mut().zip(self.0) {
            *to = from;
        }
        Height::new(i64::from_be_bytes(number))
    }
}

/// A block's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Height(i64);

impl Height {
    /// From a block number.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The block number.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The height above this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// `n` blocks further up; a negative `n` goes down.
    #[must_use]
    pub const fn offset(self, n: i64) -> Self {
        Self(self.0.saturating_add(n))
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One particular block: its id, which fixes its height too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlockRef(BlockId);

impl BlockRef {
    /// The block with this id.
    pub const fn new(id: BlockId) -> Self {
        Self(id)
    }

    /// Its id.
    pub const fn id(&self) -> &BlockId {
        &self.0
    }

    /// Its number.
    pub fn height(&self) -> Height {
        self.0.height()
    }
}

impl fmt::Debug for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.height(), self.0)
    }
}
