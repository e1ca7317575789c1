//! What the service keeps beside the money: one trait over configurations, keys, quotes, monitoring rows, and the
//! removal of what is too old.

use crate::{
    SqlStore,
    configs::{PRICES, RESOURCES},
    db::{all, exec, opt},
    kept_answers,
    row::{Place, row},
};
use async_trait::async_trait;
use leyden_domain::{ApiKeyId, OrderId, Sun, Timestamp};
use leyden_ports::store::{
    ApiKeyRecord, ConfigDocument, EncryptedKey, IdempotencyKey, MonitoringRow, NewApiKey, Once, ServiceStore,
    StoreError, StoredQuote, StoredResponse, Totals,
};

/// Rows that one commit of a sweep removes at most, so that nobody waits long behind it.
const SWEPT_AT_ONCE: i64 = 2_000;

/// What a sweep removes.
pub(crate) const SWEEPS: [(&str, Limit); 4] = [
    (
        "DELETE FROM idempotency_keys WHERE (caller, route, key) IN \
         (SELECT caller, route, key FROM idempotency_keys WHERE created_at < $1 LIMIT $2)",
        Limit::Keys,
    ),
    (
        "DELETE FROM kept_answers WHERE (caller, route, key) IN \
         (SELECT caller, route, key FROM kept_answers WHERE created_at < $1 LIMIT $2)",
        Limit::Keys,
    ),
    ("DELETE FROM quotes WHERE id IN (SELECT id FROM quotes WHERE expires_at < $1 LIMIT $2)", Limit::Keys),
    (
        "DELETE FROM payment_monitoring_logs WHERE id IN (SELECT id FROM payment_monitoring_logs \
         WHERE monitoring_stopped_at < $1 AND status <> 'monitoring' LIMIT $2)",
        Limit::Logs,
    ),
];

/// Which of the two moments bounds a sweep.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    Keys,
    Logs,
}

row!(
    /// A quote.
    QuoteRow { id: String, quote: String, recipient: Option<String>, expires_at: i64 }
);

impl TryFrom<QuoteRow> for StoredQuote {
    type Error = StoreError;

    fn try_from(row: QuoteRow) -> Result<Self, StoreError> {
        let place = Place::new("quotes", &row.id);
        Ok(Self {
            quote: serde_json::from_str(&row.quote).or(Err(place.bad("quote")))?,
            recipient: place.parse_opt("recipient", row.recipient.as_deref())?,
            expires_at: Timestamp::from_ms(row.expires_at),
            id: row.id.clone(),
        })
    }
}

#[async_trait]
impl ServiceStore for SqlStore {
    async fn price_config(&self, mode_type: &str) -> Result<Option<ConfigDocument>, StoreError> {
        self.document(&PRICES, mode_type).await
    }

    async fn price_configs(&self) -> Result<Vec<ConfigDocument>, StoreError> {
        self.documents(&PRICES).await
    }

    async fn put_price_config(&self, document: ConfigDocument) -> Result<(), StoreError> {
        self.put_document(&PRICES, document).await
    }

    async fn resource_config(&self, resource_type: &str) -> Result<Option<ConfigDocument>, StoreError> {
        self.document(&RESOURCES, resource_type).await
    }

    async fn resource_configs(&self) -> Result<Vec<ConfigDocument>, StoreError> {
        self.documents(&RESOURCES).await
    }

    async fn put_resource_config(&self, document: ConfigDocument) -> Result<(), StoreError> {
        self.put_document(&RESOURCES, document).await
    }

