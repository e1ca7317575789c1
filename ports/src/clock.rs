//! The wall clock. Used for timestamps of records and of transactions; deadlines that touch money are measured
//! in chain time, never here.

use leyden_domain::Timestamp;

/// Says what time it is.
pub trait Clock: Send + Sync + 'static {
    /// Now, by this machine's clock.
    fn now(&self) -> Timestamp;
}
