//! The node client against a server that answers as nodes and gateways do, the bad ones included.
#![expect(clippy::expect_used, reason = "a test that cannot set up its server has failed")]

mod common;
#[path = "common/recorded.rs"]
mod recorded;

use common::{MadeBlock, address, delegate, signed, transfer, usdt};
use leyden_domain::{
    Asset, BlockId, Height, Span, Sun,
    chain::{BroadcastAnswer, Evidence, RefusalCode, Transfer},
};
use leyden_ports::{ChainError, ChainReader, ChainWriter};
use leyden_tron::{
    abi,
    inspect::MAINNET_USDT,
    node::{NodeClient, NodeSettings},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_json, header, method, path},
};

fn settings(server: &MockServer) -> NodeSettings {
    NodeSettings { longest_wait_ms: 5, ..NodeSettings::new(server.uri()) }
}

fn client(server: &MockServer) -> NodeClient {
    NodeClient::new(settings(server)).expect("client")
}

async fn answers(server: &MockServer, at: &str, body: &Value) {
    Mock::given(method("POST"))
        .and(path(at))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(server)
        .await;
}

fn sample() -> MadeBlock {
    MadeBlock::new(100, BlockId::new([0; 32]), [transfer(7), usdt(5_000_000), delegate(1_000_000)])
}

fn receipts(block: &Value) -> Value {
    let ids = |index: usize| block["transactions"][index]["txID"].clone();
    json!([
        { "id": ids(0), "blockNumber": 100, "receipt": { "net_usage": 267 } },
        {
            "id": ids(1), "blockNumber": 100, "receipt": { "result": "SUCCESS" },
            "log": [
                { "address": "00".repeat(20), "topics": [hex::encode(abi::TRANSFER_TOPIC)], "data": "00" },
                {
                    "address": hex::encode(MAINNET_USDT.evm()),
                    "topics": [
                        hex::encode(abi::TRANSFER_TOPIC),
                        hex::encode(abi::address_word(address(1))),
                        hex::encode(abi::address_word(address(2))),
                    ],
                    "data": hex::encode(abi::amount_word(4_990_000)),
                },
                {
                    "address": "11".repeat(20),
                    "topics": [
                        hex::encode(abi::TRANSFER_TOPIC),
                        hex::encode(abi::address_word(address(1))),
                        hex::encode(abi::address_word(address(2))),
                    ],
                    "data": hex::encode(abi::amount_word(1)),
                },
            ],
            "internal_transactions": [
                internal(&json!([{ "callValue": 3 }]), "63616c6c", false),
                internal(&json!([{ "callValue": 4 }]), "63616c6c", true),
                internal(&json!([{ "callValue": 5, "tokenId": "1000001" }]), "63616c6c", false),
                internal(&json!([{ "callValue": 6 }]), &hex::encode("delegateResourceOfEnergy"), false),
            ],
        },
        { "id": ids(2), "blockNumber": 100, "receipt": {} },
    ])
}

fn internal(values: &Value, note: &str, rejected: bool) -> Value {
    json!({
        "caller_address": address(3).to_hex(), "transferTo_address": address(2).to_hex(),
        "callValueInfo": values, "note": note, "rejected": rejected,
    })
}

const BY_NUM: &str = "/wallet/getblockbynum";
const INFOS: &str = "/wallet/gettransactioninfobyblocknum";

#[tokio::test]
async fn a_block_comes_with_what_its_receipts_prove() {
    let server = MockServer::start().await;
    let block = sample().to_json();
    answers(&server, BY_NUM, &block).await;
    answers(&server, INFOS, &receipts(&block)).await;
    let block = client(&server).block(Height::new(100)).await.expect("answer").expect("block");
    let seen: Vec<_> = block.transfers.iter().map(|t| (t.asset, t.evidence, t.index, t.amount)).collect();
    assert_eq!(
        seen,
        [
            (Asset::Trx, Evidence::Contract, 0, 7),
            (Asset::Usdt, Evidence::Log, 1, 4_990_000),
            (Asset::Trx, Evidence::Internal, Transfer::INTERNAL_INDEX, 3),
        ]
    );
    assert_eq!(block.resource_events.len(), 1);
}

