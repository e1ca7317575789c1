//! How the service ends. Whoever wants it to end asks the shutdown that all share; then HTTP stops taking requests
//! and finishes those it has, then the actors stop. A second signal ends it at once: everything is in the books.

use actix_web::dev::Server;
use leyden_actors::{
    Handles,
    kernel::{Ending, Shutdown},
};
use std::{future::Future, pin::pin, time::Duration};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit code of a service that a second signal ended.
pub(crate) const INTERRUPTED: u8 = 130;
/// How often metrics are tended.
const UPKEEP: Duration = Duration::from_secs(5);

/// The signals that end a service.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Begins to listen for them.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Waits for signals: the first asks for the end, the second does not wait for it.
async fn obey(signals: Option<Signals>, shutdown: &Shutdown) -> Ending {
    let Some(mut signals) = signals else { return std::future::pending().await };
    let name = signals.next().await;
    tracing::info!(signal = name, "stopping; a second signal ends at once");
    shutdown.request(0, name);
    let name = signals.next().await;
    Ending { code: INTERRUPTED, why: format!("{name} again") }
}

/// Runs the service to its end.
pub(crate) async fn run(
    server: Server,
    handles: Handles,
    signals: Option<Signals>,
    grace: Duration,
    tend: impl Fn(),
) -> Ending {
    let shutdown = handles.shutdown().clone();
    let mut impatient = pin!(obey(signals, &shutdown));
    let orderly = pin!(orderly(server, &handles, &shutdown, grace, tend));
    tokio::select! {
        biased;
        ending = &mut impatient => ending,
        ending = orderly => ending,
    }
}

/// Serves until somebody asks for the end, then stops HTTP, then the actors.
async fn orderly(
    server: Server,
    handles: &Handles,
    shutdown: &Shutdown,
    grace: Duration,
    tend: impl Fn(),
) -> Ending {
    let stopper = server.handle();
    let mut server = pin!(server);
    let mut tick = tokio::time::interval(UPKEEP);
    let asked = shutdown.wait();
    let mut asked = pin!(asked);
    loop {
        tokio::select! {
            biased;
            ended = &mut server => {
                let why = match ended {
                    Ok(()) => "HTTP ended by itself".to_owned(),
                    Err(error) => format!("HTTP failed: {error}"),
                };
                shutdown.request(1, why);
                break;
            }
            _ = &mut asked => {
                // The server must be polled to hear that it is to stop.
                both(stopper.stop(true), server).await;
                break;
            }
            _ = tick.tick() => tend(),
        }
    }
    handles.run(grace).await
}

async fn both(stop: impl Future<Output = ()>, server: impl Future<Output = std::io::Result<()>>) {
    let ((), ended) = futures_util::future::join(stop, server).await;
    if let Err(error) = ended {
        tracing::warn!(%error, "HTTP did not end in order");
    }
}
