//! Who may sign what: weights, thresholds and the bitmap of operations, as java-tron `TransactionCapsule` checks
//! them, with its words.

use crate::{account::Account, tx::SignedTx};
use leyden_domain::Address;
use leyden_tron::{
    crypto::{self, CryptoError},
    wire::proto::{Key, Permission, PermissionType},
};

/// The most keys that a permission may have, and the most signatures of a transaction.
pub const MAX_KEYS: usize = 5;

/// What a newly activated account's active permission allows (mainnet's default, all enabled contract types).
const DEFAULT_OPERATIONS: [u8; 32] = {
    let mut bits = [0; 32];
    let enabled = [0x7f, 0xff, 0x1f, 0xc0, 0x03, 0x3e, 0xfb, 0x0f];
    let mut at = 0;
    while at < enabled.len() {
        bits[at] = enabled[at];
        at += 1;
    }
    bits
};

/// The owner permission of a newly activated account.
pub fn default_owner(address: Address) -> Permission {
    Permission {
        r#type: PermissionType::Owner.into(),
        id: 0,
        permission_name: "owner".to_owned(),
        threshold: 1,
        parent_id: 0,
        operations: Vec::new(),
        keys: vec![Key { address: address.to_bytes().to_vec(), weight: 1 }],
    }
}

/// The active permission of a newly activated account.
pub fn default_active(address: Address) -> Permission {
    Permission {
        r#type: PermissionType::Active.into(),
        id: 2,
        permission_name: "active".to_owned(),
        operations: DEFAULT_OPERATIONS.to_vec(),
        ..default_owner(address)
    }
}

/// Whether a bitmap allows a contract type: bit i is bit i%8 of byte i/8.
pub fn allows(operations: &[u8], contract_type: i32) -> bool {
    usize::try_from(contract_type)
        .ok()
        .and_then(|bit| operations.get(bit / 8).map(|byte| byte & (1 << (bit % 8)) != 0))
        .unwrap_or(false)
}

/// The permission that a transaction names, before anything was checked.
pub fn named(account: Option<&Account>, owner: Address, id: i32) -> Option<Permission> {
    match account {
        Some(account) if id == 0 && account.owner_permission.is_some() => account.owner_permission.clone(),
        Some(account) if id != 0 => account.active_permissions.iter().find(|one| one.id == id).cloned(),
        // Nobody set any: its own key may do everything.
        Some(_) => Some(default_owner(owner)),
        None if id == 0 => Some(default_owner(owner)),
        None if id == 2 => Some(default_active(owner)),
        None => None,
    }
}

/// What the signatures of a transaction amount to.
#[derive(Debug, Clone)]
pub struct Weight {
    /// The permission the transaction names.
    pub permission: Permission,
    /// Who signed.
    pub approved: Vec<Address>,
    /// The sum of their weights.
    pub weight: i64,
}

/// Who made a signature. The error is what java-tron's `ECKey` throws, with its class.
fn signer(tx: &SignedTx, signature: &[u8]) -> Result<Address, String> {
    crypto::recover(tx.id.bytes(), signature).map_err(|error| {
        let header = signature.get(64).copied().unwrap_or_default().cast_signed();
        // As with a byte of Java's: large ones are negative, and 27 is added to what is less than that.
        let header = if header < 27 { header.wrapping_add(27) } else { header };
        match error {
            CryptoError::Signature if !(27..=34).contains(&header) => {
                format!("java.security.SignatureException: Header byte out of range: {header}")
            }
            CryptoError::Signature => {
                "java.lang.IllegalArgumentException: Invalid point compression".to_owned()
            }
            // Fewer than 65, or since 4.8.2 more than 68.
            CryptoError::SignatureLength(bytes) => format!("Signature size is {bytes}"),
            CryptoError::Key => error.to_string(),
        }
    })
}

