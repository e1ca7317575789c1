//! What a row looks like: its columns by name. Two kinds of value are all that the books have, whole numbers and texts;
//! the same row always gives the same JSON.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// The form of the bodies.
const VERSION: u32 = 1;

/// One column's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Field {
    /// NULL.
    Null,
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

impl From<i64> for Field {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for Field {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Columns of a row, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image(BTreeMap<String, Field>);

/// How it is written.
#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    row: &'a BTreeMap<String, Field>,
}

/// How it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    v: u32,
    row: BTreeMap<String, Field>,
}

impl Image {
    /// Adds a column.
    #[must_use]
    pub fn with(mut self, column: &str, value: impl Into<Field>) -> Self {
        self.set(column, value.into());
        self
    }

    /// Sets a column.
    pub fn set(&mut self, column: &str, value: Field) {
        self.0.insert(column.to_owned(), value);
    }

    /// A column.
    pub fn get(&self, column: &str) -> Option<&Field> {
        self.0.get(column)
    }

    /// All columns, by name.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Field)> {
        self.0.iter().map(|(column, value)| (column.as_str(), value))
    }

    /// Keeps the columns that `wanted` says.
    pub fn retain(&mut self, mut wanted: impl FnMut(&str, &Field) -> bool) {
        self.0.retain(|column, value| wanted(column, value));
    }

    /// Without the columns that are NULL.
    #[must_use]
    pub fn dense(mut self) -> Self {
        self.0.retain(|_, value| *value != Field::Null);
        self
    }

    /// Takes over the columns of a later image.
    pub fn overlay(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    /// Its canonical JSON: columns by name, no spaces.
    pub fn encode(&self) -> String {
        // Texts and numbers cannot fail to be written.
        serde_json::to_string(&Written { v: VERSION, row: &self.0 }).unwrap_or_default()
    }

    /// Reads what [`Image::encode`] wrote. `None` for anything else.
    pub fn decode(body: &str) -> Option<Self> {
        let read: Read = serde_json::from_str(body).ok()?;
        (read.v == VERSION).then_some(Self(read.row))
    }

    /// Reads the bare object of columns that a database makes of a row.
    pub fn from_columns(object: &str) -> Option<Self> {
        serde_json::from_str(object).ok().map(Self)
    }

    /// The first column, by name, in which two images differ: its name, what it is here and what it is there. A column
    /// that is not there is NULL.
    pub fn first_difference(&self, other: &Self) -> Option<(String, Field, Field)> {
        let value = |image: &Self, column: &str| image.get(column).cloned().unwrap_or(Field::Null);
        let columns = self.0.keys().chain(other.0.keys()).collect::<std::collections::BTreeSet<_>>();
        columns
            .into_iter()
            .map(|column| (column.clone(), value(self, column), value(other, column)))
            .find(|(_, here, there)| here != there)
    }
}
