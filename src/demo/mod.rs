//! `leyden demo`: the whole service on this machine, on a chain of its own, with customers that buy in every mode
//! and some that pay wrongly. What really happened is judged by reading the chain, not by asking the service. A
//! demonstration that was killed goes on where it was when it is started again on the same folder.

mod api;
mod audit;
mod customer;
mod notebook;
mod plan;
mod report;
mod stage;

use crate::{
    Application,
    cli::{DemoArgs, Failure, json, line},
    http::scope::Scope,
    telemetry,
};
use api::Api;
use audit::Audit;
use customer::World as CustomerWorld;
use futures_util::{StreamExt, future::join, stream::FuturesUnordered};
use leyden_actors::kernel::Shutdown;
use leyden_ports::{ChainReader, store::OrderStore};
use leyden_sim::run_producer;
use notebook::Notebook;
use plan::Customer;
use report::{Case, Report};
use secrecy::ExposeSecret;
use stage::Stage;
use std::{collections::BTreeSet, fmt::Write as _, fs, pin::pin, time::Duration};

/// Customers do not come all at once.
const BETWEEN_CUSTOMERS: Duration = Duration::from_millis(60);
/// Exit code where something was lost, doubled or left undone.
const UNCLEAN: u8 = 1;

/// Runs a demonstration to its end.
pub(crate) async fn run(arguments: DemoArgs) -> Result<u8, Failure> {
    let customers = plan::customers(arguments.orders);
    let (stage, node_server) = Stage::set(&arguments, &customers).await?;
    telemetry::start_logging(&stage.settings.log).map_err(Failure::new)?;
    let application =
        Application::in_world(stage.settings.clone(), stage.world.clone()).await?.heed_signals()?;
    let shutdown = application.handles().shutdown().clone();
    let base = format!("http://{}", application.address());
    let key = api_key(&application, &stage).await?;
    let say = Say { json: arguments.json };
    say.line(format_args!("node     {}   blocks every {}", stage.node_url, arguments.block_time))?;
    say.line(format_args!("API      {base}   key {key}"))?;
    say.line(format_args!("books    {}\n", stage.folder.file("books.sqlite").display()))?;

    let notebook = Notebook::open(&stage.folder.file("customers.jsonl"))?;
    let http = leyden_tron::node::http_client(Duration::from_secs(3), Duration::from_secs(30))
        .map_err(|error| Failure::new(error.to_string()))?;
    let world = CustomerWorld {
        api: Api::new(http, base.clone(), key.clone()),
        node: stage.client.clone(),
        notebook,
        clock: stage.clock.clone(),
        payment_address: stage::payment_address(),
        unit_price: stage::UNIT_PRICE,
        pace: stage.pace(),
        run: stage.run.clone(),
    };

    let show = async {
        let report = {
            let mut play = pin!(play(&stage, &world, &customers, &say));
            tokio::select! {
                biased;
                _ = shutdown.wait() => return Ok(0),
                report = &mut play => report?,
            }
        };
        say.line(format_args!("\n{}", report.table()))?;
        let code = if report.is_clean() { 0 } else { UNCLEAN };
        if arguments.once {
            shutdown.request(code, "the demonstration is over");
        } else {
            say.line(format_args!("Serving on {base} until Ctrl-C. Try:"))?;
            say.line(format_args!("  curl -s -H 'X-API-Key: {key}' {base}/status"))?;
        }
        if arguments.json {
            json(&report.totals)?;
        }
        Ok::<u8, Failure>(code)
    };
    let service = join(application.run(), ending_with(show, &shutdown));
    let producer = run_producer(stage.node.clone(), stage.clock.clone(), stage.block_time);
    let (ending, shown) = tokio::select! {
        biased;
        ended = service => ended,
        error = producer => return Err(Failure::new(format!("the chain stopped: {error}"))),
        ended = node_server => return Err(Failure::new(format!("the node stopped: {ended:?}"))),
    };
    stage.store.close().await;
    Ok(ending.code.max(shown?))
}

