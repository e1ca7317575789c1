//! Looks into a file of blocks, whatever form it is in, and says what it holds and what could be proven of it.
//! The core of the command `leyden block`.

mod input;
mod report;
mod table;

pub use report::{BlockReport, DelegationReport, Falsehood, TransferReport, UndecidedReport, Wrong};
pub use table::table;

use crate::{decode::DecodeError, verify::WitnessKeys};
use leyden_domain::Address;

/// The contract of USDT on mainnet, `TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t`.
pub const MAINNET_USDT: Address = Address::from_evm([
    0xa6, 0x14, 0xf8, 0x03, 0xb6, 0xfd, 0x78, 0x09, 0x86, 0xa4, 0x2c, 0x78, 0xec, 0x9c, 0x7f, 0x77, 0xe6,
    0xde, 0xd1, 0x3c,
]);

/// A file that is no block; says at which byte, in which block and in which transaction.
pub type InspectError = DecodeError;

/// What to know beforehand.
#[derive(Debug, Clone)]
pub struct InspectOptions {
    /// Whose token transfers to list.
    pub usdt: Address,
    /// Keys that sign for witnesses besides their own.
    pub witness_keys: WitnessKeys,
}

impl Default for InspectOptions {
    fn default() -> Self {
        Self { usdt: MAINNET_USDT, witness_keys: WitnessKeys::default() }
    }
}

/// Reports on every block in `bytes`, for mainnet. Takes protobuf (`Block`, `BlockExtention`,
/// `BlockListExtention`) and JSON of the HTTP API (a block, an array of blocks, `{"block":[…]}`, or several of
/// these one after another).
pub fn inspect(bytes: &[u8]) -> Result<Vec<BlockReport>, InspectError> {
    inspect_with(bytes, &InspectOptions::default())
}

/// The same, for another network.
pub fn inspect_with(bytes: &[u8], options: &InspectOptions) -> Result<Vec<BlockReport>, InspectError> {
    let mut reports = Vec::new();
    let mut previous = None;
    for input in input::read(bytes)? {
        reports.push(report::report(&input, previous, options));
        previous = Some(input.block.header.id);
    }
    Ok(reports)
}
