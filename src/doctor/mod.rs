//! `leyden doctor`: looks at an installation from outside in and says, for everything that is not right, what to do.

mod accounts;
mod keys;
mod report;

use self::report::Report;
use crate::{
    Settings,
    cli::Failure,
    settings::without_credentials,
    system_clock::SystemClock,
    wiring::{StartError, open_nodes, open_store},
};
use leyden_domain::chain::Head;
use leyden_ports::{ChainReader, Clock, Store, store::ServiceStore};
use leyden_store::{MigrationMode, OpenError, SqlStore};
use leyden_tron::node::{NodeClient, NodePool};
use std::sync::Arc;

/// A head older than this is a node that is behind, or a clock that is wrong.
const OLDEST_HEAD_MS: i64 = 60_000;
/// A head this far in our future is a clock that is wrong.
const FUTURE_HEAD_MS: i64 = 10_000;

/// A node this far behind the best is of no use.
const MOST_BEHIND: i64 = 5;

/// Runs every check and prints what was found. Exit code 1 where something must be mended.
pub(crate) async fn run(settings: Settings, as_json: bool) -> Result<u8, Failure> {
    let mut report = Report::default();
    configuration(&settings, &mut report);
    let store = database(&settings, &mut report).await;
    let nodes = nodes(&settings, &mut report).await;
    let node = nodes.as_ref().and_then(|(pool, first)| pool.clients().nth(*first));
    if let Some(node) = node {
        accounts::payment_addresses(&settings, node, &mut report).await;
        accounts::pool(&settings, node, &mut report).await;
    }
    if let Some(store) = &store {
        keys::check(&settings, store, node, &mut report).await;
        store.close().await;
    }
    report.print(as_json)?;
    Ok(u8::from(report.must_be_mended()))
}

fn configuration(settings: &Settings, report: &mut Report) {
    match settings.check_for_serving() {
        Ok(()) => report.ok("configuration", "complete"),
        Err(problems) => {
            for problem in problems.iter() {
                report.bad(
                    "configuration",
                    &format!("{}: {}", problem.key, problem.text),
                    "complete the file",
                );
            }
        }
    }
    for warning in settings.warnings() {
        report.odd("configuration", &warning, "make sure that it is meant so");
    }
}

async fn database(settings: &Settings, report: &mut Report) -> Option<Arc<SqlStore>> {
    let url = without_credentials(&settings.database.url);
    let store = match open_store(settings, MigrationMode::Refuse).await {
        Ok(store) => store,
        Err(StartError::Database { error: OpenError::Pending(pending), .. }) => {
            report.bad(
                "database",
                &format!("{} migrations are pending", pending.len()),
                "run `leyden migrate`",
            );
            return None;
        }
        Err(error) => {
            report.bad("database", &error.to_string(), "mend database.url, or the folder's permissions");
            return None;
        }
    };
    match store.ping().await {
        Ok(()) => report.ok("database", &format!("{url} can be read and written")),
        Err(error) => report.bad("database", &error.to_string(), "look at the disk and who else has it open"),
    }
    match store.api_keys().await {
        Ok(keys) if keys.iter().all(|key| key.revoked_at.is_some()) => {
            report.odd("API keys", "there is none", "make one with `leyden keys api`");
        }
        Ok(keys) => report.ok("API keys", &format!("{} kept", keys.len())),
        Err(error) => report.bad("API keys", &error.to_string(), "look at the database"),
    }
    Some(store)
}

/// Asks every node how it is. The pool, and which of its nodes can be asked for the rest.
async fn nodes(settings: &Settings, report: &mut Report) -> Option<(NodePool, usize)> {
    let pool = match open_nodes(settings) {
        Ok(pool) => pool,
        Err(StartError::Settings(_)) => return None, // Said already.
        Err(error) => {
            report.bad("node", &error.to_string(), "mend chain.nodes");
            return None;
        }
    };
    let mut best: Option<(usize, Head)> = None;
    let mut found = Vec::new();
    for (index, client) in pool.clients().enumerate() {
        if let Some(head) = node(client, report).await {
            found.push((client.name().to_owned(), head));
            if best.is_none_or(|(_, best)| head.height() > best.height()) {
                best = Some((index, head));
            }
        }
    }
    let (first, newest) = best?;
    for (name, head) in found {
        let behind = newest.height().get().saturating_sub(head.height().get());
        if behind > MOST_BEHIND {
            report.bad(
                "node",
                &format!("{name} is {behind} blocks behind the best"),
                "let it catch up; it is not asked meanwhile",
            );
        }
    }
    Some((pool, first))
}

/// Asks one node. Its head, if it is fit to be asked for anything else.
async fn node(node: &NodeClient, report: &mut Report) -> Option<Head> {
    let name = node.name();
    let (head, solid) = match (node.head().await, node.solid().await) {
        (Ok(head), Ok(solid)) => (head, solid),
        (Err(error), _) | (_, Err(error)) => {
            report.bad(
                "node",
                &format!("{name}: {error}"),
                "mend chain.nodes, its api_key, or the network in between",
            );
            return None;
        }
    };
    report.ok("node", &format!("{name}: head {}, solid {}", head.height(), solid.height()));
    let age = SystemClock.now().since(head.timestamp).ms();
    if age > OLDEST_HEAD_MS {
        report.bad(
            "clock",
            &format!("the newest block of {name} is {} s old", age / 1_000),
            "the node is behind, or this machine's clock is ahead: look at both",
        );
    } else if age < -FUTURE_HEAD_MS {
        report.bad(
            "clock",
            &format!("this clock is {} s behind the chain", -age / 1_000),
            "set the clock; run NTP",
        );
    } else {
        report.ok("clock", &format!("the newest block of {name} is {age} ms old"));
    }
    Some(head)
}
