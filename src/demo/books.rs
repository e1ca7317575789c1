//! The books of a demonstration whose service runs in processes of its own: brought up to date, known to be ours, and
//! given what the service must find there.

use super::{
    show::NOTEBOOK,
    stage::{self, Stage},
};
use crate::{
    Settings,
    cli::Failure,
    http::{
        api_key::{self, PresentedKey},
        scope::Scope,
    },
    settings::without_credentials,
    system_entropy::SystemEntropy,
    wiring::{StartError, open_store},
};
use leyden_ports::store::{EncryptedKey, OrderStore, ServiceStore};
use leyden_sim::keys;
use leyden_store::{MigrationMode, OpenError, SqlStore};
use leyden_tron::keys::{KdfCost, KeyFile, KeyId, KeyPolicy};
use secrecy::{ExposeSecret, SecretString};
use std::{collections::BTreeSet, fs, sync::Arc};

/// The keys are known to everybody, and every start of an instance opens them: no reason to make that slow.
const COST: KdfCost = KdfCost { memory_kib: 8 * 1024, passes: 1, lanes: 1 };
/// The file of the folder that holds the API key.
const API_KEY: &str = "api-key";

/// Prepares the books; the API key for customers. Refuses books that somebody else uses.
pub(super) async fn prepare(settings: &Settings, stage: &Stage) -> Result<String, Failure> {
    let store = match open_store(settings, MigrationMode::Refuse).await {
        Err(StartError::Database { error: OpenError::Pending(_), .. }) => {
            open_store(settings, MigrationMode::Apply).await?
        }
        other => other?,
    };
    let key = fill(&store, settings, stage).await;
    store.close().await;
    key
}

async fn fill(store: &Arc<SqlStore>, settings: &Settings, stage: &Stage) -> Result<String, Failure> {
    let key = own(store, settings, stage).await?;
    let known = store.keys().await?;
    let passphrase = settings
        .keys
        .passphrase
        .expose()
        .map(|text| SecretString::from(text.to_owned()))
        .ok_or_else(|| Failure::new("there is no passphrase for the pool's keys"))?;
    for n in 0..keys::POOL_ACCOUNTS {
        let address = keys::pool_address(n);
        if known.iter().any(|key| key.address == address) {
            continue;
        }
        let id = KeyId { owner: address, permission_id: 0 };
        let sealed =
            KeyFile::seal(&keys::pool_key(n), id, KeyPolicy::Delegation, &passphrase, COST, &SystemEntropy)
                .and_then(|file| file.to_text())
                .map_err(|error| Failure::new(error.to_string()))?;
        store.put_key(EncryptedKey { address, permission_id: None, sealed }, stage.clock.now()).await?;
    }
    let address = stage::refund_address();
    if !known.iter().any(|key| key.address == address) {
        let id = KeyId { owner: address, permission_id: 0 };
        let sealed =
            KeyFile::seal(&stage::refund_key(), id, KeyPolicy::Refunds, &passphrase, COST, &SystemEntropy)
                .and_then(|file| file.to_text())
                .map_err(|error| Failure::new(error.to_string()))?;
        store.put_key(EncryptedKey { address, permission_id: None, sealed }, stage.clock.now()).await?;
    }
    store.put_price_config(stage::price_config(stage.clock.as_ref())).await?;
    Ok(key)
}

/// Makes sure that these books are this folder's and nobody else's: they know its API key, or nothing at all.
async fn own(store: &Arc<SqlStore>, settings: &Settings, stage: &Stage) -> Result<String, Failure> {
    let url = without_credentials(&settings.database.url);
    let path = stage.folder.file(API_KEY);
    if path.exists() {
        let text = fs::read_to_string(&path)?.trim().to_owned();
        if let Some(presented) = PresentedKey::parse(&text)
            && store.api_key(presented.id).await?.is_some_and(|row| presented.fits(&row.secret_hash))
        {
            return Ok(text);
        }
        // A demonstration that was killed before its customers began left a key that nothing rests on.
        if stage.folder.file(NOTEBOOK).exists() {
            return Err(Failure::new(format!(
                "{url} does not know the API key in {}: folder and database are not of the same demonstration. Name \
                 the folder that was begun with this database, or an empty folder and an empty database",
                path.display()
            )));
        }
    }
    let orders: u64 = store.count_orders().await?.iter().map(|(_, count)| count).sum();
    if orders > 0 || !store.keys().await?.is_empty() || !store.api_keys().await?.is_empty() {
        return Err(Failure::new(format!(
            "{url} is in use: it holds {orders} orders, and keys. A demonstration wants an empty database, or with \
             --data the folder that it was begun with"
        )));
    }
    let all: BTreeSet<Scope> = Scope::ALL.iter().copied().collect();
    let (row, text) = api_key::make("demo", &all, None, stage.clock.now(), &SystemEntropy);
    fs::write(&path, text.expose_secret())?;
    store.add_api_key(row).await?;
    Ok(text.expose_secret().to_owned())
}
