//! Partitions of orders by time, where the database has them: made ahead, by a function that has the rights for it.

use crate::{
    SqlStore,
    db::{Conn, one},
};
use leyden_domain::Timestamp;
use leyden_ports::store::StoreError;

/// Months made ahead of the present one. Orders of a month that nobody made go to the rest, and lose nothing by it.
const AHEAD: i32 = 3;

/// A month and its neighbours are never shorter.
const SHORTEST_MONTH_MS: i64 = 28 * 86_400_000;

/// Makes the partitions of the months from one moment to another, and of some months after it; how many were made.
pub(crate) async fn make_between(conn: &mut Conn, from: Timestamp, to: Timestamp) -> Result<i64, StoreError> {
    match conn {
        Conn::Lite(_) => Ok(0),
        Conn::Pg(_) => {
            let months = to.ms().saturating_sub(from.ms()).checked_div(SHORTEST_MONTH_MS).unwrap_or(0);
            let months = i32::try_from(months).unwrap_or(i32::MAX).saturating_add(AHEAD);
            let (made,): (i64,) = one!(conn, "SELECT make_order_partitions($1, $2)", from.ms(), months)?;
            Ok(made)
        }
    }
}

impl SqlStore {
    /// Makes what is missing. Where that fails orders are kept all the same, so it is no reason to stop.
    pub(crate) async fn make_partitions(&self, now: Timestamp) {
        match self.write(move |conn| Box::pin(make_between(conn, now, now))).await {
            Ok(0) => {}
            Ok(made) => tracing::info!(made, "partitions of orders were made"),
            Err::<_, StoreError>(error) => tracing::warn!(%error, "partitions of orders could not be made"),
        }
    }
}
