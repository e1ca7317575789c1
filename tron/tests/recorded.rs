//! Recorded chain data: signing vectors, a whole mainnet block in three forms, a run of headers, receipts. Reads
//! the folder that `LEYDEN_CHAIN_DATA` names and says so where there is none.
#![expect(clippy::expect_used, reason = "a test that cannot read its data has failed")]

#[path = "common/recorded.rs"]
mod recorded;

use leyden_domain::{
    Address, BlockId, Sun, Timestamp,
    chain::{ChainAction, Evidence, Lock, Resource, TransactionIntent},
};
use leyden_tron::{
    crypto::{self, SecretKey},
    decode::{self, RawBlock},
    inspect::{MAINNET_USDT, inspect, table},
    tx, verify,
    wire::{answers, json, json_raw},
};
use prost::Message as _;
use recorded::file;
use serde::Deserialize;
use serde_json::Value;

fn parse<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> T {
    serde_json::from_slice(bytes).expect("recorded JSON")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, key: &str) -> i64 {
    value.get(key).and_then(Value::as_i64).unwrap_or_default()
}

fn address(value: &Value, key: &str) -> Address {
    Address::from_hex(text(value, key)).expect("address")
}

fn resource(value: &Value) -> Resource {
    value.get("resource").and_then(Value::as_str).unwrap_or("BANDWIDTH").parse().expect("resource")
}

/// The intent that a vector's `raw_data` stands for.
fn intent(vector: &Value) -> TransactionIntent {
    let raw = vector.get("raw_data").expect("raw_data");
    let contract = raw.pointer("/contract/0").expect("contract");
    let value = contract.pointer("/parameter/value").expect("value");
    let owner = address(value, "owner_address");
    let sun = |key: &str| Sun::new(number(value, key));
    let action = match text(contract, "type") {
        "TransferContract" => {
            ChainAction::Transfer { owner, to: address(value, "to_address"), amount: sun("amount") }
        }
        "DelegateResourceContract" => ChainAction::Delegate {
            owner,
            receiver: address(value, "receiver_address"),
            resource: resource(value),
            balance: sun("balance"),
            lock: value
                .get("lock")
                .and_then(Value::as_bool)
                .unwrap_or_default()
                .then(|| Lock { period_blocks: number(value, "lock_period") }),
        },
        "UnDelegateResourceContract" => ChainAction::Undelegate {
            owner,
            receiver: address(value, "receiver_address"),
            resource: resource(value),
            balance: sun("balance"),
        },
        "FreezeBalanceV2Contract" => {
            ChainAction::Stake { owner, resource: resource(value), balance: sun("frozen_balance") }
        }
        "UnfreezeBalanceV2Contract" => {
            ChainAction::Unstake { owner, resource: resource(value), balance: sun("unfreeze_balance") }
        }
        "WithdrawExpireUnfreezeContract" => ChainAction::WithdrawUnstaked { owner },
        "CancelAllUnfreezeV2Contract" => ChainAction::CancelUnstakes { owner },
        "TriggerSmartContract" => ChainAction::CallContract {
            owner,
            contract: address(value, "contract_address"),
            call_value: sun("call_value"),
            data: hex::decode(text(value, "data")).expect("data"),
            fee_limit: Sun::new(number(raw, "fee_limit")),
        },
        other => panic!("no such action: {other}"),
    };
    let reference: BlockId = text(vector, "ref_block_id_computed").parse().expect("reference");
    TransactionIntent {
        action,
        permission_id: u8::try_from(number(contract, "Permission_id")).ok().filter(|id| *id > 0),
        reference: leyden_domain::BlockRef::new(reference),
        timestamp: Timestamp::from_ms(number(raw, "timestamp")),
        expiration: Timestamp::from_ms(number(raw, "expiration")),
    }
}

