//! One face of a node: a listener with faults of its own, and a count of what was asked. Several faces over one chain
//! are several nodes of one network.

use super::call::{Answer, Failure};
use crate::faults::WireFault;
use actix_web::{HttpResponse, http::StatusCode, http::header::ContentType, web::Bytes};
use flate2::{Compression, write::GzEncoder};
use futures_util::stream;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

/// What a bomb unpacks to.
const BOMB_BYTES: usize = 256 * 1024 * 1024;
/// Questions that are answered with blocks.
const BLOCKS: [&str; 5] =
    ["getblock", "getnowblock", "getblockbynum", "getblockbylimitnext", "getblockbylatestnum"];
/// Questions that are answered with the receipts of a block.
const RECEIPTS: &str = "gettransactioninfobyblocknum";

/// What operators of real nodes may leave switched off, and java-tron ships switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// Whether receipts tell what contracts did on their own: `vm.saveInternalTx`.
    pub internal_transactions: bool,
    /// Whether calls are answered that only look: `vm.supportConstant`, and `vm.estimateEnergy` with it.
    pub constant_calls: bool,
}

impl Default for Abilities {
    fn default() -> Self {
        Self { internal_transactions: true, constant_calls: true }
    }
}

#[derive(Debug, Default)]
struct Inner {
    abilities: Abilities,
    fault: Option<WireFault>,
    calls: BTreeMap<String, u64>,
    asked: u64,
}

/// One face of a node. Cloning it gives another handle on the same.
#[derive(Debug, Clone, Default)]
pub struct Face(Arc<Mutex<Inner>>);

impl Face {
    /// One without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that can do only this much.
    pub fn with(abilities: Abilities) -> Self {
        let face = Self::new();
        face.inner().abilities = abilities;
        face
    }

    /// What it can do.
    pub fn abilities(&self) -> Abilities {
        self.inner().abilities
    }

    /// Says whether receipts told from now on hold internal transactions, whichever block they belong to.
    pub fn tell_internal_transactions(&self, on: bool) {
        self.inner().abilities.internal_transactions = on;
    }

    /// Says whether constant calls are answered from now on.
    pub fn answer_constant_calls(&self, on: bool) {
        self.inner().abilities.constant_calls = on;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Switches a fault on, or all off.
    pub fn set(&self, fault: Option<WireFault>) {
        self.inner().fault = fault;
    }

    /// How often each method was asked for.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.inner().calls.clone()
    }

    /// How often anything was asked for.
    pub fn total_calls(&self) -> u64 {
        self.inner().calls.values().sum()
    }

    /// Counts a question, and says what goes wrong with it.
    pub(super) fn asked(&self, method: &str) -> Option<WireFault> {
        let mut inner = self.inner();
        *inner.calls.entry(method.to_owned()).or_default() += 1;
        inner.asked += 1;
        match inner.fault {
            Some(WireFault::Flapping) if inner.asked.is_multiple_of(2) => None,
            fault => fault,
        }
    }
}

fn page(status: StatusCode) -> HttpResponse {
    HttpResponse::build(status)
        .content_type(ContentType::html())
        .body("<html><head><title>Sorry</title></head><body></body></html>")
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "simulated")
}

/// Whether a fault leaves nothing of the question: it is answered without asking the node.
pub(super) async fn instead(fault: WireFault) -> Option<HttpResponse> {
    match fault {
        WireFault::TooManyRequests { retry_after } => {
            let mut response = HttpResponse::TooManyRequests();
            if let Some(seconds) = retry_after {
                response.insert_header(("retry-after", seconds.to_string()));
            }
            Some(response.content_type(ContentType::json()).body("{}"))
        }
        WireFault::Forbidden => Some(page(StatusCode::FORBIDDEN)),
        WireFault::ServerError => Some(page(StatusCode::BAD_GATEWAY)),
        WireFault::Flapping => Some(page(StatusCode::SERVICE_UNAVAILABLE)),
        WireFault::Reset => Some(HttpResponse::Ok().streaming(stream::iter([Err::<Bytes, _>(broken())]))),
        WireFault::Hang => std::future::pending().await,
        WireFault::Html => Some(page(StatusCode::OK)),
        WireFault::Malformed => Some(
            HttpResponse::Ok()
                .content_type(ContentType::json())
                .body("{\"blockID\":\"00\",\"block_header\":{,"),
        ),
        WireFault::GzipBomb => Some(bomb()),
        WireFault::Endless => {
            let chunk = Bytes::from(vec![b' '; 64 * 1024]);
            let endless = stream::repeat_with(move || Ok::<_, io::Error>(chunk.clone()));
            Some(HttpResponse::Ok().content_type(ContentType::json()).streaming(endless))
        }
        _ => None,
    }
}

/// A small body that unpacks to a huge one.
fn bomb() -> HttpResponse {
    static PACKED: OnceLock<Bytes> = OnceLock::new();
    let packed = PACKED.get_or_init(|| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        let blanks = vec![b' '; 1024 * 1024];
        let all_written = (0..BOMB_BYTES / blanks.len()).all(|_| packed.write_all(&blanks).is_ok());
        debug_assert!(all_written, "writing into memory does not fail");
        packed.finish().unwrap_or_default().into()
    });
    HttpResponse::Ok()
        .content_type(ContentType::json())
        .insert_header(("content-encoding", "gzip"))
        .body(packed.clone())
}

/// What becomes of an answer.
pub(super) fn spoil(fault: WireFault, method: &str, mut answer: Answer) -> Answer {
    let is_block = BLOCKS.contains(&method);
    match fault {
        WireFault::EmptyObject if is_block || method == RECEIPTS => Ok(Value::Object(serde_json::Map::new())),
        WireFault::EmptyArray if is_block || method == RECEIPTS => Ok(Value::Array(Vec::new())),
        WireFault::HugeNumbers => {
            if let Ok(value) = &mut answer {
                enlarge(value);
            }
            answer
        }
        WireFault::DuplicateStorm if method == "broadcasthex" => Ok(serde_json::json!({
            "code": "DUP_TRANSACTION_ERROR",
            "message": hex::encode("Dup transaction."),
        })),
        _ => answer,
    }
}

/// Whether a question never reaches the node, for all that its answer says.
pub(super) fn swallows(fault: WireFault, method: &str) -> bool {
    fault == WireFault::DuplicateStorm && method == "broadcasthex"
}

/// Makes every number the largest there is.
fn enlarge(value: &mut Value) {
    match value {
        Value::Number(_) => *value = i64::MAX.into(),
        Value::Array(values) => values.iter_mut().for_each(enlarge),
        Value::Object(fields) => fields.values_mut().for_each(enlarge),
        _ => {}
    }
}

/// An answer on the wire, with what goes wrong there.
pub(super) fn send(
    fault: Option<WireFault>,
    answer: Answer,
    respond: impl FnOnce(Answer) -> HttpResponse,
) -> HttpResponse {
    match (fault, answer) {
        (Some(WireFault::HalfBody), Ok(value)) => {
            let mut text = value.to_string();
            text.truncate(text.len() / 2);
            HttpResponse::Ok()
                .content_type(ContentType::json())
                .streaming(stream::iter([Ok(Bytes::from(text)), Err(broken())]))
        }
        (Some(WireFault::WrongContentType), Ok(value)) => {
            HttpResponse::Ok().content_type(ContentType::plaintext()).body(value.to_string())
        }
        (_, answer) => respond(answer),
    }
}

/// Nobody was asked.
pub(super) fn unasked() -> Answer {
    Err(Failure::Lost)
}
