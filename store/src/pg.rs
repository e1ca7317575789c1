//! PostgreSQL: sessions, and statements on them. Every wait here has an end. A session that failed in any way but by a
//! plain refusal, or that somebody left in the middle of something, is thrown away, and another is made when it is
//! needed; so a server that was restarted, a network that was cut or a peer that fell silent costs at most one answer
//! for each connection.

use crate::{
    db::failed,
    lend::{Driver, Guard, Lenders},
    migrate::OpenError,
};
use futures_util::future::BoxFuture;
use leyden_ports::store::StoreError;
use sqlx::{
    ConnectOptions as _, Connection as _, FromRow, PgConnection, SqlSafeStr, SqlStr,
    error::BoxDynError,
    postgres::{PgArguments, PgConnectOptions, PgRow, Postgres},
};
use std::{str::FromStr as _, sync::Arc, time::Duration};
use tokio::runtime::Runtime;

/// Distinct statements that a session keeps prepared; there are fewer.
const STATEMENTS: usize = 512;

/// How long making a connection may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// How long we wait for the answer to a statement. The server gives up a little earlier.
const PATIENCE: Duration = Duration::from_secs(12);

/// How long ending a session in order may take.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Session {
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Holding on to leases.
    Lease,
    /// Changing the schema.
    Migrate,
}

/// How sessions on a URL are made. Time limits in milliseconds are the server's own: they end what a process began
/// that is frozen or cut off and cannot end it itself.
pub(crate) fn options(url: &str, session: Session) -> Result<PgConnectOptions, OpenError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| OpenError::Url(error.to_string()))?
        .application_name("leyden")
        .statement_cache_capacity(STATEMENTS);
    // A look at one moment may be long between two statements; whoever writes keeps all other writers waiting.
    let (statement, idle) = match session {
        Session::Read => ("10000", "10000"),
        Session::Write => ("10000", "3000"),
        Session::Lease => ("2000", "1500"),
        Session::Migrate => ("0", "60000"),
    };
    let lock = if session == Session::Lease { "1000" } else { "5000" };
    // Holding on to a lease that was taken durably need not be durable itself: at worst it is over earlier.
    let commit = if session == Session::Lease { "off" } else { "on" };
    // Everything that is asked all day is found by an index, and the tables are empty when the first plans are made: a plan
    // that reads them through would be kept while they grow. For the same reason tables are joined in the order in which
    // a statement names them: the one that says whether there is anything to look for comes first.
    let options = match session {
        Session::Write | Session::Lease => options.options([
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("join_collapse_limit", "1"),
            ("plan_cache_mode", "force_generic_plan"),
        ]),
        Session::Read | Session::Migrate => options,
    };
    Ok(options.options([
        ("statement_timeout", statement),
        ("lock_timeout", lock),
        ("idle_in_transaction_session_timeout", idle),
        ("synchronous_commit", commit),
        // Statements are short; compiling one, or starting processes that help with it, takes longer than running it.
        ("jit", "off"),
        ("max_parallel_workers_per_gather", "0"),
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
    ]))
}

/// What drives the sockets of connections that any runtime may use: callers' runtimes end, or are busy, when they like.
#[derive(Debug)]
pub(crate) struct Io(Option<Runtime>);

impl Io {
    /// Starts its one thread.
    pub(crate) fn start() -> Result<Arc<Self>, OpenError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("leyden-database")
            .enable_all()
            .build()
            .map_err(OpenError::Writer)?;
        Ok(Arc::new(Self(Some(runtime))))
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Waiting for it is not allowed where the last of the store may be dropped.
            runtime.shutdown_background();
        }
    }
}

/// PostgreSQL.
#[derive(Debug)]
pub(crate) struct Pg {
    options: PgConnectOptions,
    /// Where sockets are driven; `None`: by the runtime that connects, which no other uses.
    io: Option<Arc<Io>>,
}

impl Pg {
    /// Sessions made with these options.
    pub(crate) fn new(options: PgConnectOptions, io: Option<Arc<Io>>) -> Self {
        Self { options, io }
    }