#[test]
fn signing_vectors_reproduce_byte_for_byte() {
    let Some(bytes) = file("vectors/signing.json") else { return };
    let vectors: Vec<Value> = parse(&bytes);
    assert!(vectors.len() >= 9);
    for vector in &vectors {
        let name = text(vector, "name");
        let key = SecretKey::from_hex(text(vector, "private_key")).expect("key");
        assert_eq!(key.address().to_string(), text(vector, "owner"), "{name}");
        let shown = vector.get("raw_data").expect("raw_data").to_string();
        let rebuilt = json_raw::rebuild(&shown).expect("reads").expect("rebuilds");
        assert_eq!(hex::encode(rebuilt.encode_to_vec()), text(vector, "raw_data_hex"), "{name}");
        let id = crypto::tx_id(&rebuilt.encode_to_vec());
        assert_eq!(hex::encode(key.sign(id.bytes())), text(vector, "signature"), "{name}");
        if vector.pointer("/raw_data/contract/0/parameter/value/token_id").is_some() {
            // Calls that carry a TRC-10 token are read, but no intent of ours makes one.
            continue;
        }
        let intent = intent(vector);
        let memo = hex::decode(vector.pointer("/raw_data/data").and_then(Value::as_str).unwrap_or_default());
        let unsigned = tx::build_with_memo(&intent, &memo.expect("memo")).expect("builds");
        assert_eq!(hex::encode(&unsigned.raw), text(vector, "raw_data_hex"), "{name}");
        assert_eq!(unsigned.tx_id.to_string(), text(vector, "txID"), "{name}");
        let signed = unsigned.sign(&key);
        assert_eq!(hex::encode(&signed.bytes), text(vector, "broadcasthex"), "{name}");
        let read = tx::read(&signed.bytes).expect("reads");
        assert_eq!(read.action, Some(intent.action), "{name}");
        assert_eq!(read.signers, [key.address()], "{name}");
    }
}

#[test]
fn address_vectors_hold() {
    let Some(bytes) = file("vectors/addresses.json") else { return };
    let vectors: Value = parse(&bytes);
    let valid = vectors.get("valid").and_then(Value::as_array).expect("valid");
    for vector in valid {
        let address = Address::from_base58(text(vector, "base58")).expect("valid");
        assert_eq!(address.to_hex(), text(vector, "hex"));
        if let Some(key) = vector.get("private_key").and_then(Value::as_str) {
            assert_eq!(SecretKey::from_hex(key).expect("key").address(), address);
        }
    }
    let invalid = vectors.get("invalid_base58").and_then(Value::as_array).expect("invalid");
    assert!(!invalid.is_empty());
    for vector in invalid {
        let wrong = vector.as_str().or_else(|| vector.as_object()?.values().find_map(Value::as_str));
        assert!(Address::from_base58(wrong.expect("text")).is_err(), "{vector}");
    }
}

#[test]
fn message_vectors_hold() {
    let Some(bytes) = file("vectors/messages.json") else { return };
    let vectors: Vec<Value> = parse(&bytes);
    for vector in &vectors {
        let key = SecretKey::from_hex(text(vector, "private_key")).expect("key");
        let hash = crypto::message_hash(text(vector, "message").as_bytes());
        assert_eq!(hex::encode(hash), text(vector, "hash"));
        let mut signature = key.sign(&hash);
        signature[64] += 27;
        assert_eq!(format!("0x{}", hex::encode(signature)), text(vector, "signature"));
        assert_eq!(crypto::recover(&hash, &signature), Ok(key.address()));
    }
}

/// The recorded block, from JSON, `Block` and `BlockExtention`.
fn block_in_three_forms() -> Option<[RawBlock; 3]> {
    let bytes = file("blocks/mainnet_79072107.json")?;
    let json: json::Block<'_> = serde_json::from_slice(&bytes).expect("JSON");
    let json = decode::block_from_json(&json).expect("decodes").expect("block");
    let bare = decode::block_from_protobuf(&file("blocks/mainnet_79072107.block.pb")?).expect("decodes");
    let extended =
        decode::block_from_protobuf(&file("blocks/mainnet_79072107.blockext.pb")?).expect("decodes");
    Some([json, bare, extended])
}

