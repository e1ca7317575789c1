//! Books with something of everything, and a way into their database that asks nobody.

use crate::{
    kit::{Kit, attempt, delegated, delivery, head, new, open, operation_id, order, slot, url_in},
    pg,
};
use leyden_domain::{journal::Entry, order::OrderEvent};
use leyden_ports::store::{JournalStore as _, OperationChange, OrderStore as _, Store};
use leyden_store::SqlStore;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};
use std::sync::Arc;
use tempfile::TempDir;

/// A connection past the store.
pub(crate) enum Raw {
    Lite(SqliteConnection),
    Pg(PgConnection),
}

impl Raw {
    /// Runs statements.
    pub(crate) async fn run(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Lite(conn) => sql.execute(conn).await.map(drop),
            Self::Pg(conn) => sql.execute(conn).await.map(drop),
        }
    }

    /// The texts of the first row of a query.
    pub(crate) async fn texts(&mut self, sql: &str) -> Vec<String> {
        let query = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Lite(conn) => {
                let row = sqlx::query(query).fetch_one(conn).await.unwrap();
                (0..row.len()).map(|n| row.get(n)).collect()
            }
            Self::Pg(conn) => {
                let row = sqlx::query(query).fetch_one(conn).await.unwrap();
                (0..row.len()).map(|n| row.get(n)).collect()
            }
        }
    }

    /// An expression that gives a column as a literal.
    pub(crate) fn quoted(&self, column: &str) -> String {
        match self {
            Self::Lite(_) => format!("quote({column})"),
            Self::Pg(_) => format!("quote_nullable({column})"),
        }
    }

    /// Takes everything away that would be in the way of whoever owns the database.
    pub(crate) async fn disarm(&mut self) {
        let sql = match self {
            Self::Lite(_) => {
                "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; \
                 DROP TRIGGER journal_no_update; DROP TRIGGER journal_no_delete"
            }
            Self::Pg(_) => {
                "SET session_replication_role = replica; DROP TRIGGER journal_append_only ON journal; \
                 DO $$ DECLARE found RECORD; BEGIN \
                 FOR found IN SELECT conname, conrelid::regclass::text AS name FROM pg_constraint \
                 WHERE contype IN ('c', 'f') AND conislocal AND conparentid = 0 \
                 AND connamespace = 'public'::regnamespace LOOP \
                 EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I', found.name, found.conname); \
                 END LOOP; END $$"
            }
        };
        self.run(sql).await.unwrap();
    }
}

/// A database with its store.
pub(crate) struct Books {
    pub(crate) url: String,
    pub(crate) store: Arc<SqlStore>,
    _dir: Option<TempDir>,
}

impl Books {
    /// Empty books, once on each database.
    pub(crate) async fn on_both() -> Vec<Self> {
        let dir = tempfile::tempdir().unwrap();
        let (file, url) = (url_in(&dir), pg::fresh().await);
        let mut both = Vec::new();
        for (url, dir) in [(file, Some(dir)), (url, None)] {
            both.push(Self { store: Arc::new(open(&url).await), url, _dir: dir });
        }
        both
    }

    /// Books with something of everything, once on each database.
    pub(crate) async fn lived_in_on_both() -> Vec<Self> {
        let both = Self::on_both().await;
        for books in &both {
            books.live().await;
        }
        both
    }

    async fn live(&self) {
        let kit = Kit::on(Arc::clone(&self.store) as Arc<dyn Store>);
        let first = kit.reserved(1).await;
        kit.sign(attempt(1, 1), 1).await.unwrap();
        kit.step(first.id, OrderEvent::DelegationSigned).await.unwrap();
        kit.events(2, vec![delegated(&attempt(1, 1), &first, 1)], 1).await;
        kit.change(operation_id(1), 2, OperationChange::Include(delivery(2, 0))).await.unwrap();
        kit.block(3, 0, Vec::new()).await;
        self.store.create_order(new(order(2))).await.unwrap();
        leyden_ports::store::BlockStore::rewind(&*self.store, head(2, 0).block, slot(3)).await.unwrap();
        kit.block(3, 0, Vec::new()).await;
        kit.check().await;
    }

    /// A way past the store.
    pub(crate) async fn raw(&self) -> Raw {
        if self.url.starts_with("sqlite:") {
            Raw::Lite(SqliteConnection::connect(&self.url).await.unwrap())
        } else {
            Raw::Pg(PgConnection::connect(&self.url).await.unwrap())
        }
    }

    /// All entries.
    pub(crate) async fn entries(&self) -> Vec<Entry> {
        self.store.journal_entries(0, 100_000).await.unwrap()
    }

    /// Ends the store and opens the same books again.
    pub(crate) async fn reopen(&mut self) {
        self.store.close().await;
        self.store = Arc::new(open(&self.url).await);
    }
}
