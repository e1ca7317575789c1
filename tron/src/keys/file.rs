//! A key at rest: XChaCha20-Poly1305 under a key that Argon2id derives from a passphrase. Everything that is
//! readable in the file (whose key it is, what it may sign, how the derivation was done) is authenticated, so
//! one ciphertext cannot be passed off as another account's key.

use super::{KeyId, KeyPolicy};
use crate::crypto::{CryptoError, SecretKey};
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use leyden_domain::Address;
use leyden_ports::Entropy;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::io;
use zeroize::Zeroizing;

/// The version of the file format that this code writes.
const VERSION: u32 = 1;
const SALT_LEN: usize = 16;
const NONCE_LEN: usize = 24;
/// Bounds for files that somebody else wrote: opening one must not eat all memory or take for ever.
const MAX_COST: KdfCost = KdfCost { memory_kib: 1024 * 1024, passes: 16, lanes: 16 };

/// How hard it is to try a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KdfCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl KdfCost {
    /// 64 MiB, three passes: well above the least that RFC 9106 recommends, below a second.
    pub const DEFAULT: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 };
}

/// Why a key file cannot be written or opened.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Wrong passphrase, or a file that was changed. The two cannot be told apart.
    #[error("wrong passphrase or damaged key file")]
    Passphrase,
    /// Not a key file.
    #[error("not a key file: {0}")]
    Format(String),
    /// The key derivation cannot be done as the file asks.
    #[error("key derivation: {0}")]
    Kdf(String),
    /// An empty passphrase protects nothing.
    #[error("empty passphrase")]
    EmptyPassphrase,
    /// What was inside is no key.
    #[error(transparent)]
    Key(#[from] CryptoError),
    /// The file system refused.
    #[error("{path}: {error}")]
    Io {
        /// Which file or folder.
        path: String,
        /// Why.
        error: io::Error,
    },
}

/// An encrypted key. Nothing in it is secret without the passphrase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    version: u32,
    owner: Address,
    permission_id: u8,
    policy: KeyPolicy,
    signer: Address,
    kdf: KdfCost,
    salt: String,
    nonce: String,
    ciphertext: String,
}

