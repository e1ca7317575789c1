//! `leyden keys`: private keys, encrypted into the books, and API keys, of which only a hash is kept.

use super::{
    Failure,
    args::{ApiArgs, ImportArgs, RevokeArgs},
    line,
};
use crate::{
    Settings, http::api_key, system_clock::SystemClock, system_entropy::SystemEntropy, wiring::open_store,
};
use leyden_ports::{
    Clock,
    store::{EncryptedKey, ServiceStore},
};
use leyden_store::{MigrationMode, SqlStore};
use leyden_tron::{
    crypto::SecretKey,
    keys::{KdfCost, KeyFile, KeyId, KeyPolicy},
};
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::BTreeSet,
    io::{self, Read},
    sync::Arc,
};

/// A key of 64 digits and the line's end; more is not a key.
const LONGEST_KEY: u64 = 256;

/// The books, brought up to date if the configuration allows it.
async fn books(settings: &Settings) -> Result<Arc<SqlStore>, Failure> {
    let mode = if settings.database.migrate { MigrationMode::Apply } else { MigrationMode::Refuse };
    Ok(open_store(settings, mode).await?)
}

pub(super) async fn import(settings: Settings, arguments: ImportArgs) -> Result<u8, Failure> {
    let passphrase = settings
        .keys
        .passphrase
        .expose()
        .map(|text| SecretString::from(text.to_owned()))
        .ok_or_else(|| Failure::new("set keys.passphrase_file (or keys.passphrase) first"))?;
    let mut text = String::new();
    io::stdin().lock().take(LONGEST_KEY).read_to_string(&mut text)?;
    let text = SecretString::from(text);
    let digits = text.expose_secret().trim();
    let key = SecretKey::from_hex(digits.strip_prefix("0x").unwrap_or(digits))
        .map_err(|error| Failure::new(format!("standard input holds no private key: {error}")))?;
    let owner = arguments.account.unwrap_or_else(|| key.address());
    let id = KeyId { owner, permission_id: arguments.permission_id.unwrap_or(0) };
    let policy = if arguments.refunds { KeyPolicy::Refunds } else { KeyPolicy::Delegation };
    let sealed = KeyFile::seal(&key, id, policy, &passphrase, KdfCost::DEFAULT, &SystemEntropy)
        .and_then(|file| file.to_text())
        .map_err(|error| Failure::new(error.to_string()))?;
    let store = books(&settings).await?;
    let kept = EncryptedKey { address: owner, permission_id: arguments.permission_id, sealed };
    store.put_key(kept, SystemClock.now()).await?;
    store.close().await;
    line(format_args!(
        "kept the key {} for account {owner}, permission {}",
        key.address(),
        id.permission_id
    ))?;
    Ok(0)
}

pub(super) async fn api(settings: Settings, arguments: ApiArgs) -> Result<u8, Failure> {
    let expires_at = arguments
        .expires
        .map(|text| crate::http::parse_time(&text).ok_or_else(|| Failure::new(format!("{text}: no moment"))))
        .transpose()?;
    let scopes: BTreeSet<_> = arguments.scopes.into_iter().collect();
    let store = books(&settings).await?;
    let (row, text) = api_key::make(&arguments.name, &scopes, expires_at, SystemClock.now(), &SystemEntropy);
    store.add_api_key(row).await?;
    store.close().await;
    // The one moment at which the key exists as text.
    line(text.expose_secret())?;
    Ok(0)
}

pub(super) async fn revoke(settings: Settings, arguments: RevokeArgs) -> Result<u8, Failure> {
    let store = books(&settings).await?;
    let there = store.revoke_api_key(arguments.id, SystemClock.now()).await?;
    store.close().await;
    if !there {
        return Err(Failure::new(format!("there is no API key {}", arguments.id)));
    }
    line(format_args!("took {} back", arguments.id))?;
    Ok(0)
}

pub(super) async fn list(settings: Settings) -> Result<u8, Failure> {
    let store = books(&settings).await?;
    let (private, api) = (store.keys().await?, store.api_keys().await?);
    store.close().await;
    line("private keys (account, permission, the key's own address):")?;
    for key in private {
        let signer = KeyFile::parse(&key.sealed)
            .map_or_else(|error| error.to_string(), |file| file.signer().to_string());
        line(format_args!("  {}  {}  {signer}", key.address, key.permission_id.unwrap_or(0)))?;
    }
    line("API keys (id, name, scopes, state):")?;
    let now = SystemClock.now();
    for key in api {
        let state = match (key.revoked_at, key.expires_at) {
            (Some(_), _) => "revoked",
            (None, Some(at)) if at <= now => "expired",
            (None, _) => "good",
        };
        let scopes: Vec<_> = key.scopes.iter().map(String::as_str).collect();
        line(format_args!("  {}  {}  {}  {state}", key.id, key.name, scopes.join(",")))?;
    }
    Ok(0)
}