/// A show that fails ends the service too; otherwise both would wait for ever.
async fn ending_with(
    show: impl Future<Output = Result<u8, Failure>>,
    shutdown: &Shutdown,
) -> Result<u8, Failure> {
    let shown = show.await;
    if let Err(failure) = &shown {
        shutdown.request(UNCLEAN, failure.text.clone());
    }
    shown
}

/// The demonstration's API key: made once for its folder, so that what was begun with it can be gone on with.
async fn api_key(application: &Application, stage: &Stage) -> Result<String, Failure> {
    let path = stage.folder.file("api-key");
    if let Ok(key) = fs::read_to_string(&path) {
        return Ok(key.trim().to_owned());
    }
    let all: BTreeSet<Scope> = Scope::ALL.iter().copied().collect();
    let key = application.make_api_key("demo", &all).await?;
    fs::write(&path, key.expose_secret())?;
    Ok(key.expose_secret().to_owned())
}

/// Lets the customers live, shows how it goes, and judges when all is over.
async fn play(
    stage: &Stage,
    world: &CustomerWorld,
    customers: &[Customer],
    say: &Say,
) -> Result<Report, Failure> {
    // Whoever has begun in an earlier life goes on at once; the others come one after the other.
    let mut yet_to_come = 0_u32;
    let mut lives: FuturesUnordered<_> = customers
        .iter()
        .map(|customer| {
            let has_begun = world.notebook.read(customer.number).amount_sun.is_some();
            let waits =
                if has_begun { Duration::ZERO } else { BETWEEN_CUSTOMERS.saturating_mul(yet_to_come) };
            yet_to_come = yet_to_come.saturating_add(u32::from(!has_begun));
            async move {
                tokio::time::sleep(waits).await;
                (*customer, customer::live(*customer, world).await)
            }
        })
        .collect();
    let mut cases = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut last = String::new();
    loop {
        tokio::select! {
            biased;
            ended = lives.next() => match ended {
                None => break,
                Some((customer, outcome)) => {
                    let outcome = outcome
                        .inspect_err(|trouble| tracing::error!(customer = customer.number, %trouble, "a customer gave up"))
                        .ok();
                    cases.push(Case { customer, entry: world.notebook.read(customer.number), outcome });
                }
            },
            _ = tick.tick() => {
                let now = progress(stage, cases.len(), customers.len()).await?;
                if now != last {
                    say.line(format_args!("{now}"))?;
                    last = now;
                }
            }
        }
    }
    cases.sort_by_key(|case| case.customer.number);
    let mut audit = Audit::default();
    let unread = |error: leyden_ports::ChainError| Failure::new(format!("the chain cannot be read: {error}"));
    audit.read_on(&stage.node, stage::payment_address()).await.map_err(unread)?;
    let pool = stage.node.pool_account(leyden_sim::keys::pool_address(0)).await.map_err(unread)?;
    Ok(Report::of(cases, &audit, pool.ratio, stage::MAX_TRANSACTIONS))
}

/// One line of how it goes.
async fn progress(stage: &Stage, done: usize, all: usize) -> Result<String, Failure> {
    let head = stage.node.chain().head().number();
    let mut text = format!("block {head:>5}   {done}/{all} customers done  ");
    for (state, count) in stage.store.count_orders().await?.into_iter().filter(|(_, count)| *count > 0) {
        // Writing to a string cannot fail.
        let _infallible = write!(text, " {} {count} ", state.name());
    }
    Ok(text)
}

/// Where the story goes: to standard output, or out of the way of the one JSON object that is to stand there.
struct Say {
    json: bool,
}

impl Say {
    fn line(&self, text: impl std::fmt::Display) -> Result<(), Failure> {
        if self.json { crate::cli::aside(text) } else { line(text) }
    }
}