impl KeyFile {
    /// Encrypts a key.
    pub fn seal(
        key: &SecretKey,
        id: KeyId,
        policy: KeyPolicy,
        passphrase: &SecretString,
        cost: KdfCost,
        entropy: &dyn Entropy,
    ) -> Result<Self, KeyFileError> {
        if passphrase.expose_secret().is_empty() {
            return Err(KeyFileError::EmptyPassphrase);
        }
        let mut salt = [0; SALT_LEN];
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut salt);
        entropy.fill(&mut nonce);
        let mut file = Self {
            version: VERSION,
            owner: id.owner,
            permission_id: id.permission_id,
            policy,
            signer: key.address(),
            kdf: cost,
            salt: hex::encode(salt),
            nonce: hex::encode(nonce),
            ciphertext: String::new(),
        };
        let plain = key.to_bytes();
        let sealed = file
            .cipher(passphrase)?
            .encrypt(&XNonce::from(nonce), Payload { msg: plain.as_slice(), aad: file.readable().as_bytes() })
            .or(Err(KeyFileError::Kdf("encryption failed".to_owned())))?;
        file.ciphertext = hex::encode(sealed);
        Ok(file)
    }

    /// Decrypts the key.
    pub fn open(&self, passphrase: &SecretString) -> Result<SecretKey, KeyFileError> {
        let format = |error: hex::FromHexError| KeyFileError::Format(error.to_string());
        let mut nonce = [0; NONCE_LEN];
        hex::decode_to_slice(&self.nonce, &mut nonce).map_err(format)?;
        let sealed = hex::decode(&self.ciphertext).map_err(format)?;
        let plain = self
            .cipher(passphrase)?
            .decrypt(&XNonce::from(nonce), Payload { msg: &sealed, aad: self.readable().as_bytes() })
            .map(Zeroizing::new)
            .or(Err(KeyFileError::Passphrase))?;
        Ok(SecretKey::from_bytes(&plain)?)
    }

    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let file: Self =
            serde_json::from_str(text).map_err(|error| KeyFileError::Format(error.to_string()))?;
        if file.version == VERSION {
            Ok(file)
        } else {
            Err(KeyFileError::Format(format!("version {} is unknown", file.version)))
        }
    }

    /// The text to write.
    pub fn to_text(&self) -> Result<String, KeyFileError> {
        serde_json::to_string_pretty(self).map_err(|error| KeyFileError::Format(error.to_string()))
    }

    /// For whom it signs.
    pub const fn id(&self) -> KeyId {
        KeyId { owner: self.owner, permission_id: self.permission_id }
    }

    /// The address of the key itself, which is what the account's permission must name.
    pub const fn signer(&self) -> Address {
        self.signer
    }

    /// What it may sign.
    pub const fn policy(&self) -> KeyPolicy {
        self.policy
    }

    /// Everything in the file but the ciphertext, as authenticated data.
    fn readable(&self) -> String {
        let Self { version, owner, permission_id, policy, signer, kdf, salt, nonce, .. } = self;
        format!(
            "leyden key {version} {owner} {permission_id} {policy:?} {signer} {} {} {} {salt} {nonce}",
            kdf.memory_kib, kdf.passes, kdf.lanes
        )
    }

    fn cipher(&self, passphrase: &SecretString) -> Result<XChaCha20Poly1305, KeyFileError> {
        let KdfCost { memory_kib, passes, lanes } = self.kdf;
        if memory_kib > MAX_COST.memory_kib || passes > MAX_COST.passes || lanes > MAX_COST.lanes {
            return Err(KeyFileError::Kdf("cost is beyond reason".to_owned()));
        }
        let kdf = |error: argon2::Error| KeyFileError::Kdf(error.to_string());
        let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(kdf)?;
        let salt = hex::decode(&self.salt).map_err(|error| KeyFileError::Format(error.to_string()))?;
        let mut key = Zeroizing::new([0_u8; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.expose_secret().as_bytes(), &salt, key.as_mut_slice())
            .map_err(kdf)?;
        // From the slice: a converted array would stay in memory unwiped.
        XChaCha20Poly1305::new_from_slice(key.as_slice()).or(Err(KeyFileError::Kdf("key length".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            for (value, byte) in (1_u8..).zip(bytes) {
                *byte = value;
            }
        }
    }

    const CHEAP: KdfCost = KdfCost { memory_kib: 64, passes: 1, lanes: 1 };

    #[test]
    fn opens_with_the_passphrase_and_only_unchanged() {
        let key = SecretKey::from_bytes(&[1; 32]).expect("key");
        let id = KeyId { owner: Address::from_evm([8; 20]), permission_id: 3 };
        let passphrase = SecretString::from("correct horse");
        let file =
            KeyFile::seal(&key, id, KeyPolicy::Delegation, &passphrase, CHEAP, &Counting).expect("seals");
        let text = file.to_text().expect("text");
        assert!(!text.contains(&hex::encode([1_u8; 32])));
        let read = KeyFile::parse(&text).expect("parses");
        assert_eq!(read, file);
        assert_eq!(read.open(&passphrase).expect("opens").address(), key.address());

        let wrong = read.open(&SecretString::from("battery staple"));
        assert!(matches!(wrong, Err(KeyFileError::Passphrase)), "{wrong:?}");
        let changes: [fn(&mut KeyFile); 5] = [
            |file| file.owner = Address::from_evm([7; 20]),
            |file| file.permission_id = 0,
            |file| file.policy = KeyPolicy::Any,
            |file| file.signer = Address::from_evm([7; 20]),
            |file| file.nonce = hex::encode([7; NONCE_LEN]),
        ];
        for change in changes {
            let mut other = file.clone();
            change(&mut other);
            assert!(matches!(other.open(&passphrase), Err(KeyFileError::Passphrase)), "{other:?}");
        }
        let mut greedy = file.clone();
        greedy.kdf.memory_kib = u32::MAX;
        assert!(matches!(greedy.open(&passphrase), Err(KeyFileError::Kdf(_))));
        let empty = KeyFile::seal(&key, id, KeyPolicy::Any, &SecretString::from(""), CHEAP, &Counting);
        assert!(matches!(empty, Err(KeyFileError::EmptyPassphrase)));
    }
}
