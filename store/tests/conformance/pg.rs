//! The private PostgreSQL of a test binary: one server, and for each test a copy of a database that was migrated once.

use crate::kit::open;
use leyden_test_servers::{Postgres, PostgresOptions};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::OnceCell;

/// The migrated database that others are copies of.
const TEMPLATE: &str = "template_books";

static SERVER: OnceCell<Postgres> = OnceCell::const_new();
static COPIES: AtomicU32 = AtomicU32::new(0);

/// The server, started by whoever asks first.
pub(crate) async fn server() -> &'static Postgres {
    SERVER
        .get_or_init(|| async {
            let server = Postgres::start(&PostgresOptions::fast()).unwrap();
            let url = server.create(TEMPLATE, None).unwrap();
            open(&url).await.close().await;
            server
        })
        .await
}

/// The name of a database of a test's own.
pub(crate) async fn fresh_name() -> String {
    let server = server().await;
    let name = format!("books_{}", COPIES.fetch_add(1, Ordering::Relaxed));
    server.create(&name, Some(TEMPLATE)).unwrap();
    name
}

/// The URL of a database of a test's own.
pub(crate) async fn fresh() -> String {
    server().await.url(&fresh_name().await)
}
