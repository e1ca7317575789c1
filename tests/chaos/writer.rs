//! A program that makes orders all the time, on every instance in turn, and remembers each that was acknowledged. An
//! order that was not is asked for again with the same idempotency key until it is.

use crate::{
    ask::{ask, get},
    until,
};
use leyden_sim::keys;
use serde_json::json;
use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// What happened so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Orders that were acknowledged, by the key they were asked for with.
    pub(crate) made: BTreeMap<String, String>,
    /// Answers by status; 0: no answer.
    pub(crate) answers: BTreeMap<u16, u32>,
    /// Refusals with 503 that said when to come again.
    pub(crate) patient: u32,
    /// The last of them.
    pub(crate) refusal: String,
    /// Answers that must not be: neither an order nor "not now".
    pub(crate) wrong: Vec<String>,
}

/// One that works until it is told to stop.
pub(crate) struct Writer {
    pub(crate) seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Asks for one order.
pub(crate) fn make(base: &str, key: &str, wish: &str, seen: &Mutex<Seen>) -> Option<(String, u16)> {
    let body = json!({ "recipientAddress": keys::test_address(1).to_string(), "transactionCount": 1 });
    let answer = ask(base, key, "POST", "/api/v1/orders", Some((&body, wish)), Duration::from_secs(5));
    let mut seen = seen.lock().unwrap();
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            *seen.answers.entry(0).or_default() += 1;
            // Bytes that are no answer are wrong; none at all is what a dying process gives.
            if error.kind() == io::ErrorKind::InvalidData {
                seen.wrong.push(error.to_string());
            }
            return None;
        }
    };
    *seen.answers.entry(answer.status).or_default() += 1;
    match answer.status {
        200 | 201 => {
            let id = answer.body["data"]["orderId"].as_str().unwrap().to_owned();
            if let Some(before) = seen.made.insert(wish.to_owned(), id.clone())
                && before != id
            {
                seen.wrong.push(format!("{wish} made {before} and {id}"));
            }
            return Some((id, answer.status));
        }
        503 => match answer.header("retry-after") {
            Some(_) => {
                seen.patient += 1;
                seen.refusal = answer.body.to_string();
            }
            None => seen.wrong.push(format!("503 without Retry-After: {}", answer.body)),
        },
        status => seen.wrong.push(format!("{status}: {}", answer.body)),
    }
    None
}

impl Writer {
    /// Begins. `bases` says where the instances answer now.
    pub(crate) fn start(bases: impl Fn() -> Vec<String> + Send + 'static, key: String) -> Self {
        let (seen, stop) = (Arc::new(Mutex::new(Seen::default())), Arc::new(AtomicBool::new(false)));
        let (kept, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let (mut number, mut turn) = (0, 0);
            while !stopped.load(Ordering::Relaxed) {
                let bases = bases();
                turn += 1;
                let made = bases
                    .get(turn % bases.len().max(1))
                    .and_then(|base| make(base, &key, &format!("writer-{number}"), &kept));
                if made.is_some() {
                    number += 1;
                }
                // So many a second: the books must not be filled, only be busy.
                thread::sleep(Duration::from_millis(30));
            }
        });
        Self { seen, stop, thread }
    }

    /// Stops; what it saw. Every acknowledged order is in the books, and its key gives it again.
    pub(crate) fn finish(self, base: &str, key: &str) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        let made = self.seen.lock().unwrap().made.clone();
        for (wish, id) in &made {
            let order =
                until("an answer about an order", || get(base, key, &format!("/api/v1/orders/{id}")).ok());
            assert_eq!(
                (order.status, order.body["data"]["orderId"].as_str()),
                (200, Some(id.as_str())),
                "{order:?}"
            );
            let (again, _) = until("the same order again", || make(base, key, wish, &self.seen));
            assert_eq!(again, *id, "{wish}");
        }
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}
