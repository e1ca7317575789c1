//! Rows to domain values. A row that no commit of ours can have written is an error that names its place; nothing
//! is guessed and nothing is skipped.

use leyden_domain::{
    Asset, BlockId, BlockRef, Energy, Height, PaymentId, Span, Sun, Timestamp,
    chain::{Delivery, Head, Lock, Resource, ResourceAction, ResourceEvent},
    operation::{Attempt, Operation, OperationKind, OperationState, Refusal, RefusalMeaning},
    order::{CountRule, Order, OrderState},
    payment::{Payment, PaymentState},
    pool::{AccountState, Observed, PoolAccount, Reservation, ReservationState},
};
use leyden_ports::store::StoreError;
use std::str::FromStr;

/// Declares a row and how each driver reads it.
macro_rules! row {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name { $(pub(crate) $field: $type),* }

        impl<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow> for $name {
            fn from_row(row: &'r sqlx::sqlite::SqliteRow) -> Result<Self, sqlx::Error> {
                use sqlx::Row as _;
                Ok(Self { $($field: row.try_get(stringify!($field))?),* })
            }
        }
    };
}
pub(crate) use row;

/// Where a value stands, to be named if it cannot be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    table: &'static str,
    id: &'a str,
}

impl<'a> Place<'a> {
    /// A row of a table.
    pub(crate) const fn new(table: &'static str, id: &'a str) -> Self {
        Self { table, id }
    }

    /// The error that names a column of the row.
    pub(crate) fn bad(self, column: &'static str) -> StoreError {
        StoreError::Inconsistent { table: self.table, column, id: self.id.to_owned() }
    }

    /// Reads a text.
    pub(crate) fn parse<T: FromStr>(self, column: &'static str, text: &str) -> Result<T, StoreError> {
        text.parse().or(Err(self.bad(column)))
    }

    /// Reads a text that may be absent.
    pub(crate) fn parse_opt<T: FromStr>(
        self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<Option<T>, StoreError> {
        text.map(|text| self.parse(column, text)).transpose()
    }

    /// Reads a number of another width.
    pub(crate) fn number<T: TryFrom<i64>>(self, column: &'static str, number: i64) -> Result<T, StoreError> {
        T::try_from(number).or(Err(self.bad(column)))
    }

    /// Reads a value that must be there.
    pub(crate) fn some<T>(self, column: &'static str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| self.bad(column))
    }

    /// Reads a block that is known by id, height and time, or not at all.
    pub(crate) fn delivery(
        self,
        column: &'static str,
        block: Option<&str>,
        height: Option<i64>,
        time: Option<i64>,
    ) -> Result<Option<Delivery>, StoreError> {
        match (block, height, time) {
            (None, None, None) => Ok(None),
            (Some(block), Some(height), Some(time)) => {
                let block = self.block(column, block, height)?;
                Ok(Some(Delivery { block, timestamp: Timestamp::from_ms(time) }))
            }
            _ => Err(self.bad(column)),
        }
    }

    /// Reads a block's id, which must carry its height.
    pub(crate) fn block(
        self,
        column: &'static str,
        block: &str,
        height: i64,
    ) -> Result<BlockRef, StoreError> {
        let block = BlockRef::new(self.parse::<BlockId>(column, block)?);
        if block.height() == Height::new(height) { Ok(block) } else { Err(self.bad(column)) }
    }
}

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
            "under" => PaymentState::Under { order: order()? },
            "late" => PaymentState::Late { order: order()? },
            "second" => PaymentState::Second { order: order()? },
            "suspense" => PaymentState::Suspense {
                reason: place.parse("reason", place.some("reason", row.reason.as_deref())?)?,
            },
            _ => return Err(place.bad("state")),
        };
        if state.name() != row.state {
            return Err(place.bad("excess"));
        }
        Ok(Self {
            id,
            asset: place.parse::<Asset>("asset", &row.asset)?,
            from: place.parse("from_address", &row.from_address)?,
            to: place.parse("to_address", &row.to_address)?,
            amount: row.amount,
            block: place.delivery("block_id", row.block_id.as_deref(), row.block_height, row.block_time)?,
            state,
        })
    }
}

row!(
    /// A block's place and time.
    BlockRow { height: i64, block_id: String, parent_id: String, block_time: i64 }
);

impl BlockRow {
    /// Its place and time.
    pub(crate) fn head(&self) -> Result<Head, StoreError> {
        let place = Place::new("blocks", &self.block_id);
        let block = place.block("block_id", &self.block_id, self.height)?;
        Ok(Head { block, timestamp: Timestamp::from_ms(self.block_time) })
    }

    /// The block before it.
    pub(crate) fn parent(&self) -> Result<BlockId, StoreError> {
        Place::new("blocks", &self.block_id).parse("parent_id", &self.parent_id)
    }
}

