//! Questions about the books as a whole, for metrics and for `leyden doctor`.

use crate::{
    SqlStore,
    db::{Conn, all, one},
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
pub(crate) const OLDEST: &str = "SELECT MIN(at) FROM (\
     SELECT MIN(payment_time) AS at FROM orders WHERE state = 'paid' \
     UNION ALL SELECT MIN(payment_time) FROM orders WHERE state = 'funded' \
     UNION ALL SELECT MIN(payment_time) FROM orders \
     WHERE state IN ('reserved', 'delegating', 'reclaiming') AND state <> 'reclaiming') AS unserved";

pub(crate) const STRANGE: &str = "SELECT e.tx_id, e.owner, e.receiver, e.action, e.balance, e.height, e.block_time \
     FROM resource_events e JOIN energy_pools p ON p.address = e.owner \
     WHERE e.block_time >= $1 AND e.action IN ('delegate', 'undelegate') \
     AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.tx_id = e.tx_id) \
     ORDER BY e.height DESC, e.position DESC LIMIT $2";

pub(crate) const UNSERVED_FOR: &str = "SELECT id FROM orders WHERE recipient_address = $1 \
     AND state IN ('paid', 'funded', 'reserved', 'delegating') ORDER BY created_at, id";

/// What a database says of itself and of the role that we are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// What it is, with its version.
    pub product: String,
    /// What only a server has.
    pub server: Option<ServerFacts>,
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// Its version as a number: 150004 is 15.4.
    pub version: i64,
    /// Its clock.
    pub now: Timestamp,
    /// Whether it would survive a power cut: `fsync` and `full_page_writes`.
    pub is_durable: bool,
    /// Whether it is a standby, which nobody can write to.
    pub is_standby: bool,
    /// How many connections there are.
    pub connections: Option<Connections>,
    /// The role.
    pub role: RoleFacts,
    /// The last month that orders have a partition of, as `2027_02`.
    pub partitions_until: Option<String>,
    /// About how many orders are in the partition for what fits no other.
    pub orders_elsewhere: i64,
}

/// What a role may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleFacts {
    /// Its name.
    pub name: String,
    /// It may do everything.
    pub is_superuser: bool,
    /// It may make tables in our schema.
    pub may_create: bool,
    /// It owns tables of ours, and so may alter and drop them.
    pub owns_tables: bool,
    /// Tables whose rows it may not read and write.
    pub lacks: Vec<String>,
}

pub(crate) const SERVER: &str = "SELECT current_setting('server_version_num')::bigint, \
     (extract(epoch FROM clock_timestamp()) * 1000)::bigint, \
     current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on', pg_is_in_recovery(), \
     current_setting('server_version')::text";

pub(crate) const ROLE: &str = "SELECT current_user::text, r.rolsuper, \
     COALESCE(has_schema_privilege(current_schema(), 'CREATE'), FALSE), \
     EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace \
             AND c.relkind IN ('r', 'p') AND pg_has_role(c.relowner, 'USAGE')) \
     FROM pg_roles r WHERE r.rolname = current_user";

/// What migrations have run is for their owner alone to write; the journal is added to and never changed.
pub(crate) const LACKS: &str = "SELECT c.relname::text FROM pg_class c \
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition \
     AND c.relname <> '_sqlx_migrations' \
     AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') \
              AND (c.relname = 'journal' OR (has_table_privilege(c.oid, 'UPDATE') \
                                             AND has_table_privilege(c.oid, 'DELETE')))) ORDER BY 1";

/// The names of partitions end in their month, and sort by it.
pub(crate) const PARTITIONS: &str = "SELECT MAX(substring(c.relname::text FROM '[0-9]{4}_[0-9]{2}$')) FROM pg_class c \
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relispartition AND c.relname LIKE 'orders\\_%'";

/// An estimate: the role may not read partitions by themselves, and counting takes long where it matters.
pub(crate) const ELSEWHERE: &str = "SELECT COALESCE(MAX(GREATEST(c.reltuples, 0)), 0)::bigint FROM pg_class c \
     WHERE c.oid = to_regclass('orders_rest')";

/// The sum over all databases of the server. Every role may see it.
pub(crate) const BACKENDS: &str = "SELECT COALESCE(SUM(numbackends), 0)::bigint, \
     current_setting('max_connections')::bigint FROM pg_stat_database";

async fn connections(conn: &mut Conn) -> Result<Option<Connections>, StoreError> {
    match conn {
        Conn::Lite(_) => Ok(None),
        Conn::Pg(_) => {
            let (used, limit): (i64, i64) = one!(conn, BACKENDS)?;
            let place = Place::new("pg_stat_database", "");
            Ok(Some(Connections {
                used: place.number("numbackends", used)?,
                limit: place.number("max_connections", limit)?,
            }))
        }
    }
}

impl SqlStore {
    /// What the database says of itself and of the role that we are there.
    pub async fn database_facts(&self) -> Result<DatabaseFacts, StoreError> {
        let mut conn = self.db.read().await?;
        match &conn {
            Conn::Lite(_) => {
                let (version,): (String,) = one!(conn, "SELECT sqlite_version()")?;
                Ok(DatabaseFacts { product: format!("SQLite {version}"), server: None })
            }
            Conn::Pg(_) => server_facts(&mut conn).await,
        }
    }
}

async fn server_facts(conn: &mut Conn) -> Result<DatabaseFacts, StoreError> {
    let (version, now, is_durable, is_standby, text): (i64, i64, bool, bool, String) = one!(conn, SERVER)?;
    let (name, is_superuser, may_create, owns_tables): (String, bool, bool, bool) = one!(conn, ROLE)?;
    let lacks: Vec<(String,)> = all!(conn, LACKS)?;
    let (partitions_until,): (Option<String>,) = one!(conn, PARTITIONS)?;
    let (orders_elsewhere,): (i64,) = one!(conn, ELSEWHERE)?;
    Ok(DatabaseFacts {
        product: format!("PostgreSQL {text}"),
        server: Some(ServerFacts {
            version,
            now: Timestamp::from_ms(now),
            is_durable,
            is_standby,
            connections: connections(conn).await?,
            role: RoleFacts {
                name,
                is_superuser,
                may_create,
                owns_tables,
                lacks: lacks.into_iter().map(|(table,)| table).collect(),
            },
            partitions_until,
            orders_elsewhere,
        }),
    })
}

#[async_trait]
impl InspectStore for SqlStore {
    async fn connections(&self) -> Result<Option<Connections>, StoreError> {
        let mut conn = self.db.read().await?;
        connections(&mut conn).await
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