#[test]
fn the_recorded_block_is_the_same_in_every_form_and_proves_itself() {
    let Some([json, bare, extended]) = block_in_three_forms() else { return };
    let keys = verify::WitnessKeys::default();
    for block in [&json, &bare, &extended] {
        assert_eq!(block.transactions.len(), 619);
        let checks = verify::verify(block, None, &keys);
        assert_eq!(checks.tx_ids, Some(true));
        assert_eq!(checks.witness, Some(true));
        assert_eq!(verify::signer(&block.header), Some(block.header.witness));
    }
    assert!(json.transactions.iter().all(|tx| tx.claimed_id == Some(tx.id)));
    assert!(extended.transactions.iter().all(|tx| tx.claimed_id == Some(tx.id)));
    assert_eq!(verify::verify(&bare, None, &keys).merkle_root, Some(true));
    assert_eq!(verify::verify(&extended, None, &keys).merkle_root, Some(true));
    // One result holds a field that JSON cannot show, so the root cannot be told from it.
    assert_eq!(verify::verify(&json, None, &keys).merkle_root, None);
    let differing =
        json.transactions.iter().zip(&bare.transactions).filter(|(a, b)| a.leaf != b.leaf).count();
    assert_eq!(differing, 1);

    let domain =
        [&json, &bare, &extended].map(|block| decode::to_domain(block, MAINNET_USDT, None).expect("domain"));
    assert_eq!(domain[0], domain[1]);
    assert_eq!(domain[1], domain[2]);
    assert_eq!(domain[0].height().get(), 79_072_107);
    assert_eq!(domain[0].transaction_count(), 619);
}

#[test]
fn inspection_reports_the_recorded_block_and_its_damage() {
    let Some(bytes) = file("blocks/mainnet_79072107.block.pb") else { return };
    let reports = inspect(&bytes).expect("inspects");
    let [report] = reports.as_slice() else { panic!("one block") };
    assert_eq!(report.delegations.len(), 125);
    assert_eq!(report.undelegations.len(), 66);
    assert!(report.transfers.iter().any(|transfer| transfer.evidence == Evidence::CallData));
    assert!(table(&reports).contains("block 79072107"));

    let extended = inspect(&file("blocks/mainnet_79072107.blockext.pb").expect("file")).expect("inspects");
    // Only this form gives the block's id.
    let mut with_id = reports.clone();
    with_id[0].verified.block_id = Some(true);
    assert_eq!(extended, with_id);
    let json_bytes = file("blocks/mainnet_79072107.json").expect("file");
    let json = inspect(&json_bytes).expect("inspects");
    assert_eq!(json[0].transfers, report.transfers);
    assert_eq!(json[0].verified.tx_ids, Some(true));

    let error = inspect(&bytes[..100_000]).expect_err("cut short");
    assert!(error.place.offset.is_some() && error.place.transaction.is_some(), "{error}");
    let error = inspect(&json_bytes[..100_000]).expect_err("cut short");
    assert!(error.place.offset.is_some(), "{error}");

    // One bit of one amount: still a block, no longer the one that was signed.
    let needle = hex::decode("180770a083cceeb933").expect("hex");
    let at = bytes.windows(needle.len()).position(|window| window == needle).expect("found");
    let mut bent = bytes.clone();
    bent[at + 1] ^= 1;
    let verified = inspect(&bent).expect("inspects")[0].verified;
    assert_eq!((verified.merkle_root, verified.witness), (Some(false), Some(true)));

    // JSON that shows another amount than it gives the bytes of.
    let shown =
        String::from_utf8(json_bytes).expect("text").replacen("\"amount\": 7\n", "\"amount\": 8\n", 1);
    assert_eq!(inspect(shown.as_bytes()).expect("inspects")[0].verified.tx_ids, Some(false));
}

#[test]
fn a_run_of_headers_is_one_chain_until_one_is_changed() {
    let Some(bytes) = file("blocks/mainnet_headers_78000000_78000099.json") else { return };
    let reports = inspect(&bytes).expect("inspects");
    assert_eq!(reports.len(), 100);
    assert_eq!(reports[0].verified.parent, None);
    assert!(reports[1..].iter().all(|report| report.verified.parent == Some(true)));
    let bent = String::from_utf8(bytes).expect("text").replacen("1764661863000", "1764661863001", 1);
    let reports = inspect(bent.as_bytes()).expect("inspects");
    assert_eq!(reports[2].verified.block_id, Some(false));
    assert_eq!(reports[3].verified.parent, Some(false));
    let wrong: Vec<_> =
        reports.iter().filter(|report| !report.is_sound()).map(|report| report.number).collect();
    assert_eq!(wrong, [78_000_002, 78_000_003]);
}

#[test]
fn an_excerpt_proves_its_ids_but_not_its_root() {
    let Some(bytes) = file("blocks/mainnet_67674988_excerpt.json") else { return };
    let report = &inspect(&bytes).expect("inspects")[0];
    assert_eq!(report.verified.tx_ids, Some(true));
    assert_eq!(report.verified.merkle_root, None);
    assert_eq!(report.verified.witness, Some(true));
    assert_eq!(report.undelegations.len(), 1);
    let twice = [bytes.as_slice(), b"\n", bytes.as_slice()].concat();
    assert_eq!(inspect(&twice).expect("inspects")[1].verified.parent, Some(false));
}

