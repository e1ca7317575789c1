//! The whole service in one process: real books in memory, real actors, the real API on a free port, and a chain
//! that the test mines block by block.

use crate::books;
use leyden::{
    Application, Settings, World,
    http::scope::Scope,
    settings::Environment,
    system_clock::SystemClock,
    system_entropy::SystemEntropy,
    wiring::{Turns, open_cache},
};
use leyden_actors::Handles;
use leyden_domain::{Address, Sun};
use leyden_ports::Clock;
use leyden_sim::{ChainConfig, SimNode, keys};
use leyden_store::{OpenOptions, SqlStore};
use leyden_test_servers::RedisServer;
use leyden_tron::{
    keys::{KeyId, KeyPolicy, KeyRing},
    node::http_client,
};
use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::{future::Future, sync::Arc, time::Duration};

/// How long a test waits for something before it has failed. Waiting ends as soon as it is there.
const PATIENCE: Duration = Duration::from_secs(30);

/// The test account that customers pay to.
const PAYEE: u32 = 9;

/// A running service.
pub(crate) struct TestApp {
    /// The chain.
    pub(crate) node: SimNode,
    /// A key for everything.
    pub(crate) admin: String,
    handles: Handles,
    client: reqwest::Client,
    /// `http://` and where it listens.
    pub(crate) base: String,
    application: actix_web::web::Data<leyden::http::AppState>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// What the body's `data` holds, of an answer that succeeded.
    pub(crate) fn data(&self) -> Value {
        assert!(self.status.is_success(), "{self:?}");
        let mut body = self.json();
        assert_eq!(body["success"], true, "{self:?}");
        body["data"].take()
    }

    /// The code of a refusal, after checking that it has the shape that every refusal has.
    pub(crate) fn refusal(&self) -> String {
        let body = self.json();
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        assert_eq!(body["status"], self.status.as_u16(), "{self:?}");
        assert_eq!(body["success"], false, "{self:?}");
        let id = self.headers["x-request-id"].to_str().unwrap();
        assert_eq!(body["instance"], format!("urn:uuid:{id}"), "{self:?}");
        body["code"].as_str().unwrap().to_owned()
    }
}

/// Settings for one pool account and one payment address.
pub(crate) fn settings() -> Settings {
    let text = format!(
        "[http]\nlisten = '127.0.0.1:0'\nworkers = 1\nkey_rate_per_minute = 0\nip_rate_per_minute = 0\n\
         [database]\nurl = 'sqlite::memory:'\n\
         [chain]\npoll_interval = '20ms'\nstart_behind = 0\n\
         [payments]\naddresses = ['{}']\n\
         [pool]\naccounts = [{{ address = '{}' }}]\nobserve_interval = '100ms'\n\
         [actors]\nsweep_interval = '100ms'\n[limits]\ninterval = '100ms'\n",
        keys::test_address(PAYEE),
        keys::pool_address(0)
    );
    Settings::from_layers(&[&text], &Environment::default()).unwrap()
}

