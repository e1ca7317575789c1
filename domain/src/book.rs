//! The books as one value: what the invariants are checked on.

use crate::{
    address::{BlockId, TxId},
    chain::{Head, ResourceEvent, SentTransfer},
    operation::{Attempt, Operation},
    order::Order,
    payment::Payment,
    pool::{PoolAccount, Reservation},
    refund::{Refund, RefundAccount},
};
use std::collections::BTreeSet;

/// All rows that the invariants speak of, read at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book {
    /// Orders.
    pub orders: Vec<Order>,
    /// Payments.
    pub payments: Vec<Payment>,
    /// Pool accounts.
    pub accounts: Vec<PoolAccount>,
    /// Reservations.
    pub reservations: Vec<Reservation>,
    /// Operations.
    pub operations: Vec<Operation>,
    /// Attempts.
    pub attempts: Vec<Attempt>,
    /// The recorded blocks, oldest first, with their parents' ids.
    pub blocks: Vec<(Head, BlockId)>,
    /// Recorded resource events with their blocks.
    pub events: Vec<(Head, ResourceEvent)>,
    /// Refunds.
    pub refunds: Vec<Refund>,
    /// The accounts they are paid from.
    pub refund_accounts: Vec<RefundAccount>,
    /// Recorded money that our own accounts have sent, with its blocks.
    pub sent: Vec<(Head, SentTransfer)>,
    /// Transactions of our accounts that are not ours and that a person has explained.
    pub written_off: BTreeSet<TxId>,
    /// The newest solid block.
    pub solid: Option<Head>,
}
