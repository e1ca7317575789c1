//! Partitions of orders by time, where the database has them: made ahead, by a function that has the rights for it.

use crate::{
    SqlStore,
    db::{Conn, one},
};
use leyden_domain::Timestamp;
use leyden_ports::store::StoreError;

/// Months made ahead of the present one. Orders of a month that nobody made go to the rest, and lose nothing by it.
const AHEAD: i32 = 3;

/// Makes the partitions of the months from a moment on; how many were made.
async fn make(conn: &mut Conn, from: Timestamp) -> Result<i64, StoreError> {
    match conn {
        Conn::Lite(_) => Ok(0),
        Conn::Pg(_) => {
            let (made,): (i64,) = one!(conn, "SELECT make_order_partitions($1, $2)", from.ms(), AHEAD)?;
            Ok(made)
        }
    }
}

impl SqlStore {
    /// Makes what is missing. Where that fails orders are kept all the same, so it is no reason to stop.
    pub(crate) async fn make_partitions(&self, now: Timestamp) {
        match self.write(move |conn| Box::pin(make(conn, now))).await {
            Ok(0) => {}
            Ok(made) => tracing::info!(made, "partitions of orders were made"),
            Err::<_, StoreError>(error) => tracing::warn!(%error, "partitions of orders could not be made"),
        }
    }
}
