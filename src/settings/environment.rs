//! The environment as a layer of the configuration. This is the only place that reads variables.

use super::layers::Problems;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// The prefix of our own names: `LEYDEN__SECTION__KEY`.
const PREFIX: &str = "LEYDEN__";

/// How a variable of requirement 001 is written as a setting.
#[derive(Clone, Copy)]
enum Form {
    /// As it stands.
    Plain,
    /// A number of milliseconds.
    Milliseconds,
    /// A number of seconds.
    Seconds,
    /// A number of hours.
    Hours,
}

/// The names that requirement 001 §7.1 gives, and the keys they stand for.
const REQUIREMENT_001: [(&str, &str, Form); 13] = [
    ("TRON_PAYMENT_ADDRESS", "payments.addresses", Form::Plain),
    ("PAYMENT_MONITORING_INTERVAL", "chain.poll_interval", Form::Milliseconds),
    ("PAYMENT_TIMEOUT", "payments.timeout", Form::Milliseconds),
    ("MAX_CONCURRENT_MONITORING", "payments.max_open_orders", Form::Plain),
    ("ENERGY_FLASH_ENABLED", "sales.enabled", Form::Plain),
    ("DEFAULT_ENERGY_PER_TRANSACTION", "sales.energy_per_transfer", Form::Plain),
    ("ENERGY_FLASH_DEFAULT_EXPIRY_HOURS", "sales.rental", Form::Hours),
    ("REDIS_URL", "cache.redis_url", Form::Plain),
    ("REDIS_PAYMENT_MONITORING_KEY_PREFIX", "cache.redis_key_prefix", Form::Plain),
    ("REDIS_CACHE_TTL", "cache.price_ttl", Form::Seconds),
    ("LOG_LEVEL", "log.level", Form::Plain),
    ("LOG_PAYMENT_MONITORING", "log.payment_monitoring", Form::Plain),
    ("LOG_ENERGY_DELEGATION", "log.energy_delegation", Form::Plain),
];

/// The variables that concern us, read once.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, Result<String, ()>>);

impl std::fmt::Debug for Environment {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// Of this process.
    #[expect(clippy::disallowed_methods, reason = "here is where the environment is read")]
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| {
                    let name = name.into_string().ok()?;
                    let ours =
                        name.starts_with(PREFIX) || REQUIREMENT_001.iter().any(|(known, ..)| *known == name);
                    ours.then(|| (name, value.into_string().or(Err(()))))
                })
                .collect(),
        )
    }

    /// From names and values: what tests use.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.to_owned(), Ok(value.to_owned()))).collect())
    }

    /// The same with other variables over it.
    #[must_use]
    pub fn with<'a>(mut self, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.0.extend(Self::of(variables).0);
        self
    }

    /// The settings that the variables stand for. Our own names come last, so they win over those of requirement 001.
    pub(super) fn settings(&self, default: &Table, problems: &mut Problems) -> Vec<(Vec<String>, Value)> {
        let mut settings = Vec::new();
        for (name, key, form) in REQUIREMENT_001 {
            if let Some(text) = self.text(name, problems)
                && let Some(value) = read(default, &path(key), &in_form(text, form), name, problems)
            {
                settings.push((path(key), value));
                // One TTL there, two here.
                if name == "REDIS_CACHE_TTL"
                    && let Some(value) =
                        read(default, &path("cache.resource_ttl"), &in_form(text, form), name, problems)
                {
                    settings.push((path("cache.resource_ttl"), value));
                }
            }
        }
        for name in self.0.keys().filter(|name| name.starts_with(PREFIX)) {
            let path: Vec<String> = name
                .strip_prefix(PREFIX)
                .unwrap_or_default()
                .split("__")
                .map(str::to_ascii_lowercase)
                .collect();
            if let Some(text) = self.text(name, problems)
                && let Some(value) = read(default, &path, text, name, problems)
            {
                settings.push((path, value));
            }
        }
        raise_first_transfer(default, &mut settings);
        settings
    }

    /// A variable's text. Set but empty counts as not set, as compose files write it.
    fn text(&self, name: &str, problems: &mut Problems) -> Option<&str> {
        match self.0.get(name)? {
            Ok(text) if text.is_empty() => None,
            Ok(text) => Some(text),
            Err(()) => {
                problems.add(name, "is not UTF-8");
                None
            }
        }
    }
}

/// Where DEFAULT_ENERGY_PER_TRANSACTION is above what a first transfer gets, the first transfer gets that too: the
/// requirement knows one number only.
fn raise_first_transfer(default: &Table, settings: &mut Vec<(Vec<String>, Value)>) {
    let number = |key: &str, settings: &[(Vec<String>, Value)]| {
        settings
            .iter()
            .rev()
            .find(|(at, _)| *at == path(key))
            .and_then(|(_, value)| value.as_integer())
            .or_else(|| {
                path(key)
                    .split_first()
                    .and_then(|(section, rest)| default.get(section)?.get(rest.first()?)?.as_integer())
            })
    };
    let per_transfer = number("sales.energy_per_transfer", settings);
    let first = number("sales.energy_per_first_transfer", settings);
    let explicit = settings.iter().any(|(at, _)| *at == path("sales.energy_per_first_transfer"));
    if let (Some(per_transfer), Some(first), false) = (per_transfer, first, explicit)
        && per_transfer > first
    {
        settings.push((path("sales.energy_per_first_transfer"), Value::Integer(per_transfer)));
    }
}

fn path(key: &str) -> Vec<String> {
    key.split('.').map(str::to_owned).collect()
}

fn in_form(text: &str, form: Form) -> String {
    match form {
        Form::Plain => text.to_owned(),
        Form::Milliseconds => format!("{text}ms"),
        Form::Seconds => format!("{text}s"),
        Form::Hours => format!("{text}h"),
    }
}

/// Reads a text as the kind of value that the default has at the path.
fn read(default: &Table, path: &[String], text: &str, name: &str, problems: &mut Problems) -> Option<Value> {
    let kind = match path {
        [section, key] => default.get(section).and_then(|section| section.get(key)),
        _ => None,
    };
    let value = match kind {
        None | Some(Value::Table(_)) => Err("stands for no key of the configuration"),
        Some(Value::Integer(_)) => text.parse().map(Value::Integer).or(Err("must be a whole number")),
        Some(Value::Boolean(_)) => match text {
            "true" | "1" => Ok(Value::Boolean(true)),
            "false" | "0" => Ok(Value::Boolean(false)),
            _ => Err("must be true or false"),
        },
        Some(Value::Array(_)) if text.trim_start().starts_with('[') => format!("value = {text}")
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("value"))
            .ok_or("is no TOML list"),
        Some(Value::Array(_)) => Ok(Value::Array(
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect(),
        )),
        Some(_) => Ok(Value::String(text.to_owned())),
    };
    match value {
        Ok(value) => Some(value),
        Err(wrong) => {
            problems.add(name, wrong);
            None
        }
    }
}
