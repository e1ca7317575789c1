//! The demonstration itself, wherever the service runs: customers live, a line a second says how it goes, and at the
//! end the judge speaks.

use super::{
    api::Api,
    audit::Audit,
    customer::{self, World as CustomerWorld},
    doors::Doors,
    judge::{Case, Judge, Statement},
    notebook::Notebook,
    plan::Customer,
    report::Report,
    stage::{self, Stage},
};
use crate::cli::{DemoArgs, Failure, json, line};
use futures_util::{StreamExt, stream::FuturesUnordered};
use leyden_ports::{ChainError, ChainReader};
use serde_json::Value;
use std::{fmt::Write as _, sync::Arc, time::Duration};

/// The file of the folder in which customers write down what they did.
pub(super) const NOTEBOOK: &str = "customers.jsonl";
/// Exit code where something was lost, doubled or left undone.
pub(super) const UNCLEAN: u8 = 1;
/// Longest wait for one answer. An instance that hangs must not keep a customer for long: there are others.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many blocks later than the last customer the service may see what that customer saw in the chain.
const BLOCKS_TO_FINISH: i64 = 40;

/// A show that can begin.
pub(super) struct Show<'a> {
    arguments: &'a DemoArgs,
    stage: &'a Stage,
    customers: &'a [Customer],
    world: CustomerWorld,
    say: Say,
}

impl<'a> Show<'a> {
    /// Prepares one for a service that answers at these doors to this API key.
    pub(super) fn new(
        arguments: &'a DemoArgs,
        stage: &'a Stage,
        customers: &'a [Customer],
        doors: &Arc<Doors>,
        key: &str,
    ) -> Result<Self, Failure> {
        let notebook = Notebook::open(&stage.folder.file(NOTEBOOK))?;
        let http = leyden_tron::node::http_client(Duration::from_secs(1), PATIENCE)
            .map_err(|error| Failure::new(error.to_string()))?;
        let world = CustomerWorld {
            api: Api::new(http, Arc::clone(doors), key.to_owned()),
            node: Arc::clone(&stage.client),
            notebook,
            clock: Arc::clone(&stage.clock),
            payment_address: stage::payment_address(),
            refund_address: stage::refund_address(),
            unit_price: stage::UNIT_PRICE,
            pace: stage.pace(),
            run: stage.run.clone(),
        };
        Ok(Self { arguments, stage, customers, world, say: Say::new(arguments) })
    }

    /// Runs it to the judgement; the exit code that this gives.
    pub(super) async fn run(&self) -> Result<u8, Failure> {
        self.reading_has_begun().await;
        let report = self.play().await?;
        self.say.line(format_args!("\n{}", report.table()))?;
        if self.arguments.json {
            json(&report.totals)?;
        }
        Ok(if report.is_clean() { 0 } else { UNCLEAN })
    }

    /// Waits until the service has read a block. It begins near the head of the chain: whatever was paid before its very
    /// first block is nobody's.
    async fn reading_has_begun(&self) {
        let reads = |(_, status): &(usize, Option<Value>)| {
            status.as_ref().is_some_and(|status| !status["chain"]["processed"].is_null())
        };
        while !self.world.api.glance().await.iter().any(reads) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Lets the customers live, shows how it goes, and judges when all is over.
    async fn play(&self) -> Result<Report, Failure> {
        // Whoever has begun in an earlier life goes on at once; the others come one after the other.
        let every = self.arguments.every.duration();
        let mut yet_to_come = 0_u32;
        let mut lives: FuturesUnordered<_> = self
            .customers
            .iter()
            .map(|customer| {
                let has_begun = self.world.notebook.read(customer.number).amount_sun.is_some();
                let waits = if has_begun { Duration::ZERO } else { every.saturating_mul(yet_to_come) };
                yet_to_come = yet_to_come.saturating_add(u32::from(!has_begun));
                async move {
                    tokio::time::sleep(waits).await;
                    (*customer, customer::live(*customer, &self.world).await)
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
                        let outcome = outcome.map_err(|trouble| trouble.to_string());
                        cases.push(Case { customer, entry: self.world.notebook.read(customer.number), outcome });
                    }
                },
                _ = tick.tick() => {
                    let now = self.progress(cases.len()).await;
                    if now != last {
                        self.say.line(&now)?;
                        last = now;
                    }
                }
            }
        }
        cases.sort_by_key(|case| case.customer.number);
        self.judge(&cases).await
    }

    /// What the service says once it has finished, or has had time enough to.
    async fn statement(&self) -> Result<Statement, Failure> {
        let head = || self.stage.node.chain().head().number();
        let last = head().saturating_add(BLOCKS_TO_FINISH);
        loop {
            let is_last = head() >= last;
            let statement =
                self.world.api.statement().await.map_err(|error| Failure::new(error.to_string()))?;
            if statement.unfinished.is_empty() || is_last {
                return Ok(statement);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn judge(&self, cases: &[Case]) -> Result<Report, Failure> {
        let unread = |error: ChainError| Failure::new(format!("the chain cannot be read: {error}"));
        let node = &self.stage.node;
        let statement = self.statement().await?;
        let audit =
            Audit::read(node, stage::payment_address(), stage::refund_address()).await.map_err(unread)?;
        let pool = node.pool_account(leyden_sim::keys::pool_address(0)).await.map_err(unread)?;
        let judge = Judge {
            audit: &audit,
            statement: &statement,
            ratio: pool.ratio,
            max_transactions: stage::MAX_TRANSACTIONS,
        };
        Ok(Report::of(cases, &judge))
    }

    /// One line of how it goes.
    async fn progress(&self, done: usize) -> String {
        let head = self.stage.node.chain().head().number();
        let mut text = format!("block {head:>5}   {done}/{} customers done  ", self.customers.len());
        let seen = self.world.api.glance().await;
        let orders = seen.iter().find_map(|(_, status)| status.as_ref()?.get("orders")?.as_object());
        match orders {
            None => text.push_str(" the service does not answer"),
            Some(orders) => {
                for (state, count) in orders.iter().filter(|(_, count)| **count != 0) {
                    // Writing to a string cannot fail.
                    let _infallible = write!(text, " {state} {count} ");
                }
            }
        }
        if seen.len() > 1 {
            let _infallible = write!(text, "  [{}]", roles(&seen));
        }
        text
    }

    /// Says who leads whenever that changes, without an end.
    pub(super) async fn watch_roles(&self) -> Result<u8, Failure> {
        let mut last = String::new();
        loop {
            let now = roles(&self.world.api.glance().await);
            if now != last {
                self.say.line(&now)?;
                last = now;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Which instance does what, as far as they answer.
fn roles(seen: &[(usize, Option<Value>)]) -> String {
    let role = |status: &Option<Value>| status.as_ref()?.get("role")?.as_str().map(str::to_owned);
    let roles = seen.iter().map(|(instance, status)| {
        format!("{} {}", instance.saturating_add(1), role(status).as_deref().unwrap_or("silent"))
    });
    roles.collect::<Vec<_>>().join(", ")
}

/// Where the story goes: to standard output, or out of the way of the one JSON object that is to stand there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Say {
    json: bool,
}

impl Say {
    pub(super) const fn new(arguments: &DemoArgs) -> Self {
        Self { json: arguments.json }
    }

    pub(super) fn line(self, text: impl std::fmt::Display) -> Result<(), Failure> {
        if self.json { crate::cli::aside(text) } else { line(text) }
    }
}
