//! Our own transactions: built here from typed intents, hashed here, signed here. No byte of them ever comes
//! from a node.

mod build;
mod read;

pub use build::{BuildError, UnsignedTransaction, build, build_with_memo};
pub use read::{ReadTransaction, read};
