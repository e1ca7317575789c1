//! A Prometheus that one test has for itself: a free port of the loopback, figures in a folder that goes with the test.

use crate::process::{ServerError, Watchdog, free_port, run};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// The program, and the one that tries rules out.
const PROGRAM: &str = "prometheus";
const RULES_PROGRAM: &str = "promtool";
/// How often a starting server is looked at, and the time between.
const LOOKS: usize = 3_000;
const BETWEEN: Duration = Duration::from_millis(10);

/// A running Prometheus.
#[derive(Debug)]
pub struct Prometheus {
    address: SocketAddr,
    child: Child,
    watchdog: Option<Watchdog>,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one with this configuration. `files` lie beside it, by the names that it knows them by.
    ///
    /// # Errors
    ///
    /// Prometheus is not installed, or does not start; the message has what it wrote.
    pub fn start(configuration: &str, files: &[(&str, &str)]) -> Result<Self, ServerError> {
        let folder = TempDir::with_prefix("leyden-prometheus-")?;
        let path = folder.path().join("prometheus.yml");
        fs::write(&path, configuration)?;
        for (name, text) in files {
            fs::write(folder.path().join(name), text)?;
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let log = folder.path().join("log");
        let mut command = Command::new(PROGRAM);
        command
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?);
        let child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => ServerError::Missing("Prometheus"),
            _ => ServerError::Run { program: PROGRAM.to_owned(), error },
        })?;
        let pid = child.id().to_string();
        let watchdog = Watchdog::start(Command::new("/bin/sh"), r#"kill -9 "$1""#, &[&pid])?;
        let mut server = Self { address, child, watchdog: Some(watchdog), _folder: folder };
        for _ in 0..LOOKS {
            if TcpStream::connect(address).is_ok() {
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                let output = fs::read_to_string(&log).unwrap_or_default();
                return Err(ServerError::Failed {
                    program: PROGRAM.to_owned(),
                    status: status.to_string(),
                    output,
                });
            }
            thread::sleep(BETWEEN);
        }
        let output = fs::read_to_string(&log).unwrap_or_default();
        Err(ServerError::Failed { program: PROGRAM.to_owned(), status: "silent".to_owned(), output })
    }

    /// Where it answers: `http://…`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Runs the tests of rules that are written in a file; what was said of them.
    ///
    /// # Errors
    ///
    /// Prometheus is not installed, or a test failed; the message says which.
    pub fn test_rules(tests: &Path) -> Result<String, ServerError> {
        match run(Command::new(RULES_PROGRAM).args(["test", "rules"]).arg(tests)) {
            Err(ServerError::Run { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(ServerError::Missing("Prometheus"))
            }
            done => done,
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Killed before it is waited for: until then nobody else can have its process id.
        drop(self.watchdog.take());
        drop(self.child.wait());
    }
}
