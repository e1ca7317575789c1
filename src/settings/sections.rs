//! The sections of the configuration, as `config/leyden.toml` documents them key by key.

use super::{
    secret::Secret,
    units::{Length, optional, trx},
};
use leyden_domain::{Address, Sun, UsdtMicro};
use leyden_store::{RedisOptions, RedisUrlError};
use serde::{Deserialize, Deserializer, de};
use std::{collections::BTreeSet, fmt, net::SocketAddr};

/// `[http]`: the API's listener and its limits.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Threads that answer requests; 0 means one per core.
    pub workers: u16,
    /// A larger body is refused.
    pub body_limit_bytes: u32,
    /// How long a client may take to send a request.
    pub request_timeout: Length,
    /// Requests per minute of one API key; 0 means no limit.
    pub key_rate_per_minute: u32,
    /// Requests per minute of one network address without a key; 0 means no limit.
    pub ip_rate_per_minute: u32,
    /// Transactions that one API key may have looked up on the chain per minute; 0 means no limit.
    pub lookup_rate_per_minute: u32,
    /// How long requests that have begun may go on after a stop.
    pub shutdown_timeout: Length,
    /// Whether the metrics answer without a key.
    pub public_metrics: bool,
    /// Whether an instance that does not see the chain says that it is not ready.
    pub ready_needs_chain: bool,
}

/// `[database]`: where the books are.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Its URL, with the password where one is given by itself.
    pub url: String,
    /// A file that holds the URL.
    #[serde(deserialize_with = "optional")]
    pub url_file: Option<String>,
    /// A file that holds the password of the URL's role.
    #[serde(deserialize_with = "optional")]
    pub password_file: Option<String>,
    /// Whether `serve` brings the schema up to date by itself.
    pub migrate: bool,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("url", &without_credentials(&self.url))
            .field("migrate", &self.migrate)
            .finish_non_exhaustive()
    }
}

/// `[instances]`: taking turns with other instances on the same database.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instances {
    /// How long the lease for the work lasts without being renewed.
    pub lease: Length,
    /// What this one is called; empty means by its host.
    pub name: String,
}

/// A URL without what may stand between `//` and `@`, and without its query.
pub(crate) fn without_credentials(url: &str) -> String {
    let url = url.split('?').next().unwrap_or(url);
    match (url.split_once("//"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}//[redacted]@{host}"),
        _ => url.to_owned(),
    }
}

/// `[cache]`: how long answers may be given again.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheSettings {
    /// Most entries kept.
    pub entries: u32,
    /// Price configurations.
    pub price_ttl: Length,
    /// Resource configurations.
    pub resource_ttl: Length,
    /// Addresses found usable.
    pub address_ttl: Length,
    /// API keys.
    pub api_key_ttl: Length,
    /// How long a copy of what another instance may change lives in this process.
    pub local_ttl: Length,
    /// The pool's state, where no allocator runs in this process.
    pub pool_ttl: Length,
    /// What is being watched for.
    pub monitoring_ttl: Length,
    /// The Redis that instances share; without one the cache is in the process alone.
    #[serde(deserialize_with = "optional")]
    pub redis_url: Option<String>,
    /// A file that holds it.
    #[serde(deserialize_with = "optional")]
    pub redis_url_file: Option<String>,
    /// Prefix of keys there.
    pub redis_key_prefix: String,
    /// Longest wait of a request for it.
    pub redis_timeout: Length,
}

impl CacheSettings {
    /// Where Redis is and how it is used, if it is.
    pub fn redis(&self) -> Result<Option<RedisOptions>, RedisUrlError> {
        let url = self.redis_url.as_deref();
        url.map(|url| RedisOptions::new(url, &self.redis_key_prefix, self.redis_timeout.duration()))
            .transpose()
    }
}

impl fmt::Debug for CacheSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheSettings")
            .field("entries", &self.entries)
            .field("redis_url", &self.redis_url.as_deref().map(without_credentials))
            .finish_non_exhaustive()
    }
}

/// What kind of node answers at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum NodeFlavour {
    /// TronGrid, or a gateway that limits like it.
    #[serde(rename = "trongrid")]
    TronGrid,
    /// A java-tron node of one's own.
    #[serde(rename = "java-tron")]
    JavaTron,
}