row!(
    /// A change of stake or delegation.
    EventRow {
        height: i64,
        block_id: String,
        block_time: i64,
        tx_id: String,
        owner: String,
        action: String,
        receiver: Option<String>,
        resource: Option<String>,
        balance: Option<i64>,
        lock_blocks: Option<i64>,
    }
);

impl EventRow {
    /// The event with its block.
    pub(crate) fn event(&self) -> Result<(Head, ResourceEvent), StoreError> {
        let place = Place::new("resource_events", &self.tx_id);
        let head = Head {
            block: place.block("block_id", &self.block_id, self.height)?,
            timestamp: Timestamp::from_ms(self.block_time),
        };
        let resource =
            || place.parse::<Resource>("resource", place.some("resource", self.resource.as_deref())?);
        let balance = || place.some("balance", self.balance).map(Sun::new);
        let receiver = || place.parse("receiver", place.some("receiver", self.receiver.as_deref())?);
        let action = match self.action.as_str() {
            "stake" => ResourceAction::Stake { resource: resource()?, balance: balance()? },
            "unstake" => ResourceAction::Unstake { resource: resource()?, balance: balance()? },
            "withdraw" => ResourceAction::Withdraw,
            "cancel_unstake" => ResourceAction::CancelUnstake,
            "delegate" => ResourceAction::Delegate {
                receiver: receiver()?,
                resource: resource()?,
                balance: balance()?,
                lock: self.lock_blocks.map(|period_blocks| Lock { period_blocks }),
            },
            "undelegate" => ResourceAction::Undelegate {
                receiver: receiver()?,
                resource: resource()?,
                balance: balance()?,
            },
            _ => return Err(place.bad("action")),
        };
        let event = ResourceEvent {
            tx_id: place.parse("tx_id", &self.tx_id)?,
            owner: place.parse("owner", &self.owner)?,
            action,
        };
        Ok((head, event))
    }
}

row!(
    /// A pool account.
    AccountRow {
        id: i64,
        address: String,
        account_id: String,
        permission_id: Option<i64>,
        state: String,
        observed_height: Option<i64>,
        asked_at: Option<i64>,
        staked: Option<i64>,
        delegated: Option<i64>,
        delegatable: Option<i64>,
        balance: Option<i64>,
        bandwidth: Option<i64>,
        recovering: Option<i64>,
        energy_limit: Option<i64>,
        energy_weight: Option<i64>,
        held: i64,
        unseen: i64,
        version: i64,
    }
);

impl AccountRow {
    /// What the chain last said of it.
    fn observed(&self, place: Place<'_>) -> Result<Option<Observed>, StoreError> {
        use leyden_domain::{Bandwidth, EnergyRatio};
        let Some(height) = self.observed_height else { return Ok(None) };
        Ok(Some(Observed {
            at: Height::new(height),
            asked_at: Timestamp::from_ms(place.some("asked_at", self.asked_at)?),
            staked: Sun::new(place.some("staked", self.staked)?),
            delegated: Sun::new(place.some("delegated", self.delegated)?),
            delegatable: Sun::new(place.some("delegatable", self.delegatable)?),
            balance: Sun::new(place.some("balance", self.balance)?),
            bandwidth: Bandwidth::new(place.some("bandwidth", self.bandwidth)?),
            recovering: Energy::new(place.some("recovering", self.recovering)?),
            ratio: EnergyRatio {
                total_limit: place.some("energy_limit", self.energy_limit)?,
                total_weight_trx: place.some("energy_weight", self.energy_weight)?,
            },
        }))
    }
}

impl TryFrom<AccountRow> for PoolAccount {
    type Error = StoreError;

    fn try_from(row: AccountRow) -> Result<Self, StoreError> {
        let place = Place::new("energy_pools", &row.account_id);
        Ok(Self {
            id: place.parse("account_id", &row.account_id)?,
            number: row.id,
            address: place.parse("address", &row.address)?,
            permission_id: row.permission_id.map(|n| place.number("permission_id", n)).transpose()?,
            state: place.parse::<AccountState>("state", &row.state)?,
            observed: row.observed(place)?,
            held: Sun::new(row.held),
            unseen: Sun::new(row.unseen),
            version: row.version,
        })
    }
}

row!(
    /// A reservation.
    ReservationRow {
        id: String,
        order_id: String,
        account_id: String,
        balance: i64,
        energy: i64,
        state: String,
        created_at: i64,
    }
);

impl TryFrom<ReservationRow> for Reservation {
    type Error = StoreError;

    fn try_from(row: ReservationRow) -> Result<Self, StoreError> {
        let place = Place::new("reservations", &row.id);
        Ok(Self {
            id: place.parse("id", &row.id)?,
            order: place.parse("order_id", &row.order_id)?,
            account: place.parse("account_id", &row.account_id)?,
            balance: Sun::new(row.balance),
            energy: Energy::new(row.energy),
            state: place.parse::<ReservationState>("state", &row.state)?,
            created_at: Timestamp::from_ms(row.created_at),
        })
    }
}

