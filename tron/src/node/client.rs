//! One node.

use super::{HttpError, NodeSettings, http::Transport, retry};
use crate::{
    decode::{DecodeError, Header, RawBlock},
    verify::{self, WitnessKeys},
    wire::answers,
};
use leyden_domain::Address;
use leyden_ports::ChainError;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long a node is believed that it does not support a path: it may be started anew with other settings.
const LACKS_FOR: Duration = Duration::from_mins(10);

/// A client of one node; implements the chain's reader and writer ports. Keeps connections open, so make one
/// per node and share it.
pub struct NodeClient {
    pub(super) settings: NodeSettings,
    pub(super) transport: Transport,
    /// Paths that this node does not support, each with when it said so.
    lacking: Mutex<BTreeMap<String, Instant>>,
    witness_keys: Mutex<WitnessKeys>,
}

impl fmt::Debug for NodeClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeClient").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl NodeClient {
    /// A client for this node. Connects to nothing yet.
    pub fn new(settings: NodeSettings) -> Result<Self, HttpError> {
        Ok(Self {
            transport: Transport::new(&settings)?,
            witness_keys: Mutex::new(settings.witness_keys.clone()),
            lacking: Mutex::default(),
            settings,
        })
    }

    /// A name that may be shown.
    pub fn name(&self) -> &str {
        self.transport.traffic.name()
    }

    pub(super) const fn traffic(&self) -> &super::traffic::Traffic {
        &self.transport.traffic
    }

    /// Where the node is.
    pub fn base_url(&self) -> &str {
        &self.settings.base_url
    }

    /// Where its `/walletsolidity` is.
    pub fn solidity_url(&self) -> &str {
        self.settings.solidity_url.as_deref().unwrap_or(&self.settings.base_url)
    }

    /// Reads, repeating as the settings say, and parses with `parse`.
    pub(super) async fn read<T, B, P>(&self, path: &str, request: &B, parse: P) -> Result<T, ChainError>
    where
        B: Serialize + Sync,
        P: Fn(&[u8]) -> Result<T, ChainError> + Sync,
    {
        let parse = &parse;
        retry::repeat(&self.settings, path, || async move {
            let body = self.transport.post(path, request).await?;
            parse(&body).map_err(|error| {
                let error = in_path(path, error);
                self.transport.traffic.failed(path, &error);
                error
            })
        })
        .await
    }

    /// The same for a path that not every node supports: one that has said that it does not is not asked again for a
    /// while. What is learnt of one path says nothing of another.
    pub(super) async fn read_if_there<T, B, P>(
        &self,
        path: &str,
        request: &B,
        parse: P,
    ) -> Result<T, ChainError>
    where
        B: Serialize + Sync,
        P: Fn(&[u8]) -> Result<T, ChainError> + Sync,
    {
        if self.lacks(path) {
            return Err(ChainError::Unsupported(format!("{path}, as it said before")));
        }
        let answer = self.read(path, request, parse).await;
        let mut lacking = self.lacking();
        match &answer {
            Err(ChainError::Unsupported(why)) => {
                if lacking.insert(path.to_owned(), Instant::now()).is_none() {
                    tracing::info!(node = self.name(), path, why, "a node does not support a path");
                }
            }
            Ok(_) => drop(lacking.remove(path)),
            Err(_) => {}
        }
        drop(lacking);
        answer
    }

    /// Whether the node has said a while ago at most that it does not support a path.
    pub(super) fn lacks(&self, path: &str) -> bool {
        self.lacking().get(path).is_some_and(|since| since.elapsed() < LACKS_FOR)
    }

    fn lacking(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.lacking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a small typed answer.
    pub(super) async fn read_as<T, B>(&self, path: &str, request: &B) -> Result<T, ChainError>
    where
        T: DeserializeOwned,
        B: Serialize + Sync,
    {
        self.read(path, request, from_json).await
    }

    /// Checks a whole block; what is wrong is an error, what cannot be told is not. Whether the header proves that
    /// these are its transactions.
    pub(super) async fn check(&self, block: &RawBlock) -> Result<bool, ChainError> {
        let unverified =
            |what: &str| Err(ChainError::Unverified(format!("block {}: {what}", block.header.height())));
        // A whole block was asked for, so no transactions under a root are transactions left out.
        if block.transactions.is_empty() && block.header.merkle_root != [0; 32] {
            return unverified("transactions are missing");
        }
        if !self.settings.verify {
            return Ok(true);
        }
        let verified = verify::verify(block, None, &self.known_keys());
        if verified.tx_ids == Some(false) {
            return unverified("a transaction's id is not its hash");
        }
        match verified.merkle_root {
            Some(true) => {}
            Some(false) => return unverified("Merkle root"),
            None if self.settings.require_merkle_root => {
                return unverified("Merkle root cannot be reproduced");
            }
            None => {
                tracing::warn!(height = %block.header.height(), "Merkle root cannot be reproduced from JSON");
            }
        }
        self.check_header(&block.header).await?;
        Ok(verified.merkle_root == Some(true))
    }

    /// Checks a header's id and signature.
    pub(super) async fn check_header(&self, header: &Header) -> Result<(), ChainError> {
        let height = header.height();
        let unverified = |what: &str| Err(ChainError::Unverified(format!("block {height}: {what}")));
        if header.claimed_id.is_some_and(|claimed| claimed != header.id) {
            return unverified("id is not the hash of its header");
        }
        if !self.settings.verify {
            return Ok(());
        }
        // Nobody has produced the first block of a chain: it is what its id says.
        if header.is_unsigned_first() {
            return Ok(());
        }
        let Some(signer) = verify::signer(header) else {
            return unverified("no witness signature");
        };
        if self.known_keys().accepts(header.witness, signer) || self.learn(header.witness, signer).await? {
            return Ok(());
        }
        unverified("signed by none of its witness's keys")
    }

    fn known_keys(&self) -> WitnessKeys {
        self.witness_keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks whether `signer` has the witness's witness permission, and remembers it.
    async fn learn(&self, witness: Address, signer: Address) -> Result<bool, ChainError> {
        let account: answers::Account =
            self.read_as("/wallet/getaccount", &json!({ "address": witness.to_hex() })).await?;
        let may_sign = account
            .witness_permission
            .is_some_and(|permission| permission.keys.iter().any(|key| key.address == signer.to_hex()));
        if may_sign {
            tracing::info!(%witness, %signer, "learned a witness's signing key");
            self.witness_keys.lock().unwrap_or_else(PoisonError::into_inner).allow(witness, signer);
        }
        Ok(may_sign)
    }
}

/// Parses a typed answer.
pub(super) fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ChainError> {
    serde_json::from_slice(body).map_err(|error| ChainError::Malformed(error.to_string()))
}

/// A block or receipt that cannot be decoded.
pub(super) fn malformed(error: &DecodeError) -> ChainError {
    ChainError::Malformed(error.to_string())
}

/// Names the endpoint in an error about the shape of its answer.
fn in_path(path: &str, error: ChainError) -> ChainError {
    match error {
        ChainError::Malformed(what) => ChainError::Malformed(format!("{path}: {what}")),
        other => other,
    }
}
