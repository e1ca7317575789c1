//! How far the books are: behind the nodes by how much, and whether they can go on. Books that stand still see no payment,
//! however well everything around them is.

use super::report::Report;
use crate::{
    Settings, claim::is_claimed, http::sale::LAG_BLOCKS, system_clock::SystemClock, wiring::file_of,
};
use leyden_actors::WORK;
use leyden_domain::{Height, chain::Head};
use leyden_ports::{
    ChainReader, Clock, StoreError,
    store::{BlockStore, LeaseStore},
};
use leyden_store::SqlStore;
use leyden_tron::node::NodePool;
use std::time::Duration;

const WHAT: &str = "books";
/// How often a block is asked for before it is said that nobody can read it: the first that a pool is asked for may have to
/// wait for a second node.
const TRIES: u32 = 4;
/// How long between two looks.
const PAUSE: Duration = Duration::from_millis(750);

/// Compares what is recorded with what the nodes tell of.
pub(super) async fn check(settings: &Settings, store: &SqlStore, pool: &NodePool, report: &mut Report) {
    let processed = match head(store).await {
        Ok(Some(processed)) => processed,
        Ok(None) => {
            report.ok(WHAT, "nothing was read from the chain yet");
            return;
        }
        Err(error) => {
            report.bad(WHAT, &error.to_string(), "look at the database");
            return;
        }
    };
    let Some(newest) = newest(pool).await else { return }; // That no node answers is said already.
    let lag = newest.get().saturating_sub(processed.height().get()).max(0);
    let age = SystemClock.now().since(processed.timestamp).ms() / 1_000;
    let stand = format!("read up to block {}, {age} s old, {lag} behind the nodes", processed.height());
    let next = processed.height().offset(1);
    if lag > 0
        && let Some(answers) = refused(pool, next).await
        // Somebody may have read it meanwhile.
        && head(store).await.is_ok_and(|now| now.is_none_or(|now| now.height() < next))
    {
        let found = format!("{stand}; block {next} cannot be read: {answers}");
        report.bad(
            WHAT,
            &found,
            "compare the block with an explorer; mend or replace the node that tells it otherwise: docs/operating/alerts.md",
        );
        return;
    }
    if lag <= LAG_BLOCKS {
        report.ok(WHAT, &stand);
    } else if !is_served(settings, store).await {
        report.odd(WHAT, &format!("{stand}; no instance is at work"), "start one: it goes on from there");
    } else if moves(store, processed).await {
        report.odd(WHAT, &format!("{stand}; they are catching up"), "run the doctor again");
    } else {
        report.bad(
            WHAT,
            &format!("{stand}; an instance is at work, and they stand still"),
            "look at the log of block_listener and at chain in /status",
        );
    }
}

async fn head(store: &SqlStore) -> Result<Option<Head>, StoreError> {
    Ok(store.chain_position().await?.map(|position| position.view.head))
}

/// The newest block that any node tells of.
async fn newest(pool: &NodePool) -> Option<Height> {
    let mut newest = None;
    for node in pool.clients() {
        newest = newest.max(node.head().await.ok().map(|head| head.height()));
    }
    newest
}

/// What is answered for a block that the service could not read; `None` where it can.
async fn refused(pool: &NodePool, height: Height) -> Option<String> {
    let mut together = String::new();
    for tried in 0..TRIES {
        if tried > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        match pool.block(height).await {
            Ok(Some(_)) => return None,
            Ok(None) => "no node shows it".clone_into(&mut together),
            Err(error) => together = error.to_string(),
        }
    }
    let mut answers = Vec::new();
    for node in pool.clients() {
        let answer = match node.block(height).await {
            Ok(Some(block)) => format!("shows {}", block.id),
            Ok(None) => "does not show it".to_owned(),
            Err(error) => error.to_string(),
        };
        answers.push(format!("{}: {answer}", node.name()));
    }
    Some(format!("{together} ({})", answers.join("; ")))
}

/// Whether an instance reads the chain into these books.
async fn is_served(settings: &Settings, store: &SqlStore) -> bool {
    match file_of(&settings.database.url) {
        Some(file) => is_claimed(file),
        None => store.lease(WORK).await.is_ok_and(|row| row.is_some_and(|row| !row.is_over)),
    }
}

/// Whether they go on while we look.
async fn moves(store: &SqlStore, from: Head) -> bool {
    for _ in 0..TRIES {
        tokio::time::sleep(PAUSE).await;
        if head(store).await.is_ok_and(|now| now.is_some_and(|now| now.height() > from.height())) {
            return true;
        }
    }
    false
}
