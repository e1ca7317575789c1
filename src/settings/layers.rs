//! Laying texts over one another and reading the result, so that every mistake is found in one go.

use super::{DEFAULT, Environment};
use serde::de::DeserializeOwned;
use std::{collections::BTreeSet, fmt};
use toml::{Table, Value};

/// One mistake in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The key, such as `http.listen`, or the file or variable.
    pub key: String,
    /// What is wrong with it. Never the value of a secret.
    pub text: String,
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(BTreeSet<Problem>);

impl Problems {
    /// A single mistake.
    pub fn one(key: &str, text: &str) -> Self {
        let mut problems = Self::default();
        problems.add(key, text);
        problems
    }

    /// Adds a mistake.
    pub fn add(&mut self, key: &str, text: &str) {
        self.0.insert(Problem { key: key.to_owned(), text: text.to_owned() });
    }

    /// The mistakes, by key.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// The value, if nothing is wrong.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}: {}", problem.key, problem.text)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Lays `texts` and the environment over the default and reads the result.
pub(super) fn read<T: DeserializeOwned>(texts: &[&str], environment: &Environment) -> Result<T, Problems> {
    let default: Table =
        DEFAULT.parse().map_err(|error: toml::de::Error| Problems::one("default", error.message()))?;
    let mut problems = Problems::default();
    let mut merged = default.clone();
    for text in texts {
        match text.parse::<Table>() {
            Ok(table) => lay_over(&mut merged, table, &default, "", &mut problems),
            Err(error) => problems.add(&place_of(text, &error), error.message()),
        }
    }
    for (path, value) in environment.settings(&default, &mut problems) {
        set(&mut merged, &path, value);
    }
    match read_collecting(merged, &default, &mut problems) {
        Some(value) => problems.into_result(value),
        None => Err(problems),
    }
}

/// Where a TOML text stopped making sense.
fn place_of(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or(1, |span| {
        text.bytes().take(span.start).filter(|byte| *byte == b'\n').count().saturating_add(1)
    });
    format!("line {line}")
}

/// Lays a table over another. A key that the default does not have is a mistake.
fn lay_over(below: &mut Table, above: Table, shape: &Table, prefix: &str, problems: &mut Problems) {
    for (key, value) in above {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        let Some(known) = shape.get(&key) else {
            problems.add(&path, &unknown(&key, shape));
            continue;
        };
        match (value, known, below.get_mut(&key)) {
            (Value::Table(above), Value::Table(shape), Some(Value::Table(below))) => {
                lay_over(below, above, shape, &path, problems);
            }
            (_, Value::Table(_), _) => problems.add(&path, "is a section, not a value"),
            (value, _, _) => {
                below.insert(key, value);
            }
        }
    }
}

/// Says that a key is unknown, and which one may have been meant.
fn unknown(key: &str, shape: &Table) -> String {
    let near = shape.keys().map(|known| (distance(key, known), known)).min();
    match near {
        Some((distance, known)) if distance <= 3 => format!("unknown key; did you mean `{known}`?"),
        _ => "unknown key".to_owned(),
    }
}

/// How many letters must be changed to make one word the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let best = if x == *y { diagonal } else { diagonal.min(*cell).min(left).saturating_add(1) };
            diagonal = *cell;
            *cell = best;
            left = best;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// Sets the value at a path of a table.
fn set(table: &mut Table, path: &[String], value: Value) {
    match path {
        [] => {}
        [key] => {
            table.insert(key.clone(), value);
        }
        [key, rest @ ..] => {
            if let Some(Value::Table(inner)) = table.get_mut(key) {
                set(inner, rest, value);
            }
        }
    }
}

/// The value at a path of a table.
fn get<'a>(table: &'a Table, path: &[String]) -> Option<&'a Value> {
    let (last, sections) = path.split_last()?;
    let mut table = table;
    for section in sections {
        table = table.get(section)?.as_table()?;
    }
    table.get(last)
}

/// Reads a table. Where a value does not fit, notes it, puts the default in its place and reads on, so that one
/// mistake does not hide the next. `None` where that does not lead to the end.
fn read_collecting<T: DeserializeOwned>(
    mut table: Table,
    default: &Table,
    problems: &mut Problems,
) -> Option<T> {
    for _ in 0..200 {
        let error = match serde_path_to_error::deserialize(Value::Table(table.clone())) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let shown = error.path().to_string();
        problems.add(&shown, error.inner().message().trim());
        let names: Vec<String> = error
            .path()
            .iter()
            .map_while(|segment| match segment {
                serde_path_to_error::Segment::Map { key } => Some(key.clone()),
                _ => None,
            })
            .collect();
        // The longest part of the path for which the default knows a value.
        let known = (1..=names.len()).rev().find_map(|length| {
            let path = names.get(..length)?;
            get(default, path).map(|value| (path, value.clone()))
        });
        let (path, value) = known?;
        set(&mut table, path, value);
    }
    None
}
