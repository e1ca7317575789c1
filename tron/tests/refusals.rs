//! What becomes of everything that a node may say no with. The answers of a real java-tron 4.8.0 are read from the
//! folder that `LEYDEN_CHAIN_DATA` names, and so is the catalogue of errors that java-tron 4.8.2 describes itself with;
//! their short texts stand here too, so that without the folder something is tested.
#![expect(clippy::expect_used, reason = "a test that cannot set up its server has failed")]

#[path = "common/recorded.rs"]
mod recorded;

use leyden_domain::{
    Address, BlockId, BlockRef, Height, Timestamp, TxId,
    chain::{BroadcastAnswer, RefusalCode, SignedTransaction},
    operation::{Refusal, RefusalMeaning, meaning_of},
};
use leyden_ports::{ChainError, ChainReader, ChainWriter};
use leyden_tron::node::{NodeClient, NodeSettings};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

use RefusalCode::{
    ContractValidateError as Invalid, SigError, TaposError, TransactionExpirationError as Expired,
};
use RefusalMeaning::{AccountBroke, CapacityGone, KeyUnfit, NothingToReclaim, ReceiverUnusable, TryAgain};

/// A recorded refusal of a broadcast: the file, its code, what its text says, and what that means to us.
const BROADCASTS: [(&str, RefusalCode, &str, RefusalMeaning); 42] = [
    (
        "broadcast_delegate_bandwidth_none_staked",
        Invalid,
        "less than or equal to available FreezeBandwidthV2 balance",
        CapacityGone,
    ),
    (
        "broadcast_delegate_below_1trx",
        Invalid,
        "delegateBalance must be greater than or equal to 1 TRX",
        TryAgain,
    ),
    (
        "broadcast_delegate_contract",
        Invalid,
        "Do not allow delegate resources to contract addresses",
        ReceiverUnusable,
    ),
    (
        "broadcast_delegate_inactive",
        Invalid,
        "Account[4155146b7dd7da5f06a74cb8bcdc3e29d3af037658] not exists",
        ReceiverUnusable,
    ),
    ("broadcast_delegate_invalid_receiver", Invalid, "Invalid receiverAddress", ReceiverUnusable),
    // No lock is ever asked for.
    (
        "broadcast_delegate_lock_too_long",
        Invalid,
        "cannot be less than 0 and cannot exceed 864000!",
        TryAgain,
    ),
    (
        "broadcast_delegate_over",
        Invalid,
        "less than or equal to available FreezeEnergyV2 balance",
        CapacityGone,
    ),
    (
        "broadcast_delegate_self",
        Invalid,
        "receiverAddress must not be the same as ownerAddress",
        ReceiverUnusable,
    ),
    ("broadcast_delegate_tron_power", Invalid, "ResourceCode error, valid ResourceCode", TryAgain),
    ("broadcast_empty_hex", Invalid, "No contract!", TryAgain),
    ("broadcast_expiration_between_head_and_wall", Expired, "Transaction expired", TryAgain),
    ("broadcast_expiration_too_far", Expired, "Transaction expired", TryAgain),
    ("broadcast_expired_1ms_before_head", Expired, "Transaction expired", TryAgain),
    ("broadcast_expired_equal_head", Expired, "Transaction expired", TryAgain),
    // Nothing is staked by the service.
    (
        "broadcast_freeze_below_1trx",
        Invalid,
        "frozenBalance must be greater than or equal to 1 TRX",
        TryAgain,
    ),
    (
        "broadcast_freeze_over_balance",
        Invalid,
        "frozenBalance must be less than or equal to accountBalance",
        TryAgain,
    ),
    (
        "broadcast_insufficient_balance",
        Invalid,
        "Validate TransferContract error, balance is not sufficient.",
        AccountBroke,
    ),
    ("broadcast_no_field", Invalid, "No contract!", TryAgain),
    ("broadcast_no_signature", SigError, "miss sig or contract", KeyUnfit),
    (
        "broadcast_owner_unknown",
        Invalid,
        "account [TPGzxEaXnP4jzBKsxS1YXs33eoYSspS2UP] does not exist",
        AccountBroke,
    ),
    ("broadcast_sig_64_bytes", SigError, "Signature size is 64", KeyUnfit),
    ("broadcast_sig_by_other_key", SigError, "but it is not contained of permission.", KeyUnfit),
    ("broadcast_sig_garbage_65", SigError, "Header byte out of range", KeyUnfit),
    ("broadcast_tapos_bad_hash", TaposError, "Tapos check error.", TryAgain),
    ("broadcast_tapos_empty_ref", SigError, "but it is not contained of permission.", KeyUnfit),
    ("broadcast_tapos_unknown_future_num", TaposError, "Tapos check error.", TryAgain),
    ("broadcast_transfer_self", Invalid, "Cannot transfer TRX to yourself.", ReceiverUnusable),
    ("broadcast_transfer_zero", Invalid, "Amount must be greater than 0.", TryAgain),
    ("broadcast_undelegate_none", Invalid, "delegated Resource does not exist", NothingToReclaim),
    (
        "broadcast_undelegate_self",
        Invalid,
        "receiverAddress must not be the same as ownerAddress",
        ReceiverUnusable,
    ),
    ("broadcast_undelegate_zero", Invalid, "delegated Resource does not exist", NothingToReclaim),
    (
        "broadcast_unfreeze_too_much",
        Invalid,
        "Invalid unfreeze_balance, [10000000000000000] is error",
        TryAgain,
    ),
    ("sem_d4_shorter_lock", Invalid, "cannot be less than the remaining time", TryAgain),
    (
        "sem_d5_undelegate_into_locked",
        Invalid,
        "insufficient delegateFrozenBalance(Energy), request=1600000000",
        NothingToReclaim,
    ),
    ("sem_expiration_head_plus_2999", Expired, "Transaction expired", TryAgain),
    ("sem_perm_delegate_id2_by_other", SigError, "but it is not contained of permission.", KeyUnfit),
    ("sem_perm_delegate_id3_by_hot", SigError, "permission isn't exit", KeyUnfit),
    ("sem_perm_freeze_id2_by_hot", SigError, "Permission denied", KeyUnfit),
    (
        "sem_perm_two_signatures_same",
        SigError,
        "Signature count is 2 more than key counts of permission : 1",
        KeyUnfit,
    ),
    // It is in a block: that it has expired since says nothing about it.
    ("sem_rebroadcast_expired_included_real", Expired, "Transaction expired", TryAgain),
    ("sem_rebroadcast_expired_included_sim", Expired, "Transaction expired", TryAgain),
    ("sem_tapos_other_fork", TaposError, "Tapos check error.", TryAgain),
];

