//! What all servers need: a free port, an end that comes with the test's own, and errors that say what to do.

use std::{
    io,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Output, Stdio},
};

/// Why a server is not there.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Its programs are not installed.
    #[error("{0} is not installed; `make deps` installs what tests need")]
    Missing(&'static str),
    /// A program could not be run.
    #[error("cannot run {program}: {error}")]
    Run {
        /// Which program.
        program: String,
        /// Why.
        error: io::Error,
    },
    /// A program ran and failed.
    #[error("{program} failed ({status}): {output}")]
    Failed {
        /// Which program.
        program: String,
        /// Its exit status.
        status: String,
        /// What it wrote.
        output: String,
    },
    /// A folder or port could not be had.
    #[error("cannot prepare a server: {0}")]
    Prepare(#[from] io::Error),
}

/// A loopback port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, ServerError> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// The name by which an error calls a program.
fn name_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// Runs a program to its end; what it wrote.
pub(crate) fn run(command: &mut Command) -> Result<String, ServerError> {
    let output: Output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| ServerError::Run { program: name_of(command), error })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(ServerError::Failed {
        program: name_of(command),
        status: output.status.to_string(),
        output: [output.stdout, output.stderr]
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .concat(),
    })
}

/// Sends a signal to processes by their ids. One that has gone in the meantime is no error.
pub(crate) fn signal(name: &str, pids: &[u32]) -> Result<(), ServerError> {
    for pid in pids {
        let sent = run(Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()));
        if let Err(error @ ServerError::Run { .. }) = sent {
            return Err(error);
        }
    }
    Ok(())
}

/// A process, and the processes that it started.
pub(crate) fn with_children(pid: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    std::iter::once(pid).chain(children.split_whitespace().filter_map(|pid| pid.parse().ok())).collect()
}

/// A small shell that does something once this process is gone, be it by `kill -9`: it reads from a pipe whose other
/// end only we hold. It has a process group of its own, so that Ctrl-C does not end it before its time.
#[derive(Debug)]
pub(crate) struct Watchdog {
    /// Holds the pipe open.
    shell: Child,
}

impl Watchdog {
    /// Starts it. `script` runs with `arguments` as `$1`, `$2`…
    pub(crate) fn start(mut command: Command, script: &str, arguments: &[&str]) -> Result<Self, ServerError> {
        let shell = command
            .arg("-c")
            .arg(format!("trap '' HUP INT TERM; while read -r _; do :; done; {script}"))
            .arg("sh")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| ServerError::Run { program: "sh".to_owned(), error })?;
        Ok(Self { shell })
    }
}

impl Drop for Watchdog {
    /// Runs the script now, and waits for its end.
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // It says nothing; whether it succeeded is seen by nobody any more.
        drop(self.shell.wait());
    }
}
