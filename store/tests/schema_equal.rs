//! Both databases have the same tables, columns, rules about NULL and rules about uniqueness. What differs is listed
//! here by name, with its reason.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "conformance/kit.rs"]
#[expect(dead_code, reason = "shared with the conformance suite, which uses all of it")]
mod kit;
#[path = "conformance/pg.rs"]
mod pg;

use kit::{open, url_in};
use sqlx::{Connection as _, SqliteConnection};
use std::collections::BTreeMap;

/// What a schema says, as lines under a name.
type Said = BTreeMap<String, Vec<String>>;

/// Types whose names differ and mean the same.
fn same_type(name: &str) -> &str {
    match name {
        "INTEGER" | "bigint" => "number",
        "TEXT" | "text" => "text",
        "BLOB" | "bytea" => "bytes",
        other => other,
    }
}

fn said(rows: impl IntoIterator<Item = (String, String)>) -> Said {
    let mut said = Said::new();
    for (name, line) in rows {
        said.entry(name).or_default().push(line);
    }
    for lines in said.values_mut() {
        lines.sort();
    }
    said
}

async fn lite(sql: &'static str) -> Vec<(String, String, String, String)> {
    let dir = tempfile::tempdir().unwrap();
    open(&url_in(&dir)).await.close().await;
    let mut conn = SqliteConnection::connect(&url_in(&dir)).await.unwrap();
    sqlx::query_as(sql).fetch_all(&mut conn).await.unwrap()
}

async fn postgres(sql: &str) -> Vec<Vec<String>> {
    let name = pg::fresh_name().await;
    let rows = pg::server().await.sql(&name, sql).unwrap();
    rows.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn tables_and_columns_are_the_same() {
    let lite = lite(
        "SELECT t.name, c.name, c.type, CASE WHEN c.\"notnull\" = 1 OR c.pk > 0 THEN 'NO' ELSE 'YES' END \
         FROM pragma_table_list t JOIN pragma_table_info(t.name) c \
         WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name <> '_sqlx_migrations'",
    )
    .await;
    let lite = said(
        lite.into_iter()
            .map(|(table, column, kind, null)| (table, format!("{column} {} {null}", same_type(&kind)))),
    );
    // Partitions are parts of `orders` and have its columns.
    let pg = postgres(
        "SELECT c.table_name, c.column_name, c.data_type, c.is_nullable FROM information_schema.columns c \
         JOIN pg_class t ON t.oid = c.table_name::regclass WHERE c.table_schema = 'public' \
         AND t.relkind IN ('r', 'p') AND NOT t.relispartition AND c.table_name <> '_sqlx_migrations'",
    )
    .await;
    let pg = said(
        pg.into_iter().map(|row| (row[0].clone(), format!("{} {} {}", row[1], same_type(&row[2]), row[3]))),
    );
    assert!(lite.len() > 15, "{lite:#?}");
    assert_eq!(lite, pg);
}

#[tokio::test]
async fn what_is_unique_is_the_same() {
    let lite = lite(
        "SELECT t.name, (SELECT group_concat(i.name, ',') FROM pragma_index_info(x.name) i), \
         CAST(x.partial AS TEXT), x.origin FROM pragma_table_list t JOIN pragma_index_list(t.name) x \
         WHERE t.schema = 'main' AND t.type = 'table' AND x.\"unique\" = 1 AND t.name <> '_sqlx_migrations' \
         UNION ALL SELECT t.name, c.name, '0', 'pk' FROM pragma_table_list t JOIN pragma_table_info(t.name) c \
         WHERE t.schema = 'main' AND t.type = 'table' AND c.pk > 0 AND c.type = 'INTEGER' AND t.name <> '_sqlx_migrations' \
         AND NOT EXISTS (SELECT 1 FROM pragma_index_list(t.name) x WHERE x.origin = 'pk')",
    )
    .await;
    let lite =
        said(lite.into_iter().map(|(table, columns, partial, _)| (table, format!("{columns} {partial}"))));
    let pg = postgres(
        "SELECT t.relname, (SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(x.indkey) WITH ORDINALITY \
         AS k(attnum, n) JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum), \
         (x.indpred IS NOT NULL)::int FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid \
         WHERE x.indisunique AND NOT t.relispartition AND t.relnamespace = 'public'::regnamespace \
         AND t.relname <> '_sqlx_migrations'",
    )
    .await;
    let pg = said(pg.into_iter().map(|row| (row[0].clone(), format!("{} {}", row[1], row[2]))));
    assert!(lite.len() > 15, "{lite:#?}");
    assert_eq!(lite, pg);
}

#[tokio::test]
async fn indexes_and_views_have_the_same_names() {
    let lite = lite(
        "SELECT name, type, '', '' FROM sqlite_schema WHERE type IN ('index', 'view') AND sql IS NOT NULL",
    )
    .await;
    let lite = said(lite.into_iter().map(|(name, kind, ..)| (kind, name)));
    // Those that a rule brings with it have names that each database gives in its own way.
    let pg = postgres(
        "SELECT c.relname, CASE c.relkind WHEN 'v' THEN 'view' ELSE 'index' END FROM pg_class c \
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('i', 'I', 'v') AND NOT c.relispartition \
         AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = c.oid)",
    )
    .await;
    let pg = said(pg.into_iter().map(|row| (row[1].clone(), row[0].clone())));
    assert!(lite["index"].len() > 30, "{lite:#?}");
    assert_eq!(lite, pg);
}

#[tokio::test]
async fn the_names_of_requirement_001_are_there() {
    let comments = postgres(
        "SELECT c.relname, a.attname, d.description FROM pg_description d JOIN pg_class c ON c.oid = d.objoid \
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid \
         WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1, 2",
    )
    .await;
    let expected = [
        ["energy_delegations", "order_id", "Foreign key to orders.id"],
        ["energy_delegations", "pool_account_id", "Foreign key to energy_pools.id"],
        ["payment_monitoring_logs", "order_id", "Foreign key to orders.id"],
    ];
    assert_eq!(comments, expected);
    let defaults = postgres(
        "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public' \
         AND (column_default IS NOT NULL OR is_identity = 'YES') AND table_name IN \
         ('orders', 'payment_monitoring_logs', 'energy_delegations') ORDER BY 1",
    )
    .await;
    assert_eq!(
        defaults.concat(),
        [
            "energy_delegations.created_at",
            "energy_delegations.duration_hours",
            "energy_delegations.id",
            "energy_delegations.status",
            "energy_delegations.updated_at",
            "orders.order_type",
            "payment_monitoring_logs.created_at",
            "payment_monitoring_logs.id",
            "payment_monitoring_logs.monitoring_started_at",
            "payment_monitoring_logs.status",
            "payment_monitoring_logs.updated_at",
        ]
    );
    let views = postgres(
        "SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns \
         WHERE table_name IN ('payment_monitoring_status', 'energy_delegation_stats') \
         AND data_type NOT IN ('text', 'bigint') ORDER BY 1",
    )
    .await;
    assert_eq!(
        views.concat(),
        [
            "energy_delegation_stats.first_delegation_at timestamp with time zone",
            "energy_delegation_stats.last_delegation_at timestamp with time zone",
            "payment_monitoring_status.detected_amount numeric",
            "payment_monitoring_status.expires_at timestamp with time zone",
            "payment_monitoring_status.is_expired boolean",
            "payment_monitoring_status.monitoring_started_at timestamp with time zone",
            "payment_monitoring_status.monitoring_stopped_at timestamp with time zone",
            "payment_monitoring_status.paid_amount numeric",
        ]
    );
}
