//! Puts the service together: configuration → ports → actors → HTTP. The only place that knows which adapter stands
//! behind which port.

use crate::{
    claim::Claim,
    gauges,
    http::{self, AppState, Parts, api_key, scope::Scope},
    lifecycle::{self, Signals},
    settings::{AgreementSetting, Node, NodeFlavour, Settings, without_credentials},
    system_clock::SystemClock,
    system_entropy::SystemEntropy,
    telemetry,
};
use actix_web::{dev::Server, web};
use leyden_actors::{
    Election, Handles, Leadership, Placement, Ports, RefundWarrants, SystemError, WarrantLimits,
    kernel::{Ending, Shutdown},
    leadership::WORK,
};
use leyden_domain::AccountId;
use leyden_ports::{
    Cache, ChainReader, ChainWriter, Clock, Entropy, Signer, Store, StoreError,
    store::{EncryptedKey, Fence, LeaseStore, NewPoolAccount, NewRefundAccount},
};
use leyden_store::{MemoryCache, MigrationMode, OpenError, OpenOptions, SqlStore, TieredCache};
use leyden_tron::{
    keys::{KeyFile, KeyFileError, KeyRing},
    node::{
        NodePool, NodeSettings, PoolSettings,
        pool::{Agreement, NodeKind, PoolError, PooledNode},
    },
};
use secrecy::SecretString;
use std::{
    collections::BTreeSet,
    fmt,
    net::{SocketAddr, TcpListener},
    num::NonZeroU32,
    path::Path,
    sync::Arc,
    time::Duration,
};

/// How long the actors may take to stop.
const ACTOR_GRACE: Duration = Duration::from_secs(10);