#[tokio::test]
async fn a_block_whose_receipts_do_not_cover_it_is_no_block() {
    let whole = sample().to_json();
    let all = receipts(&whole);
    let mut short = all.clone();
    short.as_array_mut().expect("array").pop();
    let mut other = all.clone();
    other[0]["blockNumber"] = json!(99);
    let mut failed = all;
    failed[1]["result"] = json!("FAILED");
    for answer in [json!([]), json!({}), short, other, failed] {
        let server = MockServer::start().await;
        answers(&server, BY_NUM, &whole).await;
        answers(&server, INFOS, &answer).await;
        let result = client(&server).block(Height::new(100)).await;
        assert!(matches!(result, Err(ChainError::Unavailable(_))), "{answer}: {result:?}");
    }
}

#[tokio::test]
async fn a_block_that_contradicts_itself_is_refused() {
    let honest = sample().to_json();
    let hex_of = |block: &Value, index: usize| block["transactions"][index]["raw_data_hex"].clone();
    let mut changed = honest.clone();
    changed["transactions"][0]["raw_data_hex"] = hex_of(&honest, 1);
    let mut hidden = honest.clone();
    hidden.as_object_mut().expect("object").remove("transactions");
    let mut moved = honest.clone();
    moved["block_header"]["raw_data"]["timestamp"] = json!(1_700_000_003_000_i64);
    let mut unnamed = moved.clone();
    unnamed.as_object_mut().expect("object").remove("blockID");
    let mut unsigned = honest.clone();
    unsigned["block_header"].as_object_mut().expect("object").remove("witness_signature");
    let mut dropped = honest;
    dropped["transactions"].as_array_mut().expect("array").pop();
    for block in [changed, hidden, moved, unnamed, unsigned, dropped] {
        let server = MockServer::start().await;
        answers(&server, BY_NUM, &block).await;
        // The witness's account names no other key.
        answers(&server, "/wallet/getaccount", &json!({ "address": address(9).to_hex() })).await;
        let strict = NodeSettings { require_merkle_root: true, ..settings(&server) };
        let result = NodeClient::new(strict).expect("client").block(Height::new(100)).await;
        assert!(matches!(result, Err(ChainError::Unverified(_))), "{result:?}");
    }
}

#[tokio::test]
async fn a_witness_may_sign_with_the_key_that_its_account_names() {
    let server = MockServer::start().await;
    let mut block = MadeBlock::new(100, BlockId::new([0; 32]), []).to_json();
    // Signed by 9, produced by 8: changing the witness changes the header, so it is signed anew.
    block["block_header"]["raw_data"]["witness_address"] = json!(address(8).to_hex());
    let inspected = leyden_tron::inspect::inspect(block.to_string().as_bytes()).expect("inspects");
    assert_eq!(inspected[0].verified.witness, Some(false));
    let text = block.to_string();
    let parsed: leyden_tron::wire::json::Block<'_> = serde_json::from_str(&text).expect("parses");
    let header = leyden_tron::decode::header_from_json(&parsed).expect("reads").expect("header");
    block["blockID"] = json!(header.id.to_string());
    block["block_header"]["witness_signature"] = json!(hex::encode(common::key(9).sign(&header.hash)));
    answers(&server, BY_NUM, &block).await;
    let permission = json!({ "keys": [{ "address": address(9).to_hex(), "weight": 1 }] });
    Mock::given(path("/wallet/getaccount"))
        .and(body_json(json!({ "address": address(8).to_hex() })))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(json!({ "address": address(8).to_hex(), "witness_permission": permission })),
        )
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server);
    for _ in 0..2 {
        assert!(client.block(Height::new(100)).await.expect("answer").is_some());
    }
}

