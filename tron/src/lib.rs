//! TRON: its bytes, its hashes and signatures, its nodes. Implements the chain and signer ports over real nodes
//! and keys; what comes in from a node is untrusted until it has been checked against itself.
#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::expect_used, clippy::panic)
)]

pub mod abi;
pub mod crypto;
pub mod decode;
pub mod inspect;
pub mod keys;
pub mod node;
pub mod tx;
pub mod verify;
pub mod wire;
