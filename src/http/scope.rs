//! What an API key may do.

use std::{fmt, str::FromStr};

macro_rules! scopes {
    ($($variant:ident $text:literal $about:literal;)*) => {
        /// One thing that an API key may do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Scope {
            $(#[doc = $about] $variant,)*
        }

        impl Scope {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As it is kept and written.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            const fn bit(self) -> u8 {
                1 << self as u8
            }

            /// What it allows.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => $about,)*
                }
            }
        }
    };
}

scopes! {
    OrdersRead "orders:read" "See one's own orders.";
    OrdersWrite "orders:write" "Make and cancel one's own orders.";
    DataRead "data:read" "Read prices and what the pool can give.";
    MonitorInternal "monitor:internal" "Start and stop the watching of orders' payments.";
    OpsRead "ops:read" "See everybody's orders, payments, accounts, metrics and actors.";
    OpsWrite "ops:write" "Act on everybody's orders.";
    Admin "admin" "Change prices and everything else.";
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|scope| scope.name() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|scope| scope.name()).collect();
            format!("unknown scope `{text}`; there are {}", known.join(", "))
        })
    }
}

/// A set of scopes as the books keep it, with what follows from them. One bit for each, because every request asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// From names; one that this version does not know gives nothing.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a String>) -> Self {
        let scopes = names.into_iter().filter_map(|name| name.parse::<Scope>().ok());
        Self(scopes.fold(0, |bits, scope| bits | scope.bit()))
    }

    /// Whether a thing is allowed. `admin` may everything; who may act for the operator may also look; and who may
    /// write may read what was written.
    pub fn allow(self, wanted: Scope) -> bool {
        let has = |scope: Scope| self.0 & scope.bit() != 0;
        has(Scope::Admin)
            || has(wanted)
            || match wanted {
                Scope::OpsRead | Scope::OrdersWrite => has(Scope::OpsWrite),
                Scope::OrdersRead => has(Scope::OrdersWrite) || has(Scope::OpsRead) || has(Scope::OpsWrite),
                Scope::DataRead => has(Scope::OpsRead) || has(Scope::OpsWrite),
                Scope::MonitorInternal | Scope::OpsWrite | Scope::Admin => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::{Scope, Scopes};

    #[test]
    fn who_may_do_what() {
        let table = |name: &str| -> Vec<&str> {
            let scopes = Scopes::from_names(&[name.to_owned()]);
            Scope::ALL.iter().filter(|scope| scopes.allow(**scope)).map(|scope| scope.name()).collect()
        };
        assert_eq!(table("orders:read"), ["orders:read"]);
        assert_eq!(table("orders:write"), ["orders:read", "orders:write"]);
        assert_eq!(table("data:read"), ["data:read"]);
        assert_eq!(table("monitor:internal"), ["monitor:internal"]);
        assert_eq!(table("ops:read"), ["orders:read", "data:read", "ops:read"]);
        assert_eq!(table("ops:write"), ["orders:read", "orders:write", "data:read", "ops:read", "ops:write"]);
        assert_eq!(table("admin").len(), Scope::ALL.len());
        assert!(table("root").is_empty());
    }
}
