//! The chain in our own words: what a block holds that concerns us, what we ask the chain to do, and how a run
//! of blocks is followed.

mod block;
mod follow;
mod intent;
mod report;

pub use block::{
    Block, ContractKind, Delivery, Evidence, Head, Lock, Resource, ResourceAction, ResourceEvent,
    SentTransfer, TokenCall, Transfer,
};
pub use follow::{Follower, Resolution};
pub use intent::{BroadcastAnswer, ChainAction, RefusalCode, SignedTransaction, TransactionIntent};
pub use report::{Moved, Movement, TransactionReport};