/// One node.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its base URL.
    pub url: String,
    /// Where its `/walletsolidity` is; where this is not given, the port after for a java-tron, the same for a gateway.
    #[serde(default)]
    pub solidity_url: Option<String>,
    /// What it is called in logs, metrics and status; its host where this is not given.
    #[serde(default)]
    pub name: String,
    /// What kind it is; where this is not given, told by its host.
    #[serde(default)]
    pub kind: Option<NodeFlavour>,
    /// Its key, if it wants one.
    #[serde(default)]
    pub api_key: Secret,
    /// A file that holds the key.
    #[serde(default, deserialize_with = "optional")]
    pub api_key_file: Option<String>,
    /// More keys, which take turns.
    #[serde(default)]
    pub api_keys: Vec<Secret>,
    /// Lower numbers are asked first; where this is not given, one's own nodes come before gateways.
    #[serde(default)]
    pub priority: Option<u32>,
    /// Most requests a second of one method with one key; 0 is no limit.
    #[serde(default)]
    pub requests_per_second: Option<u32>,
    /// Whether transactions are sent to it.
    #[serde(default = "yes")]
    pub broadcast: bool,
}

const fn yes() -> bool {
    true
}

impl Node {
    /// What it is called: its name, or its host. Never the path, in which some providers carry a key.
    pub fn shown_name(&self) -> String {
        if !self.name.is_empty() {
            return self.name.clone();
        }
        let host = self.url.split('/').nth(2).unwrap_or("node");
        host.rsplit('@').next().unwrap_or(host).to_owned()
    }

    /// Where its `/walletsolidity` is. java-tron serves it on a port of its own, by default the one after the full node's
    /// (`node.http.solidityPort`); an address without a port is a proxy's, which serves both.
    pub fn shown_solidity_url(&self) -> String {
        if let Some(url) = &self.solidity_url {
            return url.trim_end_matches('/').to_owned();
        }
        let url = self.url.trim_end_matches('/');
        let next = || {
            let (before, port) = url.rsplit_once(':')?;
            let next = port.parse::<u16>().ok()?.checked_add(1)?;
            Some(format!("{before}:{next}"))
        };
        match self.flavour() {
            NodeFlavour::JavaTron => next().unwrap_or_else(|| url.to_owned()),
            NodeFlavour::TronGrid => url.to_owned(),
        }
    }

    /// What kind it is.
    pub fn flavour(&self) -> NodeFlavour {
        let is_trongrid = self.url.split('/').nth(2).is_some_and(|host| host.contains("trongrid"));
        self.kind.unwrap_or(if is_trongrid { NodeFlavour::TronGrid } else { NodeFlavour::JavaTron })
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Some providers carry the key in the path: only scheme and host are fit to print.
        let host = self.url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        f.debug_struct("Node")
            .field("url", &without_credentials(&host))
            .field("api_key", &self.api_key)
            .finish_non_exhaustive()
    }
}

/// What to do with what two nodes should say where only one can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgreementSetting {
    /// Wait.
    Required,
    /// Believe the one, after some patience.
    WhenPossible,
}

/// `[chain]`: the nodes and how the chain is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// How many of them a transaction is sent to.
    pub broadcast_to: u32,
    /// A block with a larger payment is believed once two nodes show it.
    #[serde(deserialize_with = "trx")]
    pub agreement_above_trx: Sun,
    /// What to do where only one can be asked.
    pub agreement: AgreementSetting,
    /// Whether the receipts of every block are compared between two nodes.
    pub cross_check_receipts: bool,
    /// The USDT contract.
    pub usdt_contract: Address,
    /// Longest wait for one answer.
    pub request_timeout: Length,
    /// How often a new block is asked for.
    pub poll_interval: Length,
    /// Most blocks recorded in one commit while catching up.
    pub catch_up_batch: u32,
    /// On the first start, begin this many blocks behind the head.
    pub start_behind: u32,
}

