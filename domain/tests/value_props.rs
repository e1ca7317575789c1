//! Ids, addresses and amounts: what is printed is read back, what is wrong is refused by name, and no text at all
//! breaks a parser.
#![expect(clippy::unwrap_used, reason = "tests")]

use leyden_domain::{
    AccountId, Address, ApiKeyId, Asset, BlockId, Height, OperationId, OrderId, ParseError, PaymentId,
    ReservationId, Sun, Timestamp, TxId, UsdtMicro,
};
use proptest::prelude::*;

/// Base58Check and hexadecimal forms of the same addresses.
const VALID: [(&str, &str); 11] = [
    ("TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC", "415cd0fb0ab3ce40f3051414c604b27756e69e43db"),
    ("THRF3GuPnvvPzKoaT8pJex5XHmo8NNbCb3", "4151b5659b685047f35498f763dce619c4720d2aa7"),
    ("TWWb9EjUWai17YEVB7FR8hreupYJKG9sMR", "41e151e4937bca41df55a67697724d9a64efcffdd5"),
    ("TPX6HK2NRN4XKRX1JAhbC827bm7gMmy5w1", "4194a15629b2b2bbd3a5453e6d6696b2875278633b"),
    ("TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC", "417e5f4552091a69125d5dfcb7b8c2659029395bdf"),
    ("TFnYQCt892UNjn67pjAULTSTkB7YvqsnPp", "413fcc5f66a381694b6f6656eb08b535c3587e8ed1"),
    ("T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb", "410000000000000000000000000000000000000000"),
    ("TJAAinkKN2h9KxtBZXw6SyL7HwCQXnzFsE", "4159d3ad9d126e153b9564417d3a05cf51c1964edf"),
    ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "41a614f803b6fd780986a42c78ec9c7f77e6ded13c"),
    ("TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf", "41eca9bc828a3005b9a3b909f2cc5c2a54794de05f"),
    ("TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH", "41c8599111f29c1e1e061265b4af93ea1f274ad78a"),
];

/// No TRON addresses: too short, of another chain in two ways, damaged, and a placeholder.
const INVALID: [&str; 6] = [
    "abc",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "175tWpb8K1S7NmH4Zx6rewF9WQrcZv245W",
    "2MegQ6oqSda2tTagdEzBA",
    "TW1dU4L3eNm7Lw8WvieLKEHpXWAussRG9X",
    "TYourPaymentAddressHere",
];

#[test]
fn addresses_are_read_in_both_forms() {
    for (base58, hex) in VALID {
        let address: Address = base58.parse().unwrap();
        assert_eq!(address, Address::from_hex(hex).unwrap());
        assert_eq!(address, Address::from_bytes(&address.to_bytes()).unwrap());
        assert_eq!(address, Address::from_evm(*address.evm()));
        assert_eq!((address.to_string().as_str(), address.to_hex().as_str()), (base58, hex));
    }
}

#[test]
fn what_is_no_address_is_refused() {
    for text in INVALID {
        assert!(matches!(text.parse::<Address>(), Err(ParseError::Address(_))), "{text}");
    }
    // One character changed anywhere is noticed.
    let (good, hex) = VALID[0];
    for at in 0..good.len() {
        let mut bytes = good.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'2' { b'3' } else { b'2' };
        assert!(String::from_utf8(bytes).unwrap().parse::<Address>().is_err(), "position {at}");
    }
    assert!(hex.parse::<Address>().is_err());
    assert!(Address::from_hex(hex.get(2..).unwrap()).is_err());
    assert!(Address::from_bytes(&[0x41; 20]).is_err());
    assert!(Address::from_bytes(&[0x42; 21]).is_err());
    assert!(Address::from_bytes(&[]).is_err());
}

#[test]
fn amounts_are_exact_or_refused() {
    let sun = |text: &str| text.parse::<Sun>();
    assert_eq!(sun("15.000137"), Ok(Sun::new(15_000_137)));
    assert_eq!(sun("15"), Ok(Sun::from_trx(15)));
    assert_eq!(sun("-0.000001"), Ok(Sun::new(-1)));
    assert_eq!(sun("0.0000000"), Ok(Sun::ZERO));
    assert_eq!(sun("9223372036854.775807"), Ok(Sun::new(i64::MAX)));
    assert_eq!(sun("-9223372036854.775808"), Ok(Sun::new(i64::MIN)));
    for text in ["0.0000001", "15.0001370000001", "1.0000000000000000000000000001"] {
        assert_eq!(sun(text), Err(ParseError::Amount("more than six decimal places")), "{text}");
    }
    for text in ["9223372036854.775808", "-9223372036854.775809", "79228162514264337593543950335"] {
        assert_eq!(sun(text), Err(ParseError::Amount("too large")), "{text}");
    }
    for text in [
        "", " ", "TRX", "1e6", "0x10", "1,5", "1 000", "1_000", "NaN", "∞", "１", "1.", ".5", "+1", "--1",
        "-",
    ] {
        assert_eq!(sun(text), Err(ParseError::Amount("not a decimal number")), "{text}");
    }
    assert_eq!("1.5".parse(), Ok(UsdtMicro::new(1_500_000)));
    assert_eq!(Sun::new(15_000_137).to_string(), "15.000137");
    assert_eq!(Sun::ZERO.to_string(), "0.000000");
}

