//! API keys (hashes of their secrets) and sealed private keys. Nothing here can open either.

use crate::{
    SqlStore,
    db::{all, exec, opt},
    row::{Place, convert, row},
};
use leyden_domain::{ApiKeyId, Timestamp};
use leyden_ports::store::{ApiKeyRecord, EncryptedKey, NewApiKey, StoreError};

row!(
    /// An API key.
    KeyRow {
        id: String,
        name: String,
        secret_hash: String,
        scopes: String,
        expires_at: Option<i64>,
        revoked_at: Option<i64>,
    }
);

impl TryFrom<KeyRow> for ApiKeyRecord {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<Self, StoreError> {
        let place = Place::new("api_keys", &row.id);
        let mut secret_hash = [0_u8; 32];
        hex::decode_to_slice(&row.secret_hash, &mut secret_hash).or(Err(place.bad("secret_hash")))?;
        Ok(Self {
            id: place.parse("id", &row.id)?,
            secret_hash,
            scopes: serde_json::from_str(&row.scopes).or(Err(place.bad("scopes")))?,
            expires_at: row.expires_at.map(Timestamp::from_ms),
            revoked_at: row.revoked_at.map(Timestamp::from_ms),
            name: row.name,
        })
    }
}

row!(
    /// A sealed key.
    SealedRow { address: String, permission_id: i64, sealed: String }
);

impl TryFrom<SealedRow> for EncryptedKey {
    type Error = StoreError;

    fn try_from(row: SealedRow) -> Result<Self, StoreError> {
        let place = Place::new("sealed_keys", &row.address);
        let permission_id = match row.permission_id {
            OWNER => None,
            number => Some(place.number("permission_id", number)?),
        };
        Ok(Self { address: place.parse("address", &row.address)?, permission_id, sealed: row.sealed })
    }
}

/// The owner permission, in a column that is part of a key and so cannot be NULL.
const OWNER: i64 = -1;

impl SqlStore {
    pub(crate) async fn insert_api_key(&self, key: NewApiKey) -> Result<(), StoreError> {
        let scopes =
            serde_json::to_string(&key.scopes).map_err(|error| StoreError::Rule(error.to_string()))?;
        self.write(move |conn| {
            Box::pin(async move {
                exec!(
                    conn,
                    "INSERT INTO api_keys (id, name, secret_hash, scopes, expires_at, created_at) \
                     VALUES ($1, $2, $3, $4, $5, $6)",
                    key.id.to_string(),
                    key.name,
                    hex::encode(key.secret_hash),
                    scopes,
                    key.expires_at.map(Timestamp::ms),
                    key.created_at.ms(),
                )?;
                Ok(())
            })
        })
        .await
    }

    pub(crate) async fn find_api_key(&self, id: ApiKeyId) -> Result<Option<ApiKeyRecord>, StoreError> {
        let mut conn = self.db.read().await?;
        let found: Option<KeyRow> = opt!(conn, "SELECT * FROM api_keys WHERE id = $1", id.to_string())?;
        found.map(ApiKeyRecord::try_from).transpose()
    }

    pub(crate) async fn all_api_keys(&self) -> Result<Vec<ApiKeyRecord>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows: Vec<KeyRow> = all!(conn, "SELECT * FROM api_keys ORDER BY created_at, id")?;
        convert(rows)
    }

    pub(crate) async fn revoke(&self, id: ApiKeyId, at: Timestamp) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                // The first revocation stands.
                let found = exec!(
                    conn,
                    "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1",
                    id.to_string(),
                    at.ms(),
                )?;
                Ok(found == 1)
            })
        })
        .await
    }

    pub(crate) async fn put_sealed_key(&self, key: EncryptedKey, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                exec!(
                    conn,
                    "INSERT INTO sealed_keys (address, permission_id, sealed, created_at, updated_at) \
                     VALUES ($1, $2, $3, $4, $4) ON CONFLICT (address, permission_id) \
                     DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at",
                    key.address.to_string(),
                    key.permission_id.map_or(OWNER, i64::from),
                    key.sealed,
                    now.ms(),
                )?;
                Ok(())
            })
        })
        .await
    }

    pub(crate) async fn sealed_keys(&self) -> Result<Vec<EncryptedKey>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows: Vec<SealedRow> = all!(
            conn,
            "SELECT address, permission_id, sealed FROM sealed_keys ORDER BY address, permission_id"
        )?;
        convert(rows)
    }
}
