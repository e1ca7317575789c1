//! Prepares every statement of this crate on both databases, so that one which only one of them understands, or which
//! names a column that is not there, is found without being run. Statements are found in the source: whatever stands
//! where a statement stands and is not understood here is an error, so none can be missed in silence.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::{
    OpenOptions, SqlStore, book_part, carried,
    configs::{PRICES, RESOURCES},
    db::{Conn, EPOCHS},
    inspect, journal, monitoring, new_orders, operations, order_list, order_payment, orders, parts, payments,
    pool, reconcile, refunds, repairs,
    row::{attempt_columns, operation_columns, order_columns},
    service,
};
use leyden_domain::{OrderId, Timestamp, reconcile::RepairState};
use leyden_ports::{
    Clock,
    store::{Page, PaymentFilter, RefundFilter},
};
use leyden_test_servers::{Postgres, PostgresOptions};
use sqlx::Executor as _;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};

/// What stands where a statement stands and is a name for one or several.
fn named() -> BTreeMap<&'static str, Vec<&'static str>> {
    BTreeMap::from([
        ("kind.one", vec![PRICES.one, RESOURCES.one]),
        ("kind.all", vec![PRICES.all, RESOURCES.all]),
        ("kind.put", vec![PRICES.put, RESOURCES.put]),
        ("statement", service::SWEEPS.iter().map(|(statement, _)| *statement).collect()),
        ("EPOCHS", vec![EPOCHS]),
        ("WORK", vec![operations::WORK, refunds::WORK]),
        ("UNROUTED", vec![payments::UNROUTED]),
        ("BY_TAIL", vec![payments::BY_TAIL]),
        ("ANY_OPEN", vec![payments::ANY_OPEN]),
        ("BY_RECIPIENT", vec![payments::BY_RECIPIENT]),
        ("UNREFUNDED", vec![refunds::UNREFUNDED]),
        ("UNSERVED", vec![refunds::UNSERVED]),
        ("REVERTED", vec![refunds::REVERTED]),
        ("UNEXPLAINED", vec![book_part::UNEXPLAINED]),
        ("BEGUN", vec![parts::BEGUN]),
        ("UNDER", vec![parts::UNDER]),
        ("TAKEN", vec![new_orders::TAKEN]),
        ("FREE_TAIL", vec![new_orders::FREE_TAIL]),
        ("RELEASE_TAILS", vec![orders::RELEASE_TAILS]),
        ("DROP_PRICES", vec![orders::DROP_PRICES]),
        ("COMING", vec![order_payment::COMING]),
        ("HAD", vec![order_payment::HAD]),
        ("HOLD", vec![pool::HOLD]),
        ("KNOWN_LITE", vec![new_orders::KNOWN_LITE]),
        ("KNOWN_PG", vec![new_orders::KNOWN_PG]),
        ("WRITE_PG", vec![new_orders::WRITE_PG]),
        ("piece", new_orders::WRITE_LITE.to_vec()),
        ("OLDEST", vec![inspect::OLDEST]),
        ("STRANGE", vec![inspect::STRANGE]),
        ("UNSERVED_FOR", vec![inspect::UNSERVED_FOR]),
        ("SERVER", vec![inspect::SERVER]),
        ("ROLE", vec![inspect::ROLE]),
        ("LACKS", vec![inspect::LACKS]),
        ("PARTITIONS", vec![inspect::PARTITIONS]),
        ("ELSEWHERE", vec![inspect::ELSEWHERE]),
        ("BACKENDS", vec![inspect::BACKENDS]),
        ("INSERT_LITE", vec![journal::INSERT_LITE]),
        ("FALL", vec![pool::FALL]),
        ("HELD", vec![book_part::HELD]),
        ("NEWEST", vec![book_part::NEWEST]),
        ("ROUND", vec![book_part::ROUND]),
        ("LIVE", vec![reconcile::LIVE]),
        ("RETURNING", vec![reconcile::RETURNING]),
        ("IN_FLIGHT", vec![reconcile::IN_FLIGHT]),
        ("LATER", vec![reconcile::LATER]),
        ("STRANGERS_LATER", vec![reconcile::STRANGERS_LATER]),
        ("WRITTEN_OFF", vec![reconcile::WRITTEN_OFF]),
        ("FOREIGN", vec![reconcile::FOREIGN]),
        ("DOUBLED", vec![reconcile::DOUBLED]),
        ("UNDONE", vec![reconcile::UNDONE]),
        ("KNOWN", vec![reconcile::KNOWN]),
        ("SENT", vec![reconcile::SENT]),
        ("WORKED", vec![reconcile::WORKED]),
        ("BROUGHT", vec![carried::BROUGHT]),
        ("CLOSED", vec![carried::CLOSED]),
        ("NEWEST_REFUNDED", vec![book_part::NEWEST_REFUNDED]),
    ])
}

