//! Where the books of a test are: in memory, or on a private PostgreSQL that all tests of a binary share, in a database
//! of their own each.

use leyden_ports::Clock;
use leyden_store::{OpenOptions, SqlStore};
use leyden_test_servers::{Postgres, PostgresOptions};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use tokio::sync::OnceCell;

/// The migrated database that others are copies of.
const TEMPLATE: &str = "template_books";

static SERVER: OnceCell<Postgres> = OnceCell::const_new();
static COPIES: AtomicU32 = AtomicU32::new(0);

async fn open_at(url: &str, clock: Arc<dyn Clock>) -> SqlStore {
    SqlStore::open(url, clock, OpenOptions::default()).await.unwrap()
}

/// The URL of empty books.
pub(crate) async fn fresh_url(on_postgres: bool, clock: &Arc<dyn Clock>) -> String {
    if !on_postgres {
        return "sqlite::memory:".to_owned();
    }
    let server = SERVER
        .get_or_init(|| async {
            // Tests leave their connections open; the server ends with all of them.
            let options = PostgresOptions { connections: 1_000, ..PostgresOptions::fast() };
            let server = Postgres::start(&options).unwrap();
            let url = server.create(TEMPLATE, None).unwrap();
            open_at(&url, Arc::clone(clock)).await.close().await;
            server
        })
        .await;
    let name = format!("books_{}", COPIES.fetch_add(1, Ordering::Relaxed));
    server.create(&name, Some(TEMPLATE)).unwrap()
}
