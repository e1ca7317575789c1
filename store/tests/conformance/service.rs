//! Prices, keys, quotes, monitoring rows.

use crate::kit::{Kit, PRICE, address, key_id, order, order_id, payment, slot};
use leyden_domain::{
    Energy, Span, Sun, Timestamp,
    order::{OrderEvent, Party, Quote},
};
use leyden_ports::store::{
    ApiKeyRecord, ConfigDocument, EncryptedKey, IdempotencyClaim, IdempotencyKey, NewApiKey, NewOrder, Once,
    StoredQuote, StoredResponse,
};
use std::collections::BTreeSet;

pub(crate) async fn seeds_are_there(kit: &Kit) {
    let price = kit.store.price_config("energy_flash").await.unwrap().unwrap();
    assert_eq!((price.is_active, price.updated_at), (true, slot(1)));
    let terms: serde_json::Value = serde_json::from_str(&price.config).unwrap();
    assert_eq!(
        terms,
        serde_json::json!({
            "single_price": 1.5, "max_transactions": 10, "expiry_hours": 1, "min_amount": 1.0,
            "description": "能量闪租服务 - 1.5 TRX/笔，最多10笔，1小时时效"
        })
    );
    let energy = kit.store.resource_config("energy").await.unwrap().unwrap();
    let energy: serde_json::Value = serde_json::from_str(&energy.config).unwrap();
    assert_eq!(energy["usdt_standard_energy"], 65_000);
    assert_eq!(energy["usdt_first_transfer_energy"], 131_000);
    assert_eq!(energy["trx_transfer_energy"], 268);
    assert_eq!(kit.store.price_configs().await.unwrap().len(), 1);
    assert_eq!(kit.store.resource_configs().await.unwrap().len(), 1);
    assert_eq!(kit.store.price_config("none").await, Ok(None));
}