/// Recorded refusals that say what one of the others says.
const ALIKE: [(&str, &str); 4] = [
    ("sem_perm_delegate_no_id_by_hot", "sem_perm_delegate_id2_by_other"),
    ("sem_perm_transfer_no_id_by_hot", "sem_perm_delegate_id2_by_other"),
    ("sem_perm_transfer_with_id2_by_hot", "sem_perm_freeze_id2_by_hot"),
    ("sem_perm_unfreeze_id2_by_hot", "sem_perm_freeze_id2_by_hot"),
];

/// A recorded refusal to build a transaction. A broadcast of it would be refused with the same words.
const BUILDS: [(&str, &str, RefusalMeaning); 18] = [
    ("cmp_createtransaction_missing_to_hex", "Invalid toAddress!", ReceiverUnusable),
    ("cmp_createtransaction_missing_to_vis", "Invalid toAddress!", ReceiverUnusable),
    ("cmp_createtransaction_no_amount_vis", "Amount must be greater than 0.", TryAgain),
    ("cmp_createtransaction_self_vis", "Cannot transfer TRX to yourself.", ReceiverUnusable),
    ("cmp_createtransaction_stranger_hex", "Validate TransferContract error, no OwnerAccount.", AccountBroke),
    ("cmp_createtransaction_stranger_vis", "Validate TransferContract error, no OwnerAccount.", AccountBroke),
    (
        "cmp_createtransaction_too_much_vis",
        "Validate TransferContract error, balance is not sufficient.",
        AccountBroke,
    ),
    (
        "cmp_delegateresource_contract_hex",
        "Do not allow delegate resources to contract addresses",
        ReceiverUnusable,
    ),
    (
        "cmp_delegateresource_contract_vis",
        "Do not allow delegate resources to contract addresses",
        ReceiverUnusable,
    ),
    ("cmp_delegateresource_default_resource_hex", "available FreezeBandwidthV2 balance", CapacityGone),
    (
        "cmp_delegateresource_inactive_hex",
        "Account[4155146b7dd7da5f06a74cb8bcdc3e29d3af037658] not exists",
        ReceiverUnusable,
    ),
    (
        "cmp_delegateresource_inactive_vis",
        "Account[4155146b7dd7da5f06a74cb8bcdc3e29d3af037658] not exists",
        ReceiverUnusable,
    ),
    ("cmp_delegateresource_over_hex", "available FreezeEnergyV2 balance", CapacityGone),
    (
        "cmp_delegateresource_self_hex",
        "receiverAddress must not be the same as ownerAddress",
        ReceiverUnusable,
    ),
    ("cmp_delegateresource_shorter_lock_vis", "cannot be less than the remaining time[240000ms]", TryAgain),
    (
        "cmp_undelegateresource_locked_vis",
        "insufficient delegateFrozenBalance(Energy), request=2000000, unlock_balance=0",
        NothingToReclaim,
    ),
    ("cmp_undelegateresource_none_hex", "delegated Resource does not exist", NothingToReclaim),
    ("cmp_undelegateresource_too_much_hex", "insufficient delegateFrozenBalance(Energy)", NothingToReclaim),
];

