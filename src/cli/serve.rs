//! `leyden serve`: the service itself, from start to end.

use super::{Failure, args::ServeArgs, line};
use crate::{Application, Settings, telemetry};
use leyden_actors::kernel::Shutdown;
use std::{
    io,
    sync::{Arc, OnceLock},
    thread,
};

/// Exit code where whoever started the service is gone.
const ABANDONED: i32 = 70;

pub(super) async fn run(settings: Settings, arguments: ServeArgs) -> Result<u8, Failure> {
    let running = Arc::new(OnceLock::new());
    if arguments.while_stdin_is_open {
        end_with_stdin(Arc::clone(&running))?;
    }
    telemetry::start_logging(&settings.log).map_err(Failure::new)?;
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    let application = Application::build(settings).await?.heed_signals()?;
    running.get_or_init(|| application.handles().shutdown().clone());
    line(format_args!("listening on http://{}", application.address()))?;
    tracing::info!(address = %application.address(), "serving on {}", application.address());
    let ending = application.run().await;
    tracing::info!(code = ending.code, "ended: {}", ending.why);
    Ok(ending.code)
}

/// Ends the process with its standard input, whatever else it is doing: a pipe closes even where whoever holds its
/// other end is killed. A line read from it asks for an orderly end instead.
pub(super) fn end_with_stdin(running: Arc<OnceLock<Shutdown>>) -> io::Result<()> {
    let wait = move || {
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line);
        match running.get() {
            Some(shutdown) if read.is_ok_and(|bytes| bytes > 0) => {
                shutdown.request(0, "asked to on standard input");
            }
            _ => std::process::exit(ABANDONED),
        }
    };
    thread::Builder::new().name("stdin".to_owned()).spawn(wait).map(drop)
}
