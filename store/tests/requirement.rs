//! The tables and views that requirement 001 names, as somebody with a SQL prompt finds them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "conformance/kit.rs"]
#[expect(dead_code, reason = "shared with the conformance suite, which uses all of it")]
mod kit;
#[path = "conformance/pg.rs"]
mod pg;

use kit::{
    ENERGY, Kit, address, attempt, commit, delegated, delivery, next, open, operation_id, slot, url_in,
};
use leyden_domain::{
    chain::ResourceEvent,
    order::{Order, OrderEvent},
};
use leyden_ports::store::{OperationChange, OrderCommit, ReclaimDraft};
use sqlx::{Connection as _, SqliteConnection};
use std::sync::Arc;

/// A table or view and its columns, as requirement 001 lists them.
const TABLES: [(&str, &str); 8] = [
    (
        "orders",
        "id user_id order_type recipient_address payment_address paid_amount transaction_count from_address \
         delegation_result price_config status created_at updated_at expires_at",
    ),
    (
        "payment_monitoring_logs",
        "id order_id payment_address monitoring_started_at monitoring_stopped_at status detected_tx_hash \
         detected_amount detected_from_address error_message created_at updated_at",
    ),
    (
        "energy_delegations",
        "id order_id pool_account_id recipient_address energy_amount duration_hours tx_hash status \
         delegated_at expires_at created_at updated_at",
    ),
    (
        "energy_pools",
        "id address private_key_encrypted total_energy available_energy delegated_energy is_active \
         last_updated_at created_at",
    ),
    ("price_configs", "id mode_type config is_active created_at updated_at"),
    ("resource_consumption_configs", "id resource_type config is_active created_at updated_at"),
    (
        "payment_monitoring_status",
        "order_id payment_address monitoring_status monitoring_started_at monitoring_stopped_at \
         detected_amount detected_from_address order_status paid_amount transaction_count expires_at is_expired",
    ),
    (
        "energy_delegation_stats",
        "order_id total_delegations successful_delegations failed_delegations total_energy_delegated \
         first_delegation_at last_delegation_at",
    ),
];

/// A store in a file, and a prompt on the same file.
async fn both() -> (Kit, SqliteConnection, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let kit = Kit::on(Arc::new(open(&url_in(&dir)).await));
    let sql = SqliteConnection::connect(&url_in(&dir)).await.unwrap();
    (kit, sql, dir)
}

#[tokio::test]
async fn its_tables_and_views_are_there() {
    let (_kit, mut sql, _dir) = both().await;
    for (table, columns) in TABLES {
        let found: Vec<(String,)> = sqlx::query_as("SELECT name FROM pragma_table_info($1)")
            .bind(table)
            .fetch_all(&mut sql)
            .await
            .unwrap();
        for column in columns.split_whitespace() {
            assert!(found.iter().any(|(name,)| name == column), "{table} lacks {column}: {found:?}");
        }
    }
}

/// `status`, `tx_hash`, `delegated_at`, `expires_at` of the only delegation.
async fn record(sql: &mut SqliteConnection) -> (String, Option<String>, Option<i64>, Option<i64>) {
    sqlx::query_as("SELECT status, tx_hash, delegated_at, expires_at FROM energy_delegations")
        .fetch_one(sql)
        .await
        .unwrap()
}

