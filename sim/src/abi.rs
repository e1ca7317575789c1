//! The few words of the contract ABI that the built-in contracts understand.

use leyden_domain::Address;
use leyden_tron::crypto::keccak256;

/// The first four bytes of a call: what it calls.
pub fn selector(signature: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = keccak256(signature.as_bytes());
    [a, b, c, d]
}

/// The first topic of a log: which event it is.
pub fn topic(signature: &str) -> Vec<u8> {
    keccak256(signature.as_bytes()).to_vec()
}

/// Splits call data into its selector and its arguments.
pub(crate) fn split(data: &[u8]) -> Option<([u8; 4], &[u8])> {
    let (head, rest) = data.split_first_chunk::<4>()?;
    Some((*head, rest))
}

/// Argument `n` as 32 bytes.
fn word(arguments: &[u8], n: usize) -> Option<&[u8]> {
    arguments.get(n * 32..n * 32 + 32)
}

/// Argument `n` as an address: its low 20 bytes, whatever stands before them (the VM masks them off).
pub(crate) fn address_argument(arguments: &[u8], n: usize) -> Option<Address> {
    let tail = word(arguments, n)?.last_chunk::<20>()?;
    Some(Address::from_evm(*tail))
}

/// Argument `n` as an amount; `None` where it is missing or larger than any balance can be.
pub(crate) fn amount_argument(arguments: &[u8], n: usize) -> Option<i64> {
    let (high, low) = word(arguments, n)?.split_last_chunk::<8>()?;
    if high.iter().any(|byte| *byte != 0) {
        return None;
    }
    i64::try_from(u64::from_be_bytes(*low)).ok()
}

/// An amount as a 32-byte word. Amounts are never negative.
pub fn amount_word(amount: i64) -> Vec<u8> {
    let mut word = vec![0; 24];
    word.extend(amount.max(0).to_be_bytes());
    word
}

/// An address as a 32-byte word.
pub fn address_word(address: Address) -> Vec<u8> {
    let mut word = vec![0; 12];
    word.extend(address.evm());
    word
}

/// A short text as the ABI returns it: where it starts, how long it is, and itself padded to a word.
pub(crate) fn text_words(text: &str) -> Vec<u8> {
    let mut words = amount_word(32);
    words.extend(amount_word(i64::try_from(text.len()).unwrap_or(0)));
    words.extend(text.as_bytes());
    words.resize(words.len().div_ceil(32) * 32, 0);
    words
}

/// Call data of `transfer(address,uint256)`.
pub fn transfer_call(to: Address, amount: i64) -> Vec<u8> {
    [selector("transfer(address,uint256)").to_vec(), address_word(to), amount_word(amount)].concat()
}

/// Call data of the built-in forwarder's `forward(address)`.
pub fn forward_call(to: Address) -> Vec<u8> {
    [selector("forward(address)").to_vec(), address_word(to)].concat()
}
