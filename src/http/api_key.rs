//! The text of API keys: `lk_live_<id>_<secret>`. The id finds the row, the secret proves the right to it, and only
//! a hash of the secret is kept. The secret has 256 random bits, so a fast hash is enough.

use leyden_domain::{ApiKeyId, Timestamp};
use leyden_ports::{Entropy, store::NewApiKey};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::{collections::BTreeSet, fmt};
use subtle::ConstantTimeEq;

use super::scope::Scope;

const PREFIX: &str = "lk_live_";
/// Ids print as `key_` and these digits; the key's text carries the digits only.
const ID_PREFIX: &str = "key_";

/// A presented key, taken apart. It never prints its secret.
pub struct PresentedKey {
    /// Which row it claims.
    pub id: ApiKeyId,
    hash: [u8; 32],
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl PresentedKey {
    /// Takes a key's text apart; `None` where it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let id = format!("{ID_PREFIX}{id}").parse().ok()?;
        let well_formed =
            secret.len() == 64 && secret.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        well_formed.then(|| Self { id, hash: hash(secret) })
    }

    /// Whether this is the secret whose hash is kept. Takes the same time wherever they differ.
    pub fn fits(&self, kept: &[u8; 32]) -> bool {
        self.hash.ct_eq(kept).into()
    }
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Makes a key: the row to be kept and the text to be shown once.
pub fn make(
    name: &str,
    scopes: &BTreeSet<Scope>,
    expires_at: Option<Timestamp>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> (NewApiKey, SecretString) {
    let id = ApiKeyId::new(now, entropy.for_id());
    let mut bytes = [0_u8; 32];
    entropy.fill(&mut bytes);
    let secret = SecretString::from(hex::encode(bytes));
    let printed = id.to_string();
    let digits = printed.strip_prefix(ID_PREFIX).unwrap_or(&printed);
    let text = SecretString::from(format!("{PREFIX}{digits}_{}", secret.expose_secret()));
    let row = NewApiKey {
        id,
        name: name.to_owned(),
        secret_hash: hash(secret.expose_secret()),
        scopes: scopes.iter().map(|scope| scope.name().to_owned()).collect(),
        expires_at,
        created_at: now,
    };
    (row, text)
}

#[cfg(test)]
mod tests {
    use super::{PresentedKey, make};
    use crate::{http::scope::Scope, system_entropy::SystemEntropy};
    use leyden_domain::Timestamp;
    use secrecy::ExposeSecret;

    #[test]
    fn a_made_key_proves_itself_and_no_other_does() {
        let made = || {
            make(
                "test",
                &[Scope::OrdersRead].into(),
                None,
                Timestamp::from_ms(1_700_000_000_000),
                &SystemEntropy,
            )
        };
        let ((row, text), (other, _)) = (made(), made());
        let presented = PresentedKey::parse(text.expose_secret()).unwrap();
        assert_eq!(presented.id, row.id);
        assert!(presented.fits(&row.secret_hash));
        assert!(!presented.fits(&other.secret_hash));
        assert!(!format!("{presented:?}{text:?}").contains(text.expose_secret().rsplit('_').next().unwrap()));
    }

    #[test]
    fn what_is_no_key_is_refused_before_the_books_are_asked() {
        let id = "0".repeat(32);
        let secret = "a".repeat(64);
        assert!(PresentedKey::parse(&format!("lk_live_{id}_{secret}")).is_some());
        for bad in [
            String::new(),
            "lk_live_".to_owned(),
            format!("lk_test_{id}_{secret}"),
            format!("lk_live_{id}{secret}"),
            format!("lk_live_{id}_{}", "A".repeat(64)),
            format!("lk_live_{id}_{secret}0"),
            format!("lk_live_{}_{secret}", "é".repeat(16)),
        ] {
            assert!(PresentedKey::parse(&bad).is_none(), "{bad}");
        }
    }
}
