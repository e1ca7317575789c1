//! What only PostgreSQL has: a role without rights over tables, several instances, a server that dies and comes back,
//! partitions, and views for people.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "conformance/kit.rs"]
#[expect(dead_code, reason = "shared with the conformance suite, which uses all of it")]
mod kit;
#[path = "conformance/pg.rs"]
mod pg;

use futures_util::future::join_all;
use kit::{Kit, Still, attempt, commit, head, new, next, open, order, order_id, payment, reserve, slot};
use leyden_domain::{
    OrderId, Sun, Timestamp,
    order::{Order, OrderEvent},
    payment::PaymentState,
};
use leyden_ports::store::{
    BlockStore as _, CreateRefusal, Created, Durability, NewOrder, OrderCommit, OrderStore as _,
    PoolStore as _, Routing, Store, StoreError,
};
use leyden_store::{MigrationMode, OpenOptions, SqlStore};
use leyden_test_servers::{Postgres, PostgresOptions};
use sqlx::{Connection as _, PgConnection};
use std::{collections::BTreeSet, sync::Arc};

#[tokio::test]
async fn the_role_changes_rows_and_no_table() {
    let name = pg::fresh_name().await;
    let server = pg::server().await;
    server.sql(&name, "ALTER ROLE tron_app LOGIN").unwrap();
    let url = server.url_as("tron_app", &name);
    let refuse = OpenOptions { migrations: MigrationMode::Refuse, ..OpenOptions::default() };
    let store = Arc::new(SqlStore::open(&url, Arc::new(Still), refuse).await.unwrap());
    let kit = Kit::on(store);
    let order = kit.reserved(1).await;
    kit.sign(attempt(1, 1), 1).await.unwrap();
    kit.step(order.id, OrderEvent::DelegationSigned).await.unwrap();
    kit.store.ping().await.unwrap();
    kit.store.sweep(slot(99), slot(99)).await.unwrap();
    kit.store.start_monitoring(order.id, slot(3)).await.unwrap();
    kit.check().await;
    let mut sql = PgConnection::connect(&url).await.unwrap();
    for statement in [
        "CREATE TABLE mine (id BIGINT)",
        "ALTER TABLE orders ADD COLUMN mine BIGINT",
        "DROP TABLE order_events",
        "TRUNCATE payments",
        "DELETE FROM _sqlx_migrations",
        "CREATE INDEX mine ON payments (amount)",
        "SELECT grant_application_role('tron_app')",
    ] {
        let error = sqlx::query(statement).execute(&mut sql).await.unwrap_err();
        let code =
            error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(|code| code.to_string());
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {error}");
    }
    // Months far ahead, by the one function that it may call for that.
    let (made,): (i64,) =
        sqlx::query_as("SELECT make_order_partitions(4102444800000, 1)").fetch_one(&mut sql).await.unwrap();
    assert_eq!(made, 4);
}

#[tokio::test]
async fn an_owner_who_may_make_no_roles_migrates_all_the_same() {
    let server = Postgres::start(&PostgresOptions::fast()).unwrap();
    server.sql("postgres", "CREATE ROLE keeper LOGIN").unwrap();
    server.sql("postgres", "CREATE DATABASE books OWNER keeper").unwrap();
    let url = server.url_as("keeper", "books");
    // Several at once: one migrates, the others wait for it.
    let opened =
        join_all((0..4).map(|_| SqlStore::open(&url, Arc::new(Still), OpenOptions::default()))).await;
    for store in opened {
        store.unwrap().ping().await.unwrap();
    }
    assert_eq!(server.sql("books", "SELECT count(*) FROM pg_roles WHERE rolname = 'tron_app'").unwrap(), "0");
    // Made later by whoever may, under whatever name.
    server.sql("books", "CREATE ROLE clerk LOGIN; SELECT grant_application_role('clerk')").unwrap();
    let refuse = OpenOptions { migrations: MigrationMode::Refuse, ..OpenOptions::default() };
    let store = SqlStore::open(&server.url_as("clerk", "books"), Arc::new(Still), refuse).await.unwrap();
    store.create_order(new(order(1))).await.unwrap();
}

