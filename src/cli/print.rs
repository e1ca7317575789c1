//! The one place that writes to standard output and standard error on purpose.

use crate::{StartError, settings::Problems};
use serde::Serialize;
use std::{
    fmt::{self, Display},
    io::{self, Write},
};

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the process returns.
    pub(crate) code: u8,
    /// For people.
    pub(crate) text: String,
}

impl Failure {
    /// An ordinary failure.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { code: 1, text: text.into() }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self { code: super::BAD_CONFIGURATION, text: format!("the configuration is wrong:\n{problems}") }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let code = if matches!(error, StartError::Settings(_)) { super::BAD_CONFIGURATION } else { 1 };
        Self { code, text: error.to_string() }
    }
}

impl From<leyden_ports::StoreError> for Failure {
    fn from(error: leyden_ports::StoreError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // A reader that went away (`| head`) has seen enough: nothing went wrong.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { code: 0, text: String::new() };
        }
        Self::new(error.to_string())
    }
}

/// Writes a line to standard output. A reader that went away (`| head`) is the end of the command, not a crash.
pub(crate) fn line(text: impl Display) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{text}").map_err(Failure::from)
}

/// Writes a line to standard error: the story beside a result that standard output is kept for.
pub(crate) fn aside(text: impl Display) -> Result<(), Failure> {
    writeln!(io::stderr().lock(), "{text}").map_err(Failure::from)
}

/// Writes a text to standard output as it stands.
pub(super) fn raw(text: &str) -> Result<(), Failure> {
    io::stdout().lock().write_all(text.as_bytes()).map_err(Failure::from)
}

/// Writes a value to standard output as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(serde_json::to_string(value).map_err(|error| Failure::new(error.to_string()))?)
}

/// Writes what went wrong to standard error.
pub(super) fn complain(failure: &Failure) {
    if failure.text.is_empty() {
        return;
    }
    // Where even that fails nobody is listening.
    let _nobody_listens = writeln!(io::stderr().lock(), "leyden: {failure}");
}