/// Texts that are recorded in lists or in java-tron's source only.
const OTHERS: [(RefusalCode, &str, RefusalMeaning); 6] = [
    (
        Invalid,
        "Contract validate error : Cannot transfer TRX to a smartContract which version is one. Instead please use TriggerSmartContract ",
        ReceiverUnusable,
    ),
    (Invalid, "Contract validate error : Cannot transfer TRX to a smartContract.", ReceiverUnusable),
    (
        Invalid,
        "Contract validate error : insufficient delegatedFrozenBalance(BANDWIDTH), request=10000000, unlock_balance=0",
        NothingToReclaim,
    ),
    (Invalid, "Contract validate error : this node does not support constant", TryAgain),
    (Invalid, "Contract validate error : No contract or not a smart contract", TryAgain),
    (RefusalCode::BandwithError, "Account resource insufficient error.", AccountBroke),
];

const fn code_name(code: RefusalCode) -> &'static str {
    match code {
        Invalid => "CONTRACT_VALIDATE_ERROR",
        SigError => "SIGERROR",
        TaposError => "TAPOS_ERROR",
        Expired => "TRANSACTION_EXPIRATION_ERROR",
        RefusalCode::BandwithError => "BANDWITH_ERROR",
        _ => "OTHER_ERROR",
    }
}

/// A node that says the same to every request.
async fn node(status: u16, body: &str) -> (MockServer, NodeClient) {
    let server = MockServer::start().await;
    let response = ResponseTemplate::new(status).set_body_string(body);
    Mock::given(method("POST")).respond_with(response).mount(&server).await;
    let settings = NodeSettings { attempts: 1, longest_wait_ms: 5, ..NodeSettings::new(server.uri()) };
    let client = NodeClient::new(settings).expect("client");
    (server, client)
}

/// What the client makes of an answer to a broadcast.
async fn broadcast(status: u16, body: &str) -> Result<BroadcastAnswer, ChainError> {
    let id = serde_json::from_str::<Value>(body).ok().and_then(|body| body["txid"].as_str()?.parse().ok());
    let transaction = SignedTransaction {
        tx_id: id.unwrap_or(TxId::new([7; 32])),
        bytes: vec![1],
        reference: BlockRef::new(BlockId::new([0; 32])),
        expiration: Timestamp::from_ms(1),
    };
    let (_server, client) = node(status, body).await;
    client.broadcast(&transaction).await
}

