//! The built binary as processes: commands, the service, a chain, and a client that speaks HTTP with them.

use leyden_domain::Address;
use leyden_sim::keys;
use leyden_tron::crypto::SecretKey;
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// What a command did.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The binary, in a folder, with nothing of our own environment that it would read.
pub(crate) fn leyden(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leyden"));
    command.current_dir(folder).args(arguments).env_clear();
    command
}

/// Runs a command to its end.
pub(crate) fn run(folder: &Path, arguments: &[&str], input: &str) -> Done {
    finish(leyden(folder, arguments), input)
}

/// Runs a prepared command to its end.
pub(crate) fn finish(mut command: Command, input: &str) -> Done {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Done {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A running process that ends with the test.
pub(crate) struct Running {
    child: Child,
    /// What it said it listens on: `http://…`.
    pub(crate) url: String,
    /// The lines it printed before that, and those that came with it.
    pub(crate) lines: BufReader<std::process::ChildStdout>,
}

impl Running {
    /// Starts a command and waits until it says where it listens.
    pub(crate) fn start(command: Command) -> Self {
        Self::start_logging_to(command, Stdio::null())
    }

    /// The same with a place for its log.
    pub(crate) fn start_logging_to(mut command: Command, log: Stdio) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("it said {line:?}"));
        Self { child, url: url.to_owned(), lines }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end and returns its exit code.
    pub(crate) fn terminate(mut self) -> i32 {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already where the test did so itself.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(|_| ()).unwrap_or_default();
    }
}

/// How long a test waits for something before it has failed.
pub(crate) const WAIT: Duration = Duration::from_mins(1);

/// Writes a configuration for a chain and imports its pool account's key; returns an API key.
pub(crate) fn install(folder: &Path, chain: &str) -> String {
    install_on(folder, chain, "sqlite:books.sqlite")
}

/// The same with the books in this database.
pub(crate) fn install_on(folder: &Path, chain: &str, database: &str) -> String {
    let text = format!(
        "[http]\nlisten = '127.0.0.1:0'\n[database]\nurl = '{database}'\n\
         [chain]\nnodes = [{{ url = '{chain}', solidity_url = '{chain}' }}]\npoll_interval = '50ms'\nstart_behind = 0\n\
         [payments]\naddresses = ['{}']\n[pool]\naccounts = [{{ address = '{}' }}]\nobserve_interval = '200ms'\n\
         [keys]\npassphrase_file = 'passphrase'\nallow_owner_keys = true\n[actors]\nsweep_interval = '200ms'\n",
        keys::test_address(9),
        keys::pool_address(0)
    );
    fs::write(folder.join("l.toml"), text).unwrap();
    fs::write(folder.join("passphrase"), "correct horse battery\n").unwrap();
    let imported = run(folder, &["-c", "l.toml", "keys", "import"], &keys::pool_key_hex(0));
    assert_eq!(imported.code, 0, "{}", imported.err);
    let made =
        run(folder, &["-c", "l.toml", "keys", "api", "--name", "t", "--scope", "orders:write,ops:read"], "");
    made.out.trim().to_owned()
}

/// A gateway among the nodes of a configuration: one port for all, and no limit.
pub(crate) fn gateway(url: &str, name: &str) -> String {
    format!("{{ url = '{url}', name = '{name}', kind = 'trongrid', requests_per_second = 0 }}")
}

/// Names other nodes in a configuration.
pub(crate) fn name_nodes(folder: &Path, nodes: &[String]) {
    let file = folder.join("l.toml");
    let text = fs::read_to_string(&file).unwrap();
    let lines = text.lines().map(|line| {
        if line.starts_with("nodes = ") { format!("nodes = [{}]", nodes.join(", ")) } else { line.to_owned() }
    });
    fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
}

/// Somebody with an API key.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) key: String,
}

impl Client {
    pub(crate) async fn post(&self, url: &str, body: &Value) -> Value {
        let request = self.http.post(url).header("X-API-Key", &self.key).json(body);
        request.send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn get(&self, url: &str) -> Value {
        self.http.get(url).header("X-API-Key", &self.key).send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn until(&self, url: &str, there: impl Fn(&Value) -> bool) -> Value {
        let wait = async {
            loop {
                let body = self.get(url).await;
                if there(&body) {
                    return body;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(WAIT, wait).await.unwrap_or_else(|_| panic!("{url}: never"))
    }
}

/// Waits until a service that reads a chain with several nodes has read a block of each of the 27 witnesses. Before that,
/// no node's word alone is enough for a block by one who is new.
pub(crate) async fn until_witnesses_are_known(client: &Client, status: &str) {
    let height = |page: &Value, of: &str| page["chain"][of]["height"].as_i64();
    // The first block that is read is solid already.
    let begun = client.until(status, |page| height(page, "solid").is_some()).await;
    let last = height(&begun, "solid").unwrap() + 27;
    client.until(status, |page| height(page, "processed").is_some_and(|processed| processed >= last)).await;
}

/// Has the simulated node make a transaction, signs it past the service and sends it; its id.
pub(crate) async fn send(client: &Client, chain: &str, act: &str, key: &SecretKey, what: &Value) -> String {
    let mut transaction = client.post(&format!("{chain}/wallet/{act}"), what).await;
    let raw = transaction["raw_data_hex"].as_str().unwrap_or_else(|| panic!("{transaction}"));
    let signature = key.sign(&leyden_tron::crypto::sha256(&hex::decode(raw).unwrap()));
    transaction["signature"] = json!([hex::encode(signature)]);
    let answer = client.post(&format!("{chain}/wallet/broadcasttransaction"), &transaction).await;
    assert_eq!(answer["result"], true, "{answer}");
    transaction["txID"].as_str().unwrap().to_owned()
}

/// A test account sends somebody TRX; the transaction's id.
pub(crate) async fn transfer(client: &Client, chain: &str, from: u32, to: Address, sun: i64) -> String {
    let what = json!({
        "owner_address": keys::test_address(from).to_string(), "to_address": to.to_string(),
        "amount": sun, "visible": true
    });
    send(client, chain, "createtransaction", &keys::test_key(from), &what).await
}

/// A test account pays.
pub(crate) async fn pay(client: &Client, chain: &str, from: u32, sun: i64) {
    transfer(client, chain, from, keys::test_address(9), sun).await;
}

/// The pool account's owner lends energy, or takes some back, past the service.
pub(crate) async fn lend(client: &Client, chain: &str, act: &str, receiver: Address, balance: i64) {
    let what = json!({
        "owner_address": keys::pool_address(0).to_string(), "receiver_address": receiver.to_string(),
        "balance": balance, "resource": "ENERGY", "visible": true
    });
    send(client, chain, act, &keys::pool_key(0), &what).await;
}
