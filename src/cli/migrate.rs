//! `leyden migrate`: the database's schema, brought up to date on purpose; and all books moved from SQLite to
//! PostgreSQL.

use super::{Failure, args::MigrateArgs, line};
use crate::{
    Settings,
    settings::without_credentials,
    wiring::{StartError, open_books, open_books_to_move, open_store},
};
use leyden_store::{MigrationMode, OpenError, transfer};

pub(super) async fn run(settings: Settings, arguments: MigrateArgs) -> Result<u8, Failure> {
    if let Some(from) = arguments.from {
        return copy(&from, arguments.to.as_deref().unwrap_or(&settings.database.url)).await;
    }
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

/// Copies all books from one database to another. Both are brought up to date first, so that they are alike.
async fn copy(from: &str, to: &str) -> Result<u8, Failure> {
    let names = (without_credentials(from), without_credentials(to));
    if !from.starts_with("sqlite:") || from.contains(":memory:") || !to.starts_with("postgres") {
        return Err(Failure::new("books are moved --from sqlite:PATH --to postgres://… and in no other way"));
    }
    let path =
        from.trim_start_matches("sqlite:").trim_start_matches("//").split('?').next().unwrap_or_default();
    // Opening would make it.
    if !std::path::Path::new(path).exists() {
        return Err(Failure::new(format!("{}: there is no such database", names.0)));
    }
    let source = open_books_to_move(from).await?;
    let target = open_books(to, MigrationMode::Apply).await?;
    let moved = transfer(&source, &target).await.map_err(|error| Failure::new(error.to_string()))?;
    source.close().await;
    target.close().await;
    for (table, rows) in &moved.tables {
        line(format_args!("{rows:>10}  {table}"))?;
    }
    for violation in &moved.violations {
        line(format_args!("broken in the source, and in the copy as it was: {violation}"))?;
    }
    line(format_args!("{} was copied to {}: the same rows, the same books", names.0, names.1))?;
    line(format_args!("{} does not start any more", names.0))?;
    Ok(0)
}