    async fn add_api_key(&self, key: NewApiKey) -> Result<(), StoreError> {
        self.insert_api_key(key).await
    }

    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.find_api_key(id).await
    }

    async fn api_keys(&self) -> Result<Vec<ApiKeyRecord>, StoreError> {
        self.all_api_keys().await
    }

    async fn revoke_api_key(&self, id: ApiKeyId, at: Timestamp) -> Result<bool, StoreError> {
        self.revoke(id, at).await
    }

    async fn put_key(&self, key: EncryptedKey, now: Timestamp) -> Result<(), StoreError> {
        self.put_sealed_key(key, now).await
    }

    async fn keys(&self) -> Result<Vec<EncryptedKey>, StoreError> {
        self.sealed_keys().await
    }

    async fn put_quote(&self, quote: StoredQuote) -> Result<(), StoreError> {
        let text =
            serde_json::to_string(&quote.quote).map_err(|error| StoreError::Rule(error.to_string()))?;
        self.write(move |conn| {
            Box::pin(async move {
                exec!(
                    conn,
                    "INSERT INTO quotes (id, quote, recipient, expires_at) VALUES ($1, $2, $3, $4)",
                    quote.id,
                    text,
                    quote.recipient.map(|recipient| recipient.to_string()),
                    quote.expires_at.ms(),
                )?;
                Ok(())
            })
        })
        .await
    }

    async fn quote(&self, id: &str) -> Result<Option<StoredQuote>, StoreError> {
        let mut conn = self.db.read().await?;
        let found: Option<QuoteRow> =
            opt!(conn, "SELECT id, quote, recipient, expires_at FROM quotes WHERE id = $1", id.to_owned())?;
        found.map(StoredQuote::try_from).transpose()
    }

    async fn start_monitoring(&self, order: OrderId, now: Timestamp) -> Result<bool, StoreError> {
        self.begin_monitoring(order, now).await
    }

    async fn stop_monitoring(&self, order: OrderId, now: Timestamp) -> Result<bool, StoreError> {
        self.end_monitoring(order, now).await
    }

    async fn monitoring_status(
        &self,
        order: Option<OrderId>,
        chain_time: Timestamp,
        limit: u32,
    ) -> Result<Vec<MonitoringRow>, StoreError> {
        self.monitoring_rows(order, chain_time, limit).await
    }

    /// Unlike other methods this one makes several commits: what is removed is needed by nobody, and one large
    /// commit would keep all writers waiting.
    async fn begin_once(&self, key: &IdempotencyKey) -> Result<Once, StoreError> {
        kept_answers::begin(self, key).await
    }

    async fn end_once(&self, key: &IdempotencyKey, answer: Option<StoredResponse>) -> Result<(), StoreError> {
        kept_answers::end(self, key, answer).await
    }

    async fn sweep(&self, keys_before: Timestamp, logs_before: Timestamp) -> Result<u64, StoreError> {
        self.make_partitions(self.now()).await;
        let mut removed = 0_u64;
        for (statement, limit) in SWEEPS {
            let before = match limit {
                Limit::Keys => keys_before,
                Limit::Logs => logs_before,
            };
            loop {
                let gone: u64 = self
                    .write(move |conn| {
                        Box::pin(async move { exec!(conn, statement, before.ms(), SWEPT_AT_ONCE) })
                    })
                    .await?;
                removed = removed.saturating_add(gone);
                if gone == 0 {
                    break;
                }
            }
        }
        Ok(removed)
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        let mut conn = self.db.snapshot().await?;
        let payments: Vec<(String, i64, i64)> = all!(
            conn,
            "SELECT state, COUNT(*), CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM payments \
             WHERE asset = 'TRX' GROUP BY state ORDER BY state"
        )?;
        let operations: Vec<(String, String, i64)> = all!(
            conn,
            "SELECT kind, state, COUNT(*) FROM operations GROUP BY kind, state ORDER BY kind, state"
        )?;
        conn.rollback().await?;
        let count = |table, count| Place::new(table, "").number("state", count);
        Ok(Totals {
            payments: payments
                .into_iter()
                .map(|(state, n, amount)| Ok((state, count("payments", n)?, Sun::new(amount))))
                .collect::<Result<_, StoreError>>()?,
            operations: operations
                .into_iter()
                .map(|(kind, state, n)| Ok((kind, state, count("operations", n)?)))
                .collect::<Result<_, StoreError>>()?,
        })
    }
}