    /// Connects, within a bounded time.
    pub(crate) async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let options = self.options.clone();
        let connecting = async move { bounded(CONNECT_PATIENCE, options.connect()).await };
        match self.io.as_ref().and_then(|io| io.0.as_ref()) {
            None => connecting.await,
            Some(io) => match io.spawn(connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(sqlx::Error::WorkerCrashed),
            },
        }
    }
}

impl Driver for Pg {
    type Connection = PgConnection;
    const KEEPS_LEFT: bool = false;

    fn open(&self) -> BoxFuture<'_, Result<PgConnection, StoreError>> {
        Box::pin(async { self.connect().await.map_err(failed) })
    }
}

/// Lends no more, and closes what is not lent out.
pub(crate) async fn close(lenders: &Lenders<Pg>) {
    for lent in lenders.close() {
        if let Err(error) = bounded(CLOSE_PATIENCE, lent.connection.close()).await {
            tracing::debug!(%error, "a session was not ended in order");
        }
    }
}

/// Waits no longer than this.
async fn bounded<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    // The pool's word for it: there is no pool, so nothing else says it.
    tokio::time::timeout(patience, work).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// The values of a statement.
#[derive(Debug, Default)]
pub(crate) struct Args {
    values: PgArguments,
    failure: Option<BoxDynError>,
}

impl Args {
    /// Adds one.
    pub(crate) fn bind<'t, T: sqlx::Encode<'t, Postgres> + sqlx::Type<Postgres>>(mut self, value: T) -> Self {
        if let Err(error) = sqlx::Arguments::add(&mut self.values, value) {
            self.failure.get_or_insert(error);
        }
        self
    }

    fn done(self) -> Result<PgArguments, sqlx::Error> {
        match self.failure {
            None => Ok(self.values),
            Some(error) => Err(sqlx::Error::Encode(error)),
        }
    }
}

/// Whether the session is of no more use, or nobody knows in what state it is.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(refusal) => refusal.code().is_some_and(|code| {
            // Connection failures, a server that goes down, a session that was ended for idling, and statements whose
            // tables a migration has changed since they were prepared.
            code.starts_with("08") || code.starts_with("57P") || code == "25P03" || code == "0A000"
        }),
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::Encode(_)
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::RowNotFound => false,
        _ => true,
    }
}

/// Runs a statement, and once more on a fresh session where it was outside of a transaction and its session turned out
/// to be dead.
macro_rules! attempt {
    ($guard:ident, $sql:ident, $args:ident, $query:ident, $run:ident) => {{
        let values = $args.done()?;
        let sql = $sql.into_sql_str();
        let again = $guard.may_try_again().then(|| (sql.clone(), values.clone()));
        let first = {
            let (patience, session) = $guard.start()?;
            bounded(patience, sqlx::$query(sql, values).$run(session)).await
        };
        match ($guard.settle(first), again) {
            (Err(error), Some((sql, values))) if is_lost(&error) && !matches!(error, sqlx::Error::PoolTimedOut) => {
                tracing::debug!(%error, "a read is tried again on a fresh session");
                $guard.renew().await.map_err(|error| sqlx::Error::Protocol(error.to_string()))?;
                let second = {
                    let (patience, session) = $guard.start()?;
                    bounded(patience, sqlx::$query(sql, values).$run(session)).await
                };
                $guard.settle(second)
            }
            (answer, _) => answer,
        }
    }};
}