async fn expect(body: &Value, name: &str, code: RefusalCode, text: &str, meaning: RefusalMeaning) {
    let answer = broadcast(200, &body.to_string()).await;
    let Ok(BroadcastAnswer::Refused { code: read, message }) = answer else { panic!("{name}: {answer:?}") };
    assert_eq!(read, code, "{name}");
    assert_eq!(meaning_of(&Refusal { code, message: message.clone() }), meaning, "{name}: {message}");
    assert!(message.contains(text), "{name}: {message}");
}

/// The part of a recorded answer that has a code.
fn coded(value: &Value) -> Option<&Value> {
    match value {
        Value::Object(members) if members.get("code").is_some_and(Value::is_string) => Some(value),
        Value::Object(members) => members.values().find_map(coded),
        Value::Array(items) => items.iter().find_map(coded),
        _ => None,
    }
}

fn recorded_json(name: &str) -> Option<Value> {
    let bytes = recorded::file(&format!("javatron-4.8.0/{name}.json"))?;
    Some(serde_json::from_slice(&bytes).expect("recorded JSON"))
}

#[tokio::test]
async fn every_recorded_refusal_means_what_the_chain_means_by_it() {
    for (name, code, text, meaning) in BROADCASTS {
        for message in [text.to_owned(), hex::encode(text)] {
            let body = json!({ "code": code_name(code), "message": message });
            expect(&body, name, code, text, meaning).await;
        }
        let Some(recorded) = recorded_json(name) else { continue };
        let answer = coded(&recorded).expect("an answer with a code");
        assert_eq!(answer["code"], code_name(code), "{name}");
        expect(answer, name, code, text, meaning).await;
        // As gateways and `visible=false` print it.
        let mut hexadecimal = answer.clone();
        hexadecimal["message"] = hex::encode(answer["message"].as_str().expect("message")).into();
        expect(&hexadecimal, name, code, text, meaning).await;
    }
    for (name, like) in ALIKE {
        let Some(recorded) = recorded_json(name) else { continue };
        let (_, code, text, meaning) =
            BROADCASTS.into_iter().find(|(name, ..)| *name == like).expect("one of the others");
        let answer = coded(&recorded).expect("an answer with a code");
        let message = answer["message"].as_str().expect("message");
        assert!(message.contains(text), "{name}");
        assert_eq!(meaning_of(&Refusal { code, message: message.to_owned() }), meaning, "{name}");
    }
    for (name, text, meaning) in BUILDS {
        let message = format!("Contract validate error : {text}");
        assert_eq!(meaning_of(&Refusal { code: Invalid, message }), meaning, "{name}");
        let Some(recorded) = recorded_json(name) else { continue };
        let message = recorded["real"]["Error"].as_str().expect("an error").to_owned();
        assert!(message.contains(text), "{name}: {message}");
        assert_eq!(meaning_of(&Refusal { code: Invalid, message }), meaning, "{name}");
    }
    for (code, text, meaning) in OTHERS {
        expect(&json!({ "code": code_name(code), "message": text }), text, code, text, meaning).await;
    }
}

