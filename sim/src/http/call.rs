//! One request: which method, with which parameters, in which form of addresses, as of when.

use super::{face::Abilities, place};
use crate::{
    SimNode, View,
    faults::{Lie, ReadFault},
    lens::Lens,
};
use leyden_domain::{Address, TxId};
use serde_json::{Map, Value};

/// What java-tron says of bytes that are not hexadecimal.
pub(super) const NO_HEX: &str = "INVALID hex String";

/// Under which path a method was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Wallet,
    Solidity,
}

/// Why there is no proper answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// An exception of the node, as it prints them.
    Java { class: &'static str, message: String },
    /// A parameter that cannot be read, to be told with its place in the body.
    Field { name: String, message: String },
    /// No such method.
    NotFound,
    /// The answer got lost: a fault.
    Lost,
    /// The question got lost: a fault.
    Read(ReadFault),
}

impl Failure {
    /// A contract's own check failed.
    pub(super) fn validate(message: impl Into<String>) -> Self {
        Self::Java { class: "org.tron.core.exception.ContractValidateException", message: message.into() }
    }

    /// A parameter cannot be read.
    pub(super) fn parse(message: impl Into<String>) -> Self {
        Self::Java { class: "org.tron.core.services.http.JsonFormat$ParseException", message: message.into() }
    }

    /// A parameter of that name cannot be read.
    pub(super) fn field(name: &str, message: impl Into<String>) -> Self {
        Self::Field { name: name.to_owned(), message: message.into() }
    }

    /// What the node says where it did not expect something: typically Base58 with a wrong checksum.
    pub(super) fn null() -> Self {
        Self::Java { class: "java.lang.NullPointerException", message: "null".to_owned() }
    }

    /// Anything else that an argument can be.
    pub(super) fn argument(message: impl Into<String>) -> Self {
        Self::Java { class: "java.lang.IllegalArgumentException", message: message.into() }
    }
}

/// A failure as it is told: with the place of what could not be read, where that is known.
pub(super) fn located(failure: Failure, body: &[u8]) -> Failure {
    match failure {
        Failure::Field { name, message } => {
            let (line, column) = place::of_value(body, &name).unwrap_or((1, 1));
            Failure::parse(format!("{line}:{column}: {message}"))
        }
        other => other,
    }
}

/// An answer.
pub(super) type Answer = Result<Value, Failure>;

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Call<'a> {
    pub(super) node: &'a SimNode,
    pub(super) method: String,
    pub(super) scope: Scope,
    /// Whether addresses are Base58.
    pub(super) visible: bool,
    /// The same, by the query alone.
    pub(super) visible_in_query: bool,
    pub(super) params: Map<String, Value>,
    /// What the node can do.
    pub(super) abilities: Abilities,
    /// What is told that is not true.
    pub(super) lie: Option<Lie>,
    /// How many blocks are kept back.
    pub(super) stale_by: u32,
}

impl<'a> Call<'a> {
    /// Reads a request; parameters of the body win over those of the query.
    pub(super) fn read(
        node: &'a SimNode,
        method: &str,
        query: &str,
        body: &[u8],
        scope: Scope,
    ) -> Result<Self, Failure> {
        let method = method.to_owned();
        let mut params = Map::new();
        if let Ok(query) = actix_web::web::Query::<Vec<(String, String)>>::from_query(query) {
            params.extend(query.into_inner().into_iter().map(|(key, value)| (key, Value::String(value))));
        }
        let visible_in_query = flag(params.get("visible"));
        if !body.iter().all(u8::is_ascii_whitespace) {
            let parsed: Value =
                serde_json::from_slice(body).map_err(|error| Failure::parse(error.to_string()))?;
            if let Value::Object(fields) = parsed {
                params.extend(fields);
            }
        }
        let visible = flag(params.get("visible"));
        Ok(Self {
            node,
            method,
            scope,
            visible,
            visible_in_query,
            params,
            abilities: Abilities::default(),
            lie: None,
            stale_by: 0,
        })
    }

    /// The chain as the node shows it.
    pub(super) fn lens(&self) -> Result<Lens<'a>, Failure> {
        let mut lens = self.node.ask().map_err(Failure::Read)?;
        lens.faults.stale_by = lens.faults.stale_by.max(self.stale_by);
        Ok(lens)
    }

    /// As of when state is asked for.
    pub(super) fn view(&self) -> View {
        match self.scope {
            Scope::Wallet => View::Pending,
            Scope::Solidity => View::Solid,
        }
    }

    /// The newest block number that this path shows.
    pub(super) fn newest(&self, lens: &Lens<'_>) -> i64 {
        match self.scope {
            Scope::Wallet => lens.head_number(),
            Scope::Solidity if self.lie == Some(Lie::SolidIsHead) => lens.head_number(),
            Scope::Solidity => lens.solid_number(),
        }
    }

    /// A text parameter; empty where it is missing.
    pub(super) fn text(&self, name: &str) -> String {
        match self.params.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        }
    }

    /// A whole number; 0 where it is missing.
    pub(super) fn number(&self, name: &str) -> Result<i64, Failure> {
        number(self.params.get(name), name)
    }

    /// A switch; off where it is missing.
    pub(super) fn flag(&self, name: &str) -> bool {
        flag(self.params.get(name))
    }

    /// An address.
    pub(super) fn address(&self, name: &str) -> Result<Address, Failure> {
        address(&self.text(name), name, self.visible)
    }

    /// A transaction id; `None` where it is no id, but hexadecimal.
    pub(super) fn tx_id(&self, name: &str) -> Result<Option<TxId>, Failure> {
        let text = self.text(name);
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        if hex::decode(digits).is_err() {
            return Err(Failure::field(name, NO_HEX));
        }
        Ok(digits.parse().ok())
    }
}

/// A whole number, as a number or as text.
pub(super) fn number(value: Option<&Value>, name: &str) -> Result<i64, Failure> {
    match value {
        None | Some(Value::Null) => Ok(0),
        Some(Value::Number(number)) => number.as_i64().ok_or_else(|| {
            Failure::field(name, format!("Couldn't parse integer: For input string: \"{number}\""))
        }),
        Some(Value::String(text)) if text.is_empty() => Ok(0),
        Some(Value::String(text)) => text.parse().ok().ok_or_else(|| {
            Failure::field(name, format!("Couldn't parse integer: For input string: \"{text}\""))
        }),
        Some(_) => Err(Failure::field(name, "Couldn't parse integer.")),
    }
}

/// A switch, as a truth value or as text.
pub(super) fn flag(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(on)) => *on,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// An address in the form that was asked for.
pub(super) fn address(text: &str, name: &str, visible: bool) -> Result<Address, Failure> {
    if visible {
        // A full node takes Base58 with a wrong checksum for nothing at all and stumbles over it.
        return Address::from_base58(text).ok().ok_or_else(|| {
            if text.chars().all(|c| c.is_ascii_alphanumeric() && !"0OIl".contains(c)) {
                Failure::null()
            } else {
                Failure::field(name, "INVALID base58 String")
            }
        });
    }
    Address::from_hex(text).ok().ok_or_else(|| Failure::field(name, NO_HEX))
}
