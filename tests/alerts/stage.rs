//! A chain, books, one or two instances of the built program, wires that can be cut between all of them, and a Prometheus
//! that watches.

use crate::{
    process::{Client, Running, WAIT, install_on, leyden, pay},
    rules,
};
use leyden_sim::keys;
use leyden_test_servers::{Postgres, PostgresOptions, Prometheus, Proxy, Wire};
use leyden_tron::node::http_client;
use serde_json::{Value, json};
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::Stdio,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};
use tempfile::TempDir;

/// The database that others are copies of.
const TEMPLATE: &str = "template_books";

/// What all situations have in common.
pub(crate) struct Ground {
    folder: TempDir,
    chain: Running,
    postgres: Postgres,
    /// Keys for the API, by where the books are.
    keys: [String; 2],
    copies: AtomicU32,
    /// One instance is started at a time: all at once, a small machine is so busy that none finds its books.
    starting: Mutex<()>,
}

/// Where the books are, and how many serve them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    Alone,
    AloneOnPostgres,
    Two,
}

fn start_chain(folder: &Path) -> Running {
    Running::start(leyden(folder, &["chain", "--gateway", "--listen", "127.0.0.1:0", "--block-time", "1s"]))
}

fn address_of(url: &str) -> SocketAddr {
    url.strip_prefix("http://").unwrap().parse().unwrap()
}

impl Ground {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let chain = start_chain(folder.path());
        let postgres =
            Postgres::start(&PostgresOptions { connections: 400, ..PostgresOptions::fast() }).unwrap();
        let template = postgres.create(TEMPLATE, None).unwrap();
        let keys = ["sqlite:books.sqlite", &template]
            .map(|database| install_on(folder.path(), &chain.url, database));
        Self { folder, chain, postgres, keys, copies: AtomicU32::new(0), starting: Mutex::new(()) }
    }
}

/// A service, and everything around it.
pub(crate) struct Stage {
    folder: TempDir,
    /// A chain of its own, where this one's blocks are not to be everybody's.
    chain: Option<Running>,
    pub(crate) nodes: Vec<Proxy>,
    pub(crate) database: Option<Proxy>,
    /// The instances that were not lost yet.
    pub(crate) instances: Vec<Running>,
    prometheus: Option<Prometheus>,
    pub(crate) client: Client,
}

