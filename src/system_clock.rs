//! The machine's clock, as the port wants it. Nothing else in the project asks the machine what time it is.

use leyden_domain::Timestamp;
use leyden_ports::Clock;
use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the adapter behind the Clock port")]
    fn now(&self) -> Timestamp {
        // Before 1970 there is nothing to sell; a clock that says so reads as the epoch.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}
