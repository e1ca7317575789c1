//! What the service keeps beside the money: prices, keys, quotes, monitoring rows.

use super::{IdempotencyKey, StoreError, StoredResponse};
use async_trait::async_trait;
use leyden_domain::{Address, ApiKeyId, OrderId, Sun, Timestamp, order::Quote};
use std::collections::BTreeSet;

/// A price or resource configuration: a JSON document under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigDocument {
    /// `mode_type` or `resource_type`.
    pub name: String,
    /// The document, as JSON text.
    pub config: String,
    /// Whether it is in force.
    pub is_active: bool,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// An API key to be kept. Only the hash of its secret ever reaches the books.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// Its id, which the key's text carries.
    pub id: ApiKeyId,
    /// A name for people.
    pub name: String,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// What it may do.
    pub scopes: BTreeSet<String>,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A kept API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// Its id.
    pub id: ApiKeyId,
    /// A name for people.
    pub name: String,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// What it may do.
    pub scopes: BTreeSet<String>,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was taken back, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// A pool account's private key, encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedKey {
    /// The account it signs for.
    pub address: Address,
    /// Which permission.
    pub permission_id: Option<u8>,
    /// The sealed key, as the key store wrote it.
    pub sealed: String,
}

/// A quote that holds until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredQuote {
    /// Its id, `quo_…`.
    pub id: String,
    /// What was quoted.
    pub quote: Quote,
    /// For whom, where that was said.
    pub recipient: Option<Address>,
    /// Until when it holds.
    pub expires_at: Timestamp,
}

/// A row of the view `payment_monitoring_status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitoringRow {
    /// The order.
    pub order_id: OrderId,
    /// Where it is to be paid.
    pub payment_address: Address,
    /// `monitoring`, `completed`, `timeout` or `error`.
    pub monitoring_status: String,
    /// When watching began.
    pub monitoring_started_at: Timestamp,
    /// When it stopped.
    pub monitoring_stopped_at: Option<Timestamp>,
    /// What came.
    pub detected_amount: Option<Sun>,
    /// From whom.
    pub detected_from_address: Option<Address>,
    /// The order's `status`.
    pub order_status: String,
    /// What was paid.
    pub paid_amount: Option<Sun>,
    /// How many transfers were bought.
    pub transaction_count: Option<u32>,
    /// When its time is over.
    pub expires_at: Timestamp,
    /// Whether it is.
    pub is_expired: bool,
}

/// What became of a wish that its caller named by a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Once {
    /// Nobody asked before: carry it out, and say when that is done.
    First,
    /// It is being carried out.
    Running,
    /// It was carried out, and this was answered.
    Done(StoredResponse),
    /// The key was used with another body.
    OtherBody,
}

/// Sums over all books, for summaries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Payments by bucket name: how many and how much (TRX payments, in sun).
    pub payments: Vec<(String, u64, Sun)>,
    /// Operations by kind and state.
    pub operations: Vec<(String, String, u64)>,
}

/// Prices, keys, quotes, monitoring rows.
#[async_trait]
pub trait ServiceStore: Send + Sync + 'static {
    /// A price configuration.
    async fn price_config(&self, mode_type: &str) -> Result<Option<ConfigDocument>, StoreError>;

    /// All price configurations.
    async fn price_configs(&self) -> Result<Vec<ConfigDocument>, StoreError>;

    /// Writes a price configuration.
    async fn put_price_config(&self, document: ConfigDocument) -> Result<(), StoreError>;

    /// A resource configuration.
    async fn resource_config(&self, resource_type: &str) -> Result<Option<ConfigDocument>, StoreError>;

    /// All resource configurations.
    async fn resource_configs(&self) -> Result<Vec<ConfigDocument>, StoreError>;

    /// Writes a resource configuration.
    async fn put_resource_config(&self, document: ConfigDocument) -> Result<(), StoreError>;

    /// Keeps an API key.
    async fn add_api_key(&self, key: NewApiKey) -> Result<(), StoreError>;

    /// An API key by its id.
    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKeyRecord>, StoreError>;

    /// All API keys.
    async fn api_keys(&self) -> Result<Vec<ApiKeyRecord>, StoreError>;

    /// Takes an API key back. `false` where there is none.
    async fn revoke_api_key(&self, id: ApiKeyId, at: Timestamp) -> Result<bool, StoreError>;

    /// Keeps an encrypted key, replacing an older one of the same account and permission.
    async fn put_key(&self, key: EncryptedKey, now: Timestamp) -> Result<(), StoreError>;

    /// All encrypted keys.
    async fn keys(&self) -> Result<Vec<EncryptedKey>, StoreError>;

    /// Keeps a quote.
    async fn put_quote(&self, quote: StoredQuote) -> Result<(), StoreError>;

    /// A quote by its id.
    async fn quote(&self, id: &str) -> Result<Option<StoredQuote>, StoreError>;

    /// Begins a wish under its caller's key. One that was begun a minute ago and never ended was abandoned: it is begun
    /// anew.
    async fn begin_once(&self, key: &IdempotencyKey) -> Result<Once, StoreError>;

    /// Ends it: keeps the answer, or, without one, lets the key be used again.
    async fn end_once(&self, key: &IdempotencyKey, answer: Option<StoredResponse>) -> Result<(), StoreError>;

    /// Begins, or begins again, to watch for an order's payment.
    async fn start_monitoring(&self, order: OrderId, now: Timestamp) -> Result<bool, StoreError>;

    /// Stops watching. `false` where nothing was being watched.
    async fn stop_monitoring(&self, order: OrderId, now: Timestamp) -> Result<bool, StoreError>;

    /// Rows of the view `payment_monitoring_status`, newest first.
    async fn monitoring_status(
        &self,
        order: Option<OrderId>,
        chain_time: Timestamp,
        limit: u32,
    ) -> Result<Vec<MonitoringRow>, StoreError>;

    /// Removes idempotency keys with what was answered, quotes, closed monitoring rows older than the given moments. Returns how many rows.
    async fn sweep(&self, keys_before: Timestamp, logs_before: Timestamp) -> Result<u64, StoreError>;

    /// Sums for summaries.
    async fn totals(&self) -> Result<Totals, StoreError>;
}
