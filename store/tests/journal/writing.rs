//! Who writes entries, when, and that nobody takes them back.

use crate::{
    kit::{Kit, account_id, address, new, open, order, order_id},
    raw::{Books, Raw},
};
use futures_util::future::{join, join_all};
use leyden_domain::{
    Timestamp,
    journal::{Head, LAYOUT},
    order::{HoldReason, OrderEvent},
};
use leyden_ports::store::{
    ConfigDocument, CreateRefusal, JournalStore as _, NewOrder, NewRefundAccount, OrderStore as _,
    RefundStore as _, ServiceStore as _,
};
use std::sync::Arc;

#[tokio::test]
async fn entries_stay() {
    for books in Books::lived_in_on_both().await {
        let mut raw = books.raw().await;
        let mut attempts = vec!["UPDATE journal SET body = body", "DELETE FROM journal WHERE seq = 1"];
        if matches!(raw, Raw::Pg(_)) {
            attempts.push("TRUNCATE journal");
        }
        for attempt in attempts {
            let refused = raw.run(attempt).await.unwrap_err().to_string();
            assert!(refused.contains("append-only"), "{attempt}: {refused}");
        }
    }
}

#[tokio::test]
async fn empty_books_have_no_entries() {
    for mut books in Books::on_both().await {
        books.reopen().await;
        assert_eq!(books.store.journal_head().await.unwrap(), Head::genesis());
        let verified = books.store.verify(Head::genesis()).await.unwrap();
        assert_eq!((verified.entries, verified.rows), (0, 0));
        books.store.create_order(new(order(1))).await.unwrap();
        let kinds: Vec<String> = books.entries().await.into_iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds, [LAYOUT, "orders.new"]);
    }
}

#[tokio::test]
async fn what_is_refused_leaves_no_entry() {
    for books in Books::on_both().await {
        let kit = Kit::on(Arc::clone(&books.store) as _);
        kit.create(order(1)).await;
        let before = books.entries().await.len();
        // In one commit or in two: one is made, the other taken back.
        let none = NewOrder { max_open: 0, ..new(order(2)) };
        let hold = kit.step(order_id(1), OrderEvent::Hold(HoldReason::Operator));
        let (refused, done) = join(books.store.create_order(none), hold).await;
        assert_eq!((refused, done), (Err(CreateRefusal::TooManyOpen), Ok(())));
        let kinds: Vec<String> =
            books.entries().await.into_iter().skip(before).map(|entry| entry.kind).collect();
        assert_eq!(kinds, ["orders.changed"]);
        kit.check().await;
    }
}

#[tokio::test]
async fn instances_write_one_journal() {
    for books in Books::on_both().await {
        let other = Arc::new(open(&books.url).await);
        // One after the other, then all at once.
        for n in 1..=6_u64 {
            let store = if n % 2 == 0 { &books.store } else { &other };
            store.create_order(new(order(n))).await.unwrap();
        }
        let all = (7..=60_u64).map(|n| {
            let store = if n % 2 == 0 { &books.store } else { &other };
            store.create_order(new(order(n)))
        });
        for made in join_all(all).await {
            made.unwrap();
        }
        let verified = books.store.verify(Head::genesis()).await.unwrap();
        assert_eq!((verified.entries, verified.rows), (61, 60));
        assert_eq!(other.journal_head().await.unwrap(), verified.head);
        assert_eq!(other.verify(verified.head).await.unwrap().head, verified.head);
    }
}

/// A server that crashed has lost commits that were not waited for; its writer remembers their entries.
#[tokio::test]
async fn what_the_database_has_lost_is_not_built_upon() {
    for books in Books::on_both().await {
        for n in 1..=4 {
            books.store.create_order(new(order(n))).await.unwrap();
        }
        let mut raw = books.raw().await;
        raw.disarm().await;
        let (third, fourth) = (order_id(3), order_id(4));
        raw.run("DELETE FROM journal WHERE seq > 3").await.unwrap();
        raw.run(&format!("DELETE FROM orders WHERE id IN ('{third}', '{fourth}')")).await.unwrap();
        books.store.create_order(new(order(5))).await.unwrap();
        let verified = books.store.verify(Head::genesis()).await.unwrap();
        assert_eq!((verified.entries, verified.rows), (4, 3));
    }
}

#[tokio::test]
async fn what_changes_nothing_is_no_entry() {
    for books in Books::on_both().await {
        let account =
            |permission_id| NewRefundAccount { id: account_id(1), address: address(1), permission_id };
        let at = Timestamp::from_ms(1);
        let mut counts = Vec::new();
        let store = &books.store;
        for permission in [Some(2), Some(2), Some(3)] {
            store.upsert_refund_account(account(permission), at).await.unwrap();
            counts.push(books.entries().await.len());
        }
        for unfit in [None, Some("no key"), Some("no key"), None] {
            store.set_refund_account_unfit(account_id(1), unfit.map(str::to_owned)).await.unwrap();
            counts.push(books.entries().await.len());
        }
        assert_eq!(counts, [2, 2, 3, 3, 4, 4, 5]);
        store.verify(Head::genesis()).await.unwrap();
    }
}

#[tokio::test]
async fn another_price_is_an_entry() {
    for books in Books::on_both().await {
        let price = |config: &str| ConfigDocument {
            name: "energy_flash".to_owned(),
            config: config.to_owned(),
            is_active: true,
            updated_at: Timestamp::from_ms(1),
        };
        for config in ["{}", "{}", "{\"a\":1}"] {
            books.store.put_price_config(price(config)).await.unwrap();
        }
        let told: Vec<(String, String)> = books
            .entries()
            .await
            .into_iter()
            .filter(|entry| entry.kind == "config.price")
            .map(|entry| (entry.subject, entry.body))
            .collect();
        let [first, second] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(first, &("energy_flash".to_owned(), "{\"config\":\"{}\",\"active\":true}".to_owned()));
        assert!(second.1.contains('a'), "{second:?}");
        books.store.verify(Head::genesis()).await.unwrap();
    }
}

#[tokio::test]
async fn one_order_takes_this_much() {
    for books in Books::lived_in_on_both().await {
        let of = |kind: &str, entries: &[leyden_domain::journal::Entry]| {
            entries.iter().filter(|entry| entry.kind == kind).map(|entry| entry.body.len()).max().unwrap()
        };
        let entries = books.entries().await;
        // What docs/operating/verify.md says; a column more is a reason to look there.
        assert!(of("orders.new", &entries) < 1_200, "{}", of("orders.new", &entries));
        assert!(of("orders.changed", &entries) < 1_600, "{}", of("orders.changed", &entries));
    }
}
