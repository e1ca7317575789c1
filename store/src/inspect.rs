//! Questions about the books as a whole, for metrics and for `leyden doctor`.

use crate::{
    SqlStore,
    db::{all, one},
    row::{Place, row},
};
use async_trait::async_trait;
use leyden_domain::{Height, OrderId, Sun, Timestamp};
use leyden_ports::store::{Connections, InspectStore, StoreError, StrangeDelegation};

row!(
    /// A delegation that no attempt explains.
    StrangeRow {
        tx_id: String,
        owner: String,
        receiver: Option<String>,
        action: String,
        balance: Option<i64>,
        height: i64,
        block_time: i64,
    }
);

impl StrangeRow {
    fn read(self, orders: Vec<OrderId>) -> Result<StrangeDelegation, StoreError> {
        let place = Place::new("resource_events", &self.tx_id);
        Ok(StrangeDelegation {
            tx_id: place.parse("tx_id", &self.tx_id)?,
            owner: place.parse("owner", &self.owner)?,
            receiver: place.parse("receiver", self.receiver.as_deref().unwrap_or_default())?,
            is_given: self.action == "delegate",
            balance: Sun::new(self.balance.unwrap_or_default()),
            height: Height::new(self.height),
            at: Timestamp::from_ms(self.block_time),
            orders,
        })
    }
}

/// Each part has its own partial index.
const OLDEST: &str = "SELECT MIN(at) FROM (\
     SELECT MIN(payment_time) AS at FROM orders WHERE state = 'paid' \
     UNION ALL SELECT MIN(payment_time) FROM orders WHERE state = 'funded' \
     UNION ALL SELECT MIN(payment_time) FROM orders \
     WHERE state IN ('reserved', 'delegating', 'reclaiming') AND state <> 'reclaiming') AS unserved";

const STRANGE: &str = "SELECT e.tx_id, e.owner, e.receiver, e.action, e.balance, e.height, e.block_time \
     FROM resource_events e JOIN energy_pools p ON p.address = e.owner \
     WHERE e.block_time >= $1 AND e.action IN ('delegate', 'undelegate') \
     AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.tx_id = e.tx_id) \
     ORDER BY e.height DESC, e.position DESC LIMIT $2";

const UNSERVED_FOR: &str = "SELECT id FROM orders WHERE recipient_address = $1 \
     AND state IN ('paid', 'funded', 'reserved', 'delegating') ORDER BY created_at, id";

#[async_trait]
impl InspectStore for SqlStore {
    async fn connections(&self) -> Result<Option<Connections>, StoreError> {
        Ok(None)
    }

    async fn oldest_unserved(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut conn = self.db.read().await?;
        let (oldest,): (Option<i64>,) = one!(conn, OLDEST)?;
        Ok(oldest.map(Timestamp::from_ms))
    }

    async fn strange_delegations(
        &self,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<StrangeDelegation>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows: Vec<StrangeRow> = all!(conn, STRANGE, since.ms(), i64::from(limit))?;
        let mut strange = Vec::with_capacity(rows.len());
        for row in rows {
            let receiver = row.receiver.clone().unwrap_or_default();
            let ids: Vec<(String,)> = all!(conn, UNSERVED_FOR, receiver)?;
            let orders = ids
                .iter()
                .map(|(id,)| Place::new("orders", id).parse("id", id))
                .collect::<Result<_, StoreError>>()?;
            strange.push(row.read(orders)?);
        }
        Ok(strange)
    }
}
