//! Rows as the journal has them, read from the tables. The statements are made of the names in `tables` and of
//! placeholders, and of nothing else.

use super::{
    log::Changes,
    tables::{self, Key, Table},
};
use crate::{
    db::{Arg, Conn, failed},
    pg,
    row::Place,
};
use leyden_domain::journal::{Digest, Field, Image};
use leyden_ports::store::StoreError;
use sqlx::AssertSqlSafe;
use std::collections::BTreeMap;

/// How a database writes what differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Lite,
    Pg,
}

impl Dialect {
    pub(super) const fn of(conn: &Conn) -> Self {
        match conn {
            Conn::Lite(_) => Self::Lite,
            Conn::Pg(_) => Self::Pg,
        }
    }
}

/// `SELECT <table>, <id>, <row> FROM` of a table whose rows are called `x`.
fn select(table: &Table, dialect: Dialect) -> String {
    let subject = match table.key {
        Key::Text(key) => format!("x.{key}"),
        Key::Int(key) => format!("CAST(x.{key} AS TEXT)"),
        Key::Pair(one, two) => format!("CAST(x.{one} AS TEXT) || ':' || CAST(x.{two} AS TEXT)"),
    };
    let column = |column: &str| {
        let is_bytes = table.bytes.contains(&column);
        match (is_bytes, dialect) {
            (false, _) => format!("'{column}', x.{column}"),
            (true, Dialect::Lite) => format!("'{column}', LOWER(HEX(x.{column}))"),
            (true, Dialect::Pg) => format!("'{column}', ENCODE(x.{column}, 'hex')"),
        }
    };
    let columns = table.columns().map(column).collect::<Vec<_>>().join(", ");
    let row = match dialect {
        Dialect::Lite => format!("json_object({columns})"),
        Dialect::Pg => format!("CAST(json_build_object({columns}) AS TEXT)"),
    };
    format!("SELECT CAST('{}' AS TEXT), {subject}, {row} FROM", table.name)
}

/// The rows of a table whose ids are in the list that is the `n`th value.
fn by_ids(table: &Table, dialect: Dialect, n: usize) -> String {
    let select = select(table, dialect);
    let (name, of_key) = match table.key {
        Key::Text(key) => (key, "k.id"),
        Key::Int(key) | Key::Pair(key, _) => (key, "CAST(k.id AS BIGINT)"),
    };
    let ids = match dialect {
        Dialect::Lite => format!("(SELECT value AS id FROM json_each(${n})) k"),
        Dialect::Pg => format!("UNNEST(CAST(${n} AS TEXT[])) AS k(id)"),
    };
    format!("{select} {ids} JOIN {} x ON x.{name} = {of_key}", table.name)
}

/// A row of these statements.
type Found = (String, String, String);

/// What the rows that nobody has said are now. Those that are not there any more stay unread.
pub(super) async fn complete(conn: &mut Conn, changes: &mut Changes) -> Result<(), StoreError> {
    let mut wanted: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for ((place, id), row) in &changes.rows {
        if row.is_read {
            wanted.entry(*place).or_default().push(id.clone());
        }
    }
    for (table, id, image) in read(conn, wanted).await? {
        let place = tables::place(table);
        if let Some(row) = changes.rows.get_mut(&(place, id)) {
            row.is_read = false;
            row.image = image;
            if !row.is_new {
                table.only_changing(&mut row.image);
            }
        }
    }
    Ok(())
}

/// Rows of several tables, in one statement.
pub(super) async fn read(
    conn: &mut Conn,
    wanted: BTreeMap<usize, Vec<String>>,
) -> Result<Vec<(&'static Table, String, Image)>, StoreError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let dialect = Dialect::of(conn);
    let places = wanted.keys().filter_map(|place| tables::ALL.get(*place).copied());
    let parts = (1..).zip(places).map(|(n, table)| by_ids(table, dialect, n));
    let sql = AssertSqlSafe(parts.collect::<Vec<_>>().join(" UNION ALL "));
    let found: Vec<Found> = match conn {
        Conn::Lite(lite) => {
            let mut query = sqlx::query_as(sql);
            for ids in wanted.into_values() {
                query = query.bind(list(&ids)?);
            }
            let here = lite.in_place();
            crate::gate::in_place(here, query.fetch_all(lite.get())).await
        }
        Conn::Pg(pg) => {
            pg.fetch_all(sql, wanted.into_values().fold(pg::Args::default(), pg::Args::bind)).await
        }
    }
    .map_err(failed)?;
    found.into_iter().map(image).collect()
}

