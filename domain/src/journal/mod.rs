//! The journal: every change of a row that money hangs on, in the order of its commits, each entry bound to the one before
//! it by a hash. Here is what an entry is, how the chain of hashes is made and checked, and how entries give the rows
//! back; who writes and keeps them is the store's business. All of it is pure, so that whoever has the entries can check
//! them without the database that they come from.

mod entry;
mod fold;
mod image;
mod kind;
mod replay;

pub use entry::{ChainFault, Digest, Draft, Entry, Head};
pub use fold::{Folded, Key, fold_in, key_of, nothing_folded};
pub use image::{Field, Image};
pub use kind::{ACCEPTED, LAYOUT, RowChange, row_kind, row_of};
pub use replay::{Replay, ReplayFault, Row, Suspect};
