//! The words that people and programs write: addresses, amounts, ids.

use leyden_domain::{Address, BlockId, OrderId, PaymentId, Sun, TxId, UsdtMicro, payment::count_and_tail};

/// An address in any of its forms, and the ids. What is read is written back as what was read.
pub fn address(data: &[u8]) {
    if let Ok(address) = Address::from_bytes(data) {
        assert_eq!(address.to_bytes(), data);
        assert_eq!(address.to_string().parse(), Ok(address));
        assert_eq!(Address::from_hex(&address.to_hex()), Ok(address));
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string().parse(), Ok(address));
    }
    if let Ok(address) = Address::from_base58(text) {
        assert_eq!(address.to_string(), text, "one address has one text");
    }
    if let Ok(id) = text.parse::<TxId>() {
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
    }
    if let Ok(id) = text.parse::<BlockId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    if let Ok(id) = text.parse::<OrderId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    if let Ok(id) = text.parse::<PaymentId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}

/// An amount, and arithmetic with amounts. What is read is written back as the same amount; arithmetic is right or an error.
pub fn amount(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(sun) = text.parse::<Sun>() {
            assert_eq!(sun.to_string().parse(), Ok(sun));
        }
        assert_eq!(text.parse::<UsdtMicro>().map(UsdtMicro::get), text.parse::<Sun>().map(Sun::get));
    }
    let Some((first, rest)) = data.split_first_chunk::<8>() else { return };
    let Some(second) = rest.first_chunk::<8>() else { return };
    let (a, b) = (i64::from_le_bytes(*first), i64::from_le_bytes(*second));
    let (wide_a, wide_b) = (i128::from(a), i128::from(b));
    let fits = |wide: i128| i64::try_from(wide).ok().map(Sun::new);
    assert_eq!(Sun::new(a).plus(Sun::new(b)).ok(), fits(wide_a + wide_b));
    assert_eq!(Sun::new(a).minus(Sun::new(b)).ok(), fits(wide_a - wide_b));
    assert_eq!(Sun::new(a).times(b).ok(), fits(wide_a * wide_b));
    assert_eq!(Sun::from_decimal(Sun::new(a).to_decimal()), Ok(Sun::new(a)));
    if let Some((count, tail)) = count_and_tail(Sun::new(a), Sun::new(b)) {
        assert_eq!(i128::from(count) * wide_b + i128::from(tail.get()), wide_a);
        assert!(tail >= Sun::ZERO && i128::from(tail.get()) < wide_b.abs());
    }
}
