//! What a file must keep: an answered write survives, an unanswered one is whole or not there.

use crate::kit::{Kit, Still, attempt, new, open, operation_id, order, order_id, slot, url_in};
use futures_util::FutureExt as _;
use leyden_ports::{
    Store as _,
    store::{OrderStore as _, StoreError},
};
use leyden_store::{MigrationMode, OpenError, OpenOptions, SqlStore};
use std::sync::Arc;

#[tokio::test]
async fn an_answered_write_survives_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let before = {
        let kit = Kit::on(Arc::new(open(&url_in(&dir)).await));
        let order = kit.reserved(1).await;
        kit.sign(attempt(1, 1), 1).await.unwrap();
        // One that nobody waits for any more when the process goes.
        drop(kit.store.create_order(new(crate::kit::order(2))).now_or_never());
        (order, kit.store.attempts(operation_id(1)).await.unwrap())
        // Dropped without being closed.
    };
    let kit = Kit::on(Arc::new(open(&url_in(&dir)).await));
    assert_eq!(kit.order(before.0.id).await, before.0);
    assert_eq!(kit.store.attempts(operation_id(1)).await.unwrap(), before.1);
    if let Some(second) = kit.store.order(order_id(2)).await.unwrap() {
        assert_eq!(second, order(2));
        assert_eq!(kit.store.timeline(second.id).await.unwrap().len(), 1);
    }
    kit.check().await;
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&url_in(&dir)).await;
    store.create_order(new(order(1))).await.unwrap();
    store.close().await;
    store.close().await;
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    assert!(store.create_order(new(order(2))).await.is_err());
    let again = open(&url_in(&dir)).await;
    assert!(again.order(order_id(1)).await.unwrap().is_some());
    assert!(again.order(order_id(2)).await.unwrap().is_none());
}

#[tokio::test]
async fn pending_migrations_can_be_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refuse = OpenOptions { migrations: MigrationMode::Refuse, ..OpenOptions::default() };
    let refused = SqlStore::open(&url_in(&dir), Arc::new(Still), refuse).await;
    let Err(OpenError::Pending(names)) = refused else { panic!("{refused:?}") };
    assert_eq!(names.first().map(String::as_str), Some("0001_orders"));
    open(&url_in(&dir)).await.close().await;
    let store = SqlStore::open(&url_in(&dir), Arc::new(Still), refuse).await.unwrap();
    store.ping().await.unwrap();
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    for url in ["mysql://x", "books.db", ""] {
        let refused = SqlStore::open(url, Arc::new(Still), OpenOptions::default()).await;
        assert!(matches!(refused, Err(OpenError::Url(_))), "{url}: {refused:?}");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("books.db");
    std::fs::write(&path, "this is not a database, whatever its name says, and never was one").unwrap();
    let refused =
        SqlStore::open(&format!("sqlite:{}", path.display()), Arc::new(Still), OpenOptions::default()).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn two_stores_share_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (open(&url_in(&dir)).await, open(&url_in(&dir)).await);
    for n in 1..=10 {
        let by = if n % 2 == 0 { &one } else { &two };
        by.create_order(new(order(n))).await.unwrap();
    }
    assert_eq!(one.open_orders().await.unwrap().len(), 10);
    assert_eq!(two.open_orders().await.unwrap().len(), 10);
    assert_eq!(slot(0).ms() % 1_000, 0);
}
