//! The configuration: the commented default, a file over it, the environment over that. It is read once, checked
//! whole, and every mistake is reported at once under its key.

mod environment;
mod layers;
mod policies;
mod secret;
mod secret_files;
mod sections;
pub(crate) mod terms;
mod units;

pub use environment::Environment;
pub use layers::{Problem, Problems};
pub use secret::Secret;
pub(crate) use sections::without_credentials;
pub use sections::{
    Actors, AgreementSetting, CacheSettings, Chain, Database, Http, Instances, Keys, Limits, Log, LogFormat,
    Node, NodeFlavour, Payments, Pool, PoolAccountSettings, Reconcile, Refund, Sales,
};
pub use units::Length;

use leyden_domain::{Sun, UsdtMicro};
use serde::Deserialize;
use std::path::Path;

/// The commented default, as `leyden config default` prints it.
pub const DEFAULT: &str = include_str!("../../config/leyden.toml");

/// What `leyden demo` changes of it.
pub const DEMO: &str = include_str!("../../config/demo.toml");

/// Sending less than this, in TRX, may burn more for bandwidth than it is.
const LEAST_REFUND: Sun = Sun::new(100_000);

/// The whole configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[http]`.
    pub http: Http,
    /// `[database]`.
    pub database: Database,
    /// `[instances]`.
    pub instances: Instances,
    /// `[cache]`.
    pub cache: CacheSettings,
    /// `[chain]`.
    pub chain: Chain,
    /// `[payments]`.
    pub payments: Payments,
    /// `[sales]`.
    pub sales: Sales,
    /// `[pool]`.
    pub pool: Pool,
    /// `[refund]`.
    pub refund: Refund,
    /// `[reconcile]`.
    pub reconcile: Reconcile,
    /// `[limits]`.
    pub limits: Limits,
    /// `[keys]`.
    pub keys: Keys,
    /// `[actors]`.
    pub actors: Actors,
    /// `[log]`.
    pub log: Log,
}

