//! The databases as one type. A closed enum of drivers and macros that expand one body for each keep every
//! statement's text single and every row typed; a difference between dialects would be visible as a `match` on the
//! enum. SQLite is the one driver now.

use crate::{
    lite::{self, Guard, Lenders},
    migrate::OpenError,
};
use leyden_ports::store::StoreError;
use sqlx::error::ErrorKind;
use std::{sync::Arc, time::Duration};

/// How long a reader waits for a connection before it is told that the database is busy.
const READ_PATIENCE: Duration = Duration::from_secs(2);

/// An open database.
#[derive(Debug, Clone)]
pub(crate) enum Db {
    /// SQLite: many readers, one writer. In memory both are the same single connection.
    Lite {
        /// For reading.
        rd: Arc<Lenders>,
        /// For writing: one connection.
        wr: Arc<Lenders>,
    },
}

/// A connection, perhaps inside a transaction.
#[derive(Debug)]
pub(crate) enum Conn {
    /// SQLite.
    Lite(Guard),
}

/// Expands a body for the driver of a connection.
macro_rules! on {
    ($conn:expr, $c:ident => $body:expr) => {
        match &mut *$conn {
            $crate::db::Conn::Lite(lite) => {
                let $c = lite.get();
                $body
            }
        }
    };
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
        $crate::db::on!($conn.conn(), c => sqlx::query($sql)$(.bind($arg))*.execute(c).await.map(|done| done.rows_affected()))
            .map_err($crate::db::failed)
    }};
}

/// Runs a query; all its rows.
macro_rules! all {
    ($conn:expr, $sql:expr $(, $arg:expr)* $(,)?) => {{
        use $crate::db::AsConn as _;
        $crate::db::on!($conn.conn(), c => sqlx::query_as($sql)$(.bind($arg))*.fetch_all(c).await)
            .map_err($crate::db::failed)
    }};
}

/// Runs a query; its only row, if there is one.
macro_rules! opt {
    ($conn:expr, $sql:expr $(, $arg:expr)* $(,)?) => {{
        use $crate::db::AsConn as _;
        $crate::db::on!($conn.conn(), c => sqlx::query_as($sql)$(.bind($arg))*.fetch_optional(c).await)
            .map_err($crate::db::failed)
    }};
}

/// Runs a query that always has one row.
macro_rules! one {
    ($conn:expr, $sql:expr $(, $arg:expr)* $(,)?) => {{
        use $crate::db::AsConn as _;
        $crate::db::on!($conn.conn(), c => sqlx::query_as($sql)$(.bind($arg))*.fetch_one(c).await)
            .map_err($crate::db::failed)
    }};
}

pub(crate) use {all, exec, on, one, opt};

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
        T: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow> + Send + Unpin,
    {
        // The text is made of fixed pieces and placeholders only; see `push` and `bind`.
        let sql = sqlx::AssertSqlSafe(self.sql);
        on!(conn, c => {
            let mut query = sqlx::query_as(sql);
            for arg in self.args {
                query = match arg {
                    Arg::Int(number) => query.bind(number),
                    Arg::Text(text) => query.bind(text),
                };
            }
            query.fetch_all(c).await
        })
        .map_err(failed)
    }
}

impl Db {
    /// Opens the database that a URL names.
    pub(crate) async fn connect(url: &str, readers: u32) -> Result<Self, OpenError> {
        if !url.starts_with("sqlite:") {
            return Err(OpenError::Url("must begin with sqlite:".to_owned()));
        }
        let (options, in_memory) = lite::options(url)?;
        let wr = Lenders::connect(&options, 1).await?;
        let rd = if in_memory {
            Arc::clone(&wr)
        } else {
            Lenders::connect(&options.pragma("query_only", "on"), readers.max(1)).await?
        };
        Ok(Self::Lite { rd, wr })
    }

    /// A connection for one read.
    pub(crate) async fn read(&self) -> Result<Conn, StoreError> {
        match self {
            Self::Lite { rd, .. } => rd.acquire_within(READ_PATIENCE).await.map(Conn::Lite),
        }
    }

    /// A connection for reads that must all see the same moment; to be ended by [`Conn::rollback`].
    pub(crate) async fn snapshot(&self) -> Result<Conn, StoreError> {
        match self {
            Self::Lite { rd, .. } => begin(rd.acquire_within(READ_PATIENCE).await?, "BEGIN").await,
        }
    }

    /// The transaction that writes are made in.
    pub(crate) async fn begin_write(&self) -> Result<Conn, StoreError> {
        match self {
            // A transaction that began by reading could not become a writing one once another has written.
            Self::Lite { wr, .. } => begin(wr.acquire().await?, "BEGIN IMMEDIATE").await,
        }
    }

    /// Closes all connections.
    pub(crate) async fn close(&self) {
        match self {
            Self::Lite { rd, wr } => {
                rd.close().await;
                wr.close().await;
            }
        }
    }
}

async fn begin(mut guard: Guard, statement: &'static str) -> Result<Conn, StoreError> {
    guard.begin(statement).await?;
    Ok(Conn::Lite(guard))
}

impl Conn {
    /// Makes a transaction's writes durable.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Lite(mut guard) => guard.commit().await,
        }
    }

    /// Takes a transaction's writes back, or ends a look at one moment.
    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Lite(mut guard) => guard.rollback().await,
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
            _ => StoreError::Unavailable(refusal.message().to_owned()),
        },
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::Decode(_)
        | sqlx::Error::Encode(_)
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::ColumnIndexOutOfBounds { .. } => StoreError::Rule(error.to_string()),
        _ => StoreError::Unavailable(error.to_string()),
    }
}
