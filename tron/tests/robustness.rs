//! Bytes from outside, bent and cut: every one gives an answer or an error that says where, never a panic.
#![expect(clippy::expect_used, reason = "a test that cannot build its input has failed")]

mod common;

use common::{MadeBlock, delegate, intent, key, transfer, usdt};
use leyden_domain::{
    Address, BlockId, BlockRef, Sun, Timestamp,
    chain::{ChainAction, Lock, Resource, TransactionIntent},
};
use leyden_tron::{crypto, decode, inspect::inspect, tx, wire::proto};
use proptest::prelude::*;
use prost::Message as _;

fn addresses() -> impl Strategy<Value = (Address, Address)> {
    (any::<[u8; 20]>(), any::<[u8; 20]>())
        .prop_filter("different", |(a, b)| a != b)
        .prop_map(|(a, b)| (Address::from_evm(a), Address::from_evm(b)))
}

fn actions() -> impl Strategy<Value = ChainAction> {
    let resource = prop_oneof![Just(Resource::Energy), Just(Resource::Bandwidth), Just(Resource::TronPower)];
    let lock = proptest::option::of((0..864_000_i64).prop_map(|period_blocks| Lock { period_blocks }));
    let data = proptest::collection::vec(any::<u8>(), 0..100);
    (0..8_u8, addresses(), resource, 1..i64::MAX, lock, data).prop_map(
        |(which, (owner, other), resource, amount, lock, data)| {
            let balance = Sun::new(amount);
            match which {
                0 => ChainAction::Transfer { owner, to: other, amount: balance },
                1 => ChainAction::Delegate { owner, receiver: other, resource, balance, lock },
                2 => ChainAction::Undelegate { owner, receiver: other, resource, balance },
                3 => ChainAction::Stake { owner, resource, balance },
                4 => ChainAction::Unstake { owner, resource, balance },
                5 => ChainAction::WithdrawUnstaked { owner },
                6 => ChainAction::CancelUnstakes { owner },
                _ => ChainAction::CallContract {
                    owner,
                    contract: other,
                    call_value: balance,
                    data,
                    fee_limit: Sun::new(amount / 2),
                },
            }
        },
    )
}

fn intents() -> impl Strategy<Value = TransactionIntent> {
    let id = proptest::option::of(2..10_u8);
    (actions(), id, any::<[u8; 32]>(), 0..4_000_000_000_000_i64, 1..86_400_000_i64).prop_map(
        |(action, permission_id, reference, at, life)| TransactionIntent {
            action,
            permission_id,
            reference: BlockRef::new(BlockId::new(reference)),
            timestamp: Timestamp::from_ms(at),
            expiration: Timestamp::from_ms(at + life),
        },
    )
}

fn sample() -> MadeBlock {
    MadeBlock::new(100, BlockId::new([0; 32]), [transfer(7), usdt(5_000_000), delegate(1_000_000)])
}

fn to_protobuf(block: &MadeBlock) -> Vec<u8> {
    proto::Block { transactions: block.transactions.clone(), block_header: Some(block.header.clone()) }
        .encode_to_vec()
}

proptest! {
    #[test]
    fn what_is_built_reads_back(intent in intents()) {
        let signed = tx::build(&intent).expect("builds").sign(&key(1));
        let read = tx::read(&signed.bytes).expect("reads");
        prop_assert_eq!(read.tx_id, signed.tx_id);
        prop_assert_eq!(read.action, Some(intent.action));
        prop_assert_eq!(read.permission_id, i32::from(intent.permission_id.unwrap_or(0)));
        prop_assert_eq!(read.timestamp, intent.timestamp);
        prop_assert_eq!(read.expiration, intent.expiration);
        let reference = intent.reference.id().bytes();
        prop_assert_eq!(&read.ref_block_bytes[..], &reference[6..8]);
        prop_assert_eq!(&read.ref_block_hash[..], &reference[8..16]);
        prop_assert_eq!(read.signers, vec![key(1).address()]);
    }

    #[test]
    fn bent_protobuf_is_an_error_or_shows(at in any::<prop::sample::Index>(), bits in 1..=255_u8, cut in any::<bool>()) {
        let honest = to_protobuf(&sample());
        let mut bytes = honest.clone();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= bits;
        }
        match inspect(&bytes) {
            Err(error) => prop_assert!(error.place.offset.is_some(), "{error}"),
            Ok(reports) => {
                // What says the same (the last byte of a signature counts from 0 or from 27) may be proven.
                let verified = reports[0].verified;
                let proven = verified.merkle_root == Some(true) && verified.witness == Some(true);
                prop_assert!(!proven || reports == inspect(&honest).expect("inspects"), "byte {at} changed unseen");
            }
        }
    }

    #[test]
    fn bent_json_never_panics(at in any::<prop::sample::Index>(), to in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = sample().to_json().to_string().into_bytes();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] = to;
        }
        if let Err(error) = inspect(&bytes) {
            prop_assert!(error.place.offset.is_some(), "{error}");
        }
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let block = decode::block_from_protobuf(&bytes);
        prop_assert!(block.is_err());
        drop(decode::blocks_from_block_list(&bytes));
        drop(decode::receipts_from_protobuf(&bytes));
        drop(tx::read(&bytes));
        drop(inspect(&bytes));
        prop_assert!(crypto::recover(&[7; 32], &bytes).is_err() || bytes.len() >= 65);
    }
}

