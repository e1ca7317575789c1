//! The service's API as a customer's program calls it.

use leyden_domain::Sun;
use serde_json::{Value, json};
use std::time::Duration;

/// Why a call did not give what it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiFailure {
    /// No answer.
    #[error("no answer: {0}")]
    Transport(String),
    /// A refusal.
    #[error("{status}: {body}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
    /// An answer without something that it must have.
    #[error("an answer without `{0}`")]
    Missing(&'static str),
}

/// An order as its maker sees it.
#[derive(Debug, Clone)]
pub(super) struct MadeOrder {
    pub(super) id: String,
    amounts: Vec<(u32, Sun)>,
}

impl MadeOrder {
    /// What to pay for so many transfers.
    pub(super) fn amount_for(&self, count: u32) -> Option<Sun> {
        self.amounts.iter().find(|(n, _)| *n == count).map(|(_, amount)| *amount)
    }
}

/// An order's state.
#[derive(Debug, Clone)]
pub(super) struct OrderView {
    pub(super) state: String,
    pub(super) energy_per_transfer: i64,
}

/// A payment's place in the books.
#[derive(Debug, Clone)]
pub(super) struct PaymentView {
    pub(super) state: String,
    pub(super) order: Option<String>,
}

/// A client with one API key.
pub(super) struct Api {
    client: reqwest::Client,
    base: String,
    key: String,
}

/// How often a call is tried again while the service says "not now".
const TRIES: u32 = 60;

impl Api {
    pub(super) const fn new(client: reqwest::Client, base: String, key: String) -> Self {
        Self { client, base, key }
    }

    /// `POST /api/energy-flash/create-order`.
    pub(super) async fn create_flash_order(
        &self,
        recipient: &str,
        chat_id: i64,
    ) -> Result<MadeOrder, ApiFailure> {
        let body = json!({ "recipientAddress": recipient, "chatId": chat_id });
        let answer = self.call("POST", "/api/energy-flash/create-order", Some(&body), None).await?;
        made_order(&answer)
    }

    /// `POST /api/v1/orders` with a fixed count.
    pub(super) async fn create_order(
        &self,
        recipient: &str,
        count: u32,
        idempotency_key: &str,
    ) -> Result<MadeOrder, ApiFailure> {
        let body = json!({ "recipientAddress": recipient, "transactionCount": count });
        let answer = self.call("POST", "/api/v1/orders", Some(&body), Some(idempotency_key)).await?;
        made_order(&answer)
    }

    /// `GET /api/v1/orders/{id}`.
    pub(super) async fn order(&self, id: &str) -> Result<OrderView, ApiFailure> {
        let answer = self.call("GET", &format!("/api/v1/orders/{id}"), None, None).await?;
        let data = &answer["data"];
        Ok(OrderView {
            state: data["state"].as_str().ok_or(ApiFailure::Missing("state"))?.to_owned(),
            energy_per_transfer: data["energyPerTransaction"].as_i64().unwrap_or_default(),
        })
    }

    /// The bucket of a payment and the order it settles, once it is recorded.
    pub(super) async fn payment(&self, tx_id: &str) -> Result<Option<PaymentView>, ApiFailure> {
        let answer = self.call("GET", &format!("/api/v1/payments?txHash={tx_id}"), None, None).await?;
        let row = &answer["data"][0];
        let order = row["orderId"].as_str().map(str::to_owned);
        Ok(row["state"].as_str().map(|state| PaymentView { state: state.to_owned(), order }))
    }

    /// Calls, and calls again while the service cannot be reached or says that it cannot answer now.
    async fn call(
        &self,
        method: &'static str,
        path: &str,
        body: Option<&Value>,
        idempotency_key: Option<&str>,
    ) -> Result<Value, ApiFailure> {
        let mut last = ApiFailure::Transport("not tried".to_owned());
        for _ in 0..TRIES {
            match self.call_once(method, path, body, idempotency_key).await {
                Err(ApiFailure::Refused { status, body }) if status == 503 || status == 429 => {
                    last = ApiFailure::Refused { status, body };
                }
                Err(ApiFailure::Transport(why)) => last = ApiFailure::Transport(why),
                answer => return answer,
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Err(last)
    }

    async fn call_once(
        &self,
        method: &'static str,
        path: &str,
        body: Option<&Value>,
        idempotency_key: Option<&str>,
    ) -> Result<Value, ApiFailure> {
        let url = format!("{}{path}", self.base);
        let mut request = match method {
            "POST" => self.client.post(url),
            _ => self.client.get(url),
        }
        .header("X-API-Key", &self.key);
        if let Some(key) = idempotency_key {
            request = request.header("Idempotency-Key", format!("\"{key}\""));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let transport = |error: reqwest::Error| ApiFailure::Transport(error.without_url().to_string());
        let response = request.send().await.map_err(transport)?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(transport)?;
        if status >= 300 {
            return Err(ApiFailure::Refused { status, body: text });
        }
        serde_json::from_str(&text).map_err(|error| ApiFailure::Transport(error.to_string()))
    }
}

/// Reads the amounts of a new order.
fn made_order(answer: &Value) -> Result<MadeOrder, ApiFailure> {
    let data = &answer["data"];
    let id = data["orderId"].as_str().ok_or(ApiFailure::Missing("orderId"))?.to_owned();
    let amounts = data["amounts"]
        .as_array()
        .ok_or(ApiFailure::Missing("amounts"))?
        .iter()
        .filter_map(|amount| {
            let count = u32::try_from(amount["count"].as_u64()?).ok()?;
            Some((count, Sun::new(amount["amountSun"].as_i64()?)))
        })
        .collect();
    Ok(MadeOrder { id, amounts })
}