#[tokio::test]
async fn runs_of_blocks_end_where_the_chain_ends() {
    let server = MockServer::start().await;
    let first = MadeBlock::new(100, BlockId::new([0; 32]), [transfer(1)]);
    let second = MadeBlock::new(101, first.id, [transfer(2)]);
    let third = MadeBlock::new(102, second.id, []);
    let batch = |start: i64, blocks: Vec<Value>| {
        Mock::given(path("/wallet/getblockbylimitnext"))
            .and(body_json(json!({ "startNum": start, "endNum": start + 2 })))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "block": blocks })))
    };
    batch(100, vec![first.to_json(), second.to_json()]).mount(&server).await;
    batch(102, vec![third.to_json()]).mount(&server).await;
    let two = NodeSettings { batch: 2, ..settings(&server) };
    let blocks = NodeClient::new(two).expect("client").blocks(Height::new(100), 6).await.expect("answer");
    let heights: Vec<_> = blocks.iter().map(|block| block.height().get()).collect();
    assert_eq!(heights, [100, 101, 102]);

    let server = MockServer::start().await;
    let stranger = MadeBlock::new(101, BlockId::new([1; 32]), []);
    answers(
        &server,
        "/wallet/getblockbylimitnext",
        &json!({ "block": [first.to_json(), stranger.to_json()] }),
    )
    .await;
    assert_eq!(client(&server).blocks(Height::new(100), 2).await.expect("answer").len(), 1);
    let skipped = client(&server).blocks(Height::new(99), 2).await;
    assert!(matches!(skipped, Err(ChainError::Malformed(_))), "{skipped:?}");
}

