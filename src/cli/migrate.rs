//! `leyden migrate`: the database's schema, brought up to date on purpose.

use super::{Failure, line};
use crate::{
    Settings,
    settings::without_credentials,
    wiring::{StartError, open_store},
};
use leyden_store::{MigrationMode, OpenError};

pub(super) async fn run(settings: Settings) -> Result<u8, Failure> {
    let url = without_credentials(&settings.database.url);
    match open_store(&settings, MigrationMode::Refuse).await {
        Ok(store) => {
            store.close().await;
            line(format_args!("{url}: up to date"))?;
        }
        Err(StartError::Database { error: OpenError::Pending(pending), .. }) => {
            let store = open_store(&settings, MigrationMode::Apply).await?;
            store.close().await;
            for name in pending {
                line(format_args!("applied {name}"))?;
            }
            line(format_args!("{url}: up to date"))?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(0)
}
