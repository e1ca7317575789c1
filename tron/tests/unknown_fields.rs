//! What a later version of the protocol adds changes nothing that is read here: not an id, not a root, not a proof, not a
//! transfer. Fields of unknown numbers are put into every message of a block, of any wire type and as long as keys and
//! signatures of post-quantum cryptography are (1 to 3 KB); members of unknown names into every object of its JSON.
#![expect(clippy::expect_used, reason = "a test that cannot build its input has failed")]

mod common;
#[path = "common/recorded.rs"]
mod recorded;

use common::{MadeBlock, delegate, key, transfer, usdt};
use leyden_domain::{BlockId, Height, chain::ContractKind};
use leyden_tron::{
    crypto, decode,
    inspect::{MAINNET_USDT, inspect},
    verify::{self, WitnessKeys},
    wire::proto,
};
use proptest::prelude::*;
use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint},
};
use serde_json::{Value, json};

/// A field of a number that no message here has.
fn unknown_field() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![Just(60_u32), Just(99), 200..1_000_u32, Just((1 << 29) - 1)];
    let long = prop_oneof![0..40_usize, 1_000..3_300_usize];
    let bytes = long.prop_flat_map(|length| proptest::collection::vec(any::<u8>(), length));
    (number, 0..4_u8, any::<u64>(), bytes).prop_map(|(number, wire, value, bytes)| {
        let mut field = Vec::new();
        match wire {
            0 => {
                encode_key(number, WireType::Varint, &mut field);
                encode_varint(value, &mut field);
            }
            1 => {
                encode_key(number, WireType::SixtyFourBit, &mut field);
                field.extend(value.to_le_bytes());
            }
            2 => {
                encode_key(number, WireType::ThirtyTwoBit, &mut field);
                field.extend(&value.to_le_bytes()[..4]);
            }
            _ => {
                encode_key(number, WireType::LengthDelimited, &mut field);
                encode_varint(bytes.len().try_into().expect("short"), &mut field);
                field.extend(bytes);
            }
        }
        field
    })
}

/// A message, with another field in front of its own or behind them.
fn with(message: Vec<u8>, (field, in_front): &(Vec<u8>, bool)) -> Vec<u8> {
    if *in_front { [field.clone(), message].concat() } else { [message, field.clone()].concat() }
}

fn member(number: u32, message: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut field);
    encode_varint(message.len().try_into().expect("short"), &mut field);
    field.extend(message);
    field
}

/// What is put where: into the contract's message, `Any`, the contract, the raw data, the result, the transaction, the raw
/// header, the header and the block.
type Additions = [(Vec<u8>, bool); 9];

