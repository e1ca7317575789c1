//! The few contract calls we make or read: TRC-20 `balanceOf`, `transfer`, `transferFrom` and the `Transfer` log.
//! An address word counts with its low 20 bytes only, because the virtual machine masks it and real calls carry
//! anything above.

use leyden_domain::Address;

/// First four bytes of the Keccak-256 of `transfer(address,uint256)`.
pub const TRANSFER: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];
/// First four bytes of the Keccak-256 of `transferFrom(address,address,uint256)`.
pub const TRANSFER_FROM: [u8; 4] = [0x23, 0xb8, 0x72, 0xdd];
/// First four bytes of the Keccak-256 of `balanceOf(address)`.
pub const BALANCE_OF: [u8; 4] = [0x70, 0xa0, 0x82, 0x31];
/// Keccak-256 of `Transfer(address,address,uint256)`.
pub const TRANSFER_TOPIC: [u8; 32] = [
    0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69, 0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa, 0x95,
    0x2b, 0xa7, 0xf1, 0x63, 0xc4, 0xa1, 0x16, 0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef,
];

/// An address as a 32-byte word.
pub fn address_word(address: Address) -> [u8; 32] {
    let mut word = [0; 32];
    for (to, from) in word.iter_mut().skip(12).zip(address.evm()) {
        *to = *from;
    }
    word
}

/// A non-negative amount as a 32-byte word; a negative one becomes zero.
pub fn amount_word(amount: i64) -> [u8; 32] {
    let mut word = [0; 32];
    for (to, from) in word.iter_mut().skip(24).zip(amount.max(0).to_be_bytes()) {
        *to = from;
    }
    word
}

/// The address in a word: its low 20 bytes, whatever stands above them.
pub fn word_address(word: &[u8; 32]) -> Address {
    let mut low = [0; 20];
    for (to, from) in low.iter_mut().zip(word.iter().skip(12)) {
        *to = *from;
    }
    Address::from_evm(low)
}

/// The number in a word, where it fits; nothing that concerns us is larger.
pub fn word_amount(word: &[u8; 32]) -> Option<i64> {
    let (high, low) = word.split_at_checked(24)?;
    if high.iter().any(|byte| *byte != 0) {
        return None;
    }
    i64::try_from(u64::from_be_bytes(low.try_into().ok()?)).ok()
}

/// What token call data asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenCall {
    /// From whom; `None` is the caller.
    pub from: Option<Address>,
    /// To whom.
    pub to: Address,
    /// How much, in the token's smallest unit; `None` where it exceeds what we count.
    pub amount: Option<i64>,
}

/// Call data of `transfer(to, amount)`.
pub fn encode_transfer(to: Address, amount: i64) -> Vec<u8> {
    [TRANSFER.as_slice(), &address_word(to), &amount_word(amount)].concat()
}

/// Call data of `transferFrom(from, to, amount)`.
pub fn encode_transfer_from(from: Address, to: Address, amount: i64) -> Vec<u8> {
    [TRANSFER_FROM.as_slice(), &address_word(from), &address_word(to), &amount_word(amount)].concat()
}

/// Call data of `balanceOf(holder)`.
pub fn encode_balance_of(holder: Address) -> Vec<u8> {
    [BALANCE_OF.as_slice(), &address_word(holder)].concat()
}

/// Reads call data of `transfer` or `transferFrom`. Bytes behind the arguments are ignored, as contracts do.
pub fn decode_token_call(data: &[u8]) -> Option<TokenCall> {
    let (selector, mut rest) = data.split_first_chunk::<4>()?;
    let mut word = || -> Option<&[u8; 32]> {
        let (first, behind) = rest.split_first_chunk::<32>()?;
        rest = behind;
        Some(first)
    };
    let from = match *selector {
        TRANSFER => None,
        TRANSFER_FROM => Some(word_address(word()?)),
        _ => return None,
    };
    let to = word_address(word()?);
    Some(TokenCall { from, to, amount: word_amount(word()?) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::keccak256;

    #[test]
    fn selectors_and_topic_are_what_their_names_hash_to() {
        let selector = |signature: &str| keccak256(signature.as_bytes()).first_chunk::<4>().copied();
        assert_eq!(selector("transfer(address,uint256)"), Some(TRANSFER));
        assert_eq!(selector("transferFrom(address,address,uint256)"), Some(TRANSFER_FROM));
        assert_eq!(selector("balanceOf(address)"), Some(BALANCE_OF));
        assert_eq!(keccak256(b"Transfer(address,address,uint256)"), TRANSFER_TOPIC);
    }

    #[test]
    fn calls_round_trip_and_junk_above_the_address_is_ignored() {
        let (a, b) = (Address::from_evm([1; 20]), Address::from_evm([2; 20]));
        let call = TokenCall { from: None, to: a, amount: Some(7) };
        assert_eq!(decode_token_call(&encode_transfer(a, 7)), Some(call));
        let mut prefixed = encode_transfer(a, 7);
        prefixed[15] = 0x41;
        assert_eq!(decode_token_call(&prefixed), Some(call));
        let from = TokenCall { from: Some(a), to: b, amount: Some(i64::MAX) };
        assert_eq!(decode_token_call(&encode_transfer_from(a, b, i64::MAX)), Some(from));
        let mut huge = encode_transfer(a, 7);
        huge[36] = 1;
        assert_eq!(decode_token_call(&huge).map(|call| call.amount), Some(None));
        assert_eq!(decode_token_call(&huge[..67]), None);
        assert_eq!(decode_token_call(&encode_balance_of(a)), None);
    }
}
