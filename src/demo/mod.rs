//! `leyden demo`: the whole service on this machine, on a chain of its own, with customers that buy in every mode
//! and some that pay wrongly. What really happened is judged by reading the chain, not by asking the service. A
//! demonstration that was killed goes on where it was when it is started again on the same folder.
//!
//! The service runs inside this process on SQLite, or, with a configuration, as processes of its own on the database
//! and cache that the configuration names.

mod api;
mod audit;
mod books;
mod child;
mod customer;
mod doors;
mod in_process;
mod instances;
mod judge;
mod notebook;
mod plan;
mod report;
mod show;
mod stage;

use crate::{
    cli::{DemoArgs, Failure},
    settings::Environment,
};
use leyden_sim::run_producer;
use stage::Stage;
use std::path::Path;

/// Runs a demonstration to its end.
pub(crate) async fn run(
    arguments: DemoArgs,
    file: Option<&Path>,
    environment: &Environment,
) -> Result<u8, Failure> {
    let customers = plan::customers(arguments.orders);
    let (stage, node_server) = Stage::set(&arguments, &customers).await?;
    let played = async {
        match file {
            None => in_process::run(&arguments, environment, &stage, &customers).await,
            Some(file) => instances::run(&arguments, file, environment, &stage, &customers).await,
        }
    };
    let producer = run_producer(stage.node.clone(), stage.clock.clone(), stage.block_time);
    tokio::select! {
        biased;
        code = played => code,
        error = producer => Err(Failure::new(format!("the chain stopped: {error}"))),
        ended = node_server => Err(Failure::new(format!("the node stopped: {ended:?}"))),
    }
}
