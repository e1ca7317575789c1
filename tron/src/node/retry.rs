//! Repeats reads. The only place that does: an answer that says "not now" may come a moment later, and asking
//! twice changes nothing. Writes never pass through here.

use super::NodeSettings;
use backoff::{ExponentialBuilder, Retryable};
use leyden_ports::ChainError;
use std::{future::Future, time::Duration};

const FIRST_WAIT: Duration = Duration::from_millis(150);

/// Does a read until it succeeds, is refused for good, or has been tried often enough.
pub(super) async fn repeat<T, F, Fut>(settings: &NodeSettings, what: &str, read: F) -> Result<T, ChainError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, ChainError>>,
{
    let longest = Duration::from_millis(settings.longest_wait_ms);
    let repetitions = usize::try_from(settings.attempts.saturating_sub(1)).unwrap_or(0);
    read.retry(
        ExponentialBuilder::default()
            .with_min_delay(FIRST_WAIT.min(longest))
            .with_max_delay(longest)
            .with_max_times(repetitions)
            .with_jitter(),
    )
    .when(is_transient)
    .adjust(|error, planned| {
        let wait = planned?.max(asked(error));
        (asked(error) <= longest).then_some(wait)
    })
    .notify(|error, wait| tracing::debug!(what, %error, wait_ms = wait.as_millis(), "node read is repeated"))
    .await
}

/// Whether asking the same node again at once may help. A block that fails verification may come right from
/// another node, hardly from this one, so the caller is told at once.
fn is_transient(error: &ChainError) -> bool {
    matches!(error, ChainError::Unavailable(_) | ChainError::RateLimited { .. } | ChainError::Malformed(_))
}

/// The wait that the node itself asked for.
fn asked(error: &ChainError) -> Duration {
    match error {
        ChainError::RateLimited { retry_after: Some(span) } => {
            Duration::from_millis(u64::try_from(span.ms()).unwrap_or(0))
        }
        _ => Duration::ZERO,
    }
}