/// Macros that stand for a piece of a statement.
fn pieces() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        ("order_columns!()", order_columns!()),
        ("operation_columns!()", operation_columns!()),
        ("attempt_columns!()", attempt_columns!()),
        ("account_select!()", pool::ACCOUNT_SELECT),
    ])
}

/// What only PostgreSQL has. Whoever asks it has matched on the database.
const PG_ALONE: [&str; 9] = [
    "json_build_object(",
    "UNNEST(",
    "jsonb_array_elements(",
    "make_order_partitions(",
    "clock_timestamp(",
    "current_setting(",
    "pg_class",
    "pg_roles",
    "pg_stat_database",
];

/// What only SQLite has.
const LITE_ALONE: [&str; 3] = ["json_each(", "json_object(", "sqlite_version("];

/// Files in which statements are put together at run time, and in how many places.
const BUILT: [(&str, usize); 6] = [
    ("book_part.rs", 1),
    ("monitoring.rs", 1),
    ("order_list.rs", 2),
    ("payments.rs", 1),
    ("refunds.rs", 1),
    ("repairs.rs", 1),
];

/// Files that run statements in other ways: drivers, what moves the schema itself, and what reads rows by the names of
/// their columns.
const DRIVERS: [&str; 5] = ["db.rs", "images.rs", "lite.rs", "migrate.rs", "pg.rs"];

/// The text of a literal that begins at `text`, and what is behind it.
fn literal(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?.chars();
    let mut found = String::new();
    loop {
        match rest.next()? {
            '"' => return Some((found, rest.as_str())),
            '\\' => match rest.next()? {
                '\n' => rest = rest.as_str().trim_start().chars(),
                other => found.push(other),
            },
            other => found.push(other),
        }
    }
}

/// The statements that an argument stands for.
fn statements(argument: &str, met: &mut BTreeSet<&'static str>) -> Option<Vec<String>> {
    if let Some((text, _)) = literal(argument) {
        return Some(vec![text]);
    }
    if let Some(rest) = argument.strip_prefix("concat!(") {
        let mut rest = rest.trim_start();
        let mut whole = String::new();
        while !rest.starts_with(')') {
            if let Some((text, behind)) = literal(rest) {
                whole.push_str(&text);
                rest = behind;
            } else {
                let (name, text) = pieces().into_iter().find(|(name, _)| rest.starts_with(name))?;
                whole.push_str(text);
                rest = rest.strip_prefix(name)?;
            }
            rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        }
        return Some(vec![whole]);
    }
    let end = argument.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))?;
    let name = argument.get(..end)?;
    let (name, texts) = named().into_iter().find(|(known, _)| *known == name)?;
    met.insert(name);
    Some(texts.into_iter().map(str::to_owned).collect())
}

/// The places of a file at which a statement is run: the text behind the connection.
fn places(source: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for call in ["exec!(", "all!(", "opt!(", "one!("] {
        for (at, _) in source.match_indices(call) {
            let before = source.get(..at).unwrap().chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let inside = source.get(at + call.len()..).unwrap();
            found.push(inside.split_once(',').unwrap().1.trim_start());
        }
    }
    found
}

