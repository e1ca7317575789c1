//! A Redis that one test has for itself: no persistence, a free port of the loopback, gone with the test.

use crate::process::{ServerError, Watchdog, free_port, signal};
use std::{
    io::{self, BufRead, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// The program.
const PROGRAM: &str = "redis-server";
/// How often a port is tried that was free a moment ago.
const PORTS: usize = 10;
/// How often a starting server is looked at, and the time between.
const LOOKS: usize = 2_000;
const BETWEEN: Duration = Duration::from_millis(5);

/// A running Redis.
#[derive(Debug)]
pub struct RedisServer {
    address: SocketAddr,
    folder: TempDir,
    running: Option<Running>,
}

/// Its process, which is killed when this is dropped or when we are.
#[derive(Debug)]
struct Running {
    child: Child,
    watchdog: Option<Watchdog>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Killed before it is waited for: until then nobody else can have its process id.
        drop(self.watchdog.take());
        drop(self.child.wait());
    }
}

/// What Redis answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nothing there.
    Nil,
    /// A number.
    Number(i64),
    /// A text or bytes.
    Bytes(Vec<u8>),
    /// Several.
    Array(Vec<Self>),
    /// A refusal.
    Error(String),
}

impl RedisServer {
    /// Starts one.
    pub fn start() -> Result<Self, ServerError> {
        let mut last = ServerError::Missing(PROGRAM);
        for _ in 0..PORTS {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
            let mut server = Self { address, folder: tempfile::tempdir()?, running: None };
            match server.start_again() {
                Ok(()) => return Ok(server),
                Err(error @ ServerError::Missing(_)) => return Err(error),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    /// Kills it. Everything it held is lost.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// Starts it again on the same port, empty.
    pub fn start_again(&mut self) -> Result<(), ServerError> {
        self.running = None;
        let log = self.folder.path().join("log");
        let child = Command::new(PROGRAM)
            .args(["--bind", "127.0.0.1", "--port", &self.address.port().to_string()])
            .args(["--save", "", "--appendonly", "no", "--logfile"])
            .arg(&log)
            .arg("--dir")
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => ServerError::Missing(PROGRAM),
                _ => ServerError::Run { program: PROGRAM.to_owned(), error },
            })?;
        let pid = child.id();
        let mut running = Running { child, watchdog: None };
        // Nobody else's process, should this one have ended already and its id be taken again.
        let script = r#"[ "$(cat "/proc/$1/comm")" = "$2" ] && kill -9 "$1""#;
        let watchdog = Watchdog::start(Command::new("sh"), script, &[&pid.to_string(), PROGRAM]);
        if watchdog.is_err() {
            running.child.kill()?;
        }
        running.watchdog = Some(watchdog?);
        let failed = |status: String| ServerError::Failed {
            program: PROGRAM.to_owned(),
            status,
            output: std::fs::read_to_string(&log).unwrap_or_default(),
        };
        for _ in 0..LOOKS {
            if let Some(status) = running.child.try_wait()? {
                // It is gone already; its process id may be somebody else's soon.
                return Err(failed(status.to_string()));
            }
            if let Ok(Reply::Bytes(info)) = self.command(&["INFO", "server"]) {
                let ours = format!("process_id:{pid}");
                if !String::from_utf8_lossy(&info).lines().any(|line| line == ours) {
                    return Err(failed("the port was taken by somebody else".to_owned()));
                }
                self.running = Some(running);
                return Ok(());
            }
            thread::sleep(BETWEEN);
        }
        Err(failed("does not answer".to_owned()))
    }

    /// Freezes it (SIGSTOP): it keeps its connections and answers nothing.
    pub fn pause(&self) -> Result<(), ServerError> {
        self.send("STOP")
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) -> Result<(), ServerError> {
        self.send("CONT")
    }

    fn send(&self, name: &str) -> Result<(), ServerError> {
        let pids: Vec<u32> = self.running.iter().map(|running| running.child.id()).collect();
        signal(name, &pids)
    }

    /// Asks it something, over a connection of its own.
    pub fn command<A: AsRef<[u8]>>(&self, arguments: &[A]) -> io::Result<Reply> {
        let mut stream = TcpStream::connect(self.address)?;
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience)?;
        stream.set_write_timeout(patience)?;
        let mut request = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in arguments {
            let bytes = argument.as_ref();
            request.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
            request.extend_from_slice(bytes);
            request.extend_from_slice(b"\r\n");
        }
        stream.write_all(&request)?;
        read(&mut BufReader::new(stream))
    }
}

/// Reads one answer (RESP2).
fn read(from: &mut impl BufRead) -> io::Result<Reply> {
    let odd = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("not an answer: {what}"));
    let mut line = String::new();
    from.read_line(&mut line)?;
    let line = line.trim_end();
    let (kind, rest) = line.split_at_checked(1).ok_or_else(|| odd(line))?;
    let number = || rest.parse::<i64>().or(Err(odd(line)));
    match kind {
        "+" => Ok(Reply::Bytes(rest.as_bytes().to_vec())),
        "-" => Ok(Reply::Error(rest.to_owned())),
        ":" => number().map(Reply::Number),
        "$" => match usize::try_from(number()?) {
            Err(_) => Ok(Reply::Nil),
            Ok(length) => {
                let mut bytes = vec![0; length.saturating_add(2)];
                from.read_exact(&mut bytes)?;
                bytes.truncate(length);
                Ok(Reply::Bytes(bytes))
            }
        },
        "*" => match usize::try_from(number()?) {
            Err(_) => Ok(Reply::Nil),
            Ok(count) => (0..count).map(|_| read(from)).collect::<io::Result<_>>().map(Reply::Array),
        },
        _ => Err(odd(line)),
    }
}
