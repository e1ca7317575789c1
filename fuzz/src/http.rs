//! Whole requests, to the whole API: real books in memory, real actors, a chain of its own, no socket. Whatever is asked,
//! the answer is one that the document knows: never a 500, and every refusal in the one shape.

use actix_web::{
    body::to_bytes,
    dev::{Service, ServiceResponse},
    http::{
        Method, StatusCode, Uri,
        header::{HeaderName, HeaderValue},
    },
    test::TestRequest,
};
use leyden::{
    Application, Settings, World, http::scope::Scope, settings::Environment, system_clock::SystemClock,
    system_entropy::SystemEntropy, wiring::open_cache,
};
use leyden_domain::Sun;
use leyden_ports::Clock as _;
use leyden_sim::{ChainConfig, SimNode, keys};
use leyden_store::{OpenOptions, SqlStore};
use leyden_tron::keys::{KeyId, KeyPolicy, KeyRing};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use std::{cell::RefCell, fmt::Write as _, future::Future, pin::Pin, rc::Rc, sync::Arc, time::Duration};

/// After so many requests the chain gets a block, so that orders, payments and fees go on.
const BLOCK_EVERY: u32 = 64;

type Answer = Pin<Box<dyn Future<Output = Result<ServiceResponse, actix_web::Error>>>>;

/// A running service, and what requests of the corpus name.
struct Api {
    system: actix_rt::SystemRunner,
    call: Box<dyn Fn(TestRequest) -> Answer>,
    node: SimNode,
    /// What stands for what in a request.
    names: Vec<(&'static str, String)>,
    asked: u32,
}

thread_local! {
    // Never taken down: a system that ends with its thread finds others of the thread's values gone.
    static API: RefCell<Option<&'static mut Api>> = const { RefCell::new(None) };
}

/// One request as text: `METHOD path`, headers, an empty line, the body. `$admin` and `$shop` stand for API keys, `$order`
/// for an order and `$tx` for a transaction that pays for it. Headers that no client can send make no request.
pub fn http(data: &[u8]) {
    with_api(|api| {
        let Some(request) = api.request(data) else { return };
        api.send(request);
    });
}

/// A cursor, and a page's length, and the other parameters of lists.
pub fn cursor(data: &[u8]) {
    with_api(|api| {
        let mut text = String::new();
        for byte in data {
            write!(text, "%{byte:02X}").expect("a text takes any text");
        }
        let read = hex::encode(data);
        for query in [format!("cursor={text}"), format!("cursor={read}"), format!("limit={text}")] {
            for path in ["/api/v1/orders", "/api/v1/payments"] {
                let line = format!("GET {path}?{query}\nX-API-Key: $admin\n\n");
                if let Some(request) = api.request(line.as_bytes()) {
                    api.send(request);
                }
            }
        }
    });
}

fn with_api(work: impl FnOnce(&mut Api)) {
    API.with_borrow_mut(|api| work(api.get_or_insert_with(|| Box::leak(Box::new(start())))));
}

impl Api {
    fn request(&self, data: &[u8]) -> Option<(String, TestRequest)> {
        let split = data.windows(2).position(|pair| pair == b"\n\n");
        let (head, body) = split.map_or((data, &[][..]), |at| (&data[..at], &data[at + 2..]));
        let named = |text: &str| {
            self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
        };
        let head = named(std::str::from_utf8(head).ok()?);
        let mut lines = head.lines();
        let (method, uri) = lines.next()?.split_once(' ')?;
        let uri: Uri = uri.parse().ok()?;
        // What a connection would not hand on.
        (uri.path().starts_with('/') && uri.scheme().is_none()).then_some(())?;
        let mut request =
            TestRequest::default().method(Method::from_bytes(method.as_bytes()).ok()?).uri(&uri.to_string());
        let mut has_type = false;
        for line in lines {
            let (name, value) = line.split_once(": ")?;
            let name: HeaderName = name.parse().ok()?;
            has_type |= name == "content-type";
            request = request.append_header((name, HeaderValue::from_str(value).ok()?));
        }
        if !body.is_empty() {
            if !has_type {
                request = request.append_header(("content-type", "application/json"));
            }
            let body = match std::str::from_utf8(body) {
                Ok(text) => named(text).into_bytes(),
                Err(_) => body.to_vec(),
            };
            request = request.set_payload(body);
        }
        Some((format!("{method} {uri}"), request))
    }