#[tokio::test]
async fn reads_are_repeated_and_say_why_they_fail() {
    let limit = json!({ "Error": "request rate exceeded the allowed_rps(3), and the query server is suspended for 0s" });
    let server = MockServer::start().await;
    Mock::given(path(BY_NUM))
        .respond_with(ResponseTemplate::new(200).set_body_json(&limit))
        .up_to_n_times(2)
        .mount(&server)
        .await;
    answers(&server, BY_NUM, &json!({})).await;
    assert_eq!(client(&server).block(Height::new(1)).await, Ok(None));

    let cases = [
        (ResponseTemplate::new(502).set_body_string("<html>Bad Gateway</html>"), 3, "unavailable"),
        (ResponseTemplate::new(200).set_body_string("<html>hello</html>"), 3, "malformed"),
        (ResponseTemplate::new(200).set_body_string("{\"block_header\": 7}"), 3, "malformed"),
        (
            ResponseTemplate::new(200)
                .set_body_string("this API is closed because this node is a lite fullnode"),
            1,
            "does not support",
        ),
        (ResponseTemplate::new(403).set_body_json(json!({ "Error": "ApiKey not exists" })), 1, "refused"),
        (ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/"), 1, "refused"),
    ];
    for (answer, tries, word) in cases {
        let server = MockServer::start().await;
        Mock::given(path(BY_NUM)).respond_with(answer).expect(tries).mount(&server).await;
        let error = client(&server).block(Height::new(1)).await.expect_err("no answer");
        assert!(error.to_string().contains(word), "{error}");
    }

    // A wait that is longer than we are ready to wait is handed up at once.
    let server = MockServer::start().await;
    let long = ResponseTemplate::new(429).insert_header("retry-after", "30");
    Mock::given(path(BY_NUM)).respond_with(long).expect(1).mount(&server).await;
    let result = client(&server).block(Height::new(1)).await;
    assert_eq!(result, Err(ChainError::RateLimited { retry_after: Some(Span::from_secs(30)) }));
}

#[tokio::test]
async fn slow_and_endless_answers_are_cut_off() {
    let server = MockServer::start().await;
    let slow = ResponseTemplate::new(200).set_delay(std::time::Duration::from_mins(1));
    Mock::given(path(BY_NUM)).respond_with(slow).mount(&server).await;
    let hasty = NodeSettings { timeout_ms: 50, attempts: 1, ..settings(&server) };
    let result = NodeClient::new(hasty).expect("client").block(Height::new(1)).await;
    assert!(matches!(result, Err(ChainError::Unavailable(_))), "{result:?}");

    let server = MockServer::start().await;
    answers(&server, BY_NUM, &sample().to_json()).await;
    let narrow = NodeSettings { max_body_bytes: 100, attempts: 1, ..settings(&server) };
    let result = NodeClient::new(narrow).expect("client").block(Height::new(100)).await;
    assert!(matches!(result, Err(ChainError::Malformed(_))), "{result:?}");
}

#[tokio::test]
async fn heads_are_headers_where_the_node_has_them() {
    let server = MockServer::start().await;
    let block = sample();
    answers(&server, "/wallet/getblock", &block.header_json()).await;
    answers(&server, "/walletsolidity/getblock", &block.header_json()).await;
    let client = client(&server);
    assert_eq!(client.head().await.expect("head").block.id(), &block.id);
    assert_eq!(client.solid().await.expect("solid").height(), Height::new(100));

    let server = MockServer::start().await;
    Mock::given(path("/wallet/getblock"))
        .respond_with(ResponseTemplate::new(404))
        .expect(1)
        .mount(&server)
        .await;
    answers(&server, "/wallet/getnowblock", &block.to_json()).await;
    let client = self::client(&server);
    for _ in 0..2 {
        assert_eq!(client.head().await.expect("head").height(), Height::new(100));
    }
}

const BROADCAST: &str = "/wallet/broadcasthex";

#[tokio::test]
async fn broadcasts_are_sent_once_whatever_comes_back() {
    let transaction = signed(transfer(1));
    let refused = |code, message: &str| Ok(BroadcastAnswer::Refused { code, message: message.to_owned() });
    let text = "Contract validate error : delegateBalance must be greater than or equal to 1 TRX";
    let cases = [
        (json!({ "result": true, "txid": transaction.tx_id.to_string() }), Ok(BroadcastAnswer::Accepted)),
        (json!({ "result": true, "code": "SUCCESS", "message": "" }), Ok(BroadcastAnswer::Accepted)),
        (
            json!({ "code": "DUP_TRANSACTION_ERROR", "message": "Dup transaction." }),
            Ok(BroadcastAnswer::Duplicate),
        ),
        (
            json!({ "code": "CONTRACT_VALIDATE_ERROR", "message": text }),
            refused(RefusalCode::ContractValidateError, text),
        ),
        (
            json!({ "code": "CONTRACT_VALIDATE_ERROR", "message": hex::encode(text) }),
            refused(RefusalCode::ContractValidateError, text),
        ),
        (
            json!({ "code": "SERVER_BUSY", "message": "Server busy." }),
            refused(RefusalCode::Busy, "Server busy."),
        ),
        (json!({ "code": "NEW_ERROR" }), refused(RefusalCode::OtherError, "NEW_ERROR")),
    ];
    for (answer, expected) in cases {
        let server = MockServer::start().await;
        Mock::given(path(BROADCAST))
            .and(body_json(json!({ "transaction": hex::encode(&transaction.bytes) })))
            .respond_with(ResponseTemplate::new(200).set_body_json(&answer))
            .expect(1)
            .mount(&server)
            .await;
        assert_eq!(client(&server).broadcast(&transaction).await, expected, "{answer}");
    }
    let failures = [
        ResponseTemplate::new(503),
        ResponseTemplate::new(429),
        ResponseTemplate::new(200).set_body_string("{}"),
        ResponseTemplate::new(200).set_body_string("<html>"),
        ResponseTemplate::new(200).set_body_json(json!({ "result": true, "txid": "00".repeat(32) })),
        ResponseTemplate::new(200).set_body_json(json!({ "Error": "lack of computing resources" })),
    ];
    for failure in failures {
        let server = MockServer::start().await;
        Mock::given(path(BROADCAST)).respond_with(failure).expect(1).mount(&server).await;
        client(&server).broadcast(&transaction).await.expect_err("nothing is known");
    }
}

#[tokio::test]
async fn accounts_are_read_with_all_their_zeros_left_out() {
    let server = MockServer::start().await;
    let client = client(&server);
    answers(&server, "/wallet/getblock", &sample().header_json()).await;
    let account = json!({
        "address": address(1).to_hex(), "balance": 5_000_000,
        "frozenV2": [{}, { "type": "ENERGY", "amount": 70_000_000 }, { "type": "TRON_POWER" }],
        "account_resource": { "delegated_frozenV2_balance_for_energy": 30_000_000 },
    });
    Mock::given(path("/wallet/getaccount"))
        .and(body_json(json!({ "address": address(1).to_hex() })))
        .respond_with(ResponseTemplate::new(200).set_body_json(account))
        .mount(&server)
        .await;
    answers(&server, "/wallet/getaccount", &json!({})).await;
    let resources = json!({
        "freeNetUsed": 527, "freeNetLimit": 600, "NetUsed": 10, "NetLimit": 5, "EnergyUsed": 44,
        "TotalEnergyLimit": 180_000_000_000_i64, "TotalEnergyWeight": 19_125_511_029_i64,
    });
    answers(&server, "/wallet/getaccountresource", &resources).await;
    answers(&server, "/wallet/getcandelegatedmaxsize", &json!({ "max_size": 69_000_000 })).await;
    let records = json!({ "delegatedResource": [
        { "frozen_balance_for_energy": 10_000_000 },
        { "frozen_balance_for_energy": 20_000_000, "expire_time_for_energy": 1 },
    ] });
    answers(&server, "/wallet/getdelegatedresourcev2", &records).await;

    let state = client.pool_account(address(1)).await.expect("state");
    assert_eq!(state.observed_at, Height::new(100));
    assert_eq!((state.staked, state.delegated), (Sun::from_trx(100), Sun::from_trx(30)));
    assert_eq!((state.delegatable, state.balance), (Sun::from_trx(69), Sun::from_trx(5)));
    assert_eq!((state.bandwidth.get(), state.recovering.get()), (73, 44));
    assert_eq!(client.delegated(address(1), address(2)).await, Ok(Sun::from_trx(30)));
    assert_eq!(client.account(address(2)).await, Ok(None));
    assert_eq!(
        client.account(address(1)).await.expect("answer").map(|account| account.is_contract),
        Some(false)
    );
    assert!(matches!(client.pool_account(address(2)).await, Err(ChainError::Refused(_))));
}

#[tokio::test]
async fn sightings_and_holdings() {
    let server = MockServer::start().await;
    let client = client(&server);
    let (solid, fresh, unknown) =
        (signed(transfer(1)).tx_id, signed(transfer(2)).tx_id, signed(transfer(3)).tx_id);
    let info = |at: &str, id: leyden_domain::TxId, height: i64| {
        Mock::given(path(at.to_owned())).and(body_json(json!({ "value": id.to_string() }))).respond_with(
            ResponseTemplate::new(200).set_body_json(json!({ "id": id.to_string(), "blockNumber": height })),
        )
    };
    info("/walletsolidity/gettransactioninfobyid", solid, 7).mount(&server).await;
    info("/wallet/gettransactioninfobyid", fresh, 9).mount(&server).await;
    answers(&server, "/walletsolidity/gettransactioninfobyid", &json!({})).await;
    answers(&server, "/wallet/gettransactioninfobyid", &json!({})).await;
    let seen = client.sighting(solid).await.expect("answer").expect("seen");
    assert_eq!((seen.height, seen.solid), (Height::new(7), true));
    let seen = client.sighting(fresh).await.expect("answer").expect("seen");
    assert_eq!((seen.height, seen.solid), (Height::new(9), false));
    assert_eq!(client.sighting(unknown).await, Ok(None));

    let call = json!({
        "result": { "result": true }, "energy_used": 935,
        "constant_result": [hex::encode(abi::amount_word(1))], "transaction": { "ret": [{}] },
    });
    answers(&server, "/wallet/triggerconstantcontract", &call).await;
    assert_eq!(client.holds_usdt(address(2)).await, Ok(true));
    let energy = client.usdt_transfer_energy(address(1), address(2), 1).await.expect("answer");
    assert_eq!(energy.map(leyden_domain::Energy::get), Some(935));
}

#[tokio::test]
async fn the_api_key_is_sent_and_never_shown() {
    let server = MockServer::start().await;
    Mock::given(path(BY_NUM))
        .and(header("TRON-PRO-API-KEY", "canary-key"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({})))
        .expect(1)
        .mount(&server)
        .await;
    let with_key = NodeSettings { api_key: Some(SecretString::from("canary-key")), ..settings(&server) };
    let client = NodeClient::new(with_key).expect("client");
    assert_eq!(client.block(Height::new(1)).await, Ok(None));
    assert!(!format!("{client:?}").contains("canary"));
    assert!(NodeClient::new(NodeSettings::new("file:///etc/passwd")).is_err());
}

#[tokio::test]
async fn every_recorded_refusal_is_understood() {
    let Some(text) = recorded::file("errors.json") else { return };
    let recorded: Value = serde_json::from_slice(&text).expect("recorded JSON");
    let list = |name: &str| recorded[name].as_array().expect("list").clone();
    let transaction = signed(transfer(1));
    for case in list("broadcast") {
        let server = MockServer::start().await;
        let mut body = case["body"].clone();
        body["txid"] = json!(transaction.tx_id.to_string());
        answers(&server, BROADCAST, &body).await;
        let answer = client(&server).broadcast(&transaction).await.expect("an answer");
        match answer {
            BroadcastAnswer::Accepted => assert_eq!(case["code"], "SUCCESS"),
            BroadcastAnswer::Duplicate => assert_eq!(case["code"], "DUP_TRANSACTION_ERROR"),
            BroadcastAnswer::Refused { code, message } => {
                assert_eq!(message, case["message_text"].as_str().expect("text"));
                let busy =
                    ["SERVER_BUSY", "NO_CONNECTION", "NOT_ENOUGH_EFFECTIVE_CONNECTION", "BLOCK_UNSOLIDIFIED"];
                let name = case["code"].as_str().expect("code");
                let expected = if busy.contains(&name) {
                    json!("BUSY")
                } else {
                    json!(name.replace("SIGERROR", "SIG_ERROR"))
                };
                assert_eq!(serde_json::to_value(code).expect("name"), expected);
            }
        }
    }
    let failing = [list("builder_validation"), list("node_generic"), list("trongrid")].concat();
    let mut seen = 0;
    for case in failing {
        let Some(status) = case["http"].as_u64().and_then(|status| u16::try_from(status).ok()) else {
            continue;
        };
        let answer = ResponseTemplate::new(status);
        let answer = match case["body_text"].as_str() {
            Some(text) => answer.set_body_string(text),
            None if case["body"].get("Error").is_some() || case["body"].get("error").is_some() => {
                answer.set_body_json(&case["body"])
            }
            None => continue,
        };
        let server = MockServer::start().await;
        Mock::given(path("/wallet/getblockbynum")).respond_with(answer).mount(&server).await;
        let error = NodeClient::new(NodeSettings { attempts: 1, ..settings(&server) })
            .expect("client")
            .block(Height::new(1))
            .await
            .expect_err("no block");
        let text = case.to_string();
        let limited = ["suspended", "lack of computing", "daily usage", "\"statusCode\":429"];
        let expects_limit = limited.iter().any(|mark| text.contains(mark));
        assert_eq!(matches!(error, ChainError::RateLimited { .. }), expects_limit, "{case}: {error}");
        let refused = matches!(error, ChainError::Refused(_) | ChainError::Unsupported(_));
        assert!(expects_limit || refused, "{case}: {error}");
        seen += 1;
    }
    assert!(seen > 15, "only {seen} shapes");
}