#[test]
fn arithmetic_refuses_to_overflow() {
    assert!(Sun::new(i64::MAX).plus(Sun::new(1)).is_err());
    assert!(Sun::new(i64::MIN).minus(Sun::new(1)).is_err());
    assert!(Sun::new(i64::MAX).times(2).is_err());
    assert!(Sun::sum([Sun::new(i64::MAX), Sun::new(1)]).is_err());
    assert_eq!(Sun::sum([]), Ok(Sun::ZERO));
}

#[test]
fn a_blocks_id_carries_its_height() {
    let id: BlockId = "0000000003fe2545b29a8c5a4d1c2cbf9e4a5e4c1c7e8a6f3f1b2d3c4e5f6a7b".parse().unwrap();
    assert_eq!(id.height(), Height::new(0x03fe_2545));
}

#[test]
fn ids_of_one_kind_are_not_of_another() {
    let at = Timestamp::from_ms(1_764_161_641_472);
    let operation = OperationId::new(at, [3; 10]).to_string();
    assert!(operation.starts_with("op_"));
    assert!(operation.parse::<ReservationId>().is_err());
    assert!(operation.parse::<OrderId>().is_err());
    assert!(operation.to_uppercase().parse::<OperationId>().is_err());
    for text in [
        "FLASH_1_aaaaaaaa",
        "FLASH_1_aaaaaaaaaa",
        "FLASH_01_aaaaaaaaa",
        "FLASH_-1_aaaaaaaaa",
        "FLASH__aaaaaaaaa",
        "FLASH_1_AAAAAAAAA",
        "FLASH_1234567890123456_aaaaaaaaa",
        "ord_",
        "ord_0123456789abcdef0123456789abcdeg",
        "pay_0_0",
    ] {
        assert!(text.parse::<OrderId>().is_err(), "{text}");
        assert!(text.parse::<PaymentId>().is_err(), "{text}");
    }
    let flash: OrderId = "FLASH_1764161641472_k3x9q2m1z".parse().unwrap();
    assert_eq!(flash.to_string(), "FLASH_1764161641472_k3x9q2m1z");
}

#[test]
fn ids_sort_by_age() {
    let id = |ms, random| OrderId::standard(Timestamp::from_ms(ms), [random; 10]);
    assert!(id(1, 255) < id(2, 0));
    assert!(id(1, 255).to_string() < id(2, 0).to_string());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_read_back(
        ms in 0..281_474_976_710_655_i64,
        entropy: [u8; 10],
        evm: [u8; 20],
        hash: [u8; 32],
        index: u32,
        amount: i64,
    ) {
        let at = Timestamp::from_ms(ms);
        macro_rules! reads_back {
            ($($value:expr),* $(,)?) => {$({
                let value = $value;
                let text = value.to_string();
                prop_assert_eq!(text.parse(), Ok(value), "{}", text);
                let json = serde_json::to_string(&value).unwrap();
                prop_assert_eq!(serde_json::from_str(&json).ok(), Some(value), "{}", json);
            })*};
        }
        reads_back!(
            OperationId::new(at, entropy),
            ReservationId::new(at, entropy),
            AccountId::new(at, entropy),
            ApiKeyId::new(at, entropy),
            OrderId::standard(at, entropy),
            OrderId::flash(at, entropy),
            Address::from_evm(evm),
            TxId::new(hash),
            BlockId::new(hash),
            PaymentId { tx_id: TxId::new(hash), index },
            Sun::new(amount),
            UsdtMicro::new(amount),
        );
        prop_assert_eq!(Sun::from_decimal(Sun::new(amount).to_decimal()), Ok(Sun::new(amount)));
    }

    #[test]
    fn no_text_breaks_a_parser(text in prop_oneof![".{0,80}", "[A-Za-z0-9_.+-]{0,80}", "T[1-9A-HJ-NP-Za-km-z]{33}",
        "(FLASH|ord|pay|op|rsv)_[0-9a-f_]{0,70}", "-?[0-9_]{0,32}\\.?[0-9]{0,32}"])
    {
        macro_rules! canonical_or_refused {
            ($($kind:ty),* $(,)?) => {$(
                if let Ok(value) = text.parse::<$kind>() {
                    let printed = value.to_string();
                    prop_assert_eq!(printed.parse::<$kind>().ok(), Some(value));
                }
            )*};
        }
        canonical_or_refused!(
            OperationId, ReservationId, AccountId, ApiKeyId, OrderId, PaymentId, Address, TxId, BlockId, Sun,
            UsdtMicro,
        );
        prop_assert!(text.parse::<Asset>().is_err() || ["TRX", "USDT"].contains(&text.as_str()));
        prop_assert!(Address::from_hex(&text).is_ok() == (text.len() == 42 && text.starts_with("41")
            && text.bytes().all(|b| b.is_ascii_hexdigit())));
    }
}
