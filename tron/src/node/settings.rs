//! How to talk to a node, and how far to believe it.

use super::http::Wire;
use crate::{inspect::MAINNET_USDT, verify::WitnessKeys};
use leyden_domain::Address;
use secrecy::SecretString;
use std::{num::NonZeroU32, sync::Arc};

/// Settings of one node. Start from [`NodeSettings::new`].
#[derive(Debug, Clone)]
pub struct NodeSettings {
    /// Where it is, without a path: `https://api.trongrid.io`.
    pub base_url: String,
    /// Where its `/walletsolidity` is, where that is elsewhere: java-tron serves it on a port of its own.
    pub solidity_url: Option<String>,
    /// What carries requests to it instead of HTTP: for nodes in this process.
    pub wire: Option<Arc<dyn Wire>>,
    /// What it is called in logs, metrics and status; where this is empty, its host.
    pub name: String,
    /// Sent as `TRON-PRO-API-KEY`.
    pub api_key: Option<SecretString>,
    /// More keys, which take turns with the first.
    pub more_api_keys: Vec<SecretString>,
    /// Most requests a second of one method with one key; `None` is as many as are wanted.
    pub requests_per_second: Option<NonZeroU32>,
    /// Most milliseconds for which a node that asked us to wait is not asked again: right where another node can be
    /// asked meanwhile. 0 is not at all; then whoever asked waits.
    pub longest_suspension_ms: u64,
    /// Most milliseconds for one request and its answer.
    pub timeout_ms: u64,
    /// Most milliseconds for connecting.
    pub connect_timeout_ms: u64,
    /// How often a read is tried, the first time included.
    pub attempts: u32,
    /// Most milliseconds to wait before one repetition. Where a node asks for more, the error is handed up.
    pub longest_wait_ms: u64,
    /// The token contract whose transfers count as USDT.
    pub usdt_contract: Address,
    /// Whether to read receipts, without which neither token payments nor TRX sent by contracts are proven.
    pub receipts: bool,
    /// Whether to check blocks against themselves.
    pub verify: bool,
    /// Whether to refuse a block whose Merkle root cannot be reproduced. JSON hides fields of a result that the
    /// node does not know, and anybody can put such a field into a transaction of his own, so this makes honest
    /// blocks fail now and then; without it such a block is taken with a warning.
    pub require_merkle_root: bool,
    /// Keys that sign for witnesses besides their own. Others are learned from the witness's account.
    pub witness_keys: WitnessKeys,
    /// How many blocks to ask for at once, at most 100.
    pub batch: u32,
    /// The largest answer to take, in bytes after decompression.
    pub max_body_bytes: usize,
}

impl NodeSettings {
    /// A name that may be shown: the one given, or the host. Never the path, in which some providers carry a key.
    pub fn shown_name(&self) -> String {
        if !self.name.is_empty() {
            return self.name.clone();
        }
        let url = reqwest::Url::parse(&self.base_url).ok();
        let host = url.as_ref().and_then(|url| url.host_str().map(|host| (host, url.port())));
        match host {
            Some((host, Some(port))) => format!("{host}:{port}"),
            Some((host, None)) => host.to_owned(),
            None => "node".to_owned(),
        }
    }

    /// Careful settings for mainnet.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            solidity_url: None,
            wire: None,
            name: String::new(),
            api_key: None,
            more_api_keys: Vec::new(),
            requests_per_second: None,
            longest_suspension_ms: 0,
            timeout_ms: 10_000,
            connect_timeout_ms: 3_000,
            attempts: 3,
            longest_wait_ms: 3_000,
            usdt_contract: MAINNET_USDT,
            receipts: true,
            verify: true,
            require_merkle_root: false,
            witness_keys: WitnessKeys::default(),
            batch: 10,
            max_body_bytes: 64 * 1024 * 1024,
        }
    }
}
