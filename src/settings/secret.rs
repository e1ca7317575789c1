//! Texts that must never be printed.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// A secret text, empty where none was given. It prints as whether it is there, and is wiped when dropped.
#[derive(Clone, Default)]
pub struct Secret(Option<SecretString>);

impl Secret {
    /// From a text; empty means none.
    pub fn new(text: String) -> Self {
        Self((!text.is_empty()).then(|| SecretString::from(text)))
    }

    /// The text, for the one place that needs it.
    pub fn expose(&self) -> Option<&str> {
        self.0.as_ref().map(ExposeSecret::expose_secret)
    }

    /// Whether one was given.
    pub const fn is_given(&self) -> bool {
        self.0.is_some()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_given() { "[redacted]" } else { "[none]" })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}
