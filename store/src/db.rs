//! The databases as one type. A closed enum of drivers and macros that expand one body for each keep every
//! statement's text single and every row typed; a difference between dialects is visible as a `match` on the enum.

use crate::{
    gate::Gate,
    journal::Log,
    lend::{Guard, Lenders},
    lite::{self, Lite},
    migrate::OpenError,
    pg::{self, Io, Pg, Session},
};
use leyden_ports::store::{Durability, StoreError};
use sqlx::{Row as _, SqlSafeStr as _, error::ErrorKind};
use std::{sync::Arc, time::Duration};

/// How long a reader waits for a connection before it is told that the database is busy.
const READ_PATIENCE: Duration = Duration::from_secs(2);

/// How long a statement may take that reads all books.
const LONG_PATIENCE: Duration = Duration::from_mins(10);

/// An open database.
#[derive(Debug, Clone)]
pub(crate) enum Db {
    /// SQLite: many readers, one writer. In memory both are the same single connection.
    Lite {
        /// For reading.
        rd: Arc<Lenders<Lite>>,
        /// For writing: one connection.
        wr: Arc<Lenders<Lite>>,
    },
    /// PostgreSQL: many readers, one writer of ours; a lock makes it the only one of all instances while it writes.
    Pg {
        /// For reading.
        rd: Arc<Lenders<Pg>>,
        /// For writing: one connection.
        wr: Arc<Lenders<Pg>>,
        /// For holding on to leases, beside the writer: one connection.
        ls: Arc<Lenders<Pg>>,
        /// For migrations.
        url: Arc<str>,
    },
}

/// A connection, perhaps inside a transaction.
#[derive(Debug)]
pub(crate) enum Conn {
    /// SQLite.
    Lite(Guard<Lite>),
    /// PostgreSQL.
    Pg(Guard<Pg>),
}

/// Makes `&mut Conn` of both `Conn` and `&mut Conn`.
pub(crate) trait AsConn {
    /// The connection.
    fn conn(&mut self) -> &mut Conn;
}

impl AsConn for Conn {
    fn conn(&mut self) -> &mut Conn {
        self
    }
}

/// Runs a statement; how many rows it changed.
macro_rules! exec {
    ($conn:expr, $sql:expr $(, $arg:expr)* $(,)?) => {{
        use $crate::db::AsConn as _;
        match $conn.conn() {
            $crate::db::Conn::Lite(lite) => {
                let here = lite.in_place();
                let work = sqlx::query($sql)$(.bind($arg))*.execute(lite.get());
                $crate::gate::in_place(here, work).await.map(|done| done.rows_affected())
            }
            $crate::db::Conn::Pg(pg) => pg.execute($sql, $crate::pg::Args::default()$(.bind($arg))*).await,
        }
        .map_err($crate::db::failed)
    }};
}

/// Runs a query in one of the ways to fetch.
macro_rules! fetch {
    ($fetch:ident, $conn:expr, $sql:expr $(, $arg:expr)*) => {{
        use $crate::db::AsConn as _;
        match $conn.conn() {
            $crate::db::Conn::Lite(lite) => {
                let here = lite.in_place();
                let work = sqlx::query_as($sql)$(.bind($arg))*.$fetch(lite.get());
                $crate::gate::in_place(here, work).await
            }
            $crate::db::Conn::Pg(pg) => pg.$fetch($sql, $crate::pg::Args::default()$(.bind($arg))*).await,
        }
        .map_err($crate::db::failed)
    }};
}

/// Runs a query; all its rows.
macro_rules! all {
    ($conn:expr, $sql:expr $(, $arg:expr)* $(,)?) => {
        $crate::db::fetch!(fetch_all, $conn, $sql $(, $arg)*)
    };
}

/// Runs a query; its only row, if there is one.
macro_rules! opt {
    ($conn:expr, $sql:expr $(, $arg:expr)* $(,)?) => {
        $crate::db::fetch!(fetch_optional, $conn, $sql $(, $arg)*)
    };
}

/// Runs a query that always has one row.
macro_rules! one {
    ($conn:expr, $sql:expr $(, $arg:expr)* $(,)?) => {
        $crate::db::fetch!(fetch_one, $conn, $sql $(, $arg)*)
    };
}

pub(crate) use {all, exec, fetch, one, opt};

/// A value for a statement that is put together at run time.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
}

/// A query put together from fixed pieces, its values bound.
#[derive(Debug)]
pub(crate) struct Built {
    sql: String,
    args: Vec<Arg>,
}

impl Built {
    /// Begins with a piece that ends in a condition.
    pub(crate) fn new(start: &'static str) -> Self {
        Self { sql: start.to_owned(), args: Vec::new() }
    }

    /// Adds a piece as it stands.
    pub(crate) fn push(&mut self, piece: &'static str) -> &mut Self {
        self.sql.push_str(piece);
        self
    }

    /// Adds a placeholder for a value.
    pub(crate) fn bind(&mut self, arg: Arg) -> &mut Self {
        self.args.push(arg);
        self.sql.push('$');
        self.sql.push_str(&self.args.len().to_string());
        self
    }