/// The program of a file, without its comments and tests.
fn program(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let text = text.split("#[cfg(test)]\n#[expect(").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// All statements of the source.
fn all_statements() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (mut met, mut built) = (BTreeSet::new(), Vec::new());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files: Vec<_> =
        [folder.clone(), folder.join("new_orders"), folder.join("row"), folder.join("journal")]
            .iter()
            .flat_map(|folder| fs::read_dir(folder).unwrap())
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .collect();
    files.sort();
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        // What moves the books from one database to the other speaks to each in its own way.
        if ["statements.rs", "plans.rs", "transfer.rs"].contains(&name) {
            continue;
        }
        let source = program(&path);
        if !DRIVERS.contains(&name) {
            for way in ["sqlx::query", "sqlx::raw_sql", ".prepare("] {
                assert!(!source.contains(way), "{name} runs statements past the macros: {way}");
            }
        }
        match source.matches("Built::new(").count() {
            0 => {}
            count => built.push((name.to_owned(), count)),
        }
        for place in places(&source) {
            // How the macros themselves are declared.
            if place.starts_with("$sql") {
                continue;
            }
            let shown: String = place.chars().take(120).collect();
            let statements = statements(place, &mut met);
            found.extend(statements.unwrap_or_else(|| panic!("{name}: what statement is this? {shown}")));
        }
    }
    assert_eq!(built, BUILT.map(|(name, count)| (name.to_owned(), count)), "add it to `built_statements`");
    let unmet: Vec<_> = named().into_keys().filter(|name| !met.contains(name)).collect();
    assert!(unmet.is_empty(), "nobody runs {unmet:?}");
    found.extend(built_statements());
    found
}

/// Every form of the statements that are put together at run time.
fn built_statements() -> Vec<String> {
    let at = Timestamp::from_ms(1);
    let order = OrderId::standard(at, [0; 10]);
    let page = Page { after: Some((at, "x".to_owned())), limit: 10 };
    let in_states = |states: &[&str]| PaymentFilter {
        states: states.iter().map(|state| (*state).to_owned()).collect(),
        order: Some(order),
        tx_id: None,
    };
    order_list::every_query()
        .into_iter()
        .chain(book_part::every_query())
        .chain([
            refunds::list_query(
                &RefundFilter { proposed: true, order: Some(order), ..RefundFilter::default() },
                &page,
            ),
            repairs::repairs_query(&[], &page),
            repairs::repairs_query(&[RepairState::Proposed], &page),
        ])
        .chain([
            payments::list_query(&PaymentFilter::default(), &page),
            payments::list_query(&in_states(&["under"]), &page),
            payments::list_query(&in_states(&["late", "part"]), &page),
            payments::list_query(&in_states(&["late", "under", "part"]), &page),
            monitoring::status_query(None, 10),
            monitoring::status_query(Some(order), 10),
        ])
        .map(|query| query.sql().to_owned())
        .chain(journal::every_query(true))
        .chain(journal::every_query(false))
        .chain([journal::INSERT_PG.to_owned()])
        .collect()
}

#[derive(Debug)]
struct Never;

impl Clock for Never {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(1)
    }
}

/// Prepares all statements; what the database says of those it refuses.
async fn refused(url: &str, statements: &BTreeSet<String>) -> Vec<String> {
    let store = SqlStore::open(url, Arc::new(Never), OpenOptions::default()).await.unwrap();
    let mut refused = Vec::new();
    let mut conn = store.db.read().await.unwrap();
    for statement in statements {
        let sql = sqlx::AssertSqlSafe(statement.clone());
        let error = match &mut conn {
            Conn::Lite(_) if PG_ALONE.iter().any(|name| statement.contains(name)) => continue,
            Conn::Pg(_) if LITE_ALONE.iter().any(|name| statement.contains(name)) => continue,
            Conn::Lite(lite) => lite.get().prepare(sqlx::SqlSafeStr::into_sql_str(sql)).await.err(),
            Conn::Pg(pg) => {
                let session = &mut pg.lent().unwrap().connection;
                session.prepare(sqlx::SqlSafeStr::into_sql_str(sql)).await.err()
            }
        };
        refused.extend(error.map(|error| format!("{statement}\n    {error}")));
    }
    drop(conn);
    store.close().await;
    refused
}

#[tokio::test]
async fn both_databases_understand_every_statement() {
    let statements = all_statements();
    assert!(statements.len() > 90, "only {} were found", statements.len());
    let server = Postgres::start(&PostgresOptions::fast()).unwrap();
    let url = server.create("books", None).unwrap();
    for url in ["sqlite::memory:", &url] {
        let refused = refused(url, &statements).await;
        assert!(refused.is_empty(), "{url} refuses:\n{}", refused.join("\n"));
    }
}