impl Stage {
    /// Everything but the instances.
    pub(crate) fn new(ground: &Ground, site: Site, own_chain: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let chain = own_chain.then(|| start_chain(folder.path()));
        let node = address_of(chain.as_ref().map_or(&ground.chain.url, |chain| &chain.url));
        let nodes: Vec<Proxy> = (0..2).map(|_| Proxy::to(node).unwrap()).collect();
        let (database, key, url) = if site == Site::Alone {
            for entry in fs::read_dir(ground.folder.path()).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if name.starts_with("books.sqlite") {
                    fs::copy(&path, folder.path().join(name)).unwrap();
                }
            }
            (None, 0, "sqlite:books.sqlite".to_owned())
        } else {
            let name = format!("books_{}", ground.copies.fetch_add(1, Ordering::Relaxed));
            ground.postgres.create(&name, Some(TEMPLATE)).unwrap();
            let proxy = Proxy::to(([127, 0, 0, 1], ground.postgres.port()).into()).unwrap();
            let url = format!("postgres://postgres@{}/{name}", proxy.address());
            (Some(proxy), 1, url)
        };
        let list: Vec<String> = nodes
            .iter()
            .zip(["node-a", "node-b"])
            .map(|(proxy, name)| {
                format!(
                    "{{ url = 'http://{}', name = '{name}', kind = 'trongrid', requests_per_second = 0 }}",
                    proxy.address()
                )
            })
            .collect();
        // Where a block is not to be believed on one node's word, nobody reads on without a second.
        let agreement = if own_chain { "required" } else { "when_possible" };
        let text = format!(
            "[http]\nlisten = '127.0.0.1:0'\nworkers = 1\n[database]\nurl = '{url}'\n[instances]\nlease = '1s'\n\
             [chain]\nnodes = [{}]\nagreement = '{agreement}'\npoll_interval = '200ms'\nstart_behind = 0\n\
             [payments]\naddresses = ['{}']\n[pool]\naccounts = [{{ address = '{}' }}]\nobserve_interval = '1s'\n\
             [keys]\npassphrase_file = 'passphrase'\nallow_owner_keys = true\n[actors]\nsweep_interval = '1s'\n",
            list.join(", "),
            keys::test_address(9),
            keys::pool_address(0)
        );
        fs::write(folder.path().join("l.toml"), text).unwrap();
        fs::copy(ground.folder.path().join("passphrase"), folder.path().join("passphrase")).unwrap();
        let client = Client { http: http_client(WAIT, WAIT).unwrap(), key: ground.keys[key].clone() };
        Self { folder, chain, nodes, database, instances: Vec::new(), prometheus: None, client }
    }

    /// Starts the instances, and who watches them by rules so much faster.
    pub(crate) fn start(&mut self, ground: &Ground, site: Site, faster: u64) {
        let one = ground.starting.lock().unwrap_or_else(PoisonError::into_inner);
        let names: &[&str] = if site == Site::Two { &["one", "other"] } else { &["one"] };
        for name in names {
            let mut command = leyden(self.folder.path(), &["-c", "l.toml", "serve"]);
            command.env("LEYDEN__INSTANCES__NAME", name);
            let log = fs::File::create(self.folder.path().join(format!("{name}.log"))).unwrap();
            self.instances.push(Running::start_logging_to(command, Stdio::from(log)));
        }
        drop(one);
        let targets: Vec<String> =
            self.instances.iter().map(|instance| address_of(&instance.url).to_string()).collect();
        let files = [("alerts.yml", &*rules::rules(faster)), ("leyden.key", &*self.client.key)];
        self.prometheus = Some(Prometheus::start(&rules::configuration(&targets), &files).unwrap());
    }

    /// How an instance is.
    pub(crate) async fn status(&self, instance: usize) -> Value {
        self.client.get(&self.status_page(instance)).await
    }

    /// Where that is told.
    pub(crate) fn status_page(&self, instance: usize) -> String {
        format!("{}/status", self.instances[instance].url)
    }

    /// The alerts that fire: names and texts.
    pub(crate) async fn firing(&self) -> Vec<(String, String)> {
        let url = format!("{}/api/v1/alerts", self.prometheus.as_ref().unwrap().url());
        // It may be starting still.
        let Ok(answer) = self.client.http.get(url).send().await else { return Vec::new() };
        let answer: Value = answer.json().await.unwrap_or_default();
        let alerts = answer["data"]["alerts"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        alerts
            .iter()
            .filter(|alert| alert["state"] == "firing")
            .map(|alert| (text(&alert["labels"]["alertname"]), text(&alert["annotations"]["summary"])))
            .collect()
    }

    /// Whether Prometheus has read the metrics of every instance, and no rule is wrong.
    pub(crate) async fn is_watched(&self) -> bool {
        let base = self.prometheus.as_ref().unwrap().url();
        let url = format!("{base}/api/v1/query?query=sum(up)");
        let Ok(answer) = self.client.http.get(url).send().await else { return false };
        let answer: Value = answer.json().await.unwrap_or_default();
        answer["data"]["result"][0]["value"][1] == self.instances.len().to_string().as_str()
    }

    /// Rules that could not be evaluated.
    pub(crate) async fn broken_rules(&self) -> Vec<String> {
        let url = format!("{}/api/v1/rules", self.prometheus.as_ref().unwrap().url());
        let answer = self.client.get(&url).await;
        let groups = answer["data"]["groups"].as_array().unwrap().iter();
        let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
        let broken = rules.filter(|rule| rule["health"] == "err");
        broken.map(|rule| format!("{}: {}", rule["name"], rule["lastError"])).collect()
    }

    /// From now on the chain tells of amounts that its own blocks do not prove; and there is one to tell of.
    pub(crate) async fn lie(&self) {
        let chain = &self.chain.as_ref().unwrap().url;
        self.client.post(&format!("{chain}/dev/faults"), &json!({"lie_about_amounts": 1})).await;
        pay(&self.client, chain, 1, 5_000_000).await;
    }

    /// The wires to the nodes, cut from a number on.
    pub(crate) fn cut_nodes(&self, count: usize) {
        for node in self.nodes.iter().take(count) {
            node.set(Wire::Cut);
        }
    }
}
