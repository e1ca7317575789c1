//! Books that are older than the journal, and a journal that is older than some of their columns.

use crate::{
    kit::{Kit, delivery, new, open, operation_id, order, order_id},
    raw::{Books, Raw},
};
use leyden_domain::{
    journal::{ACCEPTED, Draft, Head, Image, LAYOUT, RowChange, row_of},
    order::{HoldReason, OrderEvent},
};
use leyden_ports::store::{Difference, JournalStore as _, OperationChange, OrderStore as _, VerifyError};
use std::sync::Arc;

async fn verified(books: &Books) -> u64 {
    let verified = books.store.verify(Head::genesis()).await.unwrap();
    assert!(verified.is_whole);
    verified.rows
}

#[tokio::test]
async fn books_that_are_older_are_written_down_as_they_are() {
    for mut books in Books::lived_in_on_both().await {
        let rows = verified(&books).await;
        let mut raw = books.raw().await;
        raw.disarm().await;
        raw.run("DELETE FROM journal").await.unwrap();
        drop(raw);
        books.reopen().await;
        assert_eq!(verified(&books).await, rows);
        let entries = books.entries().await;
        let opened = entries
            .iter()
            .filter(|entry| row_of(&entry.kind).is_some_and(|(_, change)| change == RowChange::Opened));
        assert_eq!(opened.count(), usize::try_from(rows).unwrap());
        // Once is enough, and life goes on.
        books.reopen().await;
        assert_eq!(books.entries().await.len(), entries.len());
        let kit = Kit::on(Arc::clone(&books.store) as _);
        kit.events(4, Vec::new(), 4).await;
        kit.change(operation_id(1), 3, OperationChange::Solidify(delivery(2, 0))).await.unwrap();
        books.store.create_order(new(order(9))).await.unwrap();
        kit.check().await;
    }
}

/// Makes the journal that an older version would have made: without a column of orders.
async fn forget_a_column(books: &Books, raw: &mut Raw) {
    let mut head = Head::genesis();
    raw.run("DELETE FROM journal").await.unwrap();
    for entry in books_entries_before(books).await {
        let (kind, subject, mut body) = entry;
        if kind == LAYOUT {
            body = body.replace("\"price_config\",", "");
        } else if row_of(&kind).is_some_and(|(table, _)| table == "orders") {
            let mut image = Image::decode(&body).unwrap();
            image.retain(|column, _| column != "price_config");
            body = image.encode();
        }
        write(raw, &mut head, Draft { kind, subject, body }).await;
    }
}

/// Writes an entry as another version would.
async fn write(raw: &mut Raw, head: &mut Head, draft: Draft) {
    let entry = head.append(leyden_domain::Timestamp::from_ms(1), draft);
    let quoted = |text: &str| text.replace('\'', "''");
    raw.run(&format!(
        "INSERT INTO journal (seq, at, kind, subject, body, hash) VALUES ({}, {}, '{}', '{}', '{}', '{}')",
        entry.seq,
        entry.at.ms(),
        quoted(&entry.kind),
        quoted(&entry.subject),
        quoted(&entry.body),
        entry.hash,
    ))
    .await
    .unwrap();
}

/// What entries said before they were removed: asked on a fresh copy of the same life.
async fn books_entries_before(books: &Books) -> Vec<(String, String, String)> {
    let is_lite = books.url.starts_with("sqlite:");
    let copies = Books::lived_in_on_both().await;
    let copy = copies.into_iter().find(|copy| copy.url.starts_with("sqlite:") == is_lite).unwrap();
    copy.entries().await.into_iter().map(|entry| (entry.kind, entry.subject, entry.body)).collect()
}

#[tokio::test]
async fn columns_that_are_new_are_written_down() {
    for mut books in Books::lived_in_on_both().await {
        let rows = verified(&books).await;
        let mut raw = books.raw().await;
        raw.disarm().await;
        forget_a_column(&books, &mut raw).await;
        let before = books.store.verify(Head::genesis()).await;
        assert!(
            matches!(&before, Err(VerifyError::Difference(Difference::Row { column, .. })) if column == "price_config"),
            "{before:?}"
        );
        books.reopen().await;
        assert_eq!(verified(&books).await, rows);
        let layouts = books.entries().await.into_iter().filter(|entry| entry.kind == LAYOUT).count();
        assert_eq!(layouts, 2);

        // What was changed behind the journal's back does not become true by being written down again.
        forget_a_column(&books, &mut raw).await;
        raw.run("UPDATE orders SET status = 'refunded'").await.unwrap();
        drop(raw);
        books.store.close().await;
        books.store = Arc::new(open(&books.url).await);
        let after = books.store.verify(Head::genesis()).await;
        assert!(matches!(&after, Err(VerifyError::Difference(Difference::Entry { .. }))), "{after:?}");
        // A person may say that it is.
        let accepted = books.store.accept_rows("all of them were refunded by hand").await.unwrap();
        assert!(accepted.iter().all(|found| matches!(found, Difference::Entry { .. })), "{accepted:?}");
        assert_eq!(verified(&books).await, rows);
    }
}