/// `[payments]`: where money comes in and how it finds its order.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payments {
    /// Addresses that customers pay to.
    pub addresses: BTreeSet<Address>,
    /// How long an order waits for its payment.
    pub timeout: Length,
    /// How long after that a payment is still recognised.
    pub late_window: Length,
    /// The largest tail.
    #[serde(deserialize_with = "sun")]
    pub tail_max_sun: Sun,
    /// Whether the rest of what was too little may come with another payment of the same sender.
    pub complete_under: bool,
    /// Smaller TRX transfers are counted, not recorded.
    #[serde(deserialize_with = "trx")]
    pub dust_trx: Sun,
    /// Smaller USDT transfers are counted, not recorded.
    #[serde(deserialize_with = "usdt")]
    pub dust_usdt: UsdtMicro,
    /// Larger payments wait until their block is solid.
    #[serde(deserialize_with = "trx")]
    pub solid_above_trx: Sun,
    /// Senders that are never answered on their own.
    pub denied_senders: BTreeSet<Address>,
    /// Most orders that may wait for their payment at once.
    pub max_open_orders: u32,
}

fn sun<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sun, D::Error> {
    i64::deserialize(deserializer).map(Sun::new)
}

fn usdt<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UsdtMicro, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

/// `[sales]`: what is sold, where the books do not say otherwise.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sales {
    /// Whether orders are taken.
    pub enabled: bool,
    /// Price of one transfer's energy.
    #[serde(deserialize_with = "trx")]
    pub single_price_trx: Sun,
    /// Most transfers per order.
    pub max_transactions: u32,
    /// Least that a payment may amount to.
    #[serde(deserialize_with = "trx")]
    pub min_amount_trx: Sun,
    /// How long the energy stays.
    pub rental: Length,
    /// Energy of a transfer to an address that holds the token.
    pub energy_per_transfer: u32,
    /// Energy of a transfer to an address that holds none.
    pub energy_per_first_transfer: u32,
    /// Whether a plain multiple of the price buys energy for the sender.
    pub orderless: bool,
    /// How long a quote holds.
    pub quote_ttl: Length,
}

/// One pool account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolAccountSettings {
    /// Its address.
    pub address: Address,
    /// Which permission our key signs with; absent is the owner permission.
    pub permission_id: Option<u8>,
}

/// `[pool]`: whose stake is delegated, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// The accounts.
    pub accounts: Vec<PoolAccountSettings>,
    /// Extra stake in parts per ten thousand.
    pub margin_bps: u32,
    /// Most accounts that may share one order.
    pub max_accounts_per_order: u32,
    /// A remainder below this is not worth keeping apart.
    #[serde(deserialize_with = "trx")]
    pub spare_remainder_trx: Sun,
    /// How often an account's stake is read when nothing happens.
    pub observe_interval: Length,
    /// How long a paid order may wait for capacity.
    pub capacity_patience: Length,
    /// How long energy stays beyond the rental's end.
    pub reclaim_grace: Length,
    /// How long a signed transaction may live.
    pub transaction_lifetime: Length,
    /// How many may be signed for one effect.
    pub max_attempts: u32,
    /// A live transaction is sent again after this many blocks.
    pub resend_after_blocks: u32,
    /// Read and record, but sign and send nothing.
    pub observe_only: bool,
}

