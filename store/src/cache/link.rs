//! The connection to Redis, and when there is none.
//!
//! One thread with a small runtime of its own keeps it: it connects in the background, hears what other instances
//! forget, asks for a sign of life every second, gives the connection up after failures in a row and tries again
//! after pauses that grow. It does the probing, so no request ever waits for a Redis that is known to be ill; one
//! that finds it ill for the first time waits for [`RedisOptions::patience`] and goes on without.
//!
//! What is forgotten while there is no connection is remembered and forgotten there before anything is read again.
//! As somebody else may have died with such a debt, whoever connects lets go of every document that lies there: a
//! new epoch, in which none of them counts.

use super::{
    breaker::{Pauses, Strikes},
    tally::Tally,
};
use leyden_ports::{CacheError, CacheKey, Entropy};
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, FromRedisValue, IntoConnectionInfo as _, Pipeline,
    ProtocolVersion, PushInfo, PushKind, RedisError, Value, aio::MultiplexedConnection,
};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, sleep, timeout},
};

/// Longest wait for a connection: it is made in the background and keeps nobody waiting.
const CONNECT: Duration = Duration::from_secs(1);
/// How often a connection that nobody uses is asked for a sign of life.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How soon again where there was none.
const AGAIN: Duration = Duration::from_millis(20);
/// How long an epoch or a generation stays, in seconds: longer than what was put in it. Losing one early loses time.
pub(super) const MARKS_S: u64 = 2 * 24 * 3_600;
/// Most tags whose forgetting may be owed one by one. Beyond that everything is to be forgotten.
const MOST_OWED: usize = 1_000;
/// What our messages begin with, so that nobody else's are taken for ours.
const HEADER: &str = "leyden1 ";

/// The address is no URL of a Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a URL such as redis://[user:password@]host:6379[/database], or rediss:// for TLS")]
pub struct RedisUrlError;

/// Where Redis is and how it is used.
#[derive(Clone)]
pub struct RedisOptions {
    place: ConnectionInfo,
    prefix: String,
    realm: String,
    patience: Duration,
}

impl fmt::Debug for RedisOptions {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("place", &self.place.addr().to_string())
            .field("prefix", &self.prefix)
            .field("realm", &self.realm)
            .field("patience", &self.patience)
            .finish()
    }
}

impl RedisOptions {
    /// Reads the URL. `prefix` stands before every key; `patience` is the longest that a request waits.
    pub fn new(url: &str, prefix: &str, patience: Duration) -> Result<Self, RedisUrlError> {
        let place = url.into_connection_info().or(Err(RedisUrlError))?;
        // One connection for questions and for what others forgot: when the one answers, the other is heard.
        let settings = place.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        Ok(Self {
            place: place.set_redis_settings(settings),
            prefix: prefix.to_owned(),
            realm: String::new(),
            patience,
        })
    }

    /// What the cache is of. A text that was put for another realm is not there: two services that share a Redis
    /// and a prefix by mistake must not sell at each other's prices.
    #[must_use]
    pub fn of_realm(self, realm: impl Into<String>) -> Self {
        Self { realm: realm.into(), ..self }
    }

    pub(super) fn realm(&self) -> &str {
        &self.realm
    }

    /// The longest that a request waits for an answer.
    pub const fn patience(&self) -> Duration {
        self.patience
    }

    /// Where it is, with the password.
    pub(super) const fn place(&self) -> &ConnectionInfo {
        &self.place
    }

    /// A name with the prefix.
    pub(super) fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(super) fn key(&self, key: &CacheKey) -> String {
        format!("{}{key}", self.prefix)
    }

    pub(super) fn generation(&self, tag: &str) -> String {
        format!("{}@generation:{tag}", self.prefix)
    }

    pub(super) fn epoch(&self, changes: bool) -> String {
        format!("{}@epoch:{}", self.prefix, if changes { "documents" } else { "facts" })
    }

    fn channel(&self) -> String {
        format!("{}@forgotten", self.prefix)
    }
}

/// What a cache hears from Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'a> {
    /// An instance forgot this tag.
    Forgotten(&'a str),
    /// Something may have been missed.
    Anything,
}

/// A connection that works, as far as is known.
#[derive(Clone)]
pub(super) struct Live {
    connection: MultiplexedConnection,
    serial: u64,
}

#[derive(Default)]
struct State {
    live: Option<Live>,
    serial: u64,
    strikes: Strikes,
    /// Tags that have been forgotten here and not yet there, with the moment.
    owed: BTreeMap<String, u64>,
    /// More was owed than could be remembered.
    owed_all: bool,
    problem: Option<String>,
}

