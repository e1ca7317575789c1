//! `leyden serve`: the service itself, from start to end.

use super::{Failure, line};
use crate::{Application, Settings, telemetry};

pub(super) async fn run(settings: Settings) -> Result<u8, Failure> {
    telemetry::start_logging(&settings.log).map_err(Failure::new)?;
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    let application = Application::build(settings).await?.heed_signals()?;
    line(format_args!("listening on http://{}", application.address()))?;
    tracing::info!(address = %application.address(), "serving on {}", application.address());
    let ending = application.run().await;
    tracing::info!(code = ending.code, "ended: {}", ending.why);
    Ok(ending.code)
}
