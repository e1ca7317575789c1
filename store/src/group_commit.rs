//! One writer that commits what waits. A commit costs a flush to disk whatever it holds, so jobs that wait at the
//! same time share one; a job that comes while nothing waits is committed at once, without delay.
//!
//! The writer is a thread of its own with a small runtime in it, and that is on purpose: a caller that is dropped
//! half-way can then neither hold the transaction open nor take other callers' jobs down with it, and no runtime
//! that the actors share has to be alive for a commit to end. It ends when the store is closed or dropped.

use crate::{
    db::{Conn, Db, Epochs, exec},
    gate::Gate,
    journal,
    migrate::OpenError,
};
use futures_util::{FutureExt as _, future::BoxFuture};
use leyden_domain::journal::Head;
use leyden_ports::{
    Clock,
    store::{Durability, StoreError},
};
use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{mpsc, oneshot, watch};

/// Jobs that may wait; a caller beyond that waits for a place.
const QUEUE: usize = 1_024;

/// Jobs that may share a commit.
const BATCH: usize = 256;

/// What a job does in its transaction.
type Work<T, E> = Box<dyn for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send>;

/// The lease that a job is done under, and the epoch in which it was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) lease: String,
    pub(crate) epoch: i64,
}

/// On what terms a job is done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Terms {
    /// What must hold when it is answered. A commit is only as relaxed as all its jobs.
    pub(crate) durability: Durability,
    /// The lease that must still be held in this epoch when it is committed.
    pub(crate) term: Option<Term>,
}

/// A job, whatever it answers.
pub(crate) trait Job: Send {
    /// On what terms.
    fn terms(&self) -> &Terms;

    /// Answers without having run.
    fn refuse(&mut self, refusal: StoreError);

    /// Runs it; whether what it wrote is to be kept.
    fn run<'j>(&'j mut self, conn: &'j mut Conn) -> BoxFuture<'j, bool>;

    /// Answers its caller, now that the transaction's fate is known.
    fn answer(self: Box<Self>, committed: &Result<(), StoreError>);
}

/// A job with its caller.
struct Waiting<T, E> {
    terms: Terms,
    work: Option<Work<T, E>>,
    result: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
}

impl<T: Send, E: From<StoreError> + Send> Job for Waiting<T, E> {
    fn terms(&self) -> &Terms {
        &self.terms
    }

    fn refuse(&mut self, refusal: StoreError) {
        self.work = None;
        self.result = Some(Err(refusal.into()));
    }

    fn run<'j>(&'j mut self, conn: &'j mut Conn) -> BoxFuture<'j, bool> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return false };
            let result = work(conn).await;
            let keep = result.is_ok();
            self.result = Some(result);
            keep
        })
    }

    fn answer(self: Box<Self>, committed: &Result<(), StoreError>) {
        let answer = match (self.result, committed) {
            // A refusal stands whatever became of the others.
            (Some(Err(refusal)), _) => Err(refusal),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (_, Err(error)) => Err(error.clone().into()),
            (None, Ok(())) => Err(StoreError::Unavailable("the job was not run".to_owned()).into()),
        };
        // A caller that went away needs no answer.
        drop(self.caller.send(answer));
    }
}

/// The way to the writer.
pub(crate) enum Writer {
    /// A thread of its own.
    Thread {
        /// What it is given.
        jobs: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
        /// Closed when it has ended.
        ended: watch::Receiver<()>,
    },
    /// Nobody: simulated books are written by whoever calls, one job at a time.
    Caller {
        /// What is written to.
        db: Db,
        /// What the books are behind.
        gate: Arc<dyn Gate>,
        /// Stamps the journal.
        clock: Arc<dyn Clock>,
        /// The journal's newest entry, as far as is known.
        head: Mutex<Option<Head>>,
    },
}

/// A place in the queue for one job.
pub(crate) enum Place<'w> {
    /// Of the writer's thread.
    Queue(mpsc::OwnedPermit<Box<dyn Job>>),
    /// There is no queue.
    Caller(&'w Writer),
}