#[tokio::test]
async fn instances_share_one_set_of_books() {
    let url = pg::fresh().await;
    let stores = [Arc::new(open(&url).await), Arc::new(open(&url).await)];
    // Both try the same tails in the same order.
    let tails: Vec<Sun> = (1..=60).map(Sun::new).collect();
    let wish = |n| NewOrder { tails: tails.clone(), ..new(Order { tail: Sun::ZERO, ..order(n) }) };
    let created = join_all((1..=60_u64).map(|n| {
        let by = &stores[usize::from(n % 2 == 0)];
        by.create_order(wish(n))
    }))
    .await;
    let taken: BTreeSet<i64> = created
        .into_iter()
        .map(|created| match created.unwrap() {
            Created::Fresh(order) => order.tail.get(),
            Created::Replayed(order) => panic!("{} was made before", order.id),
        })
        .collect();
    assert_eq!(taken.len(), 60);
    // Both see the same payment and route it; one does.
    let kit = Kit::on(Arc::clone(&stores[0]) as Arc<dyn Store>);
    let first = kit.order(order_id(1)).await;
    let paid = payment(1, first.amount_due(1).unwrap().get());
    kit.block(1, 0, vec![paid.clone()]).await;
    let state = PaymentState::Settles { order: first.id, count: 1, excess: Sun::ZERO };
    let routing = || vec![Routing { payment: paid.id, state, new_order: None }];
    let routed = join_all((0..6).map(|n| {
        leyden_ports::store::PaymentStore::route_payments(stores[n % 2].as_ref(), routing(), slot(1))
    }))
    .await;
    assert_eq!(routed.into_iter().map(|routed| routed.unwrap().len()).sum::<usize>(), 1);
    // Capacity for three, wished for by eight.
    let books = [pg::fresh().await];
    let stores = [Arc::new(open(&books[0]).await), Arc::new(open(&books[0]).await)];
    let kit = Kit::on(Arc::clone(&stores[0]) as Arc<dyn Store>);
    kit.account(1, 3).await;
    let mut commits = Vec::new();
    for n in 1..=8 {
        let (order, _) = kit.funded(n).await;
        commits.push(reserve(n, &order, 1));
    }
    let answers =
        join_all(commits.into_iter().enumerate().map(|(n, commit)| stores[n % 2].reserve(vec![commit])))
            .await;
    assert_eq!(answers.into_iter().filter(|answer| answer.as_ref().unwrap()[0].is_ok()).count(), 3);
    kit.check().await;
}

#[tokio::test]
async fn what_was_strict_takes_what_was_relaxed_along() {
    // The server's own writing of what waits is put off: what a strict commit does not take along, nobody does.
    let options = PostgresOptions {
        settings: vec![("wal_writer_delay".to_owned(), "10s".to_owned())],
        ..PostgresOptions::default()
    };
    let server = Postgres::start(&options).unwrap();
    let url = server.create("books", None).unwrap();
    let store = Arc::new(open(&url).await);
    let kit = Kit::on(Arc::clone(&store) as Arc<dyn Store>);
    for round in 1..=3_u64 {
        let height = i64::try_from(round).unwrap();
        let relaxed = kit.create(order(10 * round)).await;
        let ended = next(&relaxed, &OrderEvent::DeadlinePassed);
        kit.block(height, 0, vec![payment(round, 5)]).await;
        store
            .commit_order(OrderCommit { durability: Durability::Relaxed, ..commit(vec![ended]) })
            .await
            .unwrap();
        let strict = kit.create(order(10 * round + 1)).await;
        server.stop_immediate().unwrap();
        let refused = store.create_order(new(order(99))).await;
        assert!(matches!(refused, Err(CreateRefusal::Store(StoreError::Unavailable(_)))), "{refused:?}");
        assert!(matches!(store.order(strict.id).await, Err(StoreError::Unavailable(_))));
        server.start_again().unwrap();
        // The first answers already: dead sessions are replaced.
        assert_eq!(store.order(strict.id).await.unwrap(), Some(strict));
        assert!(store.is_canonical(head(height, 0).block).await.unwrap());
        assert_ne!(kit.order(relaxed.id).await.state, relaxed.state);
        assert!(kit.order(relaxed.id).await.version > relaxed.version);
        store.ping().await.unwrap();
    }
    kit.check().await;
}