impl Guard<Pg> {
    /// Runs a statement; how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: impl SqlSafeStr, args: Args) -> Result<u64, sqlx::Error> {
        attempt!(self, sql, args, query_with, execute).map(|done| done.rows_affected())
    }

    /// Runs a query; all its rows.
    pub(crate) async fn fetch_all<T>(
        &mut self,
        sql: impl SqlSafeStr,
        args: Args,
    ) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        attempt!(self, sql, args, query_as_with, fetch_all)
    }

    /// Runs a query; its only row, if there is one.
    pub(crate) async fn fetch_optional<T>(
        &mut self,
        sql: impl SqlSafeStr,
        args: Args,
    ) -> Result<Option<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        attempt!(self, sql, args, query_as_with, fetch_optional)
    }

    /// Runs a query that always has one row.
    pub(crate) async fn fetch_one<T>(&mut self, sql: impl SqlSafeStr, args: Args) -> Result<T, sqlx::Error>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        self.fetch_optional(sql, args).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// Begins a transaction, with whatever else is to be done in the same round trip; the rows of that. Nothing was
    /// done yet, so on a dead session it is tried once more.
    pub(crate) async fn begin(&mut self, statements: SqlStr) -> Result<Vec<PgRow>, StoreError> {
        let was_fresh = self.lent().is_none_or(|lent| lent.is_fresh);
        match self.begin_once(statements.clone()).await {
            Err(error) if is_lost(&error) && !was_fresh => {
                tracing::debug!(%error, "a transaction is begun again on a fresh session");
                self.renew().await?;
                self.begin_once(statements).await.map_err(failed)
            }
            answer => answer.map_err(failed),
        }
    }

    async fn begin_once(&mut self, statements: SqlStr) -> Result<Vec<PgRow>, sqlx::Error> {
        let answer = {
            let (patience, session) = self.start()?;
            bounded(patience, sqlx::raw_sql(statements).fetch_all(session)).await
        };
        // Whether or not it began: one that did not is as well thrown away.
        if let Some(lent) = self.lent() {
            lent.in_transaction = true;
        }
        self.settle(answer)
    }

    /// Makes a transaction durable. A statement of it that failed, and that nobody took back to a savepoint, has ended
    /// it: the server would take it back and call that a success.
    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        if self.lent().is_none_or(|lent| lent.is_spoiled) {
            self.discard();
            return Err(StoreError::Unavailable("the transaction was broken off".to_owned()));
        }
        self.end("COMMIT").await.map_err(failed)
    }

    /// Takes a transaction back, or ends a look at one moment. Where that cannot be said, the session's end says it.
    pub(crate) async fn rollback(&mut self) {
        if let Err(error) = self.end("ROLLBACK").await {
            tracing::debug!(%error, "a transaction was taken back by ending its session");
            self.discard();
        }
    }

    async fn end(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        let ended = {
            let (patience, session) = self.start()?;
            bounded(patience, sqlx::raw_sql(statement).execute(session)).await
        };
        if ended.is_ok()
            && let Some(lent) = self.lent()
        {
            lent.in_transaction = false;
        }
        self.settle(ended).map(drop)
    }

    fn may_try_again(&mut self) -> bool {
        self.lent().is_some_and(|lent| !lent.in_transaction && !lent.is_fresh)
    }

    /// The session, from now on in the middle of something. Should the caller go, it is thrown away.
    fn start(&mut self) -> Result<(Duration, &mut PgConnection), sqlx::Error> {
        let patience = self.patience.unwrap_or(PATIENCE);
        let lent = self.lent().ok_or_else(|| sqlx::Error::Protocol("the session was lost".to_owned()))?;
        lent.is_spoiled = true;
        Ok((patience, &mut lent.connection))
    }

    /// Says what an answer means for the session.
    fn settle<T>(&mut self, answer: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        match &answer {
            Err(error) if is_lost(error) => self.discard(),
            // In a transaction a refusal spoils everything up to the last savepoint.
            Err(sqlx::Error::Database(_)) => {
                if let Some(lent) = self.lent() {
                    lent.is_spoiled = lent.in_transaction;
                }
            }
            // In a transaction that is broken off nothing succeeds but going back to a savepoint, which mends it.
            _ => {
                if let Some(lent) = self.lent() {
                    lent.is_spoiled = false;
                }
            }
        }
        answer
    }
}

/// A session for changing the schema.
pub(crate) async fn migrating(url: &str) -> Result<PgConnection, OpenError> {
    Pg::new(options(url, Session::Migrate)?, None).connect().await.map_err(OpenError::Connect)
}
