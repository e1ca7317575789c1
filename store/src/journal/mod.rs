//! The journal of the books. A method of the store says which rows it made, changed or removed ([`Log`], kept beside its
//! connection); whoever commits reads what those rows are now, where nobody has said it, and writes one entry for each, in the
//! same transaction. Two statements for a commit at most, one where all was said, none where nothing is journaled.
//!
//! The newest entry is remembered by the writer; another instance may have written since, and then the insert finds an entry
//! where it wanted to write, writes nothing, and is made again behind the true newest one.

mod accept;
mod append;
mod images;
mod log;
mod opening;
mod read;
mod tables;
mod verify;

pub(crate) use append::append;
#[cfg(test)]
pub(crate) use append::{INSERT_LITE, INSERT_PG};
#[cfg(test)]
pub(crate) use images::every_query;
pub(crate) use log::Log;
pub(crate) use opening::open;
pub(crate) use tables::{
    ATTEMPTS, BLOCKS, CHAIN_CURSOR, ENERGY_POOLS, HALTS, OPERATIONS, ORDERS, PAYMENTS, REFUND_ACCOUNTS,
    REFUNDS, REPAIRS, RESERVATIONS, RESOURCE_EVENTS, SENT_TRANSFERS, SENT_WRITE_OFFS,
};