#[test]
fn no_recorded_refusal_is_left_out() {
    let Some(folder) = recorded::folder() else { return };
    let known: BTreeSet<&str> =
        BROADCASTS.iter().map(|(name, ..)| *name).chain(ALIKE.iter().map(|(name, _)| *name)).collect();
    let mut left_out = Vec::new();
    for entry in std::fs::read_dir(folder.join("javatron-4.8.0")).expect("folder") {
        let path = entry.expect("entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("name").to_owned();
        let is_answer = name.starts_with("broadcast_") || name.starts_with("sem_");
        if !is_answer || path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let recorded: Value = serde_json::from_slice(&std::fs::read(&path).expect("file")).expect("JSON");
        let code = coded(&recorded).and_then(|answer| answer["code"].as_str());
        let is_refusal = code.is_some_and(|code| code != "SUCCESS" && code != "DUP_TRANSACTION_ERROR");
        if is_refusal && !known.contains(name.as_str()) {
            left_out.push(name);
        }
    }
    assert_eq!(left_out, Vec::<String>::new());
}

#[tokio::test]
async fn bytes_that_a_node_knows_already_are_neither_taken_nor_refused() {
    let dup = json!({ "result": false, "code": "DUP_TRANSACTION_ERROR", "message": "Dup transaction." });
    assert_eq!(broadcast(200, &dup.to_string()).await, Ok(BroadcastAnswer::Duplicate));
    for name in ["broadcast_dup_included", "broadcast_dup_pending", "sem_same_raw_other_signature_highS"] {
        let Some(recorded) = recorded_json(name) else { return };
        assert_eq!(broadcast(200, &recorded.to_string()).await, Ok(BroadcastAnswer::Duplicate), "{name}");
    }
    for name in ["broadcast_ok", "sem_rebroadcast_after_fork", "sem_sig_v27"] {
        let recorded = recorded_json(name).expect("recorded").to_string();
        assert_eq!(broadcast(200, &recorded).await, Ok(BroadcastAnswer::Accepted), "{name}");
    }
    for name in ["broadcast_garbage_pb", "broadcast_not_hex"] {
        let recorded = recorded_json(name).expect("recorded").to_string();
        assert!(matches!(broadcast(200, &recorded).await, Err(ChainError::Refused(_))), "{name}");
    }
}

/// An entry of java-tron's own catalogue, and what we do.
struct Entry {
    /// Its id in the catalogue.
    id: &'static str,
    /// The retry class that the catalogue gives it.
    official: &'static str,
    /// How a broadcast is answered with it: status and body; `None` where no call of ours can be.
    answer: Option<(u16, &'static str)>,
    /// Why what we do is something else, or why we never see it.
    differs: Option<&'static str>,
}

const fn same(id: &'static str, official: &'static str, answer: &'static str) -> Entry {
    Entry { id, official, answer: Some((200, answer)), differs: None }
}

const fn not_asked(id: &'static str, official: &'static str, why: &'static str) -> Entry {
    Entry { id, official, answer: None, differs: Some(why) }
}

const SAFE: &str = "SAFE_WITH_BACKOFF";
const REBUILD: &str = "AFTER_REQUEST_REBUILD";
const STATE: &str = "AFTER_STATE_CHANGE";
const VERIFY: &str = "VERIFY_BEFORE_RETRY";
const NEVER: &str = "NEVER";
const UNKNOWN: &str = "UNKNOWN";

const WEIGHT: &str = "the weight of signatures is never asked for";

const CATALOGUE: [Entry; 29] = [
    same(
        "HTTP_RATE_LIMITED",
        SAFE,
        r#"{"Error":"class java.lang.IllegalAccessException : lack of computing resources"}"#,
    ),
    same("HTTP_SERVLET_EXCEPTION", UNKNOWN, r#"{"Error":"class java.lang.NullPointerException : null"}"#),
    Entry {
        id: "HTTP_API_DISABLED",
        official: STATE,
        answer: Some((404, r#"{"Error":"this API is unavailable due to config"}"#)),
        differs: None,
    },
    same(
        "HTTP_LITE_FULLNODE_HISTORY_DISABLED",
        STATE,
        "this API is closed because this node is a lite fullnode",
    ),
    Entry {
        id: "HTTP_REQUEST_TOO_LARGE",
        official: REBUILD,
        answer: Some((413, "<html>Payload Too Large</html>")),
        differs: Some(
            "no request of ours is near the limit; a gateway that says so is asked for nothing else",
        ),
    },
    same("RETURN_SIGERROR", NEVER, r#"{"code":"SIGERROR","message":"x"}"#),
    same("RETURN_CONTRACT_VALIDATE_ERROR", REBUILD, r#"{"code":"CONTRACT_VALIDATE_ERROR","message":"x"}"#),
    Entry {
        id: "RETURN_CONTRACT_EXE_ERROR",
        official: STATE,
        answer: Some((200, r#"{"code":"CONTRACT_EXE_ERROR","message":"x"}"#)),
        differs: Some(
            "another is signed only behind the solid block that outlives this one, in another state, and so often only",
        ),
    },
    same("RETURN_BANDWITH_ERROR", STATE, r#"{"code":"BANDWITH_ERROR","message":"x"}"#),
    same("RETURN_DUP_TRANSACTION_ERROR", VERIFY, r#"{"code":"DUP_TRANSACTION_ERROR","message":"x"}"#),
    same("RETURN_TAPOS_ERROR", REBUILD, r#"{"code":"TAPOS_ERROR","message":"x"}"#),
    same(
        "RETURN_TOO_BIG_TRANSACTION_ERROR",
        REBUILD,
        r#"{"code":"TOO_BIG_TRANSACTION_ERROR","message":"x"}"#,
    ),
    same(
        "RETURN_TRANSACTION_EXPIRATION_ERROR",
        REBUILD,
        r#"{"code":"TRANSACTION_EXPIRATION_ERROR","message":"x"}"#,
    ),
    same("RETURN_SERVER_BUSY", SAFE, r#"{"code":"SERVER_BUSY","message":"x"}"#),
    same("RETURN_NO_CONNECTION", SAFE, r#"{"code":"NO_CONNECTION","message":"x"}"#),
    same(
        "RETURN_NOT_ENOUGH_EFFECTIVE_CONNECTION",
        SAFE,
        r#"{"code":"NOT_ENOUGH_EFFECTIVE_CONNECTION","message":"x"}"#,
    ),
    same("RETURN_BLOCK_UNSOLIDIFIED", SAFE, r#"{"code":"BLOCK_UNSOLIDIFIED","message":"x"}"#),
    same("RETURN_OTHER_ERROR", UNKNOWN, r#"{"code":"OTHER_ERROR","message":"x"}"#),
    not_asked("SIGN_WEIGHT_NOT_ENOUGH_PERMISSION", REBUILD, WEIGHT),
    not_asked("SIGN_WEIGHT_SIGNATURE_FORMAT_ERROR", NEVER, WEIGHT),
    not_asked("SIGN_WEIGHT_COMPUTE_ADDRESS_ERROR", NEVER, WEIGHT),
    not_asked("SIGN_WEIGHT_PERMISSION_ERROR", UNKNOWN, WEIGHT),
    not_asked("SIGN_WEIGHT_OTHER_ERROR", UNKNOWN, WEIGHT),
    not_asked("APPROVED_LIST_SIGNATURE_FORMAT_ERROR", NEVER, WEIGHT),
    not_asked("APPROVED_LIST_COMPUTE_ADDRESS_ERROR", NEVER, WEIGHT),
    not_asked("APPROVED_LIST_OTHER_ERROR", UNKNOWN, WEIGHT),
    not_asked(
        "TRANSACTION_RESULT_FAILED",
        STATE,
        "a call that changes nothing and reverts is an answer, not an error",
    ),
    not_asked("INVALID_ADDRESS", NEVER, "addresses are checked here"),
    // Not in the catalogue: what a later version may say.
    same("", UNKNOWN, r#"{"code":"NOT_YET_INVENTED","message":"x"}"#),
];

/// The class of what is done about an answer. The same bytes are sent while they may still get into a block, whatever
/// was said: they take effect at most once. So what counts is when something else is signed.
fn our_class(answer: &Result<BroadcastAnswer, ChainError>) -> &'static str {
    match answer {
        Ok(BroadcastAnswer::Accepted) => "NO_ERROR",
        // The block stream is asked.
        Ok(BroadcastAnswer::Duplicate) => VERIFY,
        Ok(BroadcastAnswer::Refused { code: RefusalCode::Busy, .. })
        | Err(ChainError::RateLimited { .. } | ChainError::Unavailable(_)) => SAFE,
        // Another node is asked, and this one only for what it has.
        Err(ChainError::Unsupported(_)) => STATE,
        // Nothing is concluded from it, and another is signed only after this one is proven dead.
        Ok(BroadcastAnswer::Refused { code: RefusalCode::OtherError, .. }) | Err(_) => UNKNOWN,
        Ok(BroadcastAnswer::Refused { code, message }) => {
            match meaning_of(&Refusal { code: *code, message: message.clone() }) {
                TryAgain => REBUILD,
                KeyUnfit => NEVER,
                _ => STATE,
            }
        }
    }
}

#[tokio::test]
async fn each_class_is_the_official_one_or_has_a_reason() {
    for entry in &CATALOGUE {
        let Some((status, body)) = entry.answer else {
            assert!(entry.differs.is_some(), "{}", entry.id);
            continue;
        };
        let answer = broadcast(status, body).await;
        let ours = our_class(&answer);
        assert_eq!(ours != entry.official, entry.differs.is_some(), "{}: {ours}, {answer:?}", entry.id);
    }
    let Some(text) = recorded::file("official-4.8.2/openapi.yaml") else { return };
    let text = String::from_utf8(text).expect("text");
    let (_, model) = text.split_once("\n\"x-tron-error-model\":").expect("an error model");
    let mut official = BTreeMap::new();
    let mut id = None;
    let value = |line: &str| line.rsplit('"').nth(1).unwrap_or_default().to_owned();
    for line in model.lines().map(str::trim) {
        if line.starts_with("\"id\":") {
            id = Some(value(line));
        } else if line.starts_with("\"retryClass\":") {
            official.insert(id.take().expect("an id before its class"), value(line));
        }
    }
    let ours: BTreeMap<String, String> = CATALOGUE
        .iter()
        .filter(|entry| !entry.id.is_empty())
        .map(|entry| (entry.id.to_owned(), entry.official.to_owned()))
        .collect();
    assert_eq!(ours, official);
    let (_, limiting) = text.split_once("\n\"x-tron-rate-limiting\":").expect("rate limiting");
    let message = limiting.lines().find(|line| line.trim().starts_with("\"message\":")).expect("a message");
    assert_eq!(value(message), LIMIT);
}

/// The text of java-tron's own limiter, which comes with status 200.
const LIMIT: &str = "lack of computing resources";

#[tokio::test]
async fn a_limit_is_recognised_on_every_path() {
    for body in [
        json!({ "Error": LIMIT }),
        json!({ "Error": format!("class java.lang.IllegalAccessException : {LIMIT}") }),
        json!({ "jsonrpc": "2.0", "error": { "code": -32005, "message": LIMIT } }),
    ] {
        let body = body.to_string();
        let (_server, client) = node(200, &body).await;
        let address = Address::from_evm([1; 20]);
        let limited = |what: &str, error: Option<ChainError>| {
            assert!(matches!(error, Some(ChainError::RateLimited { .. })), "{what}: {error:?}");
        };
        limited("head", client.head().await.err());
        limited("solid", client.solid().await.err());
        limited("block", client.block(Height::new(7)).await.err());
        limited("blocks", client.blocks(Height::new(7), 2).await.err());
        limited("account", client.account(address).await.err());
        limited("pool account", client.pool_account(address).await.err());
        limited("USDT", ChainReader::usdt_balance(&client, address).await.err());
        limited("delegated", client.delegated(address, Address::from_evm([2; 20])).await.err());
        limited("holdings", client.holdings(address).await.err());
        limited("sighting", client.sighting(TxId::new([1; 32])).await.err());
        limited("transaction", client.transaction(TxId::new([1; 32])).await.err());
        limited("parameters", client.chain_parameters().await.err());
        limited("broadcast", broadcast(200, &body).await.err());
    }
}

#[tokio::test]
async fn a_node_without_constant_calls_says_so_in_words() {
    let recorded = recorded::file("javatron-4.8.0/triggerconstantcontract_not_supported.json");
    let text = "this node does not support constant";
    let inline = json!({ "result": { "code": "CONTRACT_VALIDATE_ERROR", "message": hex::encode(text) } });
    let bodies = recorded.map(|bytes| String::from_utf8(bytes).expect("text"));
    for body in bodies.into_iter().chain([inline.to_string()]) {
        let (_server, client) = node(200, &body).await;
        let error =
            ChainReader::usdt_balance(&client, Address::from_evm([1; 20])).await.expect_err("refused");
        assert!(matches!(&error, ChainError::Unsupported(why) if why.contains(text)), "{error:?}");
    }
}
