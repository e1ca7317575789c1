//! `leyden demo` as a process: what it tells, whom it runs, how it ends.

use crate::{ask, now, summary, until};
use leyden_test_servers::{Postgres, PostgresOptions, RedisServer};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs, io,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// Longest that customers may take to be done. The rental is short; an outage before it may not be.
const PATIENCE: Duration = Duration::from_mins(5);

/// A running instance of the service, as the demonstration told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instance {
    pub(crate) pid: u32,
    pub(crate) base: String,
}

/// Servers that outlive the runs on them.
pub(crate) struct Site {
    pub(crate) postgres: Postgres,
    pub(crate) redis: RedisServer,
    runs: u32,
}

/// What one run stands on: a folder, a database, a configuration.
pub(crate) struct Ground {
    pub(crate) folder: TempDir,
    pub(crate) database: String,
    pub(crate) config: PathBuf,
}

impl Site {
    pub(crate) fn new() -> Self {
        let postgres = Postgres::start(&PostgresOptions::default()).unwrap();
        Self { postgres, redis: RedisServer::start().unwrap(), runs: 0 }
    }

    /// An empty database and a folder, and what a configuration says beside that.
    pub(crate) fn ground(&mut self, more: &str) -> Ground {
        self.runs += 1;
        let database = format!("run_{}", self.runs);
        let url = self.postgres.create(&database, None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("leyden.toml");
        let redis = self.redis.url();
        let text = format!(
            "[database]\nurl = '{url}'\n[cache]\nredis_url = '{redis}'\n[log]\nlevel = 'warn,leyden_actors=info,leyden=info,leyden::http=warn'\n[limits]\nenergy_per_hour = 0\nburnt_trx_per_day = '0'\n{more}\n"
        );
        fs::write(&config, text).unwrap();
        Ground { folder, database, config }
    }
}

impl Ground {
    /// A demonstration on it, with more arguments.
    pub(crate) fn demo(&self, arguments: &[String]) -> Demo {
        let data = self.folder.path().join("data");
        let own = ["--config".to_owned(), self.config.display().to_string()];
        Demo::start(&data, &[own.to_vec(), arguments.to_vec()].concat())
    }

    /// The key that customers have.
    pub(crate) fn key(&self) -> String {
        fs::read_to_string(self.folder.path().join("data/api-key")).unwrap().trim().to_owned()
    }

    /// What the instances logged last, for a failure's message.
    pub(crate) fn logs(&self) -> String {
        let of_one = |n| {
            let log = fs::read_to_string(self.folder.path().join(format!("data/instance-{n}.log")));
            let log = log.unwrap_or_default();
            let lines: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
            format!("\ninstance {n}:\n{}", lines[lines.len().saturating_sub(15)..].join("\n"))
        };
        format!("{}{}", of_one(1), of_one(2))
    }
}

impl Drop for Ground {
    /// What failed can be looked at.
    fn drop(&mut self) {
        if thread::panicking() {
            self.folder.disable_cleanup(true);
            summary(&format!("it failed; what was there is kept in {}", self.folder.path().display()));
        }
    }
}

/// A running demonstration. It serves on when its customers are done, until it is told to end.
pub(crate) struct Demo {
    child: Child,
    /// Ends it when it closes, which it does however this test ends. Not the process's own: waiting would close it.
    _pipe: ChildStdin,
    story: Arc<Mutex<Vec<String>>>,
    result: Arc<Mutex<Vec<String>>>,
}

impl Demo {
    /// Starts one that keeps its things in a folder.
    pub(crate) fn start(data: &Path, arguments: &[String]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_leyden"))
            .env_clear()
            .args([
                "demo",
                "--while-stdin-is-open",
                "--json",
                "--block-time",
                "100ms",
                "--listen",
                "127.0.0.1:0",
            ])
            .arg("--data")
            .arg(data)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let result = collect(child.stdout.take().unwrap());
        let story = collect(child.stderr.take().unwrap());
        let pipe = child.stdin.take().unwrap();
        Self { child, _pipe: pipe, story, result }
    }

    fn story(&self) -> Vec<String> {
        self.story.lock().unwrap().clone()
    }

