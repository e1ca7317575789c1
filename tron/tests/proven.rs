//! Whatever is changed in a block shows: it is no block any more, or something of it is proven to be false, or what
//! could be proven no longer can. What is shown as proven stays what was signed.
//!
//! Outside of what is proven are, and nothing but: how a signature says which of two keys (0 and 27 are the same), what
//! stands behind its 65 bytes, members and fields that nobody reads, and the claims themselves (an id that is no longer
//! given is no longer compared).
#![expect(clippy::expect_used, reason = "a test that cannot read its data has failed")]

mod common;
#[path = "common/recorded.rs"]
mod recorded;

use common::{MadeBlock, delegate, transfer, usdt};
use leyden_domain::BlockId;
use leyden_tron::{
    crypto,
    inspect::{BlockReport, Falsehood, inspect, table},
    wire::proto,
};
use prost::Message as _;
use recorded::file;
use serde_json::{Value, json};

/// Whether all that can be proven of a block on its own is.
fn is_proven(report: &BlockReport) -> bool {
    let verified = report.verified;
    report.is_sound()
        && [verified.tx_ids, verified.merkle_root, verified.witness] == [Some(true); 3]
        && verified.block_id != Some(false)
}

/// The same, as if no id of it and no parent had been given.
fn without_claims(reports: &[BlockReport]) -> Vec<BlockReport> {
    let mut reports = reports.to_vec();
    for report in &mut reports {
        report.verified.block_id = None;
        report.verified.parent = None;
    }
    reports
}

/// Changes every `step`th byte (every one was tried) in two ways and says how often which of the three followed: no block, false, or unknown.
fn change_each(name: &str, honest: &[u8], step: usize) -> [usize; 3] {
    let before = inspect(honest).expect("inspects");
    assert!(before.iter().all(is_proven), "{name}: {}", table(&before));
    let mut seen = [0; 3];
    let mut bytes = honest.to_vec();
    for at in (0..honest.len()).step_by(step) {
        // The lowest bit, and a bit that makes other digits and letters of JSON.
        for bits in [1, 0x10] {
            bytes[at] = honest[at] ^ bits;
            match inspect(&bytes) {
                Err(_) => seen[0] += 1,
                Ok(reports) if reports.iter().any(|report| !report.is_sound()) => seen[1] += 1,
                Ok(reports) if !reports.iter().all(is_proven) => seen[2] += 1,
                Ok(reports) => {
                    let same = without_claims(&reports) == without_claims(&before);
                    assert!(same, "{name}: byte {at} ^ {bits:#x} changed unseen\n{}", table(&reports));
                }
            }
            bytes[at] = honest[at];
        }
    }
    seen
}

fn made() -> MadeBlock {
    MadeBlock::new(100, BlockId::new([0; 32]), [transfer(7), usdt(5_000_000), delegate(1_000_000)])
}

fn to_protobuf(block: &MadeBlock) -> Vec<u8> {
    proto::Block { transactions: block.transactions.clone(), block_header: Some(block.header.clone()) }
        .encode_to_vec()
}

#[test]
fn a_changed_byte_of_a_made_block_shows() {
    let block = made();
    let [no_block, wrong, _] = change_each("protobuf", &to_protobuf(&block), 1);
    assert!(no_block > 50 && wrong > 500, "{no_block} {wrong}");
    let [no_block, wrong, unknown] = change_each("JSON", block.to_json().to_string().as_bytes(), 5);
    assert!(no_block > 100 && wrong > 200 && unknown > 20, "{no_block} {wrong} {unknown}");
}

#[test]
fn a_changed_byte_of_a_recorded_block_shows() {
    for name in [
        "block_177.pb",
        "blockext_177.pb",
        "blocklist_177.pb",
        "block_177_hex.json",
        "block_177_visible.json",
        "block_48.pb",
        "blockext_48.pb",
        "block_48_hex.json",
        "block_48_visible.json",
    ] {
        let Some(bytes) = file(&format!("javatron-4.8.0/{name}")) else { return };
        let [no_block, wrong, _] = change_each(name, &bytes, 13);
        assert!(no_block > 0 && wrong > 0, "{name}: {no_block} {wrong}");
    }
    for name in ["blocks/mainnet_79072107.block.pb", "blocks/mainnet_79072107.blockext.pb"] {
        let [no_block, wrong, unknown] = change_each(name, &file(name).expect("file"), 7_919);
        assert!(no_block + wrong + unknown > 20, "{name}: {no_block} {wrong} {unknown}");
    }
}