/// One row whose key has two parts.
pub(super) async fn read_pair(
    conn: &mut Conn,
    table: &'static Table,
    id: &str,
) -> Result<Option<Image>, StoreError> {
    let Key::Pair(one, two) = table.key else { return Ok(None) };
    let Some((first, second)) = pair(id) else { return Ok(None) };
    let select = select(table, Dialect::of(conn));
    let sql = format!("{select} {} x WHERE x.{one} = $1 AND x.{two} = $2", table.name);
    let found = run(conn, sql, vec![Arg::Int(first), Arg::Int(second)]).await?;
    Ok(found.into_iter().next().map(image).transpose()?.map(|(_, _, image)| image))
}

fn pair(id: &str) -> Option<(i64, i64)> {
    let (one, two) = id.split_once(':')?;
    Some((one.parse().ok()?, two.parse().ok()?))
}

/// The statement for a page of a table.
fn page_sql(table: &Table, dialect: Dialect, is_first: bool) -> String {
    let select = select(table, dialect);
    let (key, after) = match table.key {
        Key::Text(key) | Key::Int(key) => (format!("x.{key}"), format!("x.{key} > $2")),
        Key::Pair(one, two) => {
            (format!("x.{one}, x.{two}"), format!("(x.{one}, x.{two}) > ($2, CAST($3 AS BIGINT))"))
        }
    };
    let condition = if is_first { String::new() } else { format!("WHERE {after} ") };
    format!("{select} {} x {condition}ORDER BY {key} LIMIT $1", table.name)
}

/// Rows of a table behind one, in the order of their keys.
pub(super) async fn page(
    conn: &mut Conn,
    table: &'static Table,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<(String, Image)>, StoreError> {
    let bad = || Place::new(table.name, after.unwrap_or_default()).bad("id");
    let mut args = vec![Arg::Int(limit)];
    if let Some(after) = after {
        match table.key {
            Key::Text(_) => args.push(Arg::Text(after.to_owned())),
            Key::Int(_) => args.push(Arg::Int(after.parse().or(Err(bad()))?)),
            Key::Pair(..) => {
                let (one, two) = pair(after).ok_or_else(bad)?;
                args.extend([Arg::Int(one), Arg::Int(two)]);
            }
        }
    }
    let sql = page_sql(table, Dialect::of(conn), after.is_none());
    let found = run(conn, sql, args).await?;
    found.into_iter().map(|row| image(row).map(|(_, id, image)| (id, image))).collect()
}

async fn run(conn: &mut Conn, sql: String, args: Vec<Arg>) -> Result<Vec<Found>, StoreError> {
    let sql = AssertSqlSafe(sql);
    match conn {
        Conn::Lite(lite) => {
            let mut query = sqlx::query_as(sql);
            for arg in args {
                query = match arg {
                    Arg::Int(number) => query.bind(number),
                    Arg::Text(text) => query.bind(text),
                };
            }
            let here = lite.in_place();
            crate::gate::in_place(here, query.fetch_all(lite.get())).await
        }
        Conn::Pg(pg) => {
            let args = args.into_iter().fold(pg::Args::default(), |args, arg| match arg {
                Arg::Int(number) => args.bind(number),
                Arg::Text(text) => args.bind(text),
            });
            pg.fetch_all(sql, args).await
        }
    }
    .map_err(failed)
}

pub(super) fn list<T: serde::Serialize>(values: &[T]) -> Result<String, StoreError> {
    serde_json::to_string(values).map_err(|error| StoreError::Rule(error.to_string()))
}

/// Reads a row; of bytes the hash is kept.
fn image((name, id, columns): Found) -> Result<(&'static Table, String, Image), StoreError> {
    let table = tables::ALL.iter().find(|table| table.name == name);
    let table = *table.ok_or_else(|| StoreError::Rule(format!("nobody journals {name}")))?;
    let mut image = Image::from_columns(&columns).ok_or_else(|| Place::new(table.name, &id).bad("id"))?;
    for column in table.bytes {
        if let Some(Field::Text(digits)) = image.get(column) {
            let bytes = hex::decode(digits).or(Err(Place::new(table.name, &id).bad("id")))?;
            image.set(column, Digest::of(&bytes).to_string().into());
        }
    }
    Ok((table, id, image))
}

/// Every statement that is put together here, for the list of all statements.
#[cfg(test)]
pub(crate) fn every_query(is_pg: bool) -> Vec<String> {
    let dialect = if is_pg { Dialect::Pg } else { Dialect::Lite };
    tables::ALL
        .iter()
        .flat_map(|table| {
            [by_ids(table, dialect, 1), page_sql(table, dialect, true), page_sql(table, dialect, false)]
        })
        .collect()
}