    fn send(&mut self, (line, request): (String, TestRequest)) {
        self.asked = self.asked.wrapping_add(1);
        if self.asked.is_multiple_of(BLOCK_EVERY) {
            self.node.mine().expect("the chain mines");
        }
        let answer = (self.call)(request);
        let (status, kind, body) = self.system.block_on(async {
            let response = match answer.await {
                Ok(response) => response.into_parts().1,
                Err(error) => error.error_response(),
            };
            // What is packed is not looked into: the packing is the framework's.
            let is_plain = !response.headers().contains_key("content-encoding");
            let kind = response.headers().get("content-type").filter(|_| is_plain).cloned();
            assert!(response.headers().contains_key("x-request-id"), "{line}: no request id");
            (response.status(), kind, to_bytes(response.into_body()).await.expect("a body"))
        });
        check(&line, status, kind.as_ref(), &body);
    }
}

fn check(line: &str, status: StatusCode, kind: Option<&HeaderValue>, body: &[u8]) {
    let said = String::from_utf8_lossy(body);
    assert!(
        !status.is_server_error() || status == StatusCode::SERVICE_UNAVAILABLE,
        "{line}: {status} {said}"
    );
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind == "application/problem+json" || (status.is_client_error() && !kind.is_empty()) {
        let problem: Value =
            serde_json::from_slice(body).unwrap_or_else(|error| panic!("{line}: {error}: {said}"));
        assert_eq!(kind, "application/problem+json", "{line}");
        assert_eq!(problem["status"], status.as_u16(), "{line}: {problem}");
        assert_eq!(problem["success"], false, "{line}: {problem}");
        for member in ["type", "title", "detail", "instance", "code", "message", "error"] {
            assert!(problem[member].is_string(), "{line}: {member} of {problem}");
        }
    } else if kind.starts_with("application/json") {
        let parsed: Result<Value, _> = serde_json::from_slice(body);
        assert!(parsed.is_ok(), "{line}: {said}");
    }
}

/// Starts the service, with an order and a payment in its books.
fn start() -> Api {
    let text = format!(
        "[http]\nlisten = '127.0.0.1:0'\nworkers = 1\nkey_rate_per_minute = 0\nip_rate_per_minute = 0\n\
         lookup_rate_per_minute = 0\n[database]\nurl = 'sqlite::memory:'\n\
         [chain]\npoll_interval = '50ms'\nstart_behind = 0\n[payments]\naddresses = ['{}']\n\
         [pool]\naccounts = [{{ address = '{}' }}]\n[actors]\nsweep_interval = '500ms'\n",
        keys::test_address(9),
        keys::pool_address(0)
    );
    let settings = Settings::from_layers(&[&text], &Environment::default()).expect("settings");
    let system = actix_rt::System::new();
    let now = SystemClock.now().ms();
    let node = SimNode::new(ChainConfig::starting_at(now, 3_000));
    node.mine().expect("the chain mines");
    let (call, names) = system.block_on(async {
        let clock = Arc::new(SystemClock);
        let store =
            SqlStore::open(&settings.database.url, clock, OpenOptions::default()).await.expect("books");
        let mut ring = KeyRing::new();
        let id = KeyId { owner: keys::pool_address(0), permission_id: 0 };
        ring.insert(id, keys::pool_key(0), KeyPolicy::Delegation);
        let world = World {
            turns: None,
            store: Arc::new(store),
            cache: open_cache(&settings).expect("a cache"),
            chain: Arc::new(node.clone()),
            writer: Arc::new(node.clone()),
            signer: Arc::new(ring),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        let application = Application::in_world(settings, world).await.expect("the service starts");
        let all = Scope::ALL.iter().copied().collect();
        let admin = application.make_api_key("admin", &all).await.expect("a key");
        let shop = application.make_api_key("shop", &[Scope::OrdersWrite].into()).await.expect("a key");
        let state = application.state();
        let handles = application.handles();
        while handles.boards().chain.read().processed.is_none()
            || handles.boards().pool.read().accounts.iter().all(|account| account.observed.is_none())
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The server that has the port is never polled: requests come without one.
        std::mem::forget(application);
        let service = Rc::new(actix_web::test::init_service(leyden::http::app(state)).await);
        let call: Box<dyn Fn(TestRequest) -> Answer> = Box::new(move |request| {
            let answer = service.call(request.to_request());
            Box::pin(async move { Ok(answer.await?.map_into_boxed_body()) })
        });
        let admin = admin.expose_secret().to_owned();
        let body = json!({ "recipientAddress": keys::test_address(1), "chatId": 1 });
        let make = TestRequest::post()
            .uri("/api/energy-flash/create-order")
            .append_header(("X-API-Key", admin.clone()))
            .set_json(&body);
        let answer = call(make).await.expect("an order");
        let offer: Value = actix_web::test::read_body_json(answer).await;
        let order = offer["data"]["orderId"].as_str().expect("an id").to_owned();
        let due = offer["data"]["amounts"][0]["amountSun"].as_i64().expect("an amount");
        let paid =
            node.transfer(&keys::test_key(1), keys::test_address(9), Sun::new(due).get()).expect("paid");
        node.mine().expect("the chain mines");
        let names = vec![
            ("$admin", admin),
            ("$shop", shop.expose_secret().to_owned()),
            ("$order", order),
            ("$tx", paid.tx_id.to_string()),
            ("$address", keys::test_address(1).to_string()),
        ];
        (call, names)
    });
    Api { system, call, node, names, asked: 0 }
}