#[tokio::test]
async fn what_was_done_past_the_journal_and_then_through_it() {
    for books in Books::lived_in_on_both().await {
        let kit = Kit::on(Arc::clone(&books.store) as _);
        let mut raw = books.raw().await;
        raw.disarm().await;
        // A row taken away by hand and made again by the service; one that a version without a journal made.
        raw.run("DELETE FROM blocks WHERE height = 3").await.unwrap();
        kit.block(3, 0, Vec::new()).await;
        let (two, nine) = (order_id(2), order_id(9));
        raw.run(&format!("CREATE TABLE kept AS SELECT * FROM orders WHERE id = '{two}'")).await.unwrap();
        raw.run(&format!("UPDATE kept SET id = '{nine}', tail = tail + 900")).await.unwrap();
        raw.run("INSERT INTO orders SELECT * FROM kept; DROP TABLE kept").await.unwrap();
        kit.step(nine, OrderEvent::Hold(HoldReason::Operator)).await.unwrap();
        let before = books.store.verify(Head::genesis()).await;
        assert!(matches!(&before, Err(VerifyError::Difference(Difference::Entry { .. }))), "{before:?}");
        let accepted = books.store.accept_rows("an older version ran for a while").await.unwrap();
        assert_eq!(accepted.len(), 2, "{accepted:?}");
        verified(&books).await;
        assert_eq!(books.store.accept_rows("nothing to do").await, Ok(Vec::new()));
    }
}

#[tokio::test]
async fn an_older_version_starts_and_says_nothing_of_columns() {
    for mut books in Books::lived_in_on_both().await {
        let mut raw = books.raw().await;
        let none = if matches!(raw, Raw::Lite(_)) { "X'00'" } else { "'\\x00'" };
        raw.run(&format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9999, 'later', TRUE, {none}, 0)"
        ))
        .await
        .unwrap();
        // The next version has a column more, and another table.
        let mut head = books.store.journal_head().await.unwrap();
        let layout = books.entries().await.into_iter().find(|entry| entry.kind == LAYOUT).unwrap();
        let body = layout.body.replace("\"price_config\",", "\"price_config\",\"price_of_later\",");
        let body = body.replacen('{', "{\"later\":[\"id\"],", 1);
        write(&mut raw, &mut head, Draft { kind: LAYOUT.to_owned(), subject: "tables".to_owned(), body })
            .await;
        drop(raw);
        books.reopen().await;
        assert_eq!(books.store.journal_head().await.unwrap(), head);
        books.store.create_order(new(order(9))).await.unwrap();
        verified(&books).await;
    }
}

#[tokio::test]
async fn what_a_person_takes_for_right_is_written_down_with_the_reason() {
    for books in Books::lived_in_on_both().await {
        assert_eq!(books.store.accept_rows("nothing to do").await, Ok(Vec::new()));
        let before = books.entries().await.len();
        let mut raw = books.raw().await;
        raw.disarm().await;
        raw.run("UPDATE energy_pools SET state_reason = 'mended by hand'").await.unwrap();
        raw.run("DELETE FROM blocks WHERE height = 3").await.unwrap();
        assert!(books.store.verify(Head::genesis()).await.is_err());
        let accepted = books.store.accept_rows("mended by hand, and a block too many").await.unwrap();
        let is = |table: &str, found: &Difference| found.to_string().starts_with(table);
        assert_eq!(accepted.len(), 2, "{accepted:?}");
        assert!(is("blocks 3", &accepted[0]) && is("energy_pools", &accepted[1]), "{accepted:?}");
        let kinds: Vec<String> =
            books.entries().await.into_iter().skip(before).map(|entry| entry.kind).collect();
        assert_eq!(kinds, [ACCEPTED, "blocks.gone", "energy_pools.accepted"]);
        verified(&books).await;
        // The chain itself is nobody's to accept.
        raw.run("UPDATE journal SET at = at + 1 WHERE seq = 2").await.unwrap();
        let refused = books.store.accept_rows("never").await;
        assert!(matches!(refused, Err(VerifyError::Difference(Difference::Chain(_)))), "{refused:?}");
    }
}
