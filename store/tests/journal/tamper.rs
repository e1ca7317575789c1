//! Whoever owns the database can change anything in it. Whatever that is, one byte of one column, is found and named.

use crate::raw::{Books, Raw};
use leyden_domain::journal::{Head, LAYOUT};
use leyden_ports::store::{Difference, JournalStore as _, VerifyError};
use leyden_store::SqlStore;
use std::collections::BTreeMap;

/// What a row of a table is found by.
fn keys(table: &str) -> &'static [&'static str] {
    match table {
        "attempts" => &["tx_id"],
        "energy_pools" => &["account_id"],
        "blocks" => &["height"],
        "resource_events" => &["height", "position"],
        _ => &["id"],
    }
}

/// Another value than this literal, as different as one byte can be.
fn other(literal: &str, column: &str) -> String {
    if column == "bytes" {
        // Both databases read it as one byte.
        return if literal.starts_with("X'") { "X'00'" } else { "'\\x00'::bytea" }.to_owned();
    }
    if literal == "NULL" {
        return "'1'".to_owned();
    }
    match literal.strip_prefix('\'') {
        Some(text) if text.starts_with('x') => format!("'y{}", text.get(1..).unwrap()),
        Some(text) if text.starts_with('\'') => "'x'".to_owned(),
        Some(text) => format!("'x{}", text.get(1..).unwrap()),
        None => (literal.parse::<i64>().unwrap() + 1).to_string(),
    }
}

/// PostgreSQL quotes numbers too.
fn plain(literal: String) -> String {
    let inner = literal.trim_matches('\'');
    if inner.parse::<i64>().is_ok() { inner.to_owned() } else { literal }
}

async fn found(store: &SqlStore) -> Option<Difference> {
    match store.verify(Head::genesis()).await {
        Ok(_) => None,
        Err(VerifyError::Difference(difference)) => Some(difference),
        Err(VerifyError::Store(error)) => panic!("{error}"),
    }
}

/// The table that a difference names.
fn table_of(difference: &Difference) -> &str {
    match difference {
        Difference::Row { table, .. }
        | Difference::Missing { table, .. }
        | Difference::Unexplained { table, .. }
        | Difference::Unreadable { table, .. } => table,
        other => panic!("{other}"),
    }
}

/// Changes one column of one row, asks, and changes it back.
async fn change(books: &Books, raw: &mut Raw, table: &str, column: &str) {
    let keys = keys(table);
    let wanted = keys.iter().chain([&column]).map(|column| raw.quoted(column)).collect::<Vec<_>>().join(", ");
    // The newest one, so that a number more is nobody else's.
    let newest = keys.iter().map(|key| format!("{key} DESC")).collect::<Vec<_>>().join(", ");
    let mut row: Vec<String> = raw
        .texts(&format!("SELECT {wanted} FROM {table} ORDER BY {newest} LIMIT 1"))
        .await
        .into_iter()
        .map(plain)
        .collect();
    let was = row.pop().unwrap();
    let becomes = other(&was, column);
    let place = |key: &str, value: &str| format!("{key} = {value}");
    let before: Vec<String> = keys.iter().zip(&row).map(|(key, value)| place(key, value)).collect();
    let after: Vec<String> = keys
        .iter()
        .zip(&row)
        .map(|(key, value)| place(key, if *key == column { &becomes } else { value }))
        .collect();
    let set = |value: &str, at: &[String]| {
        format!("UPDATE {table} SET {column} = {value} WHERE {}", at.join(" AND "))
    };
    raw.run(&set(&becomes, &before)).await.unwrap();
    let difference = found(&books.store).await;
    let difference =
        difference.unwrap_or_else(|| panic!("{table}.{column}: nobody saw {was} become {becomes}"));
    assert_eq!(table_of(&difference), table, "{column}: {difference}");
    if let Difference::Row { column: named, .. } = &difference {
        assert_eq!(named, column, "{difference}");
    } else {
        assert!(keys.contains(&column), "{column}: {difference}");
    }
    raw.run(&set(&was, &after)).await.unwrap();
}

#[tokio::test]
async fn one_byte_of_any_column_of_any_table() {
    for books in Books::lived_in_on_both().await {
        let layout = books.entries().await.into_iter().find(|entry| entry.kind == LAYOUT).unwrap();
        let layout: BTreeMap<String, Vec<String>> = serde_json::from_str(&layout.body).unwrap();
        assert!(layout.len() >= 9, "{layout:?}");
        let mut raw = books.raw().await;
        raw.disarm().await;
        let mut tried = 0;
        for (table, columns) in &layout {
            let rows = raw.texts(&format!("SELECT CAST(COUNT(*) AS TEXT) FROM {table}")).await;
            if rows == ["0"] {
                continue;
            }
            for column in columns {
                change(&books, &mut raw, table, column).await;
                tried += 1;
            }
        }
        assert!(tried > 80, "only {tried} columns");
        assert_eq!(found(&books.store).await, None, "all was put back");
    }
}