/// What the keeper and those who ask have in common.
pub(super) struct Shared {
    pub(super) options: RedisOptions,
    pub(super) tally: Tally,
    entropy: Arc<dyn Entropy>,
    heard: Box<dyn Fn(Heard<'_>) + Send + Sync>,
    state: Mutex<State>,
    lost: Notify,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A text that no one has seen: a mark that comes back by chance would bring back what was forgotten.
    pub(super) fn token(&self) -> String {
        format!("{:016x}", self.entropy.u64())
    }

    /// The connection, for something under a tag.
    pub(super) fn for_tag(&self, tag: &str) -> Result<Live, CacheError> {
        let state = self.state();
        match &state.live {
            Some(live) if !state.owed_all && !state.owed.contains_key(tag) => Ok(live.clone()),
            _ => {
                drop(state);
                self.tally.skipped();
                Err(CacheError("Redis is left out".to_owned()))
            }
        }
    }

    /// The connection.
    pub(super) fn live(&self) -> Option<Live> {
        self.state().live.clone()
    }

    /// What is wrong, where there is no connection.
    pub(super) fn problem(&self) -> Option<String> {
        let state = self.state();
        match state.live {
            Some(_) => None,
            None => Some(state.problem.clone().unwrap_or_else(|| "not connected yet".to_owned())),
        }
    }

    /// Asks, and waits no longer than a request may.
    pub(super) async fn ask<T: FromRedisValue>(&self, live: &Live, what: &Pipeline) -> Result<T, CacheError> {
        let mut connection = live.connection.clone();
        match timeout(self.options.patience, what.query_async(&mut connection)).await {
            Ok(Ok(answer)) => {
                let mut state = self.state();
                if state.serial == live.serial {
                    state.strikes.clear();
                }
                Ok(answer)
            }
            Ok(Err(error)) => {
                let broken = error.is_io_error() || error.is_connection_dropped();
                Err(self.failed(live.serial, &said(&error), broken))
            }
            Err(_) => {
                let problem = format!("no answer within {} ms", self.options.patience.as_millis());
                Err(self.failed(live.serial, &problem, false))
            }
        }
    }

    fn failed(&self, serial: u64, problem: &str, broken: bool) -> CacheError {
        self.tally.failed();
        let enough = {
            let mut state = self.state();
            state.serial == serial && state.live.is_some() && (state.strikes.another() || broken)
        };
        if enough {
            self.down(serial, problem);
        }
        CacheError(problem.to_owned())
    }

    /// Gives a connection up.
    fn down(&self, serial: u64, problem: &str) {
        let was = {
            let mut state = self.state();
            if state.serial != serial {
                return;
            }
            state.problem = Some(problem.to_owned());
            state.live.take()
        };
        if was.is_some() {
            tracing::warn!(redis = %self.options.place.addr(), problem, "going on without Redis");
            self.lost.notify_one();
        }
    }

    fn is_live(&self, serial: u64) -> bool {
        self.state().live.as_ref().is_some_and(|live| live.serial == serial)
    }

    /// Something came without being asked for.
    fn pushed(&self, serial: u64, push: &PushInfo) {
        match (&push.kind, push.data.as_slice()) {
            (PushKind::Disconnection, _) => self.down(serial, "the connection was closed"),
            (PushKind::Message, [_, payload]) => {
                let bytes = match payload {
                    Value::BulkString(bytes) => bytes.as_slice(),
                    Value::SimpleString(text) => text.as_bytes(),
                    _ => return,
                };
                if let Some(tag) = std::str::from_utf8(bytes).ok().and_then(|text| text.strip_prefix(HEADER))
                {
                    (self.heard)(Heard::Forgotten(tag));
                }
            }
            _ => {}
        }
    }

    /// Notes that a tag is to be forgotten there. Until it is, nothing under it is read there.
    pub(super) fn owe(&self, tag: &str) -> u64 {
        let mut state = self.state();
        let moment = self.entropy.u64();
        if state.owed.len() >= MOST_OWED && !state.owed.contains_key(tag) {
            state.owed.clear();
            state.owed_all = true;
        } else if !state.owed_all {
            state.owed.insert(tag.to_owned(), moment);
        }
        moment
    }

    /// A tag was forgotten there.
    pub(super) fn settled(&self, tag: &str, moment: u64) {
        let mut state = self.state();
        if state.owed.get(tag) == Some(&moment) {
            state.owed.remove(tag);
        }
    }

    /// Writes the forgetting of a tag.
    pub(super) fn write_forget(&self, pipe: &mut Pipeline, tag: &str) {
        pipe.cmd("SET")
            .arg(self.options.generation(tag))
            .arg(self.token())
            .arg("EX")
            .arg(MARKS_S)
            .ignore()
            .cmd("PUBLISH")
            .arg(self.options.channel())
            .arg(format!("{HEADER}{tag}"))
            .ignore();
    }

    fn write_epoch(&self, pipe: &mut Pipeline, changes: bool) {
        pipe.cmd("SET").arg(self.options.epoch(changes)).arg(self.token()).arg("EX").arg(MARKS_S).ignore();
    }

    /// What is owed, and the commands that settle it.
    fn debts(&self) -> (Vec<(String, u64)>, bool, Pipeline) {
        let (owed, all) = {
            let state = self.state();
            (state.owed.iter().map(|(tag, moment)| (tag.clone(), *moment)).collect(), state.owed_all)
        };
        let mut pipe = redis::pipe();
        if all {
            self.write_epoch(&mut pipe, true);
            self.write_epoch(&mut pipe, false);
        }
        let owed: Vec<(String, u64)> = owed;
        for (tag, _) in &owed {
            self.write_forget(&mut pipe, tag);
        }
        (owed, all, pipe)
    }

    fn paid(&self, owed: &[(String, u64)], all: bool) {
        for (tag, moment) in owed {
            self.settled(tag, *moment);
        }
        if all {
            self.state().owed_all = false;
        }
    }

    /// Settles what is still owed although there is a connection: what was not answered in time.
    async fn settle(&self, live: &Live) {
        let (owed, all, pipe) = self.debts();
        if (all || !owed.is_empty()) && self.ask::<()>(live, &pipe).await.is_ok() {
            self.paid(&owed, all);
        }
    }
}

/// An error of the library, short: what a stranger's server says may be long.
pub(super) fn said(error: &RedisError) -> String {
    error.to_string().chars().take(200).collect()
}

/// Starts the keeper. It ends when the sender is dropped.
pub(super) fn start(
    options: RedisOptions,
    entropy: Arc<dyn Entropy>,
    heard: Box<dyn Fn(Heard<'_>) + Send + Sync>,
) -> io::Result<(Arc<Shared>, oneshot::Sender<Infallible>)> {
    // Needed for rediss:// only. Somebody else may have chosen already; there is one to choose from.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = Client::open(options.place.clone()).map_err(io::Error::other)?;
    let shared = Arc::new(Shared {
        options,
        tally: Tally::default(),
        entropy,
        heard,
        state: Mutex::default(),
        lost: Notify::new(),
    });
    let (stop, stopped) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let kept = Arc::clone(&shared);
    std::thread::Builder::new()
        .name("leyden-redis".to_owned())
        .spawn(move || runtime.block_on(keep(&kept, &client, stopped)))?;
    Ok((shared, stop))
}

/// Keeps a connection until nobody wants it any more.
async fn keep(shared: &Arc<Shared>, client: &Client, mut stopped: oneshot::Receiver<Infallible>) {
    let mut pauses = Pauses::default();
    loop {
        let work = async {
            match connect(shared, client).await {
                Ok(live) => {
                    tracing::info!(redis = %shared.options.place.addr(), "Redis is in use");
                    let since = Instant::now();
                    watch(shared, &live).await;
                    pauses.held(since.elapsed());
                }
                Err(problem) => {
                    tracing::debug!(redis = %shared.options.place.addr(), problem, "no connection to Redis");
                    shared.state().problem = Some(problem);
                }
            }
            sleep(pauses.next(shared.entropy.u64())).await;
        };
        tokio::select! {
            _ = &mut stopped => return,
            () = work => {}
        }
    }
}

/// Makes a connection and does there what must be done before anything is read.
async fn connect(shared: &Arc<Shared>, client: &Client) -> Result<Live, String> {
    let serial = {
        let mut state = shared.state();
        state.serial = state.serial.wrapping_add(1);
        state.strikes.clear();
        state.serial
    };
    let listener = Arc::downgrade(shared);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(None)
        .set_push_sender(move |push: PushInfo| {
            if let Some(shared) = listener.upgrade() {
                shared.pushed(serial, &push);
            }
            Ok::<(), Infallible>(())
        });
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    let mut connection = in_time(CONNECT, connecting).await?;
    in_time(CONNECT, connection.subscribe(shared.options.channel())).await?;
    loop {
        let (owed, all, mut pipe) = shared.debts();
        shared.write_epoch(&mut pipe, true);
        // Whoever cannot do this in time would keep requests waiting.
        in_time(shared.options.patience, pipe.query_async::<()>(&mut connection)).await?;
        shared.paid(&owed, all);
        // From here on everything is heard; what was missed before is forgotten.
        (shared.heard)(Heard::Anything);
        let mut state = shared.state();
        if state.owed.is_empty() && !state.owed_all {
            let live = Live { connection, serial };
            state.live = Some(live.clone());
            state.problem = None;
            return Ok(live);
        }
    }
}

async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, String> {
    match timeout(patience, work).await {
        Ok(result) => result.map_err(|error| said(&error)),
        Err(_) => Err(format!("no answer within {} ms", patience.as_millis())),
    }
}

/// Looks after a connection until it is given up.
async fn watch(shared: &Shared, live: &Live) {
    let mut ping = redis::pipe();
    ping.cmd("PING").ignore();
    while shared.is_live(live.serial) {
        if shared.ask::<()>(live, &ping).await.is_ok() {
            shared.settle(live).await;
            tokio::select! {
                () = shared.lost.notified() => {}
                () = sleep(HEARTBEAT) => {}
            }
        } else {
            sleep(AGAIN).await;
        }
    }
}