    /// The instances that were told of last, by their numbers. One may have died since.
    pub(crate) fn instances(&self) -> BTreeMap<u16, Instance> {
        let story = self.story();
        let told = story.iter().filter_map(|line| {
            let mut words = line.strip_prefix("instance ")?.split_whitespace();
            let number = words.next()?.parse().ok()?;
            (words.next()? == "pid").then_some(())?;
            let pid = words.next()?.parse().ok()?;
            Some((number, Instance { pid, base: words.next()?.to_owned() }))
        });
        told.collect()
    }

    /// Waits until so many instances are there, and their order of being told; `None`: it is over.
    pub(crate) fn all(&mut self, count: usize) -> Option<BTreeMap<u16, Instance>> {
        until("the instances are there", || {
            let there = self.instances();
            if there.len() == count { Some(Some(there)) } else { self.is_over().then_some(None) }
        })
    }

    /// How often an instance was started.
    pub(crate) fn starts(&self) -> usize {
        self.story().iter().filter(|line| line.starts_with("instance ") && line.contains(" pid ")).count()
    }

    fn totals(&self) -> Option<Value> {
        self.result.lock().unwrap().iter().find_map(|line| serde_json::from_str(line).ok())
    }

    /// The processes of all its instances, started a moment ago or long since.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).into_iter().flatten().flatten();
        let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        children
            .flat_map(|line| line.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
            .collect()
    }

    /// Whether its customers are done, or it has ended.
    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
            || self.story().iter().any(|line| line.contains(" to serve: "))
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the judgement and ends it; the totals. Whatever is not as it must be fails the test.
    pub(crate) fn finish(mut self, what: &str, ground: Option<&Ground>) -> Totals {
        let begun = now();
        let mut totals = None;
        while totals.is_none() && self.child.try_wait().unwrap().is_none() && begun.elapsed() < PATIENCE {
            totals = self.totals();
            thread::sleep(Duration::from_millis(20));
        }
        signal("TERM", self.child.id());
        let status = self.child.wait().unwrap();
        let told = || {
            let last: Vec<_> = self.story().into_iter().rev().take(12).collect();
            format!("{last:#?}{}", ground.map(Ground::logs).unwrap_or_default())
        };
        let totals = totals.or_else(|| self.totals());
        let totals = totals.unwrap_or_else(|| panic!("{what}: no totals ({status}): {}", told()));
        let count = |name: &str| totals[name].as_u64().unwrap();
        let clean = totals["findings"].as_array().is_some_and(Vec::is_empty);
        assert!(status.success() && clean, "{what}: {status}: {totals}: {}", told());
        assert_eq!((count("lost"), count("doubled")), (0, 0), "{what}: {totals}");
        assert_eq!(
            (count("delivered"), count("reclaimed")),
            (count("orders"), count("orders")),
            "{what}: {totals}"
        );
        assert_eq!((count("suspense"), count("refunded")), (3, 3), "{what}: {totals}");
        Totals { runs: 1, orders: count("orders"), suspense: count("suspense") }
    }
}

impl Drop for Demo {
    /// Its instances end with it.
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

/// Reads lines as they come.
fn collect(from: impl io::Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            kept.lock().unwrap().push(line);
        }
    });
    lines
}

/// What runs that were all right have shown together.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Totals {
    runs: u32,
    orders: u64,
    suspense: u64,
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.orders += other.orders;
        self.suspense += other.suspense;
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { runs, orders, suspense } = self;
        write!(
            f,
            "{runs} runs, {orders} orders: all delivered, all reclaimed, 0 doubled, 0 lost, {suspense} wrong payments refunded, each once"
        )
    }
}

/// Sends a signal to a process; whether it was there.
pub(crate) fn signal(name: &str, pid: u32) -> bool {
    Command::new("kill")
        .arg(format!("-{name}"))
        .arg(pid.to_string())
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

/// Whether a process is there and has not ended: one that nobody has waited for yet has.
pub(crate) fn is_there(pid: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// What an instance says it does: `leading` or `standby`; `None` where it does not answer.
pub(crate) fn role(base: &str, key: &str) -> Option<String> {
    let answer = ask::get(base, key, "/status").ok()?;
    answer.body["role"].as_str().map(str::to_owned)
}

/// Arguments from texts.
pub(crate) fn arguments(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