#[tokio::test]
async fn a_row_that_is_removed_or_slipped_in() {
    for books in Books::lived_in_on_both().await {
        let mut raw = books.raw().await;
        raw.disarm().await;
        raw.run("CREATE TABLE kept AS SELECT * FROM reservations; DELETE FROM reservations").await.unwrap();
        let difference = found(&books.store).await.unwrap();
        assert!(matches!(difference, Difference::Missing { table: "reservations", .. }), "{difference}");
        raw.run("UPDATE kept SET id = 'rsv_ffffffffffffffffffffffffffffffff'").await.unwrap();
        raw.run("INSERT INTO reservations SELECT * FROM kept").await.unwrap();
        let difference = found(&books.store).await.unwrap();
        assert!(matches!(difference, Difference::Unexplained { table: "reservations", .. }), "{difference}");
    }
}

/// What the journal's own rows can be made to say.
const FORGERIES: [(&str, &str); 6] = [
    ("at", "at + 1"),
    ("kind", "kind || 'x'"),
    ("subject", "'x' || subject"),
    ("body", "REPLACE(body, '}', ' }')"),
    ("hash", "CASE SUBSTR(hash, 1, 1) WHEN '0' THEN '1' ELSE '0' END || SUBSTR(hash, 2)"),
    ("seq", "seq + 1000000"),
];

#[tokio::test]
async fn one_byte_of_any_entry() {
    for books in Books::lived_in_on_both().await {
        let mut raw = books.raw().await;
        raw.disarm().await;
        let entries = books.entries().await;
        let newest = entries.last().unwrap().seq;
        for entry in &entries {
            for (column, becomes) in FORGERIES {
                let seq = entry.seq;
                raw.run("CREATE TABLE kept AS SELECT * FROM journal").await.unwrap();
                raw.run(&format!("UPDATE journal SET {column} = {becomes} WHERE seq = {seq}")).await.unwrap();
                let difference = found(&books.store).await;
                let difference = difference.unwrap_or_else(|| panic!("entry {seq}: nobody saw {column}"));
                // The newest one pushed away is a hole without anything behind it, but its number tells.
                assert!(matches!(difference, Difference::Chain(_)), "entry {seq}, {column}: {difference}");
                let restore = "DELETE FROM journal; INSERT INTO journal SELECT * FROM kept; DROP TABLE kept";
                raw.run(restore).await.unwrap();
            }
        }
        assert_eq!(found(&books.store).await, None, "all was put back");
        // An entry in the middle is left out.
        raw.run(&format!("DELETE FROM journal WHERE seq = {}", newest / 2)).await.unwrap();
        assert!(matches!(found(&books.store).await, Some(Difference::Chain(_))));
    }
}

#[tokio::test]
async fn a_hash_that_is_none() {
    for books in Books::lived_in_on_both().await {
        let newest = books.store.journal_head().await.unwrap();
        let mut raw = books.raw().await;
        raw.disarm().await;
        for seq in [newest.seq, 2] {
            let none = "z".repeat(64);
            raw.run(&format!("UPDATE journal SET hash = '{none}' WHERE seq = {seq}")).await.unwrap();
            assert_eq!(found(&books.store).await, Some(Difference::Unhashed { seq }));
        }
    }
}

#[tokio::test]
async fn the_end_cut_off() {
    for books in Books::lived_in_on_both().await {
        let known = books.store.journal_head().await.unwrap();
        let mut raw = books.raw().await;
        raw.disarm().await;
        raw.run(&format!("DELETE FROM journal WHERE seq = {}", known.seq)).await.unwrap();
        // The rows say so, and so does whoever knew the head.
        assert!(found(&books.store).await.is_some());
        let difference = books.store.verify(known).await;
        let expected = Difference::Head { seq: known.seq, known: known.hash };
        assert_eq!(difference, Err(VerifyError::Difference(expected)));
    }
}

#[tokio::test]
async fn what_is_written_since_is_compared_too() {
    for books in Books::lived_in_on_both().await {
        let known = books.store.journal_head().await.unwrap();
        let quiet = books.store.verify(known).await.unwrap();
        assert_eq!((quiet.entries, quiet.rows, quiet.is_whole, quiet.head), (0, 0, false, known));
        let kit = crate::kit::Kit::on(std::sync::Arc::clone(&books.store) as _);
        kit.step(
            crate::kit::order_id(2),
            leyden_domain::order::OrderEvent::Hold(leyden_domain::order::HoldReason::Operator),
        )
        .await
        .unwrap();
        kit.block(4, 0, Vec::new()).await;
        let since = books.store.verify(known).await.unwrap();
        assert!(since.rows >= 2 && since.head.seq > known.seq, "{since:?}");
        let mut raw = books.raw().await;
        raw.disarm().await;
        let id = crate::kit::order_id(2);
        raw.run(&format!("UPDATE orders SET status = 'completed' WHERE id = '{id}'")).await.unwrap();
        let difference = books.store.verify(known).await.unwrap_err();
        let expected = Difference::Row {
            table: "orders",
            id: id.to_string(),
            column: "status".to_owned(),
            journal: "\"failed\"".to_owned(),
            books: "\"completed\"".to_owned(),
        };
        assert_eq!(difference, VerifyError::Difference(expected));
    }
}
