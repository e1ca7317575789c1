//! Which tables are journaled, and which of their columns. Those that never change once a row is made are written when it
//! is made and not again. A table of one's own is added to [`ALL`]; whoever writes a row of it says so
//! ([`super::Log::made`], [`super::Log::changed`], [`super::Log::gone`]) in the same transaction.

use leyden_domain::journal::Image;

/// What a row is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// A column of text.
    Text(&'static str),
    /// A number.
    Int(&'static str),
    /// Two numbers; a row is called `1:2`. Such rows are said whole by whoever writes them.
    Pair(&'static str, &'static str),
}

/// A journaled table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    /// Its name, in the database and in the journal.
    pub(crate) name: &'static str,
    /// What a row is found by, and called in the journal.
    pub(crate) key: Key,
    /// Columns that a row is made with and keeps.
    pub(crate) fixed: &'static [&'static str],
    /// Columns that may change.
    pub(crate) changing: &'static [&'static str],
    /// Columns of bytes; the journal has their hash.
    pub(crate) bytes: &'static [&'static str],
}

impl Table {
    /// All journaled columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.fixed.iter().chain(self.changing).chain(self.bytes).copied()
    }

    /// Whether its rows are made in the order of their keys and never changed.
    pub(crate) const fn is_log(&self) -> bool {
        self.changing.is_empty() && self.bytes.is_empty() && !matches!(self.key, Key::Text(_))
    }

    /// Leaves of a row's image what an entry about a change has.
    pub(crate) fn only_changing(&self, image: &mut Image) {
        image.retain(|column, _| self.changing.contains(&column));
    }
}

pub(crate) static ORDERS: Table = Table {
    name: "orders",
    key: Key::Text("id"),
    fixed: &[
        "id",
        "user_id",
        "order_type",
        "recipient_address",
        "payment_address",
        "price_config",
        "created_at",
        "expires_at",
        "chat_id",
        "unit_price",
        "tail",
        "count_rule",
        "count_limit",
        "energy_per_transfer",
        "duration_ms",
        "bound_sender",
        "owner",
        "closes_at",
    ],
    changing: &[
        "paid_amount",
        "transaction_count",
        "from_address",
        "delegation_result",
        "status",
        "updated_at",
        "state",
        "state_json",
        "version",
        "ends_at",
        "funding_block",
        "assigned_payment",
        "payment_block",
        "payment_height",
        "payment_time",
    ],
    bytes: &[],
};

pub(crate) static PAYMENTS: Table = Table {
    name: "payments",
    key: Key::Text("id"),
    fixed: &[
        "id",
        "tx_id",
        "transfer_index",
        "asset",
        "from_address",
        "to_address",
        "amount",
        "created_at",
        "read_behind",
    ],
    changing: &[
        "block_id",
        "block_height",
        "block_time",
        "position",
        "state",
        "order_id",
        "bought",
        "excess",
        "reason",
        "updated_at",
        "has_refund",
        "part",
        "evidence",
    ],
    bytes: &[],
};

/// Without what the chain said of an account, which is no decision of ours, and without `held` and `version`: the first is
/// the sum of reservations, which an invariant watches.
pub(crate) static ENERGY_POOLS: Table = Table {
    name: "energy_pools",
    key: Key::Text("account_id"),
    fixed: &["id", "address", "account_id", "created_at"],
    changing: &["permission_id", "is_active", "state", "state_reason", "state_changed_at"],
    bytes: &[],
};

pub(crate) static RESERVATIONS: Table = Table {
    name: "reservations",
    key: Key::Text("id"),
    fixed: &["id", "order_id", "account_id", "balance", "energy", "created_at"],
    changing: &["state", "posted_height"],
    bytes: &[],
};

pub(crate) static OPERATIONS: Table = Table {
    name: "operations",
    key: Key::Text("id"),
    fixed: &[
        "id",
        "order_id",
        "account_id",
        "owner",
        "receiver",
        "balance",
        "energy",
        "kind",
        "reservation_id",
        "lock_blocks",
        "delegation_id",
        "created_at",
        "refund_id",
    ],
    changing: &[
        "repair_id",
        "state",
        "attempts",
        "delivery_block",
        "delivery_height",
        "delivery_time",
        "failure",
        "version",
        "updated_at",
    ],
    bytes: &[],
};

pub(crate) static ATTEMPTS: Table = Table {
    name: "attempts",
    key: Key::Text("tx_id"),
    fixed: &[
        "tx_id",
        "operation_id",
        "number",
        "reference_block",
        "reference_height",
        "expiration",
        "signed_at",
    ],
    changing: &["refusal_code", "refusal_message", "dead"],
    bytes: &["bytes"],
};