/// Runs a test against a running service with these settings, and ends the service.
///
/// Where the books are on PostgreSQL, every service that names no Redis of its own gets a private one, and takes turns.
pub(crate) fn with<F, Fut>(mut settings: Settings, test: F)
where
    F: FnOnce(Arc<TestApp>) -> Fut,
    Fut: Future<Output = ()>,
{
    let mut redis = None;
    if crate::ON_POSTGRES && settings.cache.redis_url.is_none() {
        let server = RedisServer::start().unwrap();
        settings.cache.redis_url = Some(server.url());
        redis = Some(server);
    }
    actix_rt::System::new().block_on(async {
        let now = SystemClock.now().ms();
        let node = SimNode::new(ChainConfig::starting_at(now, 3_000));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        // A test may have a way of its own to the books.
        if !settings.database.url.starts_with("postgres:") {
            settings.database.url = books::fresh_url(crate::ON_POSTGRES, &clock).await;
        }
        let opened = SqlStore::open(&settings.database.url, clock, OpenOptions::default());
        let store = Arc::new(opened.await.unwrap());
        let mut ring = KeyRing::new();
        let id = KeyId { owner: keys::pool_address(0), permission_id: 0 };
        ring.insert(id, keys::pool_key(0), KeyPolicy::Delegation);
        let world = World {
            turns: Turns::on(&store, &settings),
            store,
            cache: open_cache(&settings).unwrap(),
            chain: Arc::new(node.clone()),
            writer: Arc::new(node.clone()),
            signer: Arc::new(ring),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        node.mine().unwrap();
        let application = Application::in_world(settings, world).await.unwrap();
        let all = Scope::ALL.iter().copied().collect();
        let admin = application.make_api_key("admin", &all).await.unwrap();
        let app = Arc::new(TestApp {
            node,
            admin: admin.expose_secret().to_owned(),
            handles: application.handles(),
            client: http_client(PATIENCE, PATIENCE).unwrap(),
            base: format!("http://{}", application.address()),
            application: application.state(),
        });
        let shutdown = app.handles.shutdown().clone();
        let body = async {
            app.until("the chain and the pool were read", || {
                let chain = app.handles.boards().chain.read();
                let answered = chain.processed.is_some() && chain.answered_at.is_some();
                answered
                    && app
                        .handles
                        .boards()
                        .pool
                        .read()
                        .accounts
                        .iter()
                        .any(|account| account.observed.is_some())
            })
            .await;
            test(Arc::clone(&app)).await;
            shutdown.request(0, "the test is done");
        };
        let (ending, ()) = futures_util::future::join(application.run(), body).await;
        assert_eq!(ending.code, 0, "{}", ending.why);
    });
    drop(redis);
}

impl TestApp {
    /// A request.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Sends a request.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Reply {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Reply { status, headers, text: response.text().await.unwrap() }
    }

    /// GET with the key for everything.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path).header("X-API-Key", &self.admin)).await
    }

    /// POST of JSON with the key for everything.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::POST, path).header("X-API-Key", &self.admin).json(body)).await
    }

    /// Another key.
    pub(crate) async fn key(&self, scopes: &[Scope]) -> String {
        let (clock, entropy) = (SystemClock, SystemEntropy);
        let scopes = scopes.iter().copied().collect();
        let (row, text) = leyden::http::api_key::make("other", &scopes, None, clock.now(), &entropy);
        self.application.store.add_api_key(row).await.unwrap();
        text.expose_secret().to_owned()
    }

    /// What handlers work with: the books and the cache among it.
    pub(crate) fn state(&self) -> &leyden::http::AppState {
        &self.application
    }

    /// Stops or resumes the reading of blocks.
    pub(crate) fn pause_reading(&self, paused: bool) {
        self.handles.pause_reading(paused);
    }

    /// Where customers pay to.
    pub(crate) fn payee() -> Address {
        keys::test_address(PAYEE)
    }

    /// A test account pays.
    pub(crate) fn pay(&self, customer: u32, amount: Sun) -> String {
        let offer = self.node.transfer(&keys::test_key(customer), Self::payee(), amount.get()).unwrap();
        assert!(offer.message.is_empty(), "{offer:?}");
        offer.tx_id.to_string()
    }

    /// Mines a block and waits until it is in the books.
    pub(crate) async fn block(&self) {
        let mined = self.node.mine().unwrap().number();
        self.until("the block was read", || {
            self.handles.boards().chain.read().processed.is_some_and(|head| head.height().get() >= mined)
        })
        .await;
    }

    /// Mines blocks until an order's `status` on the first routes is this one; returns the order.
    pub(crate) async fn mine_until(&self, order: &str, status: &str) -> Value {
        let mut last = Value::Null;
        for _ in 0..200 {
            last = self.get(&format!("/api/energy-flash/order-status/{order}")).await.data();
            if last["status"] == status {
                return last;
            }
            self.block().await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the order never became {status}: {last}");
    }

    /// Waits until a payment was looked at.
    pub(crate) async fn until_payment(&self, tx_hash: &str) {
        let path = format!("/api/v1/payments?txHash={tx_hash}");
        let wait = async {
            loop {
                let found = self.get(&path).await.data();
                if found[0]["state"].as_str().is_some_and(|state| state != "unrouted") {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{tx_hash} was never looked at");
    }

    /// Waits for something; the test has failed where it does not come.
    pub(crate) async fn until(&self, what: &str, mut there: impl FnMut() -> bool) {
        let wait = async {
            while !there() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{what}: never");
    }
}
