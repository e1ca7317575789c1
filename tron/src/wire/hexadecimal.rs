//! Hexadecimal text to bytes without a branch per digit: more than half of a block's JSON is such text, and which
//! digit comes next cannot be guessed, so every branch on it costs.

use hex::FromHexError;

/// The value of a digit in either case; above 15 where it is none.
const fn digit(text: u8) -> u8 {
    let number = text.wrapping_sub(b'0');
    let letter = (text | 0x20).wrapping_sub(b'a');
    if number < 10 {
        number
    } else if letter < 6 {
        letter.wrapping_add(10)
    } else {
        0xff
    }
}

/// Decodes as many bytes as there is room for, and says what all digits were together: above 15 where one of
/// them was none, which is looked for only then.
fn decode_into(text: &[u8], bytes: &mut [u8]) -> u8 {
    let mut seen = 0;
    // Blocks of a fixed length, so that the compiler makes vector instructions of them.
    let (text_blocks, text_rest) = text.as_chunks::<32>();
    let (blocks, rest) = bytes.as_chunks_mut::<16>();
    for (bytes, text) in blocks.iter_mut().zip(text_blocks) {
        let digits = text.map(digit);
        seen |= digits.iter().fold(0, |all, digit| all | digit);
        for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
            *byte = (high << 4) | (low & 0x0f);
        }
    }
    for (byte, [high, low]) in rest.iter_mut().zip(text_rest.as_chunks::<2>().0) {
        let (high, low) = (digit(*high), digit(*low));
        seen |= high | low;
        *byte = (high << 4) | (low & 0x0f);
    }
    seen
}

/// Decodes `text` behind what `bytes` already holds; where it fails, `bytes` is as it was.
pub fn append(text: &str, bytes: &mut Vec<u8>) -> Result<(), FromHexError> {
    if !text.len().is_multiple_of(2) {
        return Err(FromHexError::OddLength);
    }
    let before = bytes.len();
    bytes.resize(before.saturating_add(text.len() / 2), 0);
    let seen = bytes.get_mut(before..).map_or(0, |room| decode_into(text.as_bytes(), room));
    if seen <= 0x0f {
        return Ok(());
    }
    bytes.truncate(before);
    Err(wrong_digit(text))
}

/// Decodes a whole text.
pub fn decode(text: &str) -> Result<Vec<u8>, FromHexError> {
    let mut bytes = Vec::new();
    append(text, &mut bytes)?;
    Ok(bytes)
}

/// Decodes what stands for an address in either form of the HTTP API: hexadecimal, or Base58Check (`visible`). Of any
/// length, because a chain's first block has texts where addresses belong.
pub fn decode_address(text: &str) -> Result<Vec<u8>, FromHexError> {
    decode(text).or_else(|error| bs58::decode(text).with_check(None).into_vec().or(Err(error)))
}

/// Decodes exactly `N` bytes.
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], FromHexError> {
    if text.len() / 2 != N || !text.len().is_multiple_of(2) {
        return Err(FromHexError::InvalidStringLength);
    }
    let mut bytes = [0; N];
    if decode_into(text.as_bytes(), &mut bytes) <= 0x0f { Ok(bytes) } else { Err(wrong_digit(text)) }
}

/// Which of the digits is none.
fn wrong_digit(text: &str) -> FromHexError {
    text.bytes().enumerate().find(|(_, byte)| digit(*byte) > 0x0f).map_or(
        FromHexError::OddLength,
        |(index, byte)| FromHexError::InvalidHexCharacter { c: char::from(byte), index },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place_decodes_as_the_hex_crate_does() {
        for byte in 0..=127_u8 {
            for at in 0..68 {
                // Two blocks and a rest.
                let mut text = [b'5'; 68];
                text[at] = byte;
                let text = std::str::from_utf8(&text).expect("ASCII");
                let expected = hex::decode(text);
                assert_eq!(decode(text), expected, "{text:?}");
                assert_eq!(decode_array::<34>(text).map(Vec::from), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn addresses_of_both_forms_and_any_length_decode() {
        let zeros = b"0x000000000000000000000";
        assert_eq!(decode_address("7YxAaK71utTpYJ8u4Zna7muWxd1pQwimpGxy8").as_deref(), Ok(zeros.as_slice()));
        assert_eq!(decode_address(&hex::encode(zeros)).as_deref(), Ok(zeros.as_slice()));
        // One letter less, or another: the checksum tells.
        for text in ["7YxAaK71utTpYJ8u4Zna7muWxd1pQwimpGxy", "7YxAaK71utTpYJ8u4Zna7muWxd1pQwimpGxy9"] {
            assert!(decode_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_text_that_fails_leaves_what_was_there() {
        let mut bytes = vec![7];
        assert_eq!(append("00f", &mut bytes), Err(FromHexError::OddLength));
        for text in ["00ü0f", "0üx", "ü0", "ffß"] {
            assert_eq!(append(text, &mut bytes).err(), hex::decode(text).err(), "{text}");
        }
        assert_eq!(append("0g", &mut bytes), Err(FromHexError::InvalidHexCharacter { c: 'g', index: 1 }));
        assert_eq!(bytes, [7]);
        assert_eq!(append("Ff00", &mut bytes), Ok(()));
        assert_eq!(bytes, [7, 0xff, 0]);
        assert_eq!(decode_array::<3>("ff00"), Err(FromHexError::InvalidStringLength));
    }
}
