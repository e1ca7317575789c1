//! Moving the books from SQLite to PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "conformance/kit.rs"]
#[expect(dead_code, reason = "shared with the conformance suite, which uses all of it")]
mod kit;
#[path = "conformance/pg.rs"]
mod pg;

use futures_util::future::join_all;
use kit::{Kit, attempt, delegated, delivery, new, open, operation_id, order, url_in};
use leyden_domain::Span;
use leyden_domain::order::OrderEvent;
use leyden_ports::store::{
    JournalStore as _, Lease, LeaseStore as _, NewOrder, OperationChange, OrderStore as _, Store, StoreError,
};
use leyden_store::{OpenError, OpenOptions, SqlStore, TransferError, transfer};
use std::sync::Arc;

/// Books with something of everything.
async fn lived_in(dir: &tempfile::TempDir) -> Arc<SqlStore> {
    let store = Arc::new(open(&url_in(dir)).await);
    let kit = Kit::on(Arc::clone(&store) as Arc<dyn Store>);
    let order_one = kit.reserved(1).await;
    kit.sign(attempt(1, 1), 1).await.unwrap();
    kit.step(order_one.id, OrderEvent::DelegationSigned).await.unwrap();
    kit.events(2, vec![delegated(&attempt(1, 1), &order_one, 1)], 2).await;
    kit.change(operation_id(1), 2, OperationChange::Include(delivery(2, 0))).await.unwrap();
    let wish = |n| NewOrder { max_open: 10_000, ..new(order(n)) };
    for created in join_all((2..=2_500).map(|n| store.create_order(wish(n)))).await {
        created.unwrap();
    }
    store.take_lease("work", "a", Span::from_ms(1)).await.unwrap();
    kit.check().await;
    store
}

#[tokio::test]
async fn all_books_move_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let from = lived_in(&dir).await;
    let to = Arc::new(open(&pg::fresh().await).await);
    let moved = transfer(&from, &to).await.unwrap();
    assert!(moved.violations.is_empty());
    let rows = |table: &str| moved.tables.iter().find(|(name, _)| *name == table).unwrap().1;
    assert_eq!(
        (rows("orders"), rows("taken_tails"), rows("attempts"), rows("price_configs")),
        (2_500, 2_500, 1, 1)
    );
    assert!(from.book().await.unwrap() == to.book().await.unwrap());
    assert_eq!(from.count_orders().await, to.count_orders().await);
    // The journal moved with them, and goes on there.
    assert_eq!(from.journal_head().await, to.journal_head().await);
    // Life goes on where it was, with numbers that are not used yet.
    let kit = Kit::on(Arc::clone(&to) as Arc<dyn Store>);
    kit.change(operation_id(1), 3, OperationChange::Solidify(delivery(2, 0))).await.unwrap();
    to.create_order(NewOrder { max_open: 10_000, ..new(order(2_501)) }).await.unwrap();
    kit.account(2, 3).await;
    kit.check().await;
    let Some(Lease { epoch, .. }) = to.take_lease("work", "a", Span::from_ms(1)).await.unwrap() else {
        panic!("whoever has it may take it anew");
    };
    assert_eq!(epoch, 2);
    // Once is enough.
    let again = transfer(&from, &to).await;
    assert!(matches!(again, Err(TransferError::NotEmpty("orders"))), "{again:?}");
    assert!(to.order(kit::order_id(2_501)).await.unwrap().is_some());
    // Nobody goes on with the old ones.
    from.close().await;
    let old = SqlStore::open(&url_in(&dir), Arc::new(kit::Still), OpenOptions::default()).await;
    assert!(matches!(old, Err(OpenError::Moved)), "{old:?}");
}

#[tokio::test]
async fn other_ways_are_refused() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (from, to) = (open(&url_in(&one)).await, open(&url_in(&two)).await);
    assert!(matches!(transfer(&from, &to).await, Err(TransferError::Direction)));
    to.close().await;
    let closed = transfer(&from, &to).await;
    assert!(matches!(closed, Err(TransferError::Store(StoreError::Unavailable(_)))), "{closed:?}");
    from.create_order(new(order(1))).await.unwrap();
}
