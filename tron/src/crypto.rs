//! The chain's hashes and signatures: SHA-256 names things, Keccak-256 makes addresses, and ECDSA over secp256k1
//! signs the 32 bytes of a transaction id as they are (java-tron `ECKey`, `Rsv`).

use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};
use leyden_domain::{Address, BlockId, TxId};
use sha2::Digest as _;
use std::fmt;
use zeroize::Zeroizing;

/// How many bytes a signature has: r, s, and which of the two possible keys made it.
pub const SIGNATURE_LEN: usize = 65;
/// The most that nodes accept; some wallets pad with zeros.
const PADDED_SIGNATURE_LEN: usize = 68;

/// What is wrong with a key or a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// Not 32 bytes, zero, or not below the order of the curve.
    #[error("not a secp256k1 private key")]
    Key,
    /// Not 65 to 68 bytes.
    #[error("signature has {0} bytes")]
    SignatureLength(usize),
    /// r or s out of range, or no curve point belongs to it.
    #[error("signature belongs to no key")]
    Signature,
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(bytes).into()
}

/// SHA-256 of two hashes, one behind the other.
pub(crate) fn sha256_of_both(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    sha2::Sha256::new().chain_update(left).chain_update(right).finalize().into()
}

/// Keccak-256 (the one before SHA-3 was fixed, as Ethereum uses it).
pub fn keccak256(bytes: &[u8]) -> [u8; 32] {
    sha3::Keccak256::digest(bytes).into()
}

/// A transaction's id from its serialized raw data.
pub fn tx_id(raw: &[u8]) -> TxId {
    TxId::new(sha256(raw))
}

/// A block's id from its number and its serialized raw header.
pub fn block_id(number: i64, raw_header: &[u8]) -> BlockId {
    let mut id = sha256(raw_header);
    for (to, from) in id.iter_mut().zip(number.to_be_bytes()) {
        *to = from;
    }
    BlockId::new(id)
}

/// The address of a public key: the last 20 bytes of the Keccak-256 of its two coordinates.
fn address_of(key: &VerifyingKey) -> Address {
    let point = key.to_sec1_point(false);
    let hash = keccak256(point.as_bytes().get(1..).unwrap_or_default());
    let mut tail = [0; 20];
    for (to, from) in tail.iter_mut().zip(hash.into_iter().skip(12)) {
        *to = from;
    }
    Address::from_evm(tail)
}

/// A private key. Its memory is wiped when it is dropped, and nothing prints it.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// From its 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        SigningKey::from_slice(bytes).map(Self).or(Err(CryptoError::Key))
    }

    /// From 64 hexadecimal digits, with or without surrounding white space.
    pub fn from_hex(text: &str) -> Result<Self, CryptoError> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        hex::decode_to_slice(text.trim(), bytes.as_mut_slice()).or(Err(CryptoError::Key))?;
        Self::from_bytes(bytes.as_slice())
    }

    /// Its 32 bytes, for encryption only.
    pub(crate) fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes().into())
    }

    /// The address that belongs to it.
    pub fn address(&self) -> Address {
        address_of(self.0.verifying_key())
    }

    /// Signs 32 bytes: r, s and 0 or 1. Deterministic (RFC 6979), s in the lower half.
    pub fn sign(&self, hash: &[u8; 32]) -> [u8; SIGNATURE_LEN] {
        let (signature, recovery): (Signature, RecoveryId) = self.0.sign_prehash_recoverable(hash);
        let mut bytes = [0; SIGNATURE_LEN];
        let tail = std::iter::once(recovery.to_byte());
        for (to, from) in bytes.iter_mut().zip(signature.to_bytes().into_iter().chain(tail)) {
            *to = from;
        }
        bytes
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.address())
    }
}

/// Whose key signed `hash`. Takes what is found on the chain: the last byte counted from 0 or from 27, up to
/// three bytes of padding, s in either half.
pub fn recover(hash: &[u8; 32], signature: &[u8]) -> Result<Address, CryptoError> {
    let refused = CryptoError::SignatureLength(signature.len());
    if signature.len() > PADDED_SIGNATURE_LEN {
        return Err(refused);
    }
    let (rs, rest) = signature.split_at_checked(64).ok_or(refused)?;
    let v = *rest.first().ok_or(refused)?;
    let id = RecoveryId::from_byte(if v >= 27 { v.saturating_sub(27) } else { v })
        .ok_or(CryptoError::Signature)?;
    let signature = Signature::from_slice(rs).or(Err(CryptoError::Signature))?;
    VerifyingKey::recover_from_prehash(hash, &signature, id)
        .map(|key| address_of(&key))
        .or(Err(CryptoError::Signature))
}

/// What a wallet signs when it signs a text: Keccak-256 of the text behind TRON's prefix and its length in bytes.
pub fn message_hash(message: &[u8]) -> [u8; 32] {
    let prefix = format!("\x19TRON Signed Message:\n{}", message.len());
    keccak256(&[prefix.as_bytes(), message].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_and_recovers_a_real_transaction_id() {
        let key = SecretKey::from_hex("75065f100e38d3f3b4c5c4235834ba8216de62272a4f03532c44b31a5734360a")
            .expect("key");
        assert_eq!(key.address().to_string(), "TWWb9EjUWai17YEVB7FR8hreupYJKG9sMR");
        let id: TxId =
            "ceabcd0f105854c13aae12ba35c0766945713c29cee540be1239bb0f1f0cde2c".parse().expect("id");
        let signature = key.sign(id.bytes());
        assert_eq!(
            hex::encode(signature),
            "664500a76466497a442cecc0e9282a9234483f047c12a997b6206d7f6a9030c70b700c879d7948c4cbdfe339c2c81a29dea18e00e9916504196c1b20cf045ca300"
        );
        for (v, padding) in [(0_u8, 0), (27, 0), (0, 3)] {
            let mut other = signature.to_vec();
            if let Some(last) = other.last_mut() {
                *last = v;
            }
            other.resize(SIGNATURE_LEN.saturating_add(padding), 0);
            assert_eq!(recover(id.bytes(), &other), Ok(key.address()));
        }
        assert_ne!(
            recover(id.bytes(), &[signature.get(..64).expect("64"), &[1]].concat()),
            Ok(key.address())
        );
        assert_eq!(recover(id.bytes(), &[0; 64]), Err(CryptoError::SignatureLength(64)));
        assert_eq!(recover(id.bytes(), &[0; 69]), Err(CryptoError::SignatureLength(69)));
        assert_eq!(recover(id.bytes(), &[0; 65]), Err(CryptoError::Signature));
    }

    #[test]
    fn refuses_what_is_no_key_and_prints_none() {
        assert!(SecretKey::from_bytes(&[0; 32]).is_err());
        assert!(SecretKey::from_bytes(&[0xff; 32]).is_err());
        assert!(SecretKey::from_hex("0x01").is_err());
        let key = SecretKey::from_bytes(&[1; 32]).expect("key");
        assert!(!format!("{key:?}").contains("0101"));
    }
}
