//! Refunds, the accounts they are paid from, and the money that our own accounts have sent.

use super::{Place, row};
use leyden_domain::{
    Asset, Bandwidth, Height, Sun, Timestamp, UsdtMicro,
    chain::{Head, SentTransfer},
    refund::{Decider, Proposal, Refund, RefundAccount, RefundObserved, RefundState},
};
use leyden_ports::store::StoreError;

row!(
    /// A refund.
    RefundRow {
        id: String,
        payment_id: String,
        order_id: Option<String>,
        cause: String,
        cause_json: String,
        asset: String,
        owed: i64,
        fee: i64,
        to_address: String,
        address_set_by: Option<String>,
        address_approved_by: Option<String>,
        checks_waived: Option<i64>,
        decided_by: Option<String>,
        approved_by: Option<String>,
        guard_waived: i64,
        proposal: Option<String>,
        state: String,
        state_json: String,
        hold: Option<String>,
        operation_id: Option<String>,
        due_at: Option<i64>,
        spent_at: Option<i64>,
        created_at: i64,
        updated_at: i64,
        version: i64,
    }
);

impl TryFrom<RefundRow> for Refund {
    type Error = StoreError;

    fn try_from(row: RefundRow) -> Result<Self, StoreError> {
        let place = Place::new("refunds", &row.id);
        let state: RefundState = serde_json::from_str(&row.state_json).or(Err(place.bad("state_json")))?;
        let cause: leyden_domain::refund::RefundCause =
            serde_json::from_str(&row.cause_json).or(Err(place.bad("cause_json")))?;
        if state.kind().name() != row.state {
            return Err(place.bad("state"));
        }
        if cause.name() != row.cause {
            return Err(place.bad("cause"));
        }
        let copies = Copies::of(&state);
        if copies.hold.as_deref() != row.hold.as_deref() {
            return Err(place.bad("hold"));
        }
        if copies.operation != row.operation_id {
            return Err(place.bad("operation_id"));
        }
        if (copies.due_at, copies.spent_at) != (row.due_at, row.spent_at) {
            return Err(place.bad("due_at"));
        }
        let proposal: Option<Proposal> = row
            .proposal
            .as_deref()
            .map(|text| serde_json::from_str(text).or(Err(place.bad("proposal"))))
            .transpose()?;
        let decided_by = match place.parse_opt("decided_by", row.decided_by.as_deref())? {
            None => Decider::Rule,
            Some(key) => Decider::Operator { key },
        };
        Ok(Self {
            id: place.parse("id", &row.id)?,
            payment: place.parse("payment_id", &row.payment_id)?,
            order: place.parse_opt("order_id", row.order_id.as_deref())?,
            cause,
            asset: place.parse::<Asset>("asset", &row.asset)?,
            owed: row.owed,
            fee: row.fee,
            to: place.parse("to_address", &row.to_address)?,
            address_set_by: place.parse_opt("address_set_by", row.address_set_by.as_deref())?,
            address_approved_by: place
                .parse_opt("address_approved_by", row.address_approved_by.as_deref())?,
            checks_waived: row.checks_waived == Some(1),
            decided_by,
            approved_by: place.parse_opt("approved_by", row.approved_by.as_deref())?,
            guard_waived: row.guard_waived != 0,
            proposal,
            state,
            created_at: Timestamp::from_ms(row.created_at),
            updated_at: Timestamp::from_ms(row.updated_at),
            version: row.version,
        })
    }
}

/// What stands beside a refund's state so that it can be looked up by.
pub(crate) struct Copies {
    pub(crate) hold: Option<String>,
    pub(crate) operation: Option<String>,
    pub(crate) due_at: Option<i64>,
    pub(crate) spent_at: Option<i64>,
}

impl Copies {
    /// Of a state.
    pub(crate) fn of(state: &RefundState) -> Self {
        let hold = match state {
            RefundState::Held { why, .. } => Some(why.name().to_owned()),
            _ => None,
        };
        Self {
            hold,
            operation: state.operation().map(|operation| operation.to_string()),
            due_at: state.due_at().map(Timestamp::ms),
            spent_at: state.spent_at().map(Timestamp::ms),
        }
    }
}

row!(
    /// A refund account.
    RefundAccountRow {
        account_id: String,
        address: String,
        permission_id: Option<i64>,
        is_active: i64,
        unfit: Option<String>,
        observed_height: Option<i64>,
        asked_at: Option<i64>,
        balance: Option<i64>,
        usdt: Option<i64>,
        bandwidth: Option<i64>,
    }
);

impl TryFrom<RefundAccountRow> for RefundAccount {
    type Error = StoreError;

    fn try_from(row: RefundAccountRow) -> Result<Self, StoreError> {
        let place = Place::new("refund_accounts", &row.account_id);
        let observed = match row.observed_height {
            None => None,
            Some(height) => Some(RefundObserved {
                at: Height::new(height),
                asked_at: Timestamp::from_ms(place.some("asked_at", row.asked_at)?),
                balance: Sun::new(place.some("balance", row.balance)?),
                usdt: UsdtMicro::new(place.some("usdt", row.usdt)?),
                bandwidth: Bandwidth::new(place.some("bandwidth", row.bandwidth)?),
            }),
        };
        Ok(Self {
            id: place.parse("account_id", &row.account_id)?,
            address: place.parse("address", &row.address)?,
            permission_id: row
                .permission_id
                .map(|permission| place.number("permission_id", permission))
                .transpose()?,
            observed,
            unfit: row.unfit,
            is_active: row.is_active != 0,
        })
    }
}

row!(
    /// Money that an account of ours has sent, with its block.
    SentRow {
        height: i64,
        block_id: String,
        block_time: i64,
        tx_id: String,
        asset: String,
        from_address: String,
        to_address: String,
        amount: i64,
        succeeded: i64,
    }
);

impl SentRow {
    /// The transfer with its block.
    pub(crate) fn sent(&self) -> Result<(Head, SentTransfer), StoreError> {
        let place = Place::new("sent_transfers", &self.tx_id);
        let head = Head {
            block: place.block("block_id", &self.block_id, self.height)?,
            timestamp: Timestamp::from_ms(self.block_time),
        };
        let sent = SentTransfer {
            tx_id: place.parse("tx_id", &self.tx_id)?,
            asset: place.parse::<Asset>("asset", &self.asset)?,
            from: place.parse("from_address", &self.from_address)?,
            to: place.parse("to_address", &self.to_address)?,
            amount: self.amount,
            succeeded: self.succeeded != 0,
        };
        Ok((head, sent))
    }
}