#[test]
fn both_forms_of_a_made_block_prove_everything() {
    let block = sample();
    let protobuf = inspect(&to_protobuf(&block)).expect("inspects");
    let json = inspect(block.to_json().to_string().as_bytes()).expect("inspects");
    // Only JSON gives the block's id.
    let mut with_id = protobuf.clone();
    with_id[0].verified.block_id = Some(true);
    assert_eq!(with_id, json);
    let verified = protobuf[0].verified;
    assert_eq!(
        (verified.tx_ids, verified.merkle_root, verified.witness),
        (Some(true), Some(true), Some(true))
    );
    assert_eq!(protobuf[0].delegations.len(), 1);
    assert_eq!(protobuf[0].transfers.len(), 2);
}

#[test]
fn lists_and_arrays_and_files_of_many_are_taken() {
    let first = MadeBlock::new(100, BlockId::new([0; 32]), [transfer(7)]);
    let second = MadeBlock::new(101, first.id, []);
    let (a, b) = (first.to_json(), second.to_json());
    for text in [format!("[{a},{b}]"), format!("{{\"block\":[{a},{b}]}}"), format!(" {a}\n{b}\n")] {
        let reports = inspect(text.as_bytes()).expect("inspects");
        assert_eq!(reports.len(), 2);
        assert_eq!(reports[1].verified.parent, Some(true));
    }
    for wrong in ["", "  ", "{}", "[{}]", "[7]", "7", "{\"Error\":\"x\"}", "{\"block_header\":{}}"] {
        let error = inspect(wrong.as_bytes()).expect_err("no block");
        assert!(error.place.offset.is_some(), "{wrong}: {error}");
    }
}

#[test]
fn a_list_of_blocks_that_is_cut_says_in_which_block() {
    let extended = |block: &MadeBlock| proto::BlockExtention {
        transactions: block
            .transactions
            .iter()
            .map(|transaction| proto::TransactionExtention {
                transaction: Some(transaction.clone()),
                txid: crypto::sha256(&transaction.raw_data.as_ref().expect("raw").encode_to_vec()).to_vec(),
                ..proto::TransactionExtention::default()
            })
            .collect(),
        block_header: Some(block.header.clone()),
        blockid: block.id.bytes().to_vec(),
    };
    let first = sample();
    let second = MadeBlock::new(101, first.id, [transfer(1)]);
    let bytes =
        proto::BlockListExtention { block: vec![extended(&first), extended(&second)] }.encode_to_vec();
    let reports = inspect(&bytes).expect("inspects");
    assert_eq!(reports.iter().map(|report| report.verified.parent).collect::<Vec<_>>(), [None, Some(true)]);
    assert!(reports.iter().all(|report| report.verified.tx_ids == Some(true)));
    let place = inspect(&bytes[..bytes.len() - 10]).expect_err("cut").place;
    assert_eq!(place.block, Some(1));
    assert!(place.offset.is_some());
}

#[test]
fn intents_that_make_no_sense_are_refused() {
    for action in [transfer(0), transfer(-1), delegate(0)] {
        assert_eq!(tx::build(&intent(action)), Err(tx::BuildError::Amount));
    }
    let owner = common::address(1);
    let to_self = ChainAction::Transfer { owner, to: owner, amount: Sun::TRX };
    assert_eq!(tx::build(&intent(to_self)), Err(tx::BuildError::SameAddress));
    let mut dead = intent(transfer(1));
    dead.expiration = dead.timestamp;
    assert_eq!(tx::build(&dead), Err(tx::BuildError::Expiration));
}
