//! The service's API as a customer's program calls it: at every door in turn, and at the next one where nobody
//! answers.

use super::{doors::Doors, judge::Statement};
use leyden_domain::Sun;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

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
    /// The transactions of its delegations that are in the chain.
    pub(super) delegations: Vec<String>,
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
    doors: Arc<Doors>,
    key: String,
}

/// How often all doors are tried while the service cannot be reached or says "not now".
const ROUNDS: u32 = 240;
/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(250);
/// How long one look at how an instance is may take.
const GLANCE: Duration = Duration::from_secs(1);

impl Api {
    pub(super) const fn new(client: reqwest::Client, doors: Arc<Doors>, key: String) -> Self {
        Self { client, doors, key }
    }

    /// `POST /api/energy-flash/create-order`.
    pub(super) async fn create_flash_order(
        &self,
        recipient: &str,
        chat_id: i64,
        idempotency_key: &str,
    ) -> Result<MadeOrder, ApiFailure> {
        let body = json!({ "recipientAddress": recipient, "chatId": chat_id });
        let path = "/api/energy-flash/create-order";
        let answer = self.call("POST", path, Some(&body), Some(idempotency_key)).await?;
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
        let operations = data["operations"].as_array().map(Vec::as_slice).unwrap_or_default();
        let landed = |operation: &&Value| {
            operation["kind"] == "delegate"
                && (operation["state"] == "solid" || operation["state"] == "included")
        };
        Ok(OrderView {
            state: data["state"].as_str().ok_or(ApiFailure::Missing("state"))?.to_owned(),
            energy_per_transfer: data["energyPerTransaction"].as_i64().unwrap_or_default(),
            delegations: operations
                .iter()
                .filter(landed)
                .map(|operation| operation["txHash"].as_str().unwrap_or("without a transaction").to_owned())
                .collect(),
        })
    }

    /// The bucket of a payment and the order it settles, once it is recorded.
    pub(super) async fn payment(&self, tx_id: &str) -> Result<Option<PaymentView>, ApiFailure> {
        let answer = self.call("GET", &format!("/api/v1/payments?txHash={tx_id}"), None, None).await?;
        Ok(payment_view(&answer["data"][0]).map(|(_, view)| view))
    }

    /// What the books say about the whole: every payment, and what is not finished.
    pub(super) async fn statement(&self) -> Result<Statement, ApiFailure> {
        let mut statement = Statement::default();
        let mut page = String::new();
        loop {
            let path = format!("/api/v1/payments?limit=100{page}");
            let answer = self.call("GET", &path, None, None).await?;
            let rows = answer["data"].as_array().ok_or(ApiFailure::Missing("data"))?;
            statement.payments.extend(rows.iter().filter_map(payment_view));
            match answer["next_cursor"].as_str() {
                Some(cursor) => page = format!("&cursor={cursor}"),
                None => break,
            }
        }
        let status = self.call("GET", "/status", None, None).await?;
        let operations = status["operations"].as_object().ok_or(ApiFailure::Missing("operations"))?;
        let is_live =
            |name: &str| ["intended", "signed", "included"].iter().any(|state| name.ends_with(state));
        for (name, count) in operations.iter().filter(|(name, count)| is_live(name) && **count != 0) {
            statement.unfinished.push(format!("{count} operations are {name}"));
        }
        Ok(statement)
    }

    /// How every open door's instance is, where it answers at once: its number and `/status`.
    pub(super) async fn glance(&self) -> Vec<(usize, Option<Value>)> {
        let looks = self.doors.open().into_iter().map(|(number, base)| async move {
            let look = self.call_once(&base, "GET", "/status", None, None);
            (number, tokio::time::timeout(GLANCE, look).await.ok().and_then(Result::ok))
        });
        futures_util::future::join_all(looks).await
    }

    /// Calls, and calls again at the next door while nobody answers or who answers says that he cannot now.
    async fn call(
        &self,
        method: &'static str,
        path: &str,
        body: Option<&Value>,
        idempotency_key: Option<&str>,
    ) -> Result<Value, ApiFailure> {
        let mut last = ApiFailure::Transport("no instance is there".to_owned());
        for _ in 0..ROUNDS {
            for _ in 0..self.doors.count() {
                let Some(base) = self.doors.next() else { break };
                match self.call_once(&base, method, path, body, idempotency_key).await {
                    // 408: the request did not come whole in time, so nothing was done with it.
                    Err(ApiFailure::Refused { status, body }) if [408, 429, 503].contains(&status) => {
                        last = ApiFailure::Refused { status, body };
                    }
                    Err(ApiFailure::Transport(why)) => last = ApiFailure::Transport(why),
                    answer => return answer,
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(last)
    }

    async fn call_once(
        &self,
        base: &str,
        method: &'static str,
        path: &str,
        body: Option<&Value>,
        idempotency_key: Option<&str>,
    ) -> Result<Value, ApiFailure> {
        let url = format!("{base}{path}");
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

/// Reads a payment: its transaction, and where it stands.
fn payment_view(row: &Value) -> Option<(String, PaymentView)> {
    let view = PaymentView {
        state: row["state"].as_str()?.to_owned(),
        order: row["orderId"].as_str().map(str::to_owned),
    };
    Some((row["txHash"].as_str()?.to_owned(), view))
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