#[tokio::test]
async fn sessions_that_are_ended_are_replaced() {
    let name = pg::fresh_name().await;
    let store = open(&pg::server().await.url(&name)).await;
    let kept = order(1);
    store.create_order(new(kept.clone())).await.unwrap();
    for n in 2..=6 {
        assert!(store.order(kept.id).await.unwrap().is_some());
        pg::server()
            .await
            .sql(
                "postgres",
                &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
            )
            .unwrap();
        // Neither a read nor the beginning of a write shows it.
        let (read, seen, written) = tokio::join!(
            store.order(kept.id),
            store.order_detail(kept.id),
            store.create_order(new(order(n)))
        );
        assert!(read.unwrap().is_some() && seen.unwrap().is_some());
        assert!(written.is_ok(), "{written:?}");
    }
}

#[tokio::test]
async fn a_frozen_server_is_waited_for_within_bounds() {
    let server = Postgres::start(&PostgresOptions::fast()).unwrap();
    let store = open(&server.create("books", None).unwrap()).await;
    store.create_order(new(order(1))).await.unwrap();
    assert!(store.order(order_id(1)).await.unwrap().is_some());
    server.pause().unwrap();
    let refused = store.order(order_id(1)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    server.resume().unwrap();
    assert!(store.order(order_id(1)).await.unwrap().is_some());
    store.ping().await.unwrap();
}

#[tokio::test]
async fn orders_lie_in_the_partition_of_their_month() {
    let name = pg::fresh_name().await;
    let server = pg::server().await;
    let store = open(&server.url(&name)).await;
    let at = |year: i32| Timestamp::from_ms(i64::from(year - 1970) * 31_556_952_000);
    for (n, id) in [
        (1, OrderId::standard(slot(1), [1; 10])),
        (2, OrderId::flash(slot(1), [1; 10])),
        (3, OrderId::standard(at(2016), [1; 10])),
        (4, OrderId::flash(at(2016), [1; 10])),
    ] {
        store.create_order(new(Order { id, ..order(n) })).await.unwrap();
    }
    let found = server.sql(&name, "SELECT tableoid::regclass FROM orders ORDER BY tail").unwrap();
    assert_eq!(
        found.lines().collect::<Vec<_>>(),
        ["orders_ord_2023_11", "orders_flash_2023_11", "orders_rest", "orders_rest"]
    );
    // A month that the rest has orders of is left to it; all others are made.
    let made = |from: Timestamp| {
        server.sql(&name, &format!("SELECT make_order_partitions({}, 0)", from.ms())).unwrap()
    };
    assert_eq!((made(at(2016)), made(at(2014))), ("0".to_owned(), "2".to_owned()));
}

#[tokio::test]
async fn views_speak_to_people() {
    let name = pg::fresh_name().await;
    let server = pg::server().await;
    let kit = Kit::on(Arc::new(open(&server.url(&name)).await));
    kit.reserved(1).await;
    let seen = server
        .sql(
            &name,
            "SELECT monitoring_status, monitoring_started_at AT TIME ZONE 'UTC', detected_amount, paid_amount, \
             is_expired FROM payment_monitoring_status",
        )
        .unwrap();
    assert_eq!(seen, "completed|2023-11-14 22:13:23|3.000101|3.000101|t");
    let stats =
        server.sql(&name, "SELECT total_delegations, total_energy_delegated FROM energy_delegation_stats");
    assert_eq!(stats.unwrap(), "1|0");
}
