//! Why the simulated chain itself, and not a transaction on it, refused something.

/// Why an operation on the chain failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// The journal cannot be read or written.
    #[error("journal: {0}")]
    Journal(String),
    /// A fork would undo solid blocks.
    #[error("a fork of {depth} blocks reaches below the solid block {solid}")]
    BelowSolid {
        /// How many blocks it would undo.
        depth: u32,
        /// The newest solid height.
        solid: i64,
    },
    /// A fork would undo more than is remembered.
    #[error("a fork of {depth} blocks reaches further back than the {remembered} that can be undone")]
    TooDeep {
        /// How many blocks it would undo.
        depth: u32,
        /// How many can be undone.
        remembered: usize,
    },
    /// There is no earlier branch to return to.
    #[error("no abandoned branch")]
    NoBranch,
    /// A recorded block does not fit the state it is applied to.
    #[error("block {number} does not apply: {why}")]
    Replay {
        /// Which block.
        number: i64,
        /// What is wrong with it.
        why: String,
    },
    /// The account does not exist.
    #[error("no such account")]
    NoAccount,
}