/// The raw data of a transaction with unknown fields at each level.
fn raw_with(transaction: &proto::Transaction, additions: &Additions) -> Vec<u8> {
    let raw = transaction.raw_data.as_ref().expect("raw");
    let contract = &raw.contract[0];
    let any = contract.parameter.as_ref().expect("parameter");
    let value = with(any.value.clone(), &additions[0]);
    let any = with([member(1, any.type_url.as_bytes()), member(2, &value)].concat(), &additions[1]);
    let kind = proto::Contract { r#type: contract.r#type, ..proto::Contract::default() };
    let contract = with([kind.encode_to_vec(), member(2, &any)].concat(), &additions[2]);
    let others = proto::TransactionRaw { contract: Vec::new(), ..raw.clone() };
    with([others.encode_to_vec(), member(11, &contract)].concat(), &additions[3])
}

fn transaction_with(transaction: &proto::Transaction, additions: &Additions) -> Vec<u8> {
    let signatures = transaction.signature.iter().flat_map(|signature| member(2, signature)).collect();
    let result = with(transaction.ret[0].encode_to_vec(), &additions[4]);
    let parts = [member(1, &raw_with(transaction, additions)), signatures, member(5, &result)];
    with(parts.concat(), &additions[5])
}

/// The block with all of that, as a witness would sign it.
fn block_with(block: &MadeBlock, additions: &Additions) -> (BlockId, Vec<u8>) {
    let transactions: Vec<_> =
        block.transactions.iter().map(|transaction| transaction_with(transaction, additions)).collect();
    let leaves = transactions.iter().map(|transaction| crypto::sha256(transaction));
    let mut raw = block.header.raw_data.clone().expect("raw");
    raw.tx_trie_root = verify::merkle_root(leaves).to_vec();
    let raw = with(raw.encode_to_vec(), &additions[6]);
    let signature = key(9).sign(&crypto::sha256(&raw));
    let header = with([member(1, &raw), member(2, &signature)].concat(), &additions[7]);
    let transactions = transactions.iter().flat_map(|transaction| member(1, transaction)).collect::<Vec<_>>();
    let bytes = with([transactions, member(2, &header)].concat(), &additions[8]);
    (crypto::block_id(100, &raw), bytes)
}

fn made() -> MadeBlock {
    MadeBlock::new(100, BlockId::new([7; 32]), [transfer(7), usdt(5_000_000), delegate(1_000_000)])
}

/// Puts a member into every object, down to the shown contents of a transaction.
fn into_every_object(value: &mut Value, name: &str, addition: &Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(|member| into_every_object(member, name, addition));
            members.insert(name.to_owned(), addition.clone());
        }
        Value::Array(items) => items.iter_mut().for_each(|item| into_every_object(item, name, addition)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn fields_of_protobuf_change_nothing(
        additions in proptest::array::uniform9((unknown_field(), any::<bool>())),
        which in proptest::array::uniform9(any::<bool>()),
    ) {
        let block = made();
        let mut additions: Additions = additions;
        for (addition, is_put) in additions.iter_mut().zip(which) {
            if !is_put {
                addition.0.clear();
            }
        }
        let (id, bytes) = block_with(&block, &additions);
        let raw = decode::block_from_protobuf(&bytes).expect("decodes");
        let verified = verify::verify(&raw, None, &WitnessKeys::default());
        prop_assert_eq!((verified.tx_ids, verified.merkle_root, verified.witness), (Some(true), Some(true), Some(true)));
        prop_assert_eq!((raw.header.id, raw.header.height()), (id, Height::new(100)));
        for (facts, transaction) in raw.transactions.iter().zip(&block.transactions) {
            prop_assert_eq!(facts.id, crypto::tx_id(&raw_with(transaction, &additions)));
        }
        prop_assert_eq!(raw.undecided(), vec![]);
        // But for the ids of what was added to, it is the same block.
        let read = decode::to_domain(&raw, MAINNET_USDT, None).expect("reads");
        let plain = decode::block_from_protobuf(&block_with(&block, &Default::default()).1).expect("decodes");
        let plain = decode::to_domain(&plain, MAINNET_USDT, None).expect("reads");
        let money = |block: &leyden_domain::chain::Block| {
            block.transfers.iter().map(|one| (one.asset, one.from, one.to, one.amount, one.evidence)).collect::<Vec<_>>()
        };
        prop_assert_eq!(money(&read), money(&plain));
        let events = |block: &leyden_domain::chain::Block| {
            block.resource_events.iter().map(|one| (one.owner, one.action.clone())).collect::<Vec<_>>()
        };
        prop_assert_eq!(events(&read), events(&plain));
        prop_assert_eq!((read.timestamp, read.witness, read.parent), (plain.timestamp, plain.witness, plain.parent));
        prop_assert!(inspect(&bytes).expect("inspects")[0].is_sound());
    }

    #[test]
    fn members_of_json_change_nothing(
        name in "[a-z]{1,3}_new|pq_auth_sig|publicKey",
        addition in prop_oneof![
            Just(json!(null)), Just(json!([[], {}])), Just(json!({ "contractRet": "REVERT", "txID": "00" })),
            any::<i64>().prop_map(Value::from), proptest::collection::vec(any::<u8>(), 1_000..3_300).prop_map(|key| json!(hex::encode(key))),
        ],
    ) {
        let honest = made().to_json();
        let mut block = honest.clone();
        into_every_object(&mut block, &name, &addition);
        let (honest, read) = (inspect(honest.to_string().as_bytes()), inspect(block.to_string().as_bytes()));
        prop_assert_eq!(honest.expect("inspects"), read.expect("inspects"));
    }
}

#[test]
fn members_of_recorded_json_change_nothing() {
    for name in
        ["block_177_hex.json", "block_177_visible.json", "block_48_visible.json", "block_0_visible.json"]
    {
        let Some(bytes) = recorded::file(&format!("javatron-4.8.0/{name}")) else { return };
        let honest = inspect(&bytes).expect("inspects");
        let mut block: Value = serde_json::from_slice(&bytes).expect("JSON");
        into_every_object(&mut block, "pq_auth_sig", &json!({ "public_key": "00".repeat(1_300) }));
        assert_eq!(inspect(block.to_string().as_bytes()).expect("inspects"), honest, "{name}");
    }
}

#[test]
fn a_kind_of_contract_that_is_not_known_is_recorded_by_its_number() {
    let mut block = made();
    let mut transactions = std::mem::take(&mut block.transactions);
    let raw = transactions[0].raw_data.as_mut().expect("raw");
    raw.contract[0].r#type = 77;
    raw.contract[0].parameter.as_mut().expect("parameter").value = vec![0xff; 40];
    let block = MadeBlock::of(100, block.id, transactions);
    let in_json = block.to_json().to_string().into_bytes();
    let in_protobuf =
        proto::Block { transactions: block.transactions, block_header: Some(block.header) }.encode_to_vec();
    for bytes in [in_json, in_protobuf] {
        let report = &inspect(&bytes).expect("inspects")[0];
        assert!(report.is_sound() && report.undecided.is_empty());
        assert_eq!(report.transactions.get("UnknownContract(77)"), Some(&1));
        assert_eq!(report.verified.merkle_root, Some(true));
        assert_eq!(report.transfers.len(), 1);
    }
    assert_eq!(ContractKind::from_number(77).number(), 77);
}
