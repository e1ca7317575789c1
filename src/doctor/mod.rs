//! `leyden doctor`: looks at an installation from outside in and says, for everything that is not right, what to do.

mod abilities;
mod accounts;
mod database;
mod keys;
mod network;
mod nodes;
mod progress;
mod redis;
mod refunds;
mod report;

use self::report::Report;
use crate::{
    Settings,
    cli::Failure,
    wiring::{StartError, open_nodes},
};
use leyden_tron::node::NodePool;

/// Runs every check, from outside in, and prints what was found. Exit code 1 where something must be mended.
pub(crate) async fn run(settings: Settings, as_json: bool) -> Result<u8, Failure> {
    let mut report = Report::default();
    configuration(&settings, &mut report);
    let store = database::check(&settings, &mut report).await;
    redis::check(&settings, &mut report).await;
    let pool = open(&settings, &mut report);
    let clients: Vec<_> = pool.iter().flat_map(NodePool::clients).collect();
    let fit = nodes::check(&clients, &mut report).await;
    let node = fit.and_then(|index| clients.get(index).copied());
    if let Some(node) = node {
        accounts::payment_addresses(&settings, node, &mut report).await;
        accounts::pool(&settings, node, &mut report).await;
    }
    if let (Some(store), Some(pool)) = (&store, &pool) {
        progress::check(&settings, store, pool, &mut report).await;
    }
    if let Some(store) = &store {
        keys::check(&settings, store, node, &mut report).await;
        refunds::check(&settings, store, node, &mut report).await;
        database::contents(store, &mut report).await;
        if !settings.database.url.starts_with("sqlite:") {
            database::leader(store, &mut report).await;
        }
        database::strange(store, &mut report).await;
        store.close().await;
    }
    report.print(as_json)?;
    Ok(u8::from(report.must_be_mended()))
}

/// The nodes.
fn open(settings: &Settings, report: &mut Report) -> Option<NodePool> {
    match open_nodes(settings) {
        Ok(pool) => Some(pool),
        Err(StartError::Settings(_)) => None, // Said already.
        Err(error) => {
            report.bad("node", &error.to_string(), "mend chain.nodes");
            None
        }
    }
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
