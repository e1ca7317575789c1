//! The built binary: what it prints, how it exits, and the whole service as separate processes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod commands;
mod doctor;
mod processes;
mod verify;

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
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
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("it said {line:?}"));
        Self { child, url: url.to_owned(), lines }
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