    /// Adds ` AND <column> IN (…)`, unless there is nothing to choose from.
    pub(crate) fn among(&mut self, column: &'static str, values: impl IntoIterator<Item = String>) {
        let mut values = values.into_iter();
        let Some(first) = values.next() else { return };
        self.push(" AND ").push(column).push(" IN (").bind(Arg::Text(first));
        for value in values {
            self.push(", ").bind(Arg::Text(value));
        }
        self.push(")");
    }

    /// Its text, for looking at its plan.
    #[cfg(test)]
    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    /// Runs it; all its rows.
    pub(crate) async fn all<T>(self, conn: &mut Conn) -> Result<Vec<T>, StoreError>
    where
        T: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>
            + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>
            + Send
            + Unpin,
    {
        // The text is made of fixed pieces and placeholders only; see `push` and `bind`.
        let sql = sqlx::AssertSqlSafe(self.sql);
        match conn {
            Conn::Lite(lite) => {
                let mut query = sqlx::query_as(sql);
                for arg in self.args {
                    query = match arg {
                        Arg::Int(number) => query.bind(number),
                        Arg::Text(text) => query.bind(text),
                    };
                }
                let here = lite.in_place();
                crate::gate::in_place(here, query.fetch_all(lite.get())).await
            }
            Conn::Pg(pg) => {
                let args = self.args.into_iter().fold(pg::Args::default(), |args, arg| match arg {
                    Arg::Int(number) => args.bind(number),
                    Arg::Text(text) => args.bind(text),
                });
                pg.fetch_all(sql, args).await
            }
        }
        .map_err(failed)
    }
}

/// Names the lock that writers of all instances take for a transaction: "leyden" in ASCII. See docs/adr/0012.
macro_rules! write_lock {
    () => {
        "SELECT pg_advisory_xact_lock(119183084119406)"
    };
}

/// The epochs of all leases, by name.
pub(crate) type Epochs = Vec<(String, i64)>;

/// What they are read by.
pub(crate) const EPOCHS: &str = "SELECT name, epoch FROM leases";

/// How writing begins: one round trip, with all that is to be known before the first statement. At this level, whatever
/// the database's default, each statement sees what was committed before it: what the lock was waited for, too.
const fn beginning(durability: Durability, epochs: bool) -> &'static str {
    match (durability, epochs) {
        (Durability::Strict, false) => concat!("BEGIN ISOLATION LEVEL READ COMMITTED; ", write_lock!()),
        (Durability::Strict, true) => concat!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; ",
            write_lock!(),
            "; SELECT name, epoch FROM leases"
        ),
        (Durability::Relaxed, false) => {
            concat!(
                "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = off; ",
                write_lock!()
            )
        }
        (Durability::Relaxed, true) => {
            concat!(
                "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = off; ",
                write_lock!(),
                "; SELECT name, epoch FROM leases"
            )
        }
    }
}

impl Db {
    /// Opens the database that a URL names.
    pub(crate) async fn connect(url: &str, readers: u32) -> Result<Self, OpenError> {
        Self::connect_by(url, readers, None).await
    }

