//! Orders that wait for the writer.

use super::{Answer, create_all};
use crate::{
    db::Conn,
    group_commit::{Job, Terms, Writer},
};
use futures_util::future::BoxFuture;
use leyden_domain::Timestamp;
use leyden_ports::store::{CreateRefusal, NewOrder, StoreError};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// Each with its caller.
type Waiting = Mutex<Vec<(NewOrder, oneshot::Sender<Answer>)>>;

/// Orders to be made that wait for the writer: whatever has come by the time it turns to them is made together.
#[derive(Default)]
pub(crate) struct Creates(Arc<Waiting>);

impl Creates {
    /// Has an order made, and answers once that is durable.
    pub(crate) async fn submit(&self, writer: &Writer, request: NewOrder, now: Timestamp) -> Answer {
        let closed = || CreateRefusal::Store(StoreError::Unavailable("the store is closed".to_owned()));
        // The place in the writer's queue comes first: whoever waits in ours must be fetched by somebody.
        let place = writer.reserve().await?;
        let (caller, answer) = oneshot::channel();
        let is_first = {
            let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push((request, caller));
            waiting.len() == 1
        };
        if is_first {
            let job = Making {
                waiting: Arc::clone(&self.0),
                has_fetched: false,
                now,
                terms: Terms::default(),
                made: Vec::new(),
            };
            place.give(Box::new(job)).await;
        } else {
            // Others need it more while we wait.
            drop(place);
        }
        answer.await.unwrap_or_else(|_| Err(closed()))
    }
}

/// The job that makes what waits.
struct Making {
    waiting: Arc<Waiting>,
    /// Whether what waited is here now, and what waits is another job's.
    has_fetched: bool,
    now: Timestamp,
    terms: Terms,
    made: Vec<(oneshot::Sender<Answer>, Option<Answer>)>,
}

impl Making {
    fn fetch(&mut self) -> Vec<NewOrder> {
        self.has_fetched = true;
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let (requests, callers): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
        self.made = callers.into_iter().map(|caller| (caller, None)).collect();
        requests
    }
}

/// Left undone, it takes along what waits for it. Nobody else would fetch that, and whoever came later would wait behind
/// it for ever.
impl Drop for Making {
    fn drop(&mut self) {
        if !self.has_fetched {
            drop(self.fetch());
        }
    }
}

impl Job for Making {
    fn terms(&self) -> &Terms {
        &self.terms
    }

    fn refuse(&mut self, refusal: StoreError) {
        drop(self.fetch());
        for (_, answer) in &mut self.made {
            *answer = Some(Err(refusal.clone().into()));
        }
    }

    fn run<'j>(&'j mut self, conn: &'j mut Conn) -> BoxFuture<'j, bool> {
        Box::pin(async move {
            let requests = self.fetch();
            let answers = create_all(conn, requests, self.now).await;
            let keeps = matches!(&answers, Ok(answers) if answers.iter().any(Result::is_ok));
            match answers {
                Ok(answers) => {
                    for ((_, place), answer) in self.made.iter_mut().zip(answers) {
                        *place = Some(answer);
                    }
                }
                Err(error) => {
                    for (_, place) in &mut self.made {
                        *place = Some(Err(error.clone().into()));
                    }
                }
            }
            keeps
        })
    }

    fn answer(mut self: Box<Self>, committed: &Result<(), StoreError>) {
        // The transaction could not even be begun, or the job panicked: nobody has fetched them yet.
        if !self.has_fetched {
            drop(self.fetch());
        }
        for (caller, answer) in std::mem::take(&mut self.made) {
            let answer = match (answer, committed) {
                // A refusal stands whatever became of the others.
                (Some(Err(refusal)), _) => Err(refusal),
                (Some(Ok(created)), Ok(())) => Ok(created),
                (_, Err(error)) => Err(error.clone().into()),
                (None, Ok(())) => Err(StoreError::Unavailable("the job was not run".to_owned()).into()),
            };
            // A caller that went away needs no answer.
            drop(caller.send(answer));
        }
    }
}