#[test]
fn recorded_receipts_prove_what_happened() {
    let Some(bytes) = file("wallet/gettransactioninfobyid_success_usdt.json") else { return };
    let receipt = |bytes: &[u8]| {
        let info: json::TransactionInfo<'_> = serde_json::from_slice(bytes).expect("receipt");
        decode::receipts_from_json(&[info]).expect("decodes").remove(0)
    };
    let success = receipt(&bytes);
    assert!(success.counts());
    assert_eq!(success.logs.len(), 1);
    assert_eq!(success.logs[0].contract, MAINNET_USDT);
    assert_eq!(success.logs[0].amount, Some(0x17d7_8400));

    let reverted = receipt(&file("wallet/gettransactioninfobyid_reverted_usdt.json").expect("file"));
    assert!(!reverted.counts() && reverted.failed && reverted.logs.is_empty());
    let rejected = receipt(&file("wallet/gettransactioninfobyid_modern_internals.json").expect("file"));
    assert!(!rejected.counts() && rejected.internals.is_empty());
    let swap = receipt(&file("wallet/gettransactioninfobyid_swap.json").expect("file"));
    assert!(swap.counts() && !swap.logs.is_empty());

    // The protobuf answers of gRPC are single receipts; a list of one is the same with a header.
    for (name, counts) in [("grpc/tx_info_success.pb", true), ("grpc/tx_info_reverted.pb", false)] {
        let bytes = file(name).expect("file");
        let mut list = vec![0x0a];
        prost::encoding::encode_varint(u64::try_from(bytes.len()).expect("length"), &mut list);
        list.extend_from_slice(&bytes);
        let receipts = decode::receipts_from_protobuf(&list).expect("decodes");
        assert_eq!(receipts[0].counts(), counts, "{name}");
    }
}

#[test]
fn recorded_account_answers_parse() {
    let Some(bytes) = file("wallet/getaccount_staker_visible.json") else { return };
    let body = |bytes: &[u8]| parse::<Value>(bytes).get("body").expect("body").to_string();
    let account: answers::Account = parse(body(&bytes).as_bytes());
    assert_eq!(account.account_resource.delegated_frozen_v2_balance_for_energy, 3_552_150);
    assert_eq!(account.frozen_v2.iter().map(|frozen| frozen.amount).sum::<i64>(), 8_756_447_850);
    let hex_form = body(&file("wallet/getaccount_delegator_hex.json").expect("file"));
    let account: answers::Account = parse(hex_form.as_bytes());
    assert_eq!(account.active_permission[0].id, 2);
    let resources = body(&file("wallet/getaccountresource_mainnet_dec2025.json").expect("file"));
    let resources: answers::AccountResources = parse(resources.as_bytes());
    assert_eq!(resources.total_energy_weight, 19_125_511_029);
    assert_eq!(resources.free_net_limit - resources.free_net_used, 73);
}

#[test]
fn single_transactions_prove_themselves_under_their_roots() {
    let Some(bytes) = file("txs_mainnet_single.json") else { return };
    let hash = |text: &str| {
        <[u8; 32]>::try_from(hex::decode(text.trim_start_matches("0x")).expect("hex")).expect("32")
    };
    for single in parse::<Vec<Value>>(&bytes) {
        let encoded = hex::decode(text(&single, "encodedTx")).expect("hex");
        let read = tx::read(&encoded).expect("reads");
        assert_eq!(read.tx_id.to_string(), single.pointer("/tx/txID").and_then(Value::as_str).expect("txID"));
        assert!(read.action.is_some());
        // Whose leaf stands left follows from its place; a level without a partner has no step in the proof.
        let index = usize::try_from(number(&single, "index")).expect("index");
        let steps = single.get("proof").and_then(Value::as_array).expect("proof");
        let mut root = crypto::sha256(&encoded);
        for (level, step) in steps.iter().enumerate() {
            let other = hash(step.as_str().expect("text"));
            let pair = if (index >> level) & 1 == 0 { [root, other] } else { [other, root] };
            root = verify::merkle_root(pair);
        }
        assert_eq!(root, hash(text(&single, "txTrieRoot")));
    }
}
