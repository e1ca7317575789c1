//! A new order as it is sent to the database: one object of a list, whose members the texts name.

use crate::order_change::{StateColumns, price_config};
use leyden_domain::{
    Timestamp,
    journal::Image,
    order::{CountRule, Order},
};
use leyden_ports::store::{IdempotencyKey, StoreError};
use serde::Serialize;

/// A new order as it is sent to the database.
#[derive(Serialize)]
pub(super) struct NewRow<'a> {
    pub(super) n: usize,
    id: String,
    user_id: Option<&'a str>,
    order_type: &'static str,
    recipient: String,
    payment_address: String,
    paid: Option<i64>,
    count: Option<i64>,
    payer: Option<String>,
    price_config: String,
    status: &'static str,
    created_at: i64,
    updated_at: i64,
    expires_at: i64,
    chat_id: Option<i64>,
    state: &'static str,
    state_json: String,
    version: i64,
    unit_price: i64,
    tail: i64,
    count_rule: &'static str,
    count_limit: u32,
    energy_per_transfer: i64,
    duration_ms: i64,
    bound_sender: Option<String>,
    owner: Option<String>,
    closes_at: i64,
    ends_at: Option<i64>,
    funding_block: Option<String>,
    now: i64,
    caller: Option<&'a str>,
    route: Option<&'a str>,
    key: Option<&'a str>,
    body_hash: Option<String>,
    used_at: Option<i64>,
}

impl<'a> NewRow<'a> {
    /// The order's id.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The row that it becomes.
    pub(super) fn image(&self) -> Image {
        Image::default()
            .with("id", self.id.as_str())
            .with("user_id", self.user_id)
            .with("order_type", self.order_type)
            .with("recipient_address", self.recipient.as_str())
            .with("payment_address", self.payment_address.as_str())
            .with("paid_amount", self.paid)
            .with("transaction_count", self.count)
            .with("from_address", self.payer.as_deref())
            .with("price_config", self.price_config.as_str())
            .with("status", self.status)
            .with("created_at", self.created_at)
            .with("updated_at", self.updated_at)
            .with("expires_at", self.expires_at)
            .with("chat_id", self.chat_id)
            .with("state", self.state)
            .with("state_json", self.state_json.as_str())
            .with("version", self.version)
            .with("unit_price", self.unit_price)
            .with("tail", self.tail)
            .with("count_rule", self.count_rule)
            .with("count_limit", i64::from(self.count_limit))
            .with("energy_per_transfer", self.energy_per_transfer)
            .with("duration_ms", self.duration_ms)
            .with("bound_sender", self.bound_sender.as_deref())
            .with("owner", self.owner.as_deref())
            .with("closes_at", self.closes_at)
            .with("ends_at", self.ends_at)
            .with("funding_block", self.funding_block.as_deref())
    }

    pub(super) fn of(
        n: usize,
        order: &'a Order,
        key: Option<&'a IdempotencyKey>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let columns = StateColumns::of(order)?;
        let (count_rule, count_limit) = match order.count {
            CountRule::Open { max } => ("open", max),
            CountRule::Fixed { count } => ("fixed", count),
        };
        Ok(Self {
            n,
            id: order.id.to_string(),
            user_id: order.user_id.as_deref(),
            order_type: order.channel.name(),
            recipient: order.recipient.to_string(),
            payment_address: order.payment_address.to_string(),
            paid: columns.paid,
            count: columns.count,
            payer: columns.payer,
            price_config: price_config(order),
            status: columns.status,
            created_at: order.created_at.ms(),
            updated_at: order.updated_at.ms(),
            expires_at: order.expires_at.ms(),
            chat_id: order.chat_id,
            state: columns.state,
            state_json: columns.json,
            version: order.version,
            unit_price: order.unit_price.get(),
            tail: order.tail.get(),
            count_rule,
            count_limit,
            energy_per_transfer: order.energy_per_transfer.get(),
            duration_ms: order.duration.ms(),
            bound_sender: order.bound_sender.map(|sender| sender.to_string()),
            owner: order.owner.map(|owner| owner.to_string()),
            closes_at: order.closes_at.ms(),
            ends_at: columns.ends_at,
            funding_block: columns.funding_block,
            now: now.ms(),
            caller: key.map(|key| key.caller.as_str()),
            route: key.map(|key| key.route.as_str()),
            key: key.map(|key| key.key.as_str()),
            body_hash: key.map(|key| hex::encode(key.body_hash)),
            used_at: key.map(|key| key.at.ms()),
        })
    }
}