/// Why the service could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is not fit for serving.
    #[error("the configuration is not fit for serving:\n{0}")]
    Settings(#[from] crate::settings::Problems),
    /// The database could not be opened.
    #[error("{url}: {error}")]
    Database {
        /// Which one, without credentials.
        url: String,
        /// Why.
        error: OpenError,
    },
    /// The database could not be read or written.
    #[error("the database cannot be used: {0}")]
    Store(#[from] StoreError),
    /// Another process serves these books.
    #[error("another process serves the books in {path}: end it first, or share books on PostgreSQL")]
    Served {
        /// Which books.
        path: String,
    },
    /// The folder of the database, or a file in it, could not be made.
    #[error("{path}: {error}")]
    Folder {
        /// Which one.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// The clients of the nodes could not be made.
    #[error("chain.nodes: {0}")]
    Node(#[from] PoolError),
    /// A private key could not be opened.
    #[error("the key of {account}: {error}")]
    Key {
        /// For whom it signs.
        account: String,
        /// Why.
        error: KeyFileError,
    },
    /// There are private keys and nothing to open them with.
    #[error("there are encrypted keys, and neither keys.passphrase nor keys.passphrase_file is set")]
    NoPassphrase,
    /// The actors could not be started.
    #[error(transparent)]
    Actors(#[from] SystemError),
    /// The port could not be taken.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The metrics could not be set up.
    #[error("metrics: {0}")]
    Metrics(String),
    /// Signals could not be listened for.
    #[error("signals: {0}")]
    Signals(std::io::Error),
}

/// Everything outside the core, as ports. A test or the demo may put anything behind any of them.
#[derive(Clone)]
pub struct World {
    /// The books.
    pub store: Arc<dyn Store>,
    /// Answers that may be given again.
    pub cache: Arc<dyn Cache>,
    /// Reads the chain.
    pub chain: Arc<dyn ChainReader>,
    /// Writes to the chain.
    pub writer: Arc<dyn ChainWriter>,
    /// Signs.
    pub signer: Arc<dyn Signer>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// How to take turns with other instances; `None`: this is the only one.
    pub turns: Option<Turns>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

/// What taking turns with other instances needs of the books.
#[derive(Debug, Clone)]
pub struct Turns {
    /// Where leases are.
    pub leases: Arc<dyn LeaseStore>,
    /// Raised while the lease for the work is ours.
    pub fence: Arc<Fence>,
    /// The books behind that fence.
    pub fenced: Arc<dyn Store>,
}

impl Turns {
    /// Turns on these books; `None` where no other process can share them.
    pub fn on(store: &Arc<SqlStore>, settings: &Settings) -> Option<Self> {
        if settings.database.url.starts_with("sqlite:") {
            return None;
        }
        let fence = Arc::new(Fence::new(WORK));
        let fenced = Arc::new(store.fenced(Arc::clone(&fence)));
        Some(Self { leases: Arc::clone(store) as Arc<dyn LeaseStore>, fence, fenced })
    }
}

/// Opens the books that the configuration names.
pub async fn open_store(settings: &Settings, migrations: MigrationMode) -> Result<Arc<SqlStore>, StartError> {
    open_books(&settings.database.url, migrations).await
}

/// Opens the books at a URL.
pub(crate) async fn open_books(url: &str, migrations: MigrationMode) -> Result<Arc<SqlStore>, StartError> {
    make_folder(url)?;
    let options = OpenOptions { migrations, ..OpenOptions::default() };
    let store = SqlStore::open(url, Arc::new(SystemClock), options).await;
    store.map(Arc::new).map_err(|error| StartError::Database { url: without_credentials(url), error })
}

/// Opens the books that are to be moved elsewhere.
pub(crate) async fn open_books_to_move(url: &str) -> Result<SqlStore, StartError> {
    SqlStore::open_to_move(url, Arc::new(SystemClock), OpenOptions::default())
        .await
        .map_err(|error| StartError::Database { url: without_credentials(url), error })
}

/// Opens the books to look at them and change nothing: neither their schema nor what the journal does not know.
pub(crate) async fn open_books_to_read(url: &str) -> Result<SqlStore, StartError> {
    let failed = |error| StartError::Database { url: without_credentials(url), error };
    SqlStore::open_to_read(url, Arc::new(SystemClock)).await.map_err(failed)
}

/// The file that the books of a URL are in; `None`: they are on a server, or in memory.
pub(crate) fn file_of(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite:")?.trim_start_matches("//").split('?').next()?;
    (!path.is_empty() && !path.starts_with(':')).then_some(Path::new(path))
}

/// A file of SQLite wants its folder to be there.
fn make_folder(url: &str) -> Result<(), StartError> {
    match file_of(url).and_then(Path::parent) {
        Some(folder) if !folder.as_os_str().is_empty() => std::fs::create_dir_all(folder)
            .map_err(|error| StartError::Folder { path: folder.display().to_string(), error }),
        _ => Ok(()),
    }
}

/// The pool of the nodes that the configuration names.
pub fn open_nodes(settings: &Settings) -> Result<NodePool, StartError> {
    if settings.chain.nodes.is_empty() {
        return Err(crate::settings::Problems::one("chain.nodes", "name at least one node").into());
    }
    let chain = &settings.chain;
    let nodes = chain.nodes.iter().map(|node| pooled(settings, node)).collect();
    let pool = NodePool::new(PoolSettings {
        agreement_above: chain.agreement_above_trx,
        agreement: match chain.agreement {
            AgreementSetting::Required => Agreement::Required,
            AgreementSetting::WhenPossible => Agreement::WhenPossible,
        },
        cross_check_receipts: chain.cross_check_receipts,
        broadcast_to: usize::try_from(chain.broadcast_to).unwrap_or(usize::MAX),
        ..PoolSettings::new(nodes, settings.payments.addresses.clone())
    })?;
    Ok(pool)
}

/// One node of the pool.
fn pooled(settings: &Settings, node: &Node) -> PooledNode {
    let secret = |text: &str| SecretString::from(text.to_owned());
    let mut keys: Vec<SecretString> = [&node.api_key]
        .into_iter()
        .chain(&node.api_keys)
        .filter_map(|key| key.expose().map(secret))
        .collect();
    let kind = match node.flavour() {
        NodeFlavour::TronGrid => NodeKind::TronGrid,
        NodeFlavour::JavaTron => NodeKind::JavaTron,
    };
    let usual_priority = match kind {
        NodeKind::JavaTron => 10,
        NodeKind::TronGrid => 20,
    };
    let requests_per_second = match node.requests_per_second {
        None => kind.requests_per_second(!keys.is_empty()),
        Some(number) => NonZeroU32::new(number),
    };
    let more_api_keys = if keys.is_empty() { Vec::new() } else { keys.split_off(1) };
    PooledNode {
        priority: node.priority.unwrap_or(usual_priority),
        broadcast: node.broadcast,
        node: NodeSettings {
            name: node.shown_name(),
            api_key: keys.pop(),
            more_api_keys,
            requests_per_second,
            timeout_ms: u64::try_from(settings.chain.request_timeout.span().ms()).unwrap_or(10_000),
            usdt_contract: settings.chain.usdt_contract,
            solidity_url: Some(node.shown_solidity_url()),
            ..NodeSettings::new(node.url.trim_end_matches('/'))
        },
    }
}

/// Opens the private keys in the books.
pub fn open_keys(keys: &[EncryptedKey], settings: &Settings) -> Result<KeyRing, StartError> {
    let mut ring = KeyRing::new();
    if keys.is_empty() {
        return Ok(ring);
    }
    let passphrase = settings.keys.passphrase.expose().ok_or(StartError::NoPassphrase)?;
    let passphrase = SecretString::from(passphrase.to_owned());
    for key in keys {
        let failed = |error| StartError::Key { account: key.address.to_string(), error };
        let file = KeyFile::parse(&key.sealed).map_err(failed)?;
        ring.insert(file.id(), file.open(&passphrase).map_err(failed)?, file.policy());
    }
    Ok(ring)
}

/// Keys that move money sign what the books have a refund for, and nothing else.
pub(crate) fn by_warrant(mut ring: KeyRing, settings: &Settings, store: &Arc<SqlStore>) -> KeyRing {
    let limits = WarrantLimits {
        guard: settings.refund_policy().guard,
        usdt_contract: settings.chain.usdt_contract,
        fee_limit: settings.refund.usdt_fee_limit_trx,
        lifetime: settings.pool.transaction_lifetime.span(),
    };
    ring.ask(Arc::new(RefundWarrants::new(Arc::clone(store) as Arc<dyn Store>, limits)));
    ring
}

/// The cache: in this process, and before Redis where the configuration names one. It need not be there: it is
/// connected to in the background.
pub fn open_cache(settings: &Settings) -> Result<Arc<dyn Cache>, StartError> {
    let cache = &settings.cache;
    let memory = MemoryCache::with_longest_document(u64::from(cache.entries), cache.local_ttl.span());
    let problem =
        |error: &dyn fmt::Display| crate::settings::Problems::one("cache.redis_url", &error.to_string());
    match cache.redis().map_err(|error| problem(&error))? {
        None => Ok(Arc::new(memory)),
        Some(options) => Ok(Arc::new(
            TieredCache::start(memory, options.of_realm(realm(settings)), Arc::new(SystemEntropy))
                .map_err(|error| problem(&error))?,
        )),
    }
}

/// What the cache is of: the chain and the addresses that customers pay to.
fn realm(settings: &Settings) -> String {
    let payees = settings.payments.addresses.iter().map(ToString::to_string);
    std::iter::once(settings.chain.usdt_contract.to_string()).chain(payees).collect::<Vec<_>>().join(" ")
}

impl World {
    /// What the configuration names.
    async fn connect(settings: &Settings) -> Result<Self, StartError> {
        let nodes = Arc::new(open_nodes(settings)?);
        let migrations = if settings.database.migrate { MigrationMode::Apply } else { MigrationMode::Refuse };
        let store = open_store(settings, migrations).await?;
        let keys = leyden_ports::store::ServiceStore::keys(store.as_ref()).await?;
        let turns = Turns::on(&store, settings);
        Ok(Self {
            chain: Arc::clone(&nodes) as Arc<dyn ChainReader>,
            writer: nodes,
            signer: Arc::new(by_warrant(open_keys(&keys, settings)?, settings, &store)),
            store,
            cache: open_cache(settings)?,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            turns,
        })
    }
}

/// The service, started: actors at work, the port taken. It answers once it [runs](Application::run).
pub struct Application {
    state: web::Data<AppState>,
    server: Server,
    address: SocketAddr,
    signals: Option<Signals>,
    /// Set where nobody else may serve the same books.
    claim: Option<Claim>,
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Application {
    /// Starts the service in the world that the configuration names. Must be called inside an actix system.
    pub async fn build(settings: Settings) -> Result<Self, StartError> {
        settings.check_for_serving()?;
        make_folder(&settings.database.url)?;
        // Before anything is read: what another process does meanwhile must not be missed.
        let claim = file_of(&settings.database.url).map(Claim::of).transpose()?;
        let world = World::connect(&settings).await?;
        Ok(Self { claim, ..Self::in_world(settings, world).await? })
    }

    /// Starts the service in a given world. Must be called inside an actix system.
    pub async fn in_world(settings: Settings, world: World) -> Result<Self, StartError> {
        let metrics = telemetry::metrics().map_err(StartError::Metrics)?;
        let address = settings.http.listen;
        // The port first: a second service started by mistake must not get as far as the actors.
        let listen = |error| StartError::Listen { address, error };
        let listener = TcpListener::bind(address).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        for account in &settings.pool.accounts {
            let now = world.clock.now();
            let new = NewPoolAccount {
                id: AccountId::new(now, world.entropy.for_id()),
                address: account.address,
                permission_id: account.permission_id,
            };
            world.store.upsert_pool_account(new, now).await?;
        }
        if let Some(address) = settings.refund.address {
            let now = world.clock.now();
            let id = AccountId::new(now, world.entropy.for_id());
            let permission_id = Some(settings.refund.permission_id).filter(|permission| *permission > 0);
            world.store.upsert_refund_account(NewRefundAccount { id, address, permission_id }, now).await?;
        }
        let sale = http::prices::sale_terms(world.store.as_ref(), &settings).await?;
        let ports = Ports {
            store: Arc::clone(&world.store),
            chain: Arc::clone(&world.chain),
            writer: world.writer,
            signer: world.signer,
            clock: Arc::clone(&world.clock),
            entropy: Arc::clone(&world.entropy),
        };
        let told = settings.for_actors();
        let settings = Arc::new(settings);
        let leadership = match world.turns {
            None => Leadership::Alone,
            Some(turns) => Leadership::Elected(Election {
                leases: turns.leases,
                fence: turns.fence,
                fenced: turns.fenced,
                holder: holder(&settings, ports.entropy.as_ref()),
                ttl: settings.instances.lease.duration(),
                sales: Arc::new(http::prices::SaleBook {
                    store: Arc::clone(&world.store),
                    settings: Arc::clone(&settings),
                }),
            }),
        };
        let (placement, shutdown) = (Placement::Threads, Shutdown::new());
        let handles = leyden_actors::start(ports, told, sale, leadership, placement, shutdown).await?;
        let state = web::Data::new(AppState::new(Parts {
            store: world.store,
            cache: world.cache,
            chain: world.chain,
            handles,
            clock: world.clock,
            entropy: world.entropy,
            settings,
            metrics,
        }));
        let server =
            http::serve(state.clone(), listener).map_err(|error| StartError::Listen { address, error })?;
        Ok(Self { state, server, address, signals: None, claim: None })
    }

    /// Lets SIGTERM and SIGINT end it.
    pub fn heed_signals(mut self) -> Result<Self, StartError> {
        self.signals = Some(Signals::listen().map_err(StartError::Signals)?);
        Ok(self)
    }

    /// Where it listens: tells the port where 0 was asked for.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// What handlers work with: the books, the way to the actors, the configuration.
    pub fn state(&self) -> web::Data<AppState> {
        self.state.clone()
    }

    /// The way to the actors, and to the shutdown that ends the service.
    pub fn handles(&self) -> Handles {
        self.state.handles.clone()
    }

    /// Makes an API key and returns its text, which is nowhere else.
    pub async fn make_api_key(
        &self,
        name: &str,
        scopes: &BTreeSet<Scope>,
    ) -> Result<SecretString, StoreError> {
        let (row, text) =
            api_key::make(name, scopes, None, self.state.clock.now(), self.state.entropy.as_ref());
        self.state.store.add_api_key(row).await?;
        Ok(text)
    }

    /// Serves until somebody asks for the end: a signal, an actor, `handles().shutdown()`.
    pub async fn run(self) -> Ending {
        // Until the last actor has ended.
        let _claim = self.claim;
        let grace = self.state.settings.http.shutdown_timeout.duration().max(ACTOR_GRACE);
        let state = self.state.clone();
        let tend = move || gauges::tend(&state);
        lifecycle::run(self.server, self.state.handles.clone(), self.signals, grace, tend).await
    }
}

/// Names this run of this instance: its name may be another's by mistake, or its own before it was killed.
fn holder(settings: &Settings, entropy: &dyn Entropy) -> String {
    let name = match settings.instances.name.as_str() {
        "" => std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned(),
        name => name.to_owned(),
    };
    format!("{name}/{}/{}", std::process::id(), hex::encode(entropy.for_id()))
}
