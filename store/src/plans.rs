//! Looks at how SQLite means to answer what is asked all day. What a question costs may grow with its answer, never
//! with how many orders, payments or operations there are.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::{
    OpenOptions, SqlStore,
    db::{Conn, all},
    monitoring, operations, order_list, order_payment, orders, payments, pool,
};
use leyden_domain::{OrderId, Timestamp};
use leyden_ports::{
    Clock,
    store::{Page, PaymentFilter},
};
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
    let fixed = [
        payments::UNROUTED,
        payments::BY_TAIL,
        payments::BY_RECIPIENT,
        orders::TAKEN,
        orders::FREE_TAIL,
        orders::RELEASE_TAILS,
        orders::DROP_PRICES,
        order_payment::COMING,
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
const WAITS: [&str; 7] = [
    "idx_orders_expires_at",
    "idx_orders_matched",
    "idx_orders_paid",
    "idx_orders_funded",
    "idx_orders_payment_changed",
    "idx_orders_ends_at",
    "idx_orders_operating",
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