    /// The same, behind a gate where there is one; only SQLite can be.
    pub(crate) async fn connect_by(
        url: &str,
        readers: u32,
        gate: Option<Arc<dyn Gate>>,
    ) -> Result<Self, OpenError> {
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let io = Io::start()?;
            let lend = |session, io, count| {
                Ok::<_, OpenError>(Lenders::new(Pg::new(pg::options(url, session)?, io), count))
            };
            let rd = lend(Session::Read, Some(Arc::clone(&io)), readers)?;
            // The writer has a runtime to itself.
            let wr = lend(Session::Write, None, 1)?;
            let ls = lend(Session::Lease, Some(io), 1)?;
            return Ok(Self::Pg { rd, wr, ls, url: url.into() });
        }
        if !url.starts_with("sqlite:") {
            return Err(OpenError::Url("must begin with sqlite: or postgres:".to_owned()));
        }
        let (options, in_memory) = lite::options(url)?;
        let wr = lite::connect(&options, 1, gate.clone()).await?;
        let rd = if in_memory {
            Arc::clone(&wr)
        } else {
            lite::connect(&options.pragma("query_only", "on"), readers.max(1), gate).await?
        };
        Ok(Self::Lite { rd, wr })
    }

    /// A connection for one read.
    pub(crate) async fn read(&self) -> Result<Conn, StoreError> {
        match self {
            Self::Lite { rd, .. } => {
                if let Some(gate) = &rd.driver().gate {
                    gate.before_read().await?;
                }
                rd.acquire_within(READ_PATIENCE).await?.tidied().await.map(Conn::Lite)
            }
            Self::Pg { rd, .. } => rd.acquire_within(READ_PATIENCE).await.map(Conn::Pg),
        }
    }

    /// A connection for reads that must all see the same moment; to be ended by [`Conn::rollback`].
    pub(crate) async fn snapshot(&self) -> Result<Conn, StoreError> {
        self.look("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", None).await
    }

    /// The same for reads that may take long, however many books there are.
    pub(crate) async fn long_snapshot(&self) -> Result<Conn, StoreError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; \
                     SET LOCAL idle_in_transaction_session_timeout = 0";
        self.look(begin, Some(LONG_PATIENCE)).await
    }

    async fn look(&self, begin: &'static str, patience: Option<Duration>) -> Result<Conn, StoreError> {
        let mut conn = self.read().await?;
        match &mut conn {
            Conn::Lite(lite) => lite.begin("BEGIN").await?,
            Conn::Pg(pg) => {
                pg.patience = patience;
                pg.begin(begin.into_sql_str()).await?;
            }
        }
        Ok(conn)
    }

    /// The transaction that writes are made in, and the epochs of all leases where they are wanted.
    pub(crate) async fn begin_write(
        &self,
        durability: Durability,
        epochs: bool,
    ) -> Result<(Conn, Epochs), StoreError> {
        match self {
            Self::Lite { wr, .. } => {
                let mut lite = wr.acquire().await?.tidied().await?;
                lite.make(durability).await?;
                // A transaction that began by reading could not become a writing one once another has written.
                lite.begin("BEGIN IMMEDIATE").await?;
                let mut conn = Conn::Lite(lite);
                let found = if epochs { all!(conn, EPOCHS)? } else { Epochs::new() };
                Ok((conn, found))
            }
            Self::Pg { wr, .. } => {
                let mut pg = wr.acquire().await?;
                let rows = pg.begin(beginning(durability, epochs).into_sql_str()).await?;
                // The lock's own answer is a row of one column.
                let found = rows.iter().filter(|row| row.len() == 2);
                let found = found.map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
                let found = found.collect::<Result<Epochs, sqlx::Error>>().map_err(failed)?;
                Ok((Conn::Pg(pg), found))
            }
        }
    }

    /// What simulated books are behind.
    pub(crate) fn gate(&self) -> Option<Arc<dyn Gate>> {
        match self {
            Self::Lite { wr, .. } => wr.driver().gate.clone(),
            Self::Pg { .. } => None,
        }
    }

    /// All bytes of books in memory.
    pub(crate) async fn image(&self) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Lite { wr, .. } => wr.acquire().await?.tidied().await?.image().await,
            Self::Pg { .. } => Err(StoreError::Unavailable("only books in memory have an image".to_owned())),
        }
    }

    /// Replaces books in memory.
    pub(crate) async fn put_back(&self, image: &[u8]) -> Result<(), StoreError> {
        match self {
            Self::Lite { wr, .. } => wr.acquire().await?.tidied().await?.put_back(image).await,
            Self::Pg { .. } => Err(StoreError::Unavailable("only books in memory have an image".to_owned())),
        }
    }

    /// Closes all connections.
    pub(crate) async fn close(&self) {
        match self {
            Self::Lite { rd, wr } => {
                lite::close(rd).await;
                lite::close(wr).await;
            }
            Self::Pg { rd, wr, ls, .. } => {
                for lenders in [rd, wr, ls] {
                    pg::close(lenders).await;
                }
            }
        }
    }
}

impl Conn {
    /// What the journal is to have of the transaction.
    pub(crate) const fn journal(&mut self) -> &mut Log {
        match self {
            Self::Lite(lite) => &mut lite.journal,
            Self::Pg(pg) => &mut pg.journal,
        }
    }

    /// Makes a transaction's writes durable.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Lite(mut lite) => lite.commit().await,
            Self::Pg(mut pg) => pg.commit().await,
        }
    }

    /// Takes a transaction's writes back, or ends a look at one moment.
    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Lite(mut lite) => lite.rollback().await,
            Self::Pg(mut pg) => {
                pg.rollback().await;
                Ok(())
            }
        }
    }
}

/// What a database's error means to a caller.
#[expect(clippy::needless_pass_by_value, reason = "it is what map_err calls")]
pub(crate) fn failed(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(refusal) => match refusal.kind() {
            ErrorKind::UniqueViolation
            | ErrorKind::ForeignKeyViolation
            | ErrorKind::NotNullViolation
            | ErrorKind::CheckViolation => StoreError::Rule(refusal.message().to_owned()),
            // Classes of PostgreSQL that trying again does not help: data that does not fit, rights and names.
            _ if refusal.code().is_some_and(|code| {
                code.len() == 5 && ["22", "23", "42"].iter().any(|class| code.starts_with(class))
            }) =>
            {
                StoreError::Rule(refusal.message().to_owned())
            }
            _ => StoreError::Unavailable(refusal.message().to_owned()),
        },
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::Decode(_)
        | sqlx::Error::Encode(_)
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::ColumnIndexOutOfBounds { .. } => StoreError::Rule(error.to_string()),
        sqlx::Error::PoolTimedOut => {
            StoreError::Unavailable("the database did not answer in time".to_owned())
        }
        _ => StoreError::Unavailable(error.to_string()),
    }
}