async fn result_of(sql: &mut SqliteConnection, order: &Order) -> Option<serde_json::Value> {
    let (text,): (Option<String>,) = sqlx::query_as("SELECT delegation_result FROM orders WHERE id = $1")
        .bind(order.id.to_string())
        .fetch_one(sql)
        .await
        .unwrap();
    text.map(|text| serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn its_record_follows_the_delegation() {
    let (kit, mut sql, _dir) = both().await;
    let order = kit.reserved(1).await;
    assert_eq!(record(&mut sql).await, ("pending".to_owned(), None, None, None));
    let tx = attempt(1, 1).tx_id.to_string();
    kit.sign(attempt(1, 1), 1).await.unwrap();
    assert_eq!(record(&mut sql).await, ("pending".to_owned(), Some(tx.clone()), None, None));
    kit.step(order.id, OrderEvent::DelegationSigned).await.unwrap();
    kit.events(2, vec![delegated(&attempt(1, 1), &order, 1)], 2).await;
    kit.change(operation_id(1), 2, OperationChange::Include(delivery(2, 0))).await.unwrap();
    let ends_at = slot(2).plus(order.duration);
    let given = (Some(tx.clone()), Some(slot(2).ms()), Some(ends_at.ms()));
    assert_eq!(record(&mut sql).await, ("success".to_owned(), given.0.clone(), given.1, given.2));
    assert_eq!(result_of(&mut sql, &order).await, None);
    kit.step(order.id, OrderEvent::Delivered(slot(2))).await.unwrap();
    let expected = serde_json::json!([{
        "transactionIndex": 1, "poolAccount": address(5_001).to_string(), "energyAmount": ENERGY.get(),
        "txHash": tx, "success": true
    }]);
    assert_eq!(result_of(&mut sql, &order).await, Some(expected));
    let stats: (i64, i64, i64, i64) = sqlx::query_as(
        "SELECT total_delegations, successful_delegations, failed_delegations, total_energy_delegated \
         FROM energy_delegation_stats",
    )
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert_eq!(stats, (1, 1, 0, ENERGY.get()));
    let row: (String, i64, i64, String) =
        sqlx::query_as("SELECT status, paid_amount, transaction_count, from_address FROM orders")
            .fetch_one(&mut sql)
            .await
            .unwrap();
    assert_eq!(row, ("completed".to_owned(), 3_000_101, 1, address(2_001).to_string()));

    kit.change(operation_id(1), 3, OperationChange::Solidify(delivery(2, 0))).await.unwrap();
    for height in 3..=12 {
        kit.events(height, Vec::<ResourceEvent>::new(), height).await;
    }
    let active = kit.order(order.id).await;
    let ended = leyden_domain::order::step(&active, &OrderEvent::RentalEnded, slot(12)).unwrap();
    let reclaims = vec![ReclaimDraft { id: operation_id(2), delegation: operation_id(1) }];
    kit.store.commit_order(OrderCommit { reclaims, ..commit(vec![ended]) }).await.unwrap();
    kit.sign(attempt(2, 1), 1).await.unwrap();
    kit.events(13, vec![kit::undelegated(&attempt(2, 1), &order, 1)], 13).await;
    kit.change(operation_id(2), 2, OperationChange::Include(delivery(13, 0))).await.unwrap();
    kit.change(operation_id(2), 3, OperationChange::Solidify(delivery(13, 0))).await.unwrap();
    assert_eq!(record(&mut sql).await.0, "expired");
    kit.check().await;
}

#[tokio::test]
async fn an_undone_delivery_is_no_result() {
    let (kit, mut sql, _dir) = both().await;
    let order = kit.reserved(1).await;
    kit.sign(attempt(1, 1), 1).await.unwrap();
    kit.step(order.id, OrderEvent::DelegationSigned).await.unwrap();
    kit.events(2, vec![delegated(&attempt(1, 1), &order, 1)], 0).await;
    kit.change(operation_id(1), 2, OperationChange::Include(delivery(2, 0))).await.unwrap();
    kit.step(order.id, OrderEvent::Delivered(slot(2))).await.unwrap();
    assert!(result_of(&mut sql, &order).await.is_some());
    kit.change(operation_id(1), 3, OperationChange::Exclude).await.unwrap();
    kit.store
        .commit_order(commit(vec![next(&kit.order(order.id).await, &OrderEvent::DeliveryUndone)]))
        .await
        .unwrap();
    assert_eq!(result_of(&mut sql, &order).await, None);
    assert_eq!(record(&mut sql).await.0, "pending");
}

#[tokio::test]
async fn what_cannot_be_read_says_where() {
    let (kit, mut sql, _dir) = both().await;
    let order = kit.create(kit::order(1)).await;
    let spoil = "UPDATE orders SET state = 'paid' WHERE id = $1";
    sqlx::query(spoil).bind(order.id.to_string()).execute(&mut sql).await.unwrap();
    let error = kit.store.order(order.id).await.unwrap_err();
    let expected =
        leyden_ports::StoreError::Inconsistent { table: "orders", column: "state", id: order.id.to_string() };
    assert_eq!(error, expected);
}

#[tokio::test]
async fn what_cannot_be_read_leaves_the_other_payments() {
    let (kit, mut sql, _dir) = both().await;
    let broken = kit.create(kit::order(1)).await;
    kit.create(kit::order(2)).await;
    let payments = [(1, 3_000_101), (2, 5), (3, 3_000_102), (4, 7)];
    kit.block(1, 0, payments.map(|(n, amount)| kit::payment(n, amount)).to_vec()).await;
    let spoil = "UPDATE orders SET state = 'paid' WHERE id = $1";
    sqlx::query(spoil).bind(broken.id.to_string()).execute(&mut sql).await.unwrap();
    let spoil = "UPDATE payments SET from_address = 'x' WHERE id = $1";
    sqlx::query(spoil).bind(kit::payment(2, 0).id.to_string()).execute(&mut sql).await.unwrap();
    // However small the page is: those that cannot be read take nobody's place in it.
    for (limit, expected) in [(1, vec![3]), (2, vec![3, 4]), (10, vec![3, 4])] {
        let unrouted = kit.store.unrouted_payments(limit).await.unwrap();
        let found: Vec<_> = unrouted.iter().map(|u| u.payment.id).collect();
        let expected: Vec<_> = expected.into_iter().map(|n| kit::payment(n, 0).id).collect();
        assert_eq!(found, expected, "{limit}");
    }
}