/// `[refund]`: how money goes back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    /// Whether refunds are sent.
    pub enabled: bool,
    /// The account they are paid from.
    #[serde(deserialize_with = "optional")]
    pub address: Option<Address>,
    /// Which permission our key signs with; 0 is the owner permission.
    pub permission_id: u8,
    /// Kept of a refund that the payer had a part in.
    #[serde(deserialize_with = "trx")]
    pub fee_trx: Sun,
    /// The same in USDT.
    #[serde(deserialize_with = "usdt")]
    pub fee_usdt: UsdtMicro,
    /// Less than this is not sent back.
    #[serde(deserialize_with = "trx")]
    pub minimum_trx: Sun,
    /// The same in USDT.
    #[serde(deserialize_with = "usdt")]
    pub minimum_usdt: UsdtMicro,
    /// How long what matches nothing waits for a person.
    pub suspense_delay: Length,
    /// What matches nothing or came late, and was read so much later than it was made, waits for a person; 0 is never.
    pub hold_read_late: Length,
    /// Whether a late payment is served at today's price where there is capacity.
    pub serve_late: bool,
    /// Most for one payment; 0 is no limit.
    #[serde(deserialize_with = "trx")]
    pub per_payment_trx: Sun,
    /// The same in USDT.
    #[serde(deserialize_with = "usdt")]
    pub per_payment_usdt: UsdtMicro,
    /// Most in any hour.
    #[serde(deserialize_with = "trx")]
    pub per_hour_trx: Sun,
    /// The same in USDT.
    #[serde(deserialize_with = "usdt")]
    pub per_hour_usdt: UsdtMicro,
    /// Most in any day.
    #[serde(deserialize_with = "trx")]
    pub per_day_trx: Sun,
    /// The same in USDT.
    #[serde(deserialize_with = "usdt")]
    pub per_day_usdt: UsdtMicro,
    /// Whether what the guard held is tried again by itself.
    pub retry_guard: bool,
    /// How long what could not be sent waits until it is tried again.
    pub retry_after: Length,
    /// Above this two people are needed; 0 is no limit.
    #[serde(deserialize_with = "trx")]
    pub four_eyes_above_trx: Sun,
    /// The same in USDT.
    #[serde(deserialize_with = "usdt")]
    pub four_eyes_above_usdt: UsdtMicro,
    /// Most TRX that may be burnt for one USDT refund.
    #[serde(deserialize_with = "trx")]
    pub usdt_fee_limit_trx: Sun,
    /// How many transactions may be signed for one refund before a person looks.
    pub max_attempts: u32,
}

/// `[limits]`: what is so unusual that money must stand still until a person has looked. 0 is no limit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Energy delegated within an hour.
    pub energy_per_hour: u64,
    /// TRX paid back within an hour.
    #[serde(deserialize_with = "trx")]
    pub refunds_trx_per_hour: Sun,
    /// TRX paid back within a day.
    #[serde(deserialize_with = "trx")]
    pub refunds_trx_per_day: Sun,
    /// USDT paid back within an hour.
    #[serde(deserialize_with = "usdt")]
    pub refunds_usdt_per_hour: UsdtMicro,
    /// USDT paid back within a day.
    #[serde(deserialize_with = "usdt")]
    pub refunds_usdt_per_day: UsdtMicro,
    /// TRX that leaves the pool accounts within a day.
    #[serde(deserialize_with = "trx")]
    pub burnt_trx_per_day: Sun,
    /// How often this is counted and a part of the books checked.
    pub interval: Length,
    /// Orders that one check looks at, of each kind; 0 checks none.
    pub orders_at_once: u32,
}

/// `[reconcile]`: laying the books beside the chain.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconcile {
    /// How often; nothing is only when somebody wants it.
    pub interval: Length,
    /// Most receivers of one account that are asked about one by one.
    pub pairs_at_once: u32,
    /// Of those, how many by turns.
    pub sampled: u32,
    /// How many blocks are read again where something was missed.
    pub reread_blocks: u32,
    /// Smaller differences of the payment addresses are left alone.
    #[serde(deserialize_with = "trx")]
    pub tolerance_trx: Sun,
    /// Whether the owner takes money from the payment addresses.
    pub expect_withdrawals: bool,
}

/// `[keys]`: what opens the private keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Opens the private keys in the books.
    pub passphrase: Secret,
    /// A file that holds it.
    #[serde(deserialize_with = "optional")]
    pub passphrase_file: Option<String>,
    /// A pool key that can move TRX is meant so.
    pub allow_owner_keys: bool,
}

/// `[actors]`: their rhythm.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actors {
    /// How often the sweeps run.
    pub sweep_interval: Length,
    /// How long monitoring rows are kept.
    pub keep_logs: Length,
    /// How long idempotency keys are kept.
    pub keep_idempotency_keys: Length,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[log]`: what is written about it all.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A level or a filter.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
    /// Whether lines about payments are written.
    pub payment_monitoring: bool,
    /// Whether lines about delegations are written.
    pub energy_delegation: bool,
}