impl Place<'_> {
    /// Gives the job to whoever writes; where nobody does, does it.
    pub(crate) async fn give(self, job: Box<dyn Job>) {
        match self {
            Self::Queue(permit) => drop(permit.send(job)),
            Self::Caller(writer) => writer.write_here(job).await,
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    /// Starts the writer's thread. `clock` stamps the journal. Simulated books need none: whoever calls writes.
    pub(crate) fn start(db: Db, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        if let Some(gate) = db.gate() {
            return Ok(Self::Caller { db, gate, clock, head: Mutex::default() });
        }
        let (jobs, inbox) = mpsc::channel(QUEUE);
        let (alive, ended) = watch::channel(());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(OpenError::Writer)?;
        std::thread::Builder::new()
            .name("leyden-writer".to_owned())
            .spawn(move || {
                runtime.block_on(write_all(db, clock, inbox));
                drop(alive);
            })
            .map_err(OpenError::Writer)?;
        Ok(Self::Thread { jobs: Mutex::new(Some(jobs)), ended })
    }

    /// Runs a job and answers once its commit is durable. The job runs to its end even if the caller does not wait.
    pub(crate) async fn run<T, E, F>(&self, terms: Terms, work: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let closed = || E::from(StoreError::Unavailable("the store is closed".to_owned()));
        let place = self.reserve().await?;
        let (caller, answer) = oneshot::channel();
        place.give(Box::new(Waiting { terms, work: Some(Box::new(work)), result: None, caller })).await;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// A place in the queue for one job.
    pub(crate) async fn reserve(&self) -> Result<Place<'_>, StoreError> {
        let closed = || StoreError::Unavailable("the store is closed".to_owned());
        let jobs = match self {
            Self::Caller { .. } => return Ok(Place::Caller(self)),
            Self::Thread { jobs, .. } => jobs,
        };
        let jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(closed)?;
        jobs.reserve_owned().await.map(Place::Queue).or(Err(closed()))
    }

    /// Does one job as the caller of simulated books.
    async fn write_here(&self, job: Box<dyn Job>) {
        let Self::Caller { db, gate, clock, head } = self else { return };
        let durability = job.terms().durability;
        let mut batch = [job];
        let committed = match gate.before_write(durability).await {
            Ok(()) => {
                // Nobody knows what was written where this is not put back.
                let mut newest = head.lock().unwrap_or_else(PoisonError::into_inner).take();
                let committed = commit(db, clock.as_ref(), &mut newest, &mut batch).await;
                if committed.is_ok() {
                    *head.lock().unwrap_or_else(PoisonError::into_inner) = newest;
                }
                committed.and_then(|()| gate.after_write(durability))
            }
            Err(error) => Err(error),
        };
        let [job] = batch;
        job.answer(&committed);
    }

    /// Forgets what it knows of simulated books: they have been replaced.
    pub(crate) fn forget(&self) {
        if let Self::Caller { head, .. } = self {
            *head.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Takes no more jobs and waits until those that were taken are done.
    pub(crate) async fn stop(&self) {
        let Self::Thread { jobs, ended } = self else { return };
        drop(jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut ended = ended.clone();
        while ended.changed().await.is_ok() {}
    }
}

/// Commits what waits until nobody can send any more.
async fn write_all(db: Db, clock: Arc<dyn Clock>, mut inbox: mpsc::Receiver<Box<dyn Job>>) {
    let mut batch = Vec::new();
    let mut head = None;
    while inbox.recv_many(&mut batch, BATCH).await > 0 {
        // A panic in a job drops the transaction, which rolls it back; nobody's job was written then.
        let writing = commit(&db, clock.as_ref(), &mut head, &mut batch);
        let committed = AssertUnwindSafe(writing).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!("a write job panicked; its batch was rolled back");
            Err(StoreError::Unavailable("a write job panicked".to_owned()))
        });
        if committed.is_err() {
            // Nobody knows what was written.
            head = None;
        }
        for job in batch.drain(..) {
            job.answer(&committed);
        }
    }
}

/// Runs jobs in one transaction, each so that its failure leaves the others. What they have to say to the journal is
/// written last; `head` is its newest entry as far as this writer knows.
async fn commit(
    db: &Db,
    clock: &dyn Clock,
    head: &mut Option<Head>,
    batch: &mut [Box<dyn Job>],
) -> Result<(), StoreError> {
    let is_strict = batch.iter().any(|job| job.terms().durability == Durability::Strict);
    let durability = if is_strict { Durability::Strict } else { Durability::Relaxed };
    let is_fenced = batch.iter().any(|job| job.terms().term.is_some());
    let (mut conn, epochs) = db.begin_write(durability, is_fenced).await?;
    // Leases change hands under the same lock that this transaction has: what holds now holds until it ends.
    let mut allowed = Vec::with_capacity(batch.len());
    for job in batch {
        if holds(job.terms(), &epochs) {
            allowed.push(job);
        } else {
            job.refuse(StoreError::Fenced);
        }
    }
    if let [only] = allowed.as_mut_slice() {
        if !only.run(&mut conn).await {
            return conn.rollback().await;
        }
        journal::append(&mut conn, head, clock.now()).await?;
        return conn.commit().await;
    }
    for job in allowed {
        savepoint(&mut conn).await?;
        let keep = job.run(&mut conn).await;
        release(&mut conn, keep).await?;
    }
    journal::append(&mut conn, head, clock.now()).await?;
    conn.commit().await
}

/// Whether the lease that a job needs is still held in its epoch. One that is over and that nobody took still is.
fn holds(terms: &Terms, epochs: &Epochs) -> bool {
    terms
        .term
        .as_ref()
        .is_none_or(|term| epochs.iter().any(|(name, epoch)| *name == term.lease && *epoch == term.epoch))
}

/// Begins a part of a transaction that can be taken back alone. Parts nest.
pub(crate) async fn savepoint(conn: &mut Conn) -> Result<(), StoreError> {
    conn.journal().mark();
    exec!(conn, "SAVEPOINT part").map(drop)
}

/// Ends the innermost part. An error means that the whole transaction is lost.
pub(crate) async fn release(conn: &mut Conn, keep: bool) -> Result<(), StoreError> {
    conn.journal().release(keep);
    if !keep {
        exec!(conn, "ROLLBACK TO SAVEPOINT part")?;
    }
    exec!(conn, "RELEASE SAVEPOINT part").map(drop)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;
    use crate::db::{all, one};
    use futures_util::future::join;

    #[derive(Debug)]
    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> leyden_domain::Timestamp {
            leyden_domain::Timestamp::from_ms(1)
        }
    }

    async fn writer() -> (Db, Writer) {
        let db = Db::connect("sqlite::memory:", 1).await.unwrap();
        let (mut conn, _) = db.begin_write(Durability::Strict, false).await.unwrap();
        exec!(conn, "CREATE TABLE notes (text TEXT NOT NULL UNIQUE) STRICT").unwrap();
        conn.commit().await.unwrap();
        let writer = Writer::start(db.clone(), Arc::new(Stopped)).unwrap();
        (db, writer)
    }

    async fn note(writer: &Writer, text: &'static str, fails: bool) -> Result<(), StoreError> {
        writer
            .run(Terms::default(), move |conn| {
                Box::pin(async move {
                    exec!(conn, "INSERT INTO notes (text) VALUES ($1)", text)?;
                    assert_ne!(text, "panic", "asked for");
                    if fails { Err(StoreError::Conflict("note")) } else { Ok(()) }
                })
            })
            .await
    }

    async fn notes(db: &Db) -> Vec<String> {
        let mut conn = db.read().await.unwrap();
        let rows: Vec<(String,)> = all!(conn, "SELECT text FROM notes ORDER BY text").unwrap();
        rows.into_iter().map(|(text,)| text).collect()
    }

    #[tokio::test]
    async fn a_refusal_takes_back_its_own_writes_alone() {
        let (db, writer) = writer().await;
        let (kept, refused) = join(note(&writer, "kept", false), note(&writer, "refused", true)).await;
        assert_eq!((kept, refused), (Ok(()), Err(StoreError::Conflict("note"))));
        assert_eq!(note(&writer, "alone", true).await, Err(StoreError::Conflict("note")));
        assert_eq!(notes(&db).await, ["kept"]);
    }

    #[tokio::test]
    async fn a_panic_is_answered_and_the_writer_lives() {
        let (db, writer) = writer().await;
        let panicked = note(&writer, "panic", false).await;
        assert!(matches!(panicked, Err(StoreError::Unavailable(_))), "{panicked:?}");
        assert_eq!(note(&writer, "after", false).await, Ok(()));
        assert_eq!(notes(&db).await, ["after"]);
    }

    #[tokio::test]
    async fn what_was_taken_is_done_before_the_end() {
        let (db, writer) = writer().await;
        drop(note(&writer, "last", false).now_or_never());
        writer.stop().await;
        assert!(matches!(note(&writer, "late", false).await, Err(StoreError::Unavailable(_))));
        assert_eq!(notes(&db).await, ["last"]);
    }

    #[tokio::test]
    async fn a_transaction_that_is_left_is_taken_back() {
        let (db, writer) = writer().await;
        let (mut left, _) = db.begin_write(Durability::Strict, false).await.unwrap();
        exec!(left, "INSERT INTO notes (text) VALUES ('left')").unwrap();
        drop(left);
        assert!(notes(&db).await.is_empty());
        // Begun perhaps, but nobody ends it.
        drop(db.snapshot().now_or_never());
        assert_eq!(note(&writer, "next", false).await, Ok(()));
        let mut conn = db.read().await.unwrap();
        let (count,): (i64,) = one!(conn, "SELECT COUNT(*) FROM notes").unwrap();
        assert_eq!(count, 1);
    }
}