pub(crate) static BLOCKS: Table = Table {
    name: "blocks",
    key: Key::Int("height"),
    fixed: &[
        "height",
        "block_id",
        "parent_id",
        "block_time",
        "transactions",
        "trx_dust_count",
        "trx_dust_amount",
        "usdt_dust_count",
        "usdt_dust_amount",
        "recorded_at",
    ],
    changing: &[],
    bytes: &[],
};

pub(crate) static CHAIN_CURSOR: Table = Table {
    name: "chain_cursor",
    key: Key::Int("id"),
    fixed: &["id", "first_height"],
    changing: &["solid_block", "solid_height", "solid_time", "updated_at"],
    bytes: &[],
};

pub(crate) static RESOURCE_EVENTS: Table = Table {
    name: "resource_events",
    key: Key::Pair("height", "position"),
    fixed: &[
        "height",
        "position",
        "block_id",
        "block_time",
        "tx_id",
        "owner",
        "action",
        "receiver",
        "resource",
        "balance",
        "lock_blocks",
    ],
    changing: &[],
    bytes: &[],
};

pub(crate) static REFUNDS: Table = Table {
    name: "refunds",
    key: Key::Text("id"),
    fixed: &["id", "payment_id", "asset", "created_at"],
    changing: &[
        "order_id",
        "cause",
        "cause_json",
        "owed",
        "fee",
        "to_address",
        "address_set_by",
        "address_approved_by",
        "checks_waived",
        "decided_by",
        "approved_by",
        "guard_waived",
        "proposal",
        "state",
        "state_json",
        "hold",
        "operation_id",
        "due_at",
        "spent_at",
        "updated_at",
        "version",
    ],
    bytes: &[],
};

/// Without what the chain said of an account.
pub(crate) static REFUND_ACCOUNTS: Table = Table {
    name: "refund_accounts",
    key: Key::Text("account_id"),
    fixed: &["account_id", "address", "created_at"],
    changing: &["permission_id", "is_active", "unfit"],
    bytes: &[],
};

/// What a person said of a transfer that is not ours.
pub(crate) static SENT_WRITE_OFFS: Table = Table {
    name: "sent_write_offs",
    key: Key::Text("tx_id"),
    fixed: &["tx_id", "by_key", "reason", "at"],
    changing: &[],
    bytes: &[],
};

/// Without `unexplained`, which follows from attempts and what people said; an invariant watches it.
pub(crate) static SENT_TRANSFERS: Table = Table {
    name: "sent_transfers",
    key: Key::Pair("height", "position"),
    fixed: &[
        "height",
        "position",
        "block_id",
        "block_time",
        "tx_id",
        "asset",
        "from_address",
        "to_address",
        "amount",
        "succeeded",
    ],
    changing: &[],
    bytes: &[],
};

pub(crate) static HALTS: Table = Table {
    name: "halts",
    key: Key::Text("id"),
    fixed: &["id", "cause", "since"],
    changing: &[
        "detail",
        "evidence",
        "raised_by",
        "lifted_at",
        "lifted_by",
        "lift_reason",
        "counts_from",
        "gone",
    ],
    bytes: &[],
};

pub(crate) static REPAIRS: Table = Table {
    name: "repairs",
    key: Key::Text("id"),
    fixed: &[
        "id",
        "reconciliation_id",
        "subject",
        "difference",
        "excess",
        "from_height",
        "to_height",
        "proposed_at",
    ],
    changing: &[
        "kind",
        "effect",
        "state",
        "asked_at",
        "asked_by",
        "ask_reason",
        "decided_at",
        "decided_by",
        "decide_reason",
        "settled_at",
        "outcome",
    ],
    bytes: &[],
};

/// All of them, each behind those that it refers to; entries of one commit are in this order.
pub(crate) static ALL: [&Table; 15] = [
    &BLOCKS,
    &CHAIN_CURSOR,
    &ORDERS,
    &PAYMENTS,
    &ENERGY_POOLS,
    &RESERVATIONS,
    &REFUND_ACCOUNTS,
    &REFUNDS,
    &REPAIRS,
    &OPERATIONS,
    &ATTEMPTS,
    &RESOURCE_EVENTS,
    &SENT_TRANSFERS,
    &SENT_WRITE_OFFS,
    &HALTS,
];

/// Its place in [`ALL`].
pub(crate) fn place(table: &Table) -> usize {
    ALL.iter().position(|known| known.name == table.name).unwrap_or(ALL.len())
}
