//! Log lines and metrics of the process.

use crate::settings::{Log, LogFormat};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::{io::IsTerminal, sync::OnceLock};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

/// The modules whose lines LOG_PAYMENT_MONITORING switches.
const PAYMENT_TARGETS: [&str; 3] =
    ["leyden_actors::payment_router", "leyden_actors::payment_watcher", "leyden_actors::block_listener"];
/// The modules whose lines LOG_ENERGY_DELEGATION switches.
const DELEGATION_TARGETS: [&str; 2] = ["leyden_actors::pool_allocator", "leyden_actors::account_agent"];

/// The filter that the configuration asks for.
pub(crate) fn filter(log: &Log) -> Result<EnvFilter, String> {
    // Requirement 001 knows `warn` and `error` by those names; others write `warning`.
    let level = if log.level == "warning" { "warn" } else { log.level.as_str() };
    let mut filter = EnvFilter::try_new(level).map_err(|error| format!("`{level}`: {error}"))?;
    // Whatever it has to say is of one client's connection, and clients can make it say it as often as they like.
    if !level.contains("actix_http") {
        let directive = "actix_http=off".parse().map_err(|error| format!("actix_http: {error}"))?;
        filter = filter.add_directive(directive);
    }
    let switched =
        [(log.payment_monitoring, &PAYMENT_TARGETS[..]), (log.energy_delegation, &DELEGATION_TARGETS[..])];
    for target in switched.into_iter().filter(|(on, _)| !on).flat_map(|(_, targets)| targets) {
        // Problems are never switched off, only the running commentary.
        let directive = format!("{target}=warn").parse().map_err(|error| format!("{target}: {error}"))?;
        filter = filter.add_directive(directive);
    }
    Ok(filter)
}

/// Starts writing log lines to standard error. Does nothing where somebody does so already.
pub fn start_logging(log: &Log) -> Result<(), String> {
    // Escape sequences are for eyes: a file or a collector gets plain lines.
    let coloured = std::io::stderr().is_terminal();
    let registry = tracing_subscriber::registry().with(filter(log)?);
    let started = match log.format {
        LogFormat::Text => registry
            .with(tracing_subscriber::fmt::layer().with_ansi(coloured).with_writer(std::io::stderr))
            .try_init(),
        LogFormat::Json => registry
            .with(tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(std::io::stderr))
            .try_init(),
    };
    if started.is_err() {
        tracing::debug!("log lines are written already");
    }
    Ok(())
}

/// The process's metrics. There is one registry, made on first use.
pub fn metrics() -> Result<PrometheusHandle, String> {
    static HANDLE: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            PrometheusBuilder::new()
                .set_buckets_for_metric(
                    Matcher::Suffix("_seconds".to_owned()),
                    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
                )
                .map_err(|error| error.to_string())?
                .install_recorder()
                .map_err(|error| error.to_string())
        })
        .clone()
}
