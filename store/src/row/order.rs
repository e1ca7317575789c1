//! Orders.

use super::{Place, row};
use leyden_domain::{
    Energy, Span, Sun, Timestamp,
    order::{CountRule, Order, OrderState},
};
use leyden_ports::store::StoreError;

/// The columns of an order, of a table that is called `o`.
macro_rules! order_columns {
    () => {
        "o.id, o.user_id, o.order_type, o.recipient_address, o.payment_address, o.created_at, o.updated_at, \
         o.expires_at, o.chat_id, o.state, o.state_json, o.version, o.unit_price, o.tail, o.count_rule, \
         o.count_limit, o.energy_per_transfer, o.duration_ms, o.bound_sender, o.owner, o.closes_at"
    };
}
pub(crate) use order_columns;

row!(
    /// An order.
    OrderRow {
        id: String,
        user_id: Option<String>,
        order_type: String,
        recipient_address: String,
        payment_address: String,
        created_at: i64,
        updated_at: i64,
        expires_at: i64,
        chat_id: Option<i64>,
        state: String,
        state_json: String,
        version: i64,
        unit_price: i64,
        tail: i64,
        count_rule: String,
        count_limit: i64,
        energy_per_transfer: i64,
        duration_ms: i64,
        bound_sender: Option<String>,
        owner: Option<String>,
        closes_at: i64,
    }
);

impl TryFrom<OrderRow> for Order {
    type Error = StoreError;

    fn try_from(row: OrderRow) -> Result<Self, StoreError> {
        let place = Place::new("orders", &row.id);
        let limit = place.number("count_limit", row.count_limit)?;
        let count = match row.count_rule.as_str() {
            "open" => CountRule::Open { max: limit },
            "fixed" => CountRule::Fixed { count: limit },
            _ => return Err(place.bad("count_rule")),
        };
        let state: OrderState = serde_json::from_str(&row.state_json).or(Err(place.bad("state_json")))?;
        if state.kind().name() != row.state {
            return Err(place.bad("state"));
        }
        Ok(Self {
            id: place.parse("id", &row.id)?,
            channel: place.parse("order_type", &row.order_type)?,
            owner: place.parse_opt("owner", row.owner.as_deref())?,
            chat_id: row.chat_id,
            user_id: row.user_id.clone(),
            recipient: place.parse("recipient_address", &row.recipient_address)?,
            payment_address: place.parse("payment_address", &row.payment_address)?,
            unit_price: Sun::new(row.unit_price),
            tail: Sun::new(row.tail),
            count,
            energy_per_transfer: Energy::new(row.energy_per_transfer),
            duration: Span::from_ms(row.duration_ms),
            bound_sender: place.parse_opt("bound_sender", row.bound_sender.as_deref())?,
            created_at: Timestamp::from_ms(row.created_at),
            expires_at: Timestamp::from_ms(row.expires_at),
            closes_at: Timestamp::from_ms(row.closes_at),
            state,
            version: row.version,
            updated_at: Timestamp::from_ms(row.updated_at),
        })
    }
}
