//! Payments.

use super::{Place, row};
use leyden_domain::{
    Asset, PaymentId, Sun,
    payment::{Payment, PaymentState},
};
use leyden_ports::store::StoreError;

row!(
    /// A payment.
    PaymentRow {
        id: String,
        tx_id: String,
        transfer_index: i64,
        asset: String,
        from_address: String,
        to_address: String,
        amount: i64,
        block_id: Option<String>,
        block_height: Option<i64>,
        block_time: Option<i64>,
        state: String,
        order_id: Option<String>,
        bought: Option<i64>,
        excess: Option<i64>,
        reason: Option<String>,
        part: Option<i64>,
        evidence: String,
    }
);

impl TryFrom<PaymentRow> for Payment {
    type Error = StoreError;

    fn try_from(row: PaymentRow) -> Result<Self, StoreError> {
        let place = Place::new("payments", &row.id);
        let id: PaymentId = place.parse("id", &row.id)?;
        if place.parse("tx_id", &row.tx_id) != Ok(id.tx_id) || row.transfer_index != i64::from(id.index) {
            return Err(place.bad("tx_id"));
        }
        let order = || place.parse("order_id", place.some("order_id", row.order_id.as_deref())?);
        let state = match row.state.as_str() {
            "unrouted" => PaymentState::Unrouted,
            "settled" | "over" => PaymentState::Settles {
                order: order()?,
                count: place.number("bought", place.some("bought", row.bought)?)?,
                excess: Sun::new(place.some("excess", row.excess)?),
            },
            "under" if row.part == Some(1) => PaymentState::Part { order: order()? },
            "under" => PaymentState::Under { order: order()? },
            "late" => PaymentState::Late { order: order()? },
            "second" => PaymentState::Second { order: order()? },
            "suspense" => PaymentState::Suspense {
                reason: place.parse("reason", place.some("reason", row.reason.as_deref())?)?,
            },
            _ => return Err(place.bad("state")),
        };
        // A part is one of those that were too little.
        let column = if matches!(state, PaymentState::Part { .. }) { "under" } else { state.name() };
        if column != row.state {
            return Err(place.bad("excess"));
        }
        Ok(Self {
            id,
            asset: place.parse::<Asset>("asset", &row.asset)?,
            from: place.parse("from_address", &row.from_address)?,
            to: place.parse("to_address", &row.to_address)?,
            amount: row.amount,
            evidence: place.parse("evidence", &row.evidence)?,
            block: place.delivery("block_id", row.block_id.as_deref(), row.block_height, row.block_time)?,
            state,
        })
    }
}
