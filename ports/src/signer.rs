//! Signing. A signer takes a typed intent, builds the bytes itself and signs those; it never signs a hash that
//! somebody else computed and never hands out a key.

use async_trait::async_trait;
use leyden_domain::{
    Address,
    chain::{SignedTransaction, TransactionIntent},
    refund::GuardTrip,
};

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// No key for this account and permission.
    #[error("no key for {0}")]
    NoKey(Address),
    /// The intent is not one that this key may sign.
    #[error("signer refused: {0}")]
    Refused(String),
    /// So much may not leave now, says the spend guard. Says nothing about the key, nor about other transfers.
    #[error("the spend guard has tripped: {}", .0.name())]
    Guarded(GuardTrip),
    /// The intent cannot be expressed as a transaction. Says nothing about the key.
    #[error("not a transaction: {0}")]
    Invalid(String),
    /// The signer cannot be reached now.
    #[error("signer unavailable: {0}")]
    Unavailable(String),
}

/// Says of each intent whether it may be signed now, by what the books hold: asked by a signer for keys that move money.
#[async_trait]
pub trait Warrants: Send + Sync + std::fmt::Debug + 'static {
    /// `Refused` where nothing in the books is exactly this; `Unavailable` where it may be asked again, such as while
    /// another transaction for the same may still be alive.
    async fn may_sign(&self, intent: &TransactionIntent) -> Result<(), SignError>;
}

/// Signs typed intents. The same intent always gives the same transaction (deterministic signatures, RFC 6979).
#[async_trait]
pub trait Signer: Send + Sync + 'static {
    /// Builds, hashes and signs; the key is chosen by the intent's owner and permission.
    async fn sign(&self, intent: &TransactionIntent) -> Result<SignedTransaction, SignError>;
}