/// Adds up the signatures. The error is the node's text.
pub fn weigh(account: Option<&Account>, tx: &SignedTx) -> Result<Weight, String> {
    let permission = named(account, tx.owner, tx.permission_id).ok_or("permission isn't exit")?;
    if tx.permission_id != 0 {
        if permission.r#type != i32::from(PermissionType::Active) {
            return Err("Permission type is error".to_owned());
        }
        if !allows(&permission.operations, tx.contract_type) {
            return Err("Permission denied".to_owned());
        }
    }
    if tx.signatures.len() > permission.keys.len() {
        return Err(format!(
            "Signature count is {} more than key counts of permission : {}",
            tx.signatures.len(),
            permission.keys.len()
        ));
    }
    let mut weight = 0_i64;
    let mut approved = Vec::new();
    for signature in &tx.signatures {
        let signer = signer(tx, signature)?;
        let of_key =
            permission.keys.iter().find(|key| key.address == signer.to_bytes()).map_or(0, |key| key.weight);
        if of_key == 0 {
            return Err(format!(
                "{} is signed by {signer} but it is not contained of permission.",
                hex::encode(signature)
            ));
        }
        if approved.contains(&signer) {
            return Err(format!("{signer} has signed twice!"));
        }
        approved.push(signer);
        weight = weight.saturating_add(of_key);
    }
    Ok(Weight { permission, approved, weight })
}

/// Whether a transaction is signed as its permission asks. The error is the node's text.
pub fn check(account: Option<&Account>, tx: &SignedTx) -> Result<(), String> {
    if tx.signatures.is_empty() {
        return Err("miss sig or contract".to_owned());
    }
    if tx.signatures.len() > MAX_KEYS {
        return Err("too many signatures".to_owned());
    }
    let found = weigh(account, tx)?;
    if found.weight < found.permission.threshold {
        return Err("sig error".to_owned());
    }
    Ok(())
}

/// Whether a permission may be set (java-tron `AccountPermissionUpdateActuator`). The error is the node's text.
pub fn validate(permission: &Permission) -> Result<(), String> {
    let kind = PermissionType::try_from(permission.r#type).unwrap_or(PermissionType::Owner);
    let name = format!("{kind:?}");
    if permission.keys.len() > MAX_KEYS {
        return Err(format!("number of keys in permission should not be greater than {MAX_KEYS}"));
    }
    if permission.keys.is_empty() {
        return Err("key's count should be greater than 0".to_owned());
    }
    if permission.threshold <= 0 {
        return Err("permission's threshold should be greater than 0".to_owned());
    }
    if permission.permission_name.len() > 32 {
        return Err("permission's name is too long".to_owned());
    }
    if permission.parent_id != 0 {
        return Err("permission's parent should be owner".to_owned());
    }
    let mut seen = Vec::new();
    let mut sum = 0_i64;
    for key in &permission.keys {
        if seen.contains(&&key.address) {
            return Err(format!("address should be distinct in permission {name}"));
        }
        seen.push(&key.address);
        if Address::from_bytes(&key.address).is_err() {
            return Err("key is not a validate address".to_owned());
        }
        if key.weight <= 0 {
            return Err("key's weight should be greater than 0".to_owned());
        }
        sum = sum.checked_add(key.weight).ok_or("long overflow")?;
    }
    if sum < permission.threshold {
        return Err(format!(
            "sum of all key's weight should not be less than threshold in permission {name}"
        ));
    }
    if kind != PermissionType::Active {
        if !permission.operations.is_empty() {
            return Err(format!("{name} permission needn't operations"));
        }
        return Ok(());
    }
    if permission.operations.len() != 32 {
        return Err("operations size must 32".to_owned());
    }
    (0..256)
        .find(|bit| allows(&permission.operations, *bit) && !allows(&DEFAULT_OPERATIONS, *bit))
        .map_or(Ok(()), |bit| Err(format!("{bit} isn't a validate ContractType")))
}
