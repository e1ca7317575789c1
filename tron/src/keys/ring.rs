//! The keys that are open now.

use super::KeyPolicy;
use crate::{
    crypto::{CryptoError, SecretKey},
    tx,
};
use async_trait::async_trait;
use leyden_domain::{
    Address,
    chain::{SignedTransaction, TransactionIntent},
};
use leyden_ports::{SignError, Signer, Warrants};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// Which key: for whose account it signs, and under which of the account's permissions (0 is the owner's).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyId {
    /// The account.
    pub owner: Address,
    /// The permission.
    pub permission_id: u8,
}

struct Entry {
    key: SecretKey,
    policy: KeyPolicy,
}

/// Signs typed intents with the keys it holds. Keys are wiped from memory when it is dropped.
#[derive(Default)]
pub struct KeyRing {
    entries: BTreeMap<KeyId, Entry>,
    warrants: Option<Arc<dyn Warrants>>,
}

impl KeyRing {
    /// A ring without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keys that move money sign from now on what this allows; without it they sign nothing.
    pub fn ask(&mut self, warrants: Arc<dyn Warrants>) {
        self.warrants = Some(warrants);
    }

    /// Whether the key for an intent needs a warrant for it.
    fn needs_warrant(&self, intent: &TransactionIntent) -> bool {
        let id = KeyId { owner: intent.action.owner(), permission_id: intent.permission_id.unwrap_or(0) };
        self.entries.get(&id).is_some_and(|entry| entry.policy.needs_warrant())
    }

    /// Adds a key, in place of any other for the same account and permission.
    pub fn insert(&mut self, id: KeyId, key: SecretKey, policy: KeyPolicy) {
        self.entries.insert(id, Entry { key, policy });
    }

    /// Adds a key from 64 hexadecimal digits. For development: whatever holds such a text (an environment, a
    /// shell's history) shows it to others.
    pub fn insert_plain(
        &mut self,
        id: KeyId,
        text: &SecretString,
        policy: KeyPolicy,
    ) -> Result<(), CryptoError> {
        self.insert(id, SecretKey::from_hex(text.expose_secret())?, policy);
        Ok(())
    }

    /// The keys it holds: for whom, the address of the key itself, and what it may sign.
    pub fn keys(&self) -> impl Iterator<Item = (KeyId, Address, KeyPolicy)> {
        self.entries.iter().map(|(id, entry)| (*id, entry.key.address(), entry.policy))
    }

    /// Whether it holds no key.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn sign_now(&self, intent: &TransactionIntent) -> Result<SignedTransaction, SignError> {
        let owner = intent.action.owner();
        let id = KeyId { owner, permission_id: intent.permission_id.unwrap_or(0) };
        let entry = self.entries.get(&id).ok_or(SignError::NoKey(owner))?;
        if !entry.policy.allows(&intent.action) {
            return Err(SignError::Refused(format!("the key of {owner} may not sign this kind of action")));
        }
        let unsigned = tx::build(intent).map_err(|error| SignError::Invalid(error.to_string()))?;
        Ok(unsigned.sign(&entry.key))
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys()).finish()
    }
}

#[async_trait]
impl Signer for KeyRing {
    async fn sign(&self, intent: &TransactionIntent) -> Result<SignedTransaction, SignError> {
        if self.needs_warrant(intent) {
            let refused = || SignError::Refused("this key signs by warrant only".to_owned());
            self.warrants.as_ref().ok_or_else(refused)?.may_sign(intent).await?;
        }
        self.sign_now(intent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leyden_domain::{
        BlockId, BlockRef, Sun, Timestamp,
        chain::{ChainAction, Resource},
    };

    fn intent(
        owner: Address,
        permission_id: Option<u8>,
        action: fn(Address, Address) -> ChainAction,
    ) -> TransactionIntent {
        TransactionIntent {
            action: action(owner, Address::from_evm([9; 20])),
            permission_id,
            reference: BlockRef::new(BlockId::new([3; 32])),
            timestamp: Timestamp::from_ms(1_000),
            expiration: Timestamp::from_ms(61_000),
        }
    }

    fn delegate(owner: Address, receiver: Address) -> ChainAction {
        ChainAction::Delegate { owner, receiver, resource: Resource::Energy, balance: Sun::TRX, lock: None }
    }

    fn transfer(owner: Address, to: Address) -> ChainAction {
        ChainAction::Transfer { owner, to, amount: Sun::TRX }
    }

    #[test]
    fn signs_only_what_the_right_key_may() {
        let key = SecretKey::from_bytes(&[1; 32]).expect("key");
        let owner = Address::from_evm([8; 20]);
        let mut ring = KeyRing::new();
        ring.insert(KeyId { owner, permission_id: 3 }, key.clone(), KeyPolicy::Delegation);

        let signed = ring.sign_now(&intent(owner, Some(3), delegate)).expect("signs");
        let read = tx::read(&signed.bytes).expect("reads");
        assert_eq!((read.tx_id, read.permission_id), (signed.tx_id, 3));
        assert_eq!(read.signers, [key.address()]);
        assert_eq!(ring.sign_now(&intent(owner, Some(3), delegate)), Ok(signed));

        assert_eq!(ring.sign_now(&intent(owner, None, delegate)), Err(SignError::NoKey(owner)));
        let refused = ring.sign_now(&intent(owner, Some(3), transfer));
        assert!(matches!(refused, Err(SignError::Refused(_))), "{refused:?}");
        assert!(!format!("{ring:?}").contains(&hex::encode([1_u8; 32])));
    }
}
