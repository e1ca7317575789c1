//! A new order as it is sent to the database: one object of a list, whose members the texts name.

use crate::order_change::{StateColumns, price_config};
use leyden_domain::{
    Timestamp,
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