pub(crate) async fn documents_are_replaced(kit: &Kit) {
    let document = |name: &str, config: &str, active| ConfigDocument {
        name: name.to_owned(),
        config: config.to_owned(),
        is_active: active,
        updated_at: slot(9),
    };
    for write in [document("bulk", "{}", true), document("bulk", r#"{"a":1}"#, false)] {
        kit.store.put_price_config(write.clone()).await.unwrap();
        assert_eq!(kit.store.price_config("bulk").await, Ok(Some(write.clone())));
        kit.store.put_resource_config(write.clone()).await.unwrap();
        assert_eq!(kit.store.resource_config("bulk").await, Ok(Some(write)));
    }
    assert_eq!(kit.store.price_configs().await.unwrap().len(), 2);
}

pub(crate) async fn keys_are_kept(kit: &Kit) {
    let scopes: BTreeSet<String> = ["orders".to_owned(), "payments".to_owned()].into();
    let key = NewApiKey {
        id: key_id(1),
        name: "bot".to_owned(),
        secret_hash: [0xab; 32],
        scopes: scopes.clone(),
        expires_at: Some(slot(9)),
        created_at: slot(0),
    };
    kit.store.add_api_key(key.clone()).await.unwrap();
    assert!(kit.store.add_api_key(key).await.is_err());
    let record = ApiKeyRecord {
        id: key_id(1),
        name: "bot".to_owned(),
        secret_hash: [0xab; 32],
        scopes,
        expires_at: Some(slot(9)),
        revoked_at: None,
    };
    assert_eq!(kit.store.api_key(key_id(1)).await, Ok(Some(record.clone())));
    assert_eq!(kit.store.revoke_api_key(key_id(2), slot(3)).await, Ok(false));
    assert_eq!(kit.store.revoke_api_key(key_id(1), slot(3)).await, Ok(true));
    assert_eq!(kit.store.revoke_api_key(key_id(1), slot(4)).await, Ok(true));
    let revoked = ApiKeyRecord { revoked_at: Some(slot(3)), ..record };
    assert_eq!(kit.store.api_keys().await, Ok(vec![revoked]));

    let sealed = |permission_id, text: &str| EncryptedKey {
        address: address(1),
        permission_id,
        sealed: text.to_owned(),
    };
    for key in [sealed(None, "a"), sealed(Some(2), "b"), sealed(None, "c")] {
        kit.store.put_key(key, slot(1)).await.unwrap();
    }
    assert_eq!(kit.store.keys().await, Ok(vec![sealed(None, "c"), sealed(Some(2), "b")]));
}

pub(crate) async fn quotes_are_kept(kit: &Kit) {
    let quote = Quote {
        count: 2,
        energy: Energy::new(130_000),
        unit_price: PRICE,
        price: Sun::new(6_000_000),
        duration: Span::from_hours(1),
    };
    let stored =
        StoredQuote { id: "quo_1".to_owned(), quote, recipient: Some(address(3)), expires_at: slot(5) };
    kit.store.put_quote(stored.clone()).await.unwrap();
    assert_eq!(kit.store.quote("quo_1").await, Ok(Some(stored)));
    assert_eq!(kit.store.quote("quo_2").await, Ok(None));
}

pub(crate) async fn monitoring_follows_the_order(kit: &Kit) {
    let status = async |n| {
        let rows = kit.store.monitoring_status(Some(order_id(n)), slot(50), 10).await.unwrap();
        assert_eq!(rows.len(), 1, "one row says how it is now");
        rows.into_iter().next().unwrap()
    };
    let (paid, funding) = kit.paid(1).await;
    let row = status(1).await;
    assert_eq!(row.monitoring_status, "completed");
    assert_eq!((row.detected_amount, row.paid_amount), (Some(funding.paid), Some(funding.paid)));
    assert_eq!((row.detected_from_address, row.transaction_count), (Some(funding.payer), Some(1)));
    assert_eq!((row.order_status.as_str(), row.is_expired), ("paid", true));
    kit.create(order(2)).await;
    assert_eq!(status(2).await.monitoring_status, "monitoring");
    assert!(status(2).await.monitoring_stopped_at.is_none());
    kit.step(order_id(2), OrderEvent::DeadlinePassed).await.unwrap();
    assert_eq!(status(2).await.monitoring_status, "timeout");
    kit.create(order(3)).await;
    kit.step(order_id(3), OrderEvent::Cancelled(Party::Customer)).await.unwrap();
    assert!(status(3).await.monitoring_stopped_at.is_some());

    kit.create(order(4)).await;
    assert_eq!(kit.store.start_monitoring(order_id(4), slot(2)).await, Ok(false));
    assert_eq!(kit.store.stop_monitoring(order_id(4), slot(3)).await, Ok(true));
    assert_eq!(kit.store.stop_monitoring(order_id(4), slot(3)).await, Ok(false));
    assert_eq!(status(4).await.monitoring_stopped_at, Some(slot(3)));
    assert_eq!(kit.store.start_monitoring(order_id(4), slot(4)).await, Ok(true));
    assert_eq!(status(4).await.monitoring_started_at, slot(4));
    assert_eq!(kit.store.start_monitoring(order_id(99), slot(4)).await, Ok(false));
    // An undone payment is watched for again.
    kit.step(paid.id, OrderEvent::PaymentUndone).await.unwrap();
    assert_eq!(status(1).await.monitoring_status, "monitoring");
    let all = kit.store.monitoring_status(None, slot(0), 10).await.unwrap();
    assert_eq!(all.len(), 4);
    assert_eq!(all[0].order_id, order_id(4), "newest first");
}

pub(crate) async fn sweeping_leaves_the_young(kit: &Kit) {
    let key = |n: u64, at| IdempotencyKey {
        caller: "c".to_owned(),
        route: "r".to_owned(),
        key: n.to_string(),
        body_hash: [0; 32],
        at: slot(at),
    };
    for (n, at) in [(1, 5), (2, 10)] {
        let wish = NewOrder { idempotency: Some(key(n, at)), ..crate::kit::new(order(n)) };
        kit.store.create_order(wish).await.unwrap();
    }
    kit.store.stop_monitoring(order_id(1), slot(5)).await.unwrap();
    assert_eq!(kit.store.sweep(slot(5), slot(5)).await, Ok(0));
    assert_eq!(kit.store.sweep(slot(10), slot(10)).await, Ok(2));
    assert_eq!(kit.store.claim_idempotency(&key(1, 5)).await, Ok(IdempotencyClaim::Unused));
    assert_eq!(kit.store.claim_idempotency(&key(2, 10)).await, Ok(IdempotencyClaim::Order(order_id(2))));
    assert_eq!(kit.store.monitoring_status(None, slot(0), 10).await.unwrap().len(), 1);
}

pub(crate) async fn totals_add_up(kit: &Kit) {
    let order = kit.reserved(1).await;
    let usdt = leyden_domain::payment::Payment { asset: leyden_domain::Asset::Usdt, ..payment(8, 1_000_000) };
    kit.block(2, 0, vec![payment(7, 11), payment(9, 22), usdt]).await;
    let totals = kit.store.totals().await.unwrap();
    let paid = order.amount_due(1).unwrap();
    assert_eq!(totals.payments, [("settled".to_owned(), 1, paid), ("unrouted".to_owned(), 2, Sun::new(33))]);
    assert_eq!(totals.operations, [("delegate".to_owned(), "intended".to_owned(), 1)]);
}

pub(crate) async fn it_answers(kit: &Kit) {
    kit.store.ping().await.unwrap();
}

pub(crate) async fn a_wish_is_begun_once(kit: &Kit) {
    let at = |seconds: i64| Timestamp::from_ms(1_700_000_000_000 + seconds * 1_000);
    let key = |body: u8, seconds: i64| IdempotencyKey {
        caller: "key_1".to_owned(),
        route: "release /x".to_owned(),
        key: "a".to_owned(),
        body_hash: [body; 32],
        at: at(seconds),
    };
    let store = &kit.store;
    assert_eq!(store.begin_once(&key(1, 0)).await, Ok(Once::First));
    assert_eq!(store.begin_once(&key(1, 1)).await, Ok(Once::Running));
    assert_eq!(store.begin_once(&key(2, 1)).await, Ok(Once::OtherBody));
    store.end_once(&key(1, 1), None).await.unwrap();
    assert_eq!(store.begin_once(&key(1, 2)).await, Ok(Once::First), "what was refused may be asked again");
    assert_eq!(store.begin_once(&key(1, 61)).await, Ok(Once::Running));
    assert_eq!(store.begin_once(&key(1, 63)).await, Ok(Once::First), "whoever began it is dead");
    assert_eq!(store.begin_once(&key(1, 64)).await, Ok(Once::Running));
    let answer = StoredResponse { status: 200, body: "{}".to_owned() };
    store.end_once(&key(1, 64), Some(answer.clone())).await.unwrap();
    assert_eq!(store.begin_once(&key(1, 900)).await, Ok(Once::Done(answer.clone())));
    store.end_once(&key(1, 900), None).await.unwrap();
    assert_eq!(store.begin_once(&key(1, 901)).await, Ok(Once::Done(answer)), "an answer is not taken back");
    store.sweep(at(1_000), at(0)).await.unwrap();
    assert_eq!(store.begin_once(&key(2, 1_001)).await, Ok(Once::First));
}
