//! Looks at how both databases mean to answer what is asked all day. What a question costs may grow with its answer, never
//! with how many orders, payments or operations there are.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use crate::{
    OpenOptions, SqlStore, book_part,
    db::{Conn, all, exec},
    monitoring, new_orders, operations, order_list, order_payment, orders, parts, payments, pool,
};
use leyden_domain::{OrderId, Timestamp};
use leyden_ports::{
    Clock,
    store::{Durability, Page, PaymentFilter},
};
use leyden_test_servers::{Postgres, PostgresOptions};
use std::sync::Arc;

#[derive(Debug)]
struct Never;

impl Clock for Never {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(1)
    }
}

/// The plan of a statement, a line for each of its loops.
async fn plan(conn: &mut Conn, sql: &str) -> Vec<String> {
    let sql = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
    let rows: Vec<(i64, i64, i64, String)> = all!(conn, sql).unwrap();
    rows.into_iter().map(|(_, _, _, line)| line).collect()
}

/// Tables so small that looking through them costs nothing.
const SMALL: [&str; 3] = ["SCAN p", "SCAN c", "SCAN offered_prices"];

#[tokio::test]
async fn nothing_is_looked_through() {
    let store = SqlStore::open("sqlite::memory:", Arc::new(Never), OpenOptions::default()).await.unwrap();
    let mut conn = store.db.read().await.unwrap();
    let at = Timestamp::from_ms(1);
    let page = Page { after: Some((at, "x".to_owned())), limit: 10 };
    let built = order_list::every_query().into_iter().chain([
        payments::list_query(&PaymentFilter::default(), &page),
        monitoring::status_query(None, 10),
        monitoring::status_query(Some(OrderId::standard(at, [0; 10])), 10),
    ]);
    let built = built.chain(book_part::every_query());
    let fixed = [
        book_part::NEWEST,
        book_part::ROUND,
        book_part::UNEXPLAINED,
        pool::FALL,
        payments::UNROUTED,
        payments::BY_TAIL,
        payments::BY_RECIPIENT,
        parts::BEGUN,
        parts::UNDER,
        new_orders::TAKEN,
        new_orders::FREE_TAIL,
        orders::RELEASE_TAILS,
        orders::DROP_PRICES,
        order_payment::COMING,
        order_payment::HAD,
        operations::WORK,
        pool::HOLD,
    ];
    let statements: Vec<String> =
        fixed.into_iter().map(str::to_owned).chain(built.map(|query| query.sql().to_owned())).collect();
    for sql in statements {
        let plan = plan(&mut conn, &sql).await;
        for line in &plan {
            let through = line.starts_with("SCAN")
                && !line.contains("INDEX")
                && !line.contains("CONSTANT ROW")
                && !SMALL.iter().any(|small| line.starts_with(small));
            assert!(!through, "{sql}\n{plan:#?}");
            // Several states at once, or one order's few rows, may be sorted.
            let sorted = line.contains("TEMP B-TREE")
                && !sql.contains("LOWER(o.state) IN ($1")
                && !sql.contains("order_id = $1");
            assert!(!sorted, "{sql}\n{plan:#?}");
        }
    }
}

/// The index that each wait is answered from, first without and then with a place to go on from.
const WAITS: [&str; 8] = [
    "idx_orders_expires_at",
    "idx_orders_matched",
    "idx_orders_paid",
    "idx_orders_funded",
    "idx_orders_payment_changed",
    "idx_orders_ends_at",
    "idx_orders_operating",
    "idx_orders_refund_due",
];

#[tokio::test]
async fn each_wait_has_its_index() {
    let store = SqlStore::open("sqlite::memory:", Arc::new(Never), OpenOptions::default()).await.unwrap();
    let mut conn = store.db.read().await.unwrap();
    let queries = order_list::every_query();
    for (query, index) in queries.iter().zip(WAITS.iter().flat_map(|index| [index, index])) {
        let plan = plan(&mut conn, query.sql()).await;
        assert!(plan[0].contains(index), "{}\n{plan:#?}", query.sql());
    }
    for (sql, index) in [
        (payments::BY_RECIPIENT, "idx_orders_open_recipient"),
        (payments::UNROUTED, "idx_payments_unrouted"),
        (operations::WORK, "idx_operations_live"),
    ] {
        let plan = plan(&mut conn, sql).await;
        assert!(plan.iter().any(|line| line.contains(index)), "{sql}\n{plan:#?}");
    }
}

#[tokio::test]
async fn a_payment_finds_its_order_by_its_tail() {
    let store = SqlStore::open("sqlite::memory:", Arc::new(Never), OpenOptions::default()).await.unwrap();
    let mut conn = store.db.read().await.unwrap();
    let plan = plan(&mut conn, payments::BY_TAIL).await;
    assert!(plan[0].contains("(payment_address=?)") && plan[0].starts_with("SEARCH p"), "{plan:?}");
    assert!(plan[1].contains("SEARCH t USING PRIMARY KEY (payment_address=? AND tail=?)"), "{plan:?}");
    assert!(plan[2].contains("SEARCH o USING INDEX sqlite_autoindex_orders_1 (id=?)"), "{plan:?}");
}

