//! Price and resource configurations: JSON documents under a name.

use crate::{
    SqlStore,
    db::{all, exec, opt},
    row::{convert, row},
};
use leyden_domain::Timestamp;
use leyden_ports::store::{ConfigDocument, StoreError};
use serde::Serialize;

row!(
    /// A document.
    DocumentRow { name: String, config: String, is_active: i64, updated_at: i64 }
);

impl TryFrom<DocumentRow> for ConfigDocument {
    type Error = StoreError;

    fn try_from(row: DocumentRow) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.name,
            config: row.config,
            is_active: row.is_active != 0,
            updated_at: Timestamp::from_ms(row.updated_at),
        })
    }
}

/// The statements of one kind of document.
pub(crate) struct Kind {
    pub(crate) one: &'static str,
    pub(crate) all: &'static str,
    pub(crate) put: &'static str,
    /// What the journal calls a change of one.
    pub(crate) told: &'static str,
}

/// What the journal has of a change: who sells at which price is what money hangs on.
#[derive(Serialize)]
struct Put<'a> {
    config: &'a str,
    active: bool,
}

/// Prices, by `mode_type`.
pub(crate) const PRICES: Kind = Kind {
    one: "SELECT mode_type AS name, config, is_active, updated_at FROM price_configs WHERE mode_type = $1",
    all: "SELECT mode_type AS name, config, is_active, updated_at FROM price_configs ORDER BY mode_type",
    put: "INSERT INTO price_configs (mode_type, config, is_active, created_at, updated_at) \
          VALUES ($1, $2, $3, $4, $4) \
          ON CONFLICT (mode_type) DO UPDATE SET config = excluded.config, is_active = excluded.is_active, \
          updated_at = excluded.updated_at",
    told: "config.price",
};

/// Resources, by `resource_type`.
pub(crate) const RESOURCES: Kind = Kind {
    one: "SELECT resource_type AS name, config, is_active, updated_at FROM resource_consumption_configs \
          WHERE resource_type = $1",
    all: "SELECT resource_type AS name, config, is_active, updated_at FROM resource_consumption_configs \
          ORDER BY resource_type",
    put: "INSERT INTO resource_consumption_configs (resource_type, config, is_active, created_at, updated_at) \
          VALUES ($1, $2, $3, $4, $4) \
          ON CONFLICT (resource_type) DO UPDATE SET config = excluded.config, is_active = excluded.is_active, \
          updated_at = excluded.updated_at",
    told: "config.resource",
};

impl SqlStore {
    pub(crate) async fn document(
        &self,
        kind: &'static Kind,
        name: &str,
    ) -> Result<Option<ConfigDocument>, StoreError> {
        let mut conn = self.db.read().await?;
        let found: Option<DocumentRow> = opt!(conn, kind.one, name.to_owned())?;
        found.map(ConfigDocument::try_from).transpose()
    }

    pub(crate) async fn documents(&self, kind: &'static Kind) -> Result<Vec<ConfigDocument>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows: Vec<DocumentRow> = all!(conn, kind.all)?;
        convert(rows)
    }

    pub(crate) async fn put_document(
        &self,
        kind: &'static Kind,
        document: ConfigDocument,
    ) -> Result<(), StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let known: Option<DocumentRow> = opt!(conn, kind.one, document.name.clone())?;
                let is_active = i64::from(document.is_active);
                if known.is_none_or(|known| known.config != document.config || known.is_active != is_active) {
                    let put = Put { config: &document.config, active: document.is_active };
                    conn.journal().told(kind.told, &document.name, &put);
                }
                exec!(conn, kind.put, document.name, document.config, is_active, document.updated_at.ms())?;
                Ok(())
            })
        })
        .await
    }
}