impl Settings {
    /// Reads the default, the file where one is named, and the environment.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, Problems> {
        let text = match file {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Problems::one(&path.display().to_string(), &error.to_string()))?,
        };
        Self::from_layers(&[&text], environment)
    }

    /// What `leyden demo` runs with: the default, the demo's changes, the environment.
    pub fn demo(environment: &Environment) -> Result<Self, Problems> {
        Self::from_layers(&[DEMO], environment)
    }

    /// Reads the default and TOML texts over it, the last one winning, then the environment.
    pub fn from_layers(texts: &[&str], environment: &Environment) -> Result<Self, Problems> {
        let mut settings: Self = layers::read(texts, environment)?;
        let mut problems = Problems::default();
        secret_files::read(&mut settings, &mut problems);
        settings.check(&mut problems);
        problems.into_result(settings)
    }

    /// What cannot work whatever is done with the configuration. What only `serve` needs is asked for by
    /// [`Settings::check_for_serving`].
    fn check(&self, problems: &mut Problems) {
        if self.http.body_limit_bytes < 1024 {
            problems.add("http.body_limit_bytes", "must be at least 1024");
        }
        if !["sqlite:", "postgres://", "postgresql://"]
            .iter()
            .any(|scheme| self.database.url.starts_with(scheme))
        {
            problems.add("database.url", "must begin with sqlite: or postgres://");
        }
        if self.instances.lease.span().ms() < 1_000 {
            problems.add("instances.lease", "must be at least 1s");
        }
        let sales = &self.sales;
        for fault in terms::faults(&self.price_terms(), self.payments.dust_trx) {
            let key = match fault.term {
                terms::Term::UnitPrice => "sales.single_price_trx",
                terms::Term::MaxTransactions => "sales.max_transactions",
                terms::Term::Duration => "sales.rental",
                terms::Term::MinAmount => "sales.min_amount_trx",
            };
            problems.add(key, &fault.detail);
        }
        if sales.energy_per_transfer == 0 {
            problems.add("sales.energy_per_transfer", "must be above 0");
        }
        if sales.energy_per_first_transfer < sales.energy_per_transfer {
            problems.add(
                "sales.energy_per_first_transfer",
                "cannot be less than sales.energy_per_transfer: a first transfer costs more",
            );
        }
        let payments = &self.payments;
        if payments.timeout.span().ms() <= 0 {
            problems.add("payments.timeout", "must be longer than nothing");
        }
        if payments.tail_max_sun.get() < 1 {
            problems.add("payments.tail_max_sun", "must be at least 1");
        }
        if payments.dust_usdt.get() < 0 {
            problems.add("payments.dust_usdt", "cannot be negative");
        }
        if payments.max_open_orders == 0 {
            problems.add("payments.max_open_orders", "must be above 0");
        }
        if self.chain.broadcast_to == 0 {
            problems.add("chain.broadcast_to", "must be above 0");
        }
        if self.chain.agreement == AgreementSetting::Required && self.chain.nodes.len() == 1 {
            problems.add("chain.agreement", "cannot be required of one node; name a second");
        }
        if self.chain.catch_up_batch == 0 {
            problems.add("chain.catch_up_batch", "must be above 0");
        }
        for (key, length) in [
            ("http.request_timeout", self.http.request_timeout),
            ("cache.local_ttl", self.cache.local_ttl),
            ("cache.redis_timeout", self.cache.redis_timeout),
            ("chain.request_timeout", self.chain.request_timeout),
            ("chain.poll_interval", self.chain.poll_interval),
            ("actors.sweep_interval", self.actors.sweep_interval),
            ("limits.interval", self.limits.interval),
            ("pool.observe_interval", self.pool.observe_interval),
            ("pool.transaction_lifetime", self.pool.transaction_lifetime),
        ] {
            if length.span().ms() <= 0 {
                problems.add(key, "must be longer than nothing");
            }
        }
        if self.pool.transaction_lifetime.span().ms() > 86_000_000 {
            problems.add("pool.transaction_lifetime", "the chain refuses what lives longer than a day");
        }
        if self.pool.max_accounts_per_order == 0 {
            problems.add("pool.max_accounts_per_order", "must be above 0");
        }
        if self.pool.margin_bps > 10_000 {
            problems.add("pool.margin_bps", "must be at most 10000 (100 %)");
        }
        for (index, node) in self.chain.nodes.iter().enumerate() {
            if !node.url.starts_with("http://") && !node.url.starts_with("https://") {
                problems.add(&format!("chain.nodes[{index}].url"), "must begin with http:// or https://");
            }
            let solidity = node.shown_solidity_url();
            if !solidity.starts_with("http://") && !solidity.starts_with("https://") {
                let key = format!("chain.nodes[{index}].solidity_url");
                problems.add(&key, "must begin with http:// or https://");
            }
            if self.chain.nodes.iter().take(index).any(|other| other.shown_name() == node.shown_name()) {
                problems
                    .add(&format!("chain.nodes[{index}].name"), "stands here twice; give each node a name");
            }
        }
        for (index, account) in self.pool.accounts.iter().enumerate() {
            if payments.addresses.contains(&account.address) {
                problems.add(
                    &format!("pool.accounts[{index}].address"),
                    "is a payment address too; a hot key there could move customers' money",
                );
            }
            if self.pool.accounts.iter().take(index).any(|other| other.address == account.address) {
                problems.add(&format!("pool.accounts[{index}].address"), "stands here twice");
            }
        }
        self.check_refund(problems);
        for (key, limit) in [
            ("limits.refunds_usdt_per_hour", self.limits.refunds_usdt_per_hour),
            ("limits.refunds_usdt_per_day", self.limits.refunds_usdt_per_day),
        ] {
            if limit.get() < 0 {
                problems.add(key, "cannot be negative");
            }
        }
        if self.limits.orders_at_once > 2_000 {
            problems
                .add("limits.orders_at_once", "must be at most 2000: nobody may wait long behind a check");
        }
        if let Err(error) = self.cache.redis() {
            problems.add("cache.redis_url", &error.to_string());
        }
        if let Err(error) = crate::telemetry::filter(&self.log) {
            problems.add("log.level", &error);
        }
    }

    /// What of `[refund]` cannot work.
    fn check_refund(&self, problems: &mut Problems) {
        let refund = &self.refund;
        if let Some(address) = refund.address {
            if self.payments.addresses.contains(&address) {
                problems.add(
                    "refund.address",
                    "is a payment address too; its key would be on this machine with all that customers pay",
                );
            }
            if self.pool.accounts.iter().any(|account| account.address == address) {
                problems.add("refund.address", "is a pool account too; a pool's key must not move money");
            }
        }
        for (key, amount) in [
            ("refund.fee_usdt", refund.fee_usdt),
            ("refund.minimum_usdt", refund.minimum_usdt),
            ("refund.per_payment_usdt", refund.per_payment_usdt),
            ("refund.per_hour_usdt", refund.per_hour_usdt),
            ("refund.per_day_usdt", refund.per_day_usdt),
            ("refund.four_eyes_above_usdt", refund.four_eyes_above_usdt),
        ] {
            if amount.get() < 0 {
                problems.add(key, "cannot be negative");
            }
        }
        if refund.usdt_fee_limit_trx <= Sun::ZERO || refund.usdt_fee_limit_trx > Sun::from_trx(15_000) {
            problems
                .add("refund.usdt_fee_limit_trx", "must be above 0 and at most 15000, the chain's own limit");
        }
        // What goes out costs what a fee limit says, burnt from the account: many small ones would empty it. Prices move, so
        // this is a floor: a TRX counted as a third of a USDT.
        let burnt = UsdtMicro::new(refund.usdt_fee_limit_trx.get().checked_div(3).unwrap_or(0));
        if refund.minimum_usdt < burnt && refund.fee_usdt < burnt {
            problems.add(
                "refund.minimum_usdt",
                "is less than sending it may burn (usdt_fee_limit_trx, a TRX counted as a third of a USDT), and \
                 refund.fee_usdt does not cover that",
            );
        }
        if refund.minimum_trx < LEAST_REFUND && refund.fee_trx < LEAST_REFUND {
            problems.add(
                "refund.minimum_trx",
                "is less than 0.1, and refund.fee_trx is too: sending it may burn more than it is",
            );
        }
        if refund.max_attempts == 0 {
            problems.add("refund.max_attempts", "must be above 0");
        }
        if refund.retry_after.span().ms() < 60_000 {
            problems.add("refund.retry_after", "must be at least 1m");
        }
    }

    /// What must be there before customers can be served.
    pub fn check_for_serving(&self) -> Result<(), Problems> {
        let mut problems = Problems::default();
        if self.payments.addresses.is_empty() {
            problems.add("payments.addresses", "name at least one (or TRON_PAYMENT_ADDRESS)");
        }
        if self.chain.nodes.is_empty() {
            problems.add("chain.nodes", "name at least one node");
        }
        problems.into_result(())
    }

    /// What works but may not be what was meant.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.pool.accounts.iter().any(|account| account.permission_id.is_none()) {
            warnings
                .push("a pool account signs with its owner permission; `leyden doctor` explains".to_owned());
        }
        if self.chain.nodes.len() == 1 {
            warnings.push(
                "chain.nodes names one node: what it says cannot be compared, and nobody replaces it"
                    .to_owned(),
            );
        }
        if self.refund.enabled && self.refund.address.is_none() && !self.payments.addresses.is_empty() {
            warnings.push(
                "refund.address is empty: what is owed back is recorded, and a person must pay it".to_owned(),
            );
        }
        if self.pool.observe_only {
            warnings.push("pool.observe_only is on: nothing is signed, so nobody is served".to_owned());
        }
        if self.sales.energy_per_transfer < 64_000 {
            warnings.push(format!(
                "sales.energy_per_transfer is {}; a USDT transfer costs about 65000",
                self.sales.energy_per_transfer
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests;