#[tokio::test]
async fn only_unrouted_payments_are_looked_at_for_one_that_is_coming() {
    let store = SqlStore::open("sqlite::memory:", Arc::new(Never), OpenOptions::default()).await.unwrap();
    let mut conn = store.db.read().await.unwrap();
    for sql in [order_payment::COMING, orders::RELEASE_TAILS] {
        let plan = plan(&mut conn, sql).await;
        let by_index = plan.iter().any(|line| line.contains("idx_payments_unrouted (state=?)"));
        assert!(by_index, "{sql}\n{plan:#?}");
    }
}

/// How PostgreSQL means to run a statement whose values it does not know.
fn pg_plan(server: &Postgres, sql: &str) -> String {
    let values = (1..=9).filter(|n| sql.contains(&format!("${n}"))).count();
    let nulls = vec!["NULL"; values].join(", ");
    let arguments = if values == 0 { String::new() } else { format!("({nulls})") };
    // Empty tables are looked through for want of anything to gain: that is ruled out, so whatever is still looked
    // through has no index to be found by.
    let script = format!(
        "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; \
         PREPARE it AS {sql}; EXPLAIN EXECUTE it{arguments}"
    );
    server.sql("books", &script).unwrap()
}

#[tokio::test]
async fn postgresql_looks_through_nothing_either() {
    let server = Postgres::start(&PostgresOptions::fast()).unwrap();
    let url = server.create("books", None).unwrap();
    SqlStore::open(&url, Arc::new(Never), OpenOptions::default()).await.unwrap().close().await;
    let built = order_list::every_query().into_iter().map(|query| query.sql().to_owned());
    let fixed = [
        payments::UNROUTED,
        payments::BY_TAIL,
        payments::BY_RECIPIENT,
        new_orders::TAKEN,
        new_orders::FREE_TAIL,
        orders::RELEASE_TAILS,
        order_payment::COMING,
        order_payment::HAD,
        operations::WORK,
        pool::HOLD,
    ];
    for sql in fixed.into_iter().map(str::to_owned).chain(built) {
        let plan = pg_plan(&server, &sql);
        let through = plan.lines().filter(|line| line.contains("Seq Scan"));
        // The one row that says where reading began.
        let through: Vec<_> = through.filter(|line| !line.contains("chain_cursor")).collect();
        assert!(through.is_empty(), "{sql}\n{plan}");
    }
    // However many orders there are, one is found by its tail, and then by its id in the one partition that has it.
    let plan = pg_plan(&server, payments::BY_TAIL);
    assert!(plan.contains("Index Scan using taken_tails_pkey on taken_tails t"), "{plan}");
    assert!(plan.contains("Index Cond: (id = t.order_id)"), "{plan}");
}

#[tokio::test]
async fn postgresql_looks_at_prices_before_it_looks_at_a_recipients_orders() {
    let server = Postgres::start(&PostgresOptions::fast()).unwrap();
    let url = server.create("books", None).unwrap();
    SqlStore::open(&url, Arc::new(Never), OpenOptions::default()).await.unwrap().close().await;
    // Many open orders for one recipient, and every reason to read them through with several processes.
    let fill = "INSERT INTO offered_prices (payment_address, unit_price, last_closes_at) VALUES ('till', 1500000, 1); \
        INSERT INTO orders (id, order_type, recipient_address, payment_address, price_config, status, created_at, \
        updated_at, expires_at, state, state_json, version, unit_price, tail, count_rule, count_limit, \
        energy_per_transfer, duration_ms, closes_at) SELECT 'FLASH_' || n, 'energy_flash', 'one', 'till', '{}', \
        'pending', n, n, n, 'awaiting_payment', '{}', 1, 1500000, n, 'open', 10, 65000, 1, n \
        FROM generate_series(1, 20000) AS n; ANALYZE; \
        ALTER DATABASE books SET parallel_setup_cost = 0; ALTER DATABASE books SET parallel_tuple_cost = 0; \
        ALTER DATABASE books SET min_parallel_table_scan_size = 0";
    server.sql("books", fill).unwrap();
    let store = SqlStore::open(&url, Arc::new(Never), OpenOptions::default()).await.unwrap();
    let (mut conn, _) = store.db.begin_write(Durability::Strict, false).await.unwrap();
    exec!(conn, sqlx::AssertSqlSafe(format!("PREPARE it AS {}", payments::BY_RECIPIENT))).unwrap();
    let plan: Vec<(String,)> = all!(conn, "EXPLAIN EXECUTE it(NULL, NULL, NULL)").unwrap();
    let plan: Vec<String> = plan.into_iter().map(|(line,)| line).collect();
    let first = |what: &str| plan.iter().position(|line| line.contains(what));
    assert_eq!(first("Gather"), None, "{plan:#?}");
    let (Some(prices), Some(orders)) = (first(" on offered_prices p"), first(" on orders_")) else {
        panic!("{plan:#?}")
    };
    assert!(prices < orders, "{plan:#?}");
    conn.rollback().await.unwrap();
    store.close().await;
}