/// The columns of an operation, of a table that is called `op`.
macro_rules! operation_columns {
    () => {
        "op.id, op.order_id, op.account_id, op.owner, op.receiver, op.balance, op.energy, op.kind, \
         op.reservation_id, op.lock_blocks, op.delegation_id, op.state, op.attempts, op.delivery_block, \
         op.delivery_height, op.delivery_time, op.failure, op.version, op.created_at"
    };
}
pub(crate) use operation_columns;

row!(
    /// An operation.
    OperationRow {
        id: String,
        order_id: String,
        account_id: String,
        owner: String,
        receiver: String,
        balance: i64,
        energy: i64,
        kind: String,
        reservation_id: Option<String>,
        lock_blocks: Option<i64>,
        delegation_id: Option<String>,
        state: String,
        attempts: i64,
        delivery_block: Option<String>,
        delivery_height: Option<i64>,
        delivery_time: Option<i64>,
        failure: Option<String>,
        version: i64,
        created_at: i64,
    }
);

impl TryFrom<OperationRow> for Operation {
    type Error = StoreError;

    fn try_from(row: OperationRow) -> Result<Self, StoreError> {
        let place = Place::new("operations", &row.id);
        let kind = match (row.kind.as_str(), &row.reservation_id, &row.delegation_id) {
            ("delegate", Some(reservation), None) => OperationKind::Delegate {
                reservation: place.parse("reservation_id", reservation)?,
                lock: row.lock_blocks.map(|period_blocks| Lock { period_blocks }),
            },
            ("undelegate", None, Some(delegation)) => {
                OperationKind::Undelegate { delegation: place.parse("delegation_id", delegation)? }
            }
            _ => return Err(place.bad("kind")),
        };
        Ok(Self {
            id: place.parse("id", &row.id)?,
            order: place.parse("order_id", &row.order_id)?,
            account: place.parse("account_id", &row.account_id)?,
            owner: place.parse("owner", &row.owner)?,
            receiver: place.parse("receiver", &row.receiver)?,
            balance: Sun::new(row.balance),
            energy: Energy::new(row.energy),
            kind,
            state: place.parse::<OperationState>("state", &row.state)?,
            attempts: place.number("attempts", row.attempts)?,
            delivery: place.delivery(
                "delivery_block",
                row.delivery_block.as_deref(),
                row.delivery_height,
                row.delivery_time,
            )?,
            failure: place.parse_opt::<RefusalMeaning>("failure", row.failure.as_deref())?,
            version: row.version,
            created_at: Timestamp::from_ms(row.created_at),
        })
    }
}

/// The columns of an attempt, of a table that is called `a`.
macro_rules! attempt_columns {
    () => {
        "a.tx_id, a.operation_id, a.number, a.bytes, a.reference_block, a.reference_height, a.expiration, \
         a.signed_at, a.refusal_code, a.refusal_message, a.dead"
    };
}
pub(crate) use attempt_columns;

row!(
    /// An attempt.
    AttemptRow {
        tx_id: String,
        operation_id: String,
        number: i64,
        bytes: Vec<u8>,
        reference_block: String,
        reference_height: i64,
        expiration: i64,
        signed_at: i64,
        refusal_code: Option<String>,
        refusal_message: Option<String>,
        dead: i64,
    }
);

impl TryFrom<AttemptRow> for Attempt {
    type Error = StoreError;

    fn try_from(row: AttemptRow) -> Result<Self, StoreError> {
        let place = Place::new("attempts", &row.tx_id);
        let refusal = match (&row.refusal_code, &row.refusal_message) {
            (Some(code), Some(message)) => Some(Refusal {
                code: serde_json::from_str(code).or(Err(place.bad("refusal_code")))?,
                message: message.clone(),
            }),
            (None, None) => None,
            _ => return Err(place.bad("refusal_code")),
        };
        Ok(Self {
            tx_id: place.parse("tx_id", &row.tx_id)?,
            operation: place.parse("operation_id", &row.operation_id)?,
            number: place.number("number", row.number)?,
            reference: place.block("reference_block", &row.reference_block, row.reference_height)?,
            expiration: Timestamp::from_ms(row.expiration),
            signed_at: Timestamp::from_ms(row.signed_at),
            refusal,
            dead: row.dead != 0,
            bytes: row.bytes,
        })
    }
}

/// Turns rows into domain values.
pub(crate) fn convert<R, T: TryFrom<R, Error = StoreError>>(rows: Vec<R>) -> Result<Vec<T>, StoreError> {
    rows.into_iter().map(T::try_from).collect()
}