/// What is said to be false of the blocks of a text.
fn wrong(text: &str) -> Vec<(Falsehood, Option<usize>)> {
    let reports = inspect(text.as_bytes()).expect("inspects");
    let shown = table(&reports);
    let wrong: Vec<_> = reports.iter().flat_map(|report| report.wrong.clone()).collect();
    for one in &wrong {
        assert!(shown.contains(&one.text), "{}: {shown}", one.text);
        // The transaction is named by its place and by what its bytes say it is.
        assert_eq!(one.transaction.is_some(), one.tx_id.is_some(), "{}", one.text);
    }
    wrong.into_iter().map(|one| (one.what, one.transaction)).collect()
}

#[test]
fn what_is_false_is_named_with_its_place() {
    let honest = made().to_json();
    assert_eq!(wrong(&honest.to_string()), []);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut block = honest.clone();
        change(&mut block);
        wrong(&block.to_string())
    };
    let other = honest["transactions"][0].clone();
    assert_eq!(
        changed(&|block| block["transactions"][2]["txID"] = other["txID"].clone()),
        [(Falsehood::TxId, Some(2))]
    );
    assert_eq!(
        changed(&|block| block["transactions"][1]["raw_data_hex"] = other["raw_data_hex"].clone()),
        [(Falsehood::TxId, Some(1))]
    );
    let shown = json!({ "contract": [{
        "type": "TransferContract",
        "parameter": { "value": { "amount": 8, "owner_address": "41", "to_address": "41" } },
    }] });
    assert_eq!(
        changed(&|block| block["transactions"][0]["raw_data"] = shown.clone()),
        [(Falsehood::Shown, Some(0))]
    );
    assert_eq!(changed(&|block| block["blockID"] = json!("00".repeat(32))), [(Falsehood::BlockId, None)]);
    let signature = json!("01".repeat(65));
    assert_eq!(
        changed(&|block| block["block_header"]["witness_signature"] = signature.clone()),
        [(Falsehood::Witness, None)]
    );
    // The very bytes, so the root says so.
    let mut bytes = to_protobuf(&made());
    let at = bytes.windows(2).position(|window| window == [0x18, 7]).expect("the amount");
    bytes[at + 1] = 8;
    let report = &inspect(&bytes).expect("inspects")[0];
    assert_eq!(report.wrong.iter().map(|one| one.what).collect::<Vec<_>>(), [Falsehood::MerkleRoot]);
}

#[test]
fn a_list_is_a_chain_where_its_numbers_say_so() {
    let first = made();
    let next = |number, parent| MadeBlock::new(number, parent, []).to_json();
    let list = |second: &Value| format!("[{},{second}]", first.to_json());
    assert_eq!(wrong(&list(&next(101, first.id))), []);
    let parent = [(Falsehood::Parent, None)];
    assert_eq!(wrong(&list(&next(101, BlockId::new([1; 32])))), parent, "another parent");
    assert_eq!(wrong(&list(&first.to_json())), parent, "the same block again");
    assert_eq!(wrong(&list(&next(99, first.id))), parent, "backwards");
    // What lies between is not there to say.
    assert_eq!(wrong(&list(&next(105, BlockId::new([1; 32])))), []);
    let reports = inspect(list(&next(105, first.id)).as_bytes()).expect("inspects");
    assert_eq!(reports[1].verified.parent, None);
}

#[test]
fn the_key_that_a_witness_has_named_may_sign() {
    use leyden_tron::{
        inspect::{InspectOptions, inspect_with},
        verify::WitnessKeys,
    };
    let mut block = made();
    let mut raw = block.header.raw_data.clone().expect("raw");
    raw.witness_address = common::address(8).to_bytes().to_vec();
    let hash = crypto::sha256(&raw.encode_to_vec());
    block.header =
        proto::BlockHeader { raw_data: Some(raw), witness_signature: common::key(9).sign(&hash).to_vec() };
    let bytes = to_protobuf(&block);
    assert!(!inspect(&bytes).expect("inspects")[0].is_sound());
    let witness_keys = WitnessKeys::new([(common::address(8), common::address(9))]);
    let options = InspectOptions { witness_keys, ..InspectOptions::default() };
    assert!(inspect_with(&bytes, &options).expect("inspects")[0].is_sound());
}
